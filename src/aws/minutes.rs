//! What CloudWatch shows of a deployment's minutes, for its report: nothing is decided by it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::cloud::Cloud;
use super::error::AwsError;
use super::metrics::{datapoints, query};
use crate::deployment::ids::{LoadBalancerArn, SlotName, TargetGroupArn};
use crate::deployment::metrics::{Minutes, SideMinute, minute_of};
use crate::deployment::plan::Plan;

/// What is asked of each target group: the metric and the statistic.
const METRICS: [(&str, &str); 5] = [
    ("RequestCount", "Sum"),
    ("HTTPCode_Target_5XX_Count", "Sum"),
    ("TargetConnectionErrorCount", "Sum"),
    ("TargetResponseTime", "p50"),
    ("TargetResponseTime", "p95"),
];
/// Before the deployment began, for comparison.
const BEFORE: SignedDuration = SignedDuration::from_mins(5);
/// More would not fit into one answer of CloudWatch, nor on a screen.
const AT_MOST: SignedDuration = SignedDuration::from_hours(24);

/// A target group behind its load balancer, and whose it is.
type Asked = (SlotName, LoadBalancerArn, TargetGroupArn);

impl Cloud {
    /// Both sides' minutes from a little before the deployment began until `until`, 24 hours at
    /// most: one call for each 500 figures. Requests and failures are summed over a slot's target
    /// groups, response times are those of the slowest one. Network load balancers count no
    /// requests: there is nothing of them.
    ///
    /// # Errors
    /// When CloudWatch can't be read.
    pub async fn minutes(&self, plan: &Plan, until: Timestamp) -> Result<Minutes, AwsError> {
        let asked = asked(plan);
        let mut queries = Vec::new();
        for (_, balancer, group) in &asked {
            for (metric, statistic) in METRICS {
                let id = format!("q{}", queries.len());
                queries.push(query(id, metric, balancer, Some(group), statistic));
            }
        }
        let mut minutes = Minutes::new();
        if queries.is_empty() {
            return Ok(minutes);
        }
        let from = minute_of(plan.created_at) - BEFORE;
        let until = minute_of(until).min(from + AT_MOST).max(from);
        for result in self.metric_data(&queries, from, until).await? {
            let id = result
                .id()
                .and_then(|it| it.get(1..)?.parse::<usize>().ok());
            let Some(id) = id.filter(|id| *id < queries.len()) else {
                continue;
            };
            let slot = asked[id / METRICS.len()].0;
            for (at, value) in datapoints(&result) {
                let minute = minutes.entry(at).or_default();
                let side = match slot == plan.blue {
                    true => &mut minute.blue,
                    false => &mut minute.green,
                };
                take(side, id % METRICS.len(), value);
            }
        }
        Ok(minutes)
    }
}

/// Every target group of both slots, once.
fn asked(plan: &Plan) -> Vec<Asked> {
    let mut asked = BTreeSet::new();
    for route in &plan.routes {
        for slot in SlotName::BOTH {
            let balancer = route.load_balancer_of(slot);
            // Network load balancers have no such metrics.
            if balancer.dimension().starts_with("app/") {
                asked.insert((slot, balancer.clone(), route.groups[slot].clone()));
            }
        }
    }
    asked.into_iter().collect()
}

fn take(side: &mut SideMinute, metric: usize, value: f64) {
    let sum = |of: &mut Option<f64>| *of = Some(of.unwrap_or_default() + value);
    let most = |of: &mut Option<f64>| *of = Some(of.unwrap_or_default().max(1000.0 * value));
    match metric {
        0 => sum(&mut side.requests),
        1 | 2 => sum(&mut side.failed),
        3 => most(&mut side.p50),
        _ => most(&mut side.p95),
    }
}
