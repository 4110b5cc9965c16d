//! From instants to places. Between two instants at which something happens, time runs to scale, but each
//! such stretch is at least so wide that the two can be told apart; a stretch that would push all others
//! together is cut out, at a break.

/// A scale of time over some width.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    /// Instants, ascending, and their places.
    knots: Vec<(u64, f64)>,
    /// Where stretches are cut out.
    pub(crate) breaks: Vec<Break>,
}

/// A stretch that is cut out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Break {
    /// Its first and last instant.
    pub(crate) times: (u64, u64),
    /// Their places.
    pub(crate) places: (f64, f64),
}

/// What a scale has to keep to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the first to the last instant.
    pub(crate) width: f64,
    /// Two instants are so far apart, where there is room.
    pub(crate) least: f64,
    /// How wide a break is.
    pub(crate) pause: f64,
}

/// The shortest stretch that is cut out is so many times as long as the longest that is not.
const CLEARLY: f64 = 2.5;
/// A break must enlarge what is left by so much.
const PRICE: f64 = 4.0;
/// What is in focus is so many times as wide.
const FOCUS: f64 = 3.0;
/// No more than so many stretches are cut out.
const MOST_BREAKS: usize = 8;

impl Scale {
    /// The scale for these instants, in any order, from the first to the last of them. What is in focus gets
    /// more room.
    pub(crate) fn new(mut instants: Vec<u64>, focus: Option<(u64, u64)>, limits: Limits) -> Scale {
        instants.sort_unstable();
        instants.dedup();
        let Some(&first) = instants.first() else {
            return Scale { knots: vec![(0, 0.0)], breaks: Vec::new() };
        };
        let inside = |pair: &[u64]| focus.is_some_and(|(from, to)| from <= pair[0] && pair[1] <= to);
        let weight = |pair: &[u64]| if inside(pair) { FOCUS } else { 1.0 };
        let gaps: Vec<f64> =
            instants.windows(2).map(|pair| (pair[1] - pair[0]) as f64 * weight(pair)).collect();
        let count = gaps.len().max(1) as f64;
        // However many instants there are, a part of the width goes by time.
        let least = limits.least.min(limits.width * 0.6 / count);
        let even = rate(&gaps, least, limits.width);
        let (after, shortest_cut) = cuts(&gaps, least, limits).unwrap_or((even, f64::INFINITY));
        let mut scale = Scale { knots: vec![(first, 0.0)], breaks: Vec::new() };
        let mut place = 0.0;
        for (pair, &gap) in instants.windows(2).zip(&gaps) {
            let from = place;
            if gap >= shortest_cut {
                place += limits.pause;
                scale.breaks.push(Break { times: (pair[0], pair[1]), places: (from, place) });
            } else {
                place += (gap * after).max(least);
            }
            scale.knots.push((pair[1], place));
        }
        scale
    }

    /// Where an instant is; what is outside is at the nearest end.
    pub(crate) fn place(&self, time: u64) -> f64 {
        match self.knots.binary_search_by_key(&time, |knot| knot.0) {
            Ok(found) => self.knots[found].1,
            Err(0) => self.knots[0].1,
            Err(next) if next == self.knots.len() => self.knots[next - 1].1,
            Err(next) => {
                let ((before, from), (after, to)) = (self.knots[next - 1], self.knots[next]);
                from + (to - from) * (time - before) as f64 / (after - before) as f64
            }
        }
    }

    /// The instants that are shown, first to last.
    pub(crate) fn span(&self) -> (u64, u64) {
        (self.knots[0].0, self.knots[self.knots.len() - 1].0)
    }

    /// The place of the last instant.
    pub(crate) fn width(&self) -> f64 {
        self.knots[self.knots.len() - 1].1
    }

    /// Round instants to write at the axis, at least so far apart, one after each break if there is room.
    /// They count from `origin`; each with its decimals in millionths: 0 for whole seconds, 3 for
    /// milliseconds.
    pub(crate) fn ticks(&self, apart: f64, micros: bool) -> Vec<(u64, u32)> {
        let (first, last) = self.span();
        let mut ticks: Vec<(u64, u32)> = Vec::new();
        let mut start = first;
        let ends = self.breaks.iter().map(|one| one.times).chain([(last, last)]);
        for (end, next) in ends {
            let room = self.place(end) - self.place(start);
            let step = nice((end - start) as f64 / (room / apart).max(1.0));
            let decimals = if micros { 6 - step.ilog10().min(6) } else { 0 };
            let from = (start - first).div_ceil(step);
            let to = (end - first) / step;
            // A stretch without a round instant in it is named by its start.
            let alone = start == end || from > to || to - from > 10_000;
            let own: Vec<(u64, u32)> = if alone {
                vec![(start, if micros { exact(start - first) } else { 0 })]
            } else {
                (from..=to).map(|number| (first + number * step, decimals)).collect()
            };
            for (tick, decimals) in own {
                let far = |other: &(u64, u32)| (self.place(tick) - self.place(other.0)).abs() >= apart;
                if ticks.last().is_none_or(far) {
                    ticks.push((tick, decimals));
                }
            }
            start = next;
        }
        ticks
    }
}

