//! The same system for Spin: one process that takes a round in one atomic step, in which it chooses what is lost
//! bit by bit. The local functions are tables in C, so that Spin too pays for exploring alone; a state is
//! stored once, between rounds. Compiled with -O2, for safety only, without partial order reduction, which
//! has nothing to reduce where there is one process. Spin stores whole states.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::rounds::Inbox;
use super::tables::Tables;
use crate::process::children_cost;

/// Distinct states, user CPU seconds, and peak bytes of the compiled verifier.
pub struct Spun {
    pub states: usize,
    pub user_seconds: f64,
    pub peak_bytes: u64,
}

/// Whether `spin` and `gcc` are installed; else which is missing.
pub fn missing() -> Option<&'static str> {
    let works = |program: &str, flag| Command::new(program).arg(flag).output().is_ok();
    if !works("spin", "-V") {
        return Some("spin");
    }
    (!works("gcc", "--version")).then_some("gcc")
}

/// Writes `system.pml` into the folder and compiles it there.
pub fn compile(tables: &Tables, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("tables.h"), tables_in_c(tables)?)?;
    std::fs::write(folder.join("system.pml"), promela(tables))?;
    std::fs::write(folder.join("states"), tables.states.to_string())?;
    run(folder, "spin", &["-a", "system.pml"])?;
    let flags = ["-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-DNOFAIR", "-o", "pan", "pan.c"];
    run(folder, "gcc", &flags)
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    let output =
        Command::new(program).args(arguments).current_dir(folder).output().context(program.to_owned())?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} in {}: {said}", folder.display());
    Ok(())
}

