//! One strip: some rounds of one world, its lanes, arrows, requests and responses.

use super::labels::{Area, SIZE, Wanted, place};
use super::{DARK, GREY, GRID, LIGHT, Measures, REMOVED, REMOVED_LIGHT, bold, colour, ink, text};
use crate::figure::{Anchor, End, Ink, Point, Shape, fit, text_width};
use crate::scene::{Arrow, Event, Fate, Lane, Occurrence, Scene, World};

/// From the top of a strip to its first lane.
const HEAD: f64 = 52.0;
/// In a round with more arrows than this they are drawn thinner.
const CROWDED: usize = 16;
const PILL_HEIGHT: f64 = 16.0;
const PILL_SIZE: f64 = 10.5;

/// The rounds `first..=last` of a world; none if `last` is less.
pub(crate) struct Strip<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) number: usize,
    pub(crate) measures: &'a Measures,
    pub(crate) at: Point,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// What became of a strip.
pub(crate) struct Drawn {
    /// Its lower edge.
    pub(crate) bottom: f64,
    /// How many messages that are news had no room for a label.
    pub(crate) unlabelled: usize,
}

impl Strip<'_> {
    /// Draws it.
    pub(crate) fn draw(&self, shapes: &mut Vec<Shape>) -> Drawn {
        self.head(shapes);
        for (position, lane) in self.world().lanes.iter().enumerate() {
            self.lane(position, lane, shapes);
        }
        let mut pills = Vec::new();
        let taken = self.events(&mut pills);
        let unlabelled = (self.first..=self.last).map(|round| self.round(round, &taken, shapes)).sum();
        shapes.extend(pills);
        Drawn { bottom: self.bottom(), unlabelled }
    }

    fn world(&self) -> &World {
        &self.scene.worlds[self.number]
    }

    /// The left edge of a round; the right edge of the one before.
    #[expect(clippy::cast_precision_loss, reason = "a strip has few rounds")]
    fn left(&self, round: usize) -> f64 {
        self.at.x + self.measures.gutter + self.measures.round * round.saturating_sub(self.first) as f64
    }

    fn right_edge(&self) -> f64 {
        self.left(self.last.max(self.first) + 1)
    }

    /// The height of a lane; servers and clients are bands with some room between them.
    #[expect(clippy::cast_precision_loss, reason = "a system has at most 64 processes")]
    fn y(&self, lane: usize) -> f64 {
        let servers = self.world().servers;
        let top = self.at.y + HEAD;
        if lane < servers {
            return top + self.measures.server_gap * lane as f64;
        }
        let band = self.measures.server_gap * servers as f64 + 8.0;
        top + band + self.measures.client_gap * (lane - servers) as f64
    }

    fn bottom(&self) -> f64 {
        let lanes = self.world().lanes.len();
        let room = if self.world().events.is_empty() { 16.0 } else { 46.0 };
        self.y(lanes.saturating_sub(1)) + room
    }

    /// Round numbers, the grid, GST and the bracket of a lasso.
    fn head(&self, shapes: &mut Vec<Shape>) {
        let world = self.world();
        let numbers = self.at.y + 26.0;
        let (top, bottom) = (self.at.y + 33.0, self.bottom());
        let vertical =
            |x: f64, ink: Ink| Shape::Line { from: Point::new(x, top), to: Point::new(x, bottom), ink };
        shapes.push(text(Point::new(self.at.x, numbers), Anchor::Start, 9.0, GREY, "round"));
        for round in self.first..=self.last {
            shapes.push(vertical(self.left(round), ink(GRID, 1.0)));
            let middle = (self.left(round) + self.left(round + 1)) / 2.0;
            shapes.push(text(Point::new(middle, numbers), Anchor::Middle, 11.0, GREY, round.to_string()));
        }
        shapes.push(vertical(self.right_edge(), ink(GRID, 1.0)));
        let gst = world.gst.filter(|gst| (self.first..=self.last).contains(gst));
        let at_end = world.gst.filter(|&gst| gst == self.last + 1 && gst > world.rounds);
        if let Some(gst) = gst.or(at_end) {
            let x = self.left(gst);
            shapes.push(vertical(x, Ink { colour: DARK, width: 1.6, dash: Some((6.0, 3.0)) }));
            shapes.push(bold(Point::new(x, numbers), Anchor::Middle, 10.5, DARK, "GST"));
        }
        if let Some(first) = world.loop_from.filter(|&first| first <= self.last) {
            let (from, to) = (self.left(first.max(self.first)) + 3.0, self.right_edge() - 3.0);
            let y = self.at.y + 11.0;
            let mut line = |x: f64, to_x: f64, to_y: f64| {
                shapes.push(Shape::Line {
                    from: Point::new(x, y),
                    to: Point::new(to_x, to_y),
                    ink: ink(DARK, 1.4),
                })
            };
            line(from, to, y);
            if first >= self.first {
                line(from, from, y + 7.0);
            }
            if self.last == world.rounds {
                line(to, to, y + 7.0);
            }
            let words = match world.rounds - first {
                0 => format!("round {first} repeats for ever"),
                _ => format!("rounds {first} to {} repeat for ever", world.rounds),
            };
            let words = fit(&words, 10.0, (self.right_edge() - self.left(self.first)).max(90.0));
            let half = text_width(&words, 10.0) / 2.0;
            let middle = ((from + to) / 2.0).min(self.right_edge() - half).max(self.at.x + half);
            shapes.push(text(Point::new(middle, y - 4.0), Anchor::Middle, 10.0, DARK, words));
        }
    }

    /// The name, the class of its fault, the line, where it stops, and the mark of its likeness.
    fn lane(&self, position: usize, lane: &Lane, shapes: &mut Vec<Shape>) {
        let y = self.y(position);
        let (likeness, width) = match lane.likeness {
            Some(likeness) => (colour(likeness), 2.8),
            None => (GREY, 1.5),
        };
        let name = lane.process.to_string();
        shapes.push(bold(
            Point::new(self.at.x, y + 4.5),
            Anchor::Start,
            13.0,
            if lane.likeness.is_some() { likeness } else { DARK },
            name,
        ));
        if let Some(fault) = lane.fault {
            shapes.push(text(Point::new(self.at.x, y + 15.0), Anchor::Start, 9.0, GREY, fault));
        }
        let start = self.left(self.first) - 6.0;
        let stops = lane.stops.filter(|&stops| stops <= self.last);
        let end = match stops {
            Some(stops) if stops < self.first => return,
            Some(stops) => self.left(stops) + self.measures.round * 0.6,
            None => self.right_edge() + 8.0,
        };
        let dash = lane.fault.map(|_| (8.0, 4.5));
        shapes.push(Shape::Line {
            from: Point::new(start, y),
            to: Point::new(end, y),
            ink: Ink { colour: likeness, width, dash },
        });
        if stops.is_some() {
            shapes.push(Shape::Cross { at: Point::new(end, y), size: 6.0, ink: ink(DARK, 2.6) });
            shapes.push(text(Point::new(end + 11.0, y + 3.5), Anchor::Start, 10.0, DARK, "stops"));
        }
        if self.last >= self.world().rounds
            && let Some(mark) = self.scene.mark(self.number, lane)
        {
            let at = Point::new(self.right_edge() + 14.0, y + 4.5);
            shapes.push(bold(at, Anchor::Start, 13.0, likeness, mark));
        }
    }

    /// The arrows of a round, lighter ones first, and the labels that fit. Returns how many did not.
    fn round(&self, round: usize, taken: &[Area], shapes: &mut Vec<Shape>) -> usize {
        let arrows = self.world().arrows_in(round);
        let mut wanted = Vec::new();
        for arrow in arrows {
            let (from, to) = self.ends(arrow, arrows);
            let mut texts = Vec::new();
            if !arrow.repeats {
                texts = [10.0, 44.0].map(|less| fit(&arrow.label, SIZE, self.measures.round - less)).to_vec();
                texts.dedup();
            }
            wanted.push(Wanted { from, to, fate: arrow.fate, texts, drawn: drawn(arrow.fate) });
        }
        for light in [true, false] {
            for (arrow, ends) in arrows.iter().zip(&wanted).filter(|(arrow, _)| arrow.repeats == light) {
                shapes.push(Shape::Arrow {
                    from: ends.from,
                    to: ends.from.towards(ends.to, ends.drawn),
                    end: end(arrow.fate),
                    ink: arrow_ink(arrow, arrows.len() > CROWDED),
                    tip: self.tip(arrow),
                });
            }
        }
        let lanes: Vec<f64> = (0..self.world().lanes.len()).map(|lane| self.y(lane)).collect();
        let within = Area {
            left: self.left(round) + 1.0,
            top: self.at.y,
            right: self.left(round + 1) - 1.0,
            bottom: self.bottom(),
        };
        let mut unlabelled = 0;
        for ((arrow, wanted), place) in arrows.iter().zip(&wanted).zip(place(&wanted, &lanes, taken, within))
        {
            let Some((middle, text)) = place else {
                unlabelled += usize::from(!wanted.texts.is_empty());
                continue;
            };
            shapes.push(Shape::Text {
                at: Point::new(middle.x, middle.y + 3.5),
                anchor: Anchor::Middle,
                size: SIZE,
                bold: false,
                colour: if arrow.fate.is_removed() { arrow_ink(arrow, false).colour } else { DARK },
                ground: true,
                text,
                tip: Some(self.tip(arrow)),
            });
        }
        unlabelled
    }

    /// From the sender at the start of the round to the receiver at its end. What one process receives in
    /// a round arrives a little apart, so that the heads can be told apart.
    fn ends(&self, arrow: &Arrow, arrows: &[Arrow]) -> (Point, Point) {
        let arriving = || arrows.iter().filter(|other| other.to == arrow.to);
        #[expect(clippy::cast_precision_loss, reason = "a system has at most 64 processes")]
        let (before, all) =
            (arriving().filter(|other| other.from < arrow.from).count() as f64, arriving().count() as f64);
        let apart = (14.0 / all.max(1.0)).min(6.0);
        let from = Point::new(self.left(arrow.round) + 8.0, self.y(arrow.from));
        let mut to = Point::new(self.left(arrow.round + 1) - 8.0 - before * apart, self.y(arrow.to));
        if arrow.from == arrow.to {
            to.y -= 8.0;
        } else {
            to.y += if from.y < to.y { -2.0 } else { 2.0 };
        }
        (from, to)
    }

    fn tip(&self, arrow: &Arrow) -> String {
        let lanes = &self.world().lanes;
        let fate = match arrow.fate {
            Fate::Delivered => String::new(),
            Fate::Unread => format!(" ({} has stopped)", lanes[arrow.to].process),
            Fate::RemovedAtSender => format!(" (removed, charged to {})", lanes[arrow.from].process),
            Fate::RemovedAtReceiver => format!(" (removed, charged to {})", lanes[arrow.to].process),
            Fate::RemovedBetween => " (removed)".to_owned(),
            Fate::LostToTiming => " (lost before GST)".to_owned(),
        };
        let (from, to) = (lanes[arrow.from].process, lanes[arrow.to].process);
        format!("round {}, {from} to {to}{fate}: {}", arrow.round, arrow.full)
    }

    /// Requests and responses below their client's lane, in two rows where one has no room. Returns the
    /// areas that they take.
    fn events(&self, shapes: &mut Vec<Shape>) -> Vec<Area> {
        let mut taken: Vec<(usize, usize, Area)> = Vec::new();
        let shown = |event: &&Event| (self.first..=self.last).contains(&event.round);
        for event in self.world().events.iter().filter(shown) {
            let label = fit(&event.text, PILL_SIZE, self.measures.round - 14.0);
            let width = text_width(&label, PILL_SIZE) + 12.0;
            let (left, stem) = match event.occurrence {
                Occurrence::Request => (self.left(event.round) + 2.0, self.left(event.round) + 8.0),
                Occurrence::Response => {
                    let right = self.left(event.round + 1);
                    (right - 1.0 - width, right - 5.0)
                }
            };
            let row_free = |row: usize| {
                taken.iter().all(|(lane, other_row, area)| {
                    *lane != event.lane || *other_row != row || left > area.right || left + width < area.left
                })
            };
            let row = if row_free(0) { 0 } else { 1 };
            let lane = self.y(event.lane);
            let top = lane + if row == 0 { 9.0 } else { 27.0 };
            let solid = event.occurrence == Occurrence::Response;
            shapes.push(Shape::Line {
                from: Point::new(stem, lane),
                to: Point::new(stem, top),
                ink: ink(DARK, 1.2),
            });
            shapes.push(Shape::Pill {
                at: Point::new(left, top),
                width,
                height: PILL_HEIGHT,
                solid,
                ink: ink(DARK, 1.0),
            });
            shapes.push(Shape::Text {
                at: Point::new(left + width / 2.0, top + 11.8),
                anchor: Anchor::Middle,
                size: PILL_SIZE,
                bold: solid,
                colour: if solid { 0xFF_FF_FF } else { DARK },
                ground: false,
                text: label,
                tip: Some(format!("round {}: {}", event.round, self.world().clause(event))),
            });
            let area = Area { left, top: lane, right: left + width, bottom: top + PILL_HEIGHT };
            taken.push((event.lane, row, area));
        }
        taken.into_iter().map(|(_, _, area)| area).collect()
    }
}

