//! Targets that fail the load balancer's health check.

use std::time::Duration;

use super::super::evidence::{Evidence, Group};
use super::super::found::{Found, Rule};
use super::super::recent::{between, has};
use super::super::task::Task;
use crate::deployment::health_check::Failing;

pub(super) const RULES: &[Rule] = &[
    Rule::shown("health-check-port", check_port),
    Rule::shown("slow-start", slow_start),
    Rule::shown("health-check-path", path),
    Rule::shown("health-check-redirect", redirect),
    Rule::shown("health-check-auth", auth),
    Rule::shown("health-check-error", error),
    Rule::shown("health-check-code", code),
    Rule::shown("health-check-protocol", protocol),
    Rule::shown("wrong-port", wrong_port),
    Rule::shown("grace-period-zero", grace_zero),
    Rule::shown("target-timeout", no_answer_in_time),
    Rule::shown("not-listening", not_listening),
    Rule::otherwise("targets-unhealthy", any),
];

/// A group whose targets fail, with what the newest of them did.
struct Ill<'a> {
    group: &'a Group,
    container: &'a str,
    port: u16,
    /// `None` where nobody says how.
    failing: Option<Failing>,
    /// The load balancer's words.
    words: String,
    task: Option<&'a Task>,
}

impl Ill<'_> {
    /// The port that is asked.
    fn checked_port(&self) -> u16 {
        let check = self.group.check.as_ref();
        check.and_then(|it| it.port).unwrap_or(self.port)
    }

    fn is(&self, failing: impl Fn(&Failing) -> bool) -> bool {
        self.failing.as_ref().is_some_and(failing)
    }

    /// The codes that it answers with, the first of them as a number.
    fn answers(&self) -> Option<u16> {
        match &self.failing {
            Some(Failing::Codes(codes)) => codes.split([',', ' ']).next()?.parse().ok(),
            _ => None,
        }
    }

    /// `GET /health on port 8080 answers 503, 200 is wanted`.
    fn told(&self) -> String {
        match (&self.failing, &self.group.check) {
            (Some(failing), Some(check)) => check.told(self.port, failing),
            _ => self.words.clone(),
        }
    }

    fn lines(&self, evidence: &Evidence) -> Vec<String> {
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
    fn patience(&self, evidence: &Evidence) -> Duration {
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
fn each<'a>(evidence: &'a Evidence, look: impl Fn(&Ill<'a>) -> Option<Found>) -> Vec<Found> {
    ills(evidence).iter().filter_map(look).collect()
}

fn modify(ill: &Ill<'_>, change: &str) -> String {
    format!(
        "aws elbv2 modify-target-group --target-group-arn {} {change}",
        ill.group.arn
    )
}

fn path_of(ill: &Ill<'_>) -> String {
    let check = ill.group.check.as_ref();
    check
        .and_then(|it| it.path.clone())
        .unwrap_or_else(|| "/".to_owned())
}

fn codes(
    evidence: &Evidence,
    is: impl Fn(u16) -> bool,
    what: impl Fn(&Ill<'_>, u16) -> String,
    cause: &str,
    fix: impl Fn(&Ill<'_>) -> String,
) -> Vec<Found> {
    each(evidence, |ill| {
        let code = ill.answers().filter(|code| is(*code))?;
        let found = Found::new(what(ill, code))
            .shown_by(ill.lines(evidence))
            .because(cause)
            .mended_by(fix(ill));
        Some(found)
    })
}

fn path(evidence: &Evidence) -> Vec<Found> {
    codes(
        evidence,
        |code| code == 404 || code == 405,
        |ill, code| format!("the health check's path {} answers {code}", path_of(ill)),
        "the program has no such route, or has it under a prefix",
        |ill| {
            format!(
                "answer it in the program, or {}",
                modify(ill, "--health-check-path /PATH")
            )
        },
    )
}

fn redirect(evidence: &Evidence) -> Vec<Found> {
    codes(
        evidence,
        |code| (300..400).contains(&code),
        |ill, code| {
            format!(
                "the health check's path {} answers with a redirect ({code})",
                path_of(ill)
            )
        },
        "the program sends plain HTTP to HTTPS, / to /login, or adds a slash",
        |ill| {
            format!(
                "ask for the path that it redirects to, or {}",
                modify(ill, "--matcher HttpCode=200-399")
            )
        },
    )
}

fn auth(evidence: &Evidence) -> Vec<Found> {
    codes(
        evidence,
        |code| code == 401 || code == 403,
        |ill, code| {
            format!(
                "the health check's path {} asks for a login ({code})",
                path_of(ill)
            )
        },
        "the load balancer sends no credentials, and its Host header is the target's address",
        |ill| {
            format!(
                "let the program answer that path without a login (and for any host), or {}",
                modify(ill, "--health-check-path /PATH")
            )
        },
    )
}

fn error(evidence: &Evidence) -> Vec<Found> {
    codes(
        evidence,
        |code| (500..600).contains(&code),
        |ill, code| {
            format!(
                "the program answers the health check {} with an error ({code})",
                path_of(ill)
            )
        },
        "the program runs and isn't well: something that it checks (a database, a cache) fails, or \
         the route itself does",
        |_| {
            "look at the program's log for that path; a health check should test the program alone, \
             not what it depends on"
            .to_owned()
        },
    )
}

fn code(evidence: &Evidence) -> Vec<Found> {
    let told = [401, 403, 404, 405];
    codes(
        evidence,
        |code| !told.contains(&code) && !(300..400).contains(&code) && !(500..600).contains(&code),
        |ill, code| {
            format!(
                "the health check wants another code than {code} ({})",
                path_of(ill)
            )
        },
        "the program answers, and the matcher doesn't take that code",
        |ill| modify(ill, "--matcher HttpCode=200-299"),
    )
}

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

fn any(evidence: &Evidence) -> Vec<Found> {
    each(evidence, |ill| {
        let found = Found::new(format!(
            "targets of {} fail their health check",
            ill.group.arn.name()
        ))
        .shown_by(ill.lines(evidence))
        .because("the load balancer doesn't say how they fail")
        .mended_by(format!(
            "look: aws elbv2 describe-target-health --target-group-arn {}",
            ill.group.arn
        ));
        Some(found)
    })
}

#[cfg(test)]
#[path = "target_health_tests.rs"]
mod tests;
