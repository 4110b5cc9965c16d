//! Attacks on a program, with the plans that its question gives.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use threeworlds_attack::{
    Brief, Campaign, Derived, Medium, Options, Plan, Played, Player, Program, Report, Roles, Tried, Verdict,
    Workload, baseline, derive, run,
};
use threeworlds_model::{FaultClass, Question};

/// Whether everything is played.
pub(crate) fn full() -> bool {
    std::env::var_os("THREEWORLDS_FULL").is_some_and(|value| value == "1")
}

/// A file below `examples/nodes`.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/nodes").join(name)
}

/// What is attacked, and by whom: one client more than that is faulty never decides here, so there are two.
#[derive(Clone)]
pub(crate) struct Attack {
    pub(crate) program: PathBuf,
    pub(crate) servers: usize,
    pub(crate) faults: usize,
    pub(crate) class: FaultClass,
    pub(crate) workload: Workload,
}

/// A campaign that is over.
pub(crate) struct Outcome {
    pub(crate) report: Report,
    pub(crate) seconds: f64,
}

impl Attack {
    pub(crate) fn new(program: PathBuf, servers: usize, class: FaultClass) -> Attack {
        Attack { program, servers, faults: 1, class, workload: Workload::WriteOnceKv }
    }

    /// The verdict of a whole campaign, or what one plan of it shows.
    pub(crate) fn verdict(&self, whole: bool, plan: &str) -> String {
        if whole { self.campaign().verdict() } else { self.plan(plan) }
    }

    /// Plays every plan, two at a time, until one fails.
    pub(crate) fn campaign(&self) -> Outcome {
        let question = self.question();
        let brief = self.brief(&question);
        let campaign = self.campaign_of(&brief);
        let start = Instant::now();
        let report = campaign.run(self).unwrap_or_else(|why| panic!("{}: {why}", self.program.display()));
        let outcome = Outcome { report, seconds: start.elapsed().as_secs_f64() };
        if full() {
            let plans = outcome.report.tried.len();
            let name = self.program.file_name().expect("it has a name").display();
            println!(
                "{name} x{} {}: {}, {plans} plans, {:.0} s",
                self.servers,
                self.workload,
                outcome.verdict(),
                outcome.seconds
            );
        }
        outcome
    }

    /// Plays one plan alone, by its name.
    pub(crate) fn plan(&self, name: &str) -> String {
        let question = self.question();
        let brief = self.brief(&question);
        let plans = [vec![baseline(&brief)], derive(&brief, &[])].concat();
        let named = |derived: &Derived| derived.plan.name == name;
        let Some(derived) = plans.into_iter().find(named) else { panic!("there is no plan `{name}`") };
        let tried = self.campaign_of(&brief).confirmed(self, derived);
        let tried = tried.unwrap_or_else(|why| panic!("{}: {why}", self.program.display()));
        match tried.judged.unknown() {
            _ if tried.fails() => failure(&tried),
            Some(why) => format!("unknown: {why}"),
            None => "survived".to_owned(),
        }
    }

    fn question(&self) -> Question {
        Question::usual(self.servers, self.faults, 2, self.class, FaultClass::Omission).expect("a question")
    }

    fn brief<'a>(&self, question: &'a Question) -> Brief<'a> {
        Brief {
            question,
            workload: self.workload,
            roles: Roles::LeaderFirst,
            deadline_milliseconds: 4_000,
            settle_milliseconds: 1_000,
            beyond: false,
            medium: Medium::Messages,
        }
    }

    fn campaign_of<'a>(&self, brief: &'a Brief<'a>) -> Campaign<'a> {
        Campaign { brief, jobs: 2, all: false, random: 0, seed: 0, stop: &|| None, observe: &|_| {} }
    }
}

impl Player for Attack {
    fn play(&self, plan: &Plan) -> Result<Played, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let language = match self.program.extension().and_then(|extension| extension.to_str()) {
            Some("py") => "python3",
            Some("js") => "node",
            _ => "ruby",
        };
        let program = Program { command: vec![language.into(), self.program.clone().into()] };
        let guardian = vec![env!("CARGO_BIN_EXE_threeworlds-guardian").into()];
        // A machine that is busy with other tests starts an interpreter late.
        let init_deadline = Duration::from_secs(60);
        let options = Options { init_deadline, ..Options::new(guardian, folder.path().to_owned()) };
        let run =
            run(plan, &program, &options, &AtomicBool::new(false)).map_err(|error| error.to_string())?;
        match run.unusable.first() {
            Some(why) => Err(why.to_string()),
            None => Ok(Played::new(run.journal, run.roles)),
        }
    }
}

impl Outcome {
    /// The verdict, and by which plan.
    pub(crate) fn verdict(&self) -> String {
        match &self.report.verdict {
            Verdict::Survived => "survived".to_owned(),
            Verdict::Unknown(why) => format!("unknown: {why}"),
            Verdict::Fails { by } => failure(&self.report.tried[*by]),
        }
    }
}

fn failure(tried: &Tried) -> String {
    format!("fails: {}, {}", tried.horn().expect("it fails"), tried.derived.plan.name)
}
