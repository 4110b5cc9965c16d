//! What protocols say of processes that they treat alike: with it everything is judged as without, and those that say
//! less than others would be found out if they said as much.
//!
//! `THREEWORLDS_FULL=1` looks at every size and timing.

use threeworlds_engine::{CheckError, ExploreError, Quiet, Report, Resources, Symmetric, check_within};
use threeworlds_model::{
    AlikeClients, AnyProtocol, FaultClass, Process, Protocol, Question, Renaming, Request, Step, StepError,
    Symmetry, System, Timing,
};
use threeworlds_protocols::{BuiltIn, Visitor, all, broken};

use super::with_workload;

/// A protocol that says of itself what another would.
struct Says<P>(P, Symmetry);

impl<P: Protocol> Protocol for Says<P> {
    type State = P::State;
    type Message = P::Message;

    fn start(&self, me: Process, system: &System) -> Step<P::State, P::Message> {
        self.0.start(me, system)
    }

    fn step(
        &self,
        me: Process,
        state: &P::State,
        request: Option<&Request>,
        received: &[(Process, P::Message)],
    ) -> Step<P::State, P::Message> {
        self.0.step(me, state, request, received)
    }

    fn symmetry(&self) -> Symmetry {
        self.1
    }

    fn rename_state(&self, state: &mut P::State, renaming: &Renaming) {
        self.0.rename_state(state, renaming);
    }

    fn rename_message(&self, message: &mut P::Message, renaming: &Renaming) {
        self.0.rename_message(message, renaming);
    }
}

fn every() -> Vec<BuiltIn> {
    let of_broken = broken().iter().map(|broken| broken.description.built_in);
    all().iter().map(|description| description.built_in).chain(of_broken).collect()
}

fn question(protocol: BuiltIn, (servers, clients): (usize, usize), class: FaultClass) -> Option<Question> {
    let mut question = Question::usual(servers, 1, clients, class, FaultClass::Omission).unwrap();
    question.task = protocol.task();
    protocol.suits(&question.system).ok()?;
    Some(question)
}

fn judged(question: &Question, steps: &AnyProtocol<'_>, symmetry: bool) -> Report {
    let resources = Resources { symmetry, ..Resources::default() };
    check_within(question, "protocol", steps, resources, &mut Quiet).unwrap()
}

/// All that symmetry changes nothing of.
fn said(report: &Report) -> String {
    let length = |found: &Option<threeworlds_model::Execution>| {
        found.as_ref().map(|one| (one.rounds.len(), one.removed(), one.faulty.len()))
    };
    let Report { safe, live, property, worst_case_rounds, .. } = report;
    let (safety, lasso) = (length(&report.safety_counterexample), length(&report.liveness_counterexample));
    format!("{safe:?} {live:?} {property:?} {worst_case_rounds:?} {safety:?} {lasso:?}")
}

#[test]
fn with_clients_that_are_alike_everything_is_judged_as_without() {
    let full = std::env::var_os("THREEWORLDS_FULL").is_some();
    let mut used = Vec::new();
    for protocol in every() {
        let update = protocol.task().update();
        for servers in 1..=3 {
            // One with many servers and clients that are alike is enough where it has to be quick.
            if !full && (servers == 1 || (servers == 3 && protocol != BuiltIn::ReceiveOmission)) {
                continue;
            }
            for (clients, workload) in [
                (2, "read".to_owned()),
                (3, format!("c2: {update}; c1,c3: read")),
                (3, format!("c1,c3: {update}(B); c2: {update}(A)")),
            ] {
                for (class, timing) in [
                    (FaultClass::Crash, Timing::LockStep),
                    (FaultClass::Omission, Timing::LockStep),
                    (FaultClass::Omission, Timing::PartialSynchrony),
                ] {
                    if !full && (clients, timing) == (3, Timing::PartialSynchrony) {
                        continue;
                    }
                    let Some(question) = question(protocol, (servers, clients), class) else { continue };
                    let steps = protocol.protocol(&question.system).unwrap();
                    if steps.symmetry().clients == AlikeClients::None {
                        continue;
                    }
                    let mut question = with_workload(Question { timing, ..question }, &workload);
                    question.rounds = Some(3);
                    let (with, without) = (judged(&question, &steps, true), judged(&question, &steps, false));
                    let what = format!("{} {servers} {workload} {class} {timing}", protocol.name());
                    assert_eq!(said(&with), said(&without), "{what}");
                    assert_eq!(with.coverage.rounds, without.coverage.rounds, "{what}");
                    if let Symmetric::Used { names, renamings, .. } = with.coverage.symmetry {
                        assert!(with.coverage.states < without.coverage.states, "{what}");
                        used.push((protocol, names.name(), workload.contains("(B)"), renamings));
                        if full {
                            println!("{what}: {} and {}", without.coverage.states, with.coverage.states);
                        }
                    }
                }
            }
        }
    }
    // Protocols in whose questions above clients changed places.
    let among = |writers: bool| {
        let clients = used.iter().filter(|(_, names, same, _)| names.contains("clients") && *same == writers);
        let mut names: Vec<&str> = clients.map(|(protocol, ..)| protocol.name()).collect();
        names.dedup();
        names
    };
    let of_readers = [
        "primary-backup",
        "ranked-backup",
        "ordered-backup",
        "receive-omission",
        "send-omission",
        "client-peers",
        "client-blame",
        "majority",
        "signed-primary-backup",
        "atomic-register",
    ];
    assert_eq!(among(false)[..of_readers.len()], of_readers);
    assert_eq!(among(true), ["client-peers"]);
    assert!(used.iter().any(|&(.., renamings)| renamings == 4), "two servers and two clients");
}

