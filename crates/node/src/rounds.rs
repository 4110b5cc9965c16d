/// Which round it is: round 1 begins at a time on which all nodes agreed, and all rounds last equally long.
/// Times are milliseconds since the Unix epoch, for clocks of processes that know nothing else in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    /// When round 1 begins.
    pub begin: u64,
    /// How long a round lasts, in milliseconds; at least 1.
    pub length: u64,
}

/// What a node can say of how well the clock and the network kept the rounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Rounds that the node's processes took part in.
    pub rounds: u64,
    /// Messages that came after the end of their round, which counts as lost.
    pub came_late: u64,
    /// Messages that were not sent, because the node itself was late and their round was over.
    pub not_sent: u64,
}

impl Rounds {
    /// When this round ends, and its messages can be used.
    pub fn end(&self, round: u64) -> u64 {
        self.begin.saturating_add(self.length.saturating_mul(round))
    }
}
