use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use threeworlds_model::{
    Json, KeyValueStore, Process, Protocol, Request, Response, StateMachine, Step, System, Value,
};

/// A log, or a key-value store, that only `s1` keeps: enough protocol to see what a node makes of its
/// responses. Nothing is lost in these tests, so nothing is sent twice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Central;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct CentralState {
    log: Vec<Value>,
    store: BTreeMap<String, Json>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum CentralMessage {
    Ask(Request),
    Answer(Result<Vec<Value>, Json>),
}

impl Protocol for Central {
    type State = CentralState;
    type Message = CentralMessage;

    fn start(&self, _: Process, _: &System) -> Step<CentralState, CentralMessage> {
        Step::quiet(CentralState::default())
    }

    fn step(
        &self,
        _: Process,
        state: &CentralState,
        request: Option<&Request>,
        received: &[(Process, CentralMessage)],
    ) -> Step<CentralState, CentralMessage> {
        let mut step = Step::quiet(state.clone());
        if let Some(request) = request {
            step.send.push((Process::Server(1), CentralMessage::Ask(request.clone())));
        }
        for (from, message) in received {
            match message {
                CentralMessage::Ask(Request::Command { command }) => {
                    let (output, store) = KeyValueStore.apply(command, step.state.store.clone());
                    step.state.store = store;
                    step.send.push((*from, CentralMessage::Answer(Err(output))));
                }
                CentralMessage::Ask(request) => {
                    step.state.log.extend(request.value().cloned());
                    step.send.push((*from, CentralMessage::Answer(Ok(step.state.log.clone()))));
                }
                CentralMessage::Answer(Ok(log)) => step.response = Some(Response::Log(log.clone())),
                CentralMessage::Answer(Err(output)) => step.response = Some(Response::Output(output.clone())),
            }
        }
        step
    }
}
