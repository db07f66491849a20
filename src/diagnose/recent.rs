//! What of the evidence is about the present trouble: ECS shows stopped tasks for an hour and a
//! hundred events, and most of them are of times that are over.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::definition::{Container, Definition};
use super::evidence::{Evidence, LogLine, LogRead, ServiceEvent};
use super::task::{Task, TaskContainer};

/// How long a failure matters of a service that is well now.
const FRESH: SignedDuration = SignedDuration::from_mins(15);
/// As long as ECS shows stopped tasks.
const VISIBLE: SignedDuration = SignedDuration::from_hours(1);
/// How many failed tasks' logs are worth reading, and how many running ones'.
const FAILED_READ: usize = 4;
const RUNNING_READ: usize = 2;
/// How many log lines go with a finding.
const LOG_LINES: usize = 5;
/// Words of programs that are up.
const READY: [&str; 12] = [
    "listening",
    "started in",
    "server started",
    "started server",
    "ready to accept",
    "accepting connections",
    "running on",
    "now serving",
    "startup complete",
    "ready in",
    "up and running",
    "ready for connections",
];

/// Something that ECS says, with who it is about.
#[derive(Debug, Clone)]
pub(super) struct Saying<'a> {
    /// ECS's words.
    pub(super) text: &'a str,
    /// When.
    pub(super) at: Option<Timestamp>,
    /// About which task.
    pub(super) task: Option<&'a Task>,
}

/// The first of the sayings that a rule is about, and how many tasks say the same.
#[derive(Debug, Clone)]
pub(super) struct Said<'a> {
    /// The newest.
    pub(super) first: Saying<'a>,
    /// How many tasks.
    pub(super) tasks: usize,
}

impl Said<'_> {
    /// ECS's words.
    pub(super) fn text(&self) -> &str {
        self.first.text
    }

    /// As lines of evidence.
    pub(super) fn lines(&self) -> Vec<String> {
        let at = self.first.at.map(|at| format!(" at {}", clock(at)));
        let at = at.unwrap_or_default();
        let who = match self.first.task {
            Some(task) => format!("task {}{at}", task.id),
            None => format!("ECS{at}"),
        };
        let mut lines = vec![format!("{who}: {}", self.first.text)];
        if self.tasks > 1 {
            lines.push(format!("{} tasks failed in this way", self.tasks));
        }
        lines
    }
}

/// `07:14:05`, in UTC.
pub(super) fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// As `aws logs tail --since` takes it.
pub(super) fn written(at: Timestamp) -> String {
    at.strftime("%FT%TZ").to_string()
}

/// Whether `text` has one of `words`, whatever the case.
pub(super) fn has(text: &str, words: &[&str]) -> bool {
    let text = text.to_lowercase();
    words.iter().any(|word| text.contains(&word.to_lowercase()))
}

/// What stands between two marks of a text.
pub(super) fn between<'a>(text: &'a str, from: &str, to: &[char]) -> Option<&'a str> {
    let (_, rest) = text.split_once(from)?;
    let end = rest.find(to).unwrap_or(rest.len());
    Some(rest[..end].trim()).filter(|found| !found.is_empty())
}

impl Evidence {
    /// Whether the service has what it asks for: tasks, one finished deployment, healthy targets.
    pub(super) fn is_well(&self) -> bool {
        let Some(service) = &self.service else {
            return false;
        };
        let rolled_out = service.deployments.len() <= 1
            && service.primary().is_none_or(|it| it.rollout != "FAILED");
        let groups_are_well = self.groups.iter().all(|group| {
            // `unavailable` is a target whose health nobody checks.
            let ill = ["unhealthy", "unhealthy.draining", "unused"];
            let ill = ill
                .iter()
                .any(|state| group.in_state(state).next().is_some());
            group.exists != Some(false) && !ill
        });
        service.status == "ACTIVE"
            && service.running == service.desired
            && service.pending == 0
            && rolled_out
            && groups_are_well
            && self.running().all(|task| task.health != "UNHEALTHY")
    }

    /// The tasks whose logs explain the most: the newest that failed, and those that run and
    /// don't pass a health check; all that run where the service is suspected.
    pub fn tasks_to_read(&self) -> Vec<&Task> {
        let ill: Vec<&str> = self
            .groups
            .iter()
            .flat_map(|group| group.in_state("unhealthy"))
            .map(|target| target.id.as_str())
            .collect();
        let of_ill = |task: &Task| task.address.as_deref().is_some_and(|it| ill.contains(&it));
        let failed = self.failed_tasks().into_iter().take(FAILED_READ);
        let running = self.running();
        let suspected = self.suspected_since.is_some();
        let running =
            running.filter(|task| suspected || task.health == "UNHEALTHY" || of_ill(task));
        failed.chain(running.take(RUNNING_READ)).collect()
    }

