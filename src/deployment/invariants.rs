//! What must hold whatever happens: the conditions for each step that could hurt.

use std::collections::BTreeMap;

use super::ids::{SlotName, TargetGroupArn};
use super::observation::{Observation, Seen, Split};
use super::plan::{AlarmGuard, AlarmWeight, Plan, Route};
use super::state::Deployment;
use super::surroundings::Carried;
use super::trip::Hold;
use crate::judge::alarms::{AlarmState, InsufficientData, Verdict, verdict};
use crate::judge::targets::{self, Share, TargetCounts};
use crate::strategy::Weight;

/// Green's share on every route, as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Traffic {
    /// The same on all routes.
    Even(Weight),
    /// Some route differs, forwards elsewhere, or can't be read: one entry for each route that
    /// doesn't show `expected`.
    Uneven(Vec<Hold>),
}

/// Whether all routes show `expected`, and if not, which don't and what they show.
pub fn traffic(plan: &Plan, observation: &Observation, expected: Weight) -> Traffic {
    let holds: Vec<Hold> = plan
        .routes
        .iter()
        .filter_map(|route| match observation.routes.get(&route.arn) {
            Some(Seen::Value(seen)) => match seen.split(route, plan) {
                Split::Green(weight) if weight == expected => None,
                split => Some(Hold::WeightDrift {
                    route: route.label.clone(),
                    set: expected,
                    seen: in_words(&split),
                }),
            },
            Some(Seen::Unreadable(why)) => Some(unreadable(&route.label, why)),
            None => Some(unreadable(&route.label, "it was not looked at")),
        })
        .collect();
    if holds.is_empty() {
        Traffic::Even(expected)
    } else {
        Traffic::Uneven(holds)
    }
}

fn in_words(split: &Split) -> String {
    match split {
        Split::Green(weight) => format!("{weight} green"),
        Split::Foreign(group) => format!("traffic for target group {}", group.name()),
        Split::Nowhere => "no target group of either slot".to_owned(),
    }
}

fn unreadable(what: &str, why: &str) -> Hold {
    Hold::Unreadable {
        what: what.to_owned(),
        why: why.to_owned(),
    }
}

/// Whether every route that can be read shows green at exactly `weight`, and at least one can be.
pub fn all_readable_show(plan: &Plan, observation: &Observation, weight: Weight) -> bool {
    let splits: Vec<Split> = plan
        .routes
        .iter()
        .filter_map(|route| {
            Some(
                observation
                    .routes
                    .get(&route.arn)?
                    .value()?
                    .split(route, plan),
            )
        })
        .collect();
    splits.len() == plan.routes.len() && splits.iter().all(|split| *split == Split::Green(weight))
}

/// Whether any route shows green with traffic.
pub fn green_carries_traffic(plan: &Plan, observation: &Observation) -> bool {
    plan.routes.iter().any(|route| {
        let seen = observation.routes.get(&route.arn).and_then(Seen::value);
        seen.is_some_and(|seen| {
            seen.weights
                .get(&route.groups[plan.green_slot()])
                .is_some_and(|weight| *weight > 0)
        })
    })
}

/// Whether every route can be read, and none gives green anything.
pub fn green_is_seen_idle(plan: &Plan, observation: &Observation) -> bool {
    let readable = |route: &Route| {
        let seen = observation.routes.get(&route.arn);
        seen.and_then(Seen::value).is_some()
    };
    plan.routes.iter().all(readable) && !green_carries_traffic(plan, observation)
}

/// The test routes that don't give `slot` everything, or can't be read.
pub fn test_routes_elsewhere(plan: &Plan, observation: &Observation, slot: SlotName) -> Vec<Hold> {
    let elsewhere = plan.test_routes.iter().filter_map(|route| {
        let why = match observation.routes.get(&route.arn) {
            Some(Seen::Value(seen)) => match Carried::on(route, &seen.weights) {
                carried if carried.foreign.is_none() && carried.alone() == Some(slot) => {
                    return None;
                }
                _ => "it doesn't show it yet".to_owned(),
            },
            Some(Seen::Unreadable(why)) => why.clone(),
            None => "it was not looked at".to_owned(),
        };
        Some(Hold::TestRouteElsewhere {
            route: route.label.clone(),
            slot,
            why,
        })
    });
    elsewhere.collect()
}

/// Whether a test route shows `slot` with any traffic.
pub fn tests_reach(plan: &Plan, observation: &Observation, slot: SlotName) -> bool {
    plan.test_routes.iter().any(|route| {
        let seen = observation.routes.get(&route.arn).and_then(Seen::value);
        seen.is_some_and(|seen| Carried::on(route, &seen.weights).slots[slot] > 0)
    })
}

/// What shows how a slot does: one of its target groups, or its tasks where it has none.
pub struct Part<'a> {
    /// The group.
    pub group: Option<&'a TargetGroupArn>,
    /// What people call it.
    pub name: &'a str,
    /// Its targets or tasks by their health, or why they could not be read.
    pub counts: Result<&'a TargetCounts, &'a str>,
}

