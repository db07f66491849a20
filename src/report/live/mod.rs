//! The live view: one calm screen that says where a deployment is.

mod fit;
mod header;
mod judged;
mod screen;
mod sections;

pub use screen::{Size, screen};

#[cfg(test)]
mod tests;
