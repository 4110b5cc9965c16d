//! The task `log`, with step programs.

mod support;

use support::processes::StepProgram;

/// Clients that ask s1 until it answers; s1 answers with what SHOWN says of its log.
const CLIENT_AND_SERVER: &str = "
for line in lines():
    me = it(line)['process']
    if 'start' in line:
        say(line, state=[] if me.startswith('s') else None)
        continue
    state, send, response = line['step']['state'], [], None
    for each in line['step']['received']:
        message = each['message']
        if me.startswith('c'):
            if state is not None:
                response, state = message, None
        else:
            if message['op'] == 'append' and message['value'] not in state:
                state = state + [message['value']]
            who = each['from']
            send.append({'to': who, 'message': {'log': SHOWN}})
    if me.startswith('c'):
        state = line['step']['request'] or state
        if state is not None:
            send = [{'to': 's1', 'message': state}]
    say(line, state=state, send=send, response=response)
";

fn log(shown: &str) -> StepProgram {
    StepProgram::new(&CLIENT_AND_SERVER.replace("SHOWN", shown))
}

/// Late answers to an earlier request would confuse these clients, so they ask once.
const ONE_SERVER: [&str; 8] =
    ["--task", "log", "--servers", "1", "--faults", "0", "--workload", "c1: append; c2: append"];

#[test]
fn a_log_on_one_server_holds() {
    log("state").checked(&ONE_SERVER).exits(0).says("HOLDS").says("log").says("append ");
}

#[test]
fn a_log_on_one_server_holds_with_reads() {
    let flags = ["--task", "log", "--servers", "1", "--faults", "0", "--workload", "c1: append; c2: read"];
    log("state").checked(&flags).exits(0).says("HOLDS").says("read ");
}

#[test]
fn forked_logs_violate_agreement() {
    let forked = log("state if who == 'c1' else state[::-1]");
    let outcome = forked.checked(&[&ONE_SERVER[..], &["--json"]].concat()).exits(1);
    let document = outcome.json();
    assert_eq!(document["property"], "agreement", "{document:#}");
    assert_eq!(document["horn"], "safety");
}

#[test]
fn invented_entries_violate_validity() {
    let outcome = log("['X'] + state").checked(&ONE_SERVER).exits(1);
    outcome.says("FAILS (validity)");
}

/// An append has to show its own entry last; a log that already has more is not its own.
#[test]
fn linearizable_asks_for_more_of_the_same_log() {
    let flags = [&ONE_SERVER[..], &["--consistency", "linearizable"]].concat();
    log("state").checked(&flags).exits(1).says("FAILS (linearizability)");
    let up_to_the_own = "state[:state.index(message['value']) + 1]";
    log(up_to_the_own).checked(&flags).exits(0).says("HOLDS").says("linearizable");
}
