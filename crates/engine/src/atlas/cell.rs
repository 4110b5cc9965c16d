use std::fmt;

use threeworlds_certificate::{Claim, Servers, Task, Timing};
use threeworlds_model::{FaultClass, FaultModel, System};

/// What an atlas is about: every question with up to so many servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The most servers, at least 1.
    pub servers: u16,
    /// Clients, the same number in every question.
    pub clients: u16,
    /// The task of every question.
    pub task: Task,
}

/// One question: at most `faults` of `servers` servers fail in one class, any of the clients in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// When messages arrive.
    pub timing: Timing,
    /// Servers, n.
    pub servers: u16,
    /// The most faulty servers, f < n.
    pub faults: u16,
    /// How servers fail. With no faulty server it makes no difference.
    pub server_faults: FaultClass,
    /// How clients fail, any number of them.
    pub client_faults: FaultClass,
}

impl Range {
    /// The classes by which servers fail.
    pub const SERVER_FAULTS: [FaultClass; 5] = [
        FaultClass::Crash,
        FaultClass::SendOmission,
        FaultClass::ReceiveOmission,
        FaultClass::SendOrReceiveOmission,
        FaultClass::Omission,
    ];
    /// The classes by which clients fail, and none.
    pub const CLIENT_FAULTS: [FaultClass; 6] = [
        FaultClass::None,
        FaultClass::Crash,
        FaultClass::SendOmission,
        FaultClass::ReceiveOmission,
        FaultClass::SendOrReceiveOmission,
        FaultClass::Omission,
    ];

    /// Every cell: by timing, servers' class, clients' class, n and f, in this order.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for &timing in Timing::ALL {
            for server_faults in Range::SERVER_FAULTS {
                for client_faults in Range::CLIENT_FAULTS {
                    for (servers, faults) in self.sizes() {
                        cells.push(Cell { timing, servers, faults, server_faults, client_faults });
                    }
                }
            }
        }
        cells
    }

    /// Every n and f.
    pub fn sizes(&self) -> impl Iterator<Item = (u16, u16)> + use<> {
        (1..=self.servers).flat_map(|servers| (0..servers).map(move |faults| (servers, faults)))
    }

    /// That no protocol does what a cell asks for.
    pub fn claim(&self, cell: &Cell) -> Claim {
        let mut system =
            System { servers: cell.servers, clients: self.clients, faults: 0, client_links: false };
        let faults = usize::from(cell.faults);
        let fault_model = FaultModel::usual(&system, faults, cell.server_faults, cell.client_faults);
        system.faults = cell.faults;
        Claim {
            system,
            servers: Servers::Exactly,
            fault_model,
            timing: cell.timing,
            task: self.task,
            rounds: None,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cell { timing, servers, faults, server_faults, client_faults } = self;
        write!(out, "{timing}, n={servers}, f={faults}, {server_faults} servers, {client_faults} clients")
    }
}