/// Which stretches are cut out: those at least as long as the second number; then a unit of time is as wide
/// as the first one. A break has a price: the more there are, the more they must enlarge what is left.
fn cuts(gaps: &[f64], least: f64, limits: Limits) -> Option<(f64, f64)> {
    let even = rate(gaps, least, limits.width);
    let mut sorted = gaps.to_vec();
    sorted.sort_by(|one, two| two.total_cmp(one));
    let mut best = None;
    let mut value = even * 1.1;
    for count in 1..=MOST_BREAKS.min(sorted.len().saturating_sub(1)) {
        let (cut, kept) = (sorted[count - 1], &sorted[count..]);
        let room = limits.width - limits.pause * count as f64;
        if cut < kept[0] * CLEARLY || room < limits.width * 0.5 {
            continue;
        }
        let rate = rate(kept, least, room);
        let price = PRICE.powi(count as i32);
        if rate / price > value {
            (best, value) = (Some((rate, cut)), rate / price);
        }
    }
    best
}

/// The width of a unit of time with which the stretches, none narrower than `least`, together are as wide
/// as asked.
fn rate(gaps: &[f64], least: f64, width: f64) -> f64 {
    let total = |rate: f64| gaps.iter().map(|gap| (gap * rate).max(least)).sum::<f64>();
    let shortest = gaps.iter().copied().fold(f64::INFINITY, f64::min);
    if !shortest.is_finite() {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, width / shortest);
    for _ in 0..80 {
        let middle = (low + high) / 2.0;
        if total(middle) <= width {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The next of 1, 2, 5, 10, 20, ... that is not less.
fn nice(least: f64) -> u64 {
    let mut power = 1u64;
    loop {
        for step in [1, 2, 5] {
            let step = power.saturating_mul(step);
            if step as f64 >= least {
                return step;
            }
        }
        match power.checked_mul(10) {
            Some(next) => power = next,
            None => return u64::MAX,
        }
    }
}

/// How many decimals of a second are written of an instant that is not round: at most four.
fn exact(micros: u64) -> u32 {
    (0..4).find(|&decimals| micros.is_multiple_of(10u64.pow(6 - decimals))).unwrap_or(4)
}

/// The instant as it is written: seconds with these decimals, or a step.
pub(crate) fn written(time: u64, origin: u64, decimals: u32, micros: bool) -> String {
    let time = time.saturating_sub(origin);
    if !micros {
        return time.to_string();
    }
    let decimals = decimals.min(6) as usize;
    let text = format!("{}.{:06}", time / 1_000_000, time % 1_000_000);
    let text = &text[..text.len() - 6 + decimals];
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { width: 1_000.0, least: 6.0, pause: 40.0 };

    #[test]
    fn a_long_wait_does_not_squeeze_what_matters() {
        let scale = Scale::new(vec![0, 50_000, 80_000, 120_000, 200_000, 10_200_000], None, LIMITS);
        assert_eq!(scale.breaks.len(), 1);
        assert_eq!(scale.breaks[0].times, (200_000, 10_200_000));
        assert!(scale.place(200_000) > 900.0);
        assert!((scale.width() - 1_000.0).abs() < 1.0);
    }

    #[test]
    fn what_is_even_is_to_scale() {
        let scale = Scale::new((0..=10).map(|number| number * 100).collect(), None, LIMITS);
        assert!(scale.breaks.is_empty());
        assert!((scale.place(250) - 250.0).abs() < 0.01);
        let ticks: Vec<u64> = scale.ticks(90.0, true).iter().map(|tick| tick.0).collect();
        assert_eq!(ticks, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
    }

    #[test]
    fn what_is_in_focus_gets_more_room() {
        let instants = vec![0, 100, 200, 300, 400];
        let scale = Scale::new(instants, Some((100, 200)), LIMITS);
        let width = |from, to| scale.place(to) - scale.place(from);
        assert!((width(100, 200) - FOCUS * width(200, 300)).abs() < 0.01);
        assert!((scale.width() - 1_000.0).abs() < 1.0);
    }

    #[test]
    fn close_instants_are_kept_apart() {
        let scale = Scale::new(vec![0, 1, 2, 1_000_000, 2_000_000], None, LIMITS);
        assert!(scale.place(1) - scale.place(0) >= 6.0 && scale.place(2) - scale.place(1) >= 6.0);
    }

    #[test]
    fn instants_are_written_in_seconds() {
        assert_eq!(written(1_500_000, 0, 1, true), "1.5");
        assert_eq!(written(1_500_000, 0, 0, true), "1");
        assert_eq!(written(1_500_123, 500_000, 6, true), "1.000123");
        assert_eq!(written(17, 3, 0, false), "14");
    }

    #[test]
    fn extremes() {
        for instants in
            [vec![], vec![7], vec![0, u64::MAX], vec![u64::MAX - 1, u64::MAX], (0..5_000).collect()]
        {
            let scale = Scale::new(instants, None, LIMITS);
            assert!(scale.width() <= 1_001.0 && scale.width().is_finite());
            assert!(scale.ticks(60.0, true).len() < 20);
            assert!(scale.place(u64::MAX).is_finite());
        }
    }
}
