use std::collections::BTreeMap;

use serde_json::Value;

use super::{CommandForm, StateMachine, not_understood, unknown};
use crate::json::Json;

/// A bank. Every account begins with [`Bank::OPENING_BALANCE`]; transfers move money and make none.
///
/// | command | output | effect |
/// |---|---|---|
/// | `["balance",ACCOUNT]` | the balance | none |
/// | `["transfer",FROM,TO,AMOUNT]` | `true`, or `false` if `FROM` has less | the amount moves, if it is there |
///
/// Accounts are any JSON, amounts whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bank;

impl Bank {
    /// What an account holds before its first transfer.
    pub const OPENING_BALANCE: u64 = 10;
}

impl StateMachine for Bank {
    /// The balances of the accounts that no longer hold what they began with, the account as JSON text.
    type State = BTreeMap<String, u64>;

    fn start(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    fn apply(&self, command: &Json, mut state: BTreeMap<String, u64>) -> (Json, BTreeMap<String, u64>) {
        let balance = |state: &BTreeMap<_, _>, account: &str| {
            state.get(account).copied().unwrap_or(Bank::OPENING_BALANCE)
        };
        let output = match Command::of(command) {
            Err(why) => not_understood(why),
            Ok(Command::Balance { account }) => Json::new(&Value::from(balance(&state, &account))),
            Ok(Command::Transfer { from, to, amount }) => {
                let after = balance(&state, &from).checked_sub(amount);
                if let Some(after) = after {
                    set(&mut state, from, after);
                    // What has moved out of accounts so far bounds what any account can hold.
                    let received = balance(&state, &to).saturating_add(amount);
                    set(&mut state, to, received);
                }
                Json::new(&Value::from(after.is_some()))
            }
        };
        (output, state)
    }
}

pub(super) const COMMANDS: &[CommandForm] =
    &[("balance", &["ACCOUNT"]), ("transfer", &["FROM", "TO", "AMOUNT"])];

/// Each client spends all the money of one account and later looks at what is left: two that both succeed
/// have spent it twice.
pub(super) fn usual() -> Vec<Json> {
    let amount = Value::from(Bank::OPENING_BALANCE);
    vec![
        Json::term("transfer", [Value::from("a"), Value::from("b"), amount]),
        Json::term("balance", [Value::from("a")]),
    ]
}

/// A command, understood. Accounts are JSON text.
pub(super) enum Command {
    Balance { account: String },
    Transfer { from: String, to: String, amount: u64 },
}

impl Command {
    pub(super) fn of(command: &Json) -> Result<Command, String> {
        let term = command.as_term();
        match term.as_ref().map(|(name, arguments)| (name.as_str(), arguments.as_slice())) {
            Some(("balance", [account])) => Ok(Command::Balance { account: account.to_string() }),
            Some(("transfer", [from, to, amount])) => match amount.as_u64() {
                Some(amount) => Ok(Command::Transfer { from: from.to_string(), to: to.to_string(), amount }),
                None => Err(format!("an amount is a whole number, not {amount}")),
            },
            _ => Err(unknown(command, COMMANDS)),
        }
    }
}

/// An account that holds what it began with is as if it had never been touched.
fn set(state: &mut BTreeMap<String, u64>, account: String, balance: u64) {
    if balance == Bank::OPENING_BALANCE {
        state.remove(&account);
    } else {
        state.insert(account, balance);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bank, StateMachine};
    use crate::json::Json;

    #[test]
    fn transfers_move_money_and_make_none() {
        let mut state = Bank.start();
        for (command, expected) in [
            (r#"["balance","a"]"#, "10"),
            (r#"["transfer","a","b",7]"#, "true"),
            (r#"["transfer","a","b",7]"#, "false"),
            (r#"["balance","a"]"#, "3"),
            (r#"["balance","b"]"#, "17"),
            (r#"["transfer","b","b",17]"#, "true"),
            (r#"["balance","b"]"#, "17"),
            (r#"["transfer","b","a",7]"#, "true"),
        ] {
            let (output, next) = Bank.apply(&Json::parse(command).unwrap(), state);
            assert_eq!(output.as_str(), expected, "{command}");
            state = next;
        }
        assert_eq!(state, Bank.start());
        let (output, _) = Bank.apply(&Json::parse(r#"["transfer","a","b",-1]"#).unwrap(), state);
        assert!(output.as_str().contains("whole number"), "{output:?}");
    }
}
