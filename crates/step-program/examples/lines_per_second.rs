//! Lines per second through a small Python program, one by one, pipelined, and with several copies:
//! `cargo run --release -p threeworlds-step-program --example lines_per_second`

use std::time::Instant;

use serde_json::json;
use threeworlds_model::{Call, Process, Steps};
use threeworlds_step_program::{JsonText, Options, StepProgram};

const PROGRAM: &str = r#"
import json, sys
for text in sys.stdin:
    line = json.loads(text)
    step = line["step"]
    send = [{"to": "s2", "message": {"beat": step["state"]["n"]}}]
    print(json.dumps({"id": line["id"], "state": step["state"], "send": send}), flush=True)
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let call = |number: u64| Call {
        process: Process::Server(1),
        state: JsonText::new(&json!({"n": number, "log": ["C1", "C2"]})),
        request: None,
        received: vec![(Process::Server(2), JsonText::new(&json!({"beat": number})))],
    };
    let calls: Vec<Call<JsonText, JsonText>> = (0..100_000).map(call).collect();
    for (copies_max, lines_in_flight_max) in [(1, 1), (1, 16), (1, 1024), (2, 1024), (4, 1024)] {
        let command = ["python3", "-c", PROGRAM].map(str::to_owned);
        let options = Options { copies_max, lines_in_flight_max, ..Options::default() };
        let mut program = StepProgram::start(&command, options)?;
        // Starts all copies.
        program.steps(&calls[..200])?;
        let started = Instant::now();
        program.steps(&calls)?;
        let lines_per_second = calls.len() as f64 / started.elapsed().as_secs_f64();
        println!("{copies_max} copies, {lines_in_flight_max:>5} in flight: {lines_per_second:>8.0} lines/s");
    }
    Ok(())
}