/// Runs what was compiled. Its hash table is made as large as the states need, which is known beforehand.
pub fn verify(folder: &Path, states: usize) -> Result<Spun> {
    let slots = usize::BITS - states.leading_zeros();
    let output = Command::new("./pan")
        .args([format!("-w{slots}"), "-m100000".to_owned(), "-E".to_owned()])
        .current_dir(folder)
        .output()
        .context("the verifier that Spin made")?;
    if !output.status.success() {
        bail!("stopped: {}", output.status);
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let cost = children_cost()?;
    let stored = said
        .lines()
        .find_map(|line| line.trim().strip_suffix("states, stored"))
        .with_context(|| format!("no count in what Spin's verifier says:\n{said}"))?;
    if said.contains("max search depth too small") || said.contains("Search not completed") {
        bail!("Spin's verifier did not come to its end:\n{said}");
    }
    let stored: f64 = stored.trim().parse()?;
    // One of them is the state before the faulty set is chosen.
    Ok(Spun { states: stored as usize - 1, user_seconds: cost.user_seconds, peak_bytes: cost.peak_bytes })
}

const LOOKUP: &str = r"
#define MULTIPLIER 0x9E3779B97F4A7C15ULL
static unsigned slot_of(const unsigned long long *keys, unsigned bits, unsigned long long key) {
  unsigned slot = (unsigned)(key * MULTIPLIER >> (64 - bits));
  while (keys[slot] != key) slot = (slot + 1) & ((1u << bits) - 1);
  return slot;
}
static unsigned char inboxes[PROCESSES][PROCESSES];
static unsigned may[PROCESSES];
static int send_all(const LOCAL *locals, int faulty) {
  int from, to, count = 0;
  unsigned set = faulty_sets[faulty];
  for (to = 0; to < PROCESSES; to++) may[to] = 0;
  for (from = 0; from < PROCESSES; from++) {
    const unsigned char *out = messages[first[from] + locals[from]];
    for (to = 0; to < PROCESSES; to++) {
      inboxes[to][from] = out[to];
      if (out[to] && ((set >> from | set >> to) & 1)) { may[to] |= 1u << from; count++; }
    }
  }
  return count;
}
/* How many bits the adversary and the environment choose in this round. */
static int choice_bits(const LOCAL *locals, int faulty, int monitor) {
  int client, bits = send_all(locals, faulty);
  for (client = SERVER_COUNT; client < PROCESSES; client++) bits += requests[monitor][client] != 0;
  return bits;
}
static void take_round(LOCAL *locals, int faulty, MONITOR *monitor, unsigned choice) {
  int process, from;
  unsigned asked = 0;
  unsigned long long events = 0;
  send_all(locals, faulty);
  for (process = 0; process < PROCESSES; process++) {
    unsigned long long key = 1;
    unsigned request = requests[*monitor][process], slot;
    unsigned left = may[process];
    while (left) {
      if (choice & 1) inboxes[process][__builtin_ctz(left)] = 0;
      choice >>= 1;
      left &= left - 1;
    }
    if (request) {
      if (choice & 1) asked |= 1u << (process - SERVER_COUNT); else request = 0;
      choice >>= 1;
    }
    for (from = 0; from < PROCESSES; from++) key = key << MESSAGE_BITS | inboxes[process][from];
    key = ((key << 3 | request) << 3 | process) << 20 | locals[process];
    slot = slot_of(step_keys, STEP_BITS, key);
    locals[process] = step_next[slot];
    if (process >= SERVER_COUNT) events |= (unsigned long long)step_event[slot] << 8 * (process - SERVER_COUNT);
  }
  if (MONITORS > 1)
    *monitor = observe_next[slot_of(observe_keys, OBSERVE_BITS,
                                    1ULL << 63 | events << 24 | (unsigned long long)asked << 16 | *monitor)];
}
";

fn tables_in_c(tables: &Tables) -> Result<String> {
    let (servers, clients) = tables.size;
    let size = servers + clients;
    let most_locals = tables.messages.iter().map(Vec::len).max().unwrap_or(0);
    let most_message = tables.messages.iter().flatten().flatten().copied().max().unwrap_or(0);
    let message_bits = u8::BITS - most_message.leading_zeros();
    ensure!(most_locals < 1 << 20, "{most_locals} local states of a process do not fit in 20 bits");
    ensure!(message_bits as usize * size + 27 <= 64, "an inbox and a local state do not fit in 64 bits");
    ensure!(clients <= 4, "{clients} clients' events do not fit in a key");
    let monitors = tables.requests.len();
    let mut text = format!(
        "/* Generated by `bench/run explore`. */\n#define PROCESSES {size}\n#define SERVER_COUNT {servers}\n\
         #define MESSAGE_BITS {message_bits}\n#define MONITORS {monitors}\n#define LOCAL {}\n\
         #define MONITOR {}\n",
        smallest_type(most_locals).1,
        smallest_type(monitors).1,
    );
    let faulty_sets = tables.faulty_sets.iter().map(ToString::to_string);
    array(&mut text, "unsigned short faulty_sets[]", faulty_sets);
    let firsts = tables.messages.iter().scan(0, |next, locals| {
        *next += locals.len();
        Some(*next - locals.len())
    });
    array(&mut text, "unsigned first[]", firsts.map(|first| first.to_string()));
    let row = |inbox: &Inbox| format!("{{{}}}", joined(inbox[..size].iter().map(ToString::to_string)));
    array(&mut text, "unsigned char messages[][PROCESSES]", tables.messages.iter().flatten().map(row));
    array(&mut text, "unsigned char requests[][PROCESSES]", tables.requests.iter().map(row));

    let step = |(&(process, local, request, inbox), &(next, event)): (&_, &(u32, u8))| {
        let (process, local, request, inbox): (u8, u32, u8, Inbox) = (process, local, request, inbox);
        let key = inbox[..size].iter().fold(1, |key, &message| key << message_bits | u64::from(message));
        let key = key << 3 | u64::from(request);
        (((key << 3 | u64::from(process)) << 20) | u64::from(local), (next, event))
    };
    let (bits, slots) = hashed(tables.steps.iter().map(step).collect());
    let values = || slots.iter().map(|slot| slot.unwrap_or_default());
    let _ = writeln!(text, "#define STEP_BITS {bits}");
    array(&mut text, "unsigned long long step_keys[]", values().map(|(key, _)| format!("{key}ULL")));
    array(&mut text, "LOCAL step_next[]", values().map(|(_, (next, _))| next.to_string()));
    array(&mut text, "unsigned char step_event[]", values().map(|(_, (_, event))| event.to_string()));

    let observe = |(&(monitor, asked, events), &next): (&_, &u16)| {
        let (monitor, asked, events): (u16, u16, Inbox) = (monitor, asked, events);
        let events = events[..clients].iter().rev().fold(0, |all, &event| all << 8 | u64::from(event));
        (1 << 63 | events << 24 | u64::from(asked) << 16 | u64::from(monitor), next)
    };
    let (bits, slots) = hashed(tables.observed.iter().map(observe).collect());
    let values = || slots.iter().map(|slot| slot.unwrap_or_default());
    let _ = writeln!(text, "#define OBSERVE_BITS {bits}");
    array(&mut text, "unsigned long long observe_keys[]", values().map(|(key, _)| format!("{key}ULL")));
    array(&mut text, "MONITOR observe_next[]", values().map(|(_, next)| next.to_string()));
    text.push_str(LOOKUP);
    Ok(text)
}

fn promela(tables: &Tables) -> String {
    let (servers, clients) = tables.size;
    let size = servers + clients;
    let (local, _) = smallest_type(tables.messages.iter().map(Vec::len).max().unwrap_or(0));
    let (monitor, _) = smallest_type(tables.requests.len());
    let sets = tables.faulty_sets.len();
    let (guard, counts) = match tables.rounds {
        Some(last) => (format!("round < {last} ->"), "round++;"),
        None => (String::new(), ""),
    };
    let round = if tables.rounds.is_some() { "byte round;\n" } else { "" };
    format!(
        "/* Generated by `bench/run explore`. */\nc_decl {{\n\\#include \"tables.h\"\n}}\n{round}{} faulty;\n{monitor} monitor;\n{local} locals[{size}];\nbyte bits;\nint choice;\n
active proctype system() {{
  atomic {{ do :: faulty < {} -> faulty++ :: break od }};
end:
  do
  :: atomic {{ {guard}
       c_code {{ now.bits = choice_bits(now.locals, now.faulty, now.monitor); }};
       do
       :: d_step {{ bits > 0 -> bits--; choice = 2 * choice }}
       :: d_step {{ bits > 0 -> bits--; choice = 2 * choice + 1 }}
       :: bits == 0 -> break
       od;
       c_code {{ take_round(now.locals, now.faulty, &now.monitor, now.choice); }};
       choice = 0; {counts} }}
  od
}}
",
        smallest_type(sets).0,
        sets - 1,
    )
}

/// The type for numbers below this, in Promela and in C.
fn smallest_type(numbers: usize) -> (&'static str, &'static str) {
    match numbers {
        0..=256 => ("byte", "unsigned char"),
        257..=32_768 => ("short", "short"),
        _ => ("int", "int"),
    }
}

fn array(text: &mut String, declaration: &str, values: impl Iterator<Item = String>) {
    let _ = write!(text, "static const {declaration} = {{");
    for (position, value) in values.enumerate() {
        let before = if position == 0 { "" } else { "," };
        let end = if position % 12 == 0 { "\n" } else { "" };
        let _ = write!(text, "{before}{end}{value}");
    }
    text.push_str("\n};\n");
}

fn joined(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(",")
}

/// An open-addressing table that is at most half full: how many bits a slot's number has, and the slots.
fn hashed<V: Copy>(mut entries: Vec<(u64, V)>) -> (u32, Vec<Option<(u64, V)>>) {
    entries.sort_unstable_by_key(|&(key, _)| key);
    let bits = (usize::BITS - entries.len().leading_zeros() + 1).max(4);
    let mut slots = vec![None; 1 << bits];
    for (key, value) in entries {
        let mut slot = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize;
        while slots[slot].is_some() {
            slot = (slot + 1) & ((1 << bits) - 1);
        }
        slots[slot] = Some((key, value));
    }
    (bits, slots)
}
