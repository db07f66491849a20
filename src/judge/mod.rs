//! The guards' arithmetic: target health, alarms, and metrics compared between the sides. Pure:
//! figures in, verdicts out.
//!
//! - [`targets`], [`alarms`]: what the load balancer and CloudWatch have judged themselves.
//! - [`guards`]: what is judged by metrics, as it is asked for.
//! - [`minute`]: what a read of a metric is worth.
//! - [`sequential`]: is green worse than blue, asked every minute: requests and bad ones among them.
//! - [`compare`]: any metric, by rank, once there are enough values.

pub mod alarms;
pub mod compare;
pub mod guards;
pub mod minute;
pub mod sequential;
pub mod targets;
pub(crate) mod words;
