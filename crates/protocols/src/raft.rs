//! Raft: leader election and log, the core only (no snapshots, no change of membership), with pre-vote,
//! check-quorum and forwarding as switches. By the paper's argument it is safe whatever crashes or omits to send
//! or to receive, before GST too; terms grow for ever, so that is explored in a few rounds only. Whom it
//! answers when messages are lost, even with `f < n/2`, depends on the switches and is what `docs/raft.md` is
//! about: without check-quorum a leader that hears nobody stays, without pre-vote a server that hears nobody
//! deposes every leader, and without forwarding a client waits for a leader that does not hear it. With all
//! three, three servers of which one is faulty answer everybody when links are cut once and for ever
//! (`--adversary static-cuts`), and not when the adversary may change its mind. Sources: Ongaro and Ousterhout, "In search of an understandable consensus
//! algorithm", USENIX ATC 2014; Ongaro, "Consensus: bridging theory and practice", PhD thesis, Stanford, 2014
//! (clients in 6.3, check-quorum in 6.2, pre-vote in 9.6); forwarding is etcd's.
//!
//! # In rounds
//! What a message makes a server send leaves in the next round, and a leader appends (or beats) in every
//! round. Who hears no leader for 3 rounds, and for 5 more for each lower server, campaigns. These
//! timeouts are fixed where Raft draws them at random: an election is won before the next server's turn
//! comes, unless messages are lost. So a liveness failure that is found is one of these timeouts; where it is
//! a cycle of elections another draw might end it, and where it is a leader that stays none would. And
//! where no failure is found, that too is about these timeouts. `s1` starts as if its timeout was over.
//!
//! # Terms
//! A server compares terms, and adds 1 to its own. Nothing else is done to a term, which is what
//! [`Protocol::terms_of_state`] promises: runs in which all terms are higher by as much are the same.
//!
//! # Reads
//! Reads go through the log. A request has its client's number, and stands in a log once. The answer to it
//! depends only on the log up to its entry, so a server that has it committed answers whoever asks.

mod client;
mod server;

use serde::{Deserialize, Serialize};
use threeworlds_model::{Process, Protocol, Request, Response, Step, System, Task, Value};

use crate::registry::{BuiltIn, Description};
use client::RaftClient;
use server::Server;

/// A follower that has not heard a leader for so many rounds no longer believes in it, and a leader that has
/// not heard a majority for so many rounds steps down if it checks its quorum.
const PATIENCE: u16 = 3;

/// For how many rounds more than the one before it a server waits until it campaigns: enough for an election
/// with pre-vote, from the first message to the leader's first.
const STAGGER: u16 = 5;

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raft {
    servers: u16,
    options: RaftOptions,
}

/// The eight combinations of switches, by name.
const ALL: [Description; 8] = [
    describe(false, false, false, "raft", "Raft: leader election and log, without the switches"),
    describe(true, false, false, "raft-pre-vote", "Raft with pre-vote"),
    describe(false, true, false, "raft-check-quorum", "Raft with check-quorum"),
    describe(true, true, false, "raft-pre-vote-check-quorum", "Raft with pre-vote and check-quorum"),
    describe(false, false, true, "raft-forwarding", "Raft in which followers pass requests on to the leader"),
    describe(true, false, true, "raft-forwarding-pre-vote", "Raft with forwarding and pre-vote"),
    describe(false, true, true, "raft-forwarding-check-quorum", "Raft with forwarding and check-quorum"),
    describe(
        true,
        true,
        true,
        "raft-forwarding-pre-vote-check-quorum",
        "Raft with forwarding, pre-vote and check-quorum",
    ),
];

const fn describe(
    pre_vote: bool,
    check_quorum: bool,
    forwarding: bool,
    name: &'static str,
    summary: &'static str,
) -> Description {
    let task = Task::WriteOnceRegister;
    Description {
        built_in: BuiltIn::Raft(RaftOptions { pre_vote, check_quorum, forwarding, task }),
        name,
        summary,
        task,
        tolerates: "safe whatever fails, by the paper's argument (explored in a few rounds only); tasks \
                    write-once-register and log",
        falls_to: "omission-faulty servers: Termination, as docs/raft.md tells",
        source: "Ongaro and Ousterhout 2014; Ongaro 2014",
    }
}

