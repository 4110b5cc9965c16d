use threeworlds_model::{Process, Step};

use crate::exchange::Answer;
use crate::json::{JsonText, to_ascii};

/// The state, the number of messages, each with its receiver, and the response. A text has its length before
/// it, and is the canonical one, so that it need not be parsed.
pub(crate) fn encode(answer: &Answer, bytes: &mut Vec<u8>) {
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    };
    text(bytes, answer.state.as_str());
    bytes.extend_from_slice(&u32::try_from(answer.send.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (to, message) in &answer.send {
        text(bytes, &to.to_string());
        text(bytes, message.as_str());
    }
    text(bytes, &to_ascii(&answer.response));
}

/// An answer from its bytes; `None` if they are none.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Answer> {
    fn number(bytes: &mut &[u8]) -> Option<usize> {
        let (first, rest) = bytes.split_at_checked(4)?;
        *bytes = rest;
        Some(u32::from_le_bytes(first.try_into().ok()?) as usize)
    }
    fn text<'b>(bytes: &mut &'b [u8]) -> Option<&'b str> {
        let length = number(bytes)?;
        let (first, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        std::str::from_utf8(first).ok()
    }
    let state = JsonText::canonical(text(&mut bytes)?);
    let count = number(&mut bytes)?;
    let mut send = Vec::new();
    for _ in 0..count {
        let to: Process = text(&mut bytes)?.parse().ok()?;
        send.push((to, JsonText::canonical(text(&mut bytes)?)));
    }
    let response = match text(&mut bytes)? {
        "null" => None,
        response => Some(serde_json::from_str(response).ok()?),
    };
    bytes.is_empty().then_some(Step { state, send, response })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use threeworlds_model::{Response, Value};

    fn answers() -> Vec<Answer> {
        let text = |value| JsonText::new(&value);
        let send = vec![
            (Process::Server(12), text(json!({"é": [1, 1.5, null]}))),
            (Process::Client(1), text(json!(""))),
        ];
        let log = Response::Log(vec![Value::new("C1"), Value::new("Zoë")]);
        vec![
            Step::quiet(text(json!(null))),
            Step { state: text(json!({"n": -1})), send, response: Some(Response::Value(None)) },
            Step { state: text(json!("𝄞")), send: Vec::new(), response: Some(log) },
        ]
    }

    #[test]
    fn an_answer_comes_back_from_its_bytes() {
        for answer in answers() {
            let mut bytes = Vec::new();
            encode(&answer, &mut bytes);
            assert_eq!(decode(&bytes), Some(answer));
        }
    }

    #[test]
    fn what_is_cut_or_too_long_is_no_answer() {
        for answer in answers() {
            let mut bytes = Vec::new();
            encode(&answer, &mut bytes);
            for length in 0..bytes.len() {
                assert_eq!(decode(&bytes[..length]), None, "{length} bytes");
            }
            bytes.push(0);
            assert_eq!(decode(&bytes), None);
        }
    }
}
