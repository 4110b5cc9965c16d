use crate::links::write;
use crate::plan::{Link, Plan, Step};

impl Plan {
    /// Whether it can be played between hosts: what is cut is cut both ways, and no types of messages are lost.
    ///
    /// # Errors
    /// The step, what is wrong with it, and what to do.
    pub fn suits_hosts(&self) -> Result<(), String> {
        for (number, step) in (1..).zip(&self.steps) {
            let why = match step {
                Step::Lose(losses) if !losses.is_empty() => {
                    "it loses messages of one type, and between hosts nobody sees types\n  hint: cut whole links \
                     instead"
                        .to_owned()
                }
                Step::Cut(links) => {
                    let back = |link: &Link| Link { from: link.to, to: link.from };
                    let one_way: Vec<Link> =
                        links.iter().copied().filter(|link| !links.contains(&back(link))).collect();
                    if one_way.is_empty() {
                        continue;
                    }
                    let both: Vec<Link> = one_way.iter().flat_map(|link| [*link, back(link)]).collect();
                    format!(
                        "it cuts {} one way, but TCP stops both ways then, since acknowledgements are lost too\n  \
                         hint: cut both ways: {}",
                        write(&one_way).join(" "),
                        write(&both).join(" ")
                    )
                }
                _ => continue,
            };
            return Err(format!(
                "the plan `{}` cannot be played on a cluster: step {number}: {why}",
                self.name
            ));
        }
        Ok(())
    }
}
