//! Where each gate is asked, and when windows open.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Planning, Request};
use crate::deployment::gate::{Gate, Point};
use crate::deployment::ids::Slots;
use crate::deployment::plan::{Kind, SlotPlan, StepPlan};
use crate::deployment::surroundings::{FunctionFound, Surroundings, Untaken};
use crate::gate::{Asks, Check, GateAnswer, GateWanted, Place, opens};
use crate::strategy::{Weight, format_duration};

/// The gates of a plan. A rollback asks none: it goes to what has served before. A hotfix doesn't
/// wait for a window.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) -> Vec<Gate> {
    if request.kind == Kind::Rollback {
        return Vec::new();
    }
    let (steps, now) = (request.steps(), found.now);
    let gates = request.gates.iter();
    for wanted in gates.clone() {
        check_function(wanted, found, planning);
        check_test_request(wanted, found, planning);
        check_port(wanted, slots, planning);
        check_protocol(wanted, found, slots, planning);
        check_images(wanted, found, planning);
    }
    gates
        .filter_map(|wanted| gate(wanted, request, &steps, now, planning))
        .collect()
}

/// That a function can be called, as far as Lambda says without running it.
fn check_function(wanted: &GateWanted, found: &Surroundings, planning: &mut Planning) {
    let Some(function) = wanted.function() else {
        return;
    };
    let name = &wanted.name;
    match found.functions.get(function) {
        Some(FunctionFound::Refused(why)) => planning.problem(
            format!("gate {name} can't call {function}: {why}"),
            "correct the function's name or ARN in the gate's `lambda`; `bg iam-policy` prints \
             what has to be allowed",
        ),
        Some(FunctionFound::Unknown(why)) => planning.note(format!(
            "whether gate {name} may call {function} is not known: {why}"
        )),
        Some(FunctionFound::Ready) | None => {}
    }
}

/// That there are targets of the port that a gate asks.
fn check_port(wanted: &GateWanted, slots: &Slots<SlotPlan>, planning: &mut Planning) {
    let Some(port) = wanted.http().and_then(|it| it.port) else {
        return;
    };
    let ports: BTreeSet<u16> = slots.a.targets.iter().map(|it| it.port).collect();
    if !ports.contains(&port) {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        planning.problem(
            format!(
                "gate {} asks targets of port {port}, and no target group is for that container port",
                wanted.name
            ),
            format!("set the gate's `port` to one of {}", ports.join(", ")),
        );
    }
}

/// That the targets that a gate asks speak TCP.
fn check_protocol(
    wanted: &GateWanted,
    found: &Surroundings,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) {
    let Some(check) = wanted.http().filter(|it| it.asks_targets()) else {
        return;
    };
    let asked = slots.a.targets.iter();
    for target in asked.filter(|target| check.port.is_none_or(|port| port == target.port)) {
        let protocol = found.group(&target.group).map(|it| it.protocol.as_str());
        if let Some(protocol @ ("UDP" | "QUIC")) = protocol {
            planning.warn(format!(
                "gate {} asks each of green's targets over TCP, and target group {} is for {protocol}: \
                 name another container port as the gate's `port`, unless {} answers both",
                wanted.name,
                target.group.name(),
                target.port
            ));
        }
    }
}

/// That what a gate asks through the test route arrives there: else another side would answer for
/// green.
fn check_test_request(wanted: &GateWanted, found: &Surroundings, planning: &mut Planning) {
    match found.untaken.get(&wanted.name) {
        Some(Untaken::Surely(why)) => planning.problem(
            format!("gate {} would not be answered by green: {why}", wanted.name),
            "give the gate a path and headers that the test route takes, or take `through` away: \
             then each of green's targets is asked",
        ),
        Some(Untaken::Perhaps(why)) => planning.warn(format!(
            "whether green answers gate {} is not sure: {why}",
            wanted.name
        )),
        None => {}
    }
}

