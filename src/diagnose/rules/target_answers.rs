//! Targets that answer the load balancer's health check, and not as it wants.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::targets::{Ill, each, modify};

pub(super) const RULES: &[Rule] = &[
    Rule::shown("health-check-path", path),
    Rule::shown("health-check-redirect", redirect),
    Rule::shown("health-check-auth", auth),
    Rule::shown("health-check-error", error),
    Rule::shown("health-check-code", code),
    Rule::otherwise("targets-unhealthy", any),
];

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
