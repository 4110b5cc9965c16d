//! Each protocol that is broken on purpose falls by the property, in the round and by the horn that a hand
//! argument says; its honest sibling holds under the same question, and it holds itself where the change
//! does no harm. So the change is the cause. All of them take the safety horn: they answer everybody.
//!
//! What the arguments share: a request that is issued in round 1 arrives in round 2, and what a server makes
//! of it leaves in round 3 at the earliest.

use threeworlds_engine::Judgement;
use threeworlds_model::{CrashDelivery, Property, Question};
use threeworlds_protocols::{Broken, BuiltIn, all, broken};

use super::{judge, question, with_workload};

const CRASH: [&str; 2] = ["1 of servers: crash", "clients: omission"];

fn prefix(question: Question) -> Question {
    Question { crash_delivery: CrashDelivery::Prefix, ..question }
}

/// Asserts that `check` finds the fault, in a shortest execution of so many rounds, and that it is the
/// change's doing: the sibling holds.
#[track_caller]
fn falls(protocol: Broken, question: &Question, property: Property, rounds: usize) {
    let report = judge(BuiltIn::Broken(protocol), question);
    assert_eq!((report.safe, report.live), (Judgement::Fails, Judgement::Holds), "the safety horn");
    assert_eq!(report.property, Some(property));
    let shortest = report.safety_counterexample.unwrap();
    assert_eq!((shortest.name.as_str(), shortest.rounds.len()), ("shortest safety violation", rounds));
    let honest = judge(protocol.description().sibling, question);
    assert_eq!(honest.verdict(), Judgement::Holds, "the sibling");
}

#[track_caller]
fn holds(protocol: Broken, question: &Question) {
    assert_eq!(judge(BuiltIn::Broken(protocol), question).verdict(), Judgement::Holds);
}

/// Any subset: s1 answers C1 in round 3, crashes in it, and its beat does not arrive (it would have said
/// nothing anyway). So s2 leads from the end of round 3 on, takes C2 that arrived in it, and answers in 4.
/// Prefix: the beat leaves before the answer, so s1 has to survive round 3 and crash in 4 before s2 hears
/// of C1. Everything is a round later.
#[test]
fn reply_before_replicating() {
    let protocol = Broken::ReplyBeforeReplicating;
    falls(protocol, &question(2, &CRASH), Property::Agreement, 4);
    falls(protocol, &prefix(question(2, &CRASH)), Property::Agreement, 5);
    holds(protocol, &question(2, &["clients: omission"]));
}

/// The beat with C1 and the answer both leave in round 3, in which s1 crashes: the answer arrives, the beat
/// does not. The new leader answers C2 in round 4. With prefix delivery that cannot be, as the beat leaves
/// first.
#[test]
fn reply_while_replicating() {
    falls(Broken::ReplyWhileReplicating, &question(2, &CRASH), Property::Agreement, 4);
    holds(Broken::ReplyWhileReplicating, &prefix(question(2, &CRASH)));
}

/// In round 3 s1 tells s2 the value C1 and crashes before it tells s3. s2 misses s1 in round 4, leads, and
/// answers in round 5 the request that arrived in 4, but says nothing to s3. So c1 is told C1 in round 5,
/// asks to read in 6, its request reaches s3 in 7, and s3 tells it bottom in 8. With two crashes s2 stops
/// in round 5 after its answer has arrived; s3 misses it then, leads, takes the other client's write of round
/// 5 or 6 and answers by 7. Two servers are too few for it: who leads after the crash is alone.
#[test]
fn no_resend() {
    let two_crashes = ["2 of servers: crash", "clients: omission"];
    falls(Broken::NoResend, &prefix(question(3, &CRASH)), Property::Correctness, 8);
    falls(Broken::NoResend, &prefix(question(3, &two_crashes)), Property::Agreement, 7);
    holds(Broken::NoResend, &prefix(question(2, &CRASH)));
}

