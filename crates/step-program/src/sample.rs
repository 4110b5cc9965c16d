use std::collections::BTreeMap;

use threeworlds_model::Step;

use crate::json::JsonText;

/// Chooses the questions that are asked a second time, and when: the first 64, then about one in 64, each
/// within the next 256 questions. Besides, once in 64 questions an old one is asked again, which finds a
/// program that changes slowly. No chance is involved: the same questions give the same sample.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    /// How many questions were asked, those of the sample not counted.
    asked: u64,
    /// How many of the sample were answered once.
    answered: u64,
    /// How many old ones were asked again.
    revisits: u64,
    /// By the number of questions at which each is due.
    waiting: BTreeMap<(u64, u64), Sample>,
    waiting_bytes: usize,
    /// Those that were answered twice in the same way.
    kept: Vec<Sample>,
    /// Those that a cache answered.
    cached: Vec<Sample>,
}

/// A question with its first answer.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The line without its id.
    pub(crate) body: String,
    /// The first answer.
    pub(crate) answer: Step<JsonText, JsonText>,
    /// Who gave it.
    pub(crate) origin: Origin,
}

/// Who gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The copy of the program with this number.
    Copy(usize),
    /// An earlier call, from which it was kept.
    Cache,
}

/// All of the first questions are in the sample.
const FIRST: u64 = 64;
/// Later one in so many is.
const ONE_IN: u64 = 64;
/// The second time comes within so many questions.
const DELAY_MAX: u64 = 256;
/// How many are kept to be asked yet again. Of these the first [`FIRST`] stay for ever.
const KEPT_MAX: usize = 256;
/// How much may wait. What comes on top is not asked a second time, unless nothing else waits.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// How large a question with its answer may be to be kept.
const KEPT_BYTES_MAX: usize = 256 << 10;

impl Sampler {
    /// How many questions were asked.
    pub(crate) fn asked(&self) -> u64 {
        self.asked
    }

    /// Counts a question; whether it is in the sample.
    pub(crate) fn choose(&mut self) -> bool {
        let number = self.asked;
        self.asked += 1;
        number < FIRST || mix(number).is_multiple_of(ONE_IN)
    }

    /// Takes the first answer to a question of the sample.
    pub(crate) fn answered(&mut self, sample: Sample) {
        let bytes = sample.bytes();
        if !self.waiting.is_empty() && self.waiting_bytes + bytes > WAITING_BYTES_MAX {
            return;
        }
        let due = self.asked + 1 + mix(self.answered) % DELAY_MAX;
        self.waiting.insert((due, self.answered), sample);
        self.waiting_bytes += bytes;
        self.answered += 1;
    }

    /// Takes back a sample whose second answer was the same as its first.
    pub(crate) fn confirmed(&mut self, sample: Sample) {
        if sample.bytes() > KEPT_BYTES_MAX || self.kept.iter().any(|kept| kept.body == sample.body) {
        } else if self.kept.len() < KEPT_MAX {
            self.kept.push(sample);
        } else {
            let first = FIRST as usize;
            let place = first + mix(self.answered) as usize % (KEPT_MAX - first);
            self.kept[place] = sample;
        }
    }

    /// Takes an answer that a cache gave to a question of the sample: the program is asked at the end.
    pub(crate) fn cached(&mut self, sample: Sample) {
        if sample.bytes() > KEPT_BYTES_MAX {
            return;
        }
        if self.cached.len() < KEPT_MAX {
            self.cached.push(sample);
        } else {
            let first = FIRST as usize;
            self.cached[first + mix(self.asked) as usize % (KEPT_MAX - first)] = sample;
        }
    }

    /// What is to be asked again before the next question. Where there are several copies, `asker` is the one
    /// that is to be asked, and nothing is put to it that it answered first.
    pub(crate) fn due(&mut self, asker: Option<usize>) -> Option<Sample> {
        let mut due = self.waiting.range(..=(self.asked, u64::MAX));
        let first = due.find(|(_, sample)| !sample.is_from(asker)).map(|(&key, _)| key);
        if let Some(key) = first {
            return Some(self.remove(key));
        }
        if self.kept.is_empty() || self.revisits >= self.asked / ONE_IN {
            return None;
        }
        self.revisits += 1;
        Some(self.kept[mix(self.revisits) as usize % self.kept.len()].clone())
    }

    /// What still waits, the last first: another order than that of the first time.
    pub(crate) fn take_last(&mut self, asker: Option<usize>) -> Option<Sample> {
        let last = self.waiting.iter().rev().find(|(_, sample)| !sample.is_from(asker));
        last.map(|(&key, _)| key).map(|key| self.remove(key))
    }

    /// Lets all that were kept, and what a cache answered, wait to be asked once more; how many these are.
    pub(crate) fn again(&mut self) -> usize {
        let mut again = std::mem::take(&mut self.kept);
        again.append(&mut self.cached);
        for sample in again {
            self.answered(sample);
        }
        self.waiting.len()
    }

