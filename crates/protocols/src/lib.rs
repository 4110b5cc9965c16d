//! The reference protocols of Threeworlds, a file each: what a protocol looks like, and what the possible
//! rows of the map rest on. The first paragraph of each says what it tolerates, where it stops being right,
//! and where it comes from.
//!
//! All of them implement the write-once register. None performs I/O; `threeworlds_engine` explores them
//! through [`threeworlds_model::Protocol`] and knows none of them by name.

mod client;
mod client_blame;
mod client_peers;
mod client_relay;
mod majority;
mod ordered_backup;
mod primary_backup;
mod ranked_backup;
mod receive_omission;
mod registry;
mod relay;
mod send_omission;
mod service;
mod succession;
mod unreplicated;

pub use client::{ClientMessage, ClientState};
pub use client_blame::{ClientBlame, ClientBlameMessage, ClientBlameState, Word};
pub use client_peers::{ClientPeers, ClientPeersMessage, ClientPeersState};
pub use client_relay::{ClientBeat, ClientRelay, ClientRelayMessage, ClientRelayState};
pub use majority::{Lock, Majority, MajorityMessage, MajorityState};
pub use ordered_backup::{
    OrderedBackup, OrderedBackupMessage, OrderedBackupState, OrderedBeat, OrderedReplica,
};
pub use primary_backup::{PrimaryBackup, PrimaryBackupMessage, PrimaryBackupState, Replica};
pub use ranked_backup::{RankedBackup, RankedBackupMessage, RankedBackupState};
pub use receive_omission::{Peer, PeerBeat, ReceiveOmission, ReceiveOmissionMessage, ReceiveOmissionState};
pub use registry::{BuiltIn, Description, UnknownProtocol, UnsuitableSystem, Visitor, all};
pub use relay::RelayMessage;
pub use send_omission::{Knowledge, Proposal, SendOmission, SendOmissionMessage, SendOmissionState, Servers};
pub use service::{ServiceMessage, ServiceState};
pub use succession::{Beat, Member, Register};
pub use unreplicated::{Unreplicated, UnreplicatedState, UnreplicatedWitness};
