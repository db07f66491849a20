//! Strategies: named lists of steps, read and checked from YAML, shorthand or inline.
//! Never opens a file, looks at a clock or talks to anything: text comes in, data goes out.

mod builtin;
mod document;
mod duration;
mod input;
mod read;
mod reference;
pub mod seconds;
mod shorthand;
mod steps;
mod until;
mod weight;

pub use builtin::{builtin_file, builtin_names, builtin_strategies};
pub(crate) use document::{Entry, Fields, Node, Reader, Value};
pub use duration::{format_duration, parse_duration};
pub(crate) use input::nearest;
pub use input::{InputError, Position};
pub(crate) use read::strategy_from_node;
pub use reference::StrategyRef;
pub use steps::{DEFAULT_BAKE, LONGEST_WITHOUT_CONSENT, Step, Strategy};
pub use until::{DEFAULT_AT_MOST, TooFew, Until};
pub use weight::{Weight, WeightError};
