//! Draws what happened in real time: the space-time diagram of a run of real processes, and the picture of
//! a client history with the operations to blame. The caller fills a [`Timeline`]; it is laid out once, as a
//! `Scene`, and the back ends consume that.
//!
//! Nothing is judged here: who is faulty and which operations are to blame is the caller's word. Any input
//! is drawn, also one that no run can have (an answer before its call, two operations of a client at once).
//! What finds no room (messages of which there are thousands, long texts) is thinned or shortened, and the
//! drawing says how many of what it leaves out. Time is not to scale throughout: a long stretch in which
//! nothing happens is cut out at a visible break, and instants close to each other are kept apart.
//!
//! ```
//! use threeworlds_diagram::timeline::{Loss, Near, Sheet, Timeline, svg};
//!
//! let mut run = Timeline::new("World C");
//! let (s1, s2) = (run.server("s1"), run.faulty_server("s2", "omission"));
//! let (c1, c2) = (run.client("c1"), run.faulty_client("c2", "omission"));
//! run.cut(&[(s1, s2), (s2, s1)], 0, Some(900_000)).label("{s1, c1} | {s2, c2}");
//! run.message(c1, s1, "write", 100_000).arrived(101_000);
//! run.message(s1, s2, "replicate", 101_200).lost(101_200, Near::Receiver, Loss::Cut);
//! run.message(s1, c1, "reply", 400_000).arrived(401_000);
//! run.operation(c1, "write(C1)", 100_000).answered(401_000, "C1").blamed();
//! run.operation(c2, "write(C2)", 100_000).answered(402_000, "C2").blamed();
//! run.caption("Violates agreement: c1 is told C1, but c2 is told C2");
//! assert!(svg(&Sheet::from(run)).contains("write(C1)"));
//! ```
//!
//! A journal tells of a message twice: keep where it is, and say later what became of it.
//!
//! ```
//! use std::collections::BTreeMap;
//! use threeworlds_diagram::timeline::{Fate, Loss, Near, Timeline};
//!
//! enum What { Sent(usize, usize), Delivered, Cut }
//! let journal = [(5, 1, What::Sent(0, 1)), (7, 1, What::Delivered), (9, 2, What::Sent(1, 0)), (9, 2, What::Cut)];
//!
//! let mut run = Timeline::new("A run");
//! let (_, s2) = (run.server("s1"), run.faulty_server("s2", "omission"));
//! let mut places = BTreeMap::new();
//! for (at, number, what) in journal {
//!     match what {
//!         What::Sent(from, to) => {
//!             places.insert(number, run.messages.len());
//!             run.message(from, to, "replicate", at);
//!         }
//!         What::Delivered => run.messages[places[&number]].fate = Fate::Arrived { at },
//!         What::Cut => {
//!             let message = &mut run.messages[places[&number]];
//!             // The faulty end lost it.
//!             let near = if message.from == s2 { Near::Sender } else { Near::Receiver };
//!             message.lost(at, near, Loss::Cut);
//!         }
//!     }
//! }
//! assert_eq!(run.messages[1].fate, Fate::Lost { at: 9, near: Near::Sender, by: Loss::Cut });
//! ```
//!
//! A history with the operations to blame, some around them, and why no order explains them. Without times,
//! positions do. Give it the operations to blame and a few around them rather than all of a long history.
//!
//! ```
//! use threeworlds_diagram::TerminalOptions;
//! use threeworlds_diagram::timeline::{Clock, Timeline, terminal};
//!
//! let mut history = Timeline::new("Not linearizable: key x");
//! history.clock = Clock::Steps;
//! let (c1, c2) = (history.client("c1"), history.client("c2"));
//! history.operation(c1, "write(x, 1)", 0).answered(2, "ok").context();
//! history.operation(c1, "write(x, 2)", 3).answered(4, "ok").blamed();
//! history.operation(c2, "read(x)", 5).answered(6, "1").blamed();
//! history.order(1, 2, "ended before");
//! history.caption("c2 reads 1 although 2 had been written");
//! assert!(terminal(&history.into(), &TerminalOptions::default()).contains("# read(x) → 1"));
//! ```

mod arrows;
mod axis;
mod bars;
mod build;
mod cuts;
mod html;
mod lanes;
mod layout;
mod legend;
mod lines;
mod scale;
mod scene;
mod story;
mod terminal;
mod thin;

use crate::terminal::TerminalOptions;

/// Timelines that are drawn on one sheet, with one legend.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sheet {
    /// What is drawn, the first at the top.
    pub timelines: Vec<Timeline>,
    /// Whether they stand side by side in pictures, where there are several; below each other otherwise,
    /// and always on a terminal.
    pub side_by_side: bool,
    /// What the timelines together show, a sentence each.
    pub caption: Vec<String>,
}

