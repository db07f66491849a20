//! What a deployment would do: differences, timeline with clock times, preflight.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::idle;
use super::line::{StyledLine, Tone, width};
use super::view::Role;
use super::words;
use crate::deployment::metrics::MetricGuards;
use crate::deployment::plan::{GreenService, Kind, Plan, RetireHow, StepPlan};
use crate::deployment::preflight::{IdleDefinition, UnlikeGroups};
use crate::deployment::problem::Problem;
use crate::deployment::retire;
use crate::deployment::task_definition::Change;
use crate::strategy::Weight;

/// Everything that `bg plan` found. As JSON it is the document of `plan --output json`: lengths
/// of time are seconds, moments RFC 3339.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// When it was found.
    pub now: Timestamp,
    /// What would be done; null where it could not be made because of the problems.
    pub plan: Option<Plan>,
    /// Whether green would run what blue runs already, so that there is nothing to do.
    pub unchanged: bool,
    /// How the task definition would differ from the one that blue runs.
    pub changes: Vec<Change>,
    /// How green's service, if it exists, differs from blue's, and what becomes of that.
    pub differences: Vec<String>,
    /// What somebody set in the idle slot after something else had served there.
    pub idle_definition: Option<IdleDefinition>,
    /// Where green's target groups differ from blue's; they keep what they have.
    pub groups: Vec<UnlikeGroups>,
    /// How soon green can be healthy at the earliest, in seconds; null where that isn't known.
    #[serde(with = "crate::deployment::seconds::option")]
    pub healthy_after: Option<Duration>,
    /// What refuses the deployment.
    pub problems: Vec<Problem>,
    /// What deserves a look, and refuses nothing.
    pub warnings: Vec<String>,
    /// What is good to know.
    pub notes: Vec<String>,
}

/// `report` for people.
pub fn text(report: &PlanReport) -> Vec<StyledLine> {
    let mut parts = Vec::new();
    if let Some(plan) = &report.plan {
        parts.push(summary(plan));
    }
    parts.push(changes(report));
    if let Some(plan) = &report.plan {
        parts.push(green(plan, &report.differences));
        parts.push(
            report
                .idle_definition
                .iter()
                .flat_map(idle::definition)
                .collect(),
        );
        parts.push(idle::groups(&report.groups));
        if !report.unchanged {
            parts.push(timeline(plan, report));
        }
        parts.push(guards(plan));
    }
    parts.push(preflight(report));
    parts.push(vec![verdict(report)]);
    parts.retain(|part| !part.is_empty());
    parts.join(&StyledLine::new())
}

fn title(text: impl AsRef<str>) -> StyledLine {
    StyledLine::of(Tone::Strong, text)
}

pub(super) fn item() -> StyledLine {
    StyledLine::new().plain("  ")
}

fn summary(plan: &Plan) -> Vec<StyledLine> {
    let what = match &plan.kind {
        Kind::Deploy => "Deploy",
        Kind::Hotfix { .. } => "Hotfix",
        Kind::Rollback => "Roll back to",
    };
    let slot = |role| {
        let slot = if role == Role::Blue {
            plan.blue
        } else {
            plan.green_slot()
        };
        (slot, &plan.slots[slot].service)
    };
    let (blue, blue_service) = slot(Role::Blue);
    let (green, green_service) = slot(Role::Green);
    let definition = plan.blue_task_definition.short();
    let version = words::version(plan);
    let mut lines = vec![
        title(format!("{what} {version}, {}", words::by_pace(plan))),
        field(
            "service",
            format!(
                "{} in cluster {}, {} {}",
                plan.service, plan.cluster, plan.account, plan.region
            ),
        ),
        field(
            "blue",
            format!("slot {blue}, service {blue_service}, {definition}"),
        ),
        field(
            "green",
            format!(
                "slot {green}, service {green_service}, {}",
                tasks(plan.desired)
            ),
        ),
    ];
    if let Kind::Hotfix { reason } = &plan.kind {
        lines.push(field("reason", reason.clone()));
    }
    if plan.is_bare() {
        lines.push(field(
            "routes",
            "none: there is no load balancer, and green works as soon as its tasks run".to_owned(),
        ));
    }
    for (at, route) in plan.routes.iter().enumerate() {
        let sticky = route
            .sticky
            .map(|length| format!(", sticky for {}", words::length(length)));
        let text = format!("{}{}", route.label, sticky.unwrap_or_default());
        lines.push(field(if at == 0 { "routes" } else { "" }, text));
    }
    for (at, route) in plan.test_routes.iter().enumerate() {
        let text = format!("{}, on green before production is", route.label);
        lines.push(field(if at == 0 { "test" } else { "" }, text));
    }
    lines
}

