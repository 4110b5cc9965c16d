use crate::plan::{Link, Plan, Step};

impl Plan {
    /// Whether it can be played between hosts, where nobody sees the types of messages.
    ///
    /// # Errors
    /// The step, what is wrong with it, and what to do.
    pub fn suits_hosts(&self) -> Result<(), String> {
        let loses = |step: &Step| matches!(step, Step::Lose(losses) if !losses.is_empty());
        match self.steps.iter().position(loses) {
            None => Ok(()),
            Some(position) => Err(format!(
                "the plan `{}` cannot be played on a cluster: step {}: it loses messages of one type, and between \
                 hosts nobody sees types\n  hint: cut whole links instead",
                self.name,
                position + 1
            )),
        }
    }

    /// Whether it cuts a link one way only.
    pub fn cuts_one_way(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Cut(links) => {
                links.iter().any(|link| !links.contains(&Link { from: link.to, to: link.from }))
            }
            _ => false,
        })
    }
}
