use std::io::IsTerminal;
#[cfg(target_os = "linux")]
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use threeworlds_attack::Progress;
#[cfg(target_os = "linux")]
use threeworlds_attack::cluster::Counts;

/// Which plan is being played, on a terminal; nothing in a pipe.
pub(crate) struct Shown(Option<ProgressBar>);

impl Shown {
    pub(crate) fn new() -> Shown {
        Shown(std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is right");
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.enable_steady_tick(std::time::Duration::from_millis(200));
            bar
        }))
    }

    pub(crate) fn show(&self, progress: &Progress) {
        let Progress { plan, number, of } = progress;
        self.say(match of {
            0 => plan.clone(),
            of => format!("plan {number} of {of}: {plan}"),
        });
    }

    pub(crate) fn shrinking(&self, runs: usize, steps: usize) {
        self.say(format!("looking for a smaller plan: run {runs}, {steps} steps"));
    }

    pub(crate) fn world(&self, system: &str, world: &str) {
        self.say(format!("{system}: world {world}"));
    }

    /// How far a long run is.
    #[cfg(target_os = "linux")]
    pub(crate) fn enduring(&self, elapsed: Duration, duration: Duration, counts: &Counts) {
        let left = duration.saturating_sub(elapsed).as_secs();
        let Counts { done, unknown, cuts, keys, .. } = counts;
        self.say(format!("{left} s left: {done} done, {unknown} unknown, {cuts} cuts, {keys} keys judged"));
    }

    fn say(&self, text: String) {
        if let Some(bar) = &self.0 {
            bar.set_message(text);
        }
    }

    /// Takes the progress off the terminal.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
