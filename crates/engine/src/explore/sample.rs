//! Whether a protocol treats processes alike as it says, on a sample of the steps that are taken.
//!
//! It proves nothing: what is not in the sample may be different. A system of a few thousand local situations is
//! in it as a whole, under every renaming.

use threeworlds_model::{
    Call, Process, Renaming, Renamings, Step, StepError, Steps, System, asymmetry, asymmetry_of_start,
};

/// Which steps are looked at depends on nothing but their order, which is the same in every run.
pub(crate) struct Sample {
    renamings: Renamings,
    /// Steps that were taken, and how many were looked at, each renaming for itself.
    taken: u64,
    looked_at: u64,
}

/// Until so many were looked at all are, under all renamings if there are not more than so many, else under so
/// many of them.
const ALL: u64 = 1 << 16;
const RENAMINGS: u64 = 120;

/// Then one in so many, under one renaming.
const ONE_IN: u64 = 16;

impl Sample {
    pub(crate) fn new(renamings: Renamings) -> Sample {
        Sample { renamings, taken: 0, looked_at: 0 }
    }

    /// Looks at what a process starts with.
    ///
    /// # Errors
    /// When it is not alike.
    pub(crate) fn start<S: Steps>(
        &mut self,
        steps: &mut S,
        process: Process,
        system: &System,
    ) -> Result<(), StepError> {
        for renaming in self.renamings(0) {
            asymmetry_of_start(steps, process, system, &renaming)?.map_err(Box::new)?;
        }
        Ok(())
    }

    /// Looks at a step, if it is in the sample.
    ///
    /// # Errors
    /// When it is not alike.
    pub(crate) fn step<S: Steps>(
        &mut self,
        steps: &mut S,
        call: &Call<S::State, S::Message>,
        step: &Step<S::State, S::Message>,
    ) -> Result<(), StepError> {
        self.taken += 1;
        let drawn = mixed(self.taken);
        let renamings = match self.looked_at < ALL {
            true => self.renamings(drawn),
            false if self.taken.is_multiple_of(ONE_IN) => vec![self.renamings.numbered(drawn)],
            false => return Ok(()),
        };
        for (number, renaming) in (drawn..).zip(renamings) {
            self.looked_at += 1;
            let other = self.renamings.numbered(mixed(number));
            asymmetry(steps, call, step, &renaming, &other)?.map_err(Box::new)?;
        }
        Ok(())
    }

    /// All renamings but the identity, or some that depend on a number.
    fn renamings(&self, drawn: u64) -> Vec<Renaming> {
        let all = self.renamings.count();
        let number = |number: u64| if all <= RENAMINGS { number } else { mixed(drawn.wrapping_add(number)) };
        (1..all.min(RENAMINGS)).map(|at| self.renamings.numbered(number(at))).collect()
    }
}

/// A number that looks drawn (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
/// 2014: the finalizer of SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