/// Raft with each combination of its switches.
pub fn rafts() -> &'static [Description] {
    &ALL
}

impl RaftOptions {
    /// What there is to say about Raft with these switches, whatever the task.
    pub(crate) fn description(self) -> &'static Description {
        let usual = BuiltIn::Raft(RaftOptions { task: Task::WriteOnceRegister, ..self });
        ALL.iter().find(|description| description.built_in == usual).expect("all combinations are there")
    }
}

/// The switches, and what the log is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RaftOptions {
    /// Whether a server asks, before it campaigns, who would vote for it: only who believes in no leader
    /// would. Nobody's term grows by being asked.
    pub pre_vote: bool,
    /// Whether a leader that does not hear a majority steps down.
    pub check_quorum: bool,
    /// Whether a server that does not lead passes requests on to the leader. If not, it tells the client who
    /// leads.
    pub forwarding: bool,
    /// What the responses look like.
    pub task: Task,
}

/// A request in a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RaftCommand {
    /// Whose.
    pub client: Process,
    /// The client's number for it.
    pub number: u16,
    /// The request.
    pub request: Request,
}

/// An entry of a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RaftEntry {
    /// The term of the leader that made it.
    pub term: u32,
    /// The request; `None` is what a new leader adds so that earlier entries are committed with it.
    pub command: Option<RaftCommand>,
}

/// Where a log ends, or how far it has to match: how many entries, and the term of the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogEnd {
    /// The term of the last entry; 0 if there is none.
    pub term: u32,
    /// How many entries.
    pub length: usize,
}

/// What a process remembers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RaftState(Local);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Local {
    Server(Box<Server>),
    Client(RaftClient),
}

/// What processes send.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RaftMessage {
    /// From a server to another: all that there is to say to it in this round.
    Servers(Vec<RaftCall>),
    /// From a client.
    Request {
        /// The client's number for the request.
        number: u16,
        /// The request.
        request: Request,
    },
    /// To a client.
    Reply {
        /// The number of the request.
        number: u16,
        /// The response to it.
        response: Response,
    },
    /// To a client: ask another server, if it is known which leads.
    Redirect {
        /// The leader's number.
        leader: Option<u16>,
    },
}

/// A call from one server to another, or the answer to one. Each has the term of its sender, except where it
/// says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RaftCall {
    /// Would you vote for me in this term?
    PreVote {
        /// The term after the sender's.
        term: u32,
        /// The sender's log.
        log: LogEnd,
    },
    /// The answer.
    PreVoted {
        /// The term that was asked about if it is granted, else the sender's.
        term: u32,
        /// Whether it would.
        granted: bool,
    },
    /// RequestVote.
    Vote {
        /// The term.
        term: u32,
        /// The sender's log.
        log: LogEnd,
    },
    /// The answer.
    Voted {
        /// The term.
        term: u32,
        /// Whether the vote is given.
        granted: bool,
    },
    /// AppendEntries.
    Append {
        /// The term.
        term: u32,
        /// What comes before the entries.
        previous: LogEnd,
        /// The entries.
        entries: Vec<RaftEntry>,
        /// How many entries of the log are committed.
        committed: usize,
    },
    /// The answer.
    Appended {
        /// The term.
        term: u32,
        /// Whether the logs match before the entries.
        success: bool,
        /// Up to where the log matches; if there is no success, from where on to try again.
        length: usize,
    },
    /// Requests of clients, for the leader.
    Forward(Vec<RaftCommand>),
}

impl Raft {
    /// The protocol for this system.
    pub fn new(system: &System, options: RaftOptions) -> Self {
        Raft { servers: system.servers, options }
    }

    fn is_majority(&self, servers: usize) -> bool {
        2 * servers > usize::from(self.servers)
    }

    /// How long a server waits for a leader before it campaigns.
    fn timeout(me: u16) -> u16 {
        PATIENCE + STAGGER * (me - 1)
    }

    /// The answer to the last request of a log up to it.
    fn response(&self, log: &[RaftEntry]) -> Response {
        let mut values = log.iter().filter_map(|entry| entry.command.as_ref()?.request.value());
        match self.options.task {
            Task::Log => Response::Log(values.cloned().collect()),
            _ => Response::Value(values.next().cloned()),
        }
    }
}

impl Protocol for Raft {
    type State = RaftState;
    type Message = RaftMessage;

