use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A JSON value as compact text with sorted keys, so that it can be compared, ordered and hashed. Cheap to
/// clone. In files it stands as the JSON value that it is, not as a string.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json(Arc<str>);

impl Json {
    /// The text of a value.
    pub fn new(value: &Value) -> Self {
        Json(value.to_string().into())
    }

    /// Reads JSON text.
    pub fn parse(text: &str) -> Result<Json, serde_json::Error> {
        serde_json::from_str::<Value>(text).map(|value| Json::new(&value))
    }

    /// A command or an operation with its arguments, as the array `["write","x",1]`.
    pub fn term(name: &str, arguments: impl IntoIterator<Item = Value>) -> Self {
        Json::new(&std::iter::once(Value::from(name)).chain(arguments).collect())
    }

    /// Nothing.
    pub fn null() -> Self {
        Json::new(&Value::Null)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).expect("the text was written from a value")
    }

    /// The name and the arguments of a [term](Json::term); `None` if it is none.
    pub fn as_term(&self) -> Option<(String, Vec<Value>)> {
        let Value::Array(mut items) = self.value() else { return None };
        if items.is_empty() {
            return None;
        }
        let arguments = items.split_off(1);
        match items.pop() {
            Some(Value::String(name)) => Some((name, arguments)),
            _ => None,
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// For people: a term as `write(x,1)`, a string without its quotes.
impl fmt::Display for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match self.as_term() {
            Some((name, arguments)) => {
                let arguments: Vec<String> = arguments.iter().map(plain).collect();
                out.pad(&format!("{name}({})", arguments.join(",")))
            }
            None => out.pad(&plain(&self.value())),
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Json::new(&value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Json;

    #[test]
    fn equal_values_have_equal_text() {
        let one = Json::parse(r#"{ "b": 1, "a": ["x"] }"#).unwrap();
        assert_eq!(one, Json::new(&json!({"a": ["x"], "b": 1})));
        assert_eq!(one.as_str(), r#"{"a":["x"],"b":1}"#);
        assert_eq!(serde_json::from_str::<Json>(&serde_json::to_string(&one).unwrap()).unwrap(), one);
    }

    #[test]
    fn a_term_is_an_array_that_begins_with_its_name() {
        let term = Json::term("write", [json!("x"), json!(1)]);
        assert_eq!((term.as_str(), term.to_string().as_str()), (r#"["write","x",1]"#, "write(x,1)"));
        assert_eq!(term.as_term(), Some(("write".to_owned(), vec![json!("x"), json!(1)])));
        for other in ["[]", "[1]", "{}", "\"x\"", "null"] {
            assert_eq!(Json::parse(other).unwrap().as_term(), None, "{other}");
        }
        assert_eq!(Json::parse("\"x\"").unwrap().to_string(), "x");
    }
}
