use crate::grammar::{GrammarError, Scanner, processes};
use crate::json::Json;
use crate::machine::Machine;
use crate::process::{Process, System};
use crate::request::{Request, Value};
use crate::task::Task;

/// What each client asks for, in order: each request in any round after the one before was answered, or
/// never; which of it happens is the environment's choice.
///
/// Grammar: `[together;] [WHO:] REQUEST, REQUEST, ...; [WHO:] ...`. `together` says that each client's first
/// request is issued in round 1 or never. `WHO` names clients (`c1`, `c1,c2`, `c1-c3`,
/// `clients`, which is meant where it is left out); a later part overrides an earlier one, and a client
/// that no part names issues nothing. `REQUEST` is `read`, `write`, `write(V)`, `append` or `append(V)`;
/// without a value the client's own is meant, `C1` for `c1`, `C1.2` for the second of `c1`, and so on. For a
/// state machine it is a command with all its arguments, such as `cas(x,1,2)`; a number is a number, `null`
/// is nothing, and any other word is a string.
/// `none` is the empty list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Workload {
    /// By client, `c1` first.
    requests: Vec<Vec<Request>>,
    is_together: bool,
}

impl Workload {
    /// The most requests one client can have.
    pub const MAX_REQUESTS: usize = 1_000;

    /// Each client writes (or appends) its own value and later reads; of a state machine, a command that
    /// changes and one that looks.
    pub fn usual(task: Task, system: &System) -> Workload {
        let requests = |client: Process| match task.machine() {
            None => vec![update(task, own_value(client, 0)), Request::Read {}],
            Some(machine) => {
                let commands = machine.usual(client.number()).into_iter();
                commands.map(|command| Request::Command { command }).collect()
            }
        };
        Workload { requests: system.client_ids().map(requests).collect(), is_together: false }
    }

    /// No client asks for anything.
    pub fn empty(system: &System) -> Workload {
        Workload { requests: vec![Vec::new(); usize::from(system.clients)], is_together: false }
    }

    /// The same requests, the first of each client in round 1 or never.
    pub fn together(self) -> Workload {
        Workload { is_together: true, ..self }
    }

    /// Whether the first request of each client is issued in round 1 or never.
    pub fn is_together(&self) -> bool {
        self.is_together
    }

    /// Reads a workload for this task.
    pub fn parse(text: &str, task: Task, system: &System) -> Result<Workload, GrammarError> {
        let mut workload = Workload::empty(system);
        let mut scanner = Scanner::new(text);
        if scanner.at_end() {
            return Err(
                scanner.error("the workload is empty: write `none` if no client is to ask for anything")
            );
        }
        let start = scanner.here();
        if scanner.word() == "together" {
            if !scanner.take(';') {
                return Err(scanner.error("`;` and the requests are expected here, as in `together; write`"));
            }
            workload.is_together = true;
        } else {
            scanner.go_back(start);
        }
        loop {
            let clients = clients(&mut scanner, system, text)?;
            let requests = requests(&mut scanner, task)?;
            for client in clients {
                let own = |(position, request): (usize, &ParsedRequest)| request.of(client, position);
                let mut updates = 0;
                workload.requests[usize::from(client.number()) - 1] = requests
                    .iter()
                    .map(|request| {
                        let made = own((updates, request));
                        updates += usize::from(made != Request::Read {});
                        made
                    })
                    .collect();
            }
            if scanner.at_end() {
                return Ok(workload);
            }
            if !scanner.take(';') {
                return Err(
                    scanner.error("`,` and a request, or `;` and the next clients, are expected here")
                );
            }
            if scanner.at_end() {
                return Ok(workload);
            }
        }
    }

    /// The requests of a client, in order.
    pub fn of(&self, client: Process) -> &[Request] {
        debug_assert!(client.is_client());
        self.requests.get(usize::from(client.number()) - 1).map_or(&[], Vec::as_slice)
    }

    /// The workload in its grammar, in normal form.
    pub fn text(&self) -> String {
        let part = |(index, requests): (usize, &Vec<Request>)| {
            let words: Vec<String> = requests.iter().map(Request::to_string).collect();
            let words = if words.is_empty() { "none".to_owned() } else { words.join(", ") };
            format!("c{}: {words}", index + 1)
        };
        let mut parts: Vec<String> = self.requests.iter().enumerate().map(part).collect();
        if parts.is_empty() {
            parts.push("none".to_owned());
        }
        if self.is_together {
            parts.insert(0, "together".to_owned());
        }
        parts.join("; ")
    }
}