    /// The definition's containers.
    pub(super) fn containers(&self) -> impl Iterator<Item = Container<'_>> {
        self.definition.iter().flat_map(Definition::containers)
    }

    /// Tasks that run and are to.
    pub(super) fn running(&self) -> impl Iterator<Item = &Task> {
        let tasks = self.tasks.iter();
        tasks.filter(|task| !task.is_stopped() && task.last_status == "RUNNING")
    }

    /// When the deployment was rolled back that was tried last, if it was within the hour.
    pub(super) fn rolled_back_at(&self) -> Option<Timestamp> {
        let service = self.service.as_ref()?;
        let rolled_back = |event: &&ServiceEvent| event.text.contains("rolling back to");
        let event = service.events.iter().find(rolled_back)?;
        let newer = service.primary().and_then(|it| it.created_at);
        let is_present = newer.is_none_or(|created| created <= event.at);
        (is_present && self.now.duration_since(event.at) < VISIBLE).then_some(event.at)
    }

    /// The failed tasks that explain the present trouble, the newest first.
    pub(super) fn failed_tasks(&self) -> Vec<&Task> {
        let failed = self.tasks.iter().filter(|task| task.has_failed());
        if let Some(asked) = &self.asked_task {
            return failed.filter(|task| task.id == *asked).collect();
        }
        let Some(service) = &self.service else {
            return failed.collect();
        };
        let age = |task: &&Task| task.ended_at().map(|at| self.now.duration_since(at));
        let failed = failed.filter(|task| age(task).is_none_or(|age| age < VISIBLE));
        let primary = service.primary().map_or("", |it| it.definition.as_str());
        let of_primary = |task: &&Task| {
            let of = task.definition.as_ref().map_or("", |it| it.as_str());
            of.is_empty() || of == primary
        };
        if self.rolled_back_at().is_some() {
            return failed.filter(|task| !of_primary(task)).collect();
        }
        let failed: Vec<&Task> = failed.collect();
        let own: Vec<&Task> = failed.iter().copied().filter(of_primary).collect();
        if self.is_well() {
            let fresh = |task: &&Task| age(task).is_none_or(|age| age < FRESH);
            return own.into_iter().filter(fresh).collect();
        }
        if !own.is_empty() {
            return own;
        }
        // What failed before the present version was tried is that one's trouble no more.
        let began = service.primary().and_then(|it| it.created_at);
        let since = |task: &&Task| began.is_none_or(|began| task.ended_at() >= Some(began));
        failed.into_iter().filter(since).collect()
    }

    /// The events that are about the present trouble, the newest first.
    pub(super) fn recent_events(&self) -> Vec<&ServiceEvent> {
        let Some(service) = &self.service else {
            return Vec::new();
        };
        let steady = |event: &&ServiceEvent| event.text.contains("has reached a steady state");
        let steady = service.events.iter().find(steady).map(|event| event.at);
        let began = service.primary().and_then(|it| it.created_at);
        let mut since = steady.max(began).unwrap_or(Timestamp::MIN);
        if self.rolled_back_at().is_some() {
            since = self.now - VISIBLE;
        }
        if self.is_well() {
            since = since.max(self.now - FRESH);
        }
        let events = service.events.iter();
        events.filter(|event| event.at >= since).collect()
    }

    /// Everything that ECS says of the present trouble: of tasks first, the newest first.
    pub(super) fn sayings(&self) -> Vec<Saying<'_>> {
        let mut sayings = Vec::new();
        for task in self.failed_tasks() {
            let reasons = task.containers.iter().map(|it| it.reason.as_str());
            let reasons = reasons.chain([task.stopped_reason.as_str()]);
            sayings.extend(reasons.filter(|text| !text.is_empty()).map(|text| Saying {
                text,
                at: task.ended_at(),
                task: Some(task),
            }));
        }
        sayings.extend(self.recent_events().into_iter().map(|event| Saying {
            text: &event.text,
            at: Some(event.at),
            task: None,
        }));
        let primary = self.service.as_ref().and_then(|it| it.primary());
        sayings.extend(primary.map(|deployment| Saying {
            text: &deployment.reason,
            at: None,
            task: None,
        }));
        sayings
    }

    /// The newest saying that `is` about something.
    pub(super) fn said(&self, is: impl Fn(&str) -> bool) -> Option<Said<'_>> {
        let mut said = self.sayings();
        said.retain(|saying| is(saying.text));
        let mut tasks: Vec<&str> = said
            .iter()
            .filter_map(|it| Some(it.task?.id.as_str()))
            .collect();
        tasks.dedup();
        Some(Said {
            tasks: tasks.len(),
            first: said.into_iter().next()?,
        })
    }

    /// The log lines of a task's container, or of all of them.
    pub(super) fn lines_of<'a>(
        &'a self,
        task: &'a str,
        container: Option<&'a str>,
    ) -> impl Iterator<Item = &'a LogLine> {
        let tails = self.logs.iter().filter(move |tail| {
            tail.task == task && container.is_none_or(|name| name == tail.container)
        });
        tails.flat_map(|tail| match &tail.read {
            LogRead::Lines(lines) => lines.as_slice(),
            _ => &[],
        })
    }

    /// The last log lines of a task's container as evidence, or where they are.
    pub(super) fn tail(&self, task: &Task, container: &TaskContainer) -> Vec<String> {
        let name = &container.name;
        let tail = self.logs.iter();
        let mut tail = tail.filter(|tail| tail.task == task.id && tail.container == *name);
        match tail.next().map(|tail| &tail.read) {
            None => Vec::new(),
            Some(LogRead::Lines(lines)) if lines.is_empty() => {
                vec![format!("container {name} logged nothing")]
            }
            Some(LogRead::Lines(lines)) => lines
                .iter()
                .skip(lines.len().saturating_sub(LOG_LINES))
                .map(|line| format!("{name}: {}", line.text))
                .collect(),
            Some(LogRead::Elsewhere(driver)) => vec![format!(
                "container {name} logs by the driver {driver}, which bg can't read: look there for \
                 task {}",
                task.id
            )],
            Some(LogRead::Nowhere) => vec![format!(
                "container {name} has no log driver: what it said is lost (set logConfiguration)"
            )],
        }
    }

    /// How long after its start a task's program said that it is up.
    pub(super) fn ready_after(&self, task: &Task) -> Option<Duration> {
        let started = task.started_at?;
        let mut lines = self.lines_of(&task.id, None);
        let ready = lines.find(|line| has(&line.text, &READY))?;
        ready.at?.duration_since(started).try_into().ok()
    }

    /// The service's name for a command line.
    pub(super) fn service_name(&self) -> &str {
        self.service.as_ref().map_or("SERVICE", |it| &it.name)
    }

    /// `aws ecs update-service` with what is to change.
    pub(super) fn update_service(&self, change: &str) -> String {
        let (cluster, service) = (&self.cluster, self.service_name());
        format!("aws ecs update-service --cluster {cluster} --service {service} {change}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{healthy, stopped};
    use super::*;

    #[test]
    fn a_service_that_is_well_is_not_blamed_for_what_is_over() {
        let mut evidence = healthy();
        let mut task = stopped(
            "EssentialContainerExited",
            "Essential container in task exited",
        );
        task.stopping_at = Some(evidence.now - SignedDuration::from_mins(40));
        task.stopped_at = task.stopping_at;
        evidence.tasks.push(task.clone());
        assert!(evidence.is_well());
        assert_eq!(evidence.failed_tasks().len(), 0);
        task.stopping_at = Some(evidence.now - SignedDuration::from_mins(4));
        evidence.tasks.push(task);
        assert_eq!(evidence.failed_tasks().len(), 1);
    }

    #[test]
    fn tasks_of_an_earlier_version_explain_a_rollback() {
        let mut evidence = healthy();
        let mut task = stopped(
            "EssentialContainerExited",
            "Essential container in task exited",
        );
        task.definition = Some(crate::deployment::ids::TaskDefinitionArn::new("other:9"));
        evidence.tasks.push(task);
        assert_eq!(evidence.failed_tasks().len(), 0);
        let at = evidence.now - SignedDuration::from_mins(3);
        let text = "(service shop) rolling back to deployment ecs-svc/1.".to_owned();
        let service = evidence.service.as_mut().unwrap();
        service.events.insert(0, ServiceEvent { at, text });
        assert_eq!(evidence.failed_tasks().len(), 1);
    }

    #[test]
    fn a_ready_line_tells_how_long_the_start_took() {
        let mut evidence = healthy();
        let task = evidence.tasks[0].clone();
        let at = task.started_at.unwrap() + SignedDuration::from_secs(95);
        evidence
            .logs
            .push(super::super::testing::tail(&task, at, "Listening on :8080"));
        assert_eq!(evidence.ready_after(&task), Some(Duration::from_secs(95)));
    }
}
