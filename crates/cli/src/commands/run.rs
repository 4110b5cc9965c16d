use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use threeworlds_model::{
    Charge, Execution, Fault, Moves, Process, Question, Rejection, Replay, Steps, System, Timing,
    charge_fewest, parse_processes, replay_moves, verify,
};

use crate::commands::show::{DrawingArguments, read_executions};
use crate::exit::Exit;
use crate::limits::stop_on_signal;
use crate::protocol::{ProtocolArguments, WithProtocol};
use crate::question::QuestionArguments;
use crate::terminal::{TerminalArguments, note, print};

/// Run a protocol once and draw the execution
///
/// Without faults, unless flags or a file say otherwise. Each client issues its requests as soon as it can.
/// The run ends when everything is answered, or after --rounds.
///
/// Exit status: 0 it ran, whatever came out, 2 the input or the call is wrong, 3 interrupted.
#[derive(Args)]
#[command(override_usage = "threeworlds run [OPTIONS] PROTOCOL\n       \
                            threeworlds run [OPTIONS] -- COMMAND...")]
pub(crate) struct RunArguments {
    #[command(flatten)]
    protocol: ProtocolArguments,
    #[command(flatten)]
    question: QuestionArguments,
    /// Stop after so many rounds at most
    #[arg(long, value_name = "R", default_value_t = 12, help_heading = "What happens",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Issue a client's next request in this round, such as c2@3; `c2@never` keeps it silent
    ///
    /// Repeated for the requests that follow. A request for which no round is given comes as soon as it can.
    #[arg(long, value_name = "CLIENT@ROUND", help_heading = "What happens")]
    request: Vec<String>,
    /// Stop a process in a round, such as s1@2
    ///
    /// Of what it sends in that round nothing arrives, or only what goes to the processes after a colon:
    /// s1@2:s2,c1.
    #[arg(long, value_name = "PROCESS@ROUND", help_heading = "What happens")]
    crash: Vec<String>,
    /// Remove messages, such as "s1>s2" one way or "s1<>c1,c2" both ways
    ///
    /// In all rounds, or in some: "s1>s2@3" in round 3, "s1>s2@3-5" in rounds 3 to 5, "s1>s2@3-" from 3 on.
    #[arg(long, value_name = "CUT", help_heading = "What happens")]
    cut: Vec<String>,
    /// The first round in which only faults lose messages (partial synchrony) [default: 1]
    #[arg(long, value_name = "ROUND", help_heading = "What happens")]
    gst: Option<u32>,
    /// Let happen what happens in this execution file
    ///
    /// The question, the faults, the removed messages and the requests are those of the file. Without a
    /// protocol the built-in one that the file names is meant.
    #[arg(long, value_name = "FILE", help_heading = "What happens",
          conflicts_with_all = ["servers", "FaultArguments", "timing", "task", "consistency", "workload",
          "crash_delivery", "client_links", "rounds", "request", "crash", "cut", "gst"])]
    like: Option<PathBuf>,
    #[command(flatten)]
    drawing: DrawingArguments,
    /// Print the execution as JSON
    #[arg(long, help_heading = "Output", conflicts_with_all = ["format", "output"])]
    json: bool,
}

/// What is to happen, round by round.
struct Script {
    /// For each client the rounds in which its requests are issued; a client without an entry issues each
    /// as soon as it can.
    requests: BTreeMap<Process, Vec<Option<u32>>>,
    crashes: BTreeMap<Process, (u32, Vec<Process>)>,
    cuts: Vec<Cut>,
    gst: Option<u32>,
    rounds: u32,
    /// What an execution file records, instead of all this.
    recorded: Option<Recorded>,
}

struct Recorded {
    moves: Vec<Moves>,
    faulty: BTreeMap<Process, Fault>,
}

struct Cut {
    from: Vec<Process>,
    to: Vec<Process>,
    rounds: std::ops::RangeInclusive<u32>,
}

impl RunArguments {
    pub(crate) fn run(self, terminal: &TerminalArguments) -> Result<Exit> {
        self.drawing.check()?;
        let like = self.like.as_deref().map(one_execution).transpose()?;
        let protocol = self.protocol.choose(like.as_ref().map(|like| like.protocol.as_str()))?;
        let (question, script) = self.script(like.as_ref())?;
        let stop = stop_on_signal()?;
        let run = Run { question: &question, label: protocol.label(), script };
        let (execution, rejection) = protocol.run(&question, stop, run)?;
        if self.json {
            print(&execution.text())?;
        } else {
            self.drawing.draw(&execution.protocol, std::slice::from_ref(&execution), terminal)?;
        }
        if let Some(rejection) = rejection {
            let mut says = format!("`threeworlds verify` would reject this execution: {rejection}.");
            if matches!(rejection, Rejection::FaultySet { .. }) {
                says += " No faulty set that they do allow explains all that is removed here.";
            }
            note(&says);
        }
        Ok(Exit::Good)
    }

