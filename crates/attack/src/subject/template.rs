//! Texts with placeholders. `{word}` (small letters, digits, hyphens) is one; every other brace stands for
//! itself, so that most configuration files need no escape. `{{word}}` is the text `{word}`.

use super::SubjectError;
use super::table::{At, Source, nearest, words};

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(String),
}

impl Template {
    pub(super) fn parse(text: &str) -> Template {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            plain.push_str(&rest[..start]);
            rest = &rest[start..];
            if let Some(word) = word(rest.strip_prefix("{{").unwrap_or(""))
                && rest[2 + word.len()..].starts_with("}}")
            {
                plain.push_str(&format!("{{{word}}}"));
                rest = &rest[word.len() + 4..];
            } else if let Some(word) = word(&rest[1..])
                && rest[1 + word.len()..].starts_with('}')
            {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Placeholder(word.to_owned()));
                rest = &rest[word.len() + 2..];
            } else {
                plain.push('{');
                rest = &rest[1..];
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Template(pieces)
    }

    /// The names of its placeholders, in order.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Placeholder(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text with every placeholder filled in.
    pub(super) fn fill(&self, value: &dyn Fn(&str) -> String) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Placeholder(name) => value(name),
            })
            .collect()
    }
}

/// The word at the beginning of a text.
fn word(text: &str) -> Option<&str> {
    let end = text.find(|letter: char| !matches!(letter, 'a'..='z' | '0'..='9' | '-')).unwrap_or(text.len());
    (end > 0 && text.starts_with(|letter: char| letter.is_ascii_lowercase())).then(|| &text[..end])
}

/// Reads a text whose placeholders must be among those known.
pub(super) fn checked(
    source: Source<'_>,
    text: &At<String>,
    known: &[String],
    why_not: &dyn Fn(&str) -> Option<String>,
) -> Result<Template, SubjectError> {
    let template = Template::parse(&text.value);
    for name in template.placeholders() {
        if let Some(why) = why_not(name) {
            return Err(source.error(place(source, text, name), &text.key, why, exist(name, known)));
        }
        if !known.iter().any(|known| known == name) {
            return Err(source.error(
                place(source, text, name),
                &text.key,
                format!("there is no placeholder `{{{name}}}`"),
                exist(name, known),
            ));
        }
    }
    Ok(template)
}

fn exist(name: &str, known: &[String]) -> String {
    let shown: Vec<String> = known.iter().map(|known| format!("{{{known}}}")).collect();
    let near = match nearest(name, known) {
        Some(near) if near != name => format!("did you mean `{{{near}}}`? "),
        _ => String::new(),
    };
    format!("{near}There are {}; for the text itself write `{{{{{name}}}}}`", words(&shown))
}

/// Where a placeholder stands in the file: a text of many lines has it further down.
fn place(source: Source<'_>, text: &At<String>, name: &str) -> usize {
    let written = format!("{{{name}}}");
    source.text[text.at..].find(&written).map_or(text.at, |offset| text.at + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        Template::parse(text).fill(&|name| format!("<{name}>"))
    }

    #[test]
    fn words_in_braces_are_placeholders_and_nothing_else_is() {
        assert_eq!(filled("http://{ip}:2379/{first-ip}"), "http://<ip>:2379/<first-ip>");
        assert_eq!(filled("{{ip}} {{ {a}}} {{a"), "{ip} {{ <a>}} {{a");
        for plain in [
            "{}",
            "{ip",
            "ip}",
            "{ ip }",
            "{\"a\": 1}",
            "${HOME}",
            "{Ip}",
            "{1}",
            "{",
            "{{",
            "awk '{print $1}'",
            "ü{é}",
        ] {
            assert_eq!(filled(plain), plain);
        }
    }
}
