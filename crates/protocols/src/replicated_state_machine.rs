//! Any deterministic state machine on any number of servers, every step by a majority of them: state machine
//! replication. It tolerates `f < n/2` servers and any clients that omit to send or to receive (so also
//! crashes), in lock-step and under partial synchrony: the outputs are always linearizable, and from GST on
//! every command is answered. With `f >= n/2` it stops being live and stays safe. Sources: Schneider,
//! "Implementing fault-tolerant services using the state machine approach", ACM Computing Surveys 22(4),
//! 1990; Lamport, "The part-time parliament", ACM TOCS 16(2), 1998 (a log out of single-shot agreement);
//! Oki and Liskov, "Viewstamped replication", PODC 1988 (state transfer, and the table of last answers).
//!
//! # The log
//! The log is an array of instances of `lock_commit` ([`crate::locks`]), each of which commits a *batch*:
//! the commands of the clients that wait, one each at most: that is the log's window. All instances share the
//! views. A server works on the first instance that it does not know to be committed;
//! a batch is applied to the machine and forgotten as soon as it is committed. So what a server keeps, and
//! what it sends, does not grow with the log.
//!
//! In the report round the leader commits the batch of the last view, as all do, and proposes the next one
//! at once: who reports on an earlier instance has locked nothing in this one, and so counts as without a
//! lock. That is one batch for each view of two rounds.
//!
//! # Catching up
//! A leader that proposes in the instance after the one that it has just learnt to be committed says what
//! that one committed, for not all may have learnt it. Who reports on an instance that another server had
//! left behind before is sent the machine's state by it, in place of the log.
//!
//! # Exactly once
//! A client numbers its commands, and sends the pending one to every server in every round. Each server
//! keeps, as a part of the replicated state, the number of each client's last command and its output. A
//! command whose number is not higher than that is not applied again, and if it is the same it is answered
//! from there.
//!
//! # Why it is live with f < n/2 faulty servers
//! From GST on the `n - f` non-faulty servers, a majority, hear each other. Those that are behind catch up
//! within a view, whatever the faulty ones are told or say: reports on later instances are left out by a
//! leader. A non-faulty leader proposes the batch of the youngest lock, or one with all commands that wait.
//! All lock it and commit it; of the commands that were not in it the next non-faulty leader makes a batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use threeworlds_model::{Json, Process, Protocol, Request, StateMachine, Step, System};

use crate::locks::{Locked, Proposal, Views};

/// The protocol for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicatedStateMachine<M> {
    views: Views,
    machine: M,
}

/// What a process remembers; `S` is the machine's state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReplicatedState<S> {
    /// A server.
    Server(ReplicatedServer<S>),
    /// A client.
    Client {
        /// The number of the last command.
        number: u64,
        /// The last command, while it is not answered.
        pending: Option<Json>,
    },
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplicatedServer<S> {
    /// The next round, counted from 0 through the views of all leaders and round again.
    pub clock: u16,
    /// The first instance that the server does not know to be committed, from 0; so many batches are applied.
    pub instance: u64,
    /// What they led to.
    pub applied: Arc<Applied<S>>,
    /// The batch that the server has locked in this instance.
    pub lock: Option<Locked<Batch>>,
}

/// What a log leads to: the replicated state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "S: Serialize + DeserializeOwned")]
pub struct Applied<S> {
    /// The machine's state.
    pub machine: S,
    /// For each client the number and the output of its last command.
    pub answers: BTreeMap<Process, (u64, Json)>,
}

/// What one instance commits.
pub type Batch = Vec<Entry>;

/// One command in the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// Whose it is.
    pub client: Process,
    /// The client's number for it.
    pub number: u64,
    /// The command.
    pub command: Json,
}

/// What processes send; `S` is the machine's state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "S: Serialize + DeserializeOwned")]
pub enum ReplicatedMessage<S> {
    /// From a client.
    Request {
        /// The client's number for the command.
        number: u64,
        /// The command.
        command: Json,
    },
    /// In a report round: the sender's lock in its instance.
    Report {
        /// The instance.
        instance: u64,
        /// The lock.
        lock: Option<Locked<Batch>>,
    },
    /// In a propose round, from the leader.
    Propose {
        /// The instance.
        instance: u64,
        /// The batch.
        batch: Batch,
        /// What the instance before committed, if the leader has just learnt it: not all may have.
        previous: Option<Batch>,
    },
    /// In a propose round, to a server that is behind.
    CatchUp {
        /// How many batches were applied.
        instance: u64,
        /// What they led to.
        applied: Arc<Applied<S>>,
    },
    /// To a client.
    Reply {
        /// The client's number for the command.
        number: u64,
        /// The output.
        output: Json,
    },
}

use ReplicatedMessage::{CatchUp, Propose, Reply, Report};

type Received<S> = [(Process, ReplicatedMessage<S>)];
type Sent<S> = Vec<(Process, ReplicatedMessage<S>)>;

