//! How a timeline is filled.

use super::{
    Cut, Fate, Happening, Kind, Lane, Loss, Mark, Message, Near, Note, Operation, Order, Outcome, Sheet,
    Timeline, Weight,
};

impl Timeline {
    /// Nothing yet, under this title.
    pub fn new(title: impl Into<String>) -> Timeline {
        Timeline { title: title.into(), ..Timeline::default() }
    }

    /// Adds a server. Returns its lane.
    pub fn server(&mut self, name: impl Into<String>) -> usize {
        self.lane(Lane { name: name.into(), kind: Kind::Server, fault: None })
    }

    /// Adds a client. Returns its lane.
    pub fn client(&mut self, name: impl Into<String>) -> usize {
        self.lane(Lane { name: name.into(), kind: Kind::Client, fault: None })
    }

    /// Adds a faulty server. Returns its lane.
    pub fn faulty_server(&mut self, name: impl Into<String>, fault: impl Into<String>) -> usize {
        self.lane(Lane { name: name.into(), kind: Kind::Server, fault: Some(fault.into()) })
    }

    /// Adds a faulty client. Returns its lane.
    pub fn faulty_client(&mut self, name: impl Into<String>, fault: impl Into<String>) -> usize {
        self.lane(Lane { name: name.into(), kind: Kind::Client, fault: Some(fault.into()) })
    }

    /// Adds a process. Returns its lane.
    pub fn lane(&mut self, lane: Lane) -> usize {
        self.lanes.push(lane);
        self.lanes.len() - 1
    }

    /// Adds an operation, unanswered until it is told otherwise.
    pub fn operation(&mut self, lane: usize, call: impl Into<String>, from: u64) -> &mut Operation {
        let operation = Operation { lane, call: call.into(), from, ..Operation::default() };
        self.operations.append_new(operation)
    }

    /// Adds a message, neither arrived nor lost until it is told otherwise.
    pub fn message(&mut self, from: usize, to: usize, label: impl Into<String>, sent: u64) -> &mut Message {
        let label = label.into();
        self.messages.append_new(Message { from, to, label, detail: String::new(), sent, fate: Fate::Open })
    }

    /// Adds something that happened to a process.
    pub fn mark(&mut self, lane: usize, happening: Happening, at: u64) -> &mut Mark {
        self.marks.append_new(Mark { lane, at, happening, detail: String::new() })
    }

    /// Adds a cut of these links, healed at `to` if ever.
    pub fn cut(&mut self, links: &[(usize, usize)], from: u64, to: Option<u64>) -> &mut Cut {
        self.cuts.append_new(Cut { links: links.to_vec(), from, to, label: String::new() })
    }

    /// Adds a note.
    pub fn note(&mut self, at: u64, text: impl Into<String>) {
        self.notes.push(Note { at, text: text.into() });
    }

    /// Adds that one operation ended before another began.
    pub fn order(&mut self, before: usize, after: usize, label: impl Into<String>) {
        self.orders.push(Order { before, after, label: label.into() });
    }

    /// Moves everything back to a whole multiple of this: what is closer together is drawn as one instant, where
    /// the caller knows that less means nothing. An operation or a cut may then begin and end at once.
    pub fn round(&mut self, to: u64) {
        let round = |at: &mut u64| *at -= *at % to.max(1);
        for operation in &mut self.operations {
            round(&mut operation.from);
            operation.to.iter_mut().for_each(round);
        }
        for message in &mut self.messages {
            round(&mut message.sent);
            match &mut message.fate {
                Fate::Arrived { at } | Fate::Lost { at, .. } => round(at),
                Fate::Open => {}
            }
        }
        self.marks.iter_mut().for_each(|mark| round(&mut mark.at));
        for cut in &mut self.cuts {
            round(&mut cut.from);
            cut.to.iter_mut().for_each(round);
        }
        self.notes.iter_mut().for_each(|note| round(&mut note.at));
    }

    /// Adds a sentence.
    pub fn caption(&mut self, sentence: impl Into<String>) {
        self.caption.push(sentence.into());
    }
}

impl Operation {
    /// It was answered.
    pub fn answered(&mut self, at: u64, answer: impl Into<String>) -> &mut Operation {
        (self.to, self.outcome) = (Some(at), Outcome::Answered(answer.into()));
        self
    }

    /// It was refused.
    pub fn refused(&mut self, at: u64, why: impl Into<String>) -> &mut Operation {
        (self.to, self.outcome) = (Some(at), Outcome::Refused(why.into()));
        self
    }

    /// Its client gave up.
    pub fn given_up(&mut self, at: u64) -> &mut Operation {
        (self.to, self.outcome) = (Some(at), Outcome::Unanswered);
        self
    }

    /// It is to blame.
    pub fn blamed(&mut self) -> &mut Operation {
        self.weight = Weight::Blamed;
        self
    }

    /// It only shows what was around.
    pub fn context(&mut self) -> &mut Operation {
        self.weight = Weight::Context;
        self
    }

    /// What a reader who points at it is told in addition.
    pub fn detail(&mut self, detail: impl Into<String>) -> &mut Operation {
        self.detail = detail.into();
        self
    }
}

impl Message {
    /// It arrived.
    pub fn arrived(&mut self, at: u64) -> &mut Message {
        self.fate = Fate::Arrived { at };
        self
    }

    /// It was lost.
    pub fn lost(&mut self, at: u64, near: Near, by: Loss) -> &mut Message {
        self.fate = Fate::Lost { at, near, by };
        self
    }

    /// What a reader who points at it is told in addition.
    pub fn detail(&mut self, detail: impl Into<String>) -> &mut Message {
        self.detail = detail.into();
        self
    }
}

impl Mark {
    /// What a reader who points at it is told in addition.
    pub fn detail(&mut self, detail: impl Into<String>) -> &mut Mark {
        self.detail = detail.into();
        self
    }
}

impl Cut {
    /// Which links, in words.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Cut {
        self.label = label.into();
        self
    }
}

impl From<Timeline> for Sheet {
    fn from(timeline: Timeline) -> Sheet {
        Sheet { timelines: vec![timeline], ..Sheet::default() }
    }
}

impl From<Vec<Timeline>> for Sheet {
    fn from(timelines: Vec<Timeline>) -> Sheet {
        Sheet { timelines, ..Sheet::default() }
    }
}

/// Adds at the end and lends what was added.
trait AppendNew<T> {
    fn append_new(&mut self, item: T) -> &mut T;
}

impl<T> AppendNew<T> for Vec<T> {
    fn append_new(&mut self, item: T) -> &mut T {
        let at = self.len();
        self.push(item);
        &mut self[at]
    }
}
