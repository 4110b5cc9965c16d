use std::collections::BTreeMap;

use threeworlds_model::Process;

use super::{LogEnd, PATIENCE, Raft, RaftCall, RaftCommand, RaftEntry, RaftMessage};

/// What a server remembers. In the paper's words: `currentTerm`, `votedFor`, `log`, `commitIndex`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Server {
    term: u32,
    voted_for: Option<u16>,
    log: Vec<RaftEntry>,
    committed: usize,
    role: Role,
    /// Who leads in this term, if it is known.
    leader: Option<u16>,
    /// Rounds since it heard the leader, gave its vote or campaigned; it stands still while it leads.
    silent: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Role {
    Follower,
    /// Asks who would vote for it, and has heard of these that they would; itself included.
    PreCandidate(Vec<u16>),
    /// Has the votes of these; its own included.
    Candidate(Vec<u16>),
    /// What it knows of each other server, by number.
    Leader(BTreeMap<u16, Peer>),
}

/// What a leader knows of a follower: `nextIndex`, `matchIndex`, and when it last heard it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Peer {
    /// How many entries of the log it need not be sent.
    next: usize,
    /// How many entries it is known to have.
    matching: usize,
    /// Rounds since it was heard.
    silent: u16,
}

/// What is said to whom in the next round.
type Outbox = BTreeMap<u16, Vec<RaftCall>>;

/// What a step makes of a state: the next one, and what leaves.
type Outcome = (Server, Vec<(Process, RaftMessage)>);

impl Server {
    /// Before round 1.
    pub(super) fn start(raft: &Raft, me: u16) -> Outcome {
        let mut server = Server {
            term: 0,
            voted_for: None,
            log: Vec::new(),
            committed: 0,
            role: Role::Follower,
            leader: None,
            silent: 0,
        };
        let mut out = Outbox::new();
        if me == 1 {
            server.campaign(raft, me, &mut out);
        }
        let send = messages(out);
        (server, send)
    }

    /// One round: the calls of other servers, in the order of senders; then the requests of clients; then
    /// the clock.
    pub(super) fn next(&self, raft: &Raft, me: u16, received: &[(Process, RaftMessage)]) -> Outcome {
        let mut next = self.clone();
        let mut out = Outbox::new();
        let mut commands = Vec::new();
        for (from, message) in received {
            match message {
                RaftMessage::Servers(calls) => {
                    for call in calls {
                        match call {
                            RaftCall::Forward(forwarded) => commands.extend(forwarded.iter().cloned()),
                            call => next.receive(raft, me, from.number(), call, &mut out),
                        }
                    }
                }
                RaftMessage::Request { number, request } => {
                    commands.push(RaftCommand { client: *from, number: *number, request: request.clone() });
                }
                RaftMessage::Reply { .. } | RaftMessage::Redirect { .. } => {}
            }
        }
        next.tick(raft, me, &mut out);
        next.take(raft, &commands, &mut out);
        next.append_to_all(raft, &mut out);
        let mut send = messages(out);
        let requests = received.iter().filter_map(|(from, message)| match message {
            RaftMessage::Request { number, .. } => Some((*from, *number)),
            _ => None,
        });
        send.extend(requests.filter_map(|(client, number)| next.reply(raft, me, client, number)));
        (next, send)
    }

    fn log_end(&self) -> LogEnd {
        self.log_up_to(self.log.len())
    }

    fn log_up_to(&self, length: usize) -> LogEnd {
        LogEnd { term: length.checked_sub(1).map_or(0, |last| self.log[last].term), length }
    }

    /// Whether a server with this log may lead this one.
    fn is_up_to_date(&self, log: LogEnd) -> bool {
        let own = self.log_end();
        (log.term, log.length) >= (own.term, own.length)
    }

