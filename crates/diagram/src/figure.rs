use crate::layout;
use crate::scene::Scene;

/// A scene on paper: shapes in points from the upper left corner, in the order in which they are painted.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The width of the paper.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// What it is called.
    pub title: String,
    /// What it shows, for those who do not see it.
    pub description: String,
    /// What is painted.
    pub shapes: Vec<Shape>,
}

/// Something painted.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A straight line.
    Line {
        /// One end.
        from: Point,
        /// The other.
        to: Point,
        /// How it is drawn.
        ink: Ink,
    },
    /// A message.
    Arrow {
        /// Where it starts.
        from: Point,
        /// Where it ends or is cut.
        to: Point,
        /// What it ends in.
        end: End,
        /// How it is drawn.
        ink: Ink,
        /// What a reader who points at it is told.
        tip: String,
    },
    /// A cross.
    Cross {
        /// Its centre.
        at: Point,
        /// Half its width.
        size: f64,
        /// How it is drawn.
        ink: Ink,
    },
    /// A box with round corners.
    Pill {
        /// Its upper left corner.
        at: Point,
        /// Its width.
        width: f64,
        /// Its height.
        height: f64,
        /// Whether it is filled with its colour, rather than white.
        solid: bool,
        /// How its border is drawn.
        ink: Ink,
    },
    /// A line through several points, with round corners.
    Path {
        /// At least two.
        points: Vec<Point>,
        /// How it is drawn.
        ink: Ink,
        /// What a reader who points at it is told; nothing if it is empty.
        tip: String,
    },
    /// A frame.
    Frame {
        /// Its upper left corner.
        at: Point,
        /// Its width.
        width: f64,
        /// Its height.
        height: f64,
        /// The radius of its corners.
        radius: f64,
        /// What it is filled with, `0xRRGGBB`; what is below shows through if nothing.
        fill: Option<u32>,
        /// How its border is drawn; none if its width is zero.
        ink: Ink,
    },
    /// A text on one line.
    Text {
        /// Where its base line starts, is centred, or ends.
        at: Point,
        /// Which of these.
        anchor: Anchor,
        /// The height of its letters.
        size: f64,
        /// Whether it is bold.
        bold: bool,
        /// Its colour, `0xRRGGBB`.
        colour: u32,
        /// Whether it stands on what is below it, on a white ground.
        ground: bool,
        /// The text.
        text: String,
        /// What a reader who points at it is told.
        tip: Option<String>,
    },
}

/// A place on the paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ink {
    /// Its colour, `0xRRGGBB`.
    pub colour: u32,
    /// Its width.
    pub width: f64,
    /// The lengths of its dashes and gaps, if it is not drawn through.
    pub dash: Option<(f64, f64)>,
}

/// What an arrow ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A head: it arrived.
    Head,
    /// An open head: it arrived and nobody reads it.
    OpenHead,
    /// A cross: it was removed here.
    Cross,
    /// A ring: the timing lost it.
    Ring,
}

/// Which part of a text its place speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Its start.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

impl Figure {
    /// Puts the scene on paper.
    pub fn new(scene: &Scene) -> Figure {
        layout::figure(scene)
    }
}

impl Point {
    /// A place.
    pub fn new(x: f64, y: f64) -> Point {
        Point { x, y }
    }

    /// The place at this part of the way to another: 0 is here, 1 is there.
    pub fn towards(self, other: Point, part: f64) -> Point {
        Point::new(self.x + (other.x - self.x) * part, self.y + (other.y - self.y) * part)
    }

    /// The direction to another place as a step of length 1; to the right if they are the same.
    pub(crate) fn direction(self, other: Point) -> Point {
        let (x, y) = (other.x - self.x, other.y - self.y);
        let length = (x * x + y * y).sqrt();
        if length < 1e-6 { Point::new(1.0, 0.0) } else { Point::new(x / length, y / length) }
    }
}

/// The corners of an arrow head whose tip is at `to`.
pub(crate) fn head(from: Point, to: Point, length: f64) -> [Point; 3] {
    let along = from.direction(to);
    let foot = Point::new(to.x - along.x * length, to.y - along.y * length);
    let half = length * 0.38;
    [
        Point::new(foot.x - along.y * half, foot.y + along.x * half),
        to,
        Point::new(foot.x + along.y * half, foot.y - along.x * half),
    ]
}

/// Where the line of an arrow with such a head ends: inside the head, so that it does not blunt the tip.
pub(crate) fn shaft(from: Point, to: Point) -> Point {
    let along = from.direction(to);
    Point::new(to.x - along.x * 5.0, to.y - along.y * 5.0)
}

/// About how wide a text is in a sans-serif type, rather more than less.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let part = |character: char| match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'I' => 0.30,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '\\' | '-' | '"' | '`' => 0.36,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.93,
        'A'..='Z' | '&' => 0.72,
        '+' | '=' | '<' | '>' | '~' | '→' => 0.62,
        _ if character.is_ascii() => 0.57,
        _ if crate::words::width(character) == 2 => 1.05,
        _ => 0.70,
    };
    text.chars().map(part).sum::<f64>() * size
}

/// The text cut to a width.
pub(crate) fn fit(text: &str, size: f64, most: f64) -> String {
    if text_width(text, size) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    let room = most - text_width("…", size);
    let mut used = 0.0;
    for character in text.chars() {
        used += text_width(character.encode_utf8(&mut [0; 4]), size);
        if used > room {
            break;
        }
        out.push(character);
    }
    out.push('…');
    out
}

/// The text in lines of a width, broken between words.
pub(crate) fn wrap(text: &str, size: f64, most: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let word = fit(word, size, most);
        let Some(line) = lines.last_mut() else { break };
        let longer = if line.is_empty() { word.clone() } else { format!("{line} {word}") };
        if line.is_empty() || text_width(&longer, size) <= most {
            *line = longer;
        } else {
            lines.push(word);
        }
    }
    lines
}
