//! What `verify` accepts against a second opinion: every change of a single thing in the proofs of the known
//! map, and two changes at random, are no certificate, rejected, or proofs by an independent check too.

mod mutations;

use std::collections::BTreeMap;

use serde_json::Value as Json;
use threeworlds_certificate::{Certificate, Claim, Servers, Task, Timing, verify};
use threeworlds_engine::{BoundedOutcome, BoundedQuestion, Quiet, Scope, decide_rounds, prove};
use threeworlds_model::{FaultClass, FaultModel, FaultRule, System};

use mutations::edits::mutations;
use mutations::naive::proves;

/// Two changes at once, at random, for each certificate.
const PAIRS: usize = 2_000;

fn system(servers: u16, clients: u16, client_links: bool) -> System {
    System { servers, clients, faults: 0, client_links }
}

fn claim(servers: u16, faults: usize, of_servers: FaultClass, of_clients: FaultClass) -> Claim {
    let system = system(servers, 2, false);
    Claim {
        system,
        servers: Servers::Exactly,
        fault_model: FaultModel::usual(&system, faults, of_servers, of_clients),
        timing: Timing::LockStep,
        task: Task::WriteOnceRegister,
        rounds: None,
    }
}

fn rounds(system: System, rules: &[&str], rounds: u32) -> Certificate {
    let rules = rules.iter().map(|rule| FaultRule::parse(rule, &system).unwrap()).collect();
    let question = BoundedQuestion::new(system, FaultModel { rules }).unwrap();
    let outcome = decide_rounds(&question, rounds, &mut Quiet).unwrap().outcome;
    let BoundedOutcome::Impossible { certificate, .. } = outcome else {
        panic!("{rounds} rounds are enough")
    };
    *certificate
}

/// The certificates of the known map.
fn certificates() -> Vec<(&'static str, Certificate)> {
    use FaultClass::{Crash, Omission, SendOmission, SendOrReceiveOmission};
    let omission = || claim(2, 1, Omission, Omission);
    let any = Servers::UpToTimesFaults(1);
    let claims = [
        ("omission", omission()),
        ("omission, groups", claim(4, 2, Omission, Omission)),
        ("omission, any number", Claim { servers: any, ..omission() }),
        (
            "crash, late, any number",
            Claim { servers: any, timing: Timing::PartialSynchrony, ..claim(2, 1, Crash, Crash) },
        ),
        ("send or receive", claim(2, 1, SendOrReceiveOmission, SendOrReceiveOmission)),
        ("crash, late", Claim { timing: Timing::PartialSynchrony, ..claim(2, 1, Crash, Crash) }),
        ("register", Claim { timing: Timing::Asynchrony, task: Task::Register, ..claim(2, 1, Crash, Crash) }),
        ("one server", claim(1, 1, Crash, Omission)),
        ("send-omission clients", claim(3, 2, Omission, SendOmission)),
        ("log", Claim { task: Task::Log, ..omission() }),
        ("state machine", Claim { task: Task::StateMachine, timing: Timing::Asynchrony, ..omission() }),
        ("register, omission", Claim { task: Task::Register, ..omission() }),
    ];
    let found = |claim: &Claim| prove(claim, Scope::default(), &mut Quiet).unwrap().certificate;
    let mut all: Vec<(&str, Certificate)> = claims
        .iter()
        .map(|(name, claim)| (*name, found(claim).unwrap_or_else(|| panic!("no proof: {name}"))))
        .collect();
    let rules = ["1 of servers: omission", "any of clients: omission"];
    all.push(("rounds, omission", rounds(system(2, 2, false), &rules, 2)));
    let rules = ["1 of servers: crash", "any of clients: crash"];
    all.push(("rounds, crash", rounds(system(1, 2, false), &rules, 3)));
    let rules = ["1 of servers: crash", "any of clients: omission"];
    all.push(("rounds, crash, omission", rounds(system(2, 2, false), &rules, 2)));
    all
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    unreadable: usize,
    rejected: usize,
    /// Of the rejected: proofs all the same.
    strict: usize,
    proofs: usize,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.unreadable += other.unreadable;
        self.rejected += other.rejected;
        self.strict += other.strict;
        self.proofs += other.proofs;
    }
}

/// What becomes of a mutant; an error where it is accepted and proves nothing.
fn judge(mutant: &Json) -> Result<Counts, String> {
    let mut counts = Counts::default();
    let certificate = match Certificate::parse(&mutant.to_string()) {
        Ok(certificate) => certificate,
        Err(error) => {
            counts.unreadable = 1;
            return if error.to_string().is_empty() { Err("no reason".to_owned()) } else { Ok(counts) };
        }
    };
    match (verify(&certificate), proves(mutant)) {
        (Ok(()), Ok(())) => counts.proofs = 1,
        (Ok(()), Err(reason)) => return Err(format!("accepted, though: {reason}")),
        (Err(rejected), proof) => {
            let places = ["claim", "groups", "world ", "step ", "argument"];
            if rejected.reason.is_empty() || !places.iter().any(|place| rejected.place.starts_with(place)) {
                return Err(format!("no place or no reason: {rejected}"));
            }
            counts.rejected = 1;
            counts.strict = usize::from(proof.is_ok());
            if proof.is_ok() && std::env::var_os("STRICT").is_some() {
                println!("STRICT {rejected}");
            }
        }
    }
    Ok(counts)
}

#[test]
fn what_verify_accepts_of_changed_proofs_is_a_proof() {
    let mut random = 1_u64;
    let mut pick = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let mut total = Counts::default();
    let mut by_kind: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, certificate) in certificates() {
        let document = certificate.json();
        proves(&document).unwrap_or_else(|reason| panic!("{name}: {reason}\n{}", certificate.text()));
        let mutations = mutations(&document);
        let mut of_certificate = Counts::default();
        for mutation in &mutations {
            let mutant = mutation.of(&document);
            match judge(&mutant) {
                Ok(counts) => {
                    of_certificate.add(counts);
                    by_kind.entry(mutation.what).or_default().add(counts);
                }
                Err(error) => wrong.push(format!("{name}, {mutation:?}: {error}\n{mutant}")),
            }
        }
        let mut of_pairs = Counts::default();
        for _ in 0..PAIRS {
            let (one, other) = (&mutations[pick(mutations.len())], &mutations[pick(mutations.len())]);
            let mutant = other.of(&one.of(&document));
            match judge(&mutant) {
                Ok(counts) => of_pairs.add(counts),
                Err(error) => wrong.push(format!("{name}, {one:?}, {other:?}: {error}\n{mutant}")),
            }
        }
        println!("{name}: {} worlds, {of_certificate:?}; pairs: {of_pairs:?}", certificate.worlds.len());
        total.add(of_certificate);
    }
    by_kind.iter().for_each(|(what, counts)| println!("{what}: {counts:?}"));
    println!("{total:?}");
    assert!(wrong.is_empty(), "{} of them, such as {}", wrong.len(), wrong[0]);
}