fn tasks(count: u32) -> String {
    words::plural(count as usize, "task")
}

fn field(label: &str, text: String) -> StyledLine {
    item().with(Tone::Dim, label).to_column(11).plain(text)
}

fn changes(report: &PlanReport) -> Vec<StyledLine> {
    if report.changes.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![title("Task definition")];
    lines.extend(changed(&report.changes));
    lines
}

/// A line for each change, values under each other.
pub(super) fn changed(changes: &[Change]) -> Vec<StyledLine> {
    let widest = changes.iter().map(|change| width(&change.path)).max();
    let column = widest.unwrap_or(0).min(60) + 6;
    let lines = changes.iter().map(|change| {
        let path = |tone, mark| {
            item()
                .with(tone, mark)
                .plain(" ")
                .plain(&change.path)
                .to_column(column)
        };
        match (&change.before, &change.after) {
            (Some(before), Some(after)) => path(Tone::Warn, "~")
                .with(Tone::Bad, before)
                .with(Tone::Dim, " -> ")
                .with(Tone::Good, after),
            (None, Some(after)) => path(Tone::Good, "+").with(Tone::Good, after),
            (Some(before), None) => path(Tone::Bad, "-").with(Tone::Bad, before),
            (None, None) => path(Tone::Warn, "~"),
        }
    });
    lines.collect()
}

fn green(plan: &Plan, differences: &[String]) -> Vec<StyledLine> {
    let how = match plan.green {
        GreenService::Create { source } => format!("is created from slot {source}'s"),
        GreenService::Update { source } if source == plan.green_slot() => {
            "keeps its own settings".to_owned()
        }
        GreenService::Update { source } => format!("gets the settings of slot {source}'s"),
    };
    let mut lines = vec![title("Green's service").plain(format!(" {how}"))];
    lines.extend(
        differences
            .iter()
            .map(|difference| item().plain(difference)),
    );
    lines
}

/// The moments of the plan, from its start: how long after it, and what happens.
fn moments(plan: &Plan, healthy_after: Duration) -> Vec<(Duration, String)> {
    let settle = phrase(" and stays so for ", plan.guards.healthy_for);
    let within = words::length(plan.limits.healthy_within);
    // Autoscaling lifts it to that at once.
    let least = plan
        .scaling
        .as_ref()
        .map_or(0, |it| it.min.min(plan.desired));
    let provision = format!(
        "provision green ({}), until it is healthy (within {within}){settle}",
        tasks(plan.green_tasks(Weight::ZERO).max(least))
    );
    let mut moments = vec![(Duration::ZERO, provision)];
    let mut at = healthy_after.saturating_add(plan.guards.healthy_for);
    for step in &plan.steps {
        let what = match plan.is_bare() {
            true => format!("green works beside blue{}", phrase(", for ", step.bake)),
            false => format!("{} of traffic to green{}", step.weight, stay(plan, step)),
        };
        moments.push((at, what));
        at = at.saturating_add(plan.ttl()).saturating_add(step.bake);
    }
    moments.push((at, "promote green".into()));
    if plan.retire.then != RetireHow::Keep {
        let how = words::retire(plan.retire.then);
        let most = words::length(plan.retire.at_most);
        let text = match plan.is_bare() {
            true => format!("retire blue: it is {how}; until then both versions work"),
            false => {
                format!("retire blue: it is {how} once its traffic is gone, {most} later at most")
            }
        };
        let promoted = Timestamp::UNIX_EPOCH;
        let due = retire::due(plan, promoted).map_or(promoted, |due| due.at);
        let kept = words::between(promoted, due);
        moments.push((at.saturating_add(kept), text));
    }
    moments
}

/// How long green stays at a step's weight.
fn stay(plan: &Plan, step: &StepPlan) -> String {
    let dns = match plan.ttl() {
        Duration::ZERO => String::new(),
        ttl => format!(", {} for DNS", words::length(ttl)),
    };
    let bake = phrase(", bake for ", step.bake);
    let wanted = step.until.map(|until| format!(", and until {until}"));
    format!("{dns}{bake}{}", wanted.unwrap_or_default())
}

