//! `prove` and `check` against each other: the worlds of every certificate are run on every built-in
//! protocol, which has to do what the certificate says; and no protocol holds where a proof says that none
//! can.

use std::collections::{BTreeMap, BTreeSet};

use threeworlds_certificate::{Certificate, Given, Servers, Step, Task, Timing};
use threeworlds_engine::{Judgement, Observer, Progress, Scope, StopReason, check_any, prove};
use threeworlds_model::{
    AnyProtocol, Capability, Charge, Execution, Fault, FaultClass, Moves, Process, Question, Replay,
    Response, Value, ViewRound, Workload, verify,
};
use threeworlds_protocols::all;

/// Rounds that an epoch lasts: more than any of the protocols takes to answer, if it does.
const EPOCH: usize = 40;

fn claim(question: &Question) -> threeworlds_certificate::Claim {
    threeworlds_certificate::Claim {
        system: question.system,
        servers: Servers::Exactly,
        fault_model: question.fault_model.clone(),
        timing: match question.timing {
            threeworlds_model::Timing::LockStep => Timing::LockStep,
            threeworlds_model::Timing::PartialSynchrony => Timing::PartialSynchrony,
        },
        task: Task::WriteOnceRegister,
        rounds: None,
    }
}

fn certificate(question: &Question) -> Option<Certificate> {
    prove(&claim(question), Scope::default(), &mut threeworlds_engine::Quiet).unwrap().certificate
}

/// Every pair of fault classes, both timings.
fn questions(servers: usize, faults: usize) -> Vec<Question> {
    let mut questions = Vec::new();
    for &server_class in FaultClass::ALL {
        for &client_class in FaultClass::ALL {
            for &timing in threeworlds_model::Timing::ALL {
                let mut question = Question::usual(servers, faults, 2, server_class, client_class).unwrap();
                question.timing = timing;
                question.rounds = Some(60);
                questions.push(question);
            }
        }
    }
    questions
}

/// Runs a world of a certificate as an execution, an epoch being [`EPOCH`] rounds.
struct Play<'a> {
    question: &'a Question,
    certificate: &'a Certificate,
    world: usize,
}

impl Play<'_> {
    fn run(self, mut steps: &AnyProtocol<'_>) -> Execution {
        let Certificate { blocks, worlds, .. } = self.certificate;
        let world = &worlds[self.world];
        let block_of: BTreeMap<Process, usize> = (0..)
            .zip(blocks)
            .flat_map(|(number, block)| block.members.iter().map(move |&member| (member, number)))
            .collect();
        let fault = |process: Process| world.faulty[block_of[&process]];
        let stopped = |process: Process, epoch: usize| world.stopped(block_of[&process], epoch);
        let mut question = self.question.clone();
        question.workload = Workload::parse("write", question.task, &question.system).unwrap();
        let mut replay = Replay::new(&question, &mut steps).unwrap();
        let mut timed = false;
        for (epoch, phase) in world.phases.iter().enumerate() {
            for round in 0..EPOCH {
                let mut moves = Moves::default();
                if round == 0 {
                    moves.requests =
                        phase.requests.iter().map(|(block, _)| blocks[*block].members[0]).collect();
                    let stops = |process: &Process| {
                        stopped(*process, epoch) && !(epoch > 0 && stopped(*process, epoch - 1))
                    };
                    moves.crashes = question.system.processes().filter(stops).collect();
                }
                for (from, to) in replay.sending().collect::<Vec<_>>() {
                    if stopped(to, epoch) || !world.is_blocked(epoch, (block_of[&from], block_of[&to])) {
                        continue;
                    }
                    let omits = |process: Process, sends: bool| {
                        fault(process).is_some_and(|fault| match sends {
                            true => fault.capability.omits_sends() || fault.capability == Capability::Crash,
                            false => fault.capability.omits_receives(),
                        })
                    };
                    let charge = if omits(from, true) {
                        Charge::Process(from)
                    } else if omits(to, false) {
                        Charge::Process(to)
                    } else {
                        timed = true;
                        Charge::Timing
                    };
                    moves.removed.insert((from, to), charge);
                }
                replay.round(&moves).unwrap();
            }
        }
        let mut execution = Execution::new(&world.name, "under test", question.clone());
        let faulty = question.system.processes().filter_map(|process| Some((process, fault(process)?)));
        execution.faulty = faulty.map(|(process, fault)| (process, Fault(fault.capability))).collect();
        let has_gst = question.timing == threeworlds_model::Timing::PartialSynchrony;
        execution.gst = (has_gst && !timed).then_some(1);
        execution.rounds = replay.into_rounds();
        // The model's own judge: the world is one that the question admits.
        let judged = verify(&execution, steps);
        assert!(judged.is_ok(), "{}: {judged:?}", world.name);
        execution
    }
}

