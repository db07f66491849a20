//! The loop: observe, decide, record, perform; signals and requests; retiring.

mod asks;
mod clock;
mod deploy;

pub use asks::Asks;
pub use clock::Clock;
pub use deploy::{Run, RunError};
