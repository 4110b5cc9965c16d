use std::fmt;
use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::Formatter;

/// A JSON value as canonical text: keys sorted, no white space, ASCII only. Two are equal exactly when the
/// JSON values are (1 and 1.0 are different values). Cheap to clone.
///
/// The text can be put into a line as it is, without being parsed again. It is ASCII because some
/// languages read their stdin in the encoding of the machine's locale.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JsonText(Arc<str>);

impl JsonText {
    /// The canonical text of a value.
    pub fn new(value: &Value) -> Self {
        JsonText(to_ascii(value).into())
    }

    /// A text that is canonical already.
    pub(crate) fn canonical(text: &str) -> Self {
        JsonText(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value, parsed.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).expect("the text was written from a value")
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for JsonText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// Compact JSON in which everything beyond ASCII is escaped.
pub(crate) fn to_ascii<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::with_capacity(64);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Ascii);
    value.serialize(&mut serializer).expect("writing JSON into memory");
    String::from_utf8(bytes).expect("the serializer writes text")
}

/// serde_json's compact form, with escapes for what is not ASCII.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(position) = rest.find(|character: char| !character.is_ascii()) {
            let (plain, special) = rest.split_at(position);
            writer.write_all(plain.as_bytes())?;
            let character = special.chars().next().expect("found just before");
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &special[character.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// The first integer in a JSON text that does not fit in 64 bits. Parsing would turn it into a fraction
/// and so make different states equal.
pub(crate) fn oversized_integer(json: &str) -> Option<&str> {
    let bytes = json.as_bytes();
    let mut position = 0;
    while position < bytes.len() {
        match bytes[position] {
            b'"' => {
                position += 1;
                while position < bytes.len() && bytes[position] != b'"' {
                    position += if bytes[position] == b'\\' { 2 } else { 1 };
                }
                position += 1;
            }
            b'-' | b'0'..=b'9' => {
                let in_number = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                let length = bytes[position..].iter().take_while(|byte| in_number(byte)).count();
                let number = &json[position..position + length];
                let whole = !number.contains(['.', 'e', 'E']);
                if whole && number.parse::<i64>().is_err() && number.parse::<u64>().is_err() {
                    return Some(number);
                }
                position += length;
            }
            _ => position += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(json: &str) -> String {
        JsonText::new(&serde_json::from_str(json).expect("test JSON")).to_string()
    }

    #[test]
    fn equal_values_have_equal_text() {
        assert_eq!(canonical(r#" { "b" : [1, {"z":null,"a":true}], "a":"x" } "#), {
            r#"{"a":"x","b":[1,{"a":true,"z":null}]}"#
        });
        assert_eq!(canonical("1e0"), canonical("1.00"));
        assert_eq!(canonical(r#""\u00e9""#), canonical("\"é\""));
    }

    #[test]
    fn different_values_have_different_text() {
        assert_ne!(canonical("1"), canonical("1.0"));
        assert_ne!(canonical("null"), canonical("{}"));
        assert_ne!(canonical("0.1"), canonical("0.10000000000000002"));
        assert_ne!(canonical("9007199254740992"), canonical("9007199254740993"));
    }

    #[test]
    fn text_is_ascii_and_comes_back_as_the_same_value() {
        let json = r#"{"é":"\u2028𝄞\"\\\n\u0007","fraction":0.30000000000000004,"big":1e300,"zero":-0.0}"#;
        let text = JsonText::new(&serde_json::from_str(json).expect("test JSON"));
        assert!(text.as_str().is_ascii(), "{text}");
        assert!(text.as_str().contains(r"\ud834\udd1e"), "{text}");
        assert_eq!(JsonText::new(&text.value()), text);
        assert_eq!(text.value(), serde_json::from_str::<Value>(json).expect("test JSON"));
    }

    #[test]
    fn integers_beyond_64_bits_are_found_outside_strings_only() {
        assert_eq!(oversized_integer("[18446744073709551616]"), Some("18446744073709551616"));
        assert_eq!(oversized_integer(r#"{"a":-9223372036854775809}"#), Some("-9223372036854775809"));
        for fits in ["[18446744073709551615,-9223372036854775808,-0]", "1e300", r#""\"18446744073709551616""#]
        {
            assert_eq!(oversized_integer(fits), None, "{fits}");
        }
    }
}
