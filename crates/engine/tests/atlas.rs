//! The map of questions: it says what is known by hand, what is carried over from cell to cell does not
//! contradict what is found for each cell itself, and a lie is found out.

use std::sync::LazyLock;

use threeworlds_certificate::{Task, Timing, verify};
use threeworlds_engine::{
    Atlas, AtlasError, Basis, CheckError, Judgement, Method, Proof, Quiet, Range, Reduction, Scope, Sources,
    Unsound, Verdict, Verified, atlas, check_with, prove,
};
use threeworlds_model::{FaultClass, Protocol, Question};
use threeworlds_protocols::{BuiltIn, Visitor, all};

use FaultClass::{Crash, None as Never, Omission, ReceiveOmission, SendOmission, SendOrReceiveOmission};

type Cell = threeworlds_engine::Cell;

/// The built-in protocols, checked without limits.
struct BuiltIns(Range);

struct Check<'a>(&'a Question);

impl Visitor for Check<'_> {
    type Output = Result<Judgement, CheckError>;

    fn visit<P: Protocol>(self, protocol: P) -> Self::Output {
        Ok(check_with(self.0, "protocol", &protocol, &mut Quiet)?.verdict())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

impl From<Unsound> for Failed {
    fn from(unsound: Unsound) -> Self {
        Failed(unsound.to_string())
    }
}

fn question(range: &Range, cell: &Cell) -> Option<Question> {
    let (n, f, m) = (cell.servers.into(), cell.faults.into(), range.clients.into());
    let mut question = Question::usual(n, f, m, cell.server_faults, cell.client_faults).unwrap();
    question.timing = match cell.timing {
        Timing::LockStep => threeworlds_model::Timing::LockStep,
        Timing::PartialSynchrony => threeworlds_model::Timing::PartialSynchrony,
        Timing::Asynchrony => return None,
    };
    Some(question)
}

impl Sources for BuiltIns {
    type Protocol = BuiltIn;
    type Checked = ();
    type Error = Failed;

    fn promising(&self, cell: &Cell) -> Vec<BuiltIn> {
        let Some(question) = question(&self.0, cell) else { return Vec::new() };
        all().iter().map(|one| one.built_in).filter(|one| one.covers(&question)).collect()
    }

    fn check(&self, protocol: &BuiltIn, cell: &Cell) -> Result<Option<()>, Failed> {
        let question = question(&self.0, cell).expect("it promises something");
        let judged = protocol.visit(&question.system, Check(&question)).unwrap().unwrap();
        assert_eq!(judged, Judgement::Holds, "{protocol}: {cell}");
        Ok(Some(()))
    }

    fn prove(&self, cell: &Cell, scope: Scope) -> Result<Proof, Failed> {
        Ok(prove(&self.0.claim(cell), scope, &mut Quiet)?)
    }

    fn stopped(&self) -> bool {
        false
    }

    fn progress(&self, decided: usize, cells: usize) {
        assert!(decided <= cells);
    }
}

fn range(servers: u16) -> Range {
    Range { servers, clients: 2, task: Task::WriteOnceRegister }
}

fn method(each_for_itself: bool, threads: usize) -> Method {
    Method { scope: Scope::default(), threads, each_for_itself }
}

/// For up to three servers, as it is made by default.
static MAP: LazyLock<Atlas<BuiltIn, ()>> =
    LazyLock::new(|| atlas(range(3), method(false, 2), &BuiltIns(range(3))).unwrap());

fn verdict(timing: Timing, n: u16, f: u16, server_faults: FaultClass, client_faults: FaultClass) -> Verdict {
    let cell = Cell { timing, servers: n, faults: f, server_faults, client_faults };
    MAP.entry(&cell).unwrap().verdict
}

/// Fault classes of servers, fault classes of clients, and for which n and f it is possible.
type Row = (&'static [FaultClass], &'static [FaultClass], fn(u16, u16) -> bool);

/// The rows of the table of what is known, by hand: for which n and f it is possible.
#[test]
fn it_says_what_is_known() {
    let rows: [Row; 8] = [
        // Primary and backup.
        (
            &[Crash],
            &[Never, Crash, SendOmission, ReceiveOmission, SendOrReceiveOmission, Omission],
            |_, _| true,
        ),
        // Worlds A, B and C.
        (&[Omission], &[Omission], |n, f| 2 * f < n),
        // Clients that agree among themselves.
        (&[Omission, SendOrReceiveOmission], &[Never, Crash], |_, _| true),
        // Failures that are detectable.
        (&[SendOmission], &[Crash, Omission], |_, _| true),
        (&[ReceiveOmission], &[Crash, Omission], |_, _| true),
        // Clients whose own messages get lost: the line is at f < 2n/3 here, by `client-blame` for two
        // servers and a proof with three groups for three.
        (&[Omission, SendOrReceiveOmission], &[SendOmission], |n, f| 3 * f < 2 * n),
        // Clients that only fail to receive.
        (&[Omission, SendOrReceiveOmission], &[ReceiveOmission], |_, _| true),
        // Requests that come one after the other.
        (&[SendOrReceiveOmission], &[SendOrReceiveOmission], |n, f| 2 * f < n),
    ];
    for (servers, clients, is_possible) in rows {
        for (of, of_clients) in servers.iter().flat_map(|of| clients.iter().map(move |other| (*of, *other))) {
            for (n, f) in range(3).sizes() {
                let expected = if is_possible(n, f) { Verdict::Possible } else { Verdict::Impossible };
                let found = verdict(Timing::LockStep, n, f, of, of_clients);
                assert_eq!(found, expected, "n={n} f={f} {of} {of_clients}");
            }
        }
    }
    for (n, f) in range(3).sizes() {
        // Half of the servers: CAP. Fewer: possible, if there is a protocol here that does it.
        let late = verdict(Timing::PartialSynchrony, n, f, Crash, Crash);
        assert_eq!(late == Verdict::Impossible, 2 * f >= n, "n={n} f={f}");
        // Never for f >= 1, and static worlds show that for half of the servers only.
        let whenever = verdict(Timing::Asynchrony, n, f, Crash, Crash);
        assert_eq!(whenever == Verdict::Impossible, 2 * f >= n, "n={n} f={f}");
        assert!(f == 0 || whenever != Verdict::Possible, "n={n} f={f}");
    }
}

/// Possible under asynchrony by Attiya, Bar-Noy and Dolev, for f < n/2: no proof may say otherwise.
#[test]
fn a_register_needs_a_majority_under_asynchrony() {
    let of_register = Range { task: Task::Register, ..range(3) };
    for (servers, faults) in of_register.sizes() {
        let (timing, server_faults, client_faults) = (Timing::Asynchrony, Crash, Crash);
        let cell = Cell { timing, servers, faults, server_faults, client_faults };
        let proof = prove(&of_register.claim(&cell), Scope::default(), &mut Quiet).unwrap();
        assert_eq!(proof.certificate.is_some(), 2 * faults >= servers, "{cell}");
    }
}

#[test]
fn every_verdict_has_its_evidence() {
    assert_eq!(MAP.entries.len(), 540);
    for entry in &MAP.entries {
        let source = MAP.source(entry);
        assert_eq!(source.verdict, entry.verdict, "{}", entry.cell);
        match (&source.basis, entry.verdict) {
            (Basis::Proof(certificate), Verdict::Impossible) => {
                assert_eq!(certificate.claim, range(3).claim(&source.cell));
                assert_eq!(verify(certificate), Ok(()));
                assert!(Reduction::new(&source.cell, &entry.cell).is_some());
            }
            (Basis::Protocol { verified: Verified::Exactly(()), .. }, Verdict::Possible) => {
                assert!(Reduction::new(&entry.cell, &source.cell).is_some());
            }
            (Basis::Nothing(Some(searched)), Verdict::Unknown) => assert_eq!(searched.stopped, None),
            _ => panic!("{}: {:?}", entry.cell, entry),
        }
    }
}

/// Every cell decided for itself: what is carried over must be the same, where that finds anything, and
/// never the opposite. `ATLAS_SERVERS=3` takes half a minute more.
#[test]
fn what_is_carried_over_does_not_contradict_what_is_found() {
    let servers = std::env::var("ATLAS_SERVERS").map_or(2, |servers| servers.parse().unwrap());
    let carried = atlas(range(servers), method(false, 2), &BuiltIns(range(servers))).unwrap();
    let each = atlas(range(servers), method(true, 2), &BuiltIns(range(servers))).unwrap();
    let mut compared = [0, 0, 0];
    for (one, other) in carried.entries.iter().zip(&each.entries) {
        // A contradiction inside one of them is an error there; here it is one between them.
        assert_eq!(one.verdict, other.verdict, "{}: {:?} / {:?}", one.cell, one.basis, other.basis);
        let own = !matches!(other.basis, Basis::From { .. });
        compared[usize::from(own)] += 1;
        compared[2] += usize::from(matches!(one.basis, Basis::From { .. }) && own);
    }
    println!(
        "{servers} servers: {} decided for themselves, {} not; of what was carried over {} were confirmed",
        compared[1], compared[0], compared[2]
    );
    assert!(compared[2] > 100, "{compared:?}");
}

#[test]
fn threads_make_no_difference() {
    let made =
        |threads| format!("{:?}", atlas(range(2), method(false, threads), &BuiltIns(range(2))).unwrap());
    assert_eq!(made(1), made(4));
}

/// Sources that say what they are told to.
struct Story {
    /// Whether a protocol promises this.
    promises: fn(&Cell) -> bool,
    /// Whether a check of it comes to an end.
    ends: fn(&Cell) -> bool,
    /// After how many proofs it is over.
    patience: usize,
    proofs: std::sync::atomic::AtomicUsize,
}

impl Story {
    fn new(promises: fn(&Cell) -> bool, ends: fn(&Cell) -> bool) -> Story {
        Story { promises, ends, patience: usize::MAX, proofs: Default::default() }
    }
}

impl Sources for Story {
    type Protocol = ();
    type Checked = ();
    type Error = Failed;

    fn promising(&self, cell: &Cell) -> Vec<()> {
        (self.promises)(cell).then_some(()).into_iter().collect()
    }

    fn check(&self, (): &(), cell: &Cell) -> Result<Option<()>, Failed> {
        Ok((self.ends)(cell).then_some(()))
    }

    fn prove(&self, cell: &Cell, scope: Scope) -> Result<Proof, Failed> {
        self.proofs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(prove(&range(3).claim(cell), scope, &mut Quiet)?)
    }

    fn stopped(&self) -> bool {
        self.proofs.load(std::sync::atomic::Ordering::SeqCst) >= self.patience
    }

    fn progress(&self, _: usize, _: usize) {}
}

#[test]
fn a_promise_that_nobody_can_keep_is_an_error_that_names_the_cells() {
    let is_theorem = |cell: &Cell| {
        (cell.timing, cell.servers, cell.faults) == (Timing::LockStep, 2, 1)
            && (cell.server_faults, cell.client_faults) == (Omission, Omission)
    };
    let error = atlas(range(2), method(false, 1), &Story::new(is_theorem, |_| true)).unwrap_err();
    assert!(matches!(error, AtlasError::Contradiction { .. }));
    let text = error.to_string();
    assert!(text.contains("internal error") && text.contains("omission servers, omission clients"), "{text}");
    assert!(text.matches("lock-step, n=2, f=1").count() == 2, "{text}");
}

#[test]
fn a_stated_bound_is_said_to_be_one() {
    let promises = |cell: &Cell| cell.timing == Timing::LockStep && cell.server_faults == Crash;
    let made = atlas(range(3), method(false, 1), &Story::new(promises, |cell| cell.servers < 3)).unwrap();
    let entry = |n, f, client_faults| {
        let (timing, server_faults) = (Timing::LockStep, Crash);
        let cell = Cell { timing, servers: n, faults: f, server_faults, client_faults };
        made.entry(&cell).unwrap()
    };
    let Basis::Protocol { verified: Verified::Smaller(at), .. } = entry(3, 2, Omission).basis else {
        panic!("{:?}", entry(3, 2, Omission));
    };
    assert_eq!((made.entries[at].cell.servers, made.entries[at].cell.faults), (2, 1));
    // One server of three can be left alone, so what was checked for two is enough.
    let source = made.source(entry(3, 1, Crash));
    assert!(matches!(source.basis, Basis::Protocol { verified: Verified::Exactly(()), .. }));
    let never = atlas(range(1), method(false, 1), &Story::new(promises, |_| false)).unwrap();
    let possible = never.entries.iter().filter(|entry| entry.verdict == Verdict::Possible);
    let stated = possible.filter(|entry| {
        matches!(never.source(entry).basis, Basis::Protocol { verified: Verified::Stated, .. })
    });
    // Without a faulty server the class of servers makes no difference.
    assert_eq!(stated.count(), 30);
}

#[test]
fn what_was_not_looked_at_is_unknown() {
    let story = Story { patience: 20, ..Story::new(|_| false, |_| true) };
    let made = atlas(range(3), method(false, 1), &story).unwrap();
    let unlooked = made.entries.iter().filter(|entry| matches!(entry.basis, Basis::Nothing(None)));
    assert!(unlooked.count() > 200);
    assert_eq!(made.count(Verdict::Possible), 0);
    let none = Story { patience: 0, ..Story::new(|_| true, |_| true) };
    let made = atlas(range(2), method(false, 1), &none).unwrap();
    assert_eq!(made.count(Verdict::Unknown), made.entries.len());
}
