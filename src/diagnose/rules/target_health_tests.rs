use jiff::SignedDuration;

use super::super::super::testing::{GROUP, first, healthy, tail, with_stopped};
use super::super::super::{Evidence, ServiceEvent, diagnose};
use super::*;

/// A target that fails like this.
fn unhealthy(reason: &str, words: &str) -> Evidence {
    let mut evidence = healthy();
    let target = &mut evidence.groups[0].targets.as_mut().unwrap()[0];
    target.state = "unhealthy".to_owned();
    target.reason = reason.to_owned();
    target.description = words.to_owned();
    evidence
}

fn answering(code: &str) -> Evidence {
    let words = format!("Health checks failed with these codes: [{code}]");
    unhealthy("Target.ResponseCodeMismatch", &words)
}

/// Tasks that ECS stops for their target health, and what the log says some seconds after a start.
fn stopped_after(seconds: i64, log: Option<(i64, &str)>) -> Evidence {
    let reason = format!("Task failed ELB health checks in (target-group {GROUP})");
    let mut evidence = with_stopped("ServiceSchedulerInitiated", &reason);
    let task = &mut evidence.tasks[0];
    let started = task.stopping_at.unwrap() - SignedDuration::from_secs(seconds);
    task.started_at = Some(started);
    let task = task.clone();
    if let Some((after, line)) = log {
        let at = started + SignedDuration::from_secs(after);
        evidence.logs.push(tail(&task, at, line));
    }
    let text = format!(
        "(service shop) (port 8080) is unhealthy in (target-group {GROUP}) due to (reason Health \
         checks failed)."
    );
    let at = evidence.now;
    let service = evidence.service.as_mut().unwrap();
    service.events.insert(0, ServiceEvent { at, text });
    evidence
}

#[test]
fn codes_are_told_by_what_they_mean() {
    for (code, rule) in [
        ("404", "health-check-path"),
        ("301", "health-check-redirect"),
        ("403", "health-check-auth"),
        ("500", "health-check-error"),
        ("503", "health-check-error"),
        ("204", "health-check-code"),
    ] {
        assert_eq!(first(&answering(code)), rule, "{code}");
    }
    let found = diagnose(&answering("404")).remove(0);
    let told = "shop-a: GET /health on port 8080 answers 404, 200 is wanted";
    assert_eq!(found.evidence[0], told);
}

#[test]
fn an_event_s_words_do_where_the_target_is_gone() {
    let mut evidence = stopped_after(60, None);
    let service = evidence.service.as_mut().unwrap();
    let text = &mut service.events[0].text;
    *text = text.replace(
        "Health checks failed",
        "Health checks failed with these codes: [500]",
    );
    assert_eq!(first(&evidence), "health-check-error");
}

#[test]
fn no_answer_is_told_apart_from_no_answer_in_time() {
    let timeout = unhealthy("Target.Timeout", "Request timed out");
    let found = diagnose(&timeout).remove(0);
    assert_eq!(found.rule, "target-timeout");
    assert!(found.fix.contains("TCP 8080"), "{found:?}");
    let refused = unhealthy("Target.FailedHealthChecks", "Health checks failed");
    assert_eq!(first(&refused), "not-listening");
}

#[test]
fn a_check_port_that_nothing_publishes_is_told() {
    let mut evidence = unhealthy("Target.FailedHealthChecks", "Health checks failed");
    evidence.groups[0].check.as_mut().unwrap().port = Some(9000);
    assert_eq!(first(&evidence), "health-check-port");
}

#[test]
fn a_start_that_takes_longer_than_it_is_given_comes_with_the_figure_to_set() {
    let found = diagnose(&stopped_after(70, Some((95, "listening on :8080")))).remove(0);
    assert_eq!(found.rule, "slow-start");
    assert_eq!(
        found.what,
        "tasks take 95 s to start, and are stopped after 70 s"
    );
    assert!(
        found
            .fix
            .contains("--health-check-grace-period-seconds 150"),
        "{found:?}"
    );
    let in_time = stopped_after(70, Some((3, "listening on :8080")));
    assert_eq!(first(&in_time), "not-listening");
}

#[test]
fn a_task_in_its_grace_period_is_left_alone_until_it_answers() {
    let refused = || unhealthy("Target.FailedHealthChecks", "Health checks failed");
    let mut evidence = refused();
    let address = evidence.groups[0].targets.as_ref().unwrap()[0].id.clone();
    evidence.tasks[0].address = Some(address.clone());
    assert_eq!(first(&evidence), "not-listening");
    evidence.tasks[0].started_at = Some(evidence.now - SignedDuration::from_secs(20));
    assert_eq!(diagnose(&evidence), []);
    let mut evidence = answering("404");
    evidence.tasks[0].address = Some(address);
    evidence.tasks[0].started_at = Some(evidence.now - SignedDuration::from_secs(20));
    assert_eq!(first(&evidence), "health-check-path");
}

#[test]
fn without_a_grace_period_that_is_the_cause() {
    let mut evidence = stopped_after(24, Some((1, "loading")));
    evidence.service.as_mut().unwrap().grace = Duration::ZERO;
    let found = diagnose(&evidence).remove(0);
    assert_eq!(found.rule, "grace-period-zero");
    assert!(
        found
            .fix
            .contains("--health-check-grace-period-seconds 120"),
        "{found:?}"
    );
}

#[test]
fn a_log_that_names_another_port_gives_it_away() {
    for line in [
        "Listening on http://0.0.0.0:9090",
        "server started on port 9090",
        "Tomcat started on port(s): 9090 (http)",
    ] {
        assert_eq!(
            first(&stopped_after(70, Some((3, line)))),
            "wrong-port",
            "{line}"
        );
    }
}

#[test]
fn a_check_in_another_protocol_is_told() {
    let mut evidence = stopped_after(70, Some((3, "listening on :8080")));
    evidence.groups[0].check.as_mut().unwrap().protocol = "HTTPS".to_owned();
    assert_eq!(first(&evidence), "health-check-protocol");
}

#[test]
fn targets_of_which_nobody_says_how_they_fail_are_told_all_the_same() {
    let words = "Health checks failed due to an internal error on the load balancer";
    let found = diagnose(&unhealthy("Elb.InternalError", words)).remove(0);
    assert_eq!(found.rule, "targets-unhealthy");
    assert_eq!(found.evidence[0], format!("shop-a: {words}"));
    let reason = format!("Task failed ELB health checks in (target-group {GROUP})");
    let found = diagnose(&with_stopped("ServiceSchedulerInitiated", &reason)).remove(0);
    assert_eq!(found.rule, "targets-unhealthy");
    assert!(found.fix.ends_with(GROUP), "{found:?}");
}
