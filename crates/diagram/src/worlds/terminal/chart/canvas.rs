use crate::terminal::paint::{Line, Paint};
use crate::words;

/// Cells of the terminal.
pub(crate) struct Canvas(Vec<Vec<(char, Paint)>>);

impl Canvas {
    /// Blank.
    pub(crate) fn new(width: usize, height: usize) -> Canvas {
        Canvas(vec![vec![(' ', Paint::Plain); width]; height])
    }

    pub(crate) fn put(&mut self, row: usize, column: usize, sign: char, paint: Paint) {
        if let Some(cell) = self.0.get_mut(row).and_then(|row| row.get_mut(column)) {
            *cell = (sign, paint);
        }
    }

    /// A text around a column, or as near as it can be. A character of two columns takes two cells, of which
    /// the second is empty.
    pub(crate) fn text(&mut self, row: usize, middle: usize, text: &str, paint: Paint) {
        let Some(cells) = self.0.get_mut(row) else { return };
        let needed = words::columns(text);
        let mut column = middle.saturating_sub(needed / 2).min(cells.len().saturating_sub(needed));
        for character in text.chars() {
            let width = words::width(character);
            if column + width > cells.len() {
                break;
            }
            cells[column] = (character, paint);
            for cell in &mut cells[column + 1..column + width] {
                *cell = ('\0', paint);
            }
            column += width;
        }
    }

    /// A line through these cells. What is drawn through goes over what is dotted.
    pub(crate) fn route(
        &mut self,
        path: &[(usize, usize)],
        start: (isize, isize),
        dotted: bool,
        paint: Paint,
    ) {
        let mut before = start;
        for (number, &(row, column)) in path.iter().enumerate() {
            let after = path.get(number + 1).map_or(before, |&(next_row, next_column)| {
                (next_row.cast_signed() - row.cast_signed(), next_column.cast_signed() - column.cast_signed())
            });
            let sign = match (before, after, dotted) {
                ((0, _), (0, _), true) => '╌',
                ((0, _), (0, _), false) => '─',
                ((_, 0), (_, 0), true) => '┊',
                ((_, 0), (_, 0), false) => '│',
                ((1, _), (_, 1), _) | ((_, -1), (-1, _), _) => '└',
                ((1, _), (_, -1), _) | ((_, 1), (-1, _), _) => '┘',
                ((-1, _), (_, 1), _) | ((_, -1), (1, _), _) => '┌',
                _ => '┐',
            };
            before = after;
            let Some(cell) = self.0.get_mut(row).and_then(|row| row.get_mut(column)) else { continue };
            let crosses = matches!((cell.0, sign), ('─', '│') | ('│', '─') | ('╌', '┊') | ('┊', '╌'));
            *cell = if crosses { ('┼', paint) } else { (sign, paint) };
        }
    }

    /// Joins a line to a border.
    pub(crate) fn join(&mut self, (row, column): (usize, usize), single: char, double: char) {
        let Some(cell) = self.0.get_mut(row).and_then(|row| row.get_mut(column)) else { return };
        cell.0 = if matches!(cell.0, '═' | '║') { double } else { single };
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        let line = |row: &Vec<(char, Paint)>| {
            let mut line = Line::default();
            for (sign, paint) in row.iter().filter(|(sign, _)| *sign != '\0') {
                line.push(*paint, *sign);
            }
            line
        };
        self.0.iter().map(line).collect()
    }
}
