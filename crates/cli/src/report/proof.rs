//! What `solve` found, put into words: the question, the argument step by step, what would change the
//! answer.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value as Json, json};
use threeworlds_certificate::{Certificate, Claim, Given, Servers, Step, Task, Timing, World};
use threeworlds_diagram::{Report as Page, TerminalOptions, Tone, worlds};
use threeworlds_engine::{Report, Searched, StopReason, generalise};
use threeworlds_model::{FaultClass, FaultRule, Request, Value, name_processes};

use super::json::FORMAT;
use super::words;
use crate::solve::{Answer, Finding, Possible};
use crate::terminal::{BAD, GOOD, HEADING, UNKNOWN, headed, labelled, paragraph};

/// The result for a terminal: the verdict, the proof or the protocol, and the nearest questions.
pub(crate) fn text(
    answer: &Answer,
    nearest: &[(String, Answer)],
    seconds: f64,
    options: &TerminalOptions,
) -> String {
    let width = options.width;
    let style = match answer.finding {
        Finding::Impossible(_) => BAD,
        Finding::Possible(_) => GOOD,
        Finding::Unknown { .. } => UNKNOWN,
    };
    let verdict = answer.finding.verdict().to_uppercase();
    let mut text = headed(style, &format!("{verdict} "), &theorem(answer), width);
    text.push('\n');
    for (what, value) in rows(answer, seconds) {
        text += &labelled(&what, &value, width);
    }
    if let Finding::Impossible(certificate) = &answer.finding {
        let _ = writeln!(text, "\n{HEADING}{}{HEADING:#}\n", heading(certificate));
        text += &worlds::terminal(certificate, options);
        text.push('\n');
        for (number, sentence) in (1..).zip(argument(certificate)) {
            let indented = paragraph(&sentence, width - 4).replace('\n', "\n    ");
            let _ = writeln!(text, "{number:>2}. {}", indented.trim_end());
        }
    }
    if !nearest.is_empty() {
        let _ = writeln!(text, "\n{HEADING}Questions near this one{HEADING:#}\n");
        for (what, near) in nearest {
            text += &labelled(near.finding.verdict(), &format!("{what}{}", because(near)), width);
        }
    }
    match answer.finding {
        Finding::Impossible(_) => {
            text.push('\n');
            text += &paragraph(
                "--certificate FILE keeps the proof for `threeworlds verify` and `threeworlds show`, --report \
                 FILE.html makes a page of it.",
                width,
            );
        }
        Finding::Unknown { .. } => {
            text.push('\n');
            text += &paragraph(
                "That no worlds were found proves nothing: there may be others, and other arguments.",
                width,
            );
        }
        Finding::Possible(_) => {}
    }
    text
}

/// The number of worlds, as a heading.
pub(crate) fn heading(certificate: &Certificate) -> String {
    let number = certificate.worlds.len();
    let word =
        ["No", "One", "Two", "Three", "Four", "Five", "Six"].get(number).map(|word| (*word).to_owned());
    format!("{} worlds", word.unwrap_or_else(|| number.to_string()))
}

/// The answer in a sentence.
pub(crate) fn theorem(answer: &Answer) -> String {
    match &answer.finding {
        Finding::Impossible(certificate) => theorem_of(certificate),
        Finding::Possible(possible) => {
            format!("{} does it: {}", possible.protocol, possible.protocol.description().summary)
        }
        Finding::Unknown { covering: Some(protocol), .. } => {
            format!("{protocol} says that it does this, but could not be checked to the end")
        }
        Finding::Unknown { covering: None, .. } => {
            "no proof was found that no protocol can do it, and no built-in protocol says that it does"
                .to_owned()
        }
    }
}

