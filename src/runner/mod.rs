//! The loop: observe, decide, record, perform; signals and requests; retiring.

mod asks;
mod clock;
mod deploy;
mod holder;
mod log;
mod patience;
mod retire;

pub use asks::Asks;
pub use clock::Clock;
pub use deploy::{LEASE, Run, RunError, Until, new_id};
pub use log::Log;
pub use retire::{Retired, Retiring, Round};
