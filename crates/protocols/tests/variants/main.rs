//! Protocols that are variants of others: those that are broken on purpose, each beside its honest sibling
//! under the very same question, and those that change nothing.

mod broken;
mod raft;
mod signed;
mod symmetry;

use threeworlds_engine::{Report, Stop, check};
use threeworlds_model::{FaultModel, FaultRule, Protocol, Question, Workload};
use threeworlds_protocols::{BuiltIn, Visitor};

/// A question in lock-step with any-subset crash delivery, two clients that write and then read, and these
/// fault rules.
fn question(servers: usize, rules: &[&str]) -> Question {
    let none = threeworlds_model::FaultClass::None;
    let question = Question::usual(servers, 0, 2, none, none).unwrap();
    let rules = rules.iter().map(|rule| FaultRule::parse(rule, &question.system).unwrap());
    let rules = rules.collect();
    question.with_fault_model(FaultModel { rules })
}

fn with_workload(mut question: Question, workload: &str) -> Question {
    question.workload = Workload::parse(workload, question.task, &question.system).unwrap();
    question
}

/// Explores everything.
fn judge(protocol: BuiltIn, question: &Question) -> Report {
    struct Check<'a>(&'a Question);
    impl Visitor for Check<'_> {
        type Output = Report;
        fn visit<P: Protocol>(self, protocol: P) -> Report {
            check(self.0, &protocol).unwrap()
        }
    }
    let report = protocol.visit(&question.system, Check(question)).unwrap();
    assert_eq!(report.coverage.stop, Stop::Closed);
    report
}
