use threeworlds_model::Value;

/// A response that is known to be given: in which world, to which client's block, to its request of which
/// phase (from 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Given {
    /// The world, by position.
    pub world: usize,
    /// The client's block, by position.
    pub client: usize,
    /// The phase of the request, from 0.
    pub phase: usize,
}

/// A step of an argument. Each is true of every protocol that is safe and live under the claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The client is non-faulty in this world, no message is merely late, so by Termination it is answered
    /// by the end of the phase.
    Forced(Given),
    /// The first is given, and in the second's world the same client sees the same until the end of the
    /// phase: it is given there too, and is the same.
    Indistinguishable(Given, Given),
    /// By Validity and Correctness (for a register: by linearizability) the response is one of these;
    /// `None` is the initial value of a register.
    Values(Given, Vec<Option<Value>>),
    /// Two responses of one world are equal, by Agreement.
    Agreement(Given, Given),
    /// No value is left for this response.
    Contradiction(Given),
}

impl Step {
    /// The word for it in the format.
    pub fn name(&self) -> &'static str {
        match self {
            Step::Forced(_) => "forced",
            Step::Indistinguishable(..) => "indistinguishable",
            Step::Values(..) => "values",
            Step::Agreement(..) => "agreement",
            Step::Contradiction(_) => "contradiction",
        }
    }
}