/// Nothing where there is no time to speak of.
fn phrase(before: &str, length: Duration) -> String {
    match length.is_zero() {
        true => String::new(),
        false => format!("{before}{}", words::length(length)),
    }
}

fn timeline(plan: &Plan, report: &PlanReport) -> Vec<StyledLine> {
    let healthy = report.healthy_after.unwrap_or_default();
    let total = healthy
        .saturating_add(plan.guards.healthy_for)
        .saturating_add(plan.shift_length());
    let total = match total.is_zero() {
        true => String::new(),
        false => format!(
            ": {} until green is promoted, at the earliest",
            words::length(total)
        ),
    };
    let headline = title("Timeline").plain(format!(" in UTC, if it began now{total}"));
    let mut lines = vec![headline];
    lines.extend(moments(plan, healthy).into_iter().map(|(after, what)| {
        let (clock, offset) = (
            words::clock(words::later(report.now, after)),
            words::offset(after),
        );
        item()
            .with(Tone::Dim, format!("{clock}  {offset:>8}"))
            .plain("  ")
            .plain(what)
    }));
    if report.healthy_after.is_none() {
        let text = "how long green takes to become healthy is not known, and comes on top";
        lines.push(item().with(Tone::Dim, text));
    }
    lines
}

fn guards(plan: &Plan) -> Vec<StyledLine> {
    let (ready, min) = (plan.guards.ready, plan.guards.min);
    let mut lines = vec![
        title("Guards"),
        match plan.is_bare() {
            true => field(
                "tasks",
                format!("{ready} of green healthy to begin with, {min} afterwards"),
            ),
            false => field(
                "targets",
                format!("{ready} of green healthy before a shift, {min} afterwards"),
            ),
        },
    ];
    for (at, alarm) in plan.guards.alarms.iter().enumerate() {
        lines.push(field(
            if at == 0 { "alarms" } else { "" },
            alarm.name.to_string(),
        ));
    }
    let metrics = plan.guards.metrics.iter().flat_map(MetricGuards::lines);
    for (at, line) in metrics.enumerate() {
        lines.push(field(if at == 0 { "metrics" } else { "" }, line));
    }
    for (at, gate) in plan.gates.iter().enumerate() {
        let places: Vec<String> = gate.at.iter().map(|at| at.told(plan)).collect();
        let places = places.join(" and ");
        let within = words::length(gate.within);
        let line = format!("{} {places}: {}; {within} at most", gate.name, gate.check);
        lines.push(field(if at == 0 { "gates" } else { "" }, line));
    }
    let deadman = plan.deadman.as_ref();
    if let Some(deadman) = deadman.filter(|_| !plan.lifts_demands_on_blue()) {
        let after = words::length(deadman.after);
        let text = format!("AWS itself puts everything on blue {after} after the last push-out");
        lines.push(field("dead-man", text));
    }
    lines
}

fn preflight(report: &PlanReport) -> Vec<StyledLine> {
    let mut lines = Vec::new();
    for problem in &report.problems {
        lines.push(
            item()
                .with(Tone::Bad, "problem")
                .to_column(11)
                .plain(&problem.what),
        );
        lines.push(
            item()
                .with(Tone::Dim, "    fix")
                .to_column(11)
                .plain(&problem.fix),
        );
    }
    for warning in &report.warnings {
        lines.push(
            item()
                .with(Tone::Warn, "warning")
                .to_column(11)
                .plain(warning),
        );
    }
    for note in &report.notes {
        lines.push(item().with(Tone::Dim, "note").to_column(11).plain(note));
    }
    if !lines.is_empty() {
        lines.insert(0, title("Preflight"));
    }
    lines
}

