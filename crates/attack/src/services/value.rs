use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A JSON value: kept as it was written, and compared as what it means.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    text: Box<RawValue>,
    canonical: String,
}

impl Value {
    pub(crate) fn new(text: Box<RawValue>) -> Result<Self, String> {
        let canonical = canonical(&text)?;
        Ok(Value { text, canonical })
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        self.text.get()
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Value {}

/// A text that two JSON values share if and only if they are equal: the same structure, with keys in any
/// order, strings however they were escaped, and numbers by their digits (`1` and `1.0` are two values), so
/// that no precision is lost. At most [`DEPTH_MAX`] levels deep.
pub(crate) fn canonical(raw: &RawValue) -> Result<String, String> {
    let mut text = String::with_capacity(raw.get().len());
    write(raw, DEPTH_MAX, &mut text)?;
    Ok(text)
}

/// How deep a value may be nested.
const DEPTH_MAX: usize = 100;

fn write(raw: &RawValue, depth: usize, text: &mut String) -> Result<(), String> {
    let wrong = |error: serde_json::Error| error.to_string();
    let Some(depth) = depth.checked_sub(1) else {
        return Err(format!("a value is nested more than {DEPTH_MAX} levels deep"));
    };
    match raw.get().as_bytes().first() {
        Some(b'{') => {
            let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(raw.get()).map_err(wrong)?;
            text.push('{');
            for (index, (key, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&serde_json::to_string(&key).map_err(wrong)?);
                text.push(':');
                write(value, depth, text)?;
            }
            text.push('}');
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(wrong)?;
            text.push('[');
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, depth, text)?;
            }
            text.push(']');
        }
        Some(b'"') => {
            let string: String = serde_json::from_str(raw.get()).map_err(wrong)?;
            text.push_str(&serde_json::to_string(&string).map_err(wrong)?);
        }
        _ => text.push_str(raw.get()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<Value, String> {
        Value::new(RawValue::from_string(text.to_owned()).expect("it is JSON"))
    }

    #[test]
    fn values_are_compared_as_what_they_mean() {
        let equal = |one, two| value(one).unwrap() == value(two).unwrap();
        assert!(equal(r#"{"a":1,"b":[2, 3]}"#, r#"{ "b": [2,3], "\u0061": 1 }"#));
        assert!(!equal("1", "1.0"));
        assert!(!equal("100000000000000000000000000000000001", "100000000000000000000000000000000002"));
        assert!(!equal("[1,2]", "[2,1]"));
        assert!(!equal("\"1\"", "1"));
        assert!(!equal("null", "false"));
    }

    #[test]
    fn a_deep_value_is_refused() {
        let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(value(&deep(DEPTH_MAX)).is_ok());
        assert!(value(&deep(DEPTH_MAX + 1)).is_err());
        assert!(value(&deep(100_000)).is_err());
    }
}
