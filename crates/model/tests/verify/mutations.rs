//! Every change of one field of an execution.

use threeworlds_model::{
    Capability, Charge, Claim, Consistency, CrashDelivery, Execution, Fault, FaultClass, FaultModel, Process,
    Property, Request, Response, Round, SentMessage, Task, Timing, Value, Workload,
};

/// What was changed, the first round that it concerns (0 if it is not a matter of rounds), and the result.
pub(crate) struct Mutant {
    pub(crate) what: &'static str,
    pub(crate) round: usize,
    pub(crate) execution: Execution,
}

/// Collects the changed executions that differ from the original.
struct Mutants<'a> {
    original: &'a Execution,
    all: Vec<Mutant>,
}

impl Mutants<'_> {
    fn add(&mut self, what: &'static str, round: usize, change: impl FnOnce(&mut Execution)) {
        let mut execution = self.original.clone();
        change(&mut execution);
        if execution != *self.original {
            self.all.push(Mutant { what, round, execution });
        }
    }
}

/// All of them.
pub(crate) fn mutants(original: &Execution) -> Vec<Mutant> {
    let mut mutants = Mutants { original, all: Vec::new() };
    for at in 0..original.rounds.len() {
        of_messages(&mut mutants, at);
        of_requests(&mut mutants, at);
        of_responses(&mut mutants, at);
        of_crashes(&mut mutants, at);
        mutants.add("round left out", at + 1, |execution| drop(execution.rounds.remove(at)));
        mutants.add("round repeated", at + 1, |execution| {
            execution.rounds.insert(at, execution.rounds[at].clone());
        });
        mutants.add("round emptied", at + 1, |execution| execution.rounds[at] = Round::default());
        mutants.add("end left out", at + 1, |execution| execution.rounds.truncate(at));
    }
    mutants
        .add("round added", original.rounds.len() + 1, |execution| execution.rounds.push(Round::default()));
    of_faulty(&mut mutants);
    of_time_and_claim(&mut mutants);
    of_question(&mut mutants);
    mutants.all
}

fn processes(execution: &Execution) -> Vec<Process> {
    execution.question.system.processes().collect()
}

fn of_messages(mutants: &mut Mutants<'_>, at: usize) {
    let original = mutants.original;
    let all = processes(original);
    let messages = &original.rounds[at].messages;
    let mut charges: Vec<Option<Charge>> =
        all.iter().map(|&process| Some(Charge::Process(process))).collect();
    charges.extend([None, Some(Charge::Timing)]);
    for position in 0..messages.len() {
        for &charge in &charges {
            let what = match (messages[position].removed, charge) {
                (None, _) => "message removed",
                (Some(_), None) => "message not removed",
                _ => "charge",
            };
            mutants.add(what, at + 1, |execution| execution.rounds[at].messages[position].removed = charge);
        }
        mutants.add("words of a message", at + 1, |execution| {
            execution.rounds[at].messages[position].message = "Tell(1, [Value(\"C2\")])".into();
        });
        mutants.add("words of a message", at + 1, |execution| {
            execution.rounds[at].messages[position].message = serde_json::Value::Null;
        });
        for &process in &all {
            mutants.add("sender", at + 1, |execution| execution.rounds[at].messages[position].from = process);
            mutants.add("receiver", at + 1, |execution| execution.rounds[at].messages[position].to = process);
        }
        mutants.add("message left out", at + 1, |execution| {
            execution.rounds[at].messages.remove(position);
        });
        mutants.add("message added", at + 1, |execution| {
            let again = execution.rounds[at].messages[position].clone();
            execution.rounds[at].messages.insert(position, again);
        });
        mutants.add("order of messages", at + 1, |execution| {
            let messages = &mut execution.rounds[at].messages;
            let last = messages.len() - 1;
            messages.swap(position, last);
        });
    }
    for (&from, &to) in all.iter().flat_map(|from| all.iter().map(move |to| (from, to))) {
        for removed in [None, Some(Charge::Process(from))] {
            mutants.add("message added", at + 1, |execution| {
                let message = SentMessage { from, to, message: "Beat".into(), removed };
                execution.rounds[at].messages.push(message);
            });
        }
    }
}

fn of_requests(mutants: &mut Mutants<'_>, at: usize) {
    let original = mutants.original;
    let clients: Vec<Process> = original.question.system.client_ids().collect();
    let value = Value::new("C1");
    let others = [Request::Read {}, Request::Write { value: value.clone() }, Request::Append { value }];
    for &client in &clients {
        for request in others.iter().chain(original.question.workload.of(client)) {
            let what =
                if original.rounds[at].requests.contains_key(&client) { "request" } else { "request added" };
            mutants.add(what, at + 1, |execution| {
                execution.rounds[at].requests.insert(client, request.clone());
            });
        }
        mutants.add("request left out", at + 1, |execution| {
            execution.rounds[at].requests.remove(&client);
        });
        for other in 0..original.rounds.len() {
            if original.rounds[at].requests.contains_key(&client) {
                mutants.add("request moved", at.min(other) + 1, |execution| {
                    let request = execution.rounds[at].requests.remove(&client).unwrap();
                    execution.rounds[other].requests.insert(client, request);
                });
            }
        }
    }
}