/// What a registry says already: nothing has to be registered to hear a no.
fn check_images(wanted: &GateWanted, found: &Surroundings, planning: &mut Planning) {
    let Some((check, images)) = wanted.image().zip(found.images.as_ref()) else {
        return;
    };
    let name = &wanted.name;
    match check.judge(images) {
        GateAnswer::Failed { why } => planning.problem(
            format!("gate {name} would say no: {why}"),
            "deploy another image, or change what the gate's `image` asks for",
        ),
        GateAnswer::Again { why, .. } => {
            planning.note(format!("gate {name} would wait: {why}"));
        }
        GateAnswer::Passed { .. } => {}
    }
}

fn gate(
    wanted: &GateWanted,
    request: &Request,
    steps: &[StepPlan],
    now: Timestamp,
    planning: &mut Planning,
) -> Option<Gate> {
    let name = &wanted.name;
    let mut at: Vec<Point> = wanted.at.iter().map(|at| point(*at, steps)).collect();
    at.sort_unstable();
    at.dedup();
    let check = match &wanted.asks {
        Asks::Check(check) => {
            if check.needs_test_route() && request.test_routes.is_empty() {
                planning.problem(
                    format!("gate {name} asks through the test route, and there is none"),
                    "set `test_route` to a listener or rule for testers, or take `through` away: \
                     then each of green's targets is asked",
                );
            }
            check.clone()
        }
        Asks::Window(_) if matches!(request.kind, Kind::Hotfix { .. }) => {
            planning.note(format!(
                "gate {name} is left out: a hotfix waits for no window"
            ));
            return None;
        }
        Asks::Window(calendar) => {
            let shifting: Duration = steps.iter().map(StepPlan::longest).sum();
            let ahead = wanted.within.saturating_mul(2) + request.limits.healthy_within + shifting;
            let ahead = SignedDuration::try_from(ahead).unwrap_or(SignedDuration::MAX);
            let end = now.checked_add(ahead).unwrap_or(Timestamp::MAX);
            let window = calendar.between(now, end);
            say_when(wanted, &at, opens(&window.openings, now), now, planning);
            Check::Window(window)
        }
    };
    Some(Gate {
        name: name.clone(),
        at,
        within: wanted.within,
        check,
    })
}

/// When a window that is waited for at once opens.
fn say_when(
    wanted: &GateWanted,
    at: &[Point],
    opens: Result<(), Option<Timestamp>>,
    now: Timestamp,
    planning: &mut Planning,
) {
    let (name, within) = (&wanted.name, format_duration(wanted.within));
    let Err(opens_at) = opens else {
        return;
    };
    if !at.contains(&Point::BeforeTraffic) {
        return;
    }
    let wait = opens_at.and_then(|at| Duration::try_from(at.duration_since(now)).ok());
    match (opens_at, wait) {
        (Some(at), Some(wait)) if wait <= wanted.within => planning.note(format!(
            "gate {name} is closed: traffic waits until {at:.0}, for {}",
            format_duration(Duration::from_secs(wait.as_secs()))
        )),
        _ => planning.problem(
            format!("gate {name} doesn't open within {within}"),
            "deploy later, raise the gate's `timeout`, or repair a burning production with \
             --hotfix, which waits for no window",
        ),
    }
}

/// The last place at which green has no more than a weight.
fn point(at: Place, steps: &[StepPlan]) -> Point {
    let last = Point::AfterStep(steps.len().saturating_sub(1));
    match at {
        Place::BeforeTraffic => Point::BeforeTraffic,
        Place::BeforePromotion => last,
        Place::AfterPromotion => Point::AfterPromotion,
        Place::Weight(weight) => {
            let within = |step: &StepPlan| step.weight <= weight && weight > Weight::ZERO;
            let steps = steps.iter().rposition(within);
            steps.map_or(Point::BeforeTraffic, Point::AfterStep)
        }
    }
}
