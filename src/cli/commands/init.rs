//! `bg init`

mod adopt;
mod choose;
mod file;
mod from;
mod lacking;
mod named;
mod state;

use crate::cli::args::{Global, InitArgs};
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;

/// Makes the store's table, or adopts a service.
pub(super) async fn run(global: &Global, args: &InitArgs) -> Result<ExitCode, CliError> {
    match args.state {
        true => state::run(global).await,
        false => adopt::run(global, args).await,
    }
}
