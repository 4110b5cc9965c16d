//! As much of EDN (<https://github.com/edn-format/edn>) as Jepsen writes, as JSON: keywords and symbols
//! become strings (keywords with their colon), lists and sets become arrays, tags are dropped.

use serde_json::{Map, Number, Value};

/// Deeper nesting is an error, not a stack overflow.
const DEEPEST: usize = 100;

/// Reads forms one after the other.
pub(super) struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Reader { text, at: 0, line: 1 }
    }

    /// The line of what comes next, counted from 1.
    pub(super) fn line(&mut self) -> usize {
        self.skip_space();
        self.line
    }

    fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.at..]
    }

    pub(super) fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.rest().first().copied()
    }

    /// Takes one byte that was peeked.
    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// Goes to the start of the next line, after an error.
    pub(super) fn skip_line(&mut self) {
        match self.rest().iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                self.at += end + 1;
                self.line += 1;
            }
            None => self.at = self.text.len(),
        }
    }

    fn skip_space(&mut self) {
        while let Some(&byte) = self.rest().first() {
            match byte {
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' | b',' => {}
                b';' => {
                    self.skip_line();
                    continue;
                }
                _ => return,
            }
            self.at += 1;
        }
    }

    /// The next form.
    pub(super) fn form(&mut self) -> Result<Value, String> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        match self.peek() {
            None => Err("something is missing at the end".to_owned()),
            Some(b'[') => self.items(b']', depth).map(Value::Array),
            Some(b'(') => self.items(b')', depth).map(Value::Array),
            Some(b'{') => {
                let items = self.items(b'}', depth)?;
                if items.len() % 2 == 1 {
                    return Err("a map has a key without a value".to_owned());
                }
                let mut items = items.into_iter();
                let mut map = Map::new();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    let key = match key {
                        Value::String(key) => key,
                        other => other.to_string(),
                    };
                    map.insert(key, value);
                }
                Ok(Value::Object(map))
            }
            Some(b'#') => {
                self.advance();
                match self.rest().first() {
                    Some(b'{') => self.items(b'}', depth).map(Value::Array),
                    Some(b'_') => {
                        self.advance();
                        self.nested(depth + 1)?;
                        self.nested(depth + 1)
                    }
                    Some(b'"') => self.string(),
                    _ => {
                        self.token();
                        self.nested(depth + 1)
                    }
                }
            }
            Some(b'"') => self.string(),
            Some(b'\\') => {
                self.advance();
                let first = self.text[self.at..].chars().next().ok_or("a character is missing")?;
                self.at += first.len_utf8();
                let more = self.token();
                Ok(Value::String(format!("{first}{more}")))
            }
            Some(b']' | b')' | b'}') => Err("a closing bracket without an opening one".to_owned()),
            Some(_) => {
                let token = self.token();
                Ok(match token {
                    "nil" => Value::Null,
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    _ => number(token).unwrap_or_else(|| Value::String(token.to_owned())),
                })
            }
        }
    }

    fn items(&mut self, end: u8, depth: usize) -> Result<Vec<Value>, String> {
        self.advance();
        let mut items = Vec::new();
        loop {
            match self.peek() {
                None => return Err(format!("{:?} is missing at the end", end as char)),
                Some(byte) if byte == end => {
                    self.advance();
                    return Ok(items);
                }
                Some(_) => items.push(self.nested(depth + 1)?),
            }
        }
    }

    fn string(&mut self) -> Result<Value, String> {
        self.advance();
        let mut string = String::new();
        let mut characters = self.text[self.at..].char_indices();
        while let Some((offset, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += offset + 1;
                    return Ok(Value::String(string));
                }
                '\\' => match characters.next().map(|(_, escaped)| escaped) {
                    Some('n') => string.push('\n'),
                    Some('t') => string.push('\t'),
                    Some('r') => string.push('\r'),
                    Some(other) => string.push(other),
                    None => break,
                },
                '\n' => {
                    self.line += 1;
                    string.push('\n');
                }
                _ => string.push(character),
            }
        }
        Err("a text is not closed".to_owned())
    }

    fn token(&mut self) -> &'t str {
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || b",;\"()[]{}".contains(byte);
        let length = self.rest().iter().position(is_end).unwrap_or(self.rest().len());
        let token = &self.text[self.at..self.at + length];
        self.at += length;
        token
    }
}

fn number(token: &str) -> Option<Value> {
    let first = token.trim_start_matches(['+', '-']).bytes().next()?;
    if !first.is_ascii_digit() {
        return None;
    }
    let plain = token.trim_end_matches(['N', 'M']).trim_start_matches('+');
    if let Ok(integer) = plain.parse::<i64>() {
        return Some(Value::from(integer));
    }
    Number::from_f64(plain.parse().ok()?).map(Value::Number)
}
