//! What a rehearsal takes from the live service, without changing anything there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::base::Base;
use crate::aws::{AwsError, Cloud, LastHour, SurveyAsk};
use crate::cli::args::Global;
use crate::cli::error::CliError;
use crate::cli::session::aws_alone;
use crate::config::Config;
use crate::deployment::dns::RecordWanted;
use crate::deployment::ids::{AlarmName, SlotName, Slots};
use crate::deployment::preflight::{self, Request, RouteWanted, RoutesWanted};
use crate::deployment::problem::Problem;
use crate::deployment::surroundings::{Carried, Forward, Surroundings, live};
use crate::rehearse::{self, Scenario};
use crate::report::words;
use crate::sandbox::world::elb::Kind;

/// A rehearsal doesn't wait longer for an account that may not be there.
const AT_MOST: Duration = Duration::from_secs(10);
/// How much of an error is told.
const LONGEST: usize = 120;

/// Sets what the live service shows in `scenario` and `requests`; what can't be read stays. `own` is
/// what the config asks for.
///
/// # Errors
/// When AWS answers that what the config names isn't there.
pub(super) async fn fill(
    global: &Global,
    config: &Config,
    own: &Request,
    requests: &mut [Request],
    scenario: &mut Scenario,
) -> Result<Base, CliError> {
    let read = tokio::time::timeout(AT_MOST, read(global, config, own));
    let found = match read.await {
        Ok(Ok(found)) => found,
        Ok(Err(NotRead::Why(why))) => return Ok(not_read(&why, scenario)),
        Ok(Err(NotRead::Refused(error))) => return Err(error),
        Err(_) => return Ok(not_read("no answer within 10s", scenario)),
    };
    let warnings: Vec<_> = requests
        .iter()
        .map(|it| preflight::plan(it, &found.all).warnings)
        .collect();
    let is_network = found.routes.iter().all(|it| it.load_balancer.is_network());
    if is_network {
        scenario.load_balancer = Kind::Network;
    }
    for request in &mut *requests {
        request.routes = RoutesWanted::Listed(found.routes.iter().map(place).collect());
    }
    scenario.tasks = found.tasks.max(1);
    if let Some((healthy_after, deregistration_delay)) = found.group {
        scenario.healthy_after = healthy_after;
        scenario.deregistration_delay = deregistration_delay;
    }
    let mut said = words::plural(scenario.tasks as usize, "task");
    match &found.hour {
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
        Ok(_) if is_network => {
            said += &format!(
                "; a network load balancer counts no requests: {}",
                usual(scenario)
            );
        }
        Ok(_) => said += &format!("; nobody came in the last hour: {}", usual(scenario)),
        Err(why) => said += &format!("; its metrics can't be read ({why}): {}", usual(scenario)),
    }
    let mut base = Base::live(found.slot, said);
    for (request, warnings) in requests.iter().zip(warnings) {
        base.warn(Some(request.strategy.name()), warnings);
    }
    match found.alarms {
        Ok(alarms) => {
            let out = rehearse::not_rehearsed(&alarms, &found.names);
            scenario.alarms = Some(alarms);
            if !out.is_empty() {
                let out = out.join(", ");
                base.note(format!(
                    "quiet, for want of what they measure: alarms {out}"
                ));
            }
        }
        Err(why) => base.note(format!("the alarms can't be read ({why})")),
    }
    Ok(base)
}

fn not_read(why: &str, scenario: &Scenario) -> Base {
    let tasks = scenario.tasks;
    Base::stand_in(format!(
        "{tasks} tasks, {}: the service can't be read ({})",
        usual(scenario),
        short(why)
    ))
}

fn usual(scenario: &Scenario) -> String {
    format!("{} requests a second", scenario.requests)
}

/// The first part of an error that may have many.
fn short(why: &str) -> String {
    let first = why.lines().next().unwrap_or_default();
    match first.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &first[..end]),
        None => first.to_owned(),
    }
}

/// Why the live service isn't what is rehearsed on.
enum NotRead {
    Why(String),
    Refused(CliError),
}

impl<E: ToString> From<E> for NotRead {
    fn from(why: E) -> NotRead {
        NotRead::Why(why.to_string())
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
    all: Surroundings,
}

async fn read(global: &Global, config: &Config, request: &Request) -> Result<Found, NotRead> {
    // An error of the way to AWS has its parts behind colons.
    let unreached = |error: CliError| error.message.split(": ").next().map(str::to_owned);
    let (cloud, clock) = aws_alone(global, Some(config))
        .await
        .map_err(|error| unreached(error).unwrap_or_default())?;
    let now = clock.now();
    let ask = SurveyAsk {
        images: Vec::new(),
        definition: None,
        deadman: None,
        owned: Slots::default(),
        ..SurveyAsk::of(request)
    };
    let names = ask.alarms.clone();
    let found = survey(&cloud, ask, now).await?;
    let refused = |problems: Vec<Problem>| match problems.is_empty() {
        true => Ok(()),
        false => Err(NotRead::Refused(CliError::preflight(problems))),
    };
    refused(preflight::missing(request, &found))?;
    let (slot, routes) = serving(request, &found).ok_or("no slot serves everything")?;
    refused(preflight::missing_service(request, &found, slot))?;
    let service = found.services[slot].as_ref();
    let desired = service.and_then(|it| it["desiredCount"].as_u64());
    let groups: BTreeSet<_> = routes
        .iter()
        .flat_map(|it| {
            let carrying = it.weights.iter().filter(|(_, weight)| **weight > 0);
            carrying.map(|(group, _)| (it.load_balancer_of(group).clone(), group.clone()))
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
        alarms: alarms.map_err(|error| short(&error.to_string())),
        hour: hour.map_err(|error| short(&error.to_string())),
        all: found,
    })
}

/// Looks around; without the alarms where they can't be read. How long credentials last is nothing
/// to a rehearsal.
async fn survey(cloud: &Cloud, ask: SurveyAsk, now: Timestamp) -> Result<Surroundings, AwsError> {
    let found = match cloud.survey(&ask, now).await {
        Err(_) if !ask.alarms.is_empty() => {
            let alarms = Vec::new();
            cloud.survey(&SurveyAsk { alarms, ..ask }, now).await
        }
        found => found,
    };
    Ok(Surroundings {
        credentials_end: None,
        clock_ahead: None,
        ..found?
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
    if let Some(record) = forward.kind.record() {
        return RouteWanted::Record(RecordWanted {
            name: record.name.clone(),
            zone: None,
            kind: Some(record.kind),
            sets: None,
        });
    }
    RouteWanted::Place {
        load_balancer: forward.load_balancer.name().to_owned(),
        port: forward.port,
        host: forward.hosts.first().cloned(),
        path: forward.paths.first().cloned(),
        header: forward.headers.first().cloned(),
    }
}
