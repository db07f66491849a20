//! `bg tasks`

use crate::cli::args::{Global, OutputFormat};
use crate::cli::display::{print, print_json};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::cli::terminal::Surface;
use crate::deployment::ids::SlotName;
use crate::diagnose::Task;
use crate::report::status::StatusReport;
use crate::report::tasks::{SlotTasks, TaskRow, TasksReport, text};

pub(super) async fn run(global: &Global) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    let situation = Situation::look(&session).await?;
    if let Some(problem) = situation.traffic().mixed_up() {
        note!("Warning: {problem}");
    }
    let status = situation.report(&session).await;
    let (a, b) = tokio::join!(
        of_slot(&session, &situation, &status, SlotName::A),
        of_slot(&session, &situation, &status, SlotName::B),
    );
    let report = TasksReport {
        at: session.clock.now(),
        service: session.service(),
        cluster: session.cluster(),
        slots: vec![a, b],
    };
    let shown = match global.output {
        OutputFormat::Json => print_json(&report),
        OutputFormat::Text | OutputFormat::Markdown => {
            print(&text(&report), Surface::of_process().stdout_colors(global))
        }
    };
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}

async fn of_slot(
    session: &Session,
    situation: &Situation,
    status: &StatusReport,
    slot: SlotName,
) -> SlotTasks {
    let service = request::slots(&session.config)[slot].service.clone();
    let (tasks, trouble) = session.cloud.tasks(&session.cluster(), &service).await;
    let ports = situation.ports(slot);
    // Running ones first; each kind comes the newest first.
    let (stopped, running): (Vec<&Task>, Vec<&Task>) = tasks.iter().partition(|it| it.is_stopped());
    let rows = running.into_iter().chain(stopped);
    SlotTasks {
        slot,
        role: status.role(slot),
        service,
        tasks: rows.map(|task| row(task, situation, &ports)).collect(),
        trouble: trouble.map(|error| error.to_string()),
    }
}

/// `ports` are those that the service registers, by its containers.
fn row(task: &Task, situation: &Situation, ports: &[u16]) -> TaskRow {
    let bound: Vec<u16> = task
        .containers
        .iter()
        .flat_map(|it| it.ports.clone())
        .collect();
    TaskRow {
        task: task.id.clone(),
        task_definition: task.definition.clone(),
        status: task.last_status.clone(),
        health: task.health.clone(),
        created_at: task.created_at,
        started_at: task.started_at,
        address: task.address.clone(),
        ports: if bound.is_empty() {
            ports.to_vec()
        } else {
            bound
        },
        zone: task.zone.clone(),
        stopped_at: task.ended_at(),
        stopped_reason: task.is_stopped().then(|| why(task, situation)),
    }
}

/// ECS's words, and what the container that ended it says.
fn why(task: &Task, situation: &Situation) -> String {
    let definition = task.definition.as_ref();
    let definition = definition.and_then(|arn| situation.described(arn));
    let container = task.culprit(definition.as_ref()).and_then(|it| {
        let code = it.exit_code.map(|code| format!("exit code {code}"));
        let reason = Some(it.reason.clone()).filter(|text| !text.is_empty());
        let said: Vec<String> = code.into_iter().chain(reason).collect();
        (!said.is_empty()).then(|| format!(" ({}: {})", it.name, said.join(", ")))
    });
    format!("{}{}", task.stopped_reason, container.unwrap_or_default())
}
