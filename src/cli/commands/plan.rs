//! `bg plan`

use crate::cli::abandoned::Abandoned;
use crate::cli::args::{Global, OutputFormat, PlanArgs};
use crate::cli::display::{print, print_json};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::session::Session;
use crate::cli::story::Said;
use crate::cli::terminal::Surface;
use crate::deployment::preflight::Planning;
use crate::deployment::problem::Problem;
use crate::report::ci::summary::Mark;
use crate::report::plan::{PlanReport, text};
use crate::store::Store;

pub(super) async fn run(global: &Global, args: &PlanArgs) -> Result<ExitCode, CliError> {
    let wanted = request::Wanted::of_version(&args.version)?;
    let session = Session::open(global, Some(&args.region)).await?;
    session.refuse_other_than(&args.meant)?;
    let (id, note) = (session.new_id(), wanted.note.clone());
    let request = wanted.into_request(&session.config, &session.folder, id)?;
    let mut planning = session.plan(&request).await?;
    planning.notes.extend(note);
    let in_the_way = in_the_way(&session).await?;
    let problems = in_the_way.into_iter().chain(no_room(&session.store));
    planning.problems.extend(problems);
    if !planning.problems.is_empty() {
        planning.plan = None;
    }
    let report = report_of(planning, session.clock.now());
    global.story.say(said(&report));
    let shown = match global.output {
        OutputFormat::Text | OutputFormat::Markdown => {
            print(&text(&report), Surface::of_process().stdout_colors(global))
        }
        OutputFormat::Json => print_json(&report),
    };
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(if report.problems.is_empty() {
        ExitCode::Stands
    } else {
        ExitCode::Refused
    })
}

/// A deployment that has to end before this one could begin.
async fn in_the_way(session: &Session) -> Result<Option<Problem>, CliError> {
    match Abandoned::in_the_way(session).await {
        Ok(abandoned) => Ok(abandoned.map(|it| it.problem())),
        Err(error) if error.kind == ErrorKind::Locked => {
            let wait =
                "wait for its end: `bg deploy --wait-lock 10m` does; or abort it: `bg abort`";
            Ok(Some(Problem::new(error.message, wait)))
        }
        Err(error) => Err(error),
    }
}

/// A store that nothing can be written to.
fn no_room(store: &Store) -> Option<Problem> {
    let error = store.may_be_written().err()?;
    let error = CliError::from_error(ErrorKind::Store, &error);
    let message = format!("nothing can be kept of a deployment: {}", error.message);
    Some(Problem::new(message, error.hints.join("; ")))
}

/// What it comes to, for CI.
fn said(report: &PlanReport) -> Said {
    let (outcome, mark, title) = match (report.problems.len(), report.unchanged) {
        (1.., _) => ("refused", Mark::Bad, "bg plan: refused"),
        (0, true) => ("unchanged", Mark::Good, "bg plan: unchanged"),
        (0, false) => ("ready", Mark::Good, "bg plan: ready"),
    };
    Said {
        mark,
        lines: text(report),
        ..Said::well(outcome, title)
    }
}

fn report_of(planning: Planning, now: jiff::Timestamp) -> PlanReport {
    PlanReport {
        now,
        plan: planning.plan,
        unchanged: planning.unchanged,
        changes: planning.changes,
        differences: planning.differences,
        idle_definition: planning.idle_definition,
        groups: planning.groups,
        healthy_after: planning.healthy_after,
        problems: planning.problems,
        warnings: planning.warnings,
        notes: planning.notes,
    }
}
