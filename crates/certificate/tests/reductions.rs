//! The reductions by which certificates about a write-once register are about logs and state machines, on
//! every short history, judged by the model's own monitors.

use threeworlds_model::{
    ClientEvent, Consistency, Environment, EnvironmentState, Process, Request, Response, System, Task, Value,
    Workload,
};

const SYSTEM: System = System { servers: 1, clients: 2, faults: 0, client_links: false };
/// Events in a history, one a round: enough for two clients to ask twice each and be answered.
const ROUNDS: usize = 8;

fn environment(task: Task, consistency: Consistency) -> Environment {
    Environment::new(SYSTEM, task, consistency, Workload::usual(task, &SYSTEM))
}

/// Two environments that live through corresponding histories.
struct Pair<'a> {
    premise: &'a Environment,
    conclusion: &'a Environment,
    /// What a client of the first can be told, with what the client of the second then says.
    answers: &'a [(Response, Response)],
    histories: usize,
    violations: usize,
}

impl Pair<'_> {
    /// Goes through every history in which the premise is not violated; then the conclusion must not be.
    fn explore(&mut self, premise: &EnvironmentState, conclusion: &EnvironmentState, rounds: usize) {
        self.histories += 1;
        assert_eq!(conclusion.violation(), None, "{premise:?}\n{conclusion:?}");
        if rounds == 0 {
            return;
        }
        for client in SYSTEM.client_ids() {
            let Some(request) = self.premise.outstanding(premise, client).cloned() else {
                if self.premise.next_request(premise, client).is_some() {
                    let event = ClientEvent { client, issues: true, response: None };
                    let premise = self.premise.advance(premise, &[event]).unwrap();
                    let conclusion = self.conclusion.advance(conclusion, &[event]).unwrap();
                    self.explore(&premise, &conclusion, rounds - 1);
                }
                continue;
            };
            for (told, says) in self.answers {
                // No write is answered with bottom: the conclusion's client has nothing to say then.
                let says_nothing = !matches!(request, Request::Read {}) && *says == Response::Value(None);
                let event = |response| ClientEvent { client, issues: false, response: Some(response) };
                let after = self.premise.advance(premise, &[event(told)]).unwrap();
                if after.violation().is_some() {
                    self.violations += 1;
                    continue;
                }
                assert!(!says_nothing, "{request} may be answered with {told}");
                let conclusion = self.conclusion.advance(conclusion, &[event(says)]).unwrap();
                self.explore(&after, &conclusion, rounds - 1);
            }
        }
    }
}

fn values() -> [Value; 2] {
    [Process::Client(1), Process::Client(2)].map(|client| Value::new(format!("C{}", client.number())))
}

#[test]
fn the_first_entry_of_a_log_is_a_write_once_register() {
    let [one, two] = values();
    let logs = [vec![], vec![&one], vec![&two], vec![&one, &two], vec![&two, &one], vec![&one, &one]];
    let answers: Vec<(Response, Response)> = logs
        .iter()
        .map(|log| {
            let entries: Vec<Value> = log.iter().map(|&value| value.clone()).collect();
            (Response::Log(entries.clone()), Response::Value(entries.first().cloned()))
        })
        .collect();
    for consistency in [Consistency::Properties, Consistency::Linearizable] {
        let log = environment(Task::Log, consistency);
        let register = environment(Task::WriteOnceRegister, consistency);
        let mut pair =
            Pair { premise: &log, conclusion: &register, answers: &answers, histories: 0, violations: 0 };
        pair.explore(&log.start(), &register.start(), ROUNDS);
        assert!(pair.histories > 300 && pair.violations > 300, "{} {}", pair.histories, pair.violations);
    }
}

#[test]
fn a_linearizable_write_once_register_has_the_four_properties() {
    // The write-once register as a state machine: linearizability is more than the properties that
    // certificates use.
    let [one, two] = values();
    let answers =
        [None, Some(one), Some(two)].map(|value| (Response::Value(value.clone()), Response::Value(value)));
    let machine = environment(Task::WriteOnceRegister, Consistency::Linearizable);
    let register = environment(Task::WriteOnceRegister, Consistency::Properties);
    let mut pair =
        Pair { premise: &machine, conclusion: &register, answers: &answers, histories: 0, violations: 0 };
    pair.explore(&machine.start(), &register.start(), ROUNDS);
    assert!(pair.histories > 300 && pair.violations > 300, "{} {}", pair.histories, pair.violations);
}