fn verdict(report: &PlanReport) -> StyledLine {
    match (report.problems.len(), report.unchanged) {
        (0, true) => {
            title("Unchanged: blue runs this already; `bg deploy --force` deploys it anyway")
        }
        (0, false) => title("Ready: `bg deploy` would do this. Nothing was changed."),
        (n, _) => StyledLine::of(Tone::Bad, "Refused").plain(format!(
            ": {} to mend first. Nothing was changed.",
            words::plural(n, "problem")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stories;
    use super::*;
    use crate::deployment::metrics::LatencyGuard;
    use crate::judge::guards::Line;

    fn report() -> PlanReport {
        let change = |path: &str, before: Option<&str>, after: Option<&str>| Change {
            path: path.into(),
            before: before.map(Into::into),
            after: after.map(Into::into),
        };
        PlanReport {
            now: stories::at(0),
            plan: Some(stories::plan()),
            unchanged: false,
            changes: vec![
                change(
                    "containerDefinitions.app.image",
                    Some("shop:v1"),
                    Some("shop:v2"),
                ),
                change(
                    "containerDefinitions.app.environment.DB_PASSWORD",
                    Some("(masked)"),
                    Some("(masked, changed)"),
                ),
                change(
                    "containerDefinitions.app.environment.FEATURE",
                    None,
                    Some("on"),
                ),
                change("volumes.cache", Some("{}"), None),
            ],
            differences: vec!["healthCheckGracePeriodSeconds: 0 -> 30".into()],
            idle_definition: None,
            groups: vec![],
            healthy_after: Some(Duration::from_secs(90)),
            problems: vec![],
            warnings: vec!["alarm shop-latency notices after 6m, the first bake takes 5m".into()],
            notes: vec!["slot b's service was deployed last on 2026-01-02".into()],
        }
    }

    fn told(report: &PlanReport) -> String {
        text(report)
            .iter()
            .map(|line| line.to_string() + "\n")
            .collect()
    }

    #[test]
    fn a_plan_shows_differences_times_and_preflight() {
        insta::assert_snapshot!("plan_ready", told(&report()));
    }

    fn planned(records: &[crate::deployment::event::Record]) -> PlanReport {
        let crate::deployment::event::Event::Started { plan } = &records[0].event else {
            panic!("a story begins with its plan");
        };
        PlanReport {
            plan: Some((**plan).clone()),
            healthy_after: Some(Duration::ZERO),
            ..report()
        }
    }

    #[test]
    fn a_rollback_says_nothing_of_times_that_are_none() {
        let told = told(&planned(&stories::rollback()));
        for said in [
            "Timeline in UTC, if it began now\n",
            "provision green (2 tasks), until it is healthy (within 10m)\n",
            "100% of traffic to green\n",
        ] {
            assert!(told.contains(said), "{said} is missing from\n{told}");
        }
        assert!(!told.contains(" 0s"), "{told}");
    }

    #[test]
    fn a_worker_has_no_weights_to_shift() {
        let told = told(&planned(&stories::worker()));
        for said in [
            "Deploy registry.example/shop:v2, no weights to shift\n",
            "green works beside blue, for 5m\n",
        ] {
            assert!(told.contains(said), "{said} is missing from\n{told}");
        }
        assert!(!told.contains("inline"), "{told}");
    }

    #[test]
    fn a_refused_plan_lists_every_problem_with_its_way_out() {
        let problem = |what: &str, fix: &str| Problem {
            what: what.into(),
            fix: fix.into(),
        };
        let mut report = report();
        report.problems = vec![
            problem(
                "target group shop-b doesn't exist",
                "create it beside shop-a, or name another in bg.yaml",
            ),
            problem(
                "alarm shop-5xx is in ALARM already",
                "wait until it is OK, or --ignore-alarm shop-5xx",
            ),
        ];
        report.plan = None;
        report.changes.clear();
        insta::assert_snapshot!("plan_refused", told(&report));
    }

    #[test]
    fn each_metric_that_is_judged_is_shown_with_its_figures() {
        let mut report = report();
        let plan = report.plan.as_mut().unwrap();
        plan.guards.metrics = Some(MetricGuards {
            latency: Some(LatencyGuard {
                line: Some(Line {
                    micros: 235_000,
                    exceeded: 50_000,
                }),
                ..LatencyGuard::default()
            }),
            ..MetricGuards::default()
        });
        let told = told(&report);
        for needed in [
            "  metrics  failed requests: no more than 25 % above blue's, and 1 % at most with all \
             traffic\n",
            "           requests over 235 ms (p95 of blue's last hour): no more than 25 % above \
             blue's, and 20 % at most with all traffic\n",
            "           the load balancer's own 5xx: 0.05 % of all requests at most\n",
        ] {
            assert!(told.contains(needed), "{needed} is missing from\n{told}");
        }
    }

    #[test]
    fn nothing_to_do_is_said() {
        let report = PlanReport {
            unchanged: true,
            changes: vec![],
            ..report()
        };
        assert!(told(&report).contains("Unchanged"));
        assert!(!told(&report).contains("Timeline"));
    }

    #[test]
    fn the_document_reads_back_as_itself() {
        let json = serde_json::to_string(&report()).unwrap();
        assert_eq!(serde_json::from_str::<PlanReport>(&json).unwrap(), report());
    }
}
