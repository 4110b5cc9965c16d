use serde_json::Value as Json;
use threeworlds_model::{FaultModel, Process};

use crate::campaign::Tried;
use crate::derive::{INITIAL, World};
use crate::journal::{Outcome, What};
use crate::judge::Told;
use crate::plan::{KvRequest, Plan, Workload};

/// How a system behaved in one world.
#[derive(Debug, Clone, PartialEq)]
pub struct InWorld {
    /// Which.
    pub world: World,
    /// What clients asked while the links were cut, in their order, and what they were told.
    pub under: Vec<Under>,
    /// What there was after healing.
    pub healed: Healed,
    /// What is wrong in it, if anything is: what contradicts what, or who waits for what.
    pub wrong: Option<String>,
    /// Why the run says nothing, if it says nothing.
    pub doubt: Option<String>,
}

/// A request while links were cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Under {
    /// Who asked.
    pub client: Process,
    /// Whether the rules want an answer: whoever may be faulty need not have one.
    pub must_answer: bool,
    /// What it was told, as [`Told::answer`] has it; none if it was not answered before its deadline.
    pub answer: Option<Json>,
    /// The value that was acknowledged to it: it will be there from now on.
    pub acknowledged: Option<Json>,
    /// The value that it wanted to write, if any.
    pub wanted: Option<Json>,
    /// From the question to the answer, or until it was given up.
    pub seconds: f64,
}

/// What there was after healing.
#[derive(Debug, Clone, PartialEq)]
pub struct Healed {
    /// By server, as far as somebody looked: by the system's own way to ask one server alone, or else as
    /// clients read it.
    pub servers: Vec<(Process, Stored)>,
    /// What that comes to.
    pub survival: Survival,
    /// Values that were acknowledged while links were cut and that nobody has any more although others were
    /// seen.
    pub lost: Vec<Json>,
    /// Values that are there although nobody was told so.
    pub never_acknowledged: Vec<Json>,
}

/// What one server shows after healing.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// This value; `null` if there is none.
    Value(Json),
    /// It did not say, and why.
    Unknown(String),
}

/// What all servers show after healing.
#[derive(Debug, Clone, PartialEq)]
pub enum Survival {
    /// Nobody was asked, or nobody answered.
    NotSeen,
    /// All that answered have this value, which may be `null`.
    One(Json),
    /// They differ.
    Split,
}

impl InWorld {
    pub(super) fn of(world: World, tried: &Tried, rules: &FaultModel) -> InWorld {
        let (plan, judged) = (&tried.derived.plan, &tried.judged);
        let events = &tried.played.journal.events;
        let cut = |what: &What| matches!(what, What::Cut { links } if !links.is_empty());
        let heal = |what: &What| matches!(what, What::Cut { links } if links.is_empty());
        let begin = events.iter().find(|event| cut(&event.what)).map_or(u64::MAX, |event| event.at);
        let end = events.iter().find(|event| event.at > begin && heal(&event.what));
        let end = end.map_or(u64::MAX, |event| event.at);
        let while_cut = |told: &&Told| (begin..end).contains(&told.from);
        let must_answer = plan.explanation(rules).must_answer;
        let under: Vec<Under> =
            judged.told.iter().filter(while_cut).map(|told| Under::of(plan, told, &must_answer)).collect();
        // Other keys than the one that was written meanwhile tell nothing.
        let key = judged.told.iter().find(while_cut).map(|told| told.request.key().clone());
        let reads =
            judged.told.iter().filter(|told| told.from >= end && Some(told.request.key()) == key.as_ref());
        let servers = stored(tried, key.as_ref()).unwrap_or_else(|| as_clients_read(reads));
        let doubt = judged.unknown().map(str::to_owned);
        let wrong = judged.violation().map(|violation| violation.explanation.clone());
        InWorld { world, healed: Healed::of(plan.workload, servers, &under), under, wrong, doubt }
    }
}

