//! The command line: arguments, output, errors with hints, exit codes. Nothing else imports it.
//!
//! What goes where: data to stdout (the lines or the JSON of `deploy` and `rollback`, documents
//! elsewhere), everything else (the live view, errors) to stderr. The live view is shown only
//! where stdout and stderr both are a terminal that can draw it; see [`terminal::Output::choose`].

pub mod args;
pub mod display;
pub mod error;
pub mod exit;
pub mod live;
pub mod style;
pub mod terminal;
