//! AWS's request budgets per account and region, as token buckets.

use crate::sandbox::wire::{Operation, Service};
use jiff::Timestamp;
use std::collections::BTreeMap;

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
    /// Capacity and refill per second.
    fn budget(self) -> (f64, f64) {
        match self {
            Self::EcsServiceReads | Self::EcsTaskReads => (100.0, 20.0),
            Self::EcsServiceWrites => (50.0, 5.0),
            Self::EcsDefinitionWrites => (20.0, 1.0),
            Self::EcsOtherReads => (50.0, 20.0),
            Self::ElbReads | Self::ElbAll => (40.0, 10.0),
            Self::ElbModifies => (20.0, 3.0),
            Self::AlarmReads => (9.0, 9.0),
            Self::MetricReads => (50.0, 50.0),
            Self::Dns => (5.0, 5.0),
        }
    }
}

fn buckets_of(operation: &Operation) -> Vec<Bucket> {
    let name = operation.name.as_str();
    match operation.service {
        Service::Ecs => match name {
            "DescribeServices" | "ListServices" => vec![Bucket::EcsServiceReads],
            "CreateService" | "UpdateService" | "DeleteService" => vec![Bucket::EcsServiceWrites],
            "DescribeTasks" | "ListTasks" => vec![Bucket::EcsTaskReads],
            "RegisterTaskDefinition" | "DeregisterTaskDefinition" => {
                vec![Bucket::EcsDefinitionWrites]
            }
            _ if operation.is_read() => vec![Bucket::EcsOtherReads],
            _ => Vec::new(),
        },
        Service::Elbv2 if name.starts_with("Describe") => vec![Bucket::ElbReads, Bucket::ElbAll],
        Service::Elbv2 if name.starts_with("Modify") => vec![Bucket::ElbModifies, Bucket::ElbAll],
        Service::Elbv2 => vec![Bucket::ElbAll],
        Service::CloudWatch => match name {
            "DescribeAlarms" => vec![Bucket::AlarmReads],
            "GetMetricData" => vec![Bucket::MetricReads],
            _ => Vec::new(),
        },
        Service::Route53 => vec![Bucket::Dns],
        Service::Sts
        | Service::Scaling
        | Service::Ecr
        | Service::Scheduler
        | Service::DynamoDb
        | Service::Logs
        | Service::Iam
        | Service::Secrets
        | Service::Ssm
        | Service::Discovery
        | Service::Lambda
        | Service::Sns
        | Service::Events
        | Service::Ec2 => Vec::new(),
    }
}

/// What is left of each budget.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits {
    left: BTreeMap<Bucket, (f64, Timestamp)>,
}

/// Whether a call is within its budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Granted,
    RateExceeded,
}

impl Limits {
    /// Takes one token from each of the call's buckets, or none if one is empty.
    pub(super) fn admit(&mut self, operation: &Operation, now: Timestamp) -> Admission {
        let buckets = buckets_of(operation);
        for &bucket in &buckets {
            if self.refill(bucket, now) < 1.0 {
                return Admission::RateExceeded;
            }
        }
        for bucket in buckets {
            if let Some((left, _)) = self.left.get_mut(&bucket) {
                *left -= 1.0;
            }
        }
        Admission::Granted
    }

    fn refill(&mut self, bucket: Bucket, now: Timestamp) -> f64 {
        let (capacity, refill) = bucket.budget();
        let (left, at) = self.left.entry(bucket).or_insert((capacity, now));
        let seconds = now.duration_since(*at).as_secs_f64().max(0.0);
        *left = refill.mul_add(seconds, *left).min(capacity);
        *at = now;
        *left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::wire::{Protocol, query::QueryService};
    use serde_json::Value;

    fn granted(limits: &mut Limits, name: &str, calls: usize, at: i64) -> usize {
        let operation = Operation {
            service: Service::Elbv2,
            protocol: Protocol::Query(QueryService::Elbv2),
            name: name.to_owned(),
            input: Value::Null,
        };
        let now = Timestamp::from_second(at).unwrap();
        (0..calls)
            .filter(|_| limits.admit(&operation, now) == Admission::Granted)
            .count()
    }

    #[test]
    fn a_bucket_empties_and_refills() {
        let mut limits = Limits::default();
        assert_eq!(granted(&mut limits, "DescribeTargetHealth", 100, 0), 40);
        assert_eq!(granted(&mut limits, "DescribeTargetHealth", 100, 1), 10);
        assert_eq!(granted(&mut limits, "DescribeTargetHealth", 100, 1_000), 40);
    }

    #[test]
    fn all_load_balancer_calls_share_one_more_budget() {
        let mut limits = Limits::default();
        assert_eq!(granted(&mut limits, "ModifyListener", 100, 0), 20);
        assert_eq!(granted(&mut limits, "DescribeRules", 100, 0), 20);
        assert_eq!(granted(&mut limits, "RegisterTargets", 100, 0), 0);
    }
}