/// A leader takes a write at the end of a report round, which rounds 1, 3, 5 and 7 are, and locks it alone.
/// Round 3 is the first that a write can have reached; half of three servers is one, so the leader decides
/// at the end of the report round 5 and answers in 6. The leader of that round, which has not heard of it,
/// takes another value, decides at the end of round 7 and answers in 8. Without faulty servers everybody
/// hears of the first proposal before anything else is decided.
#[test]
fn half_quorum() {
    let rules = ["1 of servers: omission", "clients: omission"];
    falls(Broken::HalfQuorum, &with_workload(question(3, &rules), "write"), Property::Agreement, 8);
    holds(Broken::HalfQuorum, &question(3, &["clients: omission"]));
}

/// The price of the quorum with two servers: where `majority` is safe and leaves clients waiting, half a
/// quorum answers them and contradicts itself. The three worlds leave no third way.
#[test]
fn with_two_servers_the_quorum_chooses_the_horn() {
    let theorem = with_workload(question(2, &["1 of servers: omission", "clients: omission"]), "write");
    let honest = judge(BuiltIn::Majority, &theorem);
    assert_eq!((honest.safe, honest.live), (Judgement::Holds, Judgement::Fails));
    let broken = judge(BuiltIn::Broken(Broken::HalfQuorum), &theorem);
    assert_eq!((broken.safe, broken.live), (Judgement::Fails, Judgement::Holds));
}

/// In round 3 s1 crashes, and of its beats with C1 only the one to s3 arrives. s3 tells c2, whose read came
/// in round 3, C1 in round 4. c2 asks to write in round 5, which reaches the new leader s2 in 6; s2 has never
/// heard of C1 (c1 is faulty and does not reach it), beats C2 in 7, and answers in 8. With two servers the
/// backup that answers is the one that leads next; with prefix delivery the lowest backup is told first.
#[test]
fn backup_reads() {
    let workload = "c1: write; c2: read, write";
    let asked = |servers| with_workload(question(servers, &CRASH), workload);
    falls(Broken::BackupReads, &asked(3), Property::Agreement, 8);
    holds(Broken::BackupReads, &asked(2));
    holds(Broken::BackupReads, &prefix(asked(3)));
}

/// s1 proposes in round 3; s3 hears it and s2 does not. So s2 promotes itself and proposes another value in
/// round 4, which it omits to send to s1: s1 hears only s3, which has adopted its own proposal, decides, and
/// answers in round 5. s3 heard s2 and follows it; s2 hears that in round 5, decides, and answers in 6. It
/// takes two faulty servers: if s2 does as it should, s1 hears in round 4 that it is suspected.
#[test]
fn hasty_backup() {
    let two = with_workload(question(3, &["2 of servers: send-omission", "clients: omission"]), "write");
    falls(Broken::HastyBackup, &two, Property::Agreement, 6);
    let one = ["1 of servers: send-omission", "clients: omission"];
    holds(Broken::HastyBackup, &question(3, &one));
    holds(Broken::HastyBackup, &question(2, &one));
}

/// The read is sent in round 2 and again in 3, as it is unanswered then, so it is answered in 3 and again in
/// 4. In round 4 the client asks to write, and takes the second bottom for the answer. Nothing fails. If a
/// client writes first, a late answer says the same as the right one.
#[test]
fn late_duplicate() {
    let reads_first = |rules: &[&str]| with_workload(question(2, rules), "read, write");
    falls(Broken::LateDuplicate, &reads_first(&[]), Property::Correctness, 4);
    falls(Broken::LateDuplicate, &reads_first(&CRASH), Property::Correctness, 4);
    holds(Broken::LateDuplicate, &question(2, &CRASH));
}

/// They are listed apart, found by name, and promise nothing.
#[test]
fn they_are_apart_from_the_others() {
    let questions = [question(2, &[]), question(3, &CRASH), prefix(question(2, &CRASH))];
    for one in broken() {
        let built_in = one.description.built_in;
        assert_eq!(BuiltIn::parse(one.description.name), Ok(built_in));
        assert_eq!(built_in.description(), &one.description);
        assert!(all().iter().all(|honest| honest.built_in != built_in));
        assert!(all().iter().any(|honest| honest.built_in == one.sibling));
        assert!(questions.iter().all(|question| !built_in.covers(question)));
        assert!(!one.description.summary.is_empty() && !one.description.tolerates.is_empty());
    }
}
