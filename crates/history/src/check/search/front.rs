use rustc_hash::FxHashMap;

use super::pending::Usage;

/// Configurations of which none covers another.
#[derive(Default)]
pub(super) struct Front {
    pub(super) words: usize,
    pub(super) states: Vec<u32>,
    pub(super) used: Vec<u32>,
    pub(super) alive: Vec<bool>,
    /// For each configuration the slots whose operations took effect, then the slots of those excused.
    pub(super) bits: Vec<u64>,
    pub(super) by_state: FxHashMap<u32, Vec<u32>>,
    pub(super) living: usize,
}

impl Front {
    pub(super) fn new(words: usize) -> Self {
        Front { words, ..Front::default() }
    }

    /// How many there are, dropped ones included; 0 if there is none.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    pub(super) fn clear(&mut self) {
        self.states.clear();
        self.used.clear();
        self.alive.clear();
        self.bits.clear();
        self.by_state.clear();
        self.living = 0;
    }

    pub(super) fn done(&self, number: usize) -> &[u64] {
        let start = 2 * self.words * number;
        &self.bits[start..start + self.words]
    }

    pub(super) fn excused(&self, number: usize) -> &[u64] {
        let start = 2 * self.words * number + self.words;
        &self.bits[start..start + self.words]
    }

    /// Whether some configuration covers this one.
    pub(super) fn covers(
        &self,
        state: u32,
        used: u32,
        done: &[u64],
        excused: &[u64],
        passive: &[u64],
        usage: &Usage,
    ) -> bool {
        self.by_state.get(&state).into_iter().flatten().any(|&number| {
            let number = number as usize;
            covers(self.done(number), self.excused(number), done, excused, passive)
                && usage.within(self.used[number], used)
        })
    }

    /// Puts a configuration in, unless it is covered, and drops those that it covers.
    pub(super) fn insert(
        &mut self,
        state: u32,
        used: u32,
        done: &[u64],
        excused: &[u64],
        passive: &[u64],
        usage: &Usage,
    ) -> Option<u32> {
        if self.covers(state, used, done, excused, passive, usage) {
            return None;
        }
        let number = self.states.len() as u32;
        let mut bucket = self.by_state.remove(&state).unwrap_or_default();
        bucket.retain(|&other| {
            let other = other as usize;
            let covered = covers(done, excused, self.done(other), self.excused(other), passive)
                && usage.within(used, self.used[other]);
            if covered {
                self.alive[other] = false;
                self.living -= 1;
            }
            !covered
        });
        bucket.push(number);
        self.by_state.insert(state, bucket);
        self.states.push(state);
        self.used.push(used);
        self.alive.push(true);
        self.bits.extend_from_slice(done);
        self.bits.extend_from_slice(excused);
        self.living += 1;
        Some(number)
    }

    /// Keeps at most so many configurations, those that used the fewest pending operations. Whether any was
    /// dropped.
    pub(super) fn narrow(&mut self, most: usize, usage: &Usage) -> bool {
        if self.living <= most {
            return false;
        }
        let mut living: Vec<u32> =
            (0..self.states.len() as u32).filter(|&number| self.alive[number as usize]).collect();
        living.sort_by_key(|&number| (usage.total(self.used[number as usize]), number));
        for &number in &living[most..] {
            self.alive[number as usize] = false;
        }
        self.living = most;
        true
    }

    pub(super) fn bytes(&self) -> usize {
        self.states.len() * (24 + 16 * self.words)
    }
}

/// Whether each open operation is as well off in the one as in the other: if passive, it is done or was not
/// done in the other either; else it is the same, or in the one it is excused and can still take effect.
pub(super) fn covers(
    done: &[u64],
    excused: &[u64],
    other_done: &[u64],
    other_excused: &[u64],
    passive: &[u64],
) -> bool {
    (0..done.len()).all(|word| {
        let differs = (done[word] ^ other_done[word]) | (excused[word] ^ other_excused[word]);
        let worse_passive = other_done[word] & !done[word] & passive[word];
        let worse_active = differs & !excused[word] & !passive[word];
        worse_passive == 0 && worse_active == 0
    })
}

pub(super) fn get(bits: &[u64], slot: u32) -> bool {
    bits[slot as usize / 64] >> (slot % 64) & 1 == 1
}

pub(super) fn set(bits: &mut [u64], slot: u32, value: bool) {
    let mask = 1 << (slot % 64);
    if value {
        bits[slot as usize / 64] |= mask;
    } else {
        bits[slot as usize / 64] &= !mask;
    }
}
