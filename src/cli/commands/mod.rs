//! The verbs, one file each.

mod deploy;
mod init;
mod plan;
mod rollback;
mod sandbox;
mod schema;
mod status;
mod tick;

use super::args::{Cli, Verb};
use super::error::CliError;
use super::exit::ExitCode;

/// Runs the verb.
///
/// # Errors
/// What goes to stderr; its kind is the exit code.
pub(super) async fn run(cli: &Cli) -> Result<ExitCode, CliError> {
    match &cli.verb {
        Verb::Deploy(args) => deploy::run(&cli.global, args).await,
        Verb::Plan(args) => plan::run(&cli.global, args).await,
        Verb::Status(_) => status::run(&cli.global).await,
        Verb::Rollback(args) => rollback::run(&cli.global, args).await,
        Verb::Tick(_) => tick::run(&cli.global).await,
        Verb::Init(args) => init::run(&cli.global, args).await,
        Verb::Sandbox(args) => sandbox::run(args).await,
        Verb::Schema(_) => schema::run(),
    }
}
