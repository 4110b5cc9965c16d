//! Objects as machines over numbered states and actions. An action is a call together with its answer.

use rustc_hash::FxHashMap;

/// The state of an object must be so for an action to be possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Need {
    /// Any.
    Any,
    /// This one.
    Is(u32),
    /// Any but this one.
    Not(u32),
    /// Ask [`Machine::step`].
    Computed,
}

/// An object, for the search.
pub(crate) trait Machine {
    /// The state before the first action.
    fn start(&self) -> u32;

    /// The state after an action, or nothing if it is impossible in this state.
    fn step(&mut self, state: u32, action: u32) -> Option<u32>;

    /// In which states an action is possible.
    fn needs(&self, action: u32) -> Need;

    /// The state that an action leads to from every state in which it is possible, if it is always the same.
    fn gives(&self, action: u32) -> Option<u32>;

    /// Whether an action never changes the state.
    fn passive(&self, action: u32) -> bool;

    /// About how many bytes it keeps.
    fn bytes(&self) -> usize;
}

/// What an action of a [`Cell`] needs and does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CellAction {
    pub(crate) need: Need,
    /// The state that it leads to; nothing if it leaves it as it is.
    pub(crate) set: Option<u32>,
}

/// An object of one value: a register of any kind, or one element of a set.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    start: u32,
    actions: Vec<CellAction>,
    numbers: FxHashMap<CellAction, u32>,
}

impl Cell {
    pub(crate) fn new(start: u32) -> Self {
        Cell { start, ..Cell::default() }
    }

    /// The number of an action.
    pub(crate) fn action(&mut self, need: Need, set: Option<u32>) -> u32 {
        // What asks for a state and sets it to the same changes nothing.
        let set = set.filter(|&state| need != Need::Is(state));
        let action = CellAction { need, set };
        *self.numbers.entry(action).or_insert_with(|| {
            self.actions.push(action);
            self.actions.len() as u32 - 1
        })
    }
}

impl Machine for Cell {
    fn start(&self) -> u32 {
        self.start
    }

    fn step(&mut self, state: u32, action: u32) -> Option<u32> {
        let CellAction { need, set } = self.actions[action as usize];
        let possible = match need {
            Need::Any => true,
            Need::Is(needed) => state == needed,
            Need::Not(other) => state != other,
            Need::Computed => unreachable!("a cell's needs are known"),
        };
        possible.then(|| set.unwrap_or(state))
    }

    fn needs(&self, action: u32) -> Need {
        self.actions[action as usize].need
    }

    fn gives(&self, action: u32) -> Option<u32> {
        let action = self.actions[action as usize];
        action.set.or(match action.need {
            Need::Is(state) => Some(state),
            _ => None,
        })
    }

    fn passive(&self, action: u32) -> bool {
        self.actions[action as usize].set.is_none()
    }

    fn bytes(&self) -> usize {
        self.actions.len() * 3 * size_of::<CellAction>()
    }
}

/// What an action of a [`Sequence`] does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SequenceAction {
    /// Put at the end.
    Push(u32),
    /// Put at the end, and be shown all.
    PushShown(u32, Box<[u32]>),
    /// Take this one from the front.
    Pop(u32),
    /// Take any from the front, or find nothing.
    PopAny,
    /// Find nothing.
    Empty,
    /// Be shown all.
    Show(Box<[u32]>),
    /// Put into the sorted sequence; whether it was new, if that was said.
    Add(u32, Option<bool>),
    /// Take out of the sorted sequence; whether it was there, if that was said.
    Remove(u32, Option<bool>),
    /// Whether the sorted sequence has it.
    Contains(u32, bool),
}

/// An object that holds several values: a log or a queue in order, a set sorted.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    start: u32,
    actions: Vec<SequenceAction>,
    numbers: FxHashMap<SequenceAction, u32>,
    states: Vec<Box<[u32]>>,
    state_numbers: FxHashMap<Box<[u32]>, u32>,
    bytes: usize,
}

impl Sequence {
    pub(crate) fn new(start: Vec<u32>) -> Self {
        let mut sequence = Sequence::default();
        sequence.start = sequence.state(start);
        sequence
    }

    /// The number of an action.
    pub(crate) fn action(&mut self, action: SequenceAction) -> u32 {
        if let Some(&known) = self.numbers.get(&action) {
            return known;
        }
        let number = self.actions.len() as u32;
        self.actions.push(action.clone());
        self.numbers.insert(action, number);
        number
    }

    fn state(&mut self, content: Vec<u32>) -> u32 {
        let content = content.into_boxed_slice();
        if let Some(&known) = self.state_numbers.get(&content) {
            return known;
        }
        let number = self.states.len() as u32;
        self.bytes += 2 * (size_of_val(&*content) + 40);
        self.states.push(content.clone());
        self.state_numbers.insert(content, number);
        number
    }
}

impl Machine for Sequence {
    fn start(&self) -> u32 {
        self.start
    }

    fn step(&mut self, state: u32, action: u32) -> Option<u32> {
        use SequenceAction::{Add, Contains, Empty, Pop, PopAny, Push, PushShown, Remove, Show};
        let content = &self.states[state as usize];
        let after = match &self.actions[action as usize] {
            Push(value) => [content, &[*value][..]].concat(),
            PushShown(value, shown) => {
                let is_so =
                    shown.split_last().is_some_and(|(last, before)| last == value && before == &**content);
                if !is_so {
                    return None;
                }
                shown.to_vec()
            }
            Pop(value) => match content.split_first() {
                Some((first, rest)) if first == value => rest.to_vec(),
                _ => return None,
            },
            PopAny => match content.split_first() {
                Some((_, rest)) => rest.to_vec(),
                None => return Some(state),
            },
            Empty => return content.is_empty().then_some(state),
            Show(shown) => return (shown == content).then_some(state),
            Add(value, was_new) => match (content.binary_search(value), was_new) {
                (Ok(_), Some(true)) | (Err(_), Some(false)) => return None,
                (Ok(_), _) => return Some(state),
                (Err(place), _) => {
                    let mut after = content.to_vec();
                    after.insert(place, *value);
                    after
                }
            },
            Remove(value, was_there) => match (content.binary_search(value), was_there) {
                (Err(_), Some(true)) | (Ok(_), Some(false)) => return None,
                (Err(_), _) => return Some(state),
                (Ok(place), _) => {
                    let mut after = content.to_vec();
                    after.remove(place);
                    after
                }
            },
            Contains(value, expected) => {
                return (content.binary_search(value).is_ok() == *expected).then_some(state);
            }
        };
        Some(self.state(after))
    }

    fn needs(&self, action: u32) -> Need {
        match &self.actions[action as usize] {
            SequenceAction::Push(_) | SequenceAction::PopAny => Need::Any,
            SequenceAction::Add(_, None) | SequenceAction::Remove(_, None) => Need::Any,
            _ => Need::Computed,
        }
    }

    fn gives(&self, _: u32) -> Option<u32> {
        None
    }

    fn passive(&self, action: u32) -> bool {
        use SequenceAction::{Add, Contains, Empty, Remove, Show};
        matches!(
            self.actions[action as usize],
            Empty | Show(_) | Contains(..) | Add(_, Some(false)) | Remove(_, Some(false))
        )
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}
