//! What a limit cuts short is unknown: a check that is stopped at any moment says the same as one that is
//! not, or says that it does not know.

use threeworlds_engine::{
    Judgement, Observer, Progress, Report, Stop, StopReason, Symmetric, check, check_any, check_with,
};
use threeworlds_model::{
    AnyProtocol, Consistency, FaultClass, Process, Protocol, Question, Request, Step, System, Task, Timing,
    Workload,
};
use threeworlds_protocols::{AtomicRegister, Majority, PrimaryBackup, Unreplicated};

/// Stops after so many looks.
struct After(usize);

impl Observer for After {
    fn observe(&mut self, _: &Progress) -> Option<StopReason> {
        let over = self.0 == 0;
        self.0 = self.0.saturating_sub(1);
        over.then_some(StopReason::Memory)
    }
}

/// Counts the looks.
#[derive(Default)]
struct Looks(usize);

impl Observer for Looks {
    fn observe(&mut self, _: &Progress) -> Option<StopReason> {
        self.0 += 1;
        None
    }
}

/// Counts the looks at levels of which all states were looked at and which are not done: what follows from them is being
/// put under its least names. Stops at the first if it is to.
struct AtTheEndOfLevels {
    looks: usize,
    stops: bool,
}

impl Observer for AtTheEndOfLevels {
    fn observe(&mut self, progress: &Progress) -> Option<StopReason> {
        let at_the_end = progress.frontier > 0 && progress.expanded == progress.frontier;
        self.looks += usize::from(at_the_end);
        (at_the_end && self.stops).then_some(StopReason::Time)
    }
}

fn primary_backup(question: &Question, observer: &mut dyn Observer) -> Report {
    let protocol = PrimaryBackup::new(&question.system).unwrap();
    check_any(question, "primary-backup", &AnyProtocol::new(protocol), observer).unwrap()
}

#[test]
fn stopped_at_any_look_it_is_the_same_or_unknown() {
    for class in [FaultClass::Crash, FaultClass::Omission, FaultClass::ReceiveOmission] {
        let question = Question::usual(2, 1, 2, class, FaultClass::Omission).unwrap();
        let mut looks = Looks::default();
        let whole = primary_backup(&question, &mut looks);
        assert_ne!(whole.verdict(), Judgement::Unknown);
        let mut unknown = 0;
        for stop in (0..looks.0).step_by(looks.0.div_ceil(40)) {
            let report = primary_backup(&question, &mut After(stop));
            for (cut, full) in [(report.safe, whole.safe), (report.live, whole.live)] {
                assert!(cut == full || cut == Judgement::Unknown, "{class}: {cut:?} after {stop} looks");
                unknown += usize::from(cut == Judgement::Unknown);
            }
            assert!(report.coverage.stop != Stop::Closed || report.coverage.judging_cut.is_some());
            assert!(report.coverage.states <= whole.coverage.states);
            assert!(report.worst_case_rounds.is_empty());
        }
        assert!(looks.0 > 5 && unknown > 0, "{class}: only {} looks", looks.0);
    }
}

#[test]
fn limits_are_observed_while_states_are_renamed() {
    let mut question = Question::usual(3, 1, 2, FaultClass::Omission, FaultClass::Omission).unwrap();
    question.task = Task::Register;
    question.workload = Workload::parse("write, read", Task::Register, &question.system).unwrap();
    question.rounds = Some(9);
    let protocol = AtomicRegister::new(&question.system);
    let look = |stops| {
        let mut observer = AtTheEndOfLevels { looks: 0, stops };
        let report = check_with(&question, "atomic-register", &protocol, &mut observer).unwrap();
        assert!(matches!(report.coverage.symmetry, Symmetric::Used { renamings: 2, .. }));
        (observer.looks, report)
    };
    let (looks, whole) = look(false);
    assert!(looks > 3, "only {looks} looks");
    assert_eq!(whole.coverage.stop, Stop::Cut(StopReason::Rounds));
    let (_, cut) = look(true);
    assert_eq!(cut.coverage.stop, Stop::Cut(StopReason::Time));
    assert_eq!((cut.safe, cut.live), (Judgement::Unknown, Judgement::Unknown));
    assert!(cut.coverage.rounds < whole.coverage.rounds && cut.coverage.states < whole.coverage.states);
}

