//! From what is wanted and what was found to a plan, or to everything that stands in its way:
//! all of it at once, before anything changes. Pure.

mod bare;
mod capacity;
mod crossed;
mod deadman;
mod definition;
mod discovery;
mod dns;
mod fine;
mod fits;
mod gates;
mod idle;
mod instances;
mod limits;
mod metrics;
mod mixed_up;
mod own_scaling;
pub mod refusals;
mod request;
mod routes;
mod scaling;
mod services;
mod size;
mod steps;
mod strangers;
mod tags;
mod test_routes;
mod under_way;
mod user_pools;
mod watching;

use std::time::Duration;

use serde_json::Value;

pub use request::{
    AlarmWanted, DefinitionWanted, Discovery, GuardsWanted, Request, RouteWanted, RoutesWanted,
    Side, SlotWanted, TargetWanted, WhenUnchanged,
};

pub use definition::launch;
pub use idle::{IdleDefinition, UnlikeGroups, UnlikeSetting};
pub use mixed_up::mixed_up;
pub use strangers::in_words as strangers_in_words;
pub use under_way::under_way;

use super::ids::SlotName;
use super::plan::{GreenService, Plan};
use super::problem::Problem;
use super::surroundings::Surroundings;
use super::task_definition::Change;

/// What planning came to.
#[derive(Debug, Clone, Default)]
pub struct Planning {
    /// What is going to happen; `None` where a problem forbids it.
    pub plan: Option<Plan>,
    /// The task definition to register; it never reaches the journal.
    pub body: Option<Value>,
    /// What the task definition changes.
    pub changes: Vec<Change>,
    /// What green's existing service has otherwise than blue's, and what becomes of it, in words.
    pub differences: Vec<String>,
    /// What somebody set in the idle slot since it served, and no deployment registered.
    pub idle_definition: Option<IdleDefinition>,
    /// Target groups of both slots that differ.
    pub groups: Vec<UnlikeGroups>,
    /// Everything that forbids it.
    pub problems: Vec<Problem>,
    /// What one should know before.
    pub warnings: Vec<String>,
    /// What one may want to know.
    pub notes: Vec<String>,
    /// Whether blue already runs just this.
    pub unchanged: bool,
    /// How soon a new target can be healthy at the earliest.
    pub healthy_after: Option<Duration>,
}

impl Planning {
    fn problem(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.refuse(Problem::new(what, fix));
    }

