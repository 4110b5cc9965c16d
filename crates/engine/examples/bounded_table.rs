//! The least number of rounds of messages after which clients can be answered, by what can happen to
//! servers and to clients: `cargo run --release -p threeworlds-engine --example bounded_table -- 2 1 2 3 60`
//! for 2 servers of which 1 may be faulty, 2 clients, at most 3 rounds, and 60 seconds for each answer. Two
//! more words, such as `omission crash`, ask for one class of servers and one of clients only.

use std::time::{Duration, Instant};

use threeworlds_engine::{BoundedOutcome, BoundedQuestion, Observer, Progress, StopReason, decide_rounds};
use threeworlds_model::{FaultClass, FaultModel, System};

const MOST_BYTES: usize = 8 << 30;

struct Limits {
    until: Instant,
    bytes: usize,
}

impl Observer for Limits {
    fn observe(&mut self, progress: &Progress) -> Option<StopReason> {
        self.bytes = self.bytes.max(progress.bytes);
        if progress.bytes > MOST_BYTES {
            return Some(StopReason::Memory);
        }
        (Instant::now() > self.until).then_some(StopReason::Time)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |position: usize| arguments[position].parse::<u16>().expect("a number");
    let (servers, faults, clients, at_most) = (number(0), number(1), number(2), u32::from(number(3)));
    let patience = Duration::from_secs(u64::from(number(4)));
    let is_asked =
        |position, class: FaultClass| arguments.get(position).is_none_or(|one| one == class.name());
    let system = System { servers, clients, faults, client_links: false };
    for &of_servers in
        FaultClass::ALL.iter().filter(|&&class| class != FaultClass::None && is_asked(5, class))
    {
        for &of_clients in FaultClass::ALL.iter().filter(|&&class| is_asked(6, class)) {
            let rules = FaultModel::usual(&system, usize::from(faults), of_servers, of_clients);
            let question = BoundedQuestion::new(system, rules).expect("a question");
            for rounds in 1..=at_most {
                let start = Instant::now();
                let mut limits = Limits { until: start + patience, bytes: 0 };
                let report = decide_rounds(&question, rounds, &mut limits).expect("an answer");
                let (outcome, goes_on) = match &report.outcome {
                    BoundedOutcome::Impossible { certificate, is_shortest } => {
                        let least = if *is_shortest { "" } else { "at most " };
                        (format!("impossible, {least}{} worlds", certificate.worlds.len()), true)
                    }
                    BoundedOutcome::Possible(_) => ("possible".to_owned(), false),
                    BoundedOutcome::Unknown(reason) => (format!("unknown ({reason:?})"), false),
                };
                let found = &report.explored;
                println!(
                    "{of_servers}/{of_clients}, {rounds} rounds: {outcome}; {:.3} s, {} MB; \
                     {} states, {} views, {} obliged views, {} classes",
                    start.elapsed().as_secs_f64(),
                    limits.bytes >> 20,
                    found.states,
                    found.views,
                    found.obliged_views,
                    found.classes,
                );
                if !goes_on {
                    break;
                }
            }
        }
    }
}
