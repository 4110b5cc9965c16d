use threeworlds_model::{Process, Protocol, Request, Response, Step, System, Value};

use super::decide::Decision;
use super::views::{NO_VIEW, Views};
use super::world::value_of;

/// The protocol that a decision found: for R rounds everybody sends everything it knows to everybody it is
/// linked with, and then a table says what a client answers that knows this.
///
/// It serves the question that it was found for, and clients that write `C1`, `C2`, ... in round 1 or
/// never: the workload `together; write`. What is asked later is never answered. What a process knows is a
/// number in the table of everything from which some answer can still come of it; what is not in the table
/// is never answered either.
#[derive(Debug, Clone)]
pub struct Synthesised {
    system: System,
    rounds: u32,
    views: Views,
    /// By view: whether some answer can come of it.
    is_of_use: Vec<bool>,
    /// What a client can know in the end, if it has to be answered.
    last: Views,
    /// The answer to each: the client whose value it is, by its position among the clients.
    answers: Vec<u8>,
}

/// What a process knows: a number in the table, `None` if no answer can come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Known(Option<u32>);

impl Synthesised {
    /// The protocol of a decision that is not contradictory.
    pub(super) fn new(mut decision: Decision) -> Self {
        let answer = |view| decision.classes.allowed(view).trailing_zeros() as u8;
        let answers = (0..decision.obliged.len() as u32).map(answer).collect();
        let Decision { views, obliged: last, network, .. } = decision;
        let mut is_of_use = vec![false; views.len()];
        for view in 0..last.len() as u32 {
            last.content(view).iter().for_each(|&part| is_of_use[part as usize] = true);
        }
        // A view has a larger number than what it consists of.
        for view in (0..views.len() as u32).rev().filter(|&view| views.after_a_round(view).is_some()) {
            if is_of_use[view as usize] {
                views.content(view).iter().for_each(|&part| is_of_use[part as usize] = true);
            }
        }
        Synthesised { system: network.system, rounds: network.rounds, views, is_of_use, last, answers }
    }

    /// After how many rounds of messages clients are answered.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// How many different views a client can have when it has to be answered: the size of the table.
    pub fn answered_views(&self) -> usize {
        self.last.len()
    }

    /// The table: who, what it has seen, and what it answers. `s1` is what `s1` knows at the beginning, `c1!`
    /// what `c1` knows that was asked, and `(x: y z)` what the owner of x knows a round later, when it has
    /// received y and z. These texts grow exponentially with the rounds.
    pub fn table(&self) -> impl Iterator<Item = (Process, String, Value)> {
        (0..).zip(&self.answers).map(|(view, &answer)| {
            let client = usize::from(self.system.servers) + self.last.owner(view);
            (self.system.process(client), self.text(self.last.content(view)), value_of(usize::from(answer)))
        })
    }

    fn text(&self, content: &[u32]) -> String {
        if content[0] == NO_VIEW {
            let asked = if content[2] == 1 { "!" } else { "" };
            return format!("{}{asked}", self.system.process(content[1] as usize));
        }
        let texts: Vec<String> = content.iter().map(|&view| self.text(self.views.content(view))).collect();
        format!("({}: {})", texts[0], texts[1..].join(" "))
    }

    fn known(&self, content: &[u32]) -> Known {
        Known(self.views.find(content).filter(|&view| self.is_of_use[view as usize]))
    }
}

/// How many rounds of messages are over (none before round 1 of the execution), and what the process knows.
impl Protocol for Synthesised {
    type State = (Option<u32>, Known);
    type Message = Known;

    fn start(&self, _: Process, _: &System) -> Step<Self::State, Known> {
        Step::quiet((None, Known(None)))
    }

    fn step(
        &self,
        me: Process,
        &(done, known): &Self::State,
        request: Option<&Request>,
        received: &[(Process, Known)],
    ) -> Step<Self::State, Known> {
        let index = self.system.index(me);
        let (done, known, response) = match done {
            None => (0, self.known(&[NO_VIEW, index as u32, u32::from(request.is_some())]), None),
            Some(done) if done == self.rounds => (done, known, None),
            Some(done) => {
                let all = std::iter::once(known).chain(received.iter().map(|&(_, known)| known));
                let content: Option<Vec<u32>> = all.map(|known| known.0).collect();
                if done + 1 < self.rounds {
                    (done + 1, content.map_or(Known(None), |content| self.known(&content)), None)
                } else {
                    let view = content.and_then(|content| self.last.find(&content));
                    let answer = view.map(|view| value_of(usize::from(self.answers[view as usize])));
                    (done + 1, Known(None), answer.map(|value| Response::Value(Some(value))))
                }
            }
        };
        // In the last round only what clients hear matters.
        let hears = |to: &Process| self.system.linked(me, *to) && (done + 1 < self.rounds || to.is_client());
        let send = match done < self.rounds {
            true => self.system.processes().filter(hears).map(|to| (to, known)).collect(),
            false => Vec::new(),
        };
        Step { state: (Some(done), known), send, response }
    }

    fn describe(&self, message: &Known) -> String {
        match message.0 {
            Some(view) => format!("view {view}"),
            None => "nothing of use".to_owned(),
        }
    }
}
