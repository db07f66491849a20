//! Targets that don't answer the load balancer's health check, or not in time.

use std::time::Duration;

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::has;
use super::targets::{each, modify};
use crate::deployment::health_check::Failing;

pub(super) const RULES: &[Rule] = &[
    Rule::shown("health-check-port", check_port),
    Rule::shown("slow-start", slow_start),
    Rule::shown("health-check-protocol", protocol),
    Rule::shown("wrong-port", wrong_port),
    Rule::shown("grace-period-zero", grace_zero),
    Rule::shown("target-timeout", no_answer_in_time),
    Rule::shown("not-listening", not_listening),
];

/// A fixed port that no container publishes.
fn check_port(evidence: &Evidence) -> Vec<Found> {
    let definition = evidence.definition.as_ref();
    each(evidence, |ill| {
        let port = ill.group.check.as_ref()?.port?;
        let mut ports = definition?.containers().flat_map(|it| it.ports());
        if ports.any(|(own, host)| own == port || host == Some(port)) || ill.answers().is_some() {
            return None;
        }
        let found = Found::new(format!(
            "the health check asks on port {port}, where nothing listens"
        ))
        .shown_by(ill.lines(evidence))
        .shown_by([format!(
            "traffic goes to port {} of {}",
            ill.port, ill.container
        )])
        .because("the target group has a health check port of its own, and no container has it")
        .mended_by(modify(ill, "--health-check-port traffic-port"));
        Some(found)
    })
}

fn protocol(evidence: &Evidence) -> Vec<Found> {
    each(evidence, |ill| {
        let check = ill.group.check.as_ref()?;
        let secure = check.protocol == "HTTPS";
        let tls = [
            "tls handshake",
            "plain http request",
            "http request to an https",
            "bad request version",
        ];
        let logged = ill.task.is_some_and(|task| {
            let mut lines = evidence.lines_of(&task.id, None);
            lines.any(|line| has(&line.text, &tls))
        });
        let listens = ill
            .task
            .is_some_and(|task| evidence.ready_after(task).is_some());
        let own_port = check.port.is_none_or(|port| port == ill.port);
        let doubtful = secure && own_port && listens && ill.is(|it| *it == Failing::NoAnswer);
        if !doubtful && !logged {
            return None;
        }
        let other = if secure { "HTTP" } else { "HTTPS" };
        let found = Found::new(format!(
            "the health check speaks {}, and the program doesn't",
            check.protocol
        ))
        .shown_by(ill.lines(evidence))
        .because(format!("the program speaks {other} on that port"))
        .mended_by(modify(ill, &format!("--health-check-protocol {other}")));
        Some(found)
    })
}

/// A port that a log line names as the one listened on.
fn port_in(line: &str) -> Option<u16> {
    let lower = line.to_lowercase();
    let at = ["port ", "port: ", "port=", ":"]
        .iter()
        .filter_map(|mark| lower.rfind(mark).map(|at| at + mark.len()))
        .max()?;
    let digits: String = lower[at..]
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok().filter(|port| *port > 0)
}

fn wrong_port(evidence: &Evidence) -> Vec<Found> {
    each(evidence, |ill| {
        if ill.answers().is_some() {
            return None;
        }
        let task = ill.task?;
        let mut lines = evidence.lines_of(&task.id, None);
        let words = ["listening", "running on", "serving", "started"];
        let (line, port) = lines
            .by_ref()
            .filter(|line| has(&line.text, &words))
            .find_map(|line| Some((line, port_in(&line.text)?)))?;
        if port == ill.checked_port() {
            return None;
        }
        let found = Found::new(format!(
            "the program listens on port {port}, and is asked on port {}",
            ill.checked_port()
        ))
        .shown_by([format!("{}: {}", ill.group.arn.name(), ill.told())])
        .shown_by([format!("task {} logged: {}", task.id, line.text)])
        .because("its own setting and portMappings of the task definition name different ports")
        .mended_by(format!(
            "let the program listen on {} (an environment variable, most often PORT), or publish \
             {port} and register the service's targets on it",
            ill.checked_port()
        ));
        Some(found)
    })
}

/// `150`, for a start of 95 seconds: half as long again, in steps of 30.
fn grace_for(start: Duration) -> u64 {
    (start.as_secs() * 3 / 2).div_ceil(30) * 30
}

