//! `bg sandbox`

use crate::cli::args::SandboxArgs;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::local_region;

pub(super) async fn run(args: &SandboxArgs) -> Result<ExitCode, CliError> {
    local_region::serve(args).await?;
    Ok(ExitCode::Stands)
}