/// A request as written, before it is known whose it is.
enum ParsedRequest {
    Read,
    Command(Json),
    Update(Task, Option<Value>),
}

impl ParsedRequest {
    /// The request of this client, which has issued so many updates before.
    fn of(&self, client: Process, updates: usize) -> Request {
        match self {
            ParsedRequest::Read => Request::Read {},
            ParsedRequest::Command(command) => Request::Command { command: command.clone() },
            ParsedRequest::Update(task, value) => {
                update(*task, value.clone().unwrap_or_else(|| own_value(client, updates)))
            }
        }
    }
}

fn own_value(client: Process, updates: usize) -> Value {
    let number = client.number();
    Value::new(if updates == 0 { format!("C{number}") } else { format!("C{number}.{}", updates + 1) })
}

fn update(task: Task, value: Value) -> Request {
    match task {
        Task::Log => Request::Append { value },
        _ => Request::Write { value },
    }
}

/// The clients before a colon; all of them where no colon comes before the next semicolon.
fn clients(scanner: &mut Scanner<'_>, system: &System, text: &str) -> Result<Vec<Process>, GrammarError> {
    let start = scanner.here();
    let part = text[start..].split(';').next().unwrap_or_default();
    if !part.contains(':') {
        return Ok(system.client_ids().collect());
    }
    let found = processes(scanner, system)?;
    if let Some(server) = found.iter().find(|process| !process.is_client()) {
        return Err(scanner.error_at(start, format!("{server} is a server: only clients issue requests")));
    }
    if !scanner.take(':') {
        return Err(scanner.error("`:` is expected here, after the clients"));
    }
    Ok(found)
}

fn requests(scanner: &mut Scanner<'_>, task: Task) -> Result<Vec<ParsedRequest>, GrammarError> {
    let mut found = Vec::new();
    loop {
        let at = scanner.here();
        let word = scanner.word();
        match (word, task.machine()) {
            ("none", _) if found.is_empty() => return Ok(found),
            (_, Some(machine)) => {
                found.push(ParsedRequest::Command(command(scanner, machine, at, word)?));
            }
            ("read", _) => found.push(ParsedRequest::Read),
            ("write" | "append", _) if word == task.update() => {
                let value = if scanner.take('(') {
                    let at = scanner.here();
                    let value = scanner.word();
                    if value.is_empty() {
                        return Err(scanner.error_at(at, "a value is missing here, as in `write(A)`"));
                    }
                    if !scanner.take(')') {
                        return Err(scanner.error("`)` is missing here"));
                    }
                    Some(Value::new(value))
                } else {
                    None
                };
                found.push(ParsedRequest::Update(task, value));
            }
            _ => {
                let update = task.update();
                let message = format!(
                    "the task {task} has the requests `read`, `{update}` and `{update}(VALUE)`, not `{word}`"
                );
                return Err(scanner.error_at(at, message));
            }
        }
        if found.len() > Workload::MAX_REQUESTS {
            let message = format!("more than {} requests for one client", Workload::MAX_REQUESTS);
            return Err(scanner.error_at(at, message));
        }
        if !scanner.take(',') {
            return Ok(found);
        }
    }
}

/// The arguments of a command of this name, which stands at this place.
fn command(scanner: &mut Scanner<'_>, machine: Machine, at: usize, name: &str) -> Result<Json, GrammarError> {
    let mut arguments = Vec::new();
    if scanner.take('(') {
        while !scanner.take(')') {
            if !arguments.is_empty() && !scanner.take(',') {
                return Err(scanner.error("`,` or `)` is missing here"));
            }
            let at = scanner.here();
            let word = scanner.word();
            if word.is_empty() {
                return Err(scanner.error_at(at, "an argument is missing here, as in `read(x)`"));
            }
            let number = word.parse::<u64>().ok().filter(|number| number.to_string() == word);
            arguments.push(match (word, number) {
                ("null", _) => serde_json::Value::Null,
                (_, Some(number)) => number.into(),
                (_, None) => word.into(),
            });
        }
    }
    let command = Json::term(name, arguments);
    machine.understands(&command).map_err(|why| scanner.error_at(at, why))?;
    Ok(command)
}
