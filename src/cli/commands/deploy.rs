//! `bg deploy`

use crate::cli::args::{DeployArgs, Global};
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::running;
use crate::cli::session::Session;

pub(super) async fn run(global: &Global, args: &DeployArgs) -> Result<ExitCode, CliError> {
    let wanted = request::Wanted::of_version(&args.version)?;
    let session = Session::open(global, Some(&args.region)).await?;
    for _ in 0..running::PLANS_AT_MOST {
        let planned_at = session.fence().await?;
        let (wanted, id) = (wanted.clone(), session.new_id());
        let request = wanted.into_request(&session.config, &session.folder, id)?;
        let planning = session.plan(&request).await?;
        running::refuse_problems(&planning)?;
        if planning.unchanged {
            running::say_unchanged(global, &planning)?;
            return Ok(ExitCode::Stands);
        }
        let ended = running::run(global, &args.run, &session, planning, planned_at).await?;
        if let Some(exit) = ended {
            return Ok(exit);
        }
    }
    Err(running::disturbed())
}