    fn believes_in_a_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_)) || (self.leader.is_some() && self.silent < PATIENCE)
    }

    fn follow(&mut self, term: u32) {
        if term > self.term {
            self.term = term;
            self.voted_for = None;
            self.leader = None;
        }
        self.role = Role::Follower;
    }

    /// One call, or the answer to one.
    fn receive(&mut self, raft: &Raft, me: u16, from: u16, call: &RaftCall, out: &mut Outbox) {
        let newer = match call {
            RaftCall::PreVote { .. } | RaftCall::PreVoted { granted: true, .. } | RaftCall::Forward(_) => {
                None
            }
            RaftCall::PreVoted { term, .. }
            | RaftCall::Vote { term, .. }
            | RaftCall::Voted { term, .. }
            | RaftCall::Append { term, .. }
            | RaftCall::Appended { term, .. } => Some(*term).filter(|term| *term > self.term),
        };
        if let Some(term) = newer {
            self.follow(term);
        }
        match call {
            RaftCall::PreVote { term, log } => {
                let granted = *term > self.term && self.is_up_to_date(*log) && !self.believes_in_a_leader();
                let term = if granted { *term } else { self.term };
                say(out, from, RaftCall::PreVoted { term, granted });
            }
            RaftCall::PreVoted { term, granted } => {
                if let Role::PreCandidate(willing) = &mut self.role
                    && *granted
                    && *term == self.term + 1
                {
                    add(willing, from);
                    if raft.is_majority(willing.len()) {
                        self.elect(raft, me, out);
                    }
                }
            }
            RaftCall::Vote { term, log } => {
                let free = self.voted_for.is_none_or(|voted_for| voted_for == from);
                let granted = *term == self.term && free && self.is_up_to_date(*log);
                if granted {
                    self.voted_for = Some(from);
                    self.silent = 0;
                }
                say(out, from, RaftCall::Voted { term: self.term, granted });
            }
            RaftCall::Voted { term, granted } => {
                if let Role::Candidate(votes) = &mut self.role
                    && *granted
                    && *term == self.term
                {
                    add(votes, from);
                    if raft.is_majority(votes.len()) {
                        self.lead(raft, me);
                    }
                }
            }
            RaftCall::Append { term, previous, entries, committed } => {
                if *term < self.term {
                    let answer = RaftCall::Appended { term: self.term, success: false, length: 0 };
                    say(out, from, answer);
                    return;
                }
                self.follow(*term);
                self.leader = Some(from);
                self.silent = 0;
                let answer = self.append(*previous, entries, *committed);
                say(out, from, answer);
            }
            RaftCall::Appended { term, success, length } => {
                let end = self.log.len();
                let Role::Leader(peers) = &mut self.role else { return };
                if *term != self.term {
                    return;
                }
                let peer = peers.get_mut(&from).expect("a leader knows all servers");
                peer.silent = 0;
                if *success {
                    peer.matching = peer.matching.max(*length);
                    peer.next = peer.next.max(peer.matching);
                } else {
                    // An answer that was overtaken does not take back what is known to match.
                    peer.next = (*length).clamp(peer.matching, end);
                }
                self.commit(raft);
            }
            RaftCall::Forward(_) => {}
        }
    }

    /// AppendEntries, from the leader of this term.
    fn append(&mut self, previous: LogEnd, entries: &[RaftEntry], committed: usize) -> RaftCall {
        let has = self.log.len() >= previous.length && self.log_up_to(previous.length) == previous;
        if !has {
            let length = self.log.len().min(previous.length.saturating_sub(1));
            return RaftCall::Appended { term: self.term, success: false, length };
        }
        for (position, entry) in (previous.length..).zip(entries) {
            if self.log.get(position).is_some_and(|own| own.term != entry.term) {
                self.log.truncate(position);
            }
            if position == self.log.len() {
                self.log.push(entry.clone());
            }
        }
        let length = previous.length + entries.len();
        self.committed = self.committed.max(committed.min(length));
        RaftCall::Appended { term: self.term, success: true, length }
    }

    /// A leader commits what a majority has, if the last of it is of its own term.
    fn commit(&mut self, raft: &Raft) {
        let Role::Leader(peers) = &self.role else { return };
        let has = |length: usize| 1 + peers.values().filter(|peer| peer.matching >= length).count();
        let may = |length: &usize| raft.is_majority(has(*length)) && self.log[*length - 1].term == self.term;
        if let Some(length) = (self.committed + 1..=self.log.len()).rev().find(may) {
            self.committed = length;
        }
    }

    /// The clock: who waited long enough campaigns, and a leader that nobody hears may step down.
    fn tick(&mut self, raft: &Raft, me: u16, out: &mut Outbox) {
        if let Role::Leader(peers) = &mut self.role {
            if raft.options.check_quorum {
                let heard = 1 + peers.values().filter(|peer| peer.silent < PATIENCE).count();
                if !raft.is_majority(heard) {
                    self.role = Role::Follower;
                    self.leader = None;
                    self.silent = 0;
                    return;
                }
                // Beyond that it makes no difference for how long.
                peers.values_mut().for_each(|peer| peer.silent = PATIENCE.min(peer.silent + 1));
            }
            return;
        }
        self.silent += 1;
        if self.silent >= Raft::timeout(me) {
            self.campaign(raft, me, out);
        }
    }

    fn campaign(&mut self, raft: &Raft, me: u16, out: &mut Outbox) {
        self.silent = 0;
        self.leader = None;
        if !raft.options.pre_vote {
            return self.elect(raft, me, out);
        }
        self.role = Role::PreCandidate(vec![me]);
        if raft.is_majority(1) {
            return self.elect(raft, me, out);
        }
        let call = RaftCall::PreVote { term: self.term + 1, log: self.log_end() };
        others(raft, me).for_each(|other| say(out, other, call.clone()));
    }

    fn elect(&mut self, raft: &Raft, me: u16, out: &mut Outbox) {
        self.term += 1;
        self.voted_for = Some(me);
        self.leader = None;
        self.silent = 0;
        self.role = Role::Candidate(vec![me]);
        if raft.is_majority(1) {
            return self.lead(raft, me);
        }
        let call = RaftCall::Vote { term: self.term, log: self.log_end() };
        others(raft, me).for_each(|other| say(out, other, call.clone()));
    }

    fn lead(&mut self, raft: &Raft, me: u16) {
        // What earlier leaders left uncommitted can be committed with an entry of this term only.
        let end = self.log.len();
        if end > self.committed {
            self.log.push(RaftEntry { term: self.term, command: None });
        }
        let peer = |number| (number, Peer { next: end, matching: 0, silent: 0 });
        self.role = Role::Leader(others(raft, me).map(peer).collect());
        self.leader = Some(me);
        self.silent = 0;
        self.commit(raft);
    }

    /// Requests of clients, directly or passed on: into the log, or on to the leader.
    fn take(&mut self, raft: &Raft, commands: &[RaftCommand], out: &mut Outbox) {
        if let Role::Leader(_) = self.role {
            for command in commands {
                if self.position(command.client, command.number).is_none() {
                    self.log.push(RaftEntry { term: self.term, command: Some(command.clone()) });
                }
            }
            self.commit(raft);
        } else if raft.options.forwarding
            && let Some(leader) = self.leader
        {
            let open = |command: &&RaftCommand| match self.position(command.client, command.number) {
                Some(position) => position >= self.committed,
                None => true,
            };
            let mut open: Vec<RaftCommand> = commands.iter().filter(open).cloned().collect();
            open.sort_unstable();
            open.dedup();
            if !open.is_empty() {
                say(out, leader, RaftCall::Forward(open));
            }
        }
    }

    fn append_to_all(&self, _: &Raft, out: &mut Outbox) {
        let Role::Leader(peers) = &self.role else { return };
        for (&number, peer) in peers {
            let call = RaftCall::Append {
                term: self.term,
                previous: self.log_up_to(peer.next),
                entries: self.log[peer.next..].to_vec(),
                committed: self.committed,
            };
            say(out, number, call);
        }
    }

    /// Where a request stands in the log.
    fn position(&self, client: Process, number: u16) -> Option<usize> {
        let is_it = |entry: &RaftEntry| {
            entry.command.as_ref().is_some_and(|one| one.client == client && one.number == number)
        };
        self.log.iter().position(is_it)
    }

    fn reply(&self, raft: &Raft, me: u16, client: Process, number: u16) -> Option<(Process, RaftMessage)> {
        if let Some(position) = self.position(client, number)
            && position < self.committed
        {
            let response = raft.response(&self.log[..=position]);
            return Some((client, RaftMessage::Reply { number, response }));
        }
        if raft.options.forwarding || matches!(self.role, Role::Leader(_)) {
            return None;
        }
        let leader = self.leader.filter(|&leader| leader != me);
        Some((client, RaftMessage::Redirect { leader }))
    }

    /// See [`threeworlds_model::Protocol::terms_of_state`].
    pub(super) fn terms(&mut self, visit: &mut dyn FnMut(&mut u32)) {
        visit(&mut self.term);
        self.log.iter_mut().for_each(|entry| visit(&mut entry.term));
    }
}

fn others(raft: &Raft, me: u16) -> impl Iterator<Item = u16> + use<> {
    (1..=raft.servers).filter(move |&number| number != me)
}

fn say(out: &mut Outbox, to: u16, call: RaftCall) {
    out.entry(to).or_default().push(call);
}

fn add(servers: &mut Vec<u16>, one: u16) {
    if !servers.contains(&one) {
        servers.push(one);
        servers.sort_unstable();
    }
}

fn messages(out: Outbox) -> Vec<(Process, RaftMessage)> {
    out.into_iter().map(|(to, calls)| (Process::Server(to), RaftMessage::Servers(calls))).collect()
}
