//! Both slots' tasks.

use jiff::Timestamp;
use serde::Serialize;

use super::line::{StyledLine, Tone};
use super::words;
use crate::deployment::ids::{
    ClusterName, EcsServiceName, ServiceName, SlotName, TaskDefinitionArn,
};

/// Of an id, so many digits tell tasks apart.
const ID: usize = 12;

/// The document of `bg tasks --output json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TasksReport {
    /// When it was seen.
    pub at: Timestamp,
    /// The logical service.
    pub service: ServiceName,
    /// Its cluster.
    pub cluster: ClusterName,
    /// Slot a's and slot b's.
    pub slots: Vec<SlotTasks>,
}

/// A slot's tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SlotTasks {
    /// `a` or `b`.
    pub slot: SlotName,
    /// `blue` and `green` while a deployment is under way, else `live` and `idle`, or `other`
    /// where both have traffic; null where the routes don't say.
    pub role: Option<&'static str>,
    /// Its ECS service.
    pub service: EcsServiceName,
    /// Running ones and those that stopped in the last hour, each kind the newest first.
    pub tasks: Vec<TaskRow>,
    /// Why some are missing here; null where none is.
    pub trouble: Option<String>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskRow {
    /// Its id.
    pub task: String,
    /// What it runs.
    pub task_definition: Option<TaskDefinitionArn>,
    /// As ECS says it: `PENDING`, `RUNNING`, `STOPPED` …
    pub status: String,
    /// By its containers' own checks: `HEALTHY`, `UNHEALTHY`, `UNKNOWN` where there are none.
    pub health: String,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it reached RUNNING.
    pub started_at: Option<Timestamp>,
    /// Its own address; null where it has its host's.
    pub address: Option<String>,
    /// Where it takes requests: its host's ports where it has the host's address.
    pub ports: Vec<u16>,
    /// Its availability zone.
    pub zone: String,
    /// When it ended or was told to.
    pub stopped_at: Option<Timestamp>,
    /// Why it ended; null while it is to run.
    pub stopped_reason: Option<String>,
}

/// For people.
pub fn text(report: &TasksReport) -> Vec<StyledLine> {
    let head = StyledLine::of(Tone::Strong, report.service.as_str())
        .plain(format!(" in cluster {}", report.cluster))
        .with(Tone::Dim, format!(", {} UTC", words::clock(report.at)));
    let slots = report
        .slots
        .iter()
        .flat_map(|slot| of_slot(slot, report.at));
    std::iter::once(head).chain(slots).collect()
}

fn of_slot(slot: &SlotTasks, now: Timestamp) -> Vec<StyledLine> {
    let tone = match slot.role {
        Some("live" | "blue") => Tone::Strong,
        _ => Tone::Dim,
    };
    let head = StyledLine::new()
        .plain("  ")
        .with(tone, slot.role.unwrap_or("?"))
        .to_column(9)
        .plain(format!("slot {}, service {}", slot.slot, slot.service));
    let mut lines = vec![match slot.tasks.is_empty() && slot.trouble.is_none() {
        true => head.plain(": no tasks"),
        false => head,
    }];
    lines.extend(slot.tasks.iter().map(|task| line(task, now)));
    let trouble = slot.trouble.iter();
    lines.extend(trouble.map(|why| StyledLine::of(Tone::Warn, format!("    not all: {why}"))));
    lines
}

fn line(task: &TaskRow, now: Timestamp) -> StyledLine {
    let id: String = task.task.chars().take(ID).collect();
    let revision = task.task_definition.as_ref().map_or("?", |it| it.short());
    let line = StyledLine::new()
        .plain(format!("    {id}  {revision}"))
        .to_column(32)
        .with(tone(task), &task.status)
        .to_column(46);
    let ago = |at: Timestamp| words::length(words::between(at, now));
    if let Some(reason) = &task.stopped_reason {
        let when = task
            .stopped_at
            .map_or_else(String::new, |at| format!("{} ago: ", ago(at)));
        return line.plain(format!("{when}{reason}"));
    }
    let health = match task.health.as_str() {
        "HEALTHY" => ", healthy",
        "UNHEALTHY" => ", unhealthy",
        _ => "",
    };
    let since = task
        .started_at
        .or(task.created_at)
        .map_or_else(String::new, ago);
    line.plain(format!("{since}{health}"))
        .to_column(66)
        .with(Tone::Dim, format!("{}  {}", place(task), task.zone))
}

fn tone(task: &TaskRow) -> Tone {
    match (task.status.as_str(), task.health.as_str()) {
        (_, "UNHEALTHY") => Tone::Bad,
        ("RUNNING", _) => Tone::Good,
        ("STOPPED", _) => Tone::Dim,
        _ => Tone::Busy,
    }
}

/// `10.0.1.5:8080`, or `:32768` on its host's address.
fn place(task: &TaskRow) -> String {
    let ports: Vec<String> = task.ports.iter().map(ToString::to_string).collect();
    let address = task.address.as_deref().unwrap_or_default();
    match ports.is_empty() {
        true => address.to_owned(),
        false => format!("{address}:{}", ports.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_603_600 + second).unwrap()
    }

    fn task(status: &str) -> TaskRow {
        TaskRow {
            task: "0a1b2c3d4e5f60718293a4b5c6d7e8f9".to_owned(),
            task_definition: Some(TaskDefinitionArn::new(
                "arn:aws:ecs:x:1:task-definition/shop:7",
            )),
            status: status.to_owned(),
            health: "UNKNOWN".to_owned(),
            created_at: Some(at(0)),
            started_at: Some(at(30)),
            address: Some("10.0.1.5".to_owned()),
            ports: vec![8080],
            zone: "eu-west-1a".to_owned(),
            stopped_at: None,
            stopped_reason: None,
        }
    }

    #[test]
    fn each_task_is_a_line_below_its_slot() {
        let stopped = TaskRow {
            stopped_at: Some(at(90)),
            stopped_reason: Some(
                "Essential container in task exited (app: exit code 137)".to_owned(),
            ),
            ..task("STOPPED")
        };
        let slot = |slot, role, tasks| SlotTasks {
            slot,
            role: Some(role),
            service: EcsServiceName::new("shop"),
            tasks,
            trouble: None,
        };
        let report = TasksReport {
            at: at(150),
            service: ServiceName::new("shop"),
            cluster: ClusterName::new("demo"),
            slots: vec![
                slot(SlotName::A, "live", vec![task("RUNNING"), stopped]),
                slot(SlotName::B, "idle", Vec::new()),
            ],
        };
        let lines = text(&report);
        let lines: Vec<String> = lines
            .iter()
            .map(|line| line.spans().iter().map(|span| span.text.as_str()).collect())
            .collect();
        assert_eq!(
            lines,
            [
                "shop in cluster demo, 09:02:30 UTC",
                "  live   slot a, service shop",
                "    0a1b2c3d4e5f  shop:7        RUNNING       2m                  10.0.1.5:8080  eu-west-1a",
                "    0a1b2c3d4e5f  shop:7        STOPPED       1m ago: Essential container in task exited (app: exit code 137)",
                "  idle   slot b, service shop: no tasks",
            ]
        );
    }
}
