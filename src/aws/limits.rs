//! AWS's request budgets, kept on this side: others share them, so this program stays under half
//! of each, and goes slower where AWS says no all the same.
//!
//! Figures: AWS's own tables of API throttling for Amazon ECS and Elastic Load Balancing, and the
//! quotas of CloudWatch (DescribeAlarms 9 a second) and Route 53 (5 requests a second, all
//! together); GetMetricData is a careful guess.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::ErrorClass;

/// How much of an account's budget one process takes.
const SHARE: f64 = 0.5;
/// How much slower it goes after AWS said no, and the slowest.
const SLOWER: f64 = 0.5;
const SLOWEST: f64 = 0.25;
/// What each success gives back.
const FASTER: f64 = 0.1;
/// How long a no counts as the same one.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The longest wait for a budget, after which AWS may decide: a look in a revert takes two seconds
/// at most, and must not be starved by its writes.
const WAIT_AT_MOST: Duration = Duration::from_secs(1);

/// A budget that several operations share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bucket {
    EcsServiceReads,
    EcsServiceWrites,
    EcsTaskReads,
    EcsDefinitionWrites,
    EcsOtherReads,
    ElbReads,
    ElbModifies,
    ElbAll,
    AlarmReads,
    MetricReads,
    Dns,
}

impl Bucket {
    /// An account's capacity, and its refill per second.
    fn budget(self) -> (f64, f64) {
        match self {
            Bucket::EcsServiceReads | Bucket::EcsTaskReads => (100.0, 20.0),
            Bucket::EcsServiceWrites => (50.0, 5.0),
            Bucket::EcsDefinitionWrites => (20.0, 1.0),
            Bucket::EcsOtherReads => (50.0, 20.0),
            Bucket::ElbReads | Bucket::ElbAll => (40.0, 10.0),
            Bucket::ElbModifies => (20.0, 3.0),
            Bucket::AlarmReads => (9.0, 9.0),
            Bucket::MetricReads => (50.0, 50.0),
            Bucket::Dns => (5.0, 5.0),
        }
    }
}

/// The budgets that a call to `operation`, such as `ecs:ListTasks`, counts against.
fn buckets_of(operation: &str) -> &'static [Bucket] {
    let (service, name) = operation.split_once(':').unwrap_or_default();
    match (service, name) {
        ("ecs", "DescribeServices" | "ListServices") => &[Bucket::EcsServiceReads],
        ("ecs", "CreateService" | "UpdateService" | "DeleteService") => &[Bucket::EcsServiceWrites],
        ("ecs", "DescribeTasks" | "ListTasks") => &[Bucket::EcsTaskReads],
        ("ecs", "RegisterTaskDefinition") => &[Bucket::EcsDefinitionWrites],
        ("ecs", _) => &[Bucket::EcsOtherReads],
        ("elasticloadbalancing", name) if name.starts_with("Modify") => {
            &[Bucket::ElbModifies, Bucket::ElbAll]
        }
        ("elasticloadbalancing", _) => &[Bucket::ElbReads, Bucket::ElbAll],
        ("cloudwatch", "DescribeAlarms") => &[Bucket::AlarmReads],
        ("cloudwatch", _) => &[Bucket::MetricReads],
        ("route53", _) => &[Bucket::Dns],
        _ => &[],
    }
}

/// What is left of a budget.
#[derive(Debug, Clone, Copy)]
struct Left {
    /// Below zero where calls have been let through on what is still to come.
    tokens: f64,
    at: Instant,
    /// From [`SLOWEST`] to 1: how fast it refills since AWS last said no.
    pace: f64,
    /// When AWS last said no: calls that were under way together hear it together, and that is
    /// one no.
    refused_at: Option<Instant>,
}

/// What is left of each budget, for one account and region.
#[derive(Debug)]
pub(super) struct Budgets {
    speed: f64,
    left: Mutex<BTreeMap<Bucket, Left>>,
}

impl Default for Budgets {
    fn default() -> Self {
        Budgets::at_speed(1.0)
    }
}

impl Budgets {
    /// Where AWS's clock runs `speed` times faster than this process's: the sandbox.
    pub(super) fn at_speed(speed: f64) -> Budgets {
        Budgets {
            speed,
            left: Mutex::default(),
        }
    }

