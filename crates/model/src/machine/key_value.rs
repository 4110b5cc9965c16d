use std::collections::BTreeMap;

use serde_json::Value;

use super::{CommandForm, StateMachine, not_understood, unknown};
use crate::json::Json;

/// A key-value store. Keys and values are any JSON; a key that was never written has the value `null`.
///
/// | command | output | effect |
/// |---|---|---|
/// | `["read",KEY]` | the value | none |
/// | `["write",KEY,VALUE]` | `null` | the key has this value |
/// | `["cas",KEY,FROM,TO]` | the value before | the key has the value `TO` if it had the value `FROM` |
///
/// So a compare-and-set was done if and only if its output is `FROM`; with `null` as `FROM` it writes a key
/// that was never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyValueStore;

impl StateMachine for KeyValueStore {
    /// The values by key, the key as JSON text.
    type State = BTreeMap<String, Json>;

    fn start(&self) -> BTreeMap<String, Json> {
        BTreeMap::new()
    }

    fn apply(&self, command: &Json, mut state: BTreeMap<String, Json>) -> (Json, BTreeMap<String, Json>) {
        let value_of = |state: &BTreeMap<String, Json>, key: &str| state.get(key).cloned();
        let output = match Command::of(command) {
            Err(why) => not_understood(why),
            Ok(Command::Read { key }) => value_of(&state, &key).unwrap_or_else(Json::null),
            Ok(Command::Write { key, value }) => {
                set(&mut state, key, value);
                Json::null()
            }
            Ok(Command::CompareAndSet { key, from, to }) => {
                let before = value_of(&state, &key).unwrap_or_else(Json::null);
                if before == from {
                    set(&mut state, key, to);
                }
                before
            }
        };
        (output, state)
    }
}

pub(super) const COMMANDS: &[CommandForm] =
    &[("read", &["KEY"]), ("write", &["KEY", "VALUE"]), ("cas", &["KEY", "FROM", "TO"])];

/// Each client writes its own value under one key and later reads that.
pub(super) fn usual(client: u16) -> Vec<Json> {
    let (key, value) = (Value::from("x"), Value::from(format!("C{client}")));
    vec![Json::term("write", [key.clone(), value]), Json::term("read", [key])]
}

/// A command, understood. Keys are JSON text.
pub(super) enum Command {
    Read { key: String },
    Write { key: String, value: Json },
    CompareAndSet { key: String, from: Json, to: Json },
}

impl Command {
    pub(super) fn of(command: &Json) -> Result<Command, String> {
        let term = command.as_term();
        match term.as_ref().map(|(name, arguments)| (name.as_str(), arguments.as_slice())) {
            Some(("read", [key])) => Ok(Command::Read { key: key.to_string() }),
            Some(("write", [key, value])) => {
                Ok(Command::Write { key: key.to_string(), value: Json::new(value) })
            }
            Some(("cas", [key, from, to])) => {
                Ok(Command::CompareAndSet { key: key.to_string(), from: Json::new(from), to: Json::new(to) })
            }
            _ => Err(unknown(command, COMMANDS)),
        }
    }
}

/// A key with the value `null` is as if it had never been written.
fn set(state: &mut BTreeMap<String, Json>, key: String, value: Json) {
    if value == Json::null() {
        state.remove(&key);
    } else {
        state.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyValueStore, StateMachine};
    use crate::json::Json;

    #[test]
    fn it_keeps_what_was_written() {
        let mut state = KeyValueStore.start();
        for (command, expected) in [
            (r#"["read","x"]"#, "null"),
            (r#"["write","x",1]"#, "null"),
            (r#"["write",1,"one"]"#, "null"),
            (r#"["read","x"]"#, "1"),
            (r#"["read",1]"#, r#""one""#),
            (r#"["read","1"]"#, "null"),
            (r#"["cas","x",2,3]"#, "1"),
            (r#"["read","x"]"#, "1"),
            (r#"["cas","x",1,{"a":2}]"#, "1"),
            (r#"["read","x"]"#, r#"{"a":2}"#),
            (r#"["cas","y",1,2]"#, "null"),
            (r#"["cas","y",null,2]"#, "null"),
            (r#"["read","y"]"#, "2"),
            (r#"["cas","y",2,null]"#, "2"),
            (r#"["cas","y",2,3]"#, "null"),
        ] {
            let (output, next) = KeyValueStore.apply(&Json::parse(command).unwrap(), state);
            assert_eq!(output.as_str(), expected, "{command}");
            let text = serde_json::to_string(&next).unwrap();
            state = serde_json::from_str(&text).unwrap();
            assert_eq!(state, next);
        }
    }

    #[test]
    fn what_it_does_not_know_changes_nothing() {
        let (_, state) =
            KeyValueStore.apply(&Json::parse(r#"["write","x",1]"#).unwrap(), KeyValueStore.start());
        for odd in [r#"["write","x"]"#, r#"["delete","x"]"#, "[]", "7", r#"{"read":"x"}"#] {
            let (output, next) = KeyValueStore.apply(&Json::parse(odd).unwrap(), state.clone());
            assert_eq!(next, state);
            assert!(output.as_str().starts_with(r#"["error","#), "{output:?}");
        }
    }
}
