//! The live page: all services of a state store in a browser, on loopback, with what `pause`,
//! `promote` and `abort` do on a terminal. It reads the store and asks; it never acts on AWS.

mod answer;
mod events;
mod figures;
mod follow;
mod guard;
mod look;
mod metrics;
mod pace;
mod path;
mod seats;
mod server;

pub use guard::Token;
pub use look::Look;
pub use server::{Server, serve};
