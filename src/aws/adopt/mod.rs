//! Adopting a live service: looking at all of it, and adding what it lacks.

mod add;
mod alarms;
mod groups;
mod lag;
mod look;
mod records;

pub use add::Unfinished;
