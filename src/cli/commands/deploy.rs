//! `bg deploy`

use crate::cli::abandoned::{Abandoned, Taking};
use crate::cli::args::{DefinitionArgs, DeployArgs, Global, RestartArgs, VersionArgs};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::request::Wanted;
use crate::cli::running;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::deployment::observation::Ask;
use crate::deployment::outcome::Outcome;
use crate::deployment::trip::put_back_by;
use crate::runner::{Asks, Until};

pub(super) async fn run(global: &Global, args: &DeployArgs) -> Result<ExitCode, CliError> {
    let what = What::Version(Box::new(Wanted::of_version(&args.version)?));
    run_to_its_end(global, args, &what).await
}

/// `bg restart`: what is live once more.
pub(super) async fn restart(global: &Global, args: &RestartArgs) -> Result<ExitCode, CliError> {
    let version = VersionArgs {
        strategy: args.strategy.clone(),
        force: true,
        ..VersionArgs::default()
    };
    // A mistyped strategy shows before AWS is reached.
    Wanted::of_version(&version)?;
    let args = DeployArgs {
        version,
        leftover: args.leftover,
        dry_run: false,
        run: args.run.clone(),
        meant: args.meant.clone(),
        region: args.region.clone(),
    };
    run_to_its_end(global, &args, &What::Live).await
}

/// What is to be deployed.
enum What {
    /// What the flags say.
    Version(Box<Wanted>),
    /// The revision that is live, once the lock is free.
    Live,
}

impl What {
    async fn wanted(&self, session: &Session, args: &DeployArgs) -> Result<Wanted, CliError> {
        if let What::Version(wanted) = self {
            return Ok(Wanted::clone(wanted));
        }
        let situation = Situation::look(session).await?;
        situation.refuse_mixed_up()?;
        let live = situation.live().and_then(|live| situation.definition(live));
        let live = live.ok_or_else(|| {
            CliError::refused("nothing says which slot is live, or it doesn't exist")
                .hint("`bg status` shows both slots and the weights")
        })?;
        Wanted::of_version(&VersionArgs {
            definition: DefinitionArgs {
                task_definition: Some(live.to_string()),
                ..args.version.definition.clone()
            },
            ..args.version.clone()
        })
    }
}

async fn run_to_its_end(
    global: &Global,
    args: &DeployArgs,
    what: &What,
) -> Result<ExitCode, CliError> {
    let session = Session::open(global, Some(&args.region)).await?;
    session.refuse_other_than(&args.meant)?;
    let give_up_at = session.wait_ends(args.run.wait_lock);
    loop {
        session.wait_for_lock(give_up_at).await?;
        match once(global, args, &session, what).await {
            // Somebody else who waited was first.
            Err(error) if error.kind == ErrorKind::Locked && session.clock.now() < give_up_at => {}
            ended => return ended,
        }
    }
}

/// Deploys, if nobody else does.
async fn once(
    global: &Global,
    args: &DeployArgs,
    session: &Session,
    what: &What,
) -> Result<ExitCode, CliError> {
    if let Some(abandoned) = Abandoned::in_the_way(session).await?
        && let Some(exit) = settle(global, args, session, abandoned).await?
    {
        return Ok(exit);
    }
    for _ in 0..running::PLANS_AT_MOST {
        let planned_at = session.fence().await?;
        let wanted = what.wanted(session, args).await?;
        let id = session.next_id().await?;
        let request = wanted.into_request(&session.config, &session.folder, id)?;
        let planning = session.plan(&request).await?;
        running::refuse_problems(&planning)?;
        if planning.unchanged {
            running::say_unchanged(global, &planning)?;
            return Ok(ExitCode::Stands);
        }
        let ended = running::run(global, &args.run, session, planning, planned_at).await?;
        if let Some(exit) = ended {
            return Ok(exit);
        }
    }
    Err(running::disturbed())
}

/// Ends what another process left in the middle, as the flags say; an exit code where it did not
/// end on one side.
async fn settle(
    global: &Global,
    args: &DeployArgs,
    session: &Session,
    abandoned: Abandoned,
) -> Result<Option<ExitCode>, CliError> {
    if !args.leftover.resume && !args.leftover.revert {
        return Err(CliError::refused(abandoned.told())
            .hint("`bg status` shows where it stands, `bg show` what happened")
            .hint("go on with it: `bg resume`; to deploy this version afterwards: the same command with --resume")
            .hint("put it back: `bg resume --revert`; to deploy afterwards: the same command with --revert"));
    }
    let asks = Asks::default();
    if args.leftover.revert {
        let by = put_back_by(&session.who(), "deploy");
        let _ = asks.sender().send(Ask::Abort { by });
    }
    let ended = abandoned
        .go_on(global, &args.run, session, Taking::Free, Until::End, asks)
        .await?;
    Ok(match ended.outcome() {
        Some(Outcome::Promoted | Outcome::Reverted { .. }) => None,
        Some(outcome) => Some(outcome.into()),
        None => Some(ExitCode::Stuck),
    })
}
