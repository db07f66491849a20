//! The sandbox region: an embedded stand-in for AWS that moves in time.
//!
//! [`Region`] is what one holds: the SDK's HTTP client in process, or a server on a loopback
//! port. Behind it, [`world`] is the model (tasks, targets, alarms, traffic), [`wire`] speaks
//! AWS's protocols (one file per AWS service), [`faults`] are the troubles one may inject, and
//! [`proxy`] is the load balancer's data plane. Never imports [`crate::aws`]: what talks to the
//! region does so over HTTP, as it would to AWS.

pub mod demo;
pub mod faults;
pub mod proxy;
pub mod region;
pub mod server;
pub mod wire;
pub mod world;

pub use region::{Region, RegionOptions};
