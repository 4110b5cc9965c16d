use serde_json::{Value as Json, json};
use threeworlds_attack::{
    Ask, Brief, Event, Journal, KvRequest, Link, Medium, Outcome, Plan, Roles, Step, What, Workload,
};
use threeworlds_model::{FaultClass, Process, Question};

/// The usual question with omissions.
pub(crate) fn question(servers: usize, faults: usize, clients: usize) -> Question {
    Question::usual(servers, faults, clients, FaultClass::Omission, FaultClass::Omission).unwrap()
}

pub(crate) fn brief(question: &Question, workload: Workload) -> Brief<'_> {
    Brief {
        question,
        workload,
        roles: Roles::LeaderFirst,
        deadline_milliseconds: 10_000,
        settle_milliseconds: 500,
        beyond: false,
        medium: Medium::Messages,
    }
}

pub(crate) fn process(name: &str) -> Process {
    name.parse().unwrap()
}

pub(crate) fn names(processes: &[Process]) -> String {
    processes.iter().map(Process::to_string).collect::<Vec<_>>().join(" ")
}

/// Writes a journal as one would tell it.
#[derive(Default)]
pub(crate) struct Tale {
    pub(crate) journal: Journal,
    now: u64,
    operations: usize,
}

impl Tale {
    pub(crate) fn event(&mut self, what: What) -> &mut Self {
        self.now += 1_000;
        self.journal.events.push(Event { at: self.now, what });
        self
    }

    /// Time goes by.
    pub(crate) fn seconds(&mut self, seconds: u64) -> &mut Self {
        self.now += seconds * 1_000_000;
        self
    }

    /// These links are cut, and probes see it.
    pub(crate) fn cut(&mut self, links: &[Link]) -> &mut Self {
        self.event(What::Cut { links: links.to_vec() });
        for &link in links {
            self.event(What::Probed { link, arrived: false });
        }
        self
    }

    /// Everything is healed, and probes see it.
    pub(crate) fn heal(&mut self, links: &[Link]) -> &mut Self {
        self.event(What::Cut { links: Vec::new() });
        for &link in links {
            self.event(What::Probed { link, arrived: true });
        }
        self
    }

    /// An operation begins; its number.
    pub(crate) fn call(&mut self, client: &str, server: &str, request: KvRequest) -> usize {
        let operation = self.operations;
        self.operations += 1;
        self.event(What::Called { operation, client: process(client), server: process(server), request });
        operation
    }

    pub(crate) fn end(&mut self, operation: usize, outcome: Outcome) -> &mut Self {
        self.event(What::Ended { operation, outcome })
    }

    pub(crate) fn answered(&mut self, client: &str, request: KvRequest, answer: Option<Json>) -> &mut Self {
        self.event(What::Answered { client: process(client), request, answer })
    }

    /// A request of one operation, from the question to the answer.
    pub(crate) fn asks(
        &mut self,
        client: &str,
        server: &str,
        request: KvRequest,
        answer: Option<Json>,
    ) -> &mut Self {
        let operation = self.call(client, server, request.clone());
        let outcome = match (&answer, &request) {
            (None, _) => {
                self.seconds(10);
                Outcome::Unknown { why: "no answer".to_owned() }
            }
            (Some(_), KvRequest::Write { .. } | KvRequest::Cas { .. }) => Outcome::Ok(None),
            (Some(value), _) => Outcome::Ok(Some(value.clone())),
        };
        self.end(operation, outcome);
        self.answered(client, request, answer)
    }
}

pub(crate) fn read() -> KvRequest {
    KvRequest::Read { key: json!(1) }
}

pub(crate) fn write(value: i64) -> KvRequest {
    KvRequest::Write { key: json!(1), value: json!(value) }
}

pub(crate) fn cas(from: i64, to: i64) -> KvRequest {
    KvRequest::Cas { key: json!(1), from: json!(from), to: json!(to) }
}

pub(crate) fn once(value: i64) -> KvRequest {
    KvRequest::WriteOnce { key: json!(1), value: json!(value) }
}

/// A plan of two servers and two clients.
pub(crate) fn plan(workload: Workload, steps: Vec<Step>) -> Plan {
    let mut plan = Plan {
        name: "a plan".to_owned(),
        servers: 2,
        clients: 2,
        workload,
        roles: Roles::Fixed,
        faulty: Vec::new(),
        within_budget: false,
        steps,
    };
    plan.explain(&question(2, 1, 2).fault_model);
    plan
}

pub(crate) fn ask(client: &str, request: KvRequest) -> Step {
    let servers = vec![process("s1"), process("s2")];
    Step::Ask(Ask { client: process(client), request, servers, deadline_milliseconds: 10_000 })
}

/// Links in the notation of plan files.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let steps = json!([{"cut": [text]}]);
    match serde_json::from_value::<Vec<Step>>(steps).unwrap().remove(0) {
        Step::Cut(links) => links,
        _ => unreachable!("it was a cut"),
    }
}
