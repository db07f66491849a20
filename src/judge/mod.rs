//! The guards' arithmetic: target health and alarms. Pure: figures in, verdicts out.

pub mod alarms;
pub mod targets;
