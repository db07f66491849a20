//! Limits that blue itself would cross: every good version would be reverted for them.

use crate::deployment::metrics::{History, MetricGuards};
use crate::judge::guards::percent_of;
use crate::judge::sequential::Count;

/// What to say of each limit that lies under blue's own level of the last hour.
pub(super) fn too_low(guards: &MetricGuards, history: &History) -> Vec<String> {
    let errors = guards.errors.and_then(|guard| {
        let blue = rate(failed(history))?;
        let what = "of blue's requests failed";
        told("errors", guard.limit(), (blue, what), least_above(blue, 2))
    });
    let latency = guards.latency.and_then(|guard| {
        let line = history.line?;
        let (blue, limit) = (line.exceeded, guard.limit_at(line));
        let what = "of blue's requests were slow";
        told("latency", limit, (blue, what), least_above(blue, 4))
    });
    let balancer = guards.load_balancer.and_then(|guard| {
        let (before, limit) = (guard.before?, guard.limit?);
        let what = "of all requests got the load balancer's own 5xx";
        told(
            "load_balancer",
            limit,
            (before, what),
            least_above(before, 3),
        )
    });
    errors.into_iter().chain(latency).chain(balancer).collect()
}

fn told(key: &str, limit: u32, (seen, what): (u32, &str), enough: u32) -> Option<String> {
    (seen > limit).then(|| {
        let set = match enough > seen {
            true => format!("set it to {}% or so", percent_of(enough)),
            false => format!("take {key} out"),
        };
        let [seen, limit] = [seen, limit].map(percent_of);
        format!(
            "{seen} % {what} in the last hour, over guards.metrics.{key}.limit ({limit}%): every \
             good version would be reverted; {set}"
        )
    })
}

/// Blue's requests of the last hour.
fn failed(history: &History) -> Count {
    history
        .minutes
        .iter()
        .fold(Count::default(), |sum, side| Count {
            requests: sum.requests + side.requests,
            bad: sum.bad + side.bad,
        })
}

/// In millionths; none without requests.
fn rate(count: Count) -> Option<u32> {
    let share = count.bad as f64 / count.requests as f64;
    (count.requests > 0).then(|| (share * 1e6).round() as u32)
}

/// So many times a rate in tenths of a percent, rounded up, and under everything.
fn least_above(rate: u32, times: u32) -> u32 {
    let tenth = 1_000;
    rate.saturating_mul(times)
        .div_ceil(tenth)
        .saturating_mul(tenth)
        .min(950_000)
}
