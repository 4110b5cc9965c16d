//! What can go wrong with a disk or with what was kept, and a violation that lies deep.

use std::collections::BTreeSet;

use threeworlds_engine::{Judgement, Keep, Quiet, Resources, check_any, check_within};
use threeworlds_model::{
    AnyProtocol, FaultClass, Process, Protocol, Question, Request, Response, Step, System, Timing, Value,
    Workload,
};
use threeworlds_protocols::BuiltIn;

use super::*;

fn question(name: &str, timing: Timing) -> (Question, AnyProtocol<'static>) {
    let mut question = Question::usual(2, 1, 2, FaultClass::Omission, FaultClass::Omission).unwrap();
    question.timing = timing;
    question.rounds = Some(30);
    let protocol = BuiltIn::parse(name).unwrap().protocol(&question.system).unwrap();
    (question, protocol)
}

#[test]
fn every_mode_says_the_same_of_built_in_protocols() {
    let few = [Mode::Threads(2), Mode::Words(2), Mode::Resumed(40)];
    for (name, timing, modes) in [
        ("primary-backup", Timing::LockStep, &MODES[..]),
        ("majority", Timing::LockStep, &few),
        ("unreplicated", Timing::PartialSynchrony, &MODES),
        // Its locks have ages.
        ("lock-commit", Timing::PartialSynchrony, &few),
    ] {
        let (question, protocol) = question(name, timing);
        let plain = said(&Mode::Plain.check(&question, &protocol).unwrap());
        for mode in modes {
            assert_eq!(said(&mode.check(&question, &protocol).unwrap()), plain, "{name}, {mode:?}");
        }
    }
}

#[test]
fn a_full_disk_is_an_error_and_no_verdict() {
    let (question, protocol) = question("primary-backup", Timing::LockStep);
    let plain = check_any(&question, "protocol", &protocol, &mut Quiet).unwrap();
    let room = Disk::new(usize::MAX);
    let with = |disk: &Disk| {
        let resources = Resources { storage: Some(disk), memory: Some(0), ..Resources::default() };
        check_within(&question, "protocol", &protocol, resources, &mut Quiet)
    };
    assert_eq!(said(&with(&room).unwrap()), said(&plain));
    let most = room.used();
    assert!(most > 10_000, "only {most} bytes went to the disk");
    for room in (0..most).step_by(most / 12) {
        let error = with(&Disk::new(room)).unwrap_err();
        assert_eq!(error.to_string(), "the disk is full");
    }
    assert!(with(&Disk::new(most)).is_ok());
}

#[test]
fn what_was_kept_is_whole_and_of_the_same_search_or_an_error() {
    let (question, protocol) = question("majority", Timing::LockStep);
    let folder = Folder::default();
    let with = |protocol: &AnyProtocol<'_>, identity, resume| {
        let levels = Some(Keep { checkpoints: &folder, identity, resume });
        let resources = Resources { levels, ..Resources::default() };
        check_within(&question, "protocol", protocol, resources, &mut Quiet)
    };
    let wrong =
        |protocol: &AnyProtocol<'_>, identity| with(protocol, identity, true).unwrap_err().to_string();
    let plain = said(&with(&protocol, "one", false).unwrap());
    let levels = folder.levels.lock().unwrap().clone();
    assert!(levels.len() > 5);
    assert_eq!(said(&with(&protocol, "one", true).unwrap()), plain);
    assert!(wrong(&protocol, "another").contains("level 1: it is of another question"));

    let (_, other) = self::question("lock-commit", Timing::LockStep);
    assert!(wrong(&other, "one").contains("the protocol does something else now"));

    for level in [1, 3] {
        let whole = &levels[&level];
        for at in [0, 30, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            folder.levels.lock().unwrap().insert(level, damaged);
            assert!(
                wrong(&protocol, "one").contains(&format!("level {level}: it is damaged")),
                "{level} {at}"
            );
            folder.levels.lock().unwrap().insert(level, whole[..at].to_vec());
            assert!(
                wrong(&protocol, "one").contains(&format!("level {level}: it is damaged")),
                "{level} {at}"
            );
        }
        folder.levels.lock().unwrap().insert(level, whole.clone());
    }
    folder.levels.lock().unwrap().clear();
    assert!(wrong(&protocol, "one").contains("there is nothing to resume"));
}

/// Tells the only value there is, until after many rounds in which a server heard the other one by turns: then it
/// tells a value that nobody wrote. The rest of what servers remember makes the space large.
#[derive(Debug)]
struct Deep;

/// How many right rounds it takes.
const DEPTH: u8 = 9;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct DeepState {
    system: System,
    right: u8,
    heard: BTreeSet<Process>,
    asked: bool,
}

impl Protocol for Deep {
    type State = DeepState;
    type Message = u8;

    fn start(&self, me: Process, system: &System) -> Step<DeepState, u8> {
        let state = DeepState { system: *system, right: 0, heard: BTreeSet::new(), asked: false };
        Step { send: Deep::send(me, &state), state, response: None }
    }

    fn step(
        &self,
        me: Process,
        state: &DeepState,
        request: Option<&Request>,
        received: &[(Process, u8)],
    ) -> Step<DeepState, u8> {
        let mut next = state.clone();
        next.heard = received.iter().map(|(from, _)| *from).collect();
        next.asked |= request.is_some();
        let mut response = None;
        if me.is_client() {
            if let (true, Some((_, told))) = (next.asked, received.first()) {
                let value = if *told == DEPTH { "C2" } else { "C1" };
                response = Some(Response::Value(Some(Value::new(value))));
                next.asked = false;
            }
        } else {
            let others = received.iter().filter(|(from, _)| !from.is_client()).count();
            let right = others == usize::from(state.right % 2);
            next.right = if right { (state.right + 1).min(DEPTH) } else { 0 };
        }
        Step { send: Deep::send(me, &next), state: next, response }
    }
}

impl Deep {
    fn send(me: Process, state: &DeepState) -> Vec<(Process, u8)> {
        let told = if state.right == DEPTH && me == Process::Server(1) { DEPTH } else { 0 };
        let all = state.system.processes().filter(|&to| to != me && state.system.linked(me, to));
        all.map(|to| (to, told)).collect()
    }
}

#[test]
fn a_violation_deep_in_a_large_space_is_equally_short_in_every_mode() {
    let mut question = Question::usual(2, 1, 2, FaultClass::Omission, FaultClass::None).unwrap();
    question.rounds = Some(40);
    let requests = "c1: write(C1), read; c2: none";
    question.workload = Workload::parse(requests, question.task, &question.system).unwrap();
    let protocol = AnyProtocol::new(Deep);
    let plain = Mode::Plain.check(&question, &protocol).unwrap();
    assert_eq!(plain.safe, Judgement::Fails);
    let rounds = plain.safety_counterexample.as_ref().unwrap().rounds.len();
    assert!(rounds > usize::from(DEPTH), "only {rounds} rounds");
    for mode in MODES {
        let report = mode.check(&question, &protocol).unwrap();
        assert_eq!(said(&report), said(&plain), "{mode:?}");
    }
}
