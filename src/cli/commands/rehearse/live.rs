//! What a rehearsal takes from the live service, without changing anything there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::aws::{Cloud, LastHour, SurveyAsk};
use crate::cli::args::Global;
use crate::cli::sandbox_clock;
use crate::cli::session::connect;
use crate::config::Config;
use crate::deployment::ids::{AlarmName, SlotName, Slots};
use crate::deployment::preflight::{Request, RouteWanted, RoutesWanted};
use crate::deployment::surroundings::{Carried, Forward, Surroundings, live};
use crate::rehearse::{self, Scenario};
use crate::report::words;
use crate::runner::Clock;

/// A rehearsal doesn't wait longer for an account that may not be there.
const AT_MOST: Duration = Duration::from_secs(10);

/// What was found of it.
pub(super) struct Live {
    /// The slot that carries production.
    pub(super) slot: SlotName,
    /// What was taken, or why it was not.
    pub(super) said: String,
}

/// Sets what the live service shows in `scenario` and `requests`; what can't be read stays.
pub(super) async fn fill(
    global: &Global,
    config: &Config,
    requests: &mut [Request],
    scenario: &mut Scenario,
) -> Live {
    let read = tokio::time::timeout(AT_MOST, read(global, config, &requests[0]));
    let found = match read.await {
        Ok(Ok(found)) => found,
        Ok(Err(why)) => return not_read(&why),
        Err(_) => return not_read("no answer within 10s"),
    };
    for request in requests {
        request.routes = RoutesWanted::Listed(found.routes.iter().map(place).collect());
    }
    scenario.tasks = found.tasks.max(1);
    if let Some((healthy_after, deregistration_delay)) = found.group {
        scenario.healthy_after = healthy_after;
        scenario.deregistration_delay = deregistration_delay;
    }
    let mut said = words::plural(scenario.tasks as usize, "task");
    let left_out = match found.alarms {
        Ok(alarms) => {
            let out = rehearse::not_rehearsed(&alarms, &found.names);
            scenario.alarms = Some(alarms);
            (!out.is_empty())
                .then(|| format!("quiet, for want of what they measure: {}", out.join(", ")))
        }
        Err(why) => Some(format!("its alarms can't be read ({why}): stand-ins")),
    };
    match found.hour {
        Ok(hour) if hour.requests > 0 => {
            scenario.requests = hour.requests as f64 / 3600.0;
            let share = hour.failed as f64 / hour.requests as f64;
            scenario.errors = (share * 1e6).round() as u32;
            scenario.latency = hour.latency.unwrap_or(scenario.latency);
            said += &format!(
                ", {:.1} requests a second and {:.2} % of them failed in the last hour",
                scenario.requests,
                share * 100.0
            );
        }
        Ok(_) => said += "; nobody came in the last hour: the scenario's requests",
        Err(why) => said += &format!("; its metrics can't be read ({why}): the scenario's"),
    }
    said.extend(left_out.iter().map(|it| format!("; {it}")));
    Live {
        slot: found.slot,
        said,
    }
}

fn not_read(why: &str) -> Live {
    Live {
        slot: SlotName::A,
        said: format!("the service can't be read ({why}): the scenario's values"),
    }
}

struct Found {
    slot: SlotName,
    routes: Vec<Forward>,
    tasks: u32,
    /// The alarms that the config names, and their definitions.
    names: Vec<AlarmName>,
    alarms: Result<BTreeMap<AlarmName, Value>, String>,
    /// How soon a target is healthy, and how long it drains.
    group: Option<(Duration, Duration)>,
    hour: Result<LastHour, String>,
}

async fn read(global: &Global, config: &Config, request: &Request) -> Result<Found, String> {
    let cloud = connect(global, Some(config)).await;
    let cloud: Cloud = cloud.map_err(|error| error.message)?;
    let endpoint = global.endpoint_url.clone();
    let endpoint = endpoint.or_else(|| std::env::var("AWS_ENDPOINT_URL").ok());
    let clock = match &endpoint {
        Some(url) => sandbox_clock::of(url).await,
        None => None,
    };
    let now: Timestamp = clock.unwrap_or_else(Clock::wall).now();
    let ask = SurveyAsk::of(request);
    let names = ask.alarms.clone();
    let ask = SurveyAsk {
        alarms: Vec::new(),
        images: Vec::new(),
        definition: None,
        deadman: None,
        ..ask
    };
    let found = cloud.survey(&ask, now).await;
    let found = found.map_err(|error| error.to_string())?;
    let (slot, routes) = serving(request, &found).ok_or("no slot serves everything")?;
    let service = found.services[slot].as_ref();
    let gone = || format!("slot {slot}'s service doesn't exist in this cluster");
    let desired = service.ok_or_else(gone)?["desiredCount"].as_u64();
    let groups: BTreeSet<_> = routes
        .iter()
        .flat_map(|it| {
            let carrying = it.weights.iter().filter(|(_, weight)| **weight > 0);
            carrying.map(|(group, _)| (it.load_balancer.clone(), group.clone()))
        })
        .collect();
    let groups: Vec<_> = groups.into_iter().collect();
    let first = request.slots[slot].targets.first();
    let group = first.and_then(|it| found.groups.get(&it.group)?.as_ref());
    let group = group.map(|it| (it.healthy_after, it.deregistration_delay));
    let (hour, alarms) = tokio::join!(
        cloud.last_hour(&groups, now),
        cloud.alarm_definitions(&names),
    );
    Ok(Found {
        slot,
        routes,
        tasks: desired.map_or(1, |it| it as u32),
        group,
        names,
        alarms: alarms.map_err(|error| error.to_string()),
        hour: hour.map_err(|error| error.to_string()),
    })
}

/// The live slot, and the forward actions that name the slots' groups.
fn serving(request: &Request, found: &Surroundings) -> Option<(SlotName, Vec<Forward>)> {
    let groups = Slots::from_fn(|slot: SlotName| {
        let names = request.slots[slot].targets.iter();
        let known = names.filter_map(|it| found.groups.get(&it.group)?.as_ref());
        known.map(|it| it.arn.clone()).collect::<Vec<_>>()
    });
    let ours = |it: &&Forward| {
        let named = |slot: SlotName| groups[slot].iter().any(|arn| it.weights.contains_key(arn));
        SlotName::BOTH.into_iter().any(named)
    };
    let routes: Vec<Forward> = found.forwards.iter().filter(ours).cloned().collect();
    let carried: Vec<Carried> = routes
        .iter()
        .map(|it| Carried::of(&it.weights, &groups))
        .collect();
    Some((live(&carried)?, routes))
}

fn place(forward: &Forward) -> RouteWanted {
    RouteWanted::Place {
        load_balancer: forward.load_balancer.name().to_owned(),
        port: forward.port,
        host: forward.hosts.first().cloned(),
        path: forward.paths.first().cloned(),
    }
}
