//! The map of what is known about replication under crashes and omissions, as questions to the prover: where
//! it has to find a proof, with how many worlds and epochs, and where it must not.

use std::collections::{BTreeMap, BTreeSet};

use threeworlds_certificate::{Certificate, Claim, Servers, Step, Task, Timing, verify};
use threeworlds_engine::{Proof, Quiet, Scope, generalise, prove};
use threeworlds_model::{FaultClass, FaultModel, FaultRule, Request, System, Value};

use FaultClass::{Crash, None as Never, Omission, ReceiveOmission, SendOmission, SendOrReceiveOmission};

/// A question with these fault rules: a write-once register in lock-step.
fn ruled(servers: u16, clients: u16, rules: &[&str]) -> Claim {
    let mut system = System { servers, clients, faults: 0, client_links: false };
    let rules = rules.iter().map(|rule| FaultRule::parse(rule, &system).unwrap()).collect();
    let fault_model = FaultModel { rules };
    system.faults = u16::try_from(fault_model.max_faulty_servers(&system)).unwrap();
    Claim {
        system,
        servers: Servers::Exactly,
        fault_model,
        timing: Timing::LockStep,
        task: Task::WriteOnceRegister,
        rounds: None,
    }
}

/// At most `faults` of the servers in one class, any of two clients in another.
fn usual(servers: u16, faults: u16, of: FaultClass, of_clients: FaultClass) -> Claim {
    let mut claim = ruled(servers, 2, &[]);
    claim.system.faults = faults;
    claim.fault_model = FaultModel::usual(&claim.system, faults.into(), of, of_clients);
    claim
}

fn timed(timing: Timing, claim: Claim) -> Claim {
    Claim { timing, ..claim }
}

fn asked(task: Task, claim: Claim) -> Claim {
    Claim { task, ..claim }
}

fn with_clients(clients: u16, claim: &Claim) -> Claim {
    let mut more = claim.clone();
    more.system.clients = clients;
    let [servers, of_clients] = &claim.fault_model.rules[..] else { panic!("two rules: {claim:?}") };
    let faults = if servers.class == Never { 0 } else { servers.at_most };
    more.fault_model = FaultModel::usual(&more.system, faults, servers.class, of_clients.class);
    more
}

fn with_client_links(mut claim: Claim) -> Claim {
    claim.system.client_links = true;
    claim
}

/// The same for any number of servers: for which multiple of f is there no protocol?
fn for_any_number(servers: FaultClass, clients: FaultClass) -> Claim {
    Claim { servers: Servers::UpToTimesFaults(1), ..usual(3, 3, servers, clients) }
}

/// The certificate as a file says the same.
fn read_back(certificate: &Certificate) {
    let mut read = Certificate::parse(&certificate.text()).unwrap();
    assert_eq!(verify(&read), Ok(()));
    assert_eq!(read.text(), certificate.text());
    if certificate.claim.servers != Servers::Exactly {
        // A number of faults means nothing where groups stand for any number of servers.
        read.claim.system.faults = certificate.claim.system.faults;
    }
    assert_eq!(read, *certificate);
}

fn searched(claim: &Claim, groups: usize, epochs: usize) -> Proof {
    let proof = prove(claim, Scope { groups, epochs }, &mut Quiet).unwrap();
    assert_eq!(proof.searched.stopped, None);
    if let Some(certificate) = &proof.certificate {
        assert_eq!(verify(certificate), Ok(()), "{}", certificate.text());
        read_back(certificate);
    }
    proof
}

fn found(claim: &Claim) -> Option<Certificate> {
    let Scope { groups, epochs } = Scope::default();
    let certificate = searched(claim, groups, epochs).certificate?;
    if claim.servers == Servers::Exactly {
        assert_eq!(certificate.claim, *claim);
    }
    Some(certificate)
}

/// Worlds and epochs of the proof.
fn size(claim: &Claim) -> Option<(usize, usize)> {
    found(claim).map(|certificate| (certificate.worlds.len(), certificate.worlds[0].phases.len()))
}

