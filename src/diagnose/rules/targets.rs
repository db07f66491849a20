//! Groups whose targets fail their health check, and how: what the rules on it start from.

use std::time::Duration;

use super::super::evidence::{Evidence, Group};
use super::super::found::Found;
use super::super::recent::{between, has};
use super::super::task::Task;
use crate::deployment::health_check::Failing;

/// A group whose targets fail, with what the newest of them did.
pub(super) struct Ill<'a> {
    pub(super) group: &'a Group,
    pub(super) container: &'a str,
    pub(super) port: u16,
    /// `None` where nobody says how.
    pub(super) failing: Option<Failing>,
    /// The load balancer's words.
    pub(super) words: String,
    pub(super) task: Option<&'a Task>,
}

impl Ill<'_> {
    /// The port that is asked.
    pub(super) fn checked_port(&self) -> u16 {
        let check = self.group.check.as_ref();
        check.and_then(|it| it.port).unwrap_or(self.port)
    }

    pub(super) fn is(&self, failing: impl Fn(&Failing) -> bool) -> bool {
        self.failing.as_ref().is_some_and(failing)
    }

    /// The codes that it answers with, the first of them as a number.
    pub(super) fn answers(&self) -> Option<u16> {
        match &self.failing {
            Some(Failing::Codes(codes)) => codes.split([',', ' ']).next()?.parse().ok(),
            _ => None,
        }
    }

    /// `GET /health on port 8080 answers 503, 200 is wanted`.
    pub(super) fn told(&self) -> String {
        match (&self.failing, &self.group.check) {
            (Some(failing), Some(check)) => check.told(self.port, failing),
            _ => self.words.clone(),
        }
    }

    pub(super) fn lines(&self, evidence: &Evidence) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", self.group.arn.name(), self.told())];
        lines.extend(self.task.map(|task| match task.ran_for() {
            Some(ran) if task.is_stopped() => {
                format!(
                    "task {} was stopped {} s after its start",
                    task.id,
                    ran.as_secs()
                )
            }
            _ => format!("task {} runs", task.id),
        }));
        if let Some(task) = self.task {
            let containers = task
                .containers
                .iter()
                .filter(|it| it.name == self.container);
            lines.extend(containers.flat_map(|it| evidence.tail(task, it)));
        }
        lines
    }

    /// Seconds from a task's start to its being stopped, as the settings have it.
    pub(super) fn patience(&self, evidence: &Evidence) -> Duration {
        let grace = evidence
            .service
            .as_ref()
            .map_or(Duration::ZERO, |it| it.grace);
        grace.max(self.group.interval * self.group.unhealthy_after)
    }
}

/// What the load balancer says, as a way of failing.
fn failing(reason: &str, words: &str) -> Option<Failing> {
    if let Some(codes) = between(words, "codes: [", &[']']) {
        return Some(Failing::Codes(codes.to_owned()));
    }
    match reason {
        "Target.Timeout" => Some(Failing::Timeout),
        "Target.FailedHealthChecks" => Some(Failing::NoAnswer),
        // Its own trouble says nothing of the target.
        "Elb.InternalError" => None,
        _ if has(words, &["request timed out"]) => Some(Failing::Timeout),
        _ if has(words, &["health checks failed"]) => Some(Failing::NoAnswer),
        _ => None,
    }
}

/// Each group with failing targets. What targets show now counts more than what was.
fn ills(evidence: &Evidence) -> Vec<Ill<'_>> {
    let groups = evidence.groups.iter();
    groups.filter_map(|group| ill(evidence, group)).collect()
}

fn ill<'a>(evidence: &'a Evidence, group: &'a Group) -> Option<Ill<'a>> {
    let registrations = evidence.service.iter().flat_map(|it| &it.registrations);
    let own = registrations.into_iter().find(|it| it.group == group.arn);
    let (container, port) = own.map_or(("", 0), |it| (it.container.as_str(), it.port));
    let failed = evidence.failed_tasks().into_iter().find(|task| {
        task.failed_target_health() && task.stopped_reason.contains(group.arn.as_str())
    });
    let of = |failing, words: &str, task| {
        Some(Ill {
            group,
            container,
            port,
            failing,
            words: words.to_owned(),
            task,
        })
    };
    let ill = ["unhealthy", "unhealthy.draining"];
    let mut targets = ill.iter().flat_map(|state| group.in_state(state));
    if let Some(target) = targets.next() {
        let of_target = |task: &&Task| task.address.as_deref() == Some(target.id.as_str());
        let running = evidence.running().find(of_target);
        let words = &target.description;
        let failing = failing(&target.reason, words);
        let answers = matches!(failing, Some(Failing::Codes(_)));
        let starts = running.is_some_and(|task| is_in_grace(evidence, task));
        if failed.is_some() || answers || !starts {
            return of(failing, words, failed.or(running));
        }
    }
    let mut events = evidence.recent_events().into_iter();
    let said = events.find(|event| {
        event.text.contains("is unhealthy in") && event.text.contains(group.arn.as_str())
    });
    if let Some(event) = said {
        let words = between(&event.text, "due to (reason ", &[')']).unwrap_or(&event.text);
        // `codes: [503]` loses nothing, and `[503])` its bracket only.
        return of(failing("", words), words, failed);
    }
    let task = failed?;
    of(None, &task.stopped_reason, Some(task))
}

/// Whether a task's target health isn't judged yet.
fn is_in_grace(evidence: &Evidence, task: &Task) -> bool {
    let grace = evidence
        .service
        .as_ref()
        .map_or(Duration::ZERO, |it| it.grace);
    let age = task.started_at.map(|at| evidence.now.duration_since(at));
    age.and_then(|age| Duration::try_from(age).ok())
        .is_some_and(|age| age < grace)
}

/// The findings of those groups that `look` has something to say about.
pub(super) fn each<'a>(
    evidence: &'a Evidence,
    look: impl Fn(&Ill<'a>) -> Option<Found>,
) -> Vec<Found> {
    ills(evidence).iter().filter_map(look).collect()
}

pub(super) fn modify(ill: &Ill<'_>, change: &str) -> String {
    format!(
        "aws elbv2 modify-target-group --target-group-arn {} {change}",
        ill.group.arn
    )
}