/// The program says when it is ready, and that is after it was given up.
fn slow_start(evidence: &Evidence) -> Vec<Found> {
    each(evidence, |ill| {
        // The newest may still be draining, and not have come so far.
        let failed = evidence.failed_tasks().into_iter();
        let failed = failed.filter(|task| task.failed_target_health());
        let (ready, stopped) = failed
            .filter_map(|task| {
                let stopped = Duration::try_from(task.ran_for()?).ok()?;
                Some((evidence.ready_after(task)?, stopped))
            })
            .find(|(ready, stopped)| ready >= stopped)?;
        let patience = ill.patience(evidence);
        let grace = grace_for(ready);
        let found = Found::new(format!(
            "tasks take {} s to start, and are stopped after {} s",
            ready.as_secs(),
            stopped.as_secs()
        ))
        .shown_by(ill.lines(evidence))
        .shown_by([format!(
            "the grace period is {} s; the check takes {} failures, {} s apart",
            patience.as_secs(),
            ill.group.unhealthy_after,
            ill.group.interval.as_secs()
        )])
        .because("the health check begins before the program can answer it")
        .mended_by(format!(
            "{}; or start faster (more cpu, less work before listening)",
            evidence.update_service(&format!("--health-check-grace-period-seconds {grace}"))
        ));
        Some(found)
    })
}

fn grace_zero(evidence: &Evidence) -> Vec<Found> {
    each(evidence, |ill| {
        let task = ill.task.filter(|task| task.failed_target_health())?;
        let service = evidence.service.as_ref()?;
        let ready = evidence.ready_after(task);
        let answers = ill.answers().is_some();
        if !service.grace.is_zero() || ready.is_some() || answers {
            return None;
        }
        let ran = Duration::try_from(task.ran_for()?).ok()?;
        let grace = grace_for(ran * 2).max(120);
        let found = Found::new(format!(
            "tasks are stopped {} s after their start, before they answer: the grace period is 0",
            ran.as_secs()
        ))
        .shown_by(ill.lines(evidence))
        .because("without a grace period the first failed checks stop a task that still starts")
        .mended_by(
            evidence.update_service(&format!("--health-check-grace-period-seconds {grace}")),
        );
        Some(found)
    })
}

fn no_answer_in_time(evidence: &Evidence) -> Vec<Found> {
    each(evidence, |ill| {
        if !ill.is(|it| *it == Failing::Timeout) {
            return None;
        }
        let network = evidence.service.as_ref().and_then(|it| it.network.as_ref());
        let groups = network.map_or_else(
            || "the instances' security group".to_owned(),
            |it| it.security_groups.join(", "),
        );
        let port = ill.checked_port();
        let found = Found::new(format!(
            "the health check gets no answer in time on port {port}"
        ))
        .shown_by(ill.lines(evidence))
        .because(format!(
            "{groups} doesn't let the load balancer in on port {port}; or the program is too \
                 busy, or listens on 127.0.0.1 only"
        ))
        .mended_by(format!(
            "allow TCP {port} from the load balancer's security group into {groups}; let the \
                 program listen on 0.0.0.0; otherwise {}",
            modify(
                ill,
                "--health-check-timeout-seconds 10 --health-check-interval-seconds 15"
            )
        ));
        Some(found)
    })
}

fn not_listening(evidence: &Evidence) -> Vec<Found> {
    each(evidence, |ill| {
        if !ill.is(|it| *it == Failing::NoAnswer) {
            return None;
        }
        let port = ill.checked_port();
        let stopped = ill.task.filter(|it| it.failed_target_health());
        let ran = stopped.and_then(|task| Duration::try_from(task.ran_for()?).ok());
        let grace = grace_for(ran.unwrap_or(Duration::from_secs(60)) * 2);
        let found = Found::new(format!("nothing answers the health check on port {port}"))
            .shown_by(ill.lines(evidence))
            .because(
                "the program listens on another port or on 127.0.0.1 only, or takes longer to \
                 start than it is given",
            )
            .mended_by(format!(
                "let it listen on 0.0.0.0:{port}; if it only is slow: {}",
                evidence.update_service(&format!("--health-check-grace-period-seconds {grace}"))
            ));
        Some(found)
    })
}

#[cfg(test)]
#[path = "target_health_tests.rs"]
mod tests;
