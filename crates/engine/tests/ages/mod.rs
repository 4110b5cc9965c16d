//! A protocol whose only loops are those in which an age grows, and one whose longest wait leads through ages: with
//! its ages shown it is judged as it is with ages that stop growing.

use threeworlds_engine::{Judgement, Stop, check};
use threeworlds_model::{FaultClass, Process, Protocol, Question, Request, Response, Step, System, Workload};

/// The server counts rounds since it heard of a write, and answers when it hears of one with that age.
struct Aging {
    /// Ages stop growing here.
    most: u32,
    /// Whether it answers at all.
    answers: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum State {
    Server { age: u32 },
    Client { waits: bool },
}

impl Aging {
    fn send(&self, state: &State) -> Vec<(Process, u32)> {
        match *state {
            State::Server { age } if age > 0 && self.answers => vec![(Process::Client(1), age)],
            State::Client { waits: true } => vec![(Process::Server(1), 0)],
            _ => Vec::new(),
        }
    }
}

impl Protocol for Aging {
    type State = State;
    type Message = u32;

    fn start(&self, me: Process, _: &System) -> Step<State, u32> {
        Step::quiet(if me.is_client() { State::Client { waits: false } } else { State::Server { age: 0 } })
    }

    fn step(
        &self,
        _: Process,
        state: &State,
        request: Option<&Request>,
        received: &[(Process, u32)],
    ) -> Step<State, u32> {
        let (state, response) = match *state {
            State::Server { age: 0 } if received.is_empty() => (State::Server { age: 0 }, None),
            State::Server { age } => (State::Server { age: (age + 1).min(self.most) }, None),
            State::Client { waits: true } if !received.is_empty() => {
                (State::Client { waits: false }, Some(Response::Value(None)))
            }
            State::Client { waits } => (State::Client { waits: waits || request.is_some() }, None),
        };
        Step { send: self.send(&state), state, response }
    }

    fn ages_of_state(&self, state: &mut State, visit: &mut dyn FnMut(&mut u32)) {
        if let (State::Server { age }, u32::MAX) = (state, self.most) {
            visit(age);
        }
    }

    fn ages_of_message(&self, age: &mut u32, visit: &mut dyn FnMut(&mut u32)) {
        if self.most == u32::MAX {
            visit(age);
        }
    }
}

#[test]
fn whoever_waits_while_ages_grow_waits_for_ever() {
    for (class, answers) in
        [(FaultClass::None, true), (FaultClass::None, false), (FaultClass::Omission, true)]
    {
        let mut question = Question::usual(1, 1, 1, class, FaultClass::Crash).unwrap();
        question.workload = Workload::parse("c1: read", question.task, &question.system).unwrap();
        let [capped, shown] = [1, u32::MAX].map(|most| check(&question, &Aging { most, answers }).unwrap());
        assert_eq!((capped.coverage.stop, shown.coverage.stop), (Stop::Closed, Stop::Closed));
        let live = if answers && class == FaultClass::None { Judgement::Holds } else { Judgement::Fails };
        assert_eq!((capped.live, shown.live), (live, live), "{class:?} {answers}");
        assert_eq!(shown.worst_case_rounds, capped.worst_case_rounds);
        let rounds = |report: &threeworlds_engine::Report| {
            report
                .liveness_counterexample
                .as_ref()
                .map(|execution| (execution.rounds.len(), execution.removed()))
        };
        assert_eq!(rounds(&shown), rounds(&capped));
    }
}
