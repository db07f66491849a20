//! What a deployment would come to: the real plan, decisions and guards against the region's
//! world, in virtual time and without a call, over many seeds and faults.
//!
//! [`look`] and [`act`] stand where [`crate::aws`] stands in a real deployment. Never talks to
//! AWS, and touches nothing outside of the world that it is given.

mod act;
mod look;
mod metrics;
mod run;
mod trouble;

pub use run::run;
pub use trouble::Trouble;