#[track_caller]
fn impossible(claim: &Claim, worlds: usize, epochs: usize) {
    assert_eq!(size(claim), Some((worlds, epochs)), "{claim:?}");
}

/// No proof with the default scope, nor with one more epoch.
#[track_caller]
fn nothing_found(claim: &Claim) {
    assert_eq!(size(claim), None, "{claim:?}");
    let proof = searched(claim, 3, 3);
    assert_eq!(proof.certificate.map(|certificate| certificate.text()), None, "{claim:?}");
    assert_eq!(proof.searched.epochs, 3);
    assert_eq!(proof.searched.groups, usize::from(claim.system.servers).min(3));
    assert!(proof.searched.worlds >= 1.0);
}

/// Who is faulty in each world, by block.
fn faulty(certificate: &Certificate) -> Vec<BTreeSet<&str>> {
    let names = |faults: &[Option<_>]| {
        let faulty = certificate.blocks.iter().zip(faults).filter(|(_, fault)| fault.is_some());
        faulty.map(|(block, _)| block.name.as_str()).collect()
    };
    certificate.worlds.iter().map(|world| names(&world.faulty)).collect()
}

/// The links that are blocked in an epoch, by name.
fn blocked(certificate: &Certificate, world: usize, epoch: usize) -> BTreeSet<(&str, &str)> {
    let name = |block: usize| certificate.blocks[block].name.as_str();
    let links = &certificate.worlds[world].phases[epoch].blocked;
    links.iter().map(|&(from, to)| (name(from), name(to))).collect()
}

/// What is asked for in an epoch.
fn requests(certificate: &Certificate, world: usize, epoch: usize) -> BTreeMap<&str, Request> {
    let requests = &certificate.worlds[world].phases[epoch].requests;
    requests
        .iter()
        .map(|(block, request)| (certificate.blocks[*block].name.as_str(), request.clone()))
        .collect()
}

fn write(client: u16) -> Request {
    Request::Write { value: Value::new(format!("C{client}")) }
}

fn names(certificate: &Certificate) -> Vec<&str> {
    certificate.worlds.iter().map(|world| world.name.as_str()).collect()
}

/// The two sides of the theorem exchange nothing, in both directions.
fn split<'a>(one: [&'a str; 2], other: [&'a str; 2]) -> BTreeSet<(&'a str, &'a str)> {
    let mut links = BTreeSet::new();
    for a in one {
        for b in other {
            let both_clients = a.starts_with('c') && b.starts_with('c');
            if !both_clients {
                links.extend([(a, b), (b, a)]);
            }
        }
    }
    links
}

// ---------------------------------------------------------------------------------------------------------
// Omission servers, omission clients: possible if and only if f < n/2. Worlds A, B and C, the theorem that
// this project starts from.

