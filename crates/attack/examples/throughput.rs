//! How many messages the network moves: `cargo run --release -p threeworlds-attack --example throughput`.
//!
//! First the router alone, with nodes in memory: a line is parsed, written down, routed, and delivered. Then two
//! real processes that keep many messages under way between them, behind guardians and pipes. The processor
//! time is that of this process, which does the routing, and not of the nodes.

use std::time::Instant;

use threeworlds_attack::router::Router;

const MESSAGES: u64 = 1_000_000;

fn main() {
    #[cfg(unix)]
    if processes::became_another() {
        return;
    }
    for kept in [100_000, 0] {
        in_memory(kept);
    }
    #[cfg(unix)]
    processes::measure();
}

fn in_memory(kept: u64) {
    let now = Instant::now();
    let mut router = Router::new(3, 2, std::time::Duration::ZERO, kept, now);
    router.start_journal(now);
    let lines: Vec<(u16, String)> = (0..1024u64)
        .map(|number| {
            let (from, to) = (number % 3 + 1, (number + 1) % 3 + 1);
            let body = format!(
                r#"{{"type":"append_entries","msg_id":{number},"term":3,"prev_index":{number},"prev_term":3,"entries":[{{"term":3,"op":{{"type":"write","key":1,"value":{number}}}}}],"commit":{number}}}"#
            );
            (from as u16, format!(r#"{{"src":"n{from}","dest":"n{to}","body":{body}}}"#))
        })
        .collect();
    let before = cpu_seconds();
    let mut delivered = 0u64;
    for number in 0..MESSAGES {
        let (node, line) = &lines[number as usize % lines.len()];
        router.line(now, *node, line.as_bytes());
        while let Some(message) = router.next(now) {
            router.delivered(now, message.message);
            delivered += 1;
        }
    }
    assert_eq!(delivered, MESSAGES);
    let seconds = cpu_seconds() - before;
    println!(
        "router alone, {kept} messages kept: {:.0} messages per CPU second ({} of {} bytes)",
        MESSAGES as f64 / seconds,
        MESSAGES,
        lines[0].1.len()
    );
}

/// User and system time of this process, in seconds, at the usual 100 ticks a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks =
        |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / 100.0
}

#[cfg(unix)]
mod processes {
    use std::ffi::OsString;
    use std::io::{BufRead, BufReader, BufWriter, Write};
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    use threeworlds_attack::{Options, Plan, Program, Roles, Step, Workload, guard, run};

    /// How many messages each node keeps under way.
    const WINDOW: u64 = 256;

    /// Becomes a guardian or a node, if the arguments say so.
    pub(crate) fn became_another() -> bool {
        let mut arguments = std::env::args_os().skip(1);
        match arguments.next().as_ref().and_then(|word| word.to_str()) {
            Some("guardian") => {
                guard(&arguments.collect::<Vec<OsString>>());
            }
            Some("node") => node(),
            _ => return false,
        }
        true
    }

    pub(crate) fn measure() {
        let this = std::env::current_exe().expect("this program has a path").into_os_string();
        let folder = std::env::temp_dir().join(format!("threeworlds-throughput-{}", std::process::id()));
        let options = Options {
            settle_deadline: Duration::ZERO,
            latency: Duration::ZERO,
            ..Options::new(vec![this.clone(), "guardian".into()], folder.clone())
        };
        let plan = Plan {
            name: "nothing but traffic".to_owned(),
            servers: 2,
            clients: 0,
            workload: Workload::LinKv,
            roles: Roles::Fixed,
            faulty: Vec::new(),
            within_budget: true,
            steps: vec![Step::Wait { milliseconds: 5_000 }],
        };
        let program = Program { command: vec![this, "node".into()] };
        let (start, before) = (Instant::now(), super::cpu_seconds());
        let run = run(&plan, &program, &options, &AtomicBool::new(false)).expect("the nodes run");
        let (cpu, wall) = (super::cpu_seconds() - before, start.elapsed().as_secs_f64());
        let messages: u64 = run.nodes.iter().map(|node| node.output.messages).sum();
        println!(
            "two processes: {messages} messages in {wall:.1} s, {:.0} a second, {:.0} per CPU second of the router",
            messages as f64 / wall,
            messages as f64 / cpu
        );
        let _ = std::fs::remove_dir_all(folder);
    }

    /// Sends back everything, and at the beginning a window full.
    fn node() {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let mut input = BufReader::with_capacity(64 * 1024, std::io::stdin().lock());
        let mut line = String::new();
        let mut echo = String::new();
        while input.read_line(&mut line).is_ok_and(|length| length > 0) {
            if echo.is_empty() {
                let (me, other) =
                    if line.contains(r#""node_id":"n1""#) { ("n1", "n2") } else { ("n2", "n1") };
                let body = r#"{"type":"echo","msg_id":1,"text":"some words to carry"}"#;
                echo = format!(r#"{{"src":"{me}","dest":"{other}","body":{body}}}"#);
                let body = r#"{"type":"init_ok","in_reply_to":1}"#;
                let _ = writeln!(out, r#"{{"src":"{me}","dest":"c0","body":{body}}}"#);
                for _ in 0..WINDOW {
                    let _ = writeln!(out, "{echo}");
                }
            } else {
                let _ = writeln!(out, "{echo}");
            }
            line.clear();
            // Only when there is nothing left to answer.
            if input.buffer().is_empty() && out.flush().is_err() {
                return;
            }
        }
    }
}
