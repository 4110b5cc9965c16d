use std::collections::VecDeque;

use serde_json::{Value, json};
use threeworlds_model::{Json, Request, Response};

use super::command::{Command, another_value, cas_ok, read_ok, write_ok};
use super::{Service, has_room};
use crate::wire::{CRASH, Envelope, MALFORMED_REQUEST, Refusal};

/// The replicated state machine that is a key-value store. A key without a value has `null` there, so `null`
/// cannot be written.
#[derive(Debug, Default)]
pub(super) struct Store {
    waiting: VecDeque<Asked>,
    outstanding: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    envelope: Envelope,
    command: Command,
    /// Of a `cas` with `create_if_not_exists`: that it is now asked for as one from a missing key.
    creates: bool,
}

impl Asked {
    fn request(&self) -> Request {
        let command = match &self.command {
            Command::Read { key } => json!(["read", key]),
            Command::Write { key, value } => json!(["write", key, value]),
            Command::Cas { key, to, .. } if self.creates => json!(["cas", key, null, to]),
            Command::Cas { key, from, to, .. } => json!(["cas", key, from, to]),
        };
        Request::Command { command: Json::new(&command) }
    }

    /// What the client is told of this output; nothing if it has to be asked again the other way.
    fn answer(&self, output: &Value) -> Option<Result<Value, Refusal>> {
        Some(match &self.command {
            Command::Read { .. } if output.is_null() => Err(self.command.missing()),
            Command::Read { .. } => Ok(read_ok(output)),
            Command::Write { .. } => Ok(write_ok()),
            Command::Cas { key, from, create_if_not_exists, .. } => {
                let was_there = output == from;
                let was_missing = output.is_null();
                match (self.creates, was_there, was_missing) {
                    (false, true, _) | (true, _, true) => Ok(cas_ok()),
                    // It came or went between the two ways of asking.
                    (false, _, true) if *create_if_not_exists => return None,
                    (true, true, _) => return None,
                    (false, _, true) => Err(self.command.missing()),
                    _ => Err(another_value(key, output, from)),
                }
            }
        })
    }
}

impl Service for Store {
    fn asked(&mut self, envelope: &Envelope) -> Result<(), Refusal> {
        let command = Command::of(envelope)?;
        let (Command::Write { value, .. } | Command::Cas { to: value, .. }) = &command else {
            return self.wait(envelope, command);
        };
        if value.is_null() {
            let text = "null cannot be written here: it is what a missing key has";
            return Err(Refusal::new(MALFORMED_REQUEST, text));
        }
        self.wait(envelope, command)
    }

    fn next_request(&mut self) -> Option<Request> {
        if self.outstanding.is_some() {
            return None;
        }
        let asked = self.waiting.pop_front()?;
        let request = asked.request();
        self.outstanding = Some(asked);
        Some(request)
    }

    fn answered(&mut self, response: &Response) -> Vec<Envelope> {
        let Some(mut asked) = self.outstanding.take() else { return Vec::new() };
        let answer = match response {
            Response::Output(output) => asked.answer(&output.value()),
            _ => Some(Err(Refusal::new(
                CRASH,
                format!("the protocol answered `{response}`, which is no output"),
            ))),
        };
        match answer {
            Some(answer) => asked.envelope.answer(answer).into_iter().collect(),
            None => {
                asked.creates = !asked.creates;
                self.waiting.push_front(asked);
                Vec::new()
            }
        }
    }
}

impl Store {
    fn wait(&mut self, envelope: &Envelope, command: Command) -> Result<(), Refusal> {
        has_room(self.waiting.len())?;
        self.waiting.push_back(Asked { envelope: envelope.clone(), command, creates: false });
        Ok(())
    }
}
