//! What a service as a whole shows: symptoms, each of which has its cause further up.

use jiff::{SignedDuration, Timestamp};

use super::super::evidence::{Evidence, Service};
use super::super::found::{Found, Rule};
use super::super::recent::{clock, has};

/// How long a service may lack tasks before that is news.
const STARTS_WITHIN: SignedDuration = SignedDuration::from_mins(5);

pub(super) const RULES: &[Rule] = &[
    Rule::shown("service-deleted", deleted),
    Rule::follows("rolled-back", rolled_back),
    Rule::follows("cannot-start-consistently", inconsistent),
    Rule::follows("tasks-missing", tasks_missing),
    Rule::follows("traffic-to-nobody", super::load_balancer::traffic_to_nobody),
];

fn deleted(evidence: &Evidence) -> Vec<Found> {
    let service = evidence.service.as_ref().filter(|it| it.status != "ACTIVE");
    let found = service.map(|service| {
        Found::new(format!("the service is {}: it was deleted", service.status))
            .shown_by([format!("{} of its tasks still run", service.running)])
            .because("somebody deleted it")
            .mended_by("create it again once it is INACTIVE")
    });
    found.into_iter().collect()
}

fn rolled_back(evidence: &Evidence) -> Vec<Found> {
    let failed = evidence.service.as_ref().and_then(|it| it.primary());
    let failed = failed.filter(|it| it.rollout == "FAILED");
    let at = evidence.rolled_back_at();
    if failed.is_none() && at.is_none() {
        return Vec::new();
    }
    let what = match at {
        Some(at) => format!("ECS rolled the last deployment back at {}", clock(at)),
        None => "ECS gave the deployment up".to_owned(),
    };
    let found = Found::new(what)
        .shown_by(failed.map(|it| it.reason.clone()))
        .because("too many of its tasks failed (deployment circuit breaker)")
        .mended_by("mend what stopped them, and deploy again");
    vec![found]
}

fn inconsistent(evidence: &Evidence) -> Vec<Found> {
    let said = evidence.said(|text| has(text, &["unable to consistently start tasks"]));
    let found = said.map(|said| {
        Found::new("ECS tries less and less often to start tasks")
            .shown_by(said.lines())
            .because("several in a row failed: it waits up to 27 minutes between two tries")
            .mended_by("after mending the cause: a new deployment begins at once, without the wait")
    });
    found.into_iter().collect()
}

/// Since when the service may lack something: its last steady state, or its deployment's begin.
fn unsteady_since(service: &Service) -> Option<Timestamp> {
    let mut events = service.events.iter();
    let steady = events.find(|it| has(&it.text, &["has reached a steady state"]));
    let began = service.primary().and_then(|it| it.created_at);
    steady.map(|it| it.at).max(began).or(service.created_at)
}

/// Whether the service had time enough to get what it lacks.
pub(super) fn had_time(evidence: &Evidence, service: &Service) -> bool {
    let since = unsteady_since(service);
    since.is_none_or(|at| evidence.now.duration_since(at) > STARTS_WITHIN)
}

/// Tasks that somebody stopped since the service last had what it asks for.
fn stopped_by_hand(evidence: &Evidence) -> usize {
    let since = evidence.service.as_ref().and_then(unsteady_since);
    let tasks = evidence.tasks.iter();
    let by_hand = tasks.filter(|it| it.stop_code == "UserInitiated" && it.ended_at() >= since);
    by_hand.count()
}

fn tasks_missing(evidence: &Evidence) -> Vec<Found> {
    let service = evidence.service.as_ref();
    let Some(service) = service.filter(|it| it.status == "ACTIVE" && it.running < it.desired)
    else {
        return Vec::new();
    };
    if !had_time(evidence, service) {
        return Vec::new();
    }
    let since = unsteady_since(service);
    let failed = evidence.failed_tasks().len();
    let stopped = stopped_by_hand(evidence);
    let by_hand = match stopped {
        0 => String::new(),
        count => format!(", {count} were stopped by hand (StopTask)"),
    };
    let cause = match (failed, stopped) {
        (0, 0) => "ECS hasn't started them: its events say why, if anything does",
        (0, _) => "somebody or something stopped them, and ECS hasn't started others yet",
        _ => "they fail",
    };
    let since = since.map_or_else(String::new, |at| {
        format!(" since {} at the latest", clock(at))
    });
    let found = Found::new(format!(
        "{} of {} run{since}",
        service.running,
        match service.desired {
            1 => "1 task".to_owned(),
            desired => format!("{desired} tasks"),
        }
    ))
    .shown_by([format!(
        "{} start now, {failed} failed within the hour{by_hand}",
        service.pending
    )])
    .because(cause)
    .mended_by(format!(
        "read ECS's events: aws ecs describe-services --cluster {} --services {} --query \
         'services[0].events[:10]'",
        evidence.cluster, service.name
    ));
    vec![found]
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{first, healthy, stopped, told};
    use super::super::super::{ServiceEvent, diagnose};
    use super::*;

    #[test]
    fn symptoms_are_told_where_nothing_explains_them() {
        let mut evidence = healthy();
        evidence.service.as_mut().unwrap().running = 0;
        evidence.tasks.clear();
        let found = diagnose(&evidence).remove(0);
        assert_eq!(found.rule, "tasks-missing");
        assert!(
            found.cause.starts_with("ECS hasn't started them"),
            "{found:?}"
        );
        evidence.tasks = vec![stopped("UserInitiated", "Task stopped by user"); 2];
        let found = diagnose(&evidence).remove(0);
        assert_eq!(found.rule, "tasks-missing");
        let counts = "0 start now, 0 failed within the hour, 2 were stopped by hand (StopTask)";
        assert_eq!(found.evidence, [counts]);
        assert!(found.cause.contains("stopped them"), "{found:?}");
        let text = "is unable to consistently start tasks successfully.";
        assert_eq!(first(&told(text)), "cannot-start-consistently");
        let mut evidence = healthy();
        evidence.service.as_mut().unwrap().status = "DRAINING".to_owned();
        assert_eq!(first(&evidence), "service-deleted");
    }

    #[test]
    fn a_rollback_is_told_for_an_hour() {
        let mut evidence = healthy();
        let text = "(service shop) rolling back to deployment ecs-svc/1.".to_owned();
        let at = evidence.now - SignedDuration::from_mins(5);
        let service = evidence.service.as_mut().unwrap();
        service.events.insert(0, ServiceEvent { at, text });
        assert_eq!(first(&evidence), "rolled-back");
        let service = evidence.service.as_mut().unwrap();
        service.deployments[0].created_at = Some(evidence.now);
        assert_eq!(diagnose(&evidence), [], "a later deployment settled it");
    }

    #[test]
    fn a_service_that_only_begins_is_left_alone() {
        let mut evidence = healthy();
        let service = evidence.service.as_mut().unwrap();
        service.running = 0;
        service.pending = 1;
        service.events.clear();
        service.deployments[0].created_at = Some(evidence.now - SignedDuration::from_mins(1));
        service.deployments[0].rollout = "IN_PROGRESS".to_owned();
        evidence.tasks.clear();
        evidence.groups[0].forwards = Some(Vec::new());
        assert_eq!(diagnose(&evidence), []);
    }
}
