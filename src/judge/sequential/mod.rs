//! Is green worse than blue? Asked after every minute, answered as soon as the evidence is enough.
//!
//! An e-process per metric weighs what was counted on both sides in the same minutes: it is a fair
//! bet against "green is not materially worse", so that over a whole deployment it grows beyond
//! 1/α with a probability of at most α, however often it is looked at (Ville 1939). Blue and green
//! share each minute: whatever hits both, such as an incident or a rise in traffic, cancels out.
//!
//! - `evidence`: one process: a mixture over how much worse, and over since when.
//! - `factor`: what one minute says.
//! - [`calibration`]: how much two parts of blue differ by themselves.
//! - [`Judge`]: the metrics of a deployment together, and the answer.

pub mod calibration;
mod evidence;
mod factor;
mod judge;
mod settings;

pub use evidence::Start;
pub use factor::Exact;
pub use judge::{Answer, Doubt, Judge, Lead, Logs};
pub use settings::{Absolute, Method, MetricSettings, Relative, Settings};

/// What one side served in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests.
    pub requests: u64,
    /// Bad ones among them, such as those answered with 5xx.
    pub bad: u64,
}

/// Both sides in the same interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pair {
    /// The side that carried production before.
    pub blue: Count,
    /// The side with the new version.
    pub green: Count,
}

#[cfg(test)]
mod tests;
