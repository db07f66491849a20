//! Whether a deployment waits for somebody's yes, and for whose.

use std::fmt;

use super::view::View;
use crate::deployment::gate::{Check, Gate};

/// Why somebody is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unasked {
    /// Nobody is.
    Nobody,
    /// Others are.
    Others {
        /// By which gate.
        gate: String,
        /// Who.
        approvers: Vec<String>,
        /// Who is not.
        who: String,
    },
}

impl fmt::Display for Unasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unasked::Nobody => f.write_str("the deployment waits for nobody's approval"),
            Unasked::Others {
                gate,
                approvers,
                who,
            } => {
                let approvers = approvers.join(" or ");
                write!(f, "gate {gate} waits for {approvers}, and this is {who}")
            }
        }
    }
}

/// The gate that waits for the yes or no of `who`.
///
/// # Errors
/// Where none does.
pub fn asked<'a>(view: &'a View, who: &str) -> Result<&'a Gate, Unasked> {
    let plan = view.plan.as_ref();
    let gate = view.gate.as_ref().zip(plan);
    let gate = gate.and_then(|(at, plan)| plan.gates.get(at.gate));
    match gate.map(|gate| (gate, &gate.check)) {
        Some((gate, Check::Approval(approval))) if approval.may(who) => Ok(gate),
        Some((gate, Check::Approval(approval))) => Err(Unasked::Others {
            gate: gate.name.clone(),
            approvers: approval.approvers.clone(),
            who: who.to_owned(),
        }),
        _ => Err(Unasked::Nobody),
    }
}
