//! Metric guards: what blue's last hour fixes, and what can't be judged.

use std::time::Duration;

use super::{Planning, Request};
use crate::deployment::ids::SlotName;
use crate::deployment::metrics::MetricGuards;
use crate::deployment::plan::{Kind, Route, StepPlan};
use crate::deployment::surroundings::Surroundings;
use crate::judge::guards::{MissingData, Watched};
use crate::strategy::Weight;

/// A minute, and the time until CloudWatch's figures of it are final.
const JUDGED_AFTER: Duration = Duration::from_secs(5 * 60);
/// The second part of that.
const FINAL_AFTER: Duration = Duration::from_secs(3 * 60);

/// What is going to be judged. Metrics are judged for a new version only: what a hotfix or a
/// rollback leaves is worse.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    routes: &[Route],
    planning: &mut Planning,
) -> Option<MetricGuards> {
    let mut guards = request.metrics()?;
    if !matches!(request.kind, Kind::Deploy) {
        return None;
    }
    if routes.iter().all(|route| route.load_balancer.is_network()) {
        request.guards.metrics.as_ref()?;
        without_requests(&mut guards, planning)?;
    }
    let history = found.metrics.history.as_ref();
    let history = history.filter(|history| history.slot == live);
    let remarks = guards.fix(history);
    remarks
        .warnings
        .into_iter()
        .for_each(|it| planning.warn(it));
    remarks.notes.into_iter().for_each(|it| planning.note(it));
    check_tried(&guards, found, planning);
    warn_of_short_bakes(&guards, &request.steps(), planning);
    Some(guards)
}

/// A network load balancer counts no answers.
fn without_requests(guards: &mut MetricGuards, planning: &mut Planning) -> Option<()> {
    if guards.latency.is_some() || guards.watched().next().is_none() {
        planning.problem(
            "guards.metrics.errors and latency count HTTP answers, and the service is behind a \
             network load balancer, which has none",
            "take them out of `guards.metrics` in bg.yaml; `threshold`, `compare` and alarms work \
             with any load balancer",
        );
        return None;
    }
    guards.errors = None;
    guards.load_balancer = None;
    planning.note(
        "a network load balancer counts no HTTP answers: only `threshold` and `compare` are judged",
    );
    Some(())
}

/// What came of asking for the config's own metrics once.
fn check_tried(guards: &MetricGuards, found: &Surroundings, planning: &mut Planning) {
    for (watched, tried) in guards.watched().zip(&found.metrics.tried) {
        let (key, sparse) = match watched {
            Watched::Threshold(guard) => ("threshold", guard.missing == MissingData::Ok),
            Watched::Compared(metric) => ("compare", metric.values.missing_is_zero),
        };
        let name = format!("guards.metrics.{key} {:?}", watched.name());
        if let Some(words) = &tried.refused {
            planning.problem(
                format!("CloudWatch refuses {name}: {words}"),
                "correct its metric or expression in bg.yaml",
            );
        } else if tried.values == 0 && !sparse {
            planning.warn(format!(
                "CloudWatch has had no value of {name} on either slot in the last 15 minutes: are \
                 its names and dimensions right?"
            ));
        }
    }
}

fn warn_of_short_bakes(guards: &MetricGuards, steps: &[StepPlan], planning: &mut Planning) {
    let longest = steps.iter().map(|step| step.bake).max();
    if guards.judges_requests() && longest.is_some_and(|longest| longest < JUDGED_AFTER) {
        planning.warn(format!(
            "guards.metrics judges a minute up to three minutes after its end: bakes shorter than \
             {} are over before any of their minutes is judged",
            humantime::format_duration(JUDGED_AFTER)
        ));
    }
    let Some(compare) = &guards.compare else {
        return;
    };
    let needed = compare.metrics.iter().map(|metric| {
        let seconds = metric.values_needed() * metric.source.period.seconds();
        Duration::from_secs(u64::from(seconds)) + FINAL_AFTER
    });
    let needed = needed.max().unwrap_or_default();
    let too_short = |step: &&StepPlan| step.weight < Weight::FULL && step.bake < needed;
    if let Some(step) = steps.iter().find(too_short) {
        planning.warn(format!(
            "guards.metrics.compare needs about {} for enough values, the bake at {} is {}: that \
             step holds until they are there",
            humantime::format_duration(needed),
            step.weight,
            humantime::format_duration(step.bake)
        ));
    }
}
