//! Texts from users' programs, made fit to draw: short, on one line, without characters that would take
//! over a terminal or turn the direction of the text.

use std::fmt::Write;

use serde_json::Value;

/// How many characters of a message a tooltip or a list shows at most.
const LONGEST: usize = 2_000;
/// Values nested deeper are not shown in labels.
const DEEPEST: usize = 6;

/// A message in a few words: `"beat"` is `beat`, `{"write":"C1"}` is `write C1`.
pub(crate) fn label(message: &Value) -> String {
    let mut out = String::new();
    say(message, 0, &mut out);
    one_line(&out)
}

/// A message as its JSON text.
pub(crate) fn full(message: &Value) -> String {
    shorten(&one_line(&message.to_string()), LONGEST)
}

/// Writes until the text is longer than anything that will be shown.
fn say(value: &Value, depth: usize, out: &mut String) {
    if out.len() > LONGEST {
        return;
    }
    match value {
        Value::String(text) if text.is_empty() => out.push_str("\"\""),
        Value::String(text) => out.extend(text.chars().take(LONGEST)),
        Value::Array(items) if items.is_empty() => out.push_str("[]"),
        Value::Object(entries) if entries.is_empty() => out.push_str("{}"),
        Value::Array(_) | Value::Object(_) if depth >= DEEPEST => out.push('…'),
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                out.push_str(if position == 0 { "" } else { " " });
                say(item, depth + 1, out);
                if out.len() > LONGEST {
                    return;
                }
            }
            out.push(']');
        }
        Value::Object(entries) => {
            // What kind of message it is comes first, whatever the order of its keys.
            let kind = entries.get("type").filter(|kind| kind.is_string());
            if let Some(kind) = kind {
                say(kind, depth + 1, out);
            }
            let rest = entries.iter().filter(|(key, _)| kind.is_none() || key.as_str() != "type");
            for (position, (key, item)) in rest.enumerate() {
                out.push_str(match (position, kind) {
                    (0, None) => "",
                    (0, Some(_)) => " ",
                    _ => ", ",
                });
                out.extend(key.chars().take(LONGEST));
                if !item.is_null() {
                    out.push(' ');
                    say(item, depth + 1, out);
                }
                if out.len() > LONGEST {
                    return;
                }
            }
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}

/// The text on one line: control characters, and those that change the direction of the text or do not
/// show, are written as escapes.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => out.extend(character.escape_default()),
            _ if character.is_control() || invisible(character) => out.extend(character.escape_unicode()),
            _ => out.push(character),
        }
    }
    out
}

fn invisible(character: char) -> bool {
    matches!(u32::from(character),
        0xAD | 0x061C | 0x180E | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF
        | 0xFFF9..=0xFFFB | 0xE0000..=0xE0FFF)
        || u32::from(character) & 0xFFFE == 0xFFFE
}

/// At most `most` columns of the text, with an ellipsis where something is left out.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for character in text.chars() {
        used += width(character);
        if used + 1 > most {
            break;
        }
        out.push(character);
    }
    if most > 0 {
        out.push('…');
    }
    out
}

/// How many columns of a terminal the text takes, or a few more.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// Two columns for East Asian characters and for pictures, one for all others; combining marks, which take
/// none, are few enough to count as one.
pub(crate) fn width(character: char) -> usize {
    let wide = matches!(u32::from(character),
        0x1100..=0x115F | 0x231A..=0x231B | 0x2329..=0x232A | 0x23E9..=0x23F3 | 0x25FD..=0x25FE
        | 0x2614..=0x2615 | 0x2648..=0x2653 | 0x267F..=0x2705 | 0x270A..=0x270B | 0x2728..=0x27BF
        | 0x2B1B..=0x2B55 | 0x2E80..=0xA4CF | 0xA960..=0xA97F | 0xAC00..=0xD7FF | 0xF900..=0xFAFF
        | 0xFE10..=0xFE6F | 0xFF01..=0xFF60 | 0xFFE0..=0xFFE6 | 0x16FE0..=0x18AFF | 0x1AFF0..=0x1B2FF
        | 0x1D300..=0x1D37F | 0x1F000..=0x1FAFF | 0x20000..=0x3FFFD);
    if wide { 2 } else { 1 }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn and(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}

/// The text in lines of at most `most` columns, broken between words where that is possible; lines after
/// the first are indented by `indent` columns.
pub(crate) fn wrap(text: &str, most: usize, indent: usize) -> Vec<String> {
    let most = most.max(4);
    let indent = indent.min(most / 2);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    let mut blank = true;
    for word in text.split(' ') {
        let needed = columns(word);
        if !blank && used + 1 + needed > most {
            lines.push(std::mem::take(&mut line));
            line.push_str(&" ".repeat(indent));
            (used, blank) = (indent, true);
        }
        if !blank || (word.is_empty() && lines.is_empty()) {
            line.push(' ');
            used += 1;
        }
        for character in word.chars() {
            if used + width(character) > most {
                lines.push(std::mem::take(&mut line));
                line.push_str(&" ".repeat(indent));
                used = indent;
            }
            line.push(character);
            used += width(character);
            blank = false;
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_become_words() {
        let say = |message: Value| label(&message);
        assert_eq!(say(json!("beat")), "beat");
        assert_eq!(say(json!({ "write": "C1" })), "write C1");
        assert_eq!(say(json!({ "value": 3, "type": "ack", "to": null })), "ack to, value 3");
        assert_eq!(say(json!({ "Log": { "entries": ["a", "b"], "view": 2 } })), "Log entries [a b], view 2");
        assert_eq!(say(json!(["", [], {}, null, true, 1.5])), "[\"\" [] {} null true 1.5]");
        assert_eq!(say(json!("a\u{1b}[0m\nb\u{202e}c")), "a\\u{1b}[0m\\nb\\u{202e}c");
        assert_eq!(say(json!([[[[[[[1]]]]]]])), "[[[[[[…]]]]]]");
        assert!(say(json!(vec!["x".repeat(9_000); 50])).len() < 10_000);
    }

    #[test]
    fn texts_are_cut_and_wrapped_by_columns() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("abcdefg", 6), "abcde…");
        assert_eq!(shorten("漢字漢字", 6), "漢字…");
        assert_eq!(shorten("abc", 0), "");
        assert_eq!(wrap("to be or not to be", 8, 0), ["to be or", "not to", "be"]);
        assert_eq!(wrap("indented here too", 9, 2), ["indented", "  here", "  too"]);
        assert_eq!(wrap("abcdefghij", 4, 0), ["abcd", "efgh", "ij"]);
    }
}
