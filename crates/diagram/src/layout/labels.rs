//! Which message labels fit into a round, and where.

use crate::figure::{Point, text_width};
use crate::scene::Fate;

/// The height of a label's letters.
pub(crate) const SIZE: f64 = 10.5;
/// A round with more arrows than this gets no labels: they would hide it.
const MOST_ARROWS: usize = 20;

/// An arrow that asks for a label.
pub(crate) struct Wanted {
    /// Where the arrow starts.
    pub(crate) from: Point,
    /// Where it would end if it arrived.
    pub(crate) to: Point,
    /// What became of it.
    pub(crate) fate: Fate,
    /// The label and a shorter one; none for an arrow that is in the way and has no label.
    pub(crate) texts: Vec<String>,
    /// Which part of the way is drawn.
    pub(crate) drawn: f64,
}

/// A part of the paper.
#[derive(Clone, Copy)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

/// The middle of each label and its text, in the order of the arrows; `None` where it does not fit. A label stands on its
/// own arrow or beside it, and covers no lane, no other label and nothing of `taken`; of the other arrows it
/// covers none that is news, and a lighter one only where there is no other place. Messages that arrive choose
/// first.
pub(crate) fn place(
    wanted: &[Wanted],
    lanes: &[f64],
    taken: &[Area],
    within: Area,
) -> Vec<Option<(Point, String)>> {
    if wanted.len() > MOST_ARROWS {
        return vec![None; wanted.len()];
    }
    let mut taken = taken.to_vec();
    let mut places = vec![None; wanted.len()];
    let mut order: Vec<usize> =
        (0..wanted.len()).filter(|&number| !wanted[number].texts.is_empty()).collect();
    order.sort_by_key(|&number| wanted[number].fate.is_removed());
    for number in order {
        let arrow = &wanted[number];
        let free = |at: Point, half: f64, beside: bool, strict: bool| {
            let area = Area::around(at, half);
            let covers =
                |other: &Wanted| area.crossed_by(other.from, other.from.towards(other.to, other.drawn));
            area.inside(&within)
                && lanes.iter().all(|&lane| lane < area.top || lane > area.bottom)
                && taken.iter().all(|other| !area.meets(other))
                && wanted.iter().enumerate().all(|(other_number, other)| {
                    (other_number == number && !beside)
                        || (other_number != number && !strict && other.texts.is_empty())
                        || !covers(other)
                })
        };
        let parts: &[f64] = match arrow.fate {
            Fate::RemovedAtSender => &[0.42, 0.46, 0.38, 0.5],
            Fate::LostToTiming | Fate::RemovedBetween => &[0.24, 0.28, 0.2, 0.6],
            _ => &[0.5, 0.42, 0.58, 0.36, 0.64, 0.3, 0.7, 0.24, 0.76, 0.18],
        };
        let fits = |text: &String| {
            let half = text_width(text, SIZE) / 2.0 + 2.0;
            let aside = [0.0, half + 4.0, -half - 4.0];
            let mut candidates = [true, false].into_iter().flat_map(|strict| {
                aside.into_iter().flat_map(move |aside| parts.iter().map(move |&part| (strict, aside, part)))
            });
            candidates.find_map(|(strict, aside, part)| {
                let on = arrow.from.towards(arrow.to, part);
                let at = Point::new(on.x + aside, on.y);
                free(at, half, aside != 0.0, strict).then(|| (at, half, text.clone()))
            })
        };
        if let Some((at, half, text)) = arrow.texts.iter().find_map(fits) {
            taken.push(Area::around(at, half));
            places[number] = Some((at, text));
        }
    }
    places
}

impl Area {
    /// Where a label goes that has its middle here.
    fn around(at: Point, half: f64) -> Area {
        Area { left: at.x - half, top: at.y - 7.0, right: at.x + half, bottom: at.y + 7.0 }
    }

    fn inside(&self, other: &Area) -> bool {
        self.left >= other.left && self.right <= other.right && self.top >= other.top
    }

    fn meets(&self, other: &Area) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// Whether the straight line between the two points passes through: Liang and Barsky's clipping.
    fn crossed_by(&self, from: Point, to: Point) -> bool {
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        let (x, y) = (to.x - from.x, to.y - from.y);
        let sides = [
            (-x, from.x - self.left),
            (x, self.right - from.x),
            (-y, from.y - self.top),
            (y, self.bottom - from.y),
        ];
        for (slope, room) in sides {
            if slope == 0.0 {
                if room < 0.0 {
                    return false;
                }
            } else if slope < 0.0 {
                enter = enter.max(room / slope);
            } else {
                leave = leave.min(room / slope);
            }
        }
        enter <= leave
    }
}