/// What a certificate proves, in a sentence.
pub(crate) fn theorem_of(certificate: &Certificate) -> String {
    let claim = &certificate.claim;
    let task = match claim.task {
        Task::WriteOnceRegister => "write-once register",
        Task::Register => "read/write register",
        Task::Log => "log",
        Task::StateMachine => "state machine",
    };
    let clients = count(claim.system.clients, "client");
    let timing = match claim.timing {
        Timing::LockStep => "even in lock-step",
        Timing::PartialSynchrony => "under partial synchrony",
        Timing::Asynchrony => "under asynchrony",
    };
    if let Some(rounds) = claim.rounds {
        return format!(
            "no protocol with {} and {clients} that all write at the same time can answer every non-faulty one \
             within {} of messages, {timing}, if {}",
            count(claim.system.servers, "server"),
            count_of(rounds as usize, "round"),
            faults(claim)
        );
    }
    let servers = match condition(claim) {
        None => format!("{} and", count(claim.system.servers, "server")),
        Some(condition) => format!("n servers, {condition}, and"),
    };
    format!(
        "no protocol with {servers} {clients} makes a {task} that is safe and live, {timing}, if {}",
        faults(claim)
    )
}

/// For which numbers of servers a general claim is made.
fn condition(claim: &Claim) -> Option<String> {
    match claim.servers {
        Servers::Exactly => None,
        Servers::UpToTimesFaults(1) => Some(format!("{} <= n <= f", claim.system.servers)),
        Servers::UpToTimesFaults(times) => Some(format!("{} <= n <= {times}f", claim.system.servers)),
    }
}

fn count(number: u16, what: &str) -> String {
    count_of(usize::from(number), what)
}