/// What happened in one run, or in one client history. Lanes are named by their place in `lanes`,
/// operations by their place in `operations`. What names a lane that is not there cannot be drawn and is
/// counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// What it is called, such as `World C`.
    pub title: String,
    /// More about it, in a line; none if it is empty.
    pub subtitle: String,
    /// What times count.
    pub clock: Clock,
    /// The first and the last instant that is shown, and more if something happened outside; from the first
    /// to the last thing that happened if nothing is given. Times are shown as counted from the first.
    pub span: Option<(u64, u64)>,
    /// The processes. Servers are drawn above clients, in this order.
    pub lanes: Vec<Lane>,
    /// What clients asked and were told.
    pub operations: Vec<Operation>,
    /// What was sent.
    pub messages: Vec<Message>,
    /// What happened to processes.
    pub marks: Vec<Mark>,
    /// When which links were cut.
    pub cuts: Vec<Cut>,
    /// What else is worth saying, such as that a probe arrived.
    pub notes: Vec<Note>,
    /// Which operation ended before which other one began, where that is what matters.
    pub orders: Vec<Order>,
    /// What it shows, a sentence each.
    pub caption: Vec<String>,
    /// Messages that were counted and are not in `messages`.
    pub not_kept: u64,
}

/// What times count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// Microseconds; they are shown as seconds.
    #[default]
    Microseconds,
    /// Positions in a history that has no times.
    Steps,
}

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// If it is faulty, how: `omission`, or only `faulty`.
    pub fault: Option<String>,
}

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A server.
    #[default]
    Server,
    /// A client.
    Client,
}

/// An operation of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operation {
    /// Whose it is.
    pub lane: usize,
    /// What was asked, such as `write(C1)`.
    pub call: String,
    /// When.
    pub from: u64,
    /// When it was answered or given up; it lasts to the end of the drawing if neither.
    pub to: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// How it is drawn.
    pub weight: Weight,
    /// What a reader who points at it is told in addition.
    pub detail: String,
}

/// How an operation ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered, with this.
    Answered(String),
    /// It certainly was not done, for this reason.
    Refused(String),
    /// Nobody knows whether it was done, or will be.
    #[default]
    Unanswered,
}

/// How much an operation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weight {
    /// As any other.
    #[default]
    Normal,
    /// It is to blame.
    Blamed,
    /// It is there only to show what was around.
    Context,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who sent it.
    pub from: usize,
    /// To whom.
    pub to: usize,
    /// Its type. Of the messages of one type between the same two processes only some are drawn, if there
    /// are many.
    pub label: String,
    /// What a reader who points at it is told in addition.
    pub detail: String,
    /// When it was sent.
    pub sent: u64,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Arrived {
        /// When.
        at: u64,
    },
    /// It was lost.
    Lost {
        /// When it would have arrived, or was removed.
        at: u64,
        /// At whose end; the faulty one, where one is.
        near: Near,
        /// By what.
        by: Loss,
    },
    /// It was neither seen to arrive nor to be lost.
    Open,
}

/// An end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Near {
    /// The sender's.
    Sender,
    /// The receiver's.
    Receiver,
}

/// What lost a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The link was cut.
    Cut,
    /// Messages of this type were being lost.
    Type,
    /// Its receiver was not running.
    Down,
}

/// Something that happened to a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// To whom.
    pub lane: usize,
    /// When.
    pub at: u64,
    /// What.
    pub happening: Happening,
    /// What a reader who points at it is told in addition.
    pub detail: String,
}

/// What can happen to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// It was stopped from outside. Its line ends until it is started again.
    Killed,
    /// It ended by itself. Its line ends until it is started again.
    Exited,
    /// It was started again.
    Restarted,
    /// It was paused.
    Paused,
    /// It went on after a pause.
    Resumed,
    /// It did something odd.
    Odd,
}

/// Links that were cut for a while.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cut {
    /// From whom to whom.
    pub links: Vec<(usize, usize)>,
    /// From when.
    pub from: u64,
    /// When it was healed; never if nothing is given.
    pub to: Option<u64>,
    /// Which links, in words; they are listed if it is empty.
    pub label: String,
}

/// Something worth saying about an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: u64,
    /// What.
    pub text: String,
}

/// An operation ended before another one began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// The operation that ended.
    pub before: usize,
    /// The one that began.
    pub after: usize,
    /// What is written at it, such as `before`.
    pub label: String,
}

/// The sheet as a standalone SVG file.
pub fn svg(sheet: &Sheet) -> String {
    crate::svg::file(&figure(sheet))
}

/// The sheet as a LaTeX document that needs nothing but TikZ.
pub fn tikz(sheet: &Sheet) -> String {
    crate::tikz::document(&figure(sheet))
}

/// The sheet as text, its timelines below each other. Every line ends in a newline and none is wider than
/// asked for; fewer than 40 columns are taken as 40.
pub fn terminal(sheet: &Sheet, options: &TerminalOptions) -> String {
    terminal::draw(sheet, options)
}

/// The sheet as `figure` elements of HTML, which scroll where the page is too narrow: one for each timeline
/// if they stand below each other, so that they can be printed, and one for what the signs mean.
pub fn html_figure(sheet: &Sheet) -> String {
    layout::parts(sheet).iter().map(crate::html::figure_element).collect()
}

/// The drawing for a section of a page, and in a table what clients asked and were told.
pub(crate) use html::section;

/// The sheet on paper.
pub fn figure(sheet: &Sheet) -> crate::Figure {
    layout::figure(sheet)
}