#[test]
fn every_bound_on_rounds_gives_the_same_or_unknown() {
    let mut question = Question::usual(2, 1, 2, FaultClass::Omission, FaultClass::Omission).unwrap();
    for rounds in 0..14 {
        question.rounds = Some(rounds);
        let protocol = Majority::new(&question.system);
        let report = check(&question, &protocol).unwrap();
        // Two servers cannot outvote a failure: safe, and somebody waits for ever.
        let closed = report.coverage.stop == Stop::Closed;
        assert_eq!(
            report.safe,
            if closed { Judgement::Holds } else { Judgement::Unknown },
            "{rounds} rounds"
        );
        assert!(report.live != Judgement::Holds);
        assert!(report.coverage.rounds <= rounds);
    }
}

#[test]
fn a_violation_within_the_bound_is_a_violation() {
    let mut question = Question::usual(2, 1, 2, FaultClass::Omission, FaultClass::Omission).unwrap();
    for (rounds, safe) in [(3, Judgement::Unknown), (4, Judgement::Fails)] {
        question.rounds = Some(rounds);
        let report = primary_backup(&question, &mut Looks::default());
        assert_eq!(report.safe, safe);
        assert_eq!(report.safety_counterexample.is_some(), safe == Judgement::Fails);
    }
}

#[test]
fn the_worst_case_after_gst_does_not_count_the_time_before() {
    let mut question = Question::usual(1, 0, 1, FaultClass::None, FaultClass::Omission).unwrap();
    question.timing = Timing::PartialSynchrony;
    let report = check(&question, &Unreplicated).unwrap();
    assert_eq!(report.verdict(), Judgement::Holds);
    // A message each way: asked in round r, sent in r + 1, answered in r + 2.
    assert_eq!(report.worst_case_rounds["write"], 2);
    assert_eq!(report.worst_case_rounds["read"], 2);
}

#[test]
fn the_same_question_gives_the_same_report() {
    let question = Question::usual(2, 1, 2, FaultClass::Omission, FaultClass::Omission).unwrap();
    let texts = || {
        let report = primary_backup(&question, &mut Looks::default());
        let evidence: Vec<String> = report.evidence().into_iter().map(|execution| execution.text()).collect();
        (report.coverage, evidence)
    };
    assert_eq!(texts(), texts());
}

#[test]
fn too_many_faulty_sets_are_unknown_unless_the_three_worlds_decide() {
    let question = Question::usual(64, 32, 0, FaultClass::Omission, FaultClass::Omission).unwrap();
    let report = check(&question, &Unreplicated).unwrap();
    assert_eq!(report.verdict(), Judgement::Unknown);
    assert_eq!(report.coverage.stop, Stop::Cut(StopReason::FaultySets));
    let question = Question::usual(60, 30, 4, FaultClass::Omission, FaultClass::Omission).unwrap();
    let report = check(&question, &Unreplicated).unwrap();
    assert_eq!(report.live, Judgement::Fails);
}

#[test]
fn faulty_sets_are_counted_over_safety_and_every_client_together() {
    // 50,388 sets for safety and as many for the Termination of each client.
    let question = Question::usual(19, 7, 2, FaultClass::Omission, FaultClass::Crash).unwrap();
    let report = check(&question, &Unreplicated).unwrap();
    assert_eq!(report.verdict(), Judgement::Unknown);
    assert_eq!(report.coverage.stop, Stop::Cut(StopReason::FaultySets));
}

#[test]
fn too_many_pending_requests_to_linearize_are_unknown() {
    let mut question =
        Question::usual(1, 0, 9, FaultClass::None, FaultClass::None).unwrap().with_task(Task::Log);
    question.consistency = Consistency::Linearizable;
    let report = check(&question, &Silent).unwrap();
    assert_eq!(report.safe, Judgement::Unknown);
    assert_eq!(report.coverage.stop, Stop::Cut(StopReason::Linearizations));
}

/// Nobody sends anything, and nobody is answered.
struct Silent;

impl Protocol for Silent {
    type State = ();
    type Message = ();

    fn start(&self, _: Process, _: &System) -> Step<(), ()> {
        Step::quiet(())
    }

    fn step(&self, _: Process, _: &(), _: Option<&Request>, _: &[(Process, ())]) -> Step<(), ()> {
        Step::quiet(())
    }
}
