//! What a plan does to well-behaved programs.

use serde_json::json;
use threeworlds_attack::{Outcome, What};

use crate::support::{Script, answers, ask, outcomes, plan, read, wait_for, whats, write};

#[test]
fn a_plan_is_played_against_a_program() {
    let script = Script::store("");
    let run = script.run(&plan(vec![
        ask("c1", "s1", write(7)),
        wait_for("c1"),
        ask("c2", "s1", read()),
        wait_for("c2"),
        ask("c2", "s2", read()),
    ]));
    assert_eq!(
        answers(&run),
        [
            ("c1".to_owned(), Some(json!(7))),
            ("c2".to_owned(), Some(json!(7))),
            ("c2".to_owned(), Some(json!(null)))
        ]
    );
    assert_eq!(outcomes(&run)[0], Outcome::Ok(None));
    assert!(
        whats(&run).any(|what| matches!(what, What::Sent { message_type, .. } if message_type == "write_ok"))
    );
}
