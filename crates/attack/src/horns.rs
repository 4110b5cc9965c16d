//! Which horn a system takes: what clients were told in worlds A, B and C, what was left of it after healing,
//! and what that comes to. From journals alone, as judged by [`judge`](crate::judge).
//!
//! What no client was told is no contradiction: what servers have stored after healing is shown, and counts as
//! lost or kept only where somebody was told. A run shows a horn; it never shows that a system has none. A
//! deadline decides what is unanswered, and everything here is about the deadlines of the plans that were
//! played.

mod in_world;

use threeworlds_model::FaultModel;

use crate::campaign::{Player, Tried};
use crate::derive::{Brief, Derived, Part, World, horn_worlds};
use crate::judge::Finding;
use crate::plan::Plan;
pub use in_world::{Healed, InWorld, Stored, Survival, Under};

/// A row of the table: a system in the three worlds.
#[derive(Debug, Clone, PartialEq)]
pub struct Horns {
    /// The worlds that were played, A first.
    pub worlds: Vec<InWorld>,
    /// What they come to.
    pub horn: Horn,
}

/// What three worlds come to.
#[derive(Debug, Clone, PartialEq)]
pub enum Horn {
    /// Clients were told what contradicts itself.
    Safety {
        /// The world that shows it.
        world: World,
        /// What contradicts what.
        why: String,
    },
    /// A client that need not be faulty was not answered.
    Liveness {
        /// The first world that shows it.
        world: World,
        /// Who waited for what.
        why: String,
    },
    /// Nothing is wrong in these worlds, and a protocol that does it exists.
    Neither,
    /// It is not known, and why.
    Unknown(String),
}

impl Horn {
    /// `safety`, `liveness`, `neither` or `unknown`.
    pub fn name(&self) -> &'static str {
        match self {
            Horn::Safety { .. } => "safety",
            Horn::Liveness { .. } => "liveness",
            Horn::Neither => "neither",
            Horn::Unknown(_) => "unknown",
        }
    }
}

/// Plays the three worlds of the brief, so many at a time. A client that was left without an answer is believed
/// only if a second run shows it too: worlds are played again until one has shown it twice. What could not be played is told with its reason.
///
/// `stop` is asked before each run: a reason ends it. `observe` is told when a run begins.
pub fn play_horns(
    brief: &Brief,
    player: &impl Player,
    jobs: usize,
    stop: &(dyn Fn() -> Option<String> + Sync),
    observe: &(dyn Fn(World) + Sync),
) -> Vec<(World, Result<Tried, String>)> {
    let rules = &brief.question.fault_model;
    let play = |world: World, plan: &Plan| {
        if let Some(why) = stop() {
            return Err(why);
        }
        observe(world);
        let played = player.play(plan)?;
        let judged = played.judge(plan, rules);
        // No campaign takes these worlds for the theorem's: where n > 2f they are not.
        Ok(Tried { derived: Derived { part: Part::Other, plan: plan.clone() }, played, judged, runs: 1 })
    };
    let worlds = horn_worlds(brief).map(Vec::from).unwrap_or_default();
    let mut done = Vec::new();
    for some in worlds.chunks(jobs.max(1)) {
        std::thread::scope(|scope| {
            let play = &play;
            let mut begun = Vec::new();
            for (world, plan) in some {
                begun.push((*world, scope.spawn(move || play(*world, plan))));
            }
            for (world, run) in begun {
                done.push((world, run.join().unwrap_or_else(|_| Err("the run broke off".to_owned()))));
            }
        });
    }
    let unsafe_one = |(_, tried): &(World, Result<Tried, String>)| {
        tried.as_ref().is_ok_and(|tried| tried.judged.safe.violation().is_some())
    };
    if done.iter().any(unsafe_one) {
        return done;
    }
    for (world, tried) in &mut done {
        let Ok(first) = tried else { continue };
        let Finding::Violated(violation) = first.judged.live.clone() else { continue };
        match play(*world, &first.derived.plan) {
            Ok(mut second) => {
                if second.judged.live == Finding::Kept {
                    let why =
                        format!("two runs differ: in one {}, in the other it is", violation.explanation);
                    second.judged.live = Finding::Unknown(why);
                }
                second.runs = 2;
                *first = second;
            }
            Err(why) => first.judged.doubt(&format!("it could not be played a second time: {why}")),
        }
        // One world is enough.
        if first.judged.violation().is_some() {
            break;
        }
    }
    done
}

impl Horns {
    /// Judges worlds that were played under these rules. `impossible` says that no program can come out well in
    /// all of them: then one that does has leaked.
    pub fn of(played: &[(World, Result<Tried, String>)], rules: &FaultModel, impossible: bool) -> Horns {
        let done: Vec<(World, &Tried)> =
            played.iter().filter_map(|(world, tried)| Some((*world, tried.as_ref().ok()?))).collect();
        let worlds = done.iter().map(|&(world, tried)| InWorld::of(world, tried, rules)).collect();
        let horn = match (horn(&done, impossible), played.iter().find(|(_, tried)| tried.is_err())) {
            (Horn::Unknown(_), Some((world, Err(why)))) => {
                Horn::Unknown(format!("world {} could not be played: {why}", world.name()))
            }
            (horn, _) => horn,
        };
        Horns { worlds, horn }
    }

    /// One world, if it was played.
    pub fn world(&self, world: World) -> Option<&InWorld> {
        self.worlds.iter().find(|one| one.world == world)
    }
}

/// Safety first, for that is worse; the world that breaks it in the order C, A, B, for C is the one that should.
fn horn(played: &[(World, &Tried)], impossible: bool) -> Horn {
    let find = |order: [World; 3], of: &dyn Fn(&Tried) -> &Finding| {
        order.into_iter().find_map(|world| {
            let (_, tried) = played.iter().find(|(played, _)| *played == world)?;
            Some((world, of(tried).violation()?.explanation.clone()))
        })
    };
    if let Some((world, why)) = find([World::C, World::A, World::B], &|tried| &tried.judged.safe) {
        return Horn::Safety { world, why };
    }
    if let Some((world, why)) = find([World::A, World::B, World::C], &|tried| &tried.judged.live) {
        return Horn::Liveness { world, why };
    }
    let missing: Vec<&str> = [World::A, World::B, World::C]
        .into_iter()
        .filter(|world| !played.iter().any(|(played, _)| played == world))
        .map(World::name)
        .collect();
    if !missing.is_empty() {
        return Horn::Unknown(format!("world {} was not played", missing.join(", ")));
    }
    if let Some((world, why)) =
        played.iter().find_map(|(world, tried)| Some((world, tried.judged.unknown()?)))
    {
        return Horn::Unknown(format!("world {}: {why}", world.name()));
    }
    match impossible {
        true => Horn::Unknown(
            "everybody was answered in A, B and C and nothing contradicts itself, which no program can do: \
             something leaked"
                .to_owned(),
        ),
        false => Horn::Neither,
    }
}
