//! What a deployment would come to: the real plan, decisions and guards against the region's
//! world, in virtual time and without a call, over many seeds and faults.
//!
//! `look` and `act` stand where [`crate::aws`] stands in a real deployment. Never talks to
//! AWS, and touches nothing outside of the world that it is given.

mod account;
mod act;
mod alarms;
mod balancers;
mod calibrate;
mod failing;
pub mod fault;
mod look;
mod metrics;
mod records;
mod run;
mod scenario;
mod series;
mod summary;
pub mod table;
mod tally;
mod trouble;
mod unread;
mod unseen;

pub use account::{build, fit};
pub use alarms::{not_rehearsed, practice};
pub use failing::Failing;
pub use run::run;
pub use scenario::Scenario;
pub use series::{Contender, Series};
pub use summary::{Mean, Row, means};
pub use tally::{End, Tally};
pub use trouble::Trouble;
pub use unread::leave_out_unread;
pub use unseen::leave_out_unseen;