#[test]
fn the_theorem_is_proved_by_worlds_a_b_and_c() {
    let certificate = found(&usual(2, 1, Omission, Omission)).unwrap();
    assert_eq!(names(&certificate), ["A", "B", "C"]);
    let set = |names: [&'static str; 2]| BTreeSet::from(names);
    assert_eq!(faulty(&certificate), [set(["s2", "c2"]), set(["s1", "c1"]), set(["s2", "c2"])]);
    for world in 0..3 {
        assert_eq!(blocked(&certificate, world, 0), split(["s1", "c1"], ["s2", "c2"]), "{world}");
    }
    assert_eq!(requests(&certificate, 0, 0), BTreeMap::from([("c1", write(1))]));
    assert_eq!(requests(&certificate, 1, 0), BTreeMap::from([("c2", write(2))]));
    assert_eq!(requests(&certificate, 2, 0), BTreeMap::from([("c1", write(1)), ("c2", write(2))]));
    // c1 is answered in A and sees the same in C; c2 is answered in B and sees the same in C.
    let place = |client: &str, world| {
        let client = certificate.blocks.iter().position(|block| block.name == client).unwrap();
        threeworlds_certificate::Given { world, client, phase: 0 }
    };
    let steps = &certificate.argument;
    for step in [
        Step::Forced(place("c1", 0)),
        Step::Forced(place("c2", 1)),
        Step::Indistinguishable(place("c1", 0), place("c1", 2)),
        Step::Indistinguishable(place("c2", 1), place("c2", 2)),
        Step::Values(place("c1", 0), vec![Some(Value::new("C1"))]),
        Step::Values(place("c2", 1), vec![Some(Value::new("C2"))]),
        Step::Agreement(place("c1", 2), place("c2", 2)),
    ] {
        assert!(steps.contains(&step), "{step:?} is missing in {}", certificate.text());
    }
    assert_eq!(steps.len(), 8);
    assert!(matches!(steps[7], Step::Contradiction(given) if given.world == 2));
}

#[test]
fn omission_of_half_the_servers_and_of_clients_is_too_much() {
    for (servers, faults) in [(1, 1), (2, 1), (2, 2), (3, 2), (4, 2), (5, 3), (6, 3), (100, 50), (1000, 500)]
    {
        let claim = usual(servers, faults, Omission, Omission);
        impossible(&claim, 3, 1);
        if servers > 1 && faults < servers {
            let certificate = found(&claim).unwrap();
            let groups: Vec<_> = certificate.blocks.iter().filter(|block| !block.is_client()).collect();
            assert_eq!(groups.len(), 2);
            assert!(groups.iter().all(|group| group.members.len() <= faults.into()));
            let (one, other) = (groups[0].name.as_str(), groups[1].name.as_str());
            for world in 0..3 {
                assert_eq!(blocked(&certificate, world, 0), split([one, "c1"], [other, "c2"]));
            }
        }
    }
}

#[test]
fn omission_of_fewer_than_half_the_servers_is_not_too_much() {
    for (servers, faults) in [(3, 1), (4, 1), (5, 2), (7, 3), (101, 50)] {
        nothing_found(&usual(servers, faults, Omission, Omission));
    }
}

// ---------------------------------------------------------------------------------------------------------
// Crash servers: primary-backup, possible if and only if f < n.

#[test]
fn somebody_has_to_stay_up() {
    for servers in 1..=3 {
        for clients in [Crash, Omission] {
            impossible(&usual(servers, servers, Crash, clients), 3, 1);
            let fewer = usual(servers, servers - 1, Crash, clients);
            if servers > 1 {
                nothing_found(&fewer);
            }
        }
    }
    nothing_found(&usual(100, 99, Crash, Omission));
}

// ---------------------------------------------------------------------------------------------------------
// Omission servers, clients that crash at worst: the clients agree among themselves, servers relay; possible
// if and only if f < n.

#[test]
fn clients_that_do_not_omit_agree_among_themselves() {
    for clients in [Never, Crash] {
        for (servers, faults) in [(2, 1), (3, 1), (3, 2), (4, 3)] {
            nothing_found(&usual(servers, faults, Omission, clients));
        }
        for servers in 1..=3 {
            impossible(&usual(servers, servers, Omission, clients), 3, 1);
        }
    }
}

// ---------------------------------------------------------------------------------------------------------
// Send-omission servers, and receive-omission servers, with omission clients: failures are detectable;
// possible if and only if f < n.

#[test]
fn one_sided_omission_of_servers_is_detectable() {
    for of in [SendOmission, ReceiveOmission] {
        for (servers, faults) in [(2, 1), (3, 1), (3, 2)] {
            nothing_found(&usual(servers, faults, of, Omission));
        }
        for servers in 1..=3 {
            impossible(&usual(servers, servers, of, Omission), 3, 1);
        }
    }
}

// ---------------------------------------------------------------------------------------------------------
// Send-or-receive omission of servers and clients: possible if and only if f < n/2; the requests of the
// worlds come one after the other.

#[test]
fn send_or_receive_omission_takes_requests_one_after_the_other() {
    for (servers, faults) in [(2, 1), (4, 2)] {
        let claim = usual(servers, faults, SendOrReceiveOmission, SendOrReceiveOmission);
        assert_eq!(searched(&claim, 3, 1).certificate, None);
        impossible(&claim, 2, 2);
        let certificate = found(&claim).unwrap();
        let together = |world: usize| (0..2).any(|epoch| requests(&certificate, world, epoch).len() > 1);
        assert!((0..2).all(|world| !together(world)), "{}", certificate.text());
    }
    // One faulty client is enough, and the side of each client may be known beforehand.
    for rules in [
        &["1 of servers: send-or-receive-omission", "1 of clients: send-or-receive-omission"][..],
        &["1 of servers: send-or-receive-omission", "c1: receive-omission", "c2: send-omission"],
        &["1 of servers: omission", "c1: send-omission", "c2: receive-omission"],
    ] {
        impossible(&ruled(2, 2, rules), 2, 2);
    }
    for (servers, faults) in [(3, 2), (5, 3)] {
        assert!(found(&usual(servers, faults, SendOrReceiveOmission, SendOrReceiveOmission)).is_some());
    }
    for (servers, faults) in [(3, 1), (5, 2)] {
        nothing_found(&usual(servers, faults, SendOrReceiveOmission, SendOrReceiveOmission));
    }
}

// ---------------------------------------------------------------------------------------------------------
// Partial synchrony, crashes: CAP; Dwork, Lynch and Stockmeyer 1988, Theorem 4.3; Gilbert and Lynch 2002.

#[test]
fn under_partial_synchrony_half_the_servers_must_not_crash() {
    for timing in [Timing::PartialSynchrony, Timing::Asynchrony] {
        for (servers, faults) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (100, 50)] {
            impossible(&timed(timing, usual(servers, faults, Crash, Crash)), 3, 1);
        }
        for (servers, faults) in [(3, 1), (5, 2)] {
            nothing_found(&timed(timing, usual(servers, faults, Crash, Crash)));
        }
        // Clients that never fail wait for each other, any server that is left relays.
        nothing_found(&timed(timing, usual(2, 1, Crash, Never)));
    }
    // Of the three worlds only C is late.
    let certificate = found(&timed(Timing::PartialSynchrony, usual(2, 1, Crash, Crash))).unwrap();
    assert_eq!(names(&certificate), ["A", "B", "C"]);
    assert_eq!(faulty(&certificate)[..2], [BTreeSet::from(["s2", "c2"]), BTreeSet::from(["s1", "c1"])]);
    assert_eq!(faulty(&certificate)[2], BTreeSet::new());
}

