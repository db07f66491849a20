//! Adopting a live service that nobody built with `bg` in mind: from what a look found to what it
//! lacks, and the texts that say so (`bg.yaml`, Terraform, CloudFormation). Never looks, changes
//! or writes anything itself.

mod alarms;
mod cloudformation;
mod config;
mod facts;
mod from;
mod hcl;
mod names;
mod proposal;
mod records;
mod taken_out;
mod terraform;
mod texts;
mod twins;
mod words;

pub use alarms::AlarmLine;
pub use cloudformation::cloudformation;
pub use config::config;
pub use facts::{Across, AlarmNamed, Facts, Group, Limits, RouteFound, Wanted};
pub use from::{Asks, Hook, Taken, Topic, service_definition};
pub use names::{first_slot_of, service_stems};
pub use proposal::{Addition, Pair, Proposal, Twin, propose};
pub use taken_out::groups_of_twin;
pub use terraform::terraform;
pub use words::words;

#[cfg(test)]
mod testing;
