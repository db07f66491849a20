//! The heart: plan, events, state, decisions. Pure: no clock, socket, file or SDK.

pub mod task_definition;
