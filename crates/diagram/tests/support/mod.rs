//! What the tests of drawings share.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::path::Path;

/// Compares with a golden file, or writes it.
pub fn check(file: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be made");
        std::fs::write(&path, actual).expect("the golden file can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{file}: {error}; UPDATE_GOLDEN=1 writes it"))
        .replace("\r\n", "\n");
    let differs = expected.lines().zip(actual.lines()).position(|(one, two)| one != two);
    let line = differs.unwrap_or_else(|| expected.lines().count().min(actual.lines().count()));
    assert!(
        expected == actual,
        "{file} differs in line {}\n  expected: {:?}\n  actual:   {:?}\nUPDATE_GOLDEN=1 writes it anew",
        line + 1,
        expected.lines().nth(line),
        actual.lines().nth(line)
    );
}

/// How wide a terminal shows a line; written apart from the library's own count. Only characters that the
/// samples have.
pub fn columns(line: &str) -> usize {
    let wide = |c: char| {
        ('\u{1100}'..='\u{115f}').contains(&c) || ('\u{2e80}'..='\u{d7ff}').contains(&c) || c >= '\u{1f300}'
    };
    line.chars()
        .map(|c| {
            if c == '\u{301}' {
                0
            } else if wide(c) {
                2
            } else {
                1
            }
        })
        .sum()
}

pub fn without_styles(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        out.push_str(&rest[..start]);
        let end = rest[start..].find('m').expect("a style ends in m") + start;
        rest = &rest[end + 1..];
    }
    out + rest
}

/// A reader of XML that knows just enough: tags are closed in order, attributes are quoted, and text has no
/// bare `<`, `&` or forbidden character.
pub fn well_formed(xml: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let forbidden = |c: char| (c < ' ' && c != '\n' && c != '\t') || matches!(c, '\u{fffe}' | '\u{ffff}');
    if let Some(found) = xml.chars().find(|&c| forbidden(c)) {
        return Err(format!("{found:?} is not a character of XML"));
    }
    for (position, _) in xml.match_indices('&') {
        let rest = &xml[position..];
        if !["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].iter().any(|entity| rest.starts_with(entity)) {
            return Err(format!("a bare & in {:?}", rest.chars().take(20).collect::<String>()));
        }
    }
    let mut rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap_or(xml);
    while let Some(start) = rest.find('<') {
        let tag = &rest[start + 1..];
        let end = tag.find('>').ok_or("a tag without end")?;
        let (tag, after) = (&tag[..end], &tag[end + 1..]);
        if tag.contains('<') || tag.matches('"').count() % 2 != 0 {
            return Err(format!("<{tag}> is not a tag"));
        }
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap_or_default());
        }
        rest = after;
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} are not closed")) }
}
