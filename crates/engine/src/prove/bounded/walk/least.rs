use std::cmp::Ordering;

use super::super::symmetry::{IDENTITY, Symmetry};
use super::super::views::Views;
use super::{GONE, Meeting, Walk};

impl<V> Walk<'_, '_, V>
where
    V: FnMut(&mut Views, &mut Symmetry, &Meeting<'_>) -> usize,
{
    /// Of these renamings those that leave what is said of each process as it is; `None` if one of them
    /// makes it less, kinds first, so that the renamed one stands for it.
    pub(super) fn least(
        &self,
        stabiliser: &[u16],
        kinds: &[u32],
        said: &[u64],
        image: impl Fn(u16, u64) -> u64,
    ) -> Option<Vec<u16>> {
        if stabiliser.len() == 1 {
            return Some(vec![IDENTITY]);
        }
        let mut keeps = Vec::new();
        for &renaming in stabiliser {
            let from = &self.symmetry.renamings[usize::from(self.symmetry.inverse(renaming))];
            let image = |of| if of == GONE { GONE } else { image(renaming, of) };
            // What is said is compared as it is renamed: one of the first processes decides, mostly.
            let by_kind = kinds.iter().zip(from).map(|(kind, &from)| kinds[from].cmp(kind));
            let orders = said.iter().zip(from).map(|(of, &from)| image(said[from]).cmp(of));
            let decides = by_kind.chain(orders).find(|&order| order != Ordering::Equal);
            match decides.unwrap_or(Ordering::Equal) {
                Ordering::Less => return None,
                Ordering::Equal => keeps.push(renaming),
                Ordering::Greater => {}
            }
        }
        Some(keeps)
    }

    /// How many servers, clients of the two and other clients a process hears: the same after renaming.
    pub(super) fn kind(&self, heard: u64) -> u32 {
        let servers = (1u64 << self.views.network.servers) - 1;
        let pair = 1u64 << self.pair[0] | 1 << self.pair[1];
        let counts = [servers, pair, !servers & !pair].map(|of| (heard & of).count_ones());
        counts.into_iter().fold(0, |kind, count| kind << 8 | count)
    }

    /// By process: those before it that some renaming makes it change places with, and changes nothing else.
    pub(super) fn swaps(&self, stabiliser: &[u16]) -> Vec<u64> {
        let mut swaps = vec![0; self.views.network.size()];
        for &renaming in stabiliser {
            let to = &self.symmetry.renamings[usize::from(renaming)];
            let mut moved = (0..to.len()).filter(|&process| to[process] != process);
            if let (Some(one), Some(other), None) = (moved.next(), moved.next(), moved.next()) {
                swaps[other] |= 1 << one;
            }
        }
        swaps
    }
}