// ---------------------------------------------------------------------------------------------------------
// Asynchrony. Register: Lynch 1996, Theorem 17.6, and possible by Attiya, Bar-Noy, Dolev 1995. The rest:
// impossible for any f by Fischer, Lynch, Paterson 1985, which static worlds do not show.

#[test]
fn an_asynchronous_register_needs_a_majority() {
    for (servers, faults) in [(2, 1), (3, 2), (4, 2), (5, 3), (100, 50)] {
        let claim = asked(Task::Register, timed(Timing::Asynchrony, usual(servers, faults, Crash, Crash)));
        impossible(&claim, 3, 2);
    }
    let claim = asked(Task::Register, timed(Timing::Asynchrony, usual(2, 1, Crash, Crash)));
    let certificate = found(&claim).unwrap();
    // c1 writes, and only when that is over c2 reads.
    let last = certificate.worlds.len() - 1;
    assert_eq!(requests(&certificate, last, 0), BTreeMap::from([("c1", write(1))]));
    assert_eq!(requests(&certificate, last, 1), BTreeMap::from([("c2", Request::Read {})]));
    for (servers, faults) in [(3, 1), (5, 2)] {
        let claim = asked(Task::Register, timed(Timing::Asynchrony, usual(servers, faults, Crash, Crash)));
        nothing_found(&claim);
    }
}

