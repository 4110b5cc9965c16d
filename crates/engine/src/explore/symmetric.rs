//! Whether a search makes use of a protocol's symmetry, and what is said of it.

use threeworlds_model::{Assignment, CrashDelivery, Question, Renamings, Steps, Symmetry};

use super::symmetry::Symmetries;

/// Whether states that differ in names alone were explored as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symmetric {
    /// There is nothing to make use of: the protocol does not say that it treats processes alike, there are no two
    /// of them (clients have to ask for the same, too), or runs were looked at and not states.
    None,
    /// There is, and no use was made of it, for this reason.
    Off(&'static str),
    /// They were.
    Used {
        /// Whose names they are.
        names: Names,
        /// The most ways to rename them, the one that changes nothing included: so many states at most are one.
        renamings: usize,
        /// How many faulty sets were explored, and for how many they stand.
        faulty_sets: (usize, usize),
    },
}

/// Whose names say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Those of servers.
    Servers,
    /// Those of clients, together with the values that they write.
    Clients,
    /// Both.
    ServersAndClients,
}

impl Names {
    /// `servers`, `clients`, or `servers and clients`.
    pub fn name(self) -> &'static str {
        match self {
            Names::Servers => "servers",
            Names::Clients => "clients",
            Names::ServersAndClients => "servers and clients",
        }
    }
}

/// What has to be explored, and which states are one, and under which renamings.
pub(crate) struct Alike {
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) symmetries: Symmetries,
    pub(crate) symmetric: Symmetric,
    pub(crate) renamings: Option<Renamings>,
}

impl Alike {
    /// Looks at what the protocol says, if that is wanted.
    pub(crate) fn new<S: Steps>(
        question: &Question,
        assignments: Vec<Assignment>,
        steps: &S,
        wanted: bool,
    ) -> Self {
        let system = &question.system;
        let none = Symmetries::none(system, assignments.len());
        let nothing = |symmetric| Alike {
            assignments: assignments.clone(),
            symmetries: none,
            symmetric,
            renamings: None,
        };
        let symmetry = steps.symmetry();
        if symmetry == Symmetry::NONE {
            return nothing(Symmetric::None);
        }
        let renamings = Renamings::new(system, &question.workload, symmetry);
        if renamings.count() < 2 {
            return nothing(Symmetric::None);
        }
        if !wanted {
            return nothing(Symmetric::Off("it was not wanted"));
        }
        if question.crash_delivery == CrashDelivery::Prefix {
            let why = "with prefix delivery the order counts in which processes are sent to";
            return nothing(Symmetric::Off(why));
        }
        let (kept, symmetries) = Symmetries::of(system, &assignments, &renamings);
        let names = match (symmetries.servers, symmetries.clients) {
            (true, true) => Names::ServersAndClients,
            (true, false) => Names::Servers,
            (false, true) => Names::Clients,
            (false, false) => return nothing(Symmetric::Off("no two that are alike fail alike")),
        };
        let faulty_sets = (kept.len(), assignments.len());
        let symmetric = Symmetric::Used { names, renamings: symmetries.most_renamings(), faulty_sets };
        Alike { assignments: kept, symmetries, symmetric, renamings: Some(renamings) }
    }
}