    fn remove(&mut self, key: (u64, u64)) -> Sample {
        let sample = self.waiting.remove(&key).expect("it waits");
        self.waiting_bytes -= sample.bytes();
        sample
    }
}

impl Sample {
    fn is_from(&self, asker: Option<usize>) -> bool {
        asker.is_some_and(|number| self.origin == Origin::Copy(number))
    }

    fn bytes(&self) -> usize {
        let messages: usize = self.answer.send.iter().map(|(_, message)| message.as_str().len()).sum();
        self.body.len() + self.answer.state.as_str().len() + messages
    }
}

/// A number that looks random (the finaliser of SplitMix64), so that the sample has no period which the
/// questions could share.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(number: u64) -> Sample {
        let answer = Step::quiet(JsonText::new(&number.into()));
        Sample { body: format!("question {number}"), answer, origin: Origin::Copy(0) }
    }

    /// The questions of the sample, and how many questions later each comes again.
    fn run(questions: u64) -> (Vec<u64>, Vec<u64>) {
        let mut sampler = Sampler::default();
        let (mut chosen, mut delays) = (Vec::new(), Vec::new());
        for number in 0..questions {
            while let Some(due) = sampler.due(None) {
                let first = due.answer.state.as_str().parse::<u64>().expect("the state is the number");
                if !sampler.kept.iter().any(|kept| kept.body == due.body) {
                    delays.push(number - first);
                    sampler.confirmed(due);
                }
            }
            if sampler.choose() {
                chosen.push(number);
                sampler.answered(sample(number));
            }
        }
        (chosen, delays)
    }

    #[test]
    fn the_first_64_and_about_one_in_64_are_chosen_always_the_same() {
        let (chosen, delays) = run(64 + 64_000);
        assert_eq!(chosen[..64], (0..64).collect::<Vec<_>>());
        assert!((800..1200).contains(&(chosen.len() - 64)), "{}", chosen.len());
        assert!(delays.iter().all(|delay| (1..=DELAY_MAX + 1).contains(delay)), "{delays:?}");
        assert_eq!(run(64 + 64_000), (chosen, delays));
    }

    #[test]
    fn nothing_that_waits_is_forgotten() {
        let mut sampler = Sampler::default();
        for number in 0..10 {
            assert!(sampler.choose());
            sampler.answered(sample(number));
        }
        let mut waited: Vec<String> =
            std::iter::from_fn(|| sampler.take_last(None)).map(|it| it.body).collect();
        waited.sort();
        assert_eq!(waited, (0..10).map(|number| format!("question {number}")).collect::<Vec<_>>());
        assert_eq!(sampler.waiting_bytes, 0);
    }

    #[test]
    fn old_questions_come_again_and_all_of_them_at_the_end() {
        let mut sampler = Sampler::default();
        sampler.choose();
        sampler.confirmed(sample(0));
        let revisited = (0..6400).filter(|_| {
            sampler.choose();
            sampler.due(None).is_some()
        });
        assert_eq!(revisited.count(), 100);
        assert_eq!(sampler.again(), 1);
        assert_eq!(sampler.take_last(None).map(|sample| sample.body), Some("question 0".to_owned()));
    }

    #[test]
    fn another_copy_is_asked_where_there_is_one() {
        let mut sampler = Sampler::default();
        sampler.choose();
        sampler.answered(sample(0));
        for _ in 0..2 * DELAY_MAX {
            sampler.choose();
        }
        assert!(sampler.due(Some(0)).is_none() && sampler.take_last(Some(0)).is_none());
        assert_eq!(sampler.due(Some(1)).map(|sample| sample.body), Some("question 0".to_owned()));
        assert_eq!(sampler.waiting_bytes, 0);
    }

    #[test]
    fn what_a_cache_answered_is_asked_at_the_end() {
        let mut sampler = Sampler::default();
        for number in 0..1000 {
            sampler.cached(Sample { origin: Origin::Cache, ..sample(number) });
        }
        assert!(sampler.due(None).is_none() && sampler.take_last(None).is_none());
        assert_eq!(sampler.again(), KEPT_MAX);
        assert!(sampler.take_last(Some(0)).is_some_and(|sample| sample.origin == Origin::Cache));
    }

    #[test]
    fn memory_is_bounded() {
        let mut sampler = Sampler::default();
        let large = Sample { body: "x".repeat(WAITING_BYTES_MAX / 3), ..sample(0) };
        for _ in 0..10 {
            sampler.answered(large.clone());
        }
        assert_eq!(sampler.waiting.len(), 2);
        sampler.confirmed(large);
        assert!(sampler.kept.is_empty());
        for number in 0..1000 {
            sampler.confirmed(sample(number));
        }
        assert_eq!(sampler.kept.len(), KEPT_MAX);
    }
}
