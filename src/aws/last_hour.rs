//! What a service has served in the last hour: the base of a rehearsal.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::cloud::Cloud;
use super::error::AwsError;
use super::metrics::{datapoints, query};
use crate::deployment::ids::{LoadBalancerArn, TargetGroupArn};
use crate::deployment::metrics::minute_of;

/// What was served in an hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LastHour {
    /// Requests.
    pub requests: u64,
    /// Of them, those that a target answered with 5xx.
    pub failed: u64,
    /// How long answers took, in the middle; none where nobody came.
    pub latency: Option<Duration>,
}

impl Cloud {
    /// What these groups have served behind these load balancers in the hour before `now`.
    ///
    /// # Errors
    /// When CloudWatch can't be read.
    pub async fn last_hour(
        &self,
        groups: &[(LoadBalancerArn, TargetGroupArn)],
        now: Timestamp,
    ) -> Result<LastHour, AwsError> {
        const METRICS: [(&str, &str); 3] = [
            ("RequestCount", "Sum"),
            ("HTTPCode_Target_5XX_Count", "Sum"),
            ("TargetResponseTime", "p50"),
        ];
        let mut queries = Vec::new();
        for (at, (balancer, group)) in groups.iter().enumerate() {
            for (which, (metric, statistic)) in METRICS.into_iter().enumerate() {
                let id = format!("q{}", at * METRICS.len() + which);
                queries.push(query(id, metric, balancer, Some(group), statistic));
            }
        }
        let until = minute_of(now);
        let from = until - SignedDuration::from_hours(1);
        let mut sums = [0.0; METRICS.len()];
        let mut latencies = 0;
        for result in self.metric_data(&queries, from, until).await? {
            let id = result
                .id()
                .and_then(|it| it.get(1..)?.parse::<usize>().ok());
            let Some(id) = id else { continue };
            for (_, value) in datapoints(&result) {
                let which = id % METRICS.len();
                sums[which] += value;
                latencies += u32::from(which == 2);
            }
        }
        let latency = sums[2] / f64::from(latencies.max(1));
        Ok(LastHour {
            requests: sums[0].round() as u64,
            failed: sums[1].round() as u64,
            latency: Duration::try_from_secs_f64(latency)
                .ok()
                .filter(|_| latencies > 0),
        })
    }
}