#[test]
fn tasks_that_make_a_write_once_register_are_no_easier() {
    for task in [Task::WriteOnceRegister, Task::Log, Task::StateMachine] {
        for (servers, faults) in [(2, 1), (3, 2), (4, 2), (100, 50)] {
            impossible(&asked(task, timed(Timing::Asynchrony, usual(servers, faults, Crash, Crash))), 3, 1);
            impossible(&asked(task, usual(servers, faults, Omission, Omission)), 3, 1);
        }
        // What FLP rules out and static worlds do not.
        nothing_found(&asked(task, timed(Timing::Asynchrony, usual(3, 1, Crash, Crash))));
        nothing_found(&asked(task, usual(3, 1, Omission, Omission)));
    }
}

// ---------------------------------------------------------------------------------------------------------
// Questions beside the rows.

#[test]
fn one_client_contradicts_nobody() {
    for timing in [Timing::LockStep, Timing::PartialSynchrony, Timing::Asynchrony] {
        for class in FaultClass::ALL {
            let claim = with_clients(1, &usual(2, 2, *class, Omission));
            assert_eq!(size(&timed(timing, claim)), None);
        }
        let one = with_clients(1, &usual(2, 1, Omission, Omission));
        assert_eq!(searched(&timed(timing, one), 3, 3).certificate, None);
    }
}

#[test]
fn a_third_client_changes_nothing() {
    for (servers, faults) in [(2, 1), (3, 2), (4, 2), (100, 50)] {
        impossible(&with_clients(3, &usual(servers, faults, Omission, Omission)), 3, 1);
    }
    impossible(&with_clients(10, &usual(2, 1, Omission, Omission)), 3, 1);
    impossible(&with_clients(3, &usual(2, 2, Crash, Crash)), 3, 1);
    impossible(&with_clients(3, &timed(Timing::PartialSynchrony, usual(2, 1, Crash, Crash))), 3, 1);
    for claim in [
        usual(3, 1, Omission, Omission),
        usual(2, 1, Crash, Omission),
        usual(2, 1, Omission, Crash),
        usual(2, 1, SendOmission, Omission),
        timed(Timing::PartialSynchrony, usual(3, 1, Crash, Crash)),
    ] {
        assert_eq!(size(&with_clients(3, &claim)), None, "{claim:?}");
    }
}

/// Whoever never fails decides, as long as it can be reached.
#[test]
fn a_witness_that_never_fails_decides() {
    for rules in [
        &["1 of servers: omission", "w: none", "clients: omission"][..],
        &["servers: omission", "w: none", "clients: omission"],
        &["s1: omission", "clients: omission"],
        // A client as the witness: the servers relay, and one of them is there to do so.
        &["1 of servers: omission", "c1: omission"],
    ] {
        nothing_found(&ruled(2, 2, rules));
    }
    nothing_found(&ruled(3, 2, &["2 of servers: omission", "w: none", "clients: omission"]));
    nothing_found(&ruled(3, 2, &["s1: omission", "s2: crash", "clients: omission"]));
    assert_eq!(size(&ruled(2, 3, &["1 of servers: omission", "c1,c2: omission"])), None);
    // A client that cannot be reached decides nothing.
    impossible(&ruled(2, 2, &["servers: omission", "c1: omission"]), 3, 1);
    impossible(&ruled(2, 3, &["servers: omission", "c1,c2: omission"]), 3, 1);
}

/// One crash from the beginning leaves the others alone with the omissions: impossible where n <= 2a + b for
/// a omissions and b crashes.
#[test]
fn mixed_budgets_add_up() {
    let clients = "clients: omission";
    impossible(&ruled(2, 2, &["1 of s1: omission", "1 of s2: crash", clients]), 3, 1);
    impossible(&ruled(3, 2, &["1 of servers: omission", "1 of servers: crash", clients]), 3, 1);
    impossible(&ruled(4, 2, &["1 of servers: omission", "2 of servers: crash", clients]), 3, 1);
    impossible(&ruled(5, 2, &["2 of servers: omission", "1 of servers: crash", clients]), 3, 1);
    // The two that only crash are primary and backup.
    nothing_found(&ruled(3, 2, &["s1: omission", "1 of s2,s3: crash", clients]));
    nothing_found(&ruled(4, 2, &["s1,s2: omission", "1 of s3,s4: crash", clients]));
    // All of them can be useless at once, each in its way.
    impossible(&ruled(2, 2, &["s1: send-omission", "s2: receive-omission", clients]), 3, 1);
    impossible(&ruled(2, 2, &["s1: crash", "s2: receive-omission", clients]), 3, 1);
}

