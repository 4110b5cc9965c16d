//! Running single executions: the order of events in a round, what crashes do, and what cannot be run.

use threeworlds_model::{
    Charge, EventError, FaultClass, Moves, Process, Protocol, Question, Replay, ReplayError, Request,
    Response, Step, StepError, System, Value, check_step,
};

use Process::{Client, Server};

/// Everyone tells everyone its round and remembers of whom it heard; a client that waits answers in a round
/// in which it hears of two processes, or in any if it is `rash`.
#[derive(Debug, Clone, Copy)]
struct Gossip {
    system: System,
    rash: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Heard {
    round: u8,
    from: Vec<Process>,
    waits: bool,
}

impl Gossip {
    fn step_to(&self, me: Process, state: Heard, response: Option<Response>) -> Step<Heard, u8> {
        let others = self.system.processes().filter(|&to| self.system.linked(me, to));
        // The last process first: the sending order is not the order in which messages are received.
        Step { send: others.rev().map(|to| (to, state.round)).collect(), state, response }
    }
}

impl Protocol for Gossip {
    type State = Heard;
    type Message = u8;

    fn start(&self, me: Process, _: &System) -> Step<Heard, u8> {
        self.step_to(me, Heard { round: 1, from: Vec::new(), waits: false }, None)
    }

