//! What a green that grows with its weight is like, and what that saves.

use std::time::Duration;

use super::{Planning, Request};
use crate::deployment::plan::{GreenCapacity, StepPlan};
use crate::judge::words::plural;

/// Notes green's sizes and the tasks' time that they save, without holds. Autoscaling lifts it to
/// `least` at once.
pub(super) fn note(
    request: &Request,
    (desired, least): (u32, u32),
    steps: &[StepPlan],
    planning: &mut Planning,
) {
    let capacity = request.green_capacity;
    let tasks = |step: &StepPlan| capacity.of(desired, step.weight).max(least.min(desired));
    if capacity == GreenCapacity::Full || steps.iter().all(|step| tasks(step) == desired) {
        return;
    }
    let mut sizes: Vec<String> = Vec::new();
    let mut last = 0;
    for step in steps {
        if tasks(step) != last {
            last = tasks(step);
            sizes.push(format!("{} at {}", plural(last, "task"), step.weight));
        }
    }
    let spent = |of: &dyn Fn(&StepPlan) -> u32| -> Duration {
        steps.iter().map(|step| step.bake * of(step)).sum()
    };
    let (whole, own) = (spent(&|_| desired), spent(&tasks));
    planning.note(format!(
        "green grows with its weight, ahead of each raise ({}): its tasks take {} instead of {}",
        sizes.join(", "),
        task_time(own),
        task_time(whole)
    ));
}

/// `75 task-minutes`, `3.5 task-hours`.
fn task_time(time: Duration) -> String {
    let minutes = time.as_secs_f64() / 60.0;
    match minutes < 120.0 {
        true => format!("{minutes:.0} task-minutes"),
        false => format!("{:.1} task-hours", minutes / 60.0),
    }
}