/// Which part of the way from sender to receiver is drawn.
fn drawn(fate: Fate) -> f64 {
    match fate {
        Fate::Delivered => 1.0,
        Fate::Unread => 0.97,
        Fate::RemovedAtSender => 0.2,
        Fate::RemovedAtReceiver => 0.84,
        Fate::RemovedBetween => 0.5,
        Fate::LostToTiming => 0.42,
    }
}

fn end(fate: Fate) -> End {
    match fate {
        Fate::Delivered => End::Head,
        Fate::Unread => End::OpenHead,
        Fate::RemovedAtSender | Fate::RemovedAtReceiver | Fate::RemovedBetween => End::Cross,
        Fate::LostToTiming => End::Ring,
    }
}

fn arrow_ink(arrow: &Arrow, crowded: bool) -> Ink {
    match (arrow.fate, arrow.repeats) {
        (Fate::Unread, _) => ink(LIGHT, 1.1),
        (Fate::LostToTiming, true) => Ink { colour: LIGHT, width: 1.2, dash: Some((2.0, 3.0)) },
        (Fate::LostToTiming, false) => Ink { colour: GREY, width: 1.3, dash: Some((2.0, 3.0)) },
        (Fate::Delivered, true) => ink(LIGHT, 1.1),
        (Fate::Delivered, false) if crowded => ink(GREY, 0.9),
        (Fate::Delivered, false) => ink(DARK, 1.4),
        (_, true) => ink(REMOVED_LIGHT, 1.1),
        (_, false) => ink(REMOVED, 1.4),
    }
}