    fn script(&self, like: Option<&Execution>) -> Result<(Question, Script)> {
        if let Some(execution) = like {
            let script = Script {
                requests: BTreeMap::new(),
                crashes: BTreeMap::new(),
                cuts: Vec::new(),
                gst: execution.gst,
                rounds: u32::try_from(execution.rounds.len())?,
                recorded: Some(Recorded { moves: replay_moves(execution), faulty: execution.faulty.clone() }),
            };
            return Ok((execution.question.clone(), script));
        }
        let question = self.question.question(None)?;
        let system = &question.system;
        ensure!(
            self.gst.is_none() || question.timing == Timing::PartialSynchrony,
            "--gst has a meaning under --timing partial-synchrony only"
        );
        ensure!(self.gst != Some(0), "--gst 0: the first round is 1");
        let mut requests: BTreeMap<Process, Vec<Option<u32>>> = BTreeMap::new();
        for text in &self.request {
            let (client, round) = at_round(text, "--request", system)?;
            ensure!(
                client.is_client(),
                "--request {text}: {client} is a server, and only clients issue requests"
            );
            let round = if round == "never" { None } else { Some(self.round(round, "--request", text)?) };
            requests.entry(client).or_default().push(round);
        }
        let mut crashes = BTreeMap::new();
        for text in &self.crash {
            let (process, rest) = at_round(text, "--crash", system)?;
            let (round, receivers) = rest.split_once(':').unwrap_or((rest, ""));
            let receivers = if receivers.is_empty() {
                Vec::new()
            } else {
                processes(receivers, "--crash", text, system)?
            };
            let before = crashes.insert(process, (self.round(round, "--crash", text)?, receivers));
            ensure!(before.is_none(), "--crash {text}: {process} stops twice");
        }
        let cuts = self.cut.iter().map(|text| cuts(text, system)).collect::<Result<Vec<_>>>()?;
        let gst = (question.timing == Timing::PartialSynchrony).then(|| self.gst.unwrap_or(1));
        let cuts = cuts.into_iter().flatten().collect();
        let script = Script { requests, crashes, cuts, gst, rounds: self.rounds, recorded: None };
        Ok((question, script))
    }

    /// A round in which something is to happen.
    fn round(&self, round: &str, flag: &str, text: &str) -> Result<u32> {
        let round = number(round, flag, text)?;
        ensure!(
            round <= self.rounds,
            "{flag} {text}: the run ends after round {}; --rounds {round} makes it longer",
            self.rounds
        );
        Ok(round)
    }
}

/// The only execution in a file.
fn one_execution(file: &Path) -> Result<Execution> {
    let mut executions = read_executions(file)?;
    ensure!(
        executions.len() == 1,
        "--like {}: there are {} executions in it: name a file with one, as `check --save` writes them",
        file.display(),
        executions.len()
    );
    Ok(executions.remove(0))
}

fn processes(names: &str, flag: &str, text: &str, system: &System) -> Result<Vec<Process>> {
    parse_processes(names, system).with_context(|| format!("{flag} {text}"))
}

fn at_round<'a>(text: &'a str, flag: &str, system: &System) -> Result<(Process, &'a str)> {
    let (process, round) = text
        .split_once('@')
        .with_context(|| format!("{flag} {text}: `@` and a round are missing, as in `{}@2`", text.trim()))?;
    let process: Process = process.trim().parse().with_context(|| format!("{flag} {text}"))?;
    let System { servers, clients, .. } = system;
    ensure!(
        system.contains(process),
        "{flag} {text}: there is no {process}: the system has {servers} servers and {clients} clients"
    );
    Ok((process, round.trim()))
}

fn number(round: &str, flag: &str, text: &str) -> Result<u32> {
    match round.trim().parse() {
        Ok(0) | Err(_) => bail!("{flag} {text}: `{}` is not a round: the first is 1", round.trim()),
        Ok(number) => Ok(number),
    }
}