/// A service that isn't there has no tasks.
static NO_TASKS: TargetCounts = TargetCounts {
    healthy: 0,
    unhealthy: 0,
    initial: 0,
    draining: 0,
    unused: 0,
    unavailable: 0,
    reasons: BTreeMap::new(),
};

/// Everything that shows how `slot` does.
pub fn parts<'a>(plan: &'a Plan, observation: &'a Observation, slot: SlotName) -> Vec<Part<'a>> {
    const NOT_LOOKED_AT: &str = "it was not looked at";
    if plan.is_bare() {
        let counts = match &observation.services[slot] {
            Seen::Value(Some(service)) => service.tasks.as_ref().ok_or(NOT_LOOKED_AT),
            Seen::Value(None) => Ok(&NO_TASKS),
            Seen::Unreadable(why) => Err(why.as_str()),
        };
        return vec![Part {
            group: None,
            name: plan.slots[slot].service.as_str(),
            counts,
        }];
    }
    let targets = plan.slots[slot].targets.iter();
    let part = |group: &'a TargetGroupArn| Part {
        group: Some(group),
        name: group.name(),
        counts: match observation.groups.get(group) {
            Some(Seen::Value(counts)) => Ok(counts),
            Some(Seen::Unreadable(why)) => Err(why.as_str()),
            None => Err(NOT_LOOKED_AT),
        },
    };
    targets.map(|target| part(&target.group)).collect()
}

/// Where `slot` has the fewest healthy targets, or its tasks where it has no target group; `None`
/// where any of its groups can't be read.
pub fn fewest_healthy<'a>(
    plan: &'a Plan,
    observation: &'a Observation,
    slot: SlotName,
) -> Option<&'a TargetCounts> {
    let counts = parts(plan, observation, slot)
        .into_iter()
        .map(|part| part.counts.ok());
    counts
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .min_by_key(|counts| counts.healthy)
}

/// How many tasks green is to have before it is raised to a weight: its part of blue's at the
/// start, or of as many as blue has by now, if somebody or autoscaling has given it more.
pub fn wanted_of_green(plan: &Plan, observation: &Observation, weight: Weight) -> u32 {
    let blue = observation.services[plan.blue].value();
    let now = blue.and_then(|it| it.as_ref().map(|it| it.desired));
    let most = plan.scaling.as_ref().map_or(u32::MAX, |it| it.max);
    let whole = plan.desired.max(now.unwrap_or_default().min(most));
    plan.green_share(whole, weight)
}

/// What keeps `slot` from having `share` of `desired` tasks healthy in every group.
pub fn not_ready(
    plan: &Plan,
    observation: &Observation,
    slot: SlotName,
    share: Share,
    desired: u32,
) -> Vec<Hold> {
    let needed = share.needed(desired).max(1);
    let short = |part: Part<'_>| {
        let group = part.group.cloned();
        match part.counts {
            Ok(counts) if targets::ready(counts, desired, share) => None,
            Ok(counts) if slot == plan.blue => Some(Hold::BlueNotReady {
                group,
                healthy: counts.healthy,
                needed,
            }),
            Ok(counts) => Some(Hold::GreenNotReady {
                group,
                healthy: counts.healthy,
                needed,
            }),
            Err(why) => Some(unreadable(part.name, why)),
        }
    };
    let parts = parts(plan, observation, slot);
    parts.into_iter().filter_map(short).collect()
}

/// The target groups, or tasks, that can't be read, of the sides that must be well.
pub fn unreadable_groups(plan: &Plan, observation: &Observation) -> Vec<Hold> {
    let demanded = |slot: &SlotName| *slot != plan.blue || !plan.lifts_demands_on_blue();
    let parts = SlotName::BOTH
        .into_iter()
        .filter(demanded)
        .flat_map(|slot| parts(plan, observation, slot));
    let troubles = parts.filter_map(|part| Some(unreadable(part.name, part.counts.err()?)));
    troubles.collect()
}

/// What of the two services somebody else has changed, or what can't be read of them.
pub fn service_holds(deployment: &Deployment, observation: &Observation) -> Vec<Hold> {
    let plan = &deployment.plan;
    let mut holds = Vec::new();
    for slot in SlotName::BOTH {
        let expected = if slot == plan.blue {
            Some(&plan.blue_task_definition)
        } else {
            deployment.task_definition.as_ref()
        };
        if slot == plan.blue && plan.lifts_demands_on_blue() {
            continue;
        }
        let drift = |what: String| Hold::ServiceDrift { slot, what };
        match &observation.services[slot] {
            Seen::Unreadable(why) => {
                holds.push(unreadable(plan.slots[slot].service.as_str(), why));
            }
            Seen::Value(None) => holds.push(drift("it is gone".to_owned())),
            Seen::Value(Some(seen)) => {
                let then = match slot == plan.blue {
                    true => plan.desired,
                    false => plan.green_tasks(deployment.set),
                };
                if seen.desired < then {
                    let now = seen.desired;
                    holds.push(drift(format!("its desired count is {now}, and was {then}")));
                }
                match expected {
                    Some(expected) if *expected != seen.task_definition => {
                        holds.push(Hold::TaskDefinitionDrift {
                            slot,
                            expected: expected.clone(),
                            seen: seen.task_definition.clone(),
                        });
                    }
                    _ => {}
                }
            }
        }
    }
    holds
}