    fn start(&self, me: Process, _: &System) -> Step<RaftState, RaftMessage> {
        match me {
            Process::Server(number) => {
                let (server, send) = Server::start(self, number);
                Step { state: RaftState(Local::Server(Box::new(server))), send, response: None }
            }
            Process::Client(_) => Step::quiet(RaftState(Local::Client(RaftClient::default()))),
        }
    }

    fn step(
        &self,
        me: Process,
        state: &RaftState,
        request: Option<&Request>,
        received: &[(Process, RaftMessage)],
    ) -> Step<RaftState, RaftMessage> {
        match &state.0 {
            Local::Server(server) => {
                let (server, send) = server.next(self, me.number(), received);
                Step { state: RaftState(Local::Server(Box::new(server))), send, response: None }
            }
            Local::Client(client) => {
                let step = client.next(self.servers, request, received);
                Step { state: RaftState(Local::Client(step.state)), send: step.send, response: step.response }
            }
        }
    }

    fn describe(&self, message: &RaftMessage) -> String {
        message.words()
    }

    fn terms_of_state(&self, state: &mut RaftState, visit: &mut dyn FnMut(&mut u32)) {
        if let Local::Server(server) = &mut state.0 {
            server.terms(visit);
        }
    }

    fn terms_of_message(&self, message: &mut RaftMessage, visit: &mut dyn FnMut(&mut u32)) {
        let RaftMessage::Servers(calls) = message else { return };
        for call in calls {
            match call {
                RaftCall::PreVote { term, log } | RaftCall::Vote { term, log } => {
                    visit(term);
                    visit(&mut log.term);
                }
                RaftCall::PreVoted { term, .. }
                | RaftCall::Voted { term, .. }
                | RaftCall::Appended { term, .. } => visit(term),
                RaftCall::Append { term, previous, entries, .. } => {
                    visit(term);
                    visit(&mut previous.term);
                    entries.iter_mut().for_each(|entry| visit(&mut entry.term));
                }
                RaftCall::Forward(_) => {}
            }
        }
    }
}

/// Words for diagrams.
impl RaftMessage {
    fn words(&self) -> String {
        match self {
            RaftMessage::Servers(calls) => calls.iter().map(RaftCall::words).collect::<Vec<_>>().join("; "),
            RaftMessage::Request { number, request } => numbered(*number, request_words(request)),
            RaftMessage::Reply { number, response } => numbered(*number, format!("reply {response}")),
            RaftMessage::Redirect { leader: Some(leader) } => format!("ask s{leader}"),
            RaftMessage::Redirect { leader: None } => "no leader".to_owned(),
        }
    }
}

impl RaftCall {
    fn words(&self) -> String {
        let yes = |granted: &bool| if *granted { "yes" } else { "no" };
        let end = |log: &LogEnd| format!("log {}/t{}", log.length, log.term);
        match self {
            RaftCall::PreVote { term, log } => format!("pre-vote? t{term} {}", end(log)),
            RaftCall::PreVoted { term, granted } => format!("pre-vote {} t{term}", yes(granted)),
            RaftCall::Vote { term, log } => format!("vote? t{term} {}", end(log)),
            RaftCall::Voted { term, granted } => format!("vote {} t{term}", yes(granted)),
            RaftCall::Append { term, previous, entries, committed } => {
                let entry = |entry: &RaftEntry| match &entry.command {
                    Some(command) => format!("{}/t{}", command.words(), entry.term),
                    None => format!("no-op/t{}", entry.term),
                };
                let entries: Vec<String> = entries.iter().map(entry).collect();
                let entries = entries.join(", ");
                format!("append t{term} after {} [{entries}] committed {committed}", end(previous))
            }
            RaftCall::Appended { term, success, length } => {
                format!("appended {} {length} t{term}", yes(success))
            }
            RaftCall::Forward(commands) => {
                format!("forward {}", commands.iter().map(RaftCommand::words).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl RaftCommand {
    fn words(&self) -> String {
        format!("{} {}", self.client, numbered(self.number, request_words(&self.request)))
    }
}

fn request_words(request: &Request) -> String {
    let value = request.value().map(Value::to_string);
    [Some(request.kind().to_owned()), value].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The number is left out of the first request.
fn numbered(number: u16, words: String) -> String {
    if number == 1 { words } else { format!("{words} #{number}") }
}
