//! The loop: observe, decide, record, perform; signals and requests; retiring.

mod asks;
mod clock;
mod deploy;
mod gates;
mod holder;
mod id;
mod log;
mod patience;
mod retire;
mod steering;
mod why;

pub use asks::Asks;
pub use clock::Clock;
pub use deploy::{LEASE, Run, RunError, Until};
pub use id::new_id;
pub use log::Log;
pub use retire::{Retired, Retiring, Round};
pub use steering::{Answer, ask_and_wait};
