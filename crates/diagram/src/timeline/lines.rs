//! What a process's line looks like over time: it runs, it is paused, it is down.

use super::{Happening, Mark};

/// What a process does for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It runs.
    Up,
    /// It is paused.
    Paused,
    /// It is not there.
    Down,
}

/// The stretches of a lane, first to last, over the whole span.
pub(crate) fn stretches(marks: &[Mark], lane: usize, span: (u64, u64)) -> Vec<(u64, u64, State)> {
    let mut own: Vec<(u64, usize, Happening)> = marks
        .iter()
        .enumerate()
        .filter(|(_, mark)| mark.lane == lane)
        .map(|(number, mark)| (mark.at, number, mark.happening))
        .collect();
    own.sort_unstable();
    let mut stretches = Vec::new();
    let (mut from, mut state) = (span.0, State::Up);
    for (at, _, happening) in own {
        let next = match happening {
            Happening::Killed | Happening::Exited => State::Down,
            Happening::Restarted => State::Up,
            Happening::Paused if state == State::Up => State::Paused,
            Happening::Resumed if state == State::Paused => State::Up,
            Happening::Paused | Happening::Resumed | Happening::Odd => state,
        };
        if next != state {
            stretches.push((from, at, state));
            (from, state) = (at, next);
        }
    }
    stretches.push((from, span.1.max(from), state));
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_killed_and_started_again() {
        let mark = |at, happening| Mark { lane: 0, at, happening, detail: String::new() };
        let marks = [
            mark(30, Happening::Restarted),
            mark(10, Happening::Killed),
            mark(20, Happening::Paused),
            mark(40, Happening::Paused),
        ];
        assert_eq!(
            stretches(&marks, 0, (0, 50)),
            [(0, 10, State::Up), (10, 30, State::Down), (30, 40, State::Up), (40, 50, State::Paused)]
        );
        assert_eq!(stretches(&marks, 1, (0, 50)), [(0, 50, State::Up)]);
    }
}