fn seen(execution: &Execution, client: Process, rounds: usize) -> Vec<ViewRound> {
    execution.view(client).rounds.into_iter().take(rounds).collect()
}

fn answer(execution: &Execution, client: Process, rounds: usize) -> Option<Value> {
    execution.rounds[..rounds].iter().find_map(|round| match round.responses.get(&client) {
        Some(Response::Value(value)) => value.clone(),
        _ => None,
    })
}

#[test]
fn the_worlds_of_a_certificate_do_to_every_protocol_what_it_says() {
    let mut splits = BTreeSet::new();
    let mut stalls = BTreeSet::new();
    let mut certificates = 0;
    for question in questions(2, 1).into_iter().chain(questions(3, 2)) {
        let Some(certificate) = certificate(&question) else { continue };
        certificates += 1;
        for protocol in all().iter().filter(|one| one.task == question.task).map(|one| one.built_in) {
            let Ok(any) = protocol.protocol(&question.system) else { continue };
            let play = |world| Play { question: &question, certificate: &certificate, world };
            let executions: Vec<Execution> =
                (0..certificate.worlds.len()).map(|world| play(world).run(&any)).collect();
            let client = |given: &Given| certificate.blocks[given.client].members[0];
            let end = |given: &Given| (given.phase + 1) * EPOCH;
            let told = |given: &Given| answer(&executions[given.world], client(given), end(given));
            let (mut unanswered, mut contradicted) = (false, false);
            for step in &certificate.argument {
                match step {
                    Step::Forced(given) => unanswered |= told(given).is_none(),
                    Step::Indistinguishable(one, other) => {
                        let of = |given: &Given| seen(&executions[given.world], client(given), end(given));
                        assert_eq!(of(one), of(other), "{protocol}: {} sees a difference", client(one));
                        assert_eq!(told(one), told(other));
                    }
                    Step::Values(given, values) => {
                        contradicted |= told(given).is_some_and(|value| !values.contains(&Some(value)));
                    }
                    Step::Agreement(one, other) => {
                        contradicted |=
                            matches!((told(one), told(other)), (Some(one), Some(other)) if one != other);
                    }
                    Step::Contradiction(_) => {}
                }
            }
            assert!(
                unanswered || contradicted,
                "{protocol} does what {} says is impossible",
                certificate.text()
            );
            if contradicted {
                splits.insert(protocol.name())
            } else {
                stalls.insert(protocol.name())
            };
        }
    }
    assert!(certificates > 20, "{certificates}");
    assert!(splits.contains("primary-backup") && stalls.contains("majority"), "{splits:?} {stalls:?}");
}

/// Gives up after so many states: a check that does not end soon contradicts nothing.
struct Few;

impl Observer for Few {
    fn observe(&mut self, progress: &Progress) -> Option<StopReason> {
        (progress.states > 6_000).then_some(StopReason::Memory)
    }
}

#[test]
fn no_protocol_holds_where_a_proof_says_that_none_can() {
    let mut against = 0;
    for question in questions(1, 1).into_iter().chain(questions(2, 1)) {
        if certificate(&question).is_none() {
            continue;
        }
        for protocol in all().iter().filter(|one| one.task == question.task).map(|one| one.built_in) {
            if protocol.suits(&question.system).is_ok() {
                let any = protocol.protocol(&question.system).unwrap();
                let verdict = check_any(&question, "under test", &any, &mut Few).unwrap().verdict();
                assert_ne!(verdict, Judgement::Holds, "{protocol}: {:?}", question.fault_model);
                assert!(!protocol.covers(&question), "{protocol} is said to cover what is impossible");
                against += usize::from(verdict == Judgement::Fails);
            }
        }
    }
    assert!(against > 60, "{against}");
}
