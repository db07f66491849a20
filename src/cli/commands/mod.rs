//! The verbs, one file each.

mod completions;
mod deadman;
mod deploy;
mod doctor;
mod help;
mod history;
mod iam_policy;
mod init;
mod logs;
mod man;
mod plan;
mod rehearse;
mod report;
mod resume;
mod rollback;
mod sandbox;
mod scale;
mod schema;
mod show;
mod status;
mod steer;
mod tasks;
mod tick;
mod ui;
mod verify;

use super::args::{Cli, DeadmanVerb, OutputFormat, Verb};
use super::error::CliError;
use super::exit::ExitCode;
use crate::store::Steer;

/// Runs the verb.
///
/// # Errors
/// What goes to stderr; its kind is the exit code.
pub(super) async fn run(cli: &Cli) -> Result<ExitCode, CliError> {
    let markdown = cli.global.output == OutputFormat::Markdown;
    if markdown && !matches!(cli.verb, Verb::Rehearse(_)) {
        return Err(CliError::usage("only `bg rehearse` writes Markdown"));
    }
    match &cli.verb {
        Verb::Deploy(args) if args.dry_run => plan::run(&cli.global, &args.as_plan()).await,
        Verb::Deploy(args) => deploy::run(&cli.global, args).await,
        Verb::Plan(args) => plan::run(&cli.global, args).await,
        Verb::Verify(args) => verify::run(&cli.global, args).await,
        Verb::Status(args) => status::run(&cli.global, args).await,
        Verb::Rollback(args) => rollback::run(&cli.global, args).await,
        Verb::Restart(args) => deploy::restart(&cli.global, args).await,
        Verb::Scale(args) => scale::run(&cli.global, args).await,
        Verb::Resume(args) => resume::run(&cli.global, args).await,
        Verb::Pause(_) => steer::run(&cli.global, Steer::Pause).await,
        Verb::Promote(args) => steer::run(&cli.global, Steer::Promote { full: args.full }).await,
        Verb::Abort(_) => steer::run(&cli.global, Steer::Abort).await,
        Verb::Approve(_) => steer::run(&cli.global, Steer::Approve).await,
        Verb::Reject(args) => {
            let why = args.reason.clone();
            steer::run(&cli.global, Steer::Reject { why }).await
        }
        Verb::Doctor(args) => doctor::run(&cli.global, args).await,
        Verb::History(args) => history::run(&cli.global, args).await,
        Verb::Show(args) => show::run(&cli.global, args).await,
        Verb::Report(args) => report::run(&cli.global, args).await,
        Verb::Ui(args) => ui::run(&cli.global, args).await,
        Verb::Tasks(_) => tasks::run(&cli.global).await,
        Verb::Logs(args) => logs::run(&cli.global, args).await,
        Verb::Tick(args) => tick::run(&cli.global, args).await,
        Verb::Init(args) => init::run(&cli.global, args).await,
        Verb::Deadman(args) => match &args.verb {
            DeadmanVerb::Test(args) => deadman::test(&cli.global, args).await,
        },
        Verb::Rehearse(args) => rehearse::run(&cli.global, args).await,
        Verb::Sandbox(args) => sandbox::run(args).await,
        Verb::IamPolicy(args) => iam_policy::run(&cli.global, args),
        Verb::Schema(args) => schema::run(args),
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => man::run(args),
        Verb::Help(args) => help::run(&cli.global, args),
    }
}
