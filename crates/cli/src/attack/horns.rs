use threeworlds_attack::subject::Subject;
use threeworlds_attack::{Horn, Horns, Tried, World};
use threeworlds_model::Question;

use super::cluster::ClusterFacts;
use super::theorem::Word;

/// Systems in the three worlds, and the horn that each takes.
pub(crate) struct HornTable {
    pub(crate) question: Question,
    /// What is known of every program for this question.
    pub(crate) theorem: Word,
    pub(crate) rows: Vec<Row>,
    pub(crate) seconds: f64,
}

/// A system.
pub(crate) struct Row {
    pub(crate) subject: Subject,
    /// When a request was given up, in seconds.
    pub(crate) deadline: f64,
    pub(crate) outcome: Outcome,
    pub(crate) seconds: f64,
}

/// What came of a system.
pub(crate) enum Outcome {
    /// These of its programs are not installed.
    Missing(Vec<String>),
    /// No world was played, and why.
    NotPlayed(String),
    /// Some were.
    Played(Box<PlayedWorlds>),
}

/// A system that was played.
pub(crate) struct PlayedWorlds {
    pub(crate) horns: Horns,
    pub(crate) worlds: Vec<(World, Result<Tried, String>)>,
    pub(crate) cluster: Option<ClusterFacts>,
}

impl HornTable {
    /// Whether everything that is installed was played and has a horn, or none to take.
    pub(crate) fn is_known(&self) -> bool {
        self.rows.iter().all(|row| match &row.outcome {
            Outcome::Missing(_) => true,
            Outcome::NotPlayed(_) => false,
            Outcome::Played(played) => !matches!(played.horns.horn, Horn::Unknown(_)),
        })
    }

    pub(crate) fn played(&self) -> impl Iterator<Item = (&Row, &PlayedWorlds)> {
        self.rows.iter().filter_map(|row| match &row.outcome {
            Outcome::Played(played) => Some((row, played.as_ref())),
            _ => None,
        })
    }
}

impl PlayedWorlds {
    /// The worlds that could be played.
    pub(crate) fn tried(&self) -> impl Iterator<Item = (World, &Tried)> {
        self.worlds.iter().filter_map(|(world, tried)| Some((*world, tried.as_ref().ok()?)))
    }
}