/// Whether it is found out, where one server may crash and clients ask for this.
fn found_out(protocol: BuiltIn, symmetry: Symmetry, clients: usize, workload: &str) -> bool {
    struct Check<'a>(&'a Question, Symmetry);
    impl Visitor for Check<'_> {
        type Output = Result<Report, CheckError>;
        fn visit<P: Protocol>(self, protocol: P) -> Self::Output {
            let steps = AnyProtocol::new(Says(protocol, self.1));
            check_within(self.0, "protocol", &steps, Resources::default(), &mut Quiet)
        }
    }
    let servers =
        [2, 3].into_iter().find_map(|servers| question(protocol, (servers, clients), FaultClass::Crash));
    let mut question = with_workload(servers.expect("it suits two or three"), workload);
    question.rounds = Some(3);
    match protocol.visit(&question.system, Check(&question, symmetry)).unwrap() {
        Err(CheckError::Protocol(ExploreError::Step(StepError::Asymmetric(_)))) => true,
        Err(other) => panic!("{}: {other}", protocol.name()),
        Ok(report) => {
            assert!(matches!(report.coverage.symmetry, Symmetric::Used { .. }));
            false
        }
    }
}

#[test]
fn who_would_say_more_would_be_found_out() {
    let clients = |clients| Symmetry { servers: false, clients };
    for protocol in [
        // A read before a write in one round is answered with bottom, one after it with the value.
        BuiltIn::Unreplicated,
        BuiltIn::UnreplicatedWitness,
        // The lowest client leads.
        BuiltIn::ClientRelay,
    ] {
        assert!(found_out(protocol, Symmetry::READERS, 3, "c2: write; c1,c3: read"), "{}", protocol.name());
    }
    for protocol in [
        BuiltIn::PrimaryBackup,
        BuiltIn::RankedBackup,
        BuiltIn::OrderedBackup,
        BuiltIn::ReceiveOmission,
        BuiltIn::SendOmission,
        BuiltIn::ClientBlame,
        BuiltIn::Majority,
        BuiltIn::AtomicRegister,
    ] {
        let same = clients(AlikeClients::SameRequests);
        // The lowest client that writes decides, or the highest.
        assert!(found_out(protocol, same, 3, "c1,c3: write(B); c2: write(A)"), "{}", protocol.name());
        assert!(!found_out(protocol, Symmetry::READERS, 3, "c2: write; c1,c3: read"), "{}", protocol.name());
    }
    let protocol = BuiltIn::ClientPeers;
    assert!(!found_out(protocol, clients(AlikeClients::SameRequests), 3, "c1,c3: write(B); c2: write(A)"));
    assert!(found_out(protocol, clients(AlikeClients::All), 2, "write"), "the least value decides");
    for protocol in [BuiltIn::PrimaryBackup, BuiltIn::RankedBackup, BuiltIn::SendOmission] {
        assert!(found_out(protocol, Symmetry::SERVERS, 2, "write"), "{}", protocol.name());
    }
}
