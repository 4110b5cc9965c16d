//! The line of succession that the servers of `ranked_backup` form, and the clients of `client_relay`: the
//! lowest member that is alive leads, and the others have what they need to follow. It is right as long as
//! members fail by crashing only, and what a member sends in a round that it survives reaches all live
//! members at the same time; of its last messages any may arrive.
//!
//! A *leader* beats the register, a *backup* beats that it is alive, and copies what a leader beats over
//! whatever it held. A member that hears no lower one leads, from then on for ever. The register is
//! *committed* when its leader has survived a round in which it beat it as a leader, when there is nobody
//! else to tell as it is the last of the line, or when somebody says that it is.
//!
//! # Why it is right
//! A live lower member is always heard, so whoever leads is the lowest live member, and at most one leads.
//! Once it has survived a round with `v` in its beat all live members have `v`, and of these one leads next.
//! So no other value is committed, and nobody who hears of it holds nothing.
//!
//! # Why overwrite, and why wait
//! Leaders that crashed may have left different values with different members. None of them was committed,
//! and the one that the live leader has must win, or two members end up leading with two values. And a new
//! leader has to survive a round of its own even if it holds a value: others may hold another, or none.

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Value};

use crate::service::Known;

/// What a member of the line remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    /// Whether it leads.
    pub leads: bool,
    /// The register.
    pub register: Register,
}

/// A member's copy of the register.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Register {
    /// Nothing is committed.
    Empty,
    /// A value that another may yet replace.
    Held(Value),
    /// No other value is ever committed.
    Committed(Value),
}

/// What a member sends in every round.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Beat {
    /// It is alive.
    Backup,
    /// It leads, and this is the register.
    Leader(Option<Value>),
    /// This is committed.
    Committed(Value),
}

impl Member {
    /// A member before round 1.
    pub(crate) fn new(me: Process) -> Member {
        Member { leads: me.number() == 1, register: Register::Empty }
    }

    /// What it sends.
    pub(crate) fn beat(&self) -> Beat {
        match &self.register {
            Register::Committed(value) => Beat::Committed(value.clone()),
            _ if !self.leads => Beat::Backup,
            Register::Held(value) => Beat::Leader(Some(value.clone())),
            Register::Empty => Beat::Leader(None),
        }
    }

    /// What it may tell clients. If anything was committed in an earlier round, its register is not empty.
    pub(crate) fn known(&self) -> Known<'_> {
        match &self.register {
            Register::Empty => Known::Nothing,
            Register::Held(_) => Known::Unsure,
            Register::Committed(value) => Known::Value(value),
        }
    }

    /// Its state after a round that brought these beats, at least those of all live lower members, and
    /// this write, if any.
    pub(crate) fn next<'a>(
        &self,
        me: Process,
        last: bool,
        beats: impl Iterator<Item = (Process, &'a Beat)>,
        write: Option<&Value>,
    ) -> Member {
        let mut leads = true;
        let mut copied = None;
        let mut committed = match &self.register {
            Register::Committed(value) => Some(value),
            _ => None,
        };
        for (from, beat) in beats {
            leads &= from > me;
            match beat {
                Beat::Backup => {}
                Beat::Leader(register) => copied = Some(register),
                Beat::Committed(value) => committed = Some(value),
            }
        }
        let register = if let Some(value) = committed {
            Register::Committed(value.clone())
        } else if let Some(copied) = copied {
            copied.clone().map_or(Register::Empty, Register::Held)
        } else if !leads {
            self.register.clone()
        } else {
            match (&self.register, write) {
                (Register::Held(value), _) if self.leads || last => Register::Committed(value.clone()),
                (Register::Empty, Some(value)) if last => Register::Committed(value.clone()),
                (Register::Empty, Some(value)) => Register::Held(value.clone()),
                _ => self.register.clone(),
            }
        };
        Member { leads, register }
    }
}

impl Beat {
    /// A few words for diagrams.
    pub(crate) fn words(&self) -> String {
        match self {
            Beat::Backup => "beat".to_owned(),
            Beat::Leader(None) => "lead".to_owned(),
            Beat::Leader(Some(value)) => format!("lead {value}"),
            Beat::Committed(value) => format!("committed {value}"),
        }
    }
}