impl<M: StateMachine> ReplicatedStateMachine<M> {
    /// The protocol for this machine and this system.
    pub fn new(machine: M, system: &System) -> Self {
        ReplicatedStateMachine { views: Views::by_majority(system.servers), machine }
    }
}

impl<M: StateMachine> Protocol for ReplicatedStateMachine<M> {
    type State = ReplicatedState<M::State>;
    type Message = ReplicatedMessage<M::State>;

    fn start(&self, me: Process, _: &System) -> Step<Self::State, Self::Message> {
        if me.is_client() {
            return Step::quiet(ReplicatedState::Client { number: 0, pending: None });
        }
        let applied = Arc::new(Applied { machine: self.machine.start(), answers: BTreeMap::new() });
        let replica = ReplicatedServer { clock: 0, instance: 0, applied, lock: None };
        let send = self.views.others(me).map(|server| (server, replica.report())).collect();
        Step { state: ReplicatedState::Server(replica), send, response: None }
    }

    fn step(
        &self,
        me: Process,
        state: &Self::State,
        request: Option<&Request>,
        received: &Received<M::State>,
    ) -> Step<Self::State, Self::Message> {
        match state {
            ReplicatedState::Client { number, pending } => {
                self.client(*number, pending.as_ref(), request, received)
            }
            ReplicatedState::Server(replica) => {
                let mut next = replica.clone();
                let mut send = match self.views.is_report(replica.clock) {
                    true => self.report_round(me, &mut next, received),
                    false => self.propose_round(me, &mut next, received),
                };
                send.extend(replies(&next, received));
                next.clock = self.views.next(replica.clock);
                Step { state: ReplicatedState::Server(next), send, response: None }
            }
        }
    }

    fn describe(&self, message: &Self::Message) -> String {
        let words = |batch: &Batch| {
            let word = |entry: &Entry| format!("{} by {} #{}", entry.command, entry.client, entry.number);
            batch.iter().map(word).collect::<Vec<_>>().join(", ")
        };
        match message {
            ReplicatedMessage::Request { number, command } => format!("{command} #{number}"),
            Report { instance, lock: None } => format!("report {instance}"),
            Report { instance, lock: Some(Locked { age, value }) } => {
                format!("report {instance}: {} age {age}", words(value))
            }
            Propose { instance, batch, previous } => {
                let after = previous.as_ref().map(|batch| format!(" after {}", words(batch)));
                format!("propose {instance}: {}{}", words(batch), after.unwrap_or_default())
            }
            CatchUp { instance, applied } => {
                let answers = applied.answers.iter();
                let answers: Vec<String> = answers
                    .map(|(client, (number, output))| format!("{client} #{number} {output}"))
                    .collect();
                format!("catch up to {instance}: {:?}; {}", applied.machine, answers.join(", "))
            }
            Reply { number, output } => format!("{output} #{number}"),
        }
    }

    fn ages_of_state(&self, state: &mut Self::State, visit: &mut dyn FnMut(&mut u32)) {
        if let ReplicatedState::Server(ReplicatedServer { lock: Some(lock), .. }) = state {
            visit(&mut lock.age);
        }
    }

    fn ages_of_message(&self, message: &mut Self::Message, visit: &mut dyn FnMut(&mut u32)) {
        if let Report { lock: Some(lock), .. } = message {
            visit(&mut lock.age);
        }
    }
}

/// Servers.
impl<M: StateMachine> ReplicatedStateMachine<M> {
    /// The end of a report round: what was proposed in the view before is committed, and a leader proposes.
    fn report_round(
        &self,
        me: Process,
        replica: &mut ReplicatedServer<M::State>,
        received: &Received<M::State>,
    ) -> Sent<M::State> {
        let before = replica.instance;
        let reports = received.iter().filter_map(|(from, message)| match message {
            Report { instance, lock } => Some((*from, *instance, lock.as_ref())),
            _ => None,
        });
        let of_this = reports.clone().filter(|(_, instance, _)| *instance == before);
        let own = replica.lock.take();
        let locks = std::iter::once(own.as_ref()).chain(of_this.map(|(_, _, lock)| lock));
        let previous = self.views.committed(locks).cloned();
        match &previous {
            Some(batch) => self.apply(replica, batch),
            None => replica.lock.clone_from(&own),
        }

        let mut send: Sent<M::State> = Vec::new();
        for (server, instance, _) in reports.clone() {
            if instance < before {
                send.push((server, CatchUp { instance: replica.instance, applied: replica.applied.clone() }));
            }
        }
        let now = replica.instance;
        let known = reports.filter(|(_, instance, _)| *instance <= now);
        let known = known.map(|(_, instance, lock)| lock.filter(|_| instance == now));
        let proposal = match self.views.leads(me, replica.clock) {
            true => self.views.proposal(std::iter::once(replica.lock.as_ref()).chain(known)),
            false => Proposal::Nothing,
        };
        let batch = match proposal {
            Proposal::Nothing => None,
            Proposal::Only(batch) => Some(batch),
            Proposal::Anything => Some(waiting(replica, received)).filter(|batch| !batch.is_empty()),
        };
        match batch {
            Some(batch) => {
                replica.lock = Some(Locked::now(batch.clone()));
                for server in self.views.others(me) {
                    if !send.iter().any(|(to, _)| *to == server) {
                        let (batch, previous) = (batch.clone(), previous.clone());
                        send.push((server, Propose { instance: now, batch, previous }));
                    }
                }
            }
            None => replica.lock = replica.lock.take().map(Locked::older),
        }
        send
    }