/// How many clients are faulty matters where there are more than two.
#[test]
fn a_majority_of_clients_that_do_not_fail_agrees_among_itself() {
    impossible(&ruled(2, 2, &["1 of servers: omission", "1 of clients: omission"]), 3, 1);
    impossible(&ruled(2, 3, &["1 of servers: omission", "2 of clients: omission"]), 3, 1);
    assert_eq!(size(&ruled(2, 3, &["1 of servers: omission", "1 of clients: omission"])), None);
    // In C the client that may omit is cut off from the server of the other, whose own budget is a crash.
    impossible(&ruled(2, 2, &["1 of servers: omission", "c1: omission", "c2: crash"]), 3, 1);
    impossible(&ruled(2, 2, &["1 of servers: omission", "c1: crash", "c2: omission"]), 3, 1);
}

/// Clients that omit are cut off from each other as well; others agree without any server.
#[test]
fn links_between_clients_help_those_that_do_not_omit() {
    for (servers, faults) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
        impossible(&with_client_links(usual(servers, faults, Omission, Omission)), 3, 1);
    }
    nothing_found(&with_client_links(usual(3, 1, Omission, Omission)));
    for clients in [Never, Crash] {
        for of in [Crash, Omission] {
            assert!(found(&usual(2, 2, of, clients)).is_some());
            nothing_found(&with_client_links(usual(2, 2, of, clients)));
        }
    }
    let late = |claim| timed(Timing::PartialSynchrony, with_client_links(claim));
    impossible(&late(usual(2, 1, Crash, Crash)), 3, 1);
    // Two clients that never fail need not be told whether a silent one is gone.
    nothing_found(&late(usual(2, 2, Crash, Never)));
}

/// Three groups, any two of which may be faulty at once: the clients omit what they send, and that is enough.
#[test]
fn three_groups_do_what_two_cannot() {
    let claim = usual(3, 2, Omission, SendOmission);
    assert_eq!(searched(&claim, 2, 1).certificate, None);
    impossible(&claim, 3, 1);
    impossible(&usual(6, 4, Omission, SendOmission), 3, 1);
    for (servers, faults) in [(2, 1), (3, 1), (4, 2)] {
        nothing_found(&usual(servers, faults, Omission, SendOmission));
    }
}

// ---------------------------------------------------------------------------------------------------------
// Any number of servers.

/// The condition of the proof for any number of servers: at least so many of them, at most so many times f.
fn condition(certificate: &Certificate) -> (u16, u16) {
    let Servers::UpToTimesFaults(times) = certificate.claim.servers else { panic!("for any number") };
    (certificate.claim.system.servers, times)
}

#[test]
fn one_proof_covers_every_number_of_servers() {
    let late = |claim| timed(Timing::PartialSynchrony, claim);
    for (claim, expected, worlds) in [
        (for_any_number(Omission, Omission), (2, 2), 3),
        (for_any_number(Crash, Crash), (1, 1), 3),
        (for_any_number(Crash, Omission), (1, 1), 3),
        (for_any_number(Omission, Crash), (1, 1), 3),
        (for_any_number(SendOmission, Omission), (1, 1), 3),
        (for_any_number(ReceiveOmission, Omission), (1, 1), 3),
        (for_any_number(SendOrReceiveOmission, SendOrReceiveOmission), (2, 2), 2),
        (late(for_any_number(Crash, Crash)), (2, 2), 3),
    ] {
        let certificate = found(&claim).unwrap();
        assert_eq!((condition(&certificate), certificate.worlds.len()), (expected, worlds), "{claim:?}");
    }
}

