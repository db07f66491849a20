//! The loop: observe, decide, record, perform; signals and requests; retiring.

mod asks;
mod clock;
mod deploy;
mod retire;

pub use asks::Asks;
pub use clock::Clock;
pub use deploy::{LEASE, Run, RunError, new_id};
pub use retire::{Retired, Retiring, Round};