    /// The end of a propose round: who is behind catches up, and what the leader proposed is locked.
    fn propose_round(
        &self,
        me: Process,
        replica: &mut ReplicatedServer<M::State>,
        received: &Received<M::State>,
    ) -> Sent<M::State> {
        for (_, message) in received {
            if let CatchUp { instance, applied } = message
                && *instance > replica.instance
            {
                replica.instance = *instance;
                replica.applied = applied.clone();
                replica.lock = None;
            }
        }
        for (_, message) in received {
            let Propose { instance, batch, previous } = message else { continue };
            if let Some(previous) = previous
                && *instance == replica.instance + 1
            {
                self.apply(replica, previous);
            }
            if *instance == replica.instance {
                replica.lock = Some(Locked::now(batch.clone()));
            }
        }
        self.views.others(me).map(|server| (server, replica.report())).collect()
    }

    /// Applies a batch that was committed in the server's instance.
    fn apply(&self, replica: &mut ReplicatedServer<M::State>, batch: &Batch) {
        let Applied { mut machine, mut answers } = (*replica.applied).clone();
        for Entry { client, number, command } in batch {
            if answers.get(client).is_none_or(|(last, _)| number > last) {
                let (output, next) = self.machine.apply(command, machine);
                machine = next;
                answers.insert(*client, (*number, output));
            }
        }
        replica.applied = Arc::new(Applied { machine, answers });
        replica.instance += 1;
        replica.lock = None;
    }
}

impl<S: Clone> ReplicatedServer<S> {
    fn report(&self) -> ReplicatedMessage<S> {
        Report { instance: self.instance, lock: self.lock.clone() }
    }

    /// The output of a client's command, if it is the last one that was applied.
    fn answer(&self, client: Process, number: u64) -> Option<&Json> {
        let (last, output) = self.applied.answers.get(&client)?;
        (*last == number).then_some(output)
    }
}

/// The commands that arrived and are not applied.
fn waiting<S>(replica: &ReplicatedServer<S>, received: &Received<S>) -> Batch {
    let entry = |(client, message): &(Process, ReplicatedMessage<S>)| match message {
        ReplicatedMessage::Request { number, command } => {
            let last = replica.applied.answers.get(client).map_or(0, |(last, _)| *last);
            let entry = Entry { client: *client, number: *number, command: command.clone() };
            (*number > last).then_some(entry)
        }
        _ => None,
    };
    received.iter().filter_map(entry).collect()
}

/// To the clients whose command arrived and is applied.
fn replies<S: Clone>(replica: &ReplicatedServer<S>, received: &Received<S>) -> Sent<S> {
    let reply = |(client, message): &(Process, ReplicatedMessage<S>)| match message {
        ReplicatedMessage::Request { number, .. } => {
            let output = replica.answer(*client, *number)?.clone();
            Some((*client, Reply { number: *number, output }))
        }
        _ => None,
    };
    received.iter().filter_map(reply).collect()
}

/// Clients.
impl<M: StateMachine> ReplicatedStateMachine<M> {
    fn client(
        &self,
        number: u64,
        pending: Option<&Json>,
        request: Option<&Request>,
        received: &Received<M::State>,
    ) -> Step<ReplicatedState<M::State>, ReplicatedMessage<M::State>> {
        let (number, command) = match (request, pending) {
            (Some(request), _) => (number + 1, self.machine.command_of(request)),
            (None, Some(command)) => (number, command.clone()),
            (None, None) => return Step::quiet(ReplicatedState::Client { number, pending: None }),
        };
        let output = received.iter().find_map(|(_, message)| match message {
            Reply { number: of, output } if *of == number => Some(output),
            _ => None,
        });
        if let Some(output) = output {
            let response = Some(self.machine.response_of(output));
            let state = ReplicatedState::Client { number, pending: None };
            return Step { state, send: Vec::new(), response };
        }
        let servers = (1..=self.views.servers).map(Process::Server);
        let message = ReplicatedMessage::Request { number, command: command.clone() };
        let send = servers.map(|server| (server, message.clone())).collect();
        Step { state: ReplicatedState::Client { number, pending: Some(command) }, send, response: None }
    }
}
