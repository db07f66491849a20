//! The whole program: real processes against a served region, each in a folder of its own.

mod after;
mod bad_input;
mod definition;
mod deploy;
mod look;
mod resume;
mod signals;
mod steering;
mod support;
mod together;