fn cuts(text: &str, system: &System) -> Result<Vec<Cut>> {
    let (links, rounds) = match text.split_once('@') {
        None => (text, 1..=u32::MAX),
        Some((links, rounds)) => {
            let rounds = match rounds.split_once('-') {
                None => {
                    let round = number(rounds, "--cut", text)?;
                    round..=round
                }
                Some((first, last)) => {
                    let first = number(first, "--cut", text)?;
                    let last = if last.trim().is_empty() { u32::MAX } else { number(last, "--cut", text)? };
                    ensure!(first <= last, "--cut {text}: the later round comes first");
                    first..=last
                }
            };
            (links, rounds)
        }
    };
    let both = links.split_once("<>");
    let (from, to) = both
        .or_else(|| links.split_once('>'))
        .with_context(|| format!("--cut {text}: write `s1>s2` for one way or `s1<>s2` for both"))?;
    let from = processes(from, "--cut", text, system)?;
    let to = processes(to, "--cut", text, system)?;
    let mut all = vec![Cut { from: from.clone(), to: to.clone(), rounds: rounds.clone() }];
    if both.is_some() {
        all.push(Cut { from: to, to: from, rounds });
    }
    Ok(all)
}

struct Run<'a> {
    question: &'a Question,
    label: String,
    script: Script,
}

impl WithProtocol for Run<'_> {
    /// The execution, and why it is not one of the question, if it is none.
    type Output = (Execution, Option<Rejection>);

    fn with<S: Steps>(self, mut steps: S) -> Result<Self::Output> {
        let Run { question, label, mut script } = self;
        let mut replay = Replay::new(question, &mut steps)?;
        let last_crash = script.crashes.values().map(|&(round, _)| round).max().unwrap_or(0);
        for number in 1..=script.rounds {
            let moves = script.moves(number, &replay, &question.system);
            replay.round(&moves)?;
            let idle = |client: Process| {
                let waits = replay.snapshot().environment.is_outstanding(client)
                    && replay.snapshot().locals[question.system.index(client)].is_some();
                !waits && (replay.next_request(client).is_none() || script.silent(client))
            };
            let done = number >= last_crash && question.system.client_ids().all(idle);
            if script.recorded.is_none() && done {
                break;
            }
        }
        let mut execution = Execution::new("run", label, question.clone());
        execution.gst = script.gst;
        execution.rounds = replay.into_rounds();
        match script.recorded {
            Some(recorded) => execution.faulty = recorded.faulty,
            None => charge_fewest(&mut execution),
        }
        match verify(&execution, &mut steps) {
            Err(Rejection::Replay(error)) => Err(error.into()),
            outcome => Ok((execution, outcome.err())),
        }
    }
}

impl Script {
    /// What happens in this round, of what can happen.
    fn moves<S: Steps>(&mut self, number: u32, replay: &Replay<S>, system: &System) -> Moves {
        let mut moves = Moves::default();
        let alive = |process: Process| replay.snapshot().locals[system.index(process)].is_some();
        if let Some(recorded) = &self.recorded {
            let wanted = &recorded.moves[number as usize - 1];
            moves.requests = wanted
                .requests
                .iter()
                .copied()
                .filter(|&client| replay.next_request(client).is_some())
                .collect();
            moves.crashes = wanted.crashes.iter().copied().filter(|&process| alive(process)).collect();
            let removed = replay.sending().filter_map(|link| Some((link, *wanted.removed.get(&link)?)));
            moves.removed = removed.collect();
            return moves;
        }
        for client in system.client_ids().filter(|&client| replay.next_request(client).is_some()) {
            let due = match self.requests.get_mut(&client) {
                None => true,
                Some(rounds) => match rounds.first() {
                    // What was not asked for in particular comes as soon as it can.
                    None => true,
                    Some(None) => false,
                    Some(Some(round)) => *round <= number,
                },
            };
            if due {
                moves.requests.insert(client);
                if let Some(rounds) = self.requests.get_mut(&client)
                    && !rounds.is_empty()
                {
                    rounds.remove(0);
                }
            }
        }
        moves.crashes = self
            .crashes
            .iter()
            .filter(|&(&process, &(round, _))| round == number && alive(process))
            .map(|(&process, _)| process)
            .collect();
        for (from, to) in replay.sending() {
            let lost_in_crash = moves.crashes.contains(&from) && !self.crashes[&from].1.contains(&to);
            let cut = self
                .cuts
                .iter()
                .any(|cut| cut.rounds.contains(&number) && cut.from.contains(&from) && cut.to.contains(&to));
            if lost_in_crash || cut {
                moves.removed.insert((from, to), Charge::Process(from));
            }
        }
        moves
    }

    /// Whether nothing more is to be asked by the client.
    fn silent(&self, client: Process) -> bool {
        self.requests.get(&client).is_some_and(|rounds| rounds.first() == Some(&None))
    }
}
