//! Alarms, and whether the times fit together.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Planning, Request, metrics};
use crate::deployment::ids::{AlarmName, SlotName, Slots};
use crate::deployment::plan::{AlarmGuard, AlarmWeight, Guards, Kind, Route, SlotPlan, StepPlan};
use crate::deployment::surroundings::{AlarmFound, Surroundings};
use crate::judge::alarms::{AlarmState, InsufficientData};
use crate::judge::guards::MetricGuards;
use crate::strategy::{format_duration, nearest};

/// Within it a time of day says enough.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is going to be watched.
pub(super) fn guards(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    routes: &[Route],
    planning: &mut Planning,
) -> Guards {
    let guards = Guards {
        ready: request.guards.ready,
        min: request.guards.min,
        healthy_for: request.guards.healthy_for,
        alarms: check_alarms(request, found, live, planning),
        metrics: metrics::check(request, found, live, routes, planning),
    };
    let of_answers = |it: &MetricGuards| {
        it.errors.is_some()
            || it.latency.is_some()
            || it.compare.is_some()
            || !it.thresholds.is_empty()
    };
    let judged = guards.metrics.as_ref().is_some_and(of_answers);
    if guards.alarms.is_empty() && !judged && !request.is_bare() {
        planning.note(
            "nothing judges what green answers: its errors revert nothing; name alarms in \
             `guards.alarms`, or add `guards.metrics: { errors: default }`",
        );
    }
    guards
}

pub(super) fn check_alarms(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    planning: &mut Planning,
) -> Vec<AlarmGuard> {
    let mut guards = Vec::new();
    for wanted in &request.guards.alarms {
        for name in wanted.names(live) {
            let idle = wanted.measures_green(&name, live) && is_idle(found, live.other());
            let name = AlarmName::new(name);
            let Some(Some(alarm)) = found.alarms.get(&name) else {
                missing(&name, found, planning);
                continue;
            };
            let insufficient_data = wanted
                .insufficient_data
                .unwrap_or_else(|| default_policy(&name, alarm, planning));
            let measures = if idle {
                Measures::Nothing
            } else {
                Measures::Traffic
            };
            let weight = weight(request, &name, alarm, measures, planning);
            warn_if_slow(request, &name, alarm, planning);
            guards.push(AlarmGuard {
                name,
                insufficient_data,
                weight,
            });
        }
    }
    warn_of_ignored(request, planning);
    guards
}

/// A name to ignore that nobody watches does nothing: it may be a typo.
fn warn_of_ignored(request: &Request, planning: &mut Planning) {
    let watched = request.guards.alarms.iter();
    let watched = watched.flat_map(|it| SlotName::BOTH.map(|live| it.names(live)));
    let watched: BTreeSet<String> = watched.flatten().collect();
    let ignored = request.ignore_alarms.iter().map(AlarmName::as_str);
    for name in ignored.filter(|it| !watched.contains(*it)) {
        let meant = nearest(name, watched.iter().map(String::as_str));
        let meant = meant.map_or_else(String::new, |it| format!("; did you mean {it}?"));
        planning.warn(format!(
            "--ignore-alarm {name} does nothing: no guard watches an alarm of that name{meant}"
        ));
    }
}

/// Each alarm that was asked about is there.
pub(super) fn check_alarms_exist(request: &Request, found: &Surroundings, planning: &mut Planning) {
    let wanted = request.guards.alarms.iter();
    let names = wanted.flat_map(|it| SlotName::BOTH.map(|live| it.names(live)));
    for name in names.flatten().map(AlarmName::new) {
        if found.alarms.get(&name).is_some_and(Option::is_none) {
            missing(&name, found, planning);
        }
    }
}

fn missing(name: &AlarmName, found: &Surroundings, planning: &mut Planning) {
    planning.problem(
        format!("alarm {name} does not exist in {}", found.region),
        "create it, or correct `guards.alarms` in bg.yaml",
    );
}

/// What an alarm speaks of when the deployment begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Measures {
    /// Something that runs.
    Traffic,
    /// Green's slot, in which nothing runs: what it says is of an earlier version.
    Nothing,
}

/// Whether a slot's service asks for no task, or isn't there.
fn is_idle(found: &Surroundings, slot: SlotName) -> bool {
    let service = found.services[slot].as_ref();
    service.is_none_or(|service| service["desiredCount"] == 0)
}

fn weight(
    request: &Request,
    name: &AlarmName,
    alarm: &AlarmFound,
    measures: Measures,
    planning: &mut Planning,
) -> AlarmWeight {
    if alarm.state != AlarmState::Alarm {
        return AlarmWeight::Guards;
    }
    let allowed = request.ignore_alarms.contains(name);
    if allowed || !matches!(request.kind, Kind::Deploy) {
        planning.warn(format!(
            "alarm {name} is in ALARM already: it is shown, and can't revert"
        ));
        return AlarmWeight::LiftedAtStart;
    }
    if measures == Measures::Nothing {
        planning.warn(format!(
            "alarm {name} is in ALARM from before, and nothing runs in green's slot: the first \
             shift waits until it has cleared, for {} at most; from then on it guards",
            format_duration(request.limits.patience)
        ));
        return AlarmWeight::GuardsOnceClear;
    }
    planning.problem(
        format!("alarm {name} is already in ALARM: {}", alarm.reason),
        format!(
            "wait until it is OK; to repair a burning production use --hotfix --reason TEXT; to \
             deploy all the same use --ignore-alarm {name}"
        ),
    );
    AlarmWeight::Guards
}

