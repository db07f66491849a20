//! The sandbox region: an embedded stand-in for AWS that moves in time.
//!
//! [`world`] is the model (tasks, targets, alarms, traffic), [`wire`] speaks AWS's protocols
//! (one file per AWS service), [`proxy`] is the load balancer's data plane. Never imports
//! [`crate::aws`]: what talks to the region does so over HTTP, as it would to AWS.

pub mod proxy;
pub mod wire;
pub mod world;
