//! Metric guards: what blue's last hour fixes, and what can't be judged.

use std::time::Duration;

use super::{Planning, Request, crossed, fine, limits};
use crate::deployment::ids::SlotName;
use crate::deployment::metrics::{Compared, MetricGuards, ThresholdGuard};
use crate::deployment::plan::{Kind, Route, StepPlan};
use crate::deployment::surroundings::Surroundings;
use crate::judge::guards::{ErrorGuard, MissingData, Watched};
use crate::strategy::{Weight, format_duration};

/// A minute, and the time until CloudWatch's figures of it are final.
const JUDGED_AFTER: Duration = Duration::from_secs(5 * 60);
/// So long, a step surely has a whole minute.
const WHOLE_MINUTE: Duration = Duration::from_secs(2 * 60);
/// Two minutes, and the time until two reads of the second one can have agreed.
const TWO_JUDGED: Duration = Duration::from_secs(3 * 60);
/// The second part of `JUDGED_AFTER`.
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
    if request.is_bare() {
        let asked = request.guards.metrics.as_ref()?;
        if *asked == MetricGuards::by_itself() {
            return None;
        }
        without_balancer(&mut guards, planning)?;
    } else if routes.iter().all(|route| route.load_balancer.is_network()) {
        let asked = request.guards.metrics.as_ref()?;
        if *asked == MetricGuards::by_itself() {
            return None;
        }
        without_requests(&mut guards, planning)?;
    }
    let asked = request.guards.metrics.as_ref();
    if let Some(refused) = &found.metrics.refused
        && asked.is_some_and(MetricGuards::judges_requests)
    {
        planning.problem(
            format!("guards.metrics can't be judged: {refused}"),
            "allow it (`bg iam-policy` prints what bg needs), or judge by alarms alone: \
             `metrics: off`",
        );
    }
    let history = found.metrics.history.as_ref();
    let history = history.filter(|history| history.slot == live);
    if guards == MetricGuards::by_itself() {
        leave_out_unjudgeable(&mut guards, request, history.is_some(), planning);
        let counts = guards.judges_anything() || request.asks_for_requests();
        counts.then_some(())?;
    }
    let remarks = guards.fix(history);
    remarks
        .warnings
        .into_iter()
        .for_each(|it| planning.warn(it));
    remarks.notes.into_iter().for_each(|it| planning.note(it));
    for warning in history
        .into_iter()
        .flat_map(|it| limits::too_low(&guards, it))
    {
        planning.warn(warning);
    }
    check_tried(&guards, found, request.limits.patience, planning);
    let before = crossed::before(&guards, &found.before, live);
    before.into_iter().for_each(|it| planning.warn(it));
    let tried = &found.metrics.tried;
    for warning in fine::too_fine(&guards, tried, request.limits.patience) {
        planning.warn(warning);
    }
    warn_of_short_bakes(&guards, &request.steps(), request.limits.patience, planning);
    Some(guards)
}

/// What nobody asked for is left out where its usual level isn't known, or where it is all over
/// before two minutes can be judged.
fn leave_out_unjudgeable(
    guards: &mut MetricGuards,
    request: &Request,
    is_known: bool,
    planning: &mut Planning,
) {
    let length: Duration = request.steps().iter().map(StepPlan::longest).sum();
    if length < TWO_JUDGED {
        guards.load_balancer = None;
    } else if !is_known {
        guards.load_balancer = None;
        planning.note(
            "the load balancer's own 5xx are not judged: their level of the last hour is not known",
        );
    }
}

/// Without a load balancer nothing counts answers, and nothing says what is whose share: fixed
/// limits alone can be judged.
fn without_balancer(guards: &mut MetricGuards, planning: &mut Planning) -> Option<()> {
    // What is judged by itself may be left out.
    let errors = guards.errors.take();
    let balancer = guards.load_balancer.take();
    let asked = [
        (
            "errors",
            errors.is_some_and(|it| it != ErrorGuard::default()),
        ),
        ("latency", guards.latency.take().is_some()),
        (
            "load_balancer",
            balancer.is_some_and(|it| it.limit.is_some()),
        ),
        ("compare", guards.compare.take().is_some()),
    ];
    let asked: Vec<_> = asked.iter().filter(|(_, it)| *it).map(|it| it.0).collect();
    if !asked.is_empty() || guards.thresholds.is_empty() {
        let what = match asked.is_empty() {
            true => "errors".to_owned(),
            false => asked.join(", "),
        };
        planning.problem(
            format!(
                "guards.metrics judges requests that a load balancer shares out ({what}), and the \
                 service has none"
            ),
            "take that out of `guards.metrics` in bg.yaml; `threshold` (on metrics of your own, \
             such as a queue's or the program's) and alarms work without one",
        );
        return None;
    }
    Some(())
}

/// A network load balancer counts no answers: what would judge them is left out where nobody asked
/// for it.
fn without_requests(guards: &mut MetricGuards, planning: &mut Planning) -> Option<()> {
    let watches = guards.watched().next().is_some();
    let errors = guards.errors.take();
    let errors = errors.is_some_and(|it| it != ErrorGuard::default());
    // The load balancer's own answers are judged by themselves, as failed requests are, unless
    // they are switched off.
    let balancer = guards.load_balancer.take();
    let asked = [
        ("errors", errors || (!watches && balancer.is_some())),
        ("latency", guards.latency.is_some()),
        (
            "load_balancer",
            balancer.is_some_and(|it| it.limit.is_some()),
        ),
    ];
    let asked: Vec<_> = asked.iter().filter(|(_, it)| *it).map(|it| it.0).collect();
    if !asked.is_empty() {
        planning.problem(
            format!(
                "guards.metrics counts HTTP answers ({}), and the service is behind a network load \
                 balancer, which has none",
                asked.join(", ")
            ),
            "take that out of `guards.metrics` in bg.yaml; `threshold`, `compare` and alarms work \
             with any load balancer",
        );
        return None;
    }
    planning.note(match watches {
        true => {
            "a network load balancer counts no HTTP answers: only `threshold` and `compare` are \
             judged"
        }
        false => "a network load balancer counts no HTTP answers: no metric is judged",
    });
    watches.then_some(())
}

