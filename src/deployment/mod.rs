//! The heart: plan, events, state, decisions. Pure: no clock, socket, file or SDK.
//!
//! A [`plan::Plan`] is fixed at the start. Each [`observation::Observation`] goes with the state
//! into `decide`, which answers with [`event::Event`]s for the journal and
//! [`action::Action`]s for AWS. The state is a fold over the events.

pub mod action;
pub mod clone;
pub mod event;
pub mod ids;
pub mod observation;
pub mod outcome;
pub mod plan;
pub mod seconds;
pub mod surroundings;
pub mod trip;