pub(crate) fn count_of(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Who can fail, as a clause.
fn faults(claim: &Claim) -> String {
    let rule = |rule: &FaultRule| {
        let servers = claim.servers != Servers::Exactly && !rule.processes[0].is_client();
        let who = match name_processes(&rule.processes, &claim.system).as_str() {
            all @ ("servers" | "clients" | "processes") => all.to_owned(),
            names => format!("of {names}"),
        };
        match rule.class {
            FaultClass::None => format!("{} never fail", who.trim_start_matches("of ")),
            class if servers => format!("f servers can fail by {class}"),
            class if rule.processes.len() == 1 && rule.at_most == 1 => {
                format!("{} can fail by {class}", rule.processes[0])
            }
            class if rule.at_most >= rule.processes.len() => {
                format!("any {who} can fail by {class}")
            }
            class => {
                let who = if rule.at_most == 1 { who.trim_end_matches('s').to_owned() } else { who };
                format!("{} {who} can fail by {class}", rule.at_most)
            }
        }
    };
    let rules: Vec<String> = claim.fault_model.rules.iter().map(rule).collect();
    match rules.split_last() {
        None => "nobody can fail".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// The question and the results: what, and its value.
pub(crate) fn rows(answer: &Answer, seconds: f64) -> Vec<(String, String)> {
    let claim = &answer.claim;
    let mut rows = question(claim);
    let mut row = |what: &str, value: String| rows.push((what.to_owned(), value));
    match &answer.finding {
        Finding::Impossible(certificate) => {
            let phases = certificate.worlds[0].phases.len();
            row(
                "proof",
                format!(
                    "{}, {}; verified",
                    count_of(certificate.worlds.len(), "world"),
                    count_of(phases, "epoch")
                ),
            );
            row("faulty", most_faulty(certificate));
            if let Some(reduction) = claim.task.argued_as().1 {
                row("by", format!("the proof is about a {}: {reduction}", claim.task.argued_as().0));
            }
            if let Some(condition) = generalise(certificate).and_then(|more| condition(&more.claim)) {
                row(
                    "also",
                    format!("for all n and f with {condition}: groups of up to f servers take their places"),
                );
            }
            if claim.servers != Servers::Exactly {
                let groups = certificate.blocks.iter().filter(|block| !block.is_client()).count();
                row("where", format!("each of {groups} groups of servers has from 1 to f members"));
            }
        }
        Finding::Possible(possible) => {
            row("protocol", format!("{}; {}", possible.protocol, possible.protocol.description().source));
            row("checked", checked(possible, answer.claim.timing));
            if let Some(worst) = words::worst_case(&possible.checked).filter(|_| possible.exactly) {
                row("worst case", worst);
            }
            row("searched", searched(answer));
        }
        Finding::Unknown { note, .. } => {
            row("searched", searched(answer));
            if let Some(note) = note {
                row("known", (*note).to_owned());
            }
        }
    }
    row("time", format!("{seconds:.2} s"));
    rows
}

/// How many processes are faulty at once: fewer than the rules allow may be enough.
fn most_faulty(certificate: &Certificate) -> String {
    let open = certificate.claim.servers != Servers::Exactly;
    let count = |world: &World, clients: bool| -> usize {
        let faulty = certificate.blocks.iter().zip(&world.faulty).filter(|(_, fault)| fault.is_some());
        faulty.filter(|(block, _)| block.is_client() == clients).map(|(block, _)| block.members.len()).sum()
    };
    let all: BTreeSet<[usize; 2]> =
        certificate.worlds.iter().map(|world| [false, true].map(|clients| count(world, clients))).collect();
    let within = |one: &[usize; 2], other: &[usize; 2]| one[0] <= other[0] && one[1] <= other[1];
    let most = all.iter().filter(|one| !all.iter().any(|other| other != *one && within(one, other)));
    let pair = |[servers, clients]: &[usize; 2]| {
        let servers =
            if open && *servers > 0 { "f servers".to_owned() } else { count_of(*servers, "server") };
        format!("{servers} and {}", count_of(*clients, "client"))
    };
    format!("in each world at most {}", most.map(pair).collect::<Vec<_>>().join(", or "))
}

/// The question of a claim.
pub(crate) fn question(claim: &Claim) -> Vec<(String, String)> {
    let system = &claim.system;
    let servers = match claim.servers {
        Servers::Exactly => count(system.servers, "server"),
        Servers::UpToTimesFaults(_) => "any number n of servers".to_owned(),
    };
    let links = if system.client_links { ", clients linked" } else { "" };
    let rounds = claim
        .rounds
        .map_or(String::new(), |rounds| format!("; {} of messages", count_of(rounds as usize, "round")));
    let rule = |rule: &FaultRule| match claim.servers {
        Servers::UpToTimesFaults(_) if !rule.processes[0].is_client() => {
            format!("f of servers: {}", rule.class)
        }
        _ => rule.text(system),
    };
    let rules: Vec<String> = claim.fault_model.rules.iter().map(rule).collect();
    let faults = if rules.is_empty() { "none".to_owned() } else { rules.join("; ") };
    vec![
        (
            "question".to_owned(),
            format!(
                "{servers}, {}{links}; {}; {}{rounds}",
                count(system.clients, "client"),
                claim.task,
                claim.timing
            ),
        ),
        ("faults".to_owned(), faults),
    ]
}

fn checked(possible: &Possible, timing: Timing) -> String {
    let Report { question, coverage, .. } = &possible.checked;
    let states = words::coverage(coverage);
    if possible.exactly && timing == Timing::Asynchrony {
        // `check` knows rounds only.
        format!(
            "under partial synchrony, against every adversary, each client writing and reading: {states}. That \
             the protocol needs no timing at all is its stated bound: {}",
            possible.protocol.description().tolerates
        )
    } else if possible.exactly {
        format!("this question, against every adversary, each client writing and reading: {states}")
    } else {
        format!(
            "up to {} and {}, {} faulty, {}against every adversary: {states}. This question is larger; it rests on \
             the protocol's stated bound: {}",
            count(question.system.servers, "server"),
            count(question.system.clients, "client"),
            question.system.faults,
            if timing == Timing::Asynchrony { "under partial synchrony, " } else { "" },
            possible.protocol.description().tolerates
        )
    }
}

/// How far the search for a proof went.
fn searched(answer: &Answer) -> String {
    if answer.claim.system.clients < 2 {
        return "nothing: it takes two clients to be told different things".to_owned();
    }
    searched_worlds(&answer.searched)
}

/// The same where two clients ask.
pub(crate) fn searched_worlds(searched: &Searched) -> String {
    let Searched { groups, epochs, worlds, stopped } = *searched;
    let mut text = if groups == 0 {
        "no worlds".to_owned()
    } else {
        let number = if worlds < 1e6 { format!("{worlds:.0}") } else { format!("{worlds:.1e}") };
        format!(
            "{number} worlds of up to {} of servers and {}; none contradict each other",
            count_of(groups, "group"),
            count_of(epochs, "epoch")
        )
    };
    if let Some(reason) = stopped {
        let _ = write!(text, "; stopped there by the limit on {}", reason_name(reason));
    }
    text
}

fn reason_name(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Rounds => "rounds",
        StopReason::Memory => "memory",
        StopReason::Time => "time",
        StopReason::Interrupted => "patience (interrupted)",
        StopReason::Linearizations => "linearizations",
        StopReason::FaultySets => "faulty sets",
    }
}

/// Why the answer to a question nearby is what it is, after its name.
fn because(near: &Answer) -> String {
    match &near.finding {
        Finding::Impossible(certificate) => format!(" ({})", count_of(certificate.worlds.len(), "world")),
        Finding::Possible(possible) => {
            let worst = words::worst_case_short(&possible.checked)
                .filter(|_| possible.exactly)
                .map(|worst| format!(", {worst}"))
                .unwrap_or_default();
            format!(" ({}{worst})", possible.protocol)
        }
        Finding::Unknown { .. } => String::new(),
    }
}

/// The argument in sentences, one for each step.
pub(crate) fn argument(certificate: &Certificate) -> Vec<String> {
    let words = Words { certificate };
    let mut sentences: Vec<String> = Vec::new();
    let mut last_forced = None;
    for step in &certificate.argument {
        let sentence = words.step(step, last_forced);
        if let Step::Forced(given) = step {
            last_forced = Some(*given);
        }
        sentences.push(sentence);
    }
    sentences
}

struct Words<'a> {
    certificate: &'a Certificate,
}

impl Words<'_> {
    fn step(&self, step: &Step, last_forced: Option<Given>) -> String {
        match step {
            Step::Forced(given) => {
                let faulty = self.faulty(given.world);
                let in_spite = if faulty.is_empty() {
                    String::new()
                } else {
                    format!(
                        ", whatever {} {}",
                        faulty,
                        if faulty.contains(" and ") || faulty.contains(',') { "do" } else { "does" }
                    )
                };
                format!(
                    "In world {} client {} is non-faulty, so by Termination its {} is answered{in_spite}.",
                    self.world(*given),
                    self.client(*given),
                    self.request(*given)
                )
            }
            Step::Values(given, values) => {
                let who = if last_forced == Some(*given) {
                    "it".to_owned()
                } else {
                    format!("{} in {}", self.client(*given), self.world(*given))
                };
                let names: Vec<String> = values.iter().map(value).collect();
                if self.certificate.claim.task.argued_as().0 == Task::Register {
                    let why = match values.as_slice() {
                        [None] => "nothing has been written there",
                        _ => "that write was answered before the read began",
                    };
                    format!("By linearizability {who} is told {}, for {why}.", names.join(" or "))
                } else {
                    let writers = if names.len() == 1 { "nothing else" } else { "nothing but these" };
                    format!(
                        "By Validity and Correctness {who} is told {}: {writers} has been written there.",
                        names.join(" or ")
                    )
                }
            }
            Step::Indistinguishable(known, new) => format!(
                "{} sees the same in {} and {}: {}. So it is answered in {} too, and alike{}.",
                self.client(*known),
                self.world(*known),
                self.world(*new),
                self.hears(*known),
                self.world(*new),
                self.told(*known).map(|value| format!(": {value}")).unwrap_or_default()
            ),
            Step::Agreement(one, other) => format!(
                "By Agreement {} and {} are answered alike in {}.",
                self.client(*one),
                self.client(*other),
                self.world(*one)
            ),
            Step::Contradiction(given) => {
                let values = self.all_values();
                let end = if self.certificate.claim.rounds.is_some() {
                    "No protocol is that fast"
                } else {
                    "No protocol can do it"
                };
                if self.certificate.claim.task.argued_as().0 == Task::Register {
                    format!(
                        "But {} cannot be told both {} in {}. {end}.",
                        self.client(*given),
                        values.join(" and "),
                        self.world(*given)
                    )
                } else {
                    format!("But {} are not the same. {end}.", values.join(" and "))
                }
            }
        }
    }

    fn world(&self, given: Given) -> &str {
        &self.certificate.worlds[given.world].name
    }

    fn client(&self, given: Given) -> &str {
        &self.certificate.blocks[given.client].name
    }

    fn request(&self, given: Given) -> &'static str {
        match self.certificate.worlds[given.world].request(given.phase, given.client) {
            Some(Request::Read {}) => "read",
            _ => "write",
        }
    }

    fn faulty(&self, world: usize) -> String {
        let faulty = self.certificate.worlds[world].faulty.iter().enumerate();
        let names: Vec<&str> = faulty
            .filter(|(_, fault)| fault.is_some())
            .map(|(block, _)| self.certificate.blocks[block].name.as_str())
            .collect();
        listed(&names)
    }

    /// Whose messages can reach the client by then, directly or through others.
    fn hears(&self, given: Given) -> String {
        let Certificate { claim, blocks, worlds, .. } = self.certificate;
        let world = &worlds[given.world];
        let linked = |from: usize, to: usize| {
            from != to && claim.system.linked(blocks[from].members[0], blocks[to].members[0])
        };
        let last = if claim.rounds.is_some() { world.phases.len() - 1 } else { given.phase };
        let mut heard = vec![false; blocks.len()];
        heard[given.client] = true;
        for phase in (0..=last).rev() {
            // In a round a message makes one hop, in an epoch as many as it takes.
            let hops = if claim.rounds.is_some() { 1 } else { blocks.len() };
            for _ in 0..hops {
                let before = heard.clone();
                for to in (0..blocks.len()).filter(|&to| before[to]) {
                    for (from, heard) in heard.iter_mut().enumerate() {
                        *heard |= linked(from, to) && !world.is_blocked(phase, (from, to));
                    }
                }
            }
        }
        let names: Vec<&str> = (0..blocks.len())
            .filter(|&block| heard[block] && block != given.client)
            .map(|block| blocks[block].name.as_str())
            .collect();
        match names.len() {
            0 => "nobody's messages reach it".to_owned(),
            all if all + 1 == blocks.len() => "what the others send it differs in nothing".to_owned(),
            1 => format!("only messages of {} reach it, which sees the same", names[0]),
            _ => format!("only messages of {} reach it, which see the same", listed(&names)),
        }
    }

    /// The value of a response, where a step says that there is only one.
    fn told(&self, given: Given) -> Option<String> {
        self.certificate.argument.iter().find_map(|step| match step {
            Step::Values(of, values) if *of == given => match values.as_slice() {
                [one] => Some(value(one)),
                _ => None,
            },
            _ => None,
        })
    }

    fn all_values(&self) -> Vec<String> {
        let mut all = Vec::new();
        for step in &self.certificate.argument {
            if let Step::Values(_, values) = step {
                let names = values.iter().map(value).collect::<Vec<_>>().join(" or ");
                if !all.contains(&names) {
                    all.push(names);
                }
            }
        }
        all
    }
}

