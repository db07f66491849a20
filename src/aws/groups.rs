//! Target groups: what they are, and how their targets do.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::{
    ProtocolEnum, TargetGroup, TargetGroupAttribute, TargetHealth, TargetHealthDescription,
    TargetHealthReasonEnum, TargetHealthStateEnum as State, TargetTypeEnum,
};

use super::cloud::Cloud;
use super::error::AwsError;
use super::retry::Effect;
use super::together::{all, some};
use crate::deployment::ids::{LoadBalancerArn, TargetGroupArn};
use crate::deployment::observation::Seen;
use crate::deployment::plan::Plan;
use crate::deployment::surroundings::GroupFound;
use crate::judge::targets::TargetCounts;

const DESCRIBE: &str = "elasticloadbalancing:DescribeTargetGroups";
const ATTRIBUTES: &str = "elasticloadbalancing:DescribeTargetGroupAttributes";
const HEALTH: &str = "elasticloadbalancing:DescribeTargetHealth";
/// ELBv2's default deregistration delay.
const DEREGISTRATION_DELAY: Duration = Duration::from_secs(300);
/// Calls at once, out of a bucket of 40 that refills by 10 a second and isn't only ours.
const AT_ONCE: usize = 8;

impl Cloud {
    /// The target health of every group of the plan.
    pub(super) async fn see_groups(
        &self,
        plan: &Plan,
    ) -> BTreeMap<TargetGroupArn, Seen<TargetCounts>> {
        let targets = plan.slots.a.targets.iter().chain(&plan.slots.b.targets);
        let groups: Vec<&TargetGroupArn> = targets.map(|target| &target.group).collect();
        let seen = all(groups.iter().map(|group| self.target_health(group))).await;
        let seen = seen.into_iter().map(|counts| match counts {
            Ok(counts) => Seen::Value(counts),
            Err(error) => Seen::Unreadable(error.to_string()),
        });
        groups.into_iter().cloned().zip(seen).collect()
    }

    /// The targets of one group by their state.
    pub(super) async fn target_health(
        &self,
        group: &TargetGroupArn,
    ) -> Result<TargetCounts, AwsError> {
        let health = self
            .call(HEALTH, Effect::Reads, || {
                let request = self.elb().describe_target_health();
                request.target_group_arn(group.as_str()).send()
            })
            .await?;
        Ok(counts(health.target_health_descriptions()))
    }

    /// Each of `groups`, names or ARNs; `None` where there is none.
    pub(super) async fn groups(
        &self,
        groups: &[String],
    ) -> Result<BTreeMap<String, Option<GroupFound>>, AwsError> {
        let asked = groups.iter().map(|group| self.group(group)).collect();
        let mut found = BTreeMap::new();
        for (group, result) in groups.iter().zip(some(AT_ONCE, asked).await) {
            found.insert(group.clone(), result?);
        }
        Ok(found)
    }

    /// One at a time: one that is missing fails the call for all that are named with it.
    async fn group(&self, group: &str) -> Result<Option<GroupFound>, AwsError> {
        let described = self
            .call(DESCRIBE, Effect::Reads, || {
                let request = self.elb().describe_target_groups();
                match group.starts_with("arn:") {
                    true => request.target_group_arns(group),
                    false => request.names(group),
                }
                .send()
            })
            .await;
        let described = match described {
            Err(error) if error.is_not_found() => return Ok(None),
            described => described?,
        };
        let Some(described) = described.target_groups().first() else {
            return Ok(None);
        };
        let arn = described.target_group_arn().unwrap_or_default();
        let attributes = self
            .call(ATTRIBUTES, Effect::Reads, || {
                let request = self.elb().describe_target_group_attributes();
                request.target_group_arn(arn).send()
            })
            .await?;
        Ok(Some(group_found(described, attributes.attributes())))
    }
}

fn group_found(group: &TargetGroup, attributes: &[TargetGroupAttribute]) -> GroupFound {
    let attribute = |key: &str| {
        let found = attributes.iter().find(|found| found.key() == Some(key));
        found.and_then(TargetGroupAttribute::value)
    };
    let seconds = |number: Option<i32>, default: u64| {
        number
            .and_then(|number| number.try_into().ok())
            .unwrap_or(default)
    };
    let interval = seconds(group.health_check_interval_seconds(), 30);
    let threshold = seconds(group.healthy_threshold_count(), 5);
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    GroupFound {
        arn: TargetGroupArn::new(owned(group.target_group_arn())),
        target_type: owned(group.target_type().map(TargetTypeEnum::as_str)),
        protocol: owned(group.protocol().map(ProtocolEnum::as_str)),
        protocol_version: owned(group.protocol_version()),
        vpc: owned(group.vpc_id()),
        load_balancer: group.load_balancer_arns().first().map(LoadBalancerArn::new),
        deregistration_delay: attribute("deregistration_delay.timeout_seconds")
            .and_then(|seconds| seconds.parse().ok())
            .map_or(DEREGISTRATION_DELAY, Duration::from_secs),
        healthy_after: Duration::from_secs(interval * threshold),
        sticky: attribute("stickiness.enabled") == Some("true"),
    }
}

fn counts(targets: &[TargetHealthDescription]) -> TargetCounts {
    let mut counts = TargetCounts::default();
    for health in targets.iter().filter_map(|target| target.target_health()) {
        let state = health.state();
        let counter = match state {
            Some(State::Healthy) => &mut counts.healthy,
            Some(State::Unhealthy | State::UnhealthyDraining) => &mut counts.unhealthy,
            Some(State::Initial) => &mut counts.initial,
            Some(State::Draining) => &mut counts.draining,
            Some(State::Unused) => &mut counts.unused,
            // A state that nobody has heard of is no health.
            _ => &mut counts.unavailable,
        };
        *counter += 1;
        // A target on its way in or out has not failed, and must not hide why others did.
        if !matches!(
            state,
            Some(State::Healthy | State::Initial | State::Draining)
        ) && let Some(reason) = reason(health)
        {
            *counts.reasons.entry(reason).or_default() += 1;
        }
    }
    counts
}

/// The description where there is one, the code otherwise.
fn reason(health: &TargetHealth) -> Option<String> {
    let description = health.description().filter(|text| !text.is_empty());
    let code = health.reason().map(TargetHealthReasonEnum::as_str);
    description.or(code).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(state: State, description: &str) -> TargetHealthDescription {
        let health = TargetHealth::builder()
            .state(state)
            .description(description)
            .build();
        TargetHealthDescription::builder()
            .target_health(health)
            .build()
    }

    #[test]
    fn targets_that_only_begin_do_not_hide_why_another_failed() {
        let begins = || target(State::Initial, "Initial health checks in progress");
        let counts = counts(&[
            begins(),
            begins(),
            target(
                State::Unhealthy,
                "Health checks failed with these codes: [503]",
            ),
        ]);
        assert_eq!((counts.initial, counts.unhealthy), (2, 1));
        let reason = counts.main_reason();
        assert_eq!(reason, Some("Health checks failed with these codes: [503]"));
    }
}
