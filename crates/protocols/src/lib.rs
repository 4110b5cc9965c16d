//! The reference protocols of Threeworlds, a file each: what a protocol looks like, and what the possible
//! rows of the map rest on. The first paragraph of each says what it tolerates, where it stops being right,
//! and where it comes from.
//!
//! Most of them implement the write-once register. None performs I/O; `threeworlds_engine` explores them
//! through [`threeworlds_model::Protocol`] and knows none of them by name.

mod atomic_register;
mod broken;
mod client;
mod client_blame;
mod client_peers;
mod client_relay;
mod commit_notify;
mod lock_commit;
mod locks;
mod majority;
mod ordered_backup;
mod primary_backup;
mod raft;
mod ranked_backup;
mod receive_omission;
mod registry;
mod relay;
mod replicated_log;
mod replicated_state_machine;
mod send_omission;
mod service;
mod signed;
mod succession;
mod unreplicated;

pub use atomic_register::{AtomicRegister, AtomicRegisterMessage, AtomicRegisterState, Exchange, Stamped};
pub use broken::{Broken, BrokenDescription, broken};
pub use client::{ClientMessage, ClientState};
pub use client_blame::{ClientBlame, ClientBlameMessage, ClientBlameState, Word};
pub use client_peers::{ClientPeers, ClientPeersMessage, ClientPeersState};
pub use client_relay::{ClientBeat, ClientRelay, ClientRelayMessage, ClientRelayState};
pub use commit_notify::CommitNotify;
pub use lock_commit::{LockCommit, LockCommitMessage, LockCommitState};
pub use locks::Locked;
pub use majority::{Lock, Majority, MajorityMessage, MajorityState};
pub use ordered_backup::{
    OrderedBackup, OrderedBackupMessage, OrderedBackupState, OrderedBeat, OrderedReplica,
};
pub use primary_backup::{PrimaryBackup, PrimaryBackupMessage, PrimaryBackupState, Replica};
pub use raft::{LogEnd, Raft, RaftCall, RaftCommand, RaftEntry, RaftMessage, RaftOptions, RaftState, rafts};
pub use ranked_backup::{RankedBackup, RankedBackupMessage, RankedBackupState};
pub use receive_omission::{Peer, PeerBeat, ReceiveOmission, ReceiveOmissionMessage, ReceiveOmissionState};
pub use registry::{BuiltIn, Description, UnknownProtocol, UnsuitableSystem, Visitor, all};
pub use relay::RelayMessage;
pub use replicated_log::{LogMachine, ReplicatedLog};
pub use replicated_state_machine::{
    Applied, Batch, Entry, ReplicatedMessage, ReplicatedServer, ReplicatedState, ReplicatedStateMachine,
};
pub use send_omission::{Knowledge, Proposal, SendOmission, SendOmissionMessage, SendOmissionState, Servers};
pub use service::{ServiceMessage, ServiceState};
pub use signed::{Signed, SignedMessage};
pub use succession::{Beat, Member, Register};
pub use unreplicated::{Unreplicated, UnreplicatedState, UnreplicatedWitness};