/// What came of asking for the config's own metrics once.
fn check_tried(
    guards: &MetricGuards,
    found: &Surroundings,
    patience: Duration,
    planning: &mut Planning,
) {
    let none = found.metrics.tried.iter().map(|tried| tried.values == 0);
    let none: Vec<bool> = none.skip(guards.thresholds.len()).collect();
    let half = 2 * none.iter().filter(|it| **it).count() >= none.len();
    for (watched, tried) in guards.watched().zip(&found.metrics.tried) {
        let sparse = match watched {
            Watched::Threshold(guard) => guard.missing == MissingData::Ok,
            Watched::Compared(metric) => metric.values.missing_is_zero,
        };
        let name = fine::called(watched);
        if let Some(words) = &tried.refused {
            planning.problem(
                format!("CloudWatch refuses {name}: {words}"),
                "correct its metric or expression in bg.yaml",
            );
        } else if tried.values == 0 && !sparse {
            let then = match watched {
                Watched::Threshold(guard) => crossed_without_values(guard, patience),
                Watched::Compared(metric) => compared_without_values(metric, half, patience),
            };
            planning.warn(format!(
                "CloudWatch has no value of {name} in the last 15 minutes: are its names and \
                 dimensions right? If none comes, {then}"
            ));
        }
    }
}

/// What a fixed limit does without values, and the setting that changes it.
fn crossed_without_values(guard: &ThresholdGuard, patience: Duration) -> String {
    match guard.missing {
        MissingData::Revert => format!(
            "it reverts after {} (`missing: hold` waits first)",
            guard.how_often()
        ),
        _ => format!(
            "it holds and reverts after {} (`patience`); `missing: ok` goes on",
            format_duration(patience)
        ),
    }
}

/// What a comparison does without values, where half of its metrics have none or not, and the
/// setting that changes it.
fn compared_without_values(metric: &Compared, half: bool, patience: Duration) -> String {
    let periods = metric.periods_waited();
    if metric.critical {
        return format!("it reverts after {periods} periods, being `critical`");
    }
    if metric.must_have_data {
        return format!("it fails after {periods} periods (`must_have_data: false` leaves it out)");
    }
    if half {
        return format!(
            "the first step holds and reverts after {} (`patience`); `missing: zero` counts 0",
            format_duration(patience)
        );
    }
    format!("it is left out of the score after {periods} periods (`must_have_data: true` fails it)")
}

/// Green is beside blue under 100 % only, and a step's minutes are judged where they are whole. A
/// step that asks for requests counts them in judged minutes.
fn warn_of_unjudged_steps(steps: &[StepPlan], planning: &mut Planning) {
    let beside = steps.iter().filter(|step| step.weight < Weight::FULL);
    let Some(longest) = beside.map(StepPlan::longest).max() else {
        return planning.warn(
            "guards.metrics can't compare green with blue: this strategy has no step on which both \
             have traffic. At 100 % only fixed limits hold",
        );
    };
    if longest < WHOLE_MINUTE {
        planning.warn(format!(
            "guards.metrics can't compare green with blue: the longest bake beside it, {}, may hold \
             no whole minute between two shifts; give a step {} at least, or {} to be judged before \
             the next. Until 100 % only targets and alarms can stop it",
            format_duration(longest),
            format_duration(WHOLE_MINUTE),
            format_duration(JUDGED_AFTER)
        ));
    } else if longest < JUDGED_AFTER {
        planning.warn(format!(
            "guards.metrics judges a minute up to three minutes after its end: bakes shorter than \
             {} are over before any of their minutes is judged",
            format_duration(JUDGED_AFTER)
        ));
    }
}

fn warn_of_short_bakes(
    guards: &MetricGuards,
    steps: &[StepPlan],
    patience: Duration,
    planning: &mut Planning,
) {
    if guards.judges_requests() {
        warn_of_unjudged_steps(steps, planning);
    }
    let Some(compare) = &guards.compare else {
        return;
    };
    let needed = compare.metrics.iter().map(|metric| {
        let seconds = metric.values_needed() * metric.source.period.seconds();
        Duration::from_secs(u64::from(seconds)) + FINAL_AFTER
    });
    let needed = needed.max().unwrap_or_default();
    let compared = || steps.iter().filter(|step| step.weight < Weight::FULL);
    // Requests that a step asks for may be there by the end of its bake.
    if let Some(step) = compared().find(|step| step.bake + patience < needed) {
        planning.warn(format!(
            "guards.metrics.compare needs about {} for enough values, the bake at {} is {} and \
             `patience` {}: that step reverts before they are there, however good green is; give \
             it a longer bake, or more patience",
            format_duration(needed),
            step.weight,
            format_duration(step.bake),
            format_duration(patience)
        ));
    } else if let Some(step) = compared().find(|step| step.longest() < needed) {
        planning.warn(format!(
            "guards.metrics.compare needs about {} for enough values, the bake at {} is {}: that \
             step holds until they are there",
            format_duration(needed),
            step.weight,
            format_duration(step.bake)
        ));
    }
}
