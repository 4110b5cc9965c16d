use threeworlds_model::Process;

use crate::error::AttackError;
use crate::plan::{Link, Plan, Step};

/// Sees to it that everybody whom a plan names exists, so that it can be played.
pub(crate) fn check(plan: &Plan) -> Result<(), AttackError> {
    let wrong = |why: String| Err(AttackError::Plan { plan: plan.name.clone(), why });
    if plan.servers == 0 || plan.servers > PROCESSES_MAX || plan.clients > PROCESSES_MAX {
        return wrong(format!("it needs 1 to {PROCESSES_MAX} servers and at most as many clients"));
    }
    for (index, step) in plan.steps.iter().enumerate() {
        let number = index + 1;
        let strange = |process: Process| {
            let most = if process.is_client() { plan.clients } else { plan.servers };
            !(1..=most).contains(&process.number())
        };
        let link_end = |link: &Link| [link.from, link.to].into_iter().find(|&end| strange(end));
        let unknown = match step {
            Step::Cut(links) => links.iter().find_map(link_end),
            Step::Lose(losses) => losses.iter().find_map(|loss| link_end(&loss.link)),
            Step::Ask(ask) => {
                if !ask.client.is_client() {
                    return wrong(format!("in step {number}, {} asks and is no client", ask.client));
                }
                if ask.servers.is_empty() {
                    return wrong(format!("in step {number}, {} asks nobody", ask.client));
                }
                if let Some(client) = ask.servers.iter().find(|server| server.is_client()) {
                    return wrong(format!("in step {number}, {client} is asked and is no server"));
                }
                ask.servers.iter().copied().chain([ask.client]).find(|&process| strange(process))
            }
            Step::Await(clients) => {
                if let Some(server) = clients.iter().find(|client| !client.is_client()) {
                    return wrong(format!("in step {number}, {server} is awaited and is no client"));
                }
                clients.iter().copied().find(|&client| strange(client))
            }
            Step::Wait { .. } => None,
            Step::Server(server, _) => {
                if server.is_client() {
                    return wrong(format!("in step {number}, {server} is no server"));
                }
                Some(*server).filter(|&server| strange(server))
            }
        };
        if let Some(process) = unknown {
            return wrong(format!(
                "step {number} names {process}, and there are {} servers and {} clients",
                plan.servers, plan.clients
            ));
        }
    }
    Ok(())
}

/// The most servers, and the most clients.
const PROCESSES_MAX: u16 = 64;
