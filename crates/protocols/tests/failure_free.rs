//! What happens when nothing fails, message by message: one client writes in round 1 and another reads when
//! the write is answered. `PROTOCOLS_REWRITE=1 cargo test -p threeworlds-protocols` rewrites the files.

use std::fmt::Write;
use std::path::PathBuf;

use threeworlds_model::{FaultClass, Moves, Process, Protocol, Question, Replay, Workload};
use threeworlds_protocols::{
    ClientBlame, ClientPeers, ClientRelay, Majority, OrderedBackup, PrimaryBackup, RankedBackup,
    ReceiveOmission, SendOmission, Unreplicated, UnreplicatedWitness,
};

/// Compares the run with `tests/failure_free/NAME.txt`. One line for each sender, message and round.
fn check<P: Protocol>(name: &str, servers: usize, protocol: &P) {
    check_writer(name, servers, protocol, 1);
}

/// The same where `c1` or `c2` is the one that writes, and the other reads.
fn check_writer<P: Protocol>(name: &str, servers: usize, protocol: &P, writer: u16) {
    let (writer, reader) = (Process::Client(writer), Process::Client(3 - writer));
    let mut question = Question::usual(servers, 0, 2, FaultClass::None, FaultClass::None).unwrap();
    let workload = format!("{writer}: write; {reader}: read");
    question.workload = Workload::parse(&workload, question.task, &question.system).unwrap();
    let mut run = Replay::new(&question, protocol).unwrap();
    let mut text = String::new();
    let mut answered = 0;
    while answered < 2 {
        let mut moves = Moves::default();
        let written = answered == 1 && run.next_request(reader).is_some();
        moves.requests.extend(run.rounds().is_empty().then_some(writer));
        moves.requests.extend(written.then_some(reader));
        let number = run.rounds().len() + 1;
        assert!(number < 20, "no answer:\n{text}");
        let round = run.round(&moves).unwrap();
        writeln!(text, "round {number}").unwrap();
        for (client, request) in &round.requests {
            writeln!(text, "  {client} is asked to {request}").unwrap();
        }
        let mut lines: Vec<(Process, String, Vec<String>)> = Vec::new();
        for sent in &round.messages {
            let message = sent.message.as_str().unwrap().to_owned();
            match lines.last_mut() {
                Some((from, same, to)) if *from == sent.from && *same == message => {
                    to.push(sent.to.to_string())
                }
                _ => lines.push((sent.from, message, vec![sent.to.to_string()])),
            }
        }
        for (from, message, to) in lines {
            writeln!(text, "  {from} -> {}: {message}", to.join(" ")).unwrap();
        }
        for (client, response) in &round.responses {
            writeln!(text, "  {client} answers {response}").unwrap();
        }
        answered += round.responses.len();
    }
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "tests/failure_free", &format!("{name}.txt")].iter().collect();
    if std::env::var_os("PROTOCOLS_REWRITE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(text, golden, "{} differs", path.display());
}

#[test]
fn unreplicated() {
    check("unreplicated", 2, &Unreplicated);
}

#[test]
fn primary_backup() {
    let system = Question::system(2, 2, false).unwrap();
    check("primary-backup", 2, &PrimaryBackup::new(&system).unwrap());
}

#[test]
fn majority() {
    let system = Question::system(3, 2, false).unwrap();
    check("majority", 3, &Majority::new(&system));
}

#[test]
fn unreplicated_witness() {
    let system = Question::system(2, 2, false).unwrap();
    check("unreplicated-witness", 2, &UnreplicatedWitness::new(&system));
}

#[test]
fn ranked_backup() {
    let system = Question::system(3, 2, false).unwrap();
    check("ranked-backup", 3, &RankedBackup::new(&system));
}

#[test]
fn ordered_backup() {
    let system = Question::system(3, 2, false).unwrap();
    check("ordered-backup", 3, &OrderedBackup::new(&system));
}

#[test]
fn receive_omission() {
    let system = Question::system(2, 2, false).unwrap();
    check("receive-omission", 2, &ReceiveOmission::new(&system));
}

#[test]
fn send_omission() {
    let system = Question::system(2, 2, false).unwrap();
    check("send-omission", 2, &SendOmission::new(&system));
}

/// The client that does not lead writes.
#[test]
fn client_relay() {
    let system = Question::system(2, 2, false).unwrap();
    check_writer("client-relay", 2, &ClientRelay::new(&system), 2);
}

#[test]
fn client_blame() {
    let system = Question::system(2, 2, false).unwrap();
    check("client-blame", 2, &ClientBlame::new(&system).unwrap());
}

#[test]
fn client_peers() {
    let system = Question::system(2, 2, false).unwrap();
    check("client-peers", 2, &ClientPeers::new(&system));
}
