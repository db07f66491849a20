//! The whole program: real processes against a served region, each in a folder of its own.

mod after;
mod bad_input;
mod deadman;
mod definition;
mod deploy;
mod look;
mod signals;
mod support;
mod together;