fn of_responses(mutants: &mut Mutants<'_>, at: usize) {
    let original = mutants.original;
    let values = ["C1", "C2", "Z"].map(Value::new);
    let mut others = vec![Response::Value(None), Response::Log(Vec::new()), Response::Log(values.to_vec())];
    others.extend(values.iter().map(|value| Response::Value(Some(value.clone()))));
    others.extend(values.iter().map(|value| Response::Log(vec![value.clone()])));
    for client in original.question.system.client_ids() {
        let there = original.rounds[at].responses.contains_key(&client);
        for response in &others {
            mutants.add(if there { "response" } else { "response added" }, at + 1, |execution| {
                execution.rounds[at].responses.insert(client, response.clone());
            });
        }
        mutants.add("response left out", at + 1, |execution| {
            execution.rounds[at].responses.remove(&client);
        });
        for other in 0..original.rounds.len() {
            if there {
                mutants.add("response moved", at.min(other) + 1, |execution| {
                    let response = execution.rounds[at].responses.remove(&client).unwrap();
                    execution.rounds[other].responses.insert(client, response);
                });
            }
        }
    }
}

fn of_crashes(mutants: &mut Mutants<'_>, at: usize) {
    let original = mutants.original;
    for process in processes(original) {
        if !original.rounds[at].crashes.contains(&process) {
            mutants.add("crash added", at + 1, |execution| execution.rounds[at].crashes.push(process));
            continue;
        }
        let stays =
            |execution: &mut Execution| execution.rounds[at].crashes.retain(|other| *other != process);
        mutants.add("crash left out", at + 1, stays);
        for other in 0..original.rounds.len() {
            mutants.add("crash moved", at.min(other) + 1, |execution| {
                stays(execution);
                execution.rounds[other].crashes.push(process);
            });
        }
    }
}

fn of_faulty(mutants: &mut Mutants<'_>) {
    let original = mutants.original;
    for process in processes(original) {
        let there = original.faulty.contains_key(&process);
        for capability in
            [Capability::Crash, Capability::OmitSends, Capability::OmitReceives, Capability::OmitBoth]
        {
            mutants.add(if there { "capability" } else { "faulty process added" }, 0, |execution| {
                execution.faulty.insert(process, Fault(capability));
            });
        }
        mutants.add("faulty process left out", 0, |execution| {
            execution.faulty.remove(&process);
        });
    }
}

fn of_time_and_claim(mutants: &mut Mutants<'_>) {
    let last = u32::try_from(mutants.original.rounds.len()).unwrap();
    for round in (0..=last + 2).map(Some).chain([None, Some(u32::MAX)]) {
        mutants.add("GST", 0, |execution| execution.gst = round);
        mutants.add("loop", 0, |execution| execution.loop_from_round = round);
    }
    for &property in Property::ALL {
        mutants.add("claim", 0, |execution| {
            execution.claim = Some(Claim { property, explanation: "as it is".into() });
        });
    }
    mutants.add("claim left out", 0, |execution| execution.claim = None);
}

fn of_question(mutants: &mut Mutants<'_>) {
    let original = mutants.original;
    let rules = &original.question.fault_model.rules;
    let mut model = |what, change: &dyn Fn(&mut FaultModel)| {
        mutants.add(what, 0, |execution| {
            let mut model = execution.question.fault_model.clone();
            change(&mut model);
            execution.question = execution.question.clone().with_fault_model(model);
        });
    };
    for (rule, unchanged) in rules.iter().enumerate() {
        model("fault rule left out", &|model| drop(model.rules.remove(rule)));
        for at_most in 0..unchanged.processes.len() {
            if unchanged.class != FaultClass::None {
                model("number of a fault rule", &|model| model.rules[rule].at_most = at_most);
            }
        }
        for &class in FaultClass::ALL {
            model("class of a fault rule", &|model| {
                let one = &mut model.rules[rule];
                one.class = class;
                if class == FaultClass::None {
                    one.at_most = one.processes.len();
                }
            });
        }
        for process in 0..unchanged.processes.len() {
            model("processes of a fault rule", &|model| {
                let one = &mut model.rules[rule];
                one.processes.remove(process);
                one.at_most = one.at_most.min(one.processes.len());
                if one.processes.is_empty() {
                    model.rules.remove(rule);
                }
            });
        }
    }
    for &timing in Timing::ALL {
        mutants.add("timing", 0, |execution| execution.question.timing = timing);
    }
    for &delivery in CrashDelivery::ALL {
        mutants.add("crash delivery", 0, |execution| execution.question.crash_delivery = delivery);
    }
    for &consistency in Consistency::ALL {
        mutants.add("consistency", 0, |execution| execution.question.consistency = consistency);
    }
    for &task in Task::ALL {
        mutants.add("task", 0, |execution| execution.question = execution.question.clone().with_task(task));
    }
    let update = original.question.task.update();
    let (reads, both, two) = ("read", format!("{update}, read"), format!("c1: {update}; c2: {update}(C1)"));
    let texts: &[&str] = match original.question.task.machine() {
        None => &["none", reads, &both, &two, update],
        Some(_) => &["none"],
    };
    for text in texts {
        mutants.add("workload", 0, |execution| {
            let question = &mut execution.question;
            question.workload = Workload::parse(text, question.task, &question.system).unwrap();
        });
    }
}
