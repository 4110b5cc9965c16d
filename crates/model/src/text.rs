//! JSON for people: what fits on a line is on one line.

use serde_json::Value;

/// Columns that a line may take before it is broken up.
const WIDTH: usize = 110;

/// An object as text with its keys in this order, two blanks for each level, ending in a newline.
pub fn pretty_object(entries: &[(&str, &Value)]) -> String {
    let mut out = String::new();
    let entries: Vec<(String, &Value)> = entries.iter().map(|&(key, value)| (named(key), value)).collect();
    write_entries(&entries, ['{', '}'], 0, &mut out);
    out.push('\n');
    out
}

fn named(key: &str) -> String {
    format!("{}: ", Value::from(key))
}

/// Writes a value that starts `before` columns into a line at this level of indentation.
fn write(value: &Value, level: usize, before: usize, out: &mut String) {
    let compact = value.to_string();
    let fits = 2 * level + before + compact.chars().count() <= WIDTH;
    match value {
        Value::Array(items) if !fits => {
            let entries: Vec<_> = items.iter().map(|item| (String::new(), item)).collect();
            write_entries(&entries, ['[', ']'], level, out);
        }
        Value::Object(map) if !fits => {
            let entries: Vec<_> = map.iter().map(|(key, item)| (named(key), item)).collect();
            write_entries(&entries, ['{', '}'], level, out);
        }
        _ => out.push_str(&compact),
    }
}

fn write_entries(entries: &[(String, &Value)], [open, close]: [char; 2], level: usize, out: &mut String) {
    out.push(open);
    for (position, (key, item)) in entries.iter().enumerate() {
        out.push_str(if position == 0 { "\n" } else { ",\n" });
        out.push_str(&"  ".repeat(level + 1));
        out.push_str(key);
        write(item, level + 1, key.chars().count(), out);
    }
    out.push('\n');
    out.push_str(&"  ".repeat(level));
    out.push(close);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::pretty_object;

    #[test]
    fn what_fits_is_on_a_line_and_the_rest_is_broken_up() {
        let long = "x".repeat(60);
        let value = json!({"a": [1, {"b": null}], "c": [&long, &long], "d": {}});
        let text = pretty_object(&[("a", &value["a"]), ("c", &value["c"]), ("d", &value["d"])]);
        assert_eq!(
            text,
            format!(
                "{{\n  \"a\": [1,{{\"b\":null}}],\n  \"c\": [\n    \"{long}\",\n    \"{long}\"\n  ],\n  \"d\": {{}}\n}}\n"
            )
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
