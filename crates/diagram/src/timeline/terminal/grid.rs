//! Characters in rows and columns.

use crate::terminal::paint::{Line, Paint};
use crate::words;

/// A blank of a text, in a cell.
const BLANK: char = '\u{1}';

/// Cells of a column each. The second cell of a wide character is `\0`.
pub(super) struct Grid {
    width: usize,
    cells: Vec<Vec<(Paint, char)>>,
}

impl Grid {
    pub(super) fn new(width: usize, height: usize) -> Grid {
        Grid { width, cells: vec![vec![(Paint::Plain, ' '); width]; height] }
    }

    pub(super) fn put(&mut self, row: usize, column: usize, paint: Paint, sign: char) {
        if let Some(cell) = self.cells.get_mut(row).and_then(|row| row.get_mut(column)) {
            *cell = (paint, sign);
        }
    }

    /// Only where nothing is.
    pub(super) fn under(&mut self, row: usize, column: usize, paint: Paint, sign: char) {
        if self.cells.get(row).and_then(|row| row.get(column)).is_some_and(|cell| cell.1 == ' ') {
            self.put(row, column, paint, sign);
        }
    }

    /// A stroke crosses a line.
    pub(super) fn cross(&mut self, row: usize, column: usize) {
        match self.cells.get(row).and_then(|row| row.get(column)).map(|cell| cell.1) {
            Some(' ') => self.put(row, column, Paint::Plain, '│'),
            Some('─' | '╌' | '=' | '#' | '-' | '·') => self.put(row, column, Paint::Plain, '┼'),
            _ => {}
        }
    }

    pub(super) fn text(&mut self, row: usize, column: usize, paint: Paint, text: &str) {
        let mut column = column;
        for character in text.chars() {
            let wide = words::width(character);
            if column + wide > self.width {
                return;
            }
            // A stroke does not run through the blanks of a text.
            self.put(row, column, paint, if character == ' ' { BLANK } else { character });
            if wide == 2 {
                self.put(row, column + 1, paint, '\0');
            }
            column += wide;
        }
    }

    pub(super) fn append(&self, row: usize, line: &mut Line) {
        for (paint, character) in &self.cells[row] {
            match *character {
                '\0' => {}
                BLANK => line.push(*paint, " "),
                character => line.push(*paint, character.to_string()),
            }
        }
    }
}