    /// Takes what a call costs, and says how long it has to wait for that. One that must not wait
    /// takes it from those that come after it.
    pub(super) fn take(&self, operation: &str) -> Duration {
        let mut wait: f64 = 0.0;
        let most = WAIT_AT_MOST.as_secs_f64();
        self.each(operation, |bucket, left, speed| {
            let (_, refill) = bucket.budget();
            let refill = refill * SHARE * left.pace;
            // No debt outlasts the longest wait.
            left.tokens = (left.tokens - 1.0).max(-refill * most);
            wait = wait.max(-left.tokens / (refill * speed));
        });
        Duration::from_secs_f64(wait.min(most))
    }

    /// Goes slower after a no, and slowly faster again after what went well.
    pub(super) fn heed(&self, operation: &str, failed: Option<ErrorClass>) {
        self.each(operation, |_, left, _| match failed {
            Some(ErrorClass::Throttled) => {
                let again = |at: Instant| left.at.duration_since(at) < AGAIN_AFTER;
                if !left.refused_at.is_some_and(again) {
                    left.pace = (left.pace * SLOWER).max(SLOWEST);
                    left.refused_at = Some(left.at);
                }
                left.tokens = left.tokens.min(0.0);
            }
            Some(_) => {}
            None => left.pace = (left.pace + FASTER).min(1.0),
        });
    }

    fn each(&self, operation: &str, mut change: impl FnMut(Bucket, &mut Left, f64)) {
        let now = Instant::now();
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        for bucket in buckets_of(operation) {
            let (capacity, refill) = bucket.budget();
            let left = all.entry(*bucket).or_insert(Left {
                tokens: capacity * SHARE,
                at: now,
                pace: 1.0,
                refused_at: None,
            });
            let seconds = now.duration_since(left.at).as_secs_f64() * self.speed;
            let refilled = left.tokens + refill * SHARE * left.pace * seconds;
            left.tokens = refilled.min(capacity * SHARE);
            left.at = now;
            change(*bucket, left, self.speed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = "elasticloadbalancing:DescribeTargetHealth";

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_up_to_half_the_capacity_and_then_waits_for_half_the_refill() {
        let budgets = Budgets::default();
        let waits: Vec<_> = (0..25).map(|_| budgets.take(READ)).collect();
        assert!(waits[..20].iter().all(Duration::is_zero));
        assert_eq!(waits[20], Duration::from_millis(200));
        assert_eq!(waits[24], Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(budgets.take(READ).is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn elbs_calls_share_a_budget_whatever_they_do() {
        let budgets = Budgets::default();
        assert!((0..20).all(|_| budgets.take(READ).is_zero()));
        assert!(
            !budgets
                .take("elasticloadbalancing:ModifyListener")
                .is_zero()
        );
        assert!(budgets.take("ecs:DescribeServices").is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn a_no_makes_it_slower_and_success_faster_again() {
        let budgets = Budgets::default();
        budgets.heed(READ, Some(ErrorClass::Throttled));
        assert_eq!(budgets.take(READ), Duration::from_millis(400));
        tokio::time::sleep(Duration::from_secs(60)).await;
        (0..20).for_each(|_| budgets.heed(READ, None));
        assert!((0..20).all(|_| budgets.take(READ).is_zero()));
        assert_eq!(budgets.take(READ), Duration::from_millis(200));
    }

    #[tokio::test(start_paused = true)]
    async fn however_often_aws_says_no_a_call_waits_a_second_at_most() {
        let budgets = Budgets::default();
        for _ in 0..100 {
            budgets.heed(READ, Some(ErrorClass::Throttled));
            budgets.heed("ecs:RegisterTaskDefinition", Some(ErrorClass::Throttled));
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        for _ in 0..50 {
            assert!(budgets.take(READ) <= WAIT_AT_MOST);
            assert!(budgets.take("ecs:RegisterTaskDefinition") <= WAIT_AT_MOST);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_faster_clock_refills_faster() {
        let budgets = Budgets::at_speed(60.0);
        assert!((0..20).all(|_| budgets.take(READ).is_zero()));
        assert!(budgets.take(READ) < Duration::from_millis(4));
    }
}