#[test]
fn a_proof_for_some_servers_is_one_for_any_number() {
    for (servers, faults) in [(2, 1), (4, 2), (5, 3), (100, 50)] {
        let certificate = found(&usual(servers, faults, Omission, Omission)).unwrap();
        let general = generalise(&certificate).unwrap();
        assert_eq!(verify(&general), Ok(()));
        assert_eq!(condition(&general), (2, 2));
        assert_eq!(general.worlds.len(), certificate.worlds.len());
        read_back(&general);
    }
    let certificate = found(&usual(3, 3, Crash, Crash)).unwrap();
    assert_eq!(condition(&generalise(&certificate).unwrap()), (1, 1));
    // 2n <= 3f is no condition of this kind.
    assert_eq!(generalise(&found(&usual(3, 2, Omission, SendOmission)).unwrap()), None);
    // Who a rule names matters, not only how many.
    let mixed = ruled(3, 2, &["1 of servers: omission", "1 of servers: crash", "clients: omission"]);
    assert_eq!(generalise(&found(&mixed).unwrap()), None);
}

/// What is said of any number holds for each.
#[test]
fn what_holds_for_any_number_holds_for_each() {
    let mut covered = 0;
    for timing in [Timing::LockStep, Timing::PartialSynchrony] {
        for (of, clients) in [
            (Omission, Omission),
            (Crash, Crash),
            (Omission, Crash),
            (SendOmission, Omission),
            (ReceiveOmission, Omission),
            (SendOrReceiveOmission, SendOrReceiveOmission),
        ] {
            let general = found(&timed(timing, for_any_number(of, clients))).unwrap();
            let (groups, times) = condition(&general);
            for servers in groups..=6 {
                for faults in (1..=servers).filter(|faults| servers <= times * faults) {
                    let claim = timed(timing, usual(servers, faults, of, clients));
                    assert!(size(&claim).is_some(), "{claim:?}");
                    covered += 1;
                }
            }
        }
    }
    assert!(covered > 60, "{covered}");
}

// ---------------------------------------------------------------------------------------------------------
// The order of the classes: whoever survives the stronger survives the weaker.

/// Each class with one that is stronger.
const STRONGER: [(FaultClass, FaultClass); 7] = [
    (Never, Crash),
    (Never, ReceiveOmission),
    (Crash, SendOmission),
    (SendOmission, SendOrReceiveOmission),
    (ReceiveOmission, SendOrReceiveOmission),
    (SendOrReceiveOmission, Omission),
    (SendOmission, Omission),
];

#[test]
fn stronger_faults_and_more_of_them_leave_less_possible() {
    let mut proofs = 0;
    for timing in [Timing::LockStep, Timing::PartialSynchrony] {
        let mut proved = BTreeSet::new();
        for servers in 1..=3 {
            for faults in 1..=servers {
                for &of in FaultClass::ALL {
                    for &clients in FaultClass::ALL {
                        let claim = timed(timing, usual(servers, faults, of, clients));
                        if searched(&claim, 3, 2).certificate.is_some() {
                            proved.insert((servers, faults, of, clients));
                        }
                    }
                }
            }
        }
        for &(servers, faults, of, clients) in &proved {
            let question = format!("{timing} n={servers} f={faults} {of} {clients}");
            for (weaker, stronger) in STRONGER {
                let harder = (servers, faults, stronger, clients);
                assert!(weaker != of || proved.contains(&harder), "{question}: not {harder:?}");
                let harder = (servers, faults, of, stronger);
                assert!(weaker != clients || proved.contains(&harder), "{question}: not {harder:?}");
            }
            if faults < servers && of != Never {
                let harder = (servers, faults + 1, of, clients);
                assert!(proved.contains(&harder), "{question}: not {harder:?}");
            }
            assert_ne!(of, Never, "{question}");
        }
        proofs += proved.len();
    }
    assert!(proofs > 100, "{proofs}");
}
