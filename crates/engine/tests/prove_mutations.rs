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

/// How often several changes are made at once, at random, for each certificate.
const SEVERAL: usize = 2_000;

fn system(servers: u16, clients: u16, client_links: bool) -> System {
    System { servers, clients, faults: 0, client_links }
}

fn claim(system: System, faults: usize, of_servers: FaultClass, of_clients: FaultClass) -> Claim {
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

/// Proofs of what is known to be impossible.
fn certificates() -> Vec<(&'static str, Certificate)> {
    use FaultClass::{Crash, Omission, SendOmission, SendOrReceiveOmission};
    let pair = system(2, 2, false);
    let omission = || claim(pair, 1, Omission, Omission);
    let crash = || claim(pair, 1, Crash, Crash);
    let any = Servers::UpToTimesFaults(1);
    let (late, asynchronous) = (Timing::PartialSynchrony, Timing::Asynchrony);
    let claims = [
        ("omission", omission()),
        ("groups", claim(system(4, 2, false), 2, Omission, Omission)),
        ("any number", Claim { servers: any, ..omission() }),
        ("any number, late", Claim { servers: any, timing: late, ..crash() }),
        ("send or receive", claim(pair, 1, SendOrReceiveOmission, SendOrReceiveOmission)),
        ("crash, late", Claim { timing: late, ..crash() }),
        ("register", Claim { timing: asynchronous, task: Task::Register, ..crash() }),
        ("register, lock-step", Claim { task: Task::Register, ..omission() }),
        ("one server", claim(system(1, 2, false), 1, Crash, Omission)),
        ("send-omission clients", claim(system(3, 2, false), 2, Omission, SendOmission)),
        ("linked clients", claim(system(2, 4, true), 1, Omission, Omission)),
        ("log", Claim { task: Task::Log, ..omission() }),
        ("state machine", Claim { task: Task::StateMachine, timing: asynchronous, ..crash() }),
    ];
    let mut all = Vec::new();
    for (name, claim) in claims {
        let certificate = prove(&claim, Scope::default(), &mut Quiet).unwrap().certificate;
        all.push((name, certificate.unwrap_or_else(|| panic!("no proof: {name}"))));
    }
    let of = |name: &str| &all.iter().find(|(other, _)| *other == name).unwrap().1;
    for name in ["send or receive", "register"] {
        assert_eq!(of(name).worlds[0].phases.len(), 2, "{name}");
    }
    for name in ["groups", "linked clients"] {
        assert!(of(name).blocks.iter().any(|block| block.members.len() > 1), "{name}");
    }
    let rules = ["1 of servers: omission", "any of clients: omission"];
    all.push(("rounds, omission", rounds(pair, &rules, 2)));
    let rules = ["1 of servers: crash", "any of clients: crash"];
    all.push(("rounds, crash", rounds(system(1, 2, false), &rules, 3)));
    let rules = ["1 of servers: crash", "any of clients: omission"];
    all.push(("rounds, crash, omission", rounds(pair, &rules, 2)));
    all
}

/// What became of mutants.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    /// No certificates.
    unreadable: usize,
    rejected: usize,
    /// Of the rejected: those that are proofs, though not in the form that is asked for.
    form: usize,
    /// Accepted, and proofs.
    proofs: usize,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.unreadable += other.unreadable;
        self.rejected += other.rejected;
        self.form += other.form;
        self.proofs += other.proofs;
    }
}

/// Why something true is rejected all the same: more values than are possible are named, the condition on n
/// and f says less than follows, a rule is there twice, the question is another one.
const FORM: [&str; 4] = [
    "the response can be one of",
    "its servers are",
    "a claim for any number of servers has one rule about servers",
    "rounds are counted for a given number of servers",
];

/// What becomes of a mutant; an error where `verify` and the second opinion disagree.
fn judge(mutant: &Json) -> Result<Counts, String> {
    let certificate = match Certificate::parse(&mutant.to_string()) {
        Ok(certificate) => certificate,
        Err(error) if error.to_string().is_empty() => return Err("no reason".to_owned()),
        Err(_) => return Ok(Counts { unreadable: 1, ..Counts::default() }),
    };
    match (verify(&certificate), proves(mutant)) {
        (Ok(()), Ok(())) => Ok(Counts { proofs: 1, ..Counts::default() }),
        (Ok(()), Err(reason)) => Err(format!("it is accepted and proves nothing: {reason}")),
        (Err(rejected), proof) => {
            let places = ["claim", "groups", "world ", "step ", "argument"];
            let has_place = places.iter().any(|place| rejected.place.starts_with(place));
            let of_form = FORM.iter().any(|reason| rejected.reason.starts_with(reason));
            if rejected.reason.is_empty() || !has_place {
                return Err(format!("no place or no reason: {rejected}"));
            }
            if proof.is_ok() && !of_form {
                return Err(format!("it is a proof and rejected: {rejected}"));
            }
            Ok(Counts { rejected: 1, form: usize::from(proof.is_ok()), ..Counts::default() })
        }
    }
}

#[test]
fn what_is_accepted_of_changed_proofs_is_a_proof() {
    let mut random = 1_u64;
    let mut pick = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let (mut of_one, mut of_several) = (Counts::default(), Counts::default());
    let mut kinds: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, certificate) in certificates() {
        let document = certificate.json();
        proves(&document).unwrap_or_else(|reason| panic!("{name}: {reason}\n{}", certificate.text()));
        let mut readable = Vec::new();
        for mutation in mutations(&document) {
            let mutant = mutation.of(&document);
            match judge(&mutant) {
                Ok(counts) => {
                    of_one.add(counts);
                    kinds.entry(mutation.what).or_default().add(counts);
                    if counts.unreadable == 0 {
                        readable.push(mutation);
                    }
                }
                Err(error) => wrong.push(format!("{name}, {mutation:?}: {error}\n{mutant}")),
            }
        }
        for several in 0..SEVERAL {
            let mut mutant = document.clone();
            (0..2 + several % 3).for_each(|_| mutant = readable[pick(readable.len())].of(&mutant));
            match judge(&mutant) {
                Ok(counts) => of_several.add(counts),
                Err(error) => wrong.push(format!("{name}, several changes: {error}\n{mutant}")),
            }
        }
    }
    kinds.iter().for_each(|(what, counts)| println!("{what}: {counts:?}"));
    println!("one change: {of_one:?}\nseveral: {of_several:?}");
    assert!(wrong.is_empty(), "{} of them, such as {}", wrong.len(), wrong[0]);
    assert!(of_one.unreadable > 5_000 && of_one.rejected > 6_000 && of_one.proofs > 900, "{of_one:?}");
    assert!(of_several.rejected > 10_000 && of_several.proofs > 300, "{of_several:?}");
    // Each kind of change is noticed.
    for (what, counts) in kinds {
        assert!(counts.unreadable + counts.rejected > 0 || what == "world order", "{what}: {counts:?}");
    }
}