    fn refuse(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

/// Plans.
pub fn plan(request: &Request, found: &Surroundings) -> Planning {
    let mut planning = Planning {
        notes: found.notes.clone(),
        ..Planning::default()
    };
    check_place(request, found, &mut planning);
    deadman::check_role(request, found, &mut planning);
    let groups = routes::groups(request, found, &mut planning);
    if let Some(problem) = groups.as_ref().and_then(|it| services::mixed_up(found, it)) {
        planning.refuse(problem);
        return planning;
    }
    let test_routes = groups.as_ref().map_or_else(Vec::new, |slots| {
        test_routes::find(request, found, slots, &mut planning)
    });
    let routes = groups.as_ref().map(|slots| match request.is_bare() {
        true => Vec::new(),
        false => routes::find(request, found, slots, &mut planning),
    });
    dns::check(
        request,
        found,
        routes.as_deref().unwrap_or_default(),
        &mut planning,
    );
    let live = match request.is_bare() {
        true => bare::live_slot(request, found, &mut planning),
        false => routes
            .as_ref()
            .filter(|routes| !routes.is_empty())
            .and_then(|routes| routes::live_slot(request, found, routes, &mut planning)),
    };
    let (Some(slots), Some(routes), Some(live)) = (groups, routes, live) else {
        services::check_exist(request, found, &mut planning);
        watching::check_alarms(request, found, SlotName::A, &mut planning);
        return planning;
    };
    user_pools::check(request, found, &slots, &mut planning);
    let slots = services::fill_targets(request, found, live, slots, &mut planning);
    let green = services::check(request, found, live, &slots, &mut planning);
    let desired = capacity::check(request, found, live, &slots, &mut planning);
    strangers::check(request, found, live, &slots, &mut planning);
    let definition = definition::decide(request, found, live, &slots, &mut planning);
    idle::check(found, live, &slots, definition.as_ref(), &mut planning);
    let guards = watching::guards(request, found, live, &routes, &mut planning);
    let gates = gates::check(request, found, &slots, &mut planning);
    let scaling = scaling::check(request, found, live, &slots, &mut planning);
    let steps = steps::check(request, found, live, &routes, &mut planning);
    let deadman = deadman::check(request, found, &routes, &mut planning);
    watching::warn_of_time(request, found, &slots, &routes, &mut planning);
    discovery::check(request, found, live, &mut planning);
    bare::check(request, &steps, &mut planning);
    if let (Some(green), Some(desired), Some(definition), true) =
        (green, desired, definition, planning.problems.is_empty())
    {
        let source = match green {
            GreenService::Create { source } | GreenService::Update { source } => source,
        };
        let least = scaling.as_ref().map_or(0, |it| it.min);
        size::note(request, (desired, least), &steps, &mut planning);
        planning.body = definition.body;
        planning.plan = Some(Plan {
            id: request.id.clone(),
            kind: request.kind.clone(),
            service: request.service.clone(),
            cluster: request.cluster.clone(),
            account: found.account.clone(),
            region: found.region.clone(),
            created_at: found.now,
            blue: live,
            slots,
            tasks: request.is_bare().then_some(definition.tasks),
            task_definition: definition.new,
            blue_task_definition: definition.blue,
            green,
            desired,
            green_capacity: request.green_capacity,
            warnings: Vec::new(),
            notes: Vec::new(),
            changes: Vec::new(),
            settings: found.services[source]
                .as_ref()
                .map_or(Value::Null, super::clone::settings),
            routes,
            test_routes,
            strategy: request.strategy.name().to_owned(),
            steps,
            guards,
            gates,
            limits: request.limits.clone(),
            retire: request.retire.clone(),
            scaling,
            deadman,
            traceparent: None,
        });
    }
    planning
}

/// What `request` names and isn't there: account and cluster, slots' services and target groups,
/// routes, alarms.
pub fn missing(request: &Request, found: &Surroundings) -> Vec<Problem> {
    let mut planning = Planning::default();
    check_place(request, found, &mut planning);
    if let Some(slots) = routes::groups(request, found, &mut planning) {
        let forwards = routes::of_slots(request, found, &slots);
        routes::check_listed_exist(request, found, &forwards, &mut planning);
    }
    for problem in &found.dns.problems {
        planning.refuse(problem.clone());
    }
    services::check_exist(request, found, &mut planning);
    watching::check_alarms_exist(request, found, &mut planning);
    planning.problems
}

/// That slot `live` has no service, where it has none.
pub fn missing_service(request: &Request, found: &Surroundings, live: SlotName) -> Vec<Problem> {
    let mut planning = Planning::default();
    if found.services[live].is_none() {
        services::missing(request, found, live, &mut planning);
    }
    planning.problems
}

fn check_place(request: &Request, found: &Surroundings, planning: &mut Planning) {
    if let Some(account) = request
        .account
        .as_ref()
        .filter(|wanted| **wanted != found.account)
    {
        planning.problem(
            format!(
                "the credentials are for account {}, the config says {account}",
                found.account
            ),
            "use the other account's credentials (--profile), or correct `account` in bg.yaml",
        );
    }
    for arn in request.arns() {
        let mut parts = arn.split(':').skip(3);
        let (region, account) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if region != found.region {
            planning.problem(
                format!(
                    "{arn} is in region {region}, and bg works in {}",
                    found.region
                ),
                format!("set `region: {region}` or --region {region}, or correct the ARN"),
            );
        }
        if account != found.account {
            planning.problem(
                format!(
                    "{arn} is of account {account}, the credentials are for {}",
                    found.account
                ),
                "use the other account's credentials (--profile), or correct the ARN",
            );
        }
    }
    if !found.cluster_exists {
        let some = found.clusters.join(", ");
        let fix = if some.is_empty() {
            "the region has no clusters: is it the right region and account?".to_owned()
        } else {
            format!("set `cluster` to one that exists: {some}")
        };
        planning.problem(
            format!(
                "there is no cluster {} in {}",
                request.cluster, found.region
            ),
            fix,
        );
    }
}

#[cfg(test)]
mod tests;