/// Count metrics such as 5xx are published only when they aren't zero: no data is good news.
fn default_policy(
    name: &AlarmName,
    alarm: &AlarmFound,
    planning: &mut Planning,
) -> InsufficientData {
    let sparse = alarm.metric.as_deref().is_some_and(|metric| {
        ["5XX", "4XX", "3XX", "ErrorCount", "RejectedConnection"]
            .iter()
            .any(|part| metric.contains(part))
    });
    if !sparse {
        return InsufficientData::Hold;
    }
    if alarm.state == AlarmState::InsufficientData {
        planning.note(format!(
            "alarm {name} has no data: its metric is published only when it isn't zero, so that \
             counts as OK (`insufficient_data: hold` changes it)"
        ));
    }
    InsufficientData::Ok
}

/// CloudWatch publishes a minute one to three minutes late; two are usual.
const METRIC_LAG: Duration = Duration::from_secs(120);

fn warn_if_slow(request: &Request, name: &AlarmName, alarm: &AlarmFound, planning: &mut Planning) {
    let Some(notices_after) = alarm.notices_after else {
        return;
    };
    if request.kind == Kind::Rollback {
        // It goes to what has served before, at once and on purpose.
        return;
    }
    let needed = notices_after + METRIC_LAG;
    let steps = request.steps();
    if let Some(step) = steps.iter().find(|step| step.longest() < needed) {
        planning.warn(format!(
            "alarm {name} needs about {} to notice anything, the bake at {} is {}{}: it can't \
             stop that step",
            format_duration(needed),
            step.weight,
            format_duration(step.bake),
            step.until.map_or(String::new(), |until| format!(
                ", and the wait for requests ends after {}",
                format_duration(until.at_most)
            )),
        ));
        return;
    }
    let quick = |step: &&StepPlan| step.bake < needed && step.until.is_some();
    if let Some((step, until)) = steps
        .iter()
        .find(quick)
        .and_then(|it| Some((it, it.until?)))
    {
        planning.note(format!(
            "alarm {name} needs about {} to notice anything: the step at {} can be over after {}, \
             where its {} requests come sooner",
            format_duration(needed),
            step.weight,
            format_duration(step.bake),
            until.requests,
        ));
    }
}

/// What doesn't fit in time, and what stickiness means.
pub(super) fn warn_of_time(
    request: &Request,
    found: &Surroundings,
    slots: &Slots<SlotPlan>,
    routes: &[Route],
    planning: &mut Planning,
) {
    let shifting: Duration = request.steps().iter().map(StepPlan::longest).sum();
    let total = shifting + request.limits.healthy_within;
    if let Some(end) = found.credentials_end {
        let left = Duration::try_from(end.duration_since(found.now)).unwrap_or_default();
        if left < total {
            planning.warn(format!(
                "the credentials end in {} ({}, at {}), the deployment may take {}: sign in anew \
                 now or use a session that lasts longer, unless their source gives new ones",
                format_duration(Duration::from_secs(left.as_secs())),
                found.credentials_from,
                end.strftime(match left < DAY {
                    true => "%H:%M:%S UTC",
                    false => "%Y-%m-%d %H:%M:%S UTC",
                }),
                format_duration(total)
            ));
        }
    }
    if let Some(ahead) = found.clock_ahead {
        let side = if ahead.is_negative() {
            "behind"
        } else {
            "ahead of"
        };
        planning.warn(format!(
            "this machine's clock is {} {side} AWS's: calls are signed by AWS's, but other \
             machines judge this one's lock by theirs; set it (`timedatectl set-ntp true`)",
            format_duration(ahead.unsigned_abs())
        ));
    }
    for route in routes.iter().filter(|it| it.load_balancer.is_network()) {
        planning.note(format!(
            "{} is a Network Load Balancer's: connections that are open stay where they are, so a \
             shift or a revert moves new ones only",
            route.label
        ));
    }
    for route in routes {
        if let Some(sticky) = route.sticky {
            let then = match request.kind {
                Kind::Deploy => "a revert takes green's group out of the action",
                Kind::Hotfix { .. } | Kind::Rollback => {
                    "in the end blue's group is taken out of the action, and so would green's be by a \
                     revert"
                }
            };
            planning.warn(format!(
                "{} is sticky for {}: clients stay where they are, so green's real share differs \
                 from its weight; {then}",
                route.label,
                format_duration(sticky)
            ));
        }
    }
    let delay = slots
        .a
        .targets
        .iter()
        .chain(&slots.b.targets)
        .map(|t| t.deregistration_delay);
    if let Some(delay) = delay.max().filter(|delay| *delay > request.retire.after) {
        planning.note(format!(
            "blue is kept for {} at least: its targets take that long to deregister",
            format_duration(delay)
        ));
    }
    let healthy_after = found
        .groups
        .values()
        .flatten()
        .map(|group| group.healthy_after)
        .max();
    planning.healthy_after = healthy_after;
    let needed = healthy_after.unwrap_or_default() + request.guards.healthy_for;
    if needed >= request.limits.healthy_within {
        planning.problem(
            format!(
                "green can't be healthy within {}: health checks and `guards.targets.for` take {}",
                format_duration(request.limits.healthy_within),
                format_duration(needed)
            ),
            "raise --timeout, or check health more often",
        );
    }
}
