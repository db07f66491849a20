//! The ladder: steps that ask for requests need somebody to count them, and somebody to come.

use std::time::Duration;

use super::{Planning, Request};
use crate::deployment::ids::SlotName;
use crate::deployment::metrics::Day;
use crate::deployment::plan::{Kind, Route, StepPlan};
use crate::deployment::surroundings::Surroundings;
use crate::strategy::format_duration;

/// The plan's steps. What asks for requests that nothing counts goes by time.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    live: SlotName,
    routes: &[Route],
    planning: &mut Planning,
) -> Vec<StepPlan> {
    let mut steps = request.steps();
    let by_time = |steps: &mut Vec<StepPlan>| steps.iter_mut().for_each(|step| step.until = None);
    if request.kind != Kind::Deploy || request.is_bare() {
        by_time(&mut steps);
    } else if !request.asks_for_requests() {
    } else if routes.iter().all(|route| route.load_balancer.is_network()) {
        by_time(&mut steps);
        planning.warn(
            "a network load balancer counts no requests: steps that ask for some go by their bakes",
        );
    } else if let Some(history) = &found.metrics.history
        && history.slot == live
        && let Some(warning) = history.day.as_ref().and_then(|day| too_quiet(&steps, day))
    {
        planning.warn(warning);
    }
    steps
}

/// What to say of the first step whose requests would take longer than it waits.
fn too_quiet(steps: &[StepPlan], day: &Day) -> Option<String> {
    let a_minute = day.lately;
    let takes = |step: &StepPlan, requests: u64| {
        let of_green = a_minute * f64::from(step.weight.per_mille()) / 1e3;
        requests as f64 / of_green
    };
    let (index, step, wanted) = steps.iter().enumerate().find_map(|(index, step)| {
        let wanted = step.until?;
        let minutes = takes(step, wanted.requests);
        (minutes * 60.0 > wanted.at_most.as_secs_f64()).then_some((index, step, wanted))
    })?;
    let busiest = day.hours.iter().max_by_key(|(_, requests)| **requests);
    let busiest = busiest.map(|(hour, requests)| {
        let a_minute = requests.div_ceil(60);
        let hour = hour.strftime("%H:%M UTC");
        format!(" (about {a_minute} from {hour} on, the busiest hour)")
    });
    let busiest = busiest.unwrap_or_default();
    let takes = match a_minute > 0.0 {
        false => "would not come".to_owned(),
        true => {
            let minutes = takes(step, wanted.requests).clamp(1.0, 1e6) as u64;
            let takes = format_duration(Duration::from_secs(60 * minutes));
            format!("would take {takes}")
        }
    };
    let come = come(a_minute);
    Some(format!(
        "{come} now{busiest}: step {} at {} asks for {}, which {takes}; it waits {}, then: {}",
        index + 1,
        step.weight,
        wanted.requests,
        format_duration(wanted.at_most),
        wanted.too_few
    ))
}

/// `about 100 requests a minute come`.
fn come(a_minute: f64) -> String {
    match a_minute.round() {
        _ if a_minute <= 0.0 => "no requests come".to_owned(),
        0.0 => "less than one request a minute comes".to_owned(),
        1.0 => "about 1 request a minute comes".to_owned(),
        many => format!("about {many:.0} requests a minute come"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::strategy::{TooFew, Until, Weight};

    fn step(percent: u16, requests: u64) -> StepPlan {
        let bake = Duration::from_secs(120);
        let until = Until {
            requests,
            at_most: Duration::from_secs(600),
            too_few: TooFew::Proceed,
        };
        StepPlan {
            until: Some(until),
            ..StepPlan::new(
                Weight::of_percent(percent).expect("it is a percentage"),
                bake,
            )
        }
    }

    fn day(lately: f64, hours: &[u64]) -> Day {
        let hour = |hour: usize| Timestamp::from_second(3600 * hour as i64).expect("in range");
        let hours = hours.iter().enumerate();
        Day {
            lately,
            hours: hours.map(|(at, requests)| (hour(at), *requests)).collect(),
        }
    }

    #[test]
    fn a_quiet_hour_is_told_with_the_busiest_one() {
        let steps = [step(50, 10), step(5, 300)];
        let said = too_quiet(&steps, &day(100.0, &[120_000, 6_000])).unwrap();
        assert_eq!(
            said,
            "about 100 requests a minute come now (about 2000 from 00:00 UTC on, the busiest hour): \
             step 2 at 5% asks for 300, which would take 1h; it waits 10m, then: go on without"
        );
        let said = too_quiet(&steps, &day(0.0, &[])).unwrap();
        assert!(
            said.starts_with("no requests come now: step 1 at 50% asks for 10"),
            "{said}"
        );
        assert!(said.contains("which would not come"), "{said}");
    }

    #[test]
    fn few_requests_are_counted_as_one_says_them() {
        assert_eq!(come(0.2), "less than one request a minute comes");
        assert_eq!(come(0.8), "about 1 request a minute comes");
        assert_eq!(come(1.6), "about 2 requests a minute come");
    }

    #[test]
    fn an_hour_that_is_busy_enough_says_nothing() {
        let steps = [step(50, 10), step(5, 300)];
        assert_eq!(too_quiet(&steps, &day(1_000.0, &[10])), None);
    }
}
