//! The ladder: steps that ask for requests need somebody to count them, and somebody to come.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Planning, Request};
use crate::deployment::ids::SlotName;
use crate::deployment::plan::{Kind, Route, StepPlan};
use crate::deployment::surroundings::Surroundings;

const MINUTES: u64 = 60;

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
    if request.kind != Kind::Deploy {
        by_time(&mut steps);
    } else if !request.asks_for_requests() {
    } else if routes.iter().all(|route| route.load_balancer.is_network()) {
        by_time(&mut steps);
        planning.warn(
            "a network load balancer counts no requests: steps that ask for some go by their bakes",
        );
    } else if let Some(history) = &found.metrics.history
        && history.slot == live
        && let Some(warning) = too_quiet(&steps, &history.day)
    {
        planning.warn(warning);
    }
    steps
}

/// What to say of the first step whose requests would take longer than it waits, from the
/// requests of each full hour of the last day.
fn too_quiet(steps: &[StepPlan], day: &BTreeMap<Timestamp, u64>) -> Option<String> {
    let (hour, requests) = day.last_key_value()?;
    let busiest = day.iter().max_by_key(|(_, requests)| **requests)?;
    let clock = |at: &Timestamp| at.strftime("%H:%M UTC").to_string();
    let (index, step, wanted) = steps.iter().enumerate().find_map(|(index, step)| {
        let wanted = step.until?;
        let a_minute = *requests as f64 / MINUTES as f64 * f64::from(step.weight.per_mille()) / 1e3;
        let enough = a_minute * wanted.at_most.as_secs_f64() / 60.0;
        (enough < wanted.requests as f64).then_some((index, step, wanted))
    })?;
    let came = match requests {
        0 => format!("no request came in the hour from {}", clock(hour)),
        _ => {
            let share = 100 * requests / (*busiest.1).max(1);
            let busy = clock(busiest.0);
            let a_minute = requests.div_ceil(MINUTES);
            format!(
                "about {a_minute} requests a minute came in the hour from {}, {share} % of the \
                 busiest one's of the last day ({busy})",
                clock(hour)
            )
        }
    };
    let minutes = (wanted.requests as f64 * 1e3 * MINUTES as f64)
        / (*requests as f64 * f64::from(step.weight.per_mille()));
    let takes = match requests {
        0 => "would not come".to_owned(),
        _ => {
            let takes = Duration::from_secs(minutes.min(1e9) as u64 * 60);
            format!("would take {}", humantime::format_duration(takes))
        }
    };
    Some(format!(
        "{came}: the {} requests that step {} asks for at {} {takes}; it waits {}, to {} then",
        wanted.requests,
        index + 1,
        step.weight,
        humantime::format_duration(wanted.at_most),
        wanted.too_few
    ))
}

#[cfg(test)]
mod tests {
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

    fn day(requests: &[u64]) -> BTreeMap<Timestamp, u64> {
        let hour = |hour: usize| Timestamp::from_second(3600 * hour as i64).expect("in range");
        let hours = requests.iter().enumerate();
        hours.map(|(at, requests)| (hour(at), *requests)).collect()
    }

    #[test]
    fn a_quiet_hour_is_told_with_the_busiest_one() {
        let steps = [step(50, 10), step(5, 300)];
        let said = too_quiet(&steps, &day(&[120_000, 6_000])).unwrap();
        assert_eq!(
            said,
            "about 100 requests a minute came in the hour from 01:00 UTC, 5 % of the busiest \
             one's of the last day (00:00 UTC): the 300 requests that step 2 asks for at 5% would \
             take 1h; it waits 10m, to go on without then"
        );
        let said = too_quiet(&steps, &day(&[120_000, 0])).unwrap();
        assert!(
            said.contains("no request came in the hour from 01:00 UTC"),
            "{said}"
        );
        assert!(
            said.contains("step 1 asks for at 50% would not come"),
            "{said}"
        );
    }

    #[test]
    fn an_hour_that_is_busy_enough_says_nothing() {
        let steps = [step(50, 10), step(5, 300)];
        assert_eq!(too_quiet(&steps, &day(&[10, 60_000])), None);
        assert_eq!(too_quiet(&steps, &day(&[])), None);
    }
}
