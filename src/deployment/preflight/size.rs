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
        "green grows with its weight, ahead of each raise ({}): its tasks take {}",
        sizes.join(", "),
        instead(own, whole)
    ));
}

/// `25 instead of 40 task-minutes`, `1.5 instead of 2.2 task-hours`.
fn instead(own: Duration, whole: Duration) -> String {
    let [own, whole] = [own, whole].map(|time| time.as_secs_f64() / 60.0);
    match whole < 120.0 {
        true => format!("{own:.0} instead of {whole:.0} task-minutes"),
        false => {
            let [own, whole] = [own, whole].map(|minutes| minutes / 60.0);
            format!("{own:.1} instead of {whole:.1} task-hours")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_times_are_in_the_unit_of_the_longer() {
        let told = |own, whole| instead(Duration::from_mins(own), Duration::from_mins(whole));
        assert_eq!(told(25, 40), "25 instead of 40 task-minutes");
        assert_eq!(told(90, 132), "1.5 instead of 2.2 task-hours");
    }
}