    fn step(
        &self,
        me: Process,
        state: &Heard,
        request: Option<&Request>,
        received: &[(Process, u8)],
    ) -> Step<Heard, u8> {
        let waits = state.waits || request.is_some();
        let answers = waits && (received.len() >= 2 || self.rash);
        let from = received.iter().map(|&(from, _)| from).collect();
        let next = Heard { round: state.round + 1, from, waits: waits && !answers };
        self.step_to(me, next, answers.then(|| Response::Value(Some(Value::new("C1")))))
    }
}

fn question() -> Question {
    Question::usual(2, 1, 2, FaultClass::Omission, FaultClass::Crash).unwrap()
}

fn gossip(question: &Question) -> Gossip {
    Gossip { system: question.system, rash: false }
}

fn heard(replay: &Replay<&Gossip>, process: Process) -> Option<Vec<Process>> {
    let index = question().system.index(process);
    replay.snapshot().locals[index].as_ref().map(|local| local.state.from.clone())
}

#[test]
fn a_round_in_its_order() {
    let question = question();
    let protocol = gossip(&question);
    let mut replay = Replay::new(&question, &protocol).unwrap();
    // Sorted by sender, each one's messages in its own order.
    let sending: Vec<_> = replay.sending().collect();
    assert_eq!(sending[..3], [(Server(1), Client(2)), (Server(1), Client(1)), (Server(1), Server(2))]);
    assert_eq!(
        sending[6..],
        [(Client(1), Server(2)), (Client(1), Server(1)), (Client(2), Server(2)), (Client(2), Server(1))]
    );
    assert_eq!(replay.next_request(Client(1)), Some(&Request::Write { value: Value::new("C1") }));
    let mut moves = Moves::default();
    moves.requests.insert(Client(1));
    moves.removed.insert((Client(1), Server(1)), Charge::Process(Server(1)));
    let round = replay.round(&moves).unwrap();
    // The request and the messages of the round arrive in it, and the response to both is of it too.
    assert_eq!(round.requests.keys().collect::<Vec<_>>(), [&Client(1)]);
    assert_eq!(round.responses.keys().collect::<Vec<_>>(), [&Client(1)]);
    let removed: Vec<_> = round.messages.iter().filter(|sent| sent.removed.is_some()).collect();
    assert_eq!(removed.len(), 1);
    assert_eq!((removed[0].from, removed[0].to), (Client(1), Server(1)));
    assert_eq!(removed[0].message, serde_json::Value::from("1"));
    // Received in the order of senders.
    assert_eq!(heard(&replay, Server(1)), Some(vec![Server(2), Client(2)]));
    assert_eq!(heard(&replay, Server(2)), Some(vec![Server(1), Client(1), Client(2)]));
    assert_eq!(heard(&replay, Client(1)), Some(vec![Server(1), Server(2)]));
    assert_eq!(replay.next_request(Client(1)), Some(&Request::Read {}));
    assert_eq!(replay.next_request(Client(2)), Some(&Request::Write { value: Value::new("C2") }));
    // Who waits has no next request: c2 hears of one server only.
    let mut moves = Moves::default();
    moves.requests.insert(Client(2));
    moves.removed.insert((Server(1), Client(2)), Charge::Process(Server(1)));
    assert!(replay.round(&moves).unwrap().responses.is_empty());
    assert_eq!(replay.next_request(Client(2)), None);
    assert_eq!(replay.rounds().len(), 2);
}

#[test]
fn who_crashes_sends_in_that_round_and_takes_no_step() {
    let question = question();
    let protocol = gossip(&question);
    let mut replay = Replay::new(&question, &protocol).unwrap();
    let mut moves = Moves::default();
    moves.crashes.insert(Client(1));
    // A request reaches its client before it stops.
    moves.requests.insert(Client(1));
    moves.removed.insert((Client(1), Server(1)), Charge::Process(Client(1)));
    let round = replay.round(&moves).unwrap();
    assert_eq!(round.crashes, [Client(1)]);
    assert_eq!(round.requests.len(), 1);
    assert!(round.responses.is_empty(), "who crashes gives no response, though it heard enough");
    assert_eq!(heard(&replay, Client(1)), None);
    assert_eq!(heard(&replay, Server(1)), Some(vec![Server(2), Client(2)]));
    assert_eq!(heard(&replay, Server(2)), Some(vec![Server(1), Client(1), Client(2)]));
    // From then on it sends nothing; what is sent to it is sent all the same.
    assert!(replay.sending().all(|(from, _)| from != Client(1)));
    assert!(replay.sending().any(|(_, to)| to == Client(1)));
    assert_eq!(replay.next_request(Client(1)), None);
    replay.round(&Moves::default()).unwrap();
    assert_eq!(heard(&replay, Client(1)), None);
    assert_eq!(heard(&replay, Server(2)), Some(vec![Server(1), Client(2)]));
    let process = [Client(1)];
    for (crashes, requests) in [(&process as &[Process], &[] as &[Process]), (&[], &process)] {
        let moves = Moves {
            crashes: crashes.iter().copied().collect(),
            requests: requests.iter().copied().collect(),
            ..Moves::default()
        };
        let error = replay.round(&moves).map(drop).unwrap_err();
        assert!(matches!(error, ReplayError::Stopped { round: 3, process: Client(1) }), "{error}");
    }
    let mut moves = Moves::default();
    moves.removed.insert((Client(1), Server(1)), Charge::Process(Client(1)));
    let error = replay.round(&moves).map(drop).unwrap_err();
    assert!(matches!(error, ReplayError::NotSent { round: 3, from: Client(1), to: Server(1) }), "{error}");
    // What could not be run has left no trace.
    assert_eq!(replay.rounds().len(), 2);
    assert!(replay.round(&Moves::default()).is_ok());
    assert_eq!(replay.into_rounds().len(), 3);
}

#[test]
fn what_cannot_be_issued_or_answered() {
    let question = question();
    let protocol = gossip(&question);
    let mut replay = Replay::new(&question, &protocol).unwrap();
    let mut moves = Moves::default();
    moves.requests.insert(Client(1));
    for _ in 0..2 {
        replay.round(&moves).unwrap();
    }
    let error = replay.round(&moves).map(drop).unwrap_err();
    let cannot = EventError::CannotIssue {
        client: Client(1),
        why: "one is outstanding or its workload is at its end",
    };
    assert!(matches!(error, ReplayError::Event { round: 3, error } if error == cannot));

    /// Answers without being asked.
    #[derive(Debug)]
    struct Eager;
    impl Protocol for Eager {
        type State = ();
        type Message = ();
        fn start(&self, _: Process, _: &System) -> Step<(), ()> {
            Step::quiet(())
        }
        fn step(&self, me: Process, _: &(), _: Option<&Request>, _: &[(Process, ())]) -> Step<(), ()> {
            let response = (me == Client(2)).then_some(Response::Value(None));
            Step { state: (), send: Vec::new(), response }
        }
    }
    let error = Replay::new(&question, &Eager).unwrap().round(&Moves::default()).map(drop).unwrap_err();
    let nothing = EventError::NothingOutstanding { client: Client(2), response: Response::Value(None) };
    assert!(matches!(error, ReplayError::Event { round: 1, error } if error == nothing));
}

#[test]
fn steps_that_break_the_rules() {
    let system = Question::system(2, 2, false).unwrap();
    let linked = Question::system(2, 2, true).unwrap();
    let step = |send: &[Process]| Step {
        state: (),
        send: send.iter().map(|&to| (to, ())).collect(),
        response: None,
    };
    let error = |system: &System, me, send: &[Process]| {
        check_step(system, me, &step(send), true).map_err(|error| error.to_string())
    };
    assert_eq!(error(&system, Server(1), &[Client(2), Server(2), Client(1)]), Ok(()));
    assert_eq!(error(&system, Client(1), &[Server(2), Server(1)]), Ok(()));
    assert_eq!(error(&linked, Client(1), &[Client(2)]), Ok(()));
    for (me, send, words) in [
        (
            Server(1),
            &[Server(3)] as &[Process],
            "s1 sends to s3, but the system has only 2 servers and 2 clients",
        ),
        (Server(1), &[Server(2), Server(1)], "s1 sends to itself"),
        (Client(1), &[Client(2)], "c1 sends to c2, but clients are not linked"),
        (Server(2), &[Client(1), Server(1), Client(1)], "s2 sends two messages to c1"),
    ] {
        let error = error(&system, me, send).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    let answer = Step { state: (), send: Vec::<(Process, ())>::new(), response: Some(Response::Value(None)) };
    assert!(check_step(&system, Client(1), &answer, true).is_ok());
    for (me, started) in [(Client(1), false), (Server(1), true), (Server(1), false)] {
        let error = check_step(&system, me, &answer, started).unwrap_err();
        assert!(matches!(error, StepError::UnexpectedResponse(who) if who == me), "{error}");
    }
}

#[test]
fn the_same_moves_give_the_same_rounds() {
    let question = question();
    let protocol = Gossip { rash: true, ..gossip(&question) };
    let run = || {
        let mut replay = Replay::new(&question, &protocol).unwrap();
        for round in 0..4 {
            let mut moves = Moves::default();
            moves.requests.extend(replay.next_request(Client(1)).map(|_| Client(1)));
            moves.removed.insert((Server(1), Client(1)), Charge::Timing);
            moves.removed.extend((round == 2).then_some(((Server(2), Client(1)), Charge::Timing)));
            replay.round(&moves).unwrap();
        }
        replay.into_rounds()
    };
    let rounds = run();
    assert_eq!(rounds.iter().filter(|round| !round.responses.is_empty()).count(), 2);
    assert_eq!(rounds, run());
}
