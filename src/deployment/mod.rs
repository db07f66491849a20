//! The heart: plan, events, state, decisions. Pure: no clock, socket, file or SDK.
//!
//! A [`plan::Plan`] is fixed at the start. Each [`observation::Observation`] goes with the state
//! into [`decide::decide`], which answers with [`event::Event`]s for the journal and
//! [`action::Action`]s for AWS. The state ([`state::Deployment`]) is a fold over the events.

pub mod action;
pub mod bare;
pub mod clone;
pub mod deadman;
pub mod decide;
pub mod diagnosis;
pub mod dns;
pub mod event;
pub mod gate;
pub mod handover;
pub(crate) mod hash;
pub mod health_check;
pub mod ids;
pub mod invariants;
pub mod metrics;
pub mod moved;
pub mod observation;
pub mod outcome;
pub mod plan;
pub mod preflight;
pub mod problem;
pub mod retire;
pub mod scaling;
pub mod state;
pub mod surroundings;
pub mod task_definition;
pub mod traceparent;
pub mod trip;
pub mod verification;
mod waits;
pub mod wildcard;

pub use crate::strategy::seconds;
