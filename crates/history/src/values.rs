use rustc_hash::FxHashMap;
use serde_json::{Number, Value};

/// The number of a value within one [`Values`]: equal values have equal numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// As an index: values are numbered from 0 in the order in which they were met.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The values of a history, each kept once.
///
/// Two values are the same if they are equal as JSON. Numbers are compared by what they denote, so `1` and
/// `1.0` are the same: programs in languages with one kind of number write either. The order of the keys of
/// an object does not matter.
#[derive(Debug, Clone, Default)]
pub struct Values {
    values: Vec<Value>,
    integers: FxHashMap<i64, ValueId>,
    others: FxHashMap<String, ValueId>,
}

impl Values {
    /// The number of a value, new or known.
    pub fn intern(&mut self, value: &Value) -> ValueId {
        if let Some(integer) = integer(value) {
            return self.intern_integer(integer);
        }
        let text = canonical(value);
        if let Some(&known) = self.others.get(&text) {
            return known;
        }
        let id = self.push(value.clone());
        self.others.insert(text, id);
        id
    }

    /// The number of an integer; what [`Values::intern`] does, without a `Value`.
    pub fn intern_integer(&mut self, integer: i64) -> ValueId {
        if let Some(&known) = self.integers.get(&integer) {
            return known;
        }
        let id = self.push(Value::from(integer));
        self.integers.insert(integer, id);
        id
    }

    /// The number of a value that was met before.
    pub fn find(&self, value: &Value) -> Option<ValueId> {
        match integer(value) {
            Some(integer) => self.integers.get(&integer).copied(),
            None => self.others.get(&canonical(value)).copied(),
        }
    }

    /// The value with this number, as it was first written.
    pub fn get(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// How many different values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn push(&mut self, value: Value) -> ValueId {
        let number = u32::try_from(self.values.len()).expect("fewer than 2^32 values fit into memory");
        self.values.push(value);
        ValueId(number)
    }
}

/// Floats up to here denote each integer exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The integer that a JSON value denotes.
fn integer(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|_| number.is_f64())?;
        (float.fract() == 0.0 && float.abs() < EXACT).then_some(float as i64)
    })
}

/// A text that two values share if and only if they are the same.
fn canonical(value: &Value) -> String {
    fn normal(value: &Value) -> Value {
        match value {
            Value::Number(_) => {
                integer(value).map_or_else(|| value.clone(), |i| Value::Number(Number::from(i)))
            }
            Value::Array(items) => items.iter().map(normal).collect(),
            Value::Object(entries) => {
                let mut entries: Vec<_> =
                    entries.iter().map(|(key, value)| (key.clone(), normal(value))).collect();
                entries.sort_by(|one, two| one.0.cmp(&two.0));
                Value::Object(entries.into_iter().collect())
            }
            _ => value.clone(),
        }
    }
    normal(value).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Values;

    #[test]
    fn equal_as_json_is_equal() {
        let mut values = Values::default();
        let same = [
            (json!(1), json!(1.0)),
            (json!({"a": 1, "b": [2.0]}), json!({"b": [2], "a": 1})),
            (json!("x"), json!("x")),
            (json!(-0.0), json!(0)),
        ];
        for (one, two) in same {
            assert_eq!(values.intern(&one), values.intern(&two), "{one} {two}");
        }
        let different =
            [json!("1"), json!(1), json!(1.5), json!(true), json!(null), json!("null"), json!([1])];
        let ids: std::collections::BTreeSet<_> = different.iter().map(|value| values.intern(value)).collect();
        assert_eq!(ids.len(), different.len());
        for value in &different {
            assert_eq!(values.find(value).map(|id| values.get(id)), Some(value));
        }
    }
}
