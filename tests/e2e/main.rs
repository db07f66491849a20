//! The whole program: real processes against a served region, each in a folder of its own.

mod after;
mod bad_input;
mod connecting;
mod definition;
mod deploy;
mod hotfix;
mod look;
mod routes;
mod signals;
mod support;
mod together;
