//! Reads and checks strategies. Pure.

pub mod weight;

pub use weight::Weight;