fn value(value: &Option<Value>) -> String {
    value.as_ref().map_or("the initial value".to_owned(), Value::to_string)
}

fn listed(names: &[&str]) -> String {
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// The question as it stands in results.
pub(crate) fn question_json(claim: &Claim) -> Json {
    let system = &claim.system;
    let rule = |rule: &FaultRule| match claim.servers {
        Servers::UpToTimesFaults(_) if !rule.processes[0].is_client() => {
            format!("f of servers: {}", rule.class)
        }
        _ => rule.text(system),
    };
    json!({
        "servers": match claim.servers {
            Servers::Exactly => json!(system.servers),
            Servers::UpToTimesFaults(_) => json!("any"),
        },
        "clients": system.clients,
        "fault_rules": claim.fault_model.rules.iter().map(rule).collect::<Vec<_>>(),
        "timing": claim.timing,
        "task": claim.task,
        "links": {"client_client": system.client_links},
        "rounds": claim.rounds,
    })
}

/// The result as one document; the format is in `docs/formats/result.md`.
pub(crate) fn json(answer: &Answer, nearest: &[(String, Answer)], seconds: f64) -> Json {
    let mut document = short_json(answer);
    let near = |(what, answer): &(String, Answer)| {
        let mut short = short_json(answer);
        short["what"] = json!(what);
        short
    };
    document["format"] = json!(FORMAT);
    document["command"] = json!("solve");
    let (note, covering) = match &answer.finding {
        Finding::Unknown { note, covering } => (*note, covering.map(|protocol| protocol.name())),
        _ => (None, None),
    };
    document["known"] = json!(note);
    document["not_checked"] = json!(covering);
    document["nearest"] = nearest.iter().map(near).collect();
    for absent in ["safe", "live", "property", "horn"] {
        document[absent] = Json::Null;
    }
    let (worlds, certificate) = match &answer.finding {
        Finding::Impossible(certificate) => (
            certificate.worlds.iter().map(|world| certificate.world_json(world)).collect(),
            certificate.json(),
        ),
        _ => (Json::Null, Json::Null),
    };
    document["worlds"] = worlds;
    document["certificate"] = certificate;
    document["seconds"] = json!((seconds * 1000.0).round() / 1000.0);
    document
}

fn short_json(answer: &Answer) -> Json {
    let Searched { groups, epochs, worlds, stopped } = answer.searched;
    let possible = match &answer.finding {
        Finding::Possible(possible) => Some(possible),
        _ => None,
    };
    json!({
        "question": question_json(&answer.claim),
        "verdict": answer.finding.verdict(),
        "protocol": possible.map(|possible| possible.protocol.name()),
        "explored": {"groups": groups, "epochs": epochs, "worlds": worlds, "stopped_by": stopped.map(super::json::reason)},
        "checked": possible.map(|possible| json!({
            "question": possible.checked.question,
            "states": possible.checked.coverage.states,
            "transitions": possible.checked.coverage.transitions,
            "exactly": possible.exactly,
        })),
        "worst_case_rounds": possible.filter(|possible| possible.exactly).map(|possible| &possible.checked.worst_case_rounds),
    })
}

/// The result as one page that needs no network.
pub(crate) fn page(answer: &Answer, nearest: &[(String, Answer)], seconds: f64, json: &Json) -> String {
    let mut rows = rows(answer, seconds);
    for (what, near) in nearest {
        rows.push((what.clone(), format!("{}{}", near.finding.verdict(), because(near))));
    }
    let title = "Is there any protocol that can do it?".to_owned();
    let verdict = format!("{}: {}", answer.finding.verdict(), theorem(answer));
    match &answer.finding {
        Finding::Impossible(certificate) => with_proof(title, verdict, Tone::Bad, rows, certificate, json),
        other => threeworlds_diagram::html(&Page {
            title,
            verdict,
            tone: if matches!(other, Finding::Possible(_)) { Tone::Good } else { Tone::Unknown },
            rows,
            json: super::json::text(json),
            ..Page::default()
        }),
    }
}

/// A certificate as a page, as it stands.
pub(crate) fn page_of(certificate: &Certificate) -> String {
    let title = "A proof that no protocol can do it".to_owned();
    let claims = format!("claims that {}", theorem_of(certificate));
    with_proof(title, claims, Tone::Unknown, question(&certificate.claim), certificate, &Json::Null)
}

/// A page with a proof: its worlds, its sentences, and the certificate itself.
pub(crate) fn with_proof(
    title: String,
    verdict: String,
    tone: Tone,
    rows: Vec<(String, String)>,
    certificate: &Certificate,
    json: &Json,
) -> String {
    worlds::html(&worlds::Proof {
        title,
        verdict,
        tone,
        rows,
        paragraphs: Vec::new(),
        sentences: argument(certificate),
        certificate,
        json: if json.is_null() { String::new() } else { super::json::text(json) },
    })
}