/// Tasks of another version in green's service, which its target groups count as green's: somebody set
/// another revision, and set it back.
pub fn still_replacing(plan: &Plan, observation: &Observation) -> Option<Hold> {
    let service = observation.services[plan.green_slot()].value()?.as_ref()?;
    (service.deployments > 1 && service.earlier > 0).then_some(Hold::StillReplacing)
}

/// What the alarms say: the first that is in ALARM, and those that can't be judged.
pub struct AlarmReading {
    /// An alarm that trips: name and CloudWatch's words.
    pub tripped: Option<(super::ids::AlarmName, String)>,
    /// Alarms that hold.
    pub unclear: Vec<Hold>,
}

/// Reads all alarms. Before green has traffic, missing data is what one would expect and holds
/// nothing back.
pub fn alarms(deployment: &Deployment, observation: &Observation) -> AlarmReading {
    let plan = &deployment.plan;
    let mut reading = AlarmReading {
        tripped: None,
        unclear: Vec::new(),
    };
    for guard in &plan.guards.alarms {
        if guard.weight == AlarmWeight::LiftedAtStart {
            continue;
        }
        let seen = observation.alarms.get(&guard.name);
        let state = seen.and_then(Seen::value).map(|alarm| alarm.state);
        let policy = if deployment.set == Weight::ZERO && !deployment.traffic_touched {
            InsufficientData::Ok
        } else {
            guard.insufficient_data
        };
        let words = match seen {
            Some(Seen::Value(alarm)) if alarm.state == AlarmState::InsufficientData => {
                "it has no data".to_owned()
            }
            Some(Seen::Value(alarm)) => alarm.reason.clone(),
            Some(Seen::Unreadable(why)) => why.clone(),
            None => "it was not looked at".to_owned(),
        };
        match verdict(state, policy) {
            Verdict::Fine => {}
            Verdict::Hold => {
                reading.unclear.push(Hold::AlarmUnclear {
                    name: guard.name.clone(),
                    why: words,
                });
            }
            Verdict::Trip if is_left_over(deployment, guard) => {
                let why = "it is in ALARM since before this version ran, and has to clear first";
                reading.unclear.push(Hold::AlarmUnclear {
                    name: guard.name.clone(),
                    why: why.to_owned(),
                });
            }
            Verdict::Trip => {
                reading.tripped.get_or_insert((guard.name.clone(), words));
            }
        }
    }
    reading
}

/// Whether an alarm that rings says nothing of this deployment's version yet.
fn is_left_over(deployment: &Deployment, guard: &AlarmGuard) -> bool {
    guard.weight == AlarmWeight::GuardsOnceClear && !deployment.clear_alarms.contains(&guard.name)
}

/// Everything that forbids raising green's weight now, tripped guards aside (invariant 2).
///
/// Empty means: green is ready for `to`, blue for taking everything back, services and weights are
/// as this deployment set them, and every alarm can be judged.
pub fn against_raising(
    deployment: &Deployment,
    observation: &Observation,
    to: Weight,
) -> Vec<Hold> {
    let plan = &deployment.plan;
    let (ready, green) = (plan.guards.ready, plan.green_slot());
    let mut holds = against_promoting(deployment, observation);
    let wanted = wanted_of_green(plan, observation, to);
    let lacks_already = |hold: &Hold| matches!(hold, Hold::GreenNotReady { .. });
    if wanted > plan.green_tasks(deployment.set) && !holds.iter().any(lacks_already) {
        let service = observation.services[green].value().and_then(Option::as_ref);
        match service.filter(|it| it.desired < wanted) {
            Some(small) => holds.push(Hold::TasksMissing {
                running: small.running,
                desired: wanted,
            }),
            None => holds.extend(not_ready(plan, observation, green, ready, wanted)),
        }
    }
    if !plan.lifts_demands_on_blue() {
        let whole = plan.desired;
        holds.extend(not_ready(plan, observation, plan.blue, ready, whole));
    }
    holds
}

/// Everything that forbids calling the deployment a success now, tripped guards aside.
///
/// Promotion raises nothing, so that a blue without healthy targets doesn't count: green serves
/// everything, and the other way out is worse.
pub fn against_promoting(deployment: &Deployment, observation: &Observation) -> Vec<Hold> {
    let plan = &deployment.plan;
    let mut holds = Vec::new();
    if let Traffic::Uneven(drift) = traffic(plan, observation, deployment.set) {
        holds.extend(drift);
    }
    holds.extend(service_holds(deployment, observation));
    holds.extend(still_replacing(plan, observation));
    holds.extend(not_ready(
        plan,
        observation,
        plan.green_slot(),
        plan.guards.ready,
        plan.green_tasks(deployment.set),
    ));
    holds.extend(alarms(deployment, observation).unclear);
    holds
}
