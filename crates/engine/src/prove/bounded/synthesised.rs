use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use threeworlds_model::{Process, Protocol, Request, Response, Step, System, Value};

use super::classes::Named;
use super::decide::Decision;
use super::network::members;
use super::views::{NO_VIEW, Rows, Views};
use super::world::value_of;

/// The protocol that a decision found: for R rounds everybody sends everything it knows to everybody it is
/// linked with. A client that must be faulty, by what it knows then, gives no answer. One that has to be
/// answered looks into a table of the views that can occur together with one of another client that has to
/// be answered; what is not in the table is answered with the client's own value.
///
/// It serves the question that it was found for, and clients that write `C1`, `C2`, ... in round 1 or
/// never: the workload `together; write`. What is asked later is never answered. What a process knows is a
/// number in the table of everything from which some entry can still come of it, and the scenarios of
/// faults that it has not ruled out.
#[derive(Clone)]
pub struct Synthesised {
    system: System,
    rounds: u32,
    answered_views: usize,
    table: Arc<Lazy>,
}

/// What a process knows: its number in the table, `None` if no entry can come of it, and the scenarios of
/// faults that it has not ruled out, as a set of bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Known {
    view: Option<u32>,
    scenarios: Vec<u64>,
}

/// The table, made when it is asked for.
struct Lazy {
    decision: Mutex<Option<Decision>>,
    table: OnceLock<Table>,
}

/// What a decision found, under all names of processes.
struct Table {
    views: Views,
    /// By view: whether some entry can come of it.
    is_of_use: Vec<bool>,
    /// What a client can know in the end.
    last: Rows,
    /// The answer to each: the client whose value it is, by its position among the clients.
    answers: Vec<u8>,
}

impl Synthesised {
    /// The protocol of a decision that is not contradictory.
    pub(super) fn new(decision: Decision) -> Self {
        Synthesised {
            system: decision.views.network.system,
            rounds: decision.views.network.rounds,
            answered_views: decision.explored.obliged_views,
            table: Arc::new(Lazy { decision: Mutex::new(Some(decision)), table: OnceLock::new() }),
        }
    }

    /// After how many rounds of messages clients are answered.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// How many different views a client can have when it has to be answered.
    pub fn answered_views(&self) -> usize {
        self.answered_views
    }

    /// The table: who, what it has seen, and what it answers. `s1` is what `s1` knows at the beginning, `c1!`
    /// what `c1` knows that was asked, and `(x: y z)` what the owner of x knows a round later, when it has
    /// received y and z. These texts grow exponentially with the rounds.
    ///
    /// Cost: the table is made when this or the protocol is used for the first time.
    pub fn table(&self) -> impl Iterator<Item = (Process, String, Value)> {
        let table = self.table.get();
        (0..).zip(&table.answers).map(move |(view, &answer)| {
            let content = table.last.row(view);
            let client = self.system.process(table.views.owner(content[0]));
            (client, self.text(content), value_of(usize::from(answer)))
        })
    }

    fn text(&self, content: &[u32]) -> String {
        if content[0] == NO_VIEW {
            let asked = if content[2] == 1 { "!" } else { "" };
            return format!("{}{asked}", self.system.process(content[1] as usize));
        }
        let views = &self.table.get().views;
        let texts: Vec<String> = content.iter().map(|&view| self.text(views.content(view))).collect();
        format!("({}: {})", texts[0], texts[1..].join(" "))
    }
}

impl std::fmt::Debug for Synthesised {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut of = to.debug_struct("Synthesised");
        of.field("system", &self.system).field("rounds", &self.rounds);
        of.field("answered_views", &self.answered_views).finish_non_exhaustive()
    }
}

impl Lazy {
    fn get(&self) -> &Table {
        self.table.get_or_init(|| {
            let mut decision = self.decision.lock().unwrap_or_else(PoisonError::into_inner);
            Table::new(decision.take().expect("the table is made once"))
        })
    }
}

impl Table {
    fn new(decision: Decision) -> Self {
        let Decision { mut views, mut symmetry, mut classes, .. } = decision;
        let (mut last, mut answers, mut content) = (Rows::default(), Vec::new(), Vec::new());
        for view in 0..classes.len() as u32 {
            for by in symmetry.all() {
                symmetry.content(by, &mut views, classes.content(view), &mut content);
                if last.insert(&content).1 {
                    let allowed = classes.allowed(&mut symmetry, Named { view, by });
                    answers.push(allowed.trailing_zeros() as u8);
                }
            }
        }
        let mut is_of_use = vec![false; views.len()];
        for view in 0..last.len() as u32 {
            last.row(view).iter().for_each(|&part| is_of_use[part as usize] = true);
        }
        // A view has a larger number than what it consists of.
        for view in (0..views.len() as u32).rev() {
            let content = views.after_a_round(view).filter(|_| is_of_use[view as usize]);
            content.into_iter().flatten().for_each(|&part| is_of_use[part as usize] = true);
        }
        Table { views, is_of_use, last, answers }
    }