impl Under {
    fn of(plan: &Plan, told: &Told, must_answer: &[Process]) -> Under {
        let answered = |value: &Json| told.answer.as_ref().map(|_| value.clone());
        let (wanted, acknowledged) = match &told.request {
            // Whoever is told a value is told that it stays.
            KvRequest::WriteOnce { value, .. } => {
                (Some(value.clone()), told.answer.clone().filter(|answer| !is_none(plan.workload, answer)))
            }
            KvRequest::Write { value, .. } => (Some(value.clone()), answered(value)),
            KvRequest::Cas { to, .. } => {
                let failed = told.answer.as_ref().is_some_and(|answer| answer.get("error").is_some());
                (Some(to.clone()), answered(to).filter(|_| !failed))
            }
            KvRequest::Read { .. } => (None, None),
        };
        Under {
            client: told.client,
            must_answer: must_answer.contains(&told.client),
            answer: told.answer.clone(),
            acknowledged,
            wanted,
            seconds: told.until.saturating_sub(told.from) as f64 / 1e6,
        }
    }
}

/// Whether a key with this has no value: what it held before anything was lost stands for none.
fn is_none(workload: Workload, value: &Json) -> bool {
    value.is_null() || (workload == Workload::WriteOnceKv && *value == INITIAL)
}

/// What each server said it has; none if no server was asked.
fn stored(tried: &Tried, of: Option<&Json>) -> Option<Vec<(Process, Stored)>> {
    let stored = tried.played.journal.events.iter().filter_map(|event| match &event.what {
        What::Stored { server, key, outcome } if Some(key) == of => Some((*server, shown(outcome))),
        _ => None,
    });
    let mut stored: Vec<(Process, Stored)> = stored.collect();
    stored.sort_by_key(|(server, _)| *server);
    (!stored.is_empty()).then_some(stored)
}

fn shown(outcome: &Outcome) -> Stored {
    match outcome {
        Outcome::Ok(Some(value)) => Stored::Value(value.clone()),
        Outcome::Ok(None) => Stored::Unknown("it showed nothing".to_owned()),
        Outcome::Refused { text, .. } => Stored::Unknown(format!("it refused: {text}")),
        Outcome::Unknown { why } => Stored::Unknown(why.clone()),
    }
}

/// What clients read after healing, by the server that answered.
fn as_clients_read<'a>(reads: impl Iterator<Item = &'a Told>) -> Vec<(Process, Stored)> {
    let reads = reads.filter(|told| matches!(told.request, KvRequest::Read { .. }));
    let mut servers: Vec<(Process, Stored)> = Vec::new();
    for (server, outcome) in reads.flat_map(|told| &told.operations) {
        // Nobody who refuses or is silent to a client says what it has.
        if let Some(Outcome::Ok(Some(value))) = outcome
            && !servers.iter().any(|(known, _)| known == server)
        {
            servers.push((*server, Stored::Value(value.clone())));
        }
    }
    servers.sort_by_key(|(server, _)| *server);
    servers
}

impl Healed {
    fn of(workload: Workload, servers: Vec<(Process, Stored)>, under: &[Under]) -> Healed {
        let value = |stored: &Stored| match stored {
            Stored::Value(value) if is_none(workload, value) => Some(Json::Null),
            Stored::Value(value) => Some(value.clone()),
            Stored::Unknown(_) => None,
        };
        let mut values: Vec<Json> = servers.iter().filter_map(|(_, stored)| value(stored)).collect();
        values.sort_by_key(Json::to_string);
        values.dedup();
        let survival = match values.as_slice() {
            [] => Survival::NotSeen,
            [one] => Survival::One(one.clone()),
            _ => Survival::Split,
        };
        let acknowledged: Vec<&Json> = under.iter().filter_map(|one| one.acknowledged.as_ref()).collect();
        // A later write may replace an acknowledged one of a plain register; then nothing is lost.
        let replaced =
            workload == Workload::LinKv && under.iter().filter(|one| one.wanted.is_some()).count() > 1;
        let mut lost: Vec<Json> = Vec::new();
        for value in
            acknowledged.iter().filter(|value| !values.is_empty() && !replaced && !values.contains(value))
        {
            if !lost.contains(value) {
                lost.push((*value).clone());
            }
        }
        let never_acknowledged = values
            .iter()
            .filter(|value| !value.is_null() && !acknowledged.contains(value))
            .cloned()
            .collect();
        Healed { servers, survival, lost, never_acknowledged }
    }
}