    fn known(&self, content: &[u32]) -> Option<u32> {
        self.views.find(content).filter(|&view| self.is_of_use[view as usize])
    }

    /// What a process knows at the beginning.
    fn start(&self, me: usize, is_asked: bool) -> Known {
        let scenarios = &self.views.scenarios;
        Known {
            view: self.known(&[NO_VIEW, me as u32, u32::from(is_asked)]),
            scenarios: scenarios.words(scenarios.everything()).to_vec(),
        }
    }

    /// What a process knows after one more round, as a row of numbers in the table if it is known to it, and
    /// the scenarios that are left.
    fn after(
        &self,
        me: usize,
        round: u32,
        known: &Known,
        received: &[(usize, &Known)],
    ) -> (Option<Vec<u32>>, Vec<u64>) {
        let (network, scenarios) = (&self.views.network, &self.views.scenarios);
        let all = std::iter::once(known).chain(received.iter().map(|&(_, known)| known));
        let content: Option<Vec<u32>> = all.map(|known| known.view).collect();
        let mut left = known.scenarios.clone();
        scenarios.restrict(&mut left, scenarios.words(scenarios.sends(me, round + 1)));
        let mut missing = network.senders[me];
        for &(from, known) in received {
            missing &= !(1 << from);
            scenarios.restrict(&mut left, &known.scenarios);
            scenarios.restrict(&mut left, scenarios.words(scenarios.sends(from, round)));
        }
        for from in members(missing) {
            scenarios.restrict(&mut left, scenarios.words(scenarios.lost(from, me, round)));
        }
        (content, left)
    }

    /// Whether a client is non-faulty in one of these scenarios.
    fn may_be_non_faulty(&self, client: usize, scenarios: &[u64]) -> bool {
        let mut left = scenarios.to_vec();
        let spared = self.views.scenarios.spared[client];
        self.views.scenarios.restrict(&mut left, self.views.scenarios.words(spared));
        left.iter().any(|&word| word != 0)
    }
}

/// How many rounds of messages are over (none before round 1 of the execution), whether the process was
/// asked, and what it knows.
impl Protocol for Synthesised {
    type State = (Option<u32>, bool, Known);
    type Message = Known;

    fn start(&self, _: Process, _: &System) -> Step<Self::State, Known> {
        Step::quiet((None, false, Known { view: None, scenarios: Vec::new() }))
    }

    fn step(
        &self,
        me: Process,
        (done, was_asked, known): &Self::State,
        request: Option<&Request>,
        received: &[(Process, Known)],
    ) -> Step<Self::State, Known> {
        let (index, table) = (self.system.index(me), self.table.get());
        let nothing = || Known { view: None, scenarios: Vec::new() };
        let (done, was_asked, known, response) = match *done {
            None => (0, request.is_some(), table.start(index, request.is_some()), None),
            Some(done) if done == self.rounds => (done, *was_asked, known.clone(), None),
            Some(done) => {
                let received: Vec<(usize, &Known)> =
                    received.iter().map(|(from, known)| (self.system.index(*from), known)).collect();
                let (content, scenarios) = table.after(index, done, known, &received);
                if done + 1 < self.rounds {
                    let clients = 0..usize::from(self.system.clients);
                    let view = content.and_then(|content| table.known(&content));
                    let is_of_use =
                        clients.into_iter().any(|client| table.may_be_non_faulty(client, &scenarios));
                    // Whoever hears of it is not answered.
                    let scenarios = if is_of_use { scenarios } else { vec![0; scenarios.len()] };
                    (done + 1, *was_asked, Known { view, scenarios }, None)
                } else {
                    let own = index.checked_sub(usize::from(self.system.servers)).filter(|_| *was_asked);
                    let own = own.filter(|&client| table.may_be_non_faulty(client, &scenarios));
                    let answer = own.map(|own| {
                        let view = content.and_then(|content| table.last.find(&content));
                        value_of(view.map_or(own, |view| usize::from(table.answers[view as usize])))
                    });
                    (done + 1, false, nothing(), answer.map(|value| Response::Value(Some(value))))
                }
            }
        };
        // In the last round only what clients hear matters.
        let hears = |to: &Process| self.system.linked(me, *to) && (done + 1 < self.rounds || to.is_client());
        let send = match done < self.rounds {
            true => self.system.processes().filter(hears).map(|to| (to, known.clone())).collect(),
            false => Vec::new(),
        };
        Step { state: (Some(done), was_asked, known), send, response }
    }

    fn describe(&self, message: &Known) -> String {
        let scenarios: Vec<String> = message.scenarios.iter().rev().map(|word| format!("{word:x}")).collect();
        match message.view {
            Some(view) => format!("view {view}, scenarios {}", scenarios.join(" ")),
            None => format!("scenarios {}", scenarios.join(" ")),
        }
    }
}
