//! Target groups: what they are, and how their targets do.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::{
    ProtocolEnum, TargetGroup, TargetGroupAttribute, TargetGroupIpAddressTypeEnum, TargetHealth,
    TargetHealthDescription, TargetHealthReasonEnum, TargetHealthStateEnum as State,
    TargetTypeEnum,
};

use super::cloud::Cloud;
use super::error::AwsError;
use super::retry::Effect;
use super::together::{all, some};
use crate::deployment::health_check::{Failing, HealthCheck};
use crate::deployment::ids::{LoadBalancerArn, TargetGroupArn};
use crate::deployment::observation::Seen;
use crate::deployment::plan::{Plan, TargetPlan};
use crate::deployment::surroundings::GroupFound;
use crate::judge::targets::TargetCounts;

pub(super) const DESCRIBE: &str = "elasticloadbalancing:DescribeTargetGroups";
pub(super) const ATTRIBUTES: &str = "elasticloadbalancing:DescribeTargetGroupAttributes";
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
        let targets: Vec<&TargetPlan> = targets.collect();
        let seen = all(targets.iter().map(|target| self.targets_of(&target.group))).await;
        let seen = targets.into_iter().zip(seen).map(|(target, health)| {
            let seen = match health {
                Ok(health) => Seen::Value(counts(&health, Some(target))),
                Err(error) => Seen::Unreadable(error.to_string()),
            };
            (target.group.clone(), seen)
        });
        seen.collect()
    }

    /// The targets of one group, with their health.
    pub(super) async fn targets_of(
        &self,
        group: &TargetGroupArn,
    ) -> Result<Vec<TargetHealthDescription>, AwsError> {
        let health = self
            .call(HEALTH, Effect::Reads, || {
                let request = self.elb().describe_target_health();
                request.target_group_arn(group.as_str()).send()
            })
            .await?;
        Ok(health.target_health_descriptions.unwrap_or_default())
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
        health_check: health_check(group),
        healthy_after: Duration::from_secs(interval * threshold),
        sticky: attribute("stickiness.enabled") == Some("true"),
        settings: settings(group, attributes),
    }
}

/// What can be set on a group, but for its name, its port, which each task brings along, and what
/// it belongs to.
fn settings(group: &TargetGroup, attributes: &[TargetGroupAttribute]) -> BTreeMap<String, String> {
    let number = |number: Option<i32>| number.map(|it| it.to_string());
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let matcher = group.matcher();
    let matcher = matcher.and_then(|it| it.http_code().or(it.grpc_code()));
    let ip = group
        .ip_address_type()
        .map(TargetGroupIpAddressTypeEnum::as_str);
    let check = group.health_check_protocol().map(ProtocolEnum::as_str);
    let enabled = group.health_check_enabled().map(|it| it.to_string());
    let described = [
        ("HealthCheckEnabled", enabled),
        (
            "HealthCheckIntervalSeconds",
            number(group.health_check_interval_seconds()),
        ),
        ("HealthCheckPath", owned(group.health_check_path())),
        ("HealthCheckPort", owned(group.health_check_port())),
        ("HealthCheckProtocol", owned(check)),
        (
            "HealthCheckTimeoutSeconds",
            number(group.health_check_timeout_seconds()),
        ),
        (
            "HealthyThresholdCount",
            number(group.healthy_threshold_count()),
        ),
        ("IpAddressType", owned(ip)),
        ("Matcher", owned(matcher)),
        (
            "Protocol",
            owned(group.protocol().map(ProtocolEnum::as_str)),
        ),
        ("ProtocolVersion", owned(group.protocol_version())),
        ("TargetControlPort", number(group.target_control_port())),
        (
            "TargetType",
            owned(group.target_type().map(TargetTypeEnum::as_str)),
        ),
        (
            "UnhealthyThresholdCount",
            number(group.unhealthy_threshold_count()),
        ),
    ];
    let described = described.map(|(name, value)| Some((name.to_owned(), value?)));
    let attributes = attributes
        .iter()
        .map(|it| Some((it.key()?.to_owned(), it.value()?.to_owned())));
    let all = described.into_iter().chain(attributes).flatten();
    all.filter(|(_, value)| !value.is_empty()).collect()
}

pub(super) fn health_check(group: &TargetGroup) -> Option<HealthCheck> {
    let matcher = group.matcher();
    let timeout = group.health_check_timeout_seconds()?;
    Some(HealthCheck {
        protocol: group.health_check_protocol()?.as_str().to_owned(),
        path: group.health_check_path().map(str::to_owned),
        // `traffic-port` is no number.
        port: group.health_check_port().and_then(|port| port.parse().ok()),
        wanted: matcher
            .and_then(|matcher| matcher.http_code().or(matcher.grpc_code()))
            .map(str::to_owned),
        timeout: Duration::from_secs(timeout.try_into().ok()?),
    })
}

pub(super) fn counts(
    targets: &[TargetHealthDescription],
    plan: Option<&TargetPlan>,
) -> TargetCounts {
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
        ) && let Some(reason) = reason(health, plan)
        {
            *counts.reasons.entry(reason).or_default() += 1;
        }
    }
    counts
}

/// What is wrong with a target, as it follows `its targets`: in words of the health check where
/// it fails that and the check is known, and in the load balancer's otherwise.
fn reason(health: &TargetHealth, plan: Option<&TargetPlan>) -> Option<String> {
    let description = health.description().filter(|text| !text.is_empty());
    let code = health.reason().map(TargetHealthReasonEnum::as_str);
    let words = description.or(code)?;
    let Some(failing) = health.reason().and_then(|reason| failing(reason, words)) else {
        return Some(format!("are not healthy: {words}"));
    };
    let known = plan.and_then(|plan| Some((plan.health_check.as_ref()?, plan.port)));
    let told = known.map(|(check, port)| check.told(port, &failing));
    let told = told.unwrap_or_else(|| words.to_owned());
    Some(format!("fail their health check: {told}"))
}

fn failing(reason: &TargetHealthReasonEnum, words: &str) -> Option<Failing> {
    match reason {
        TargetHealthReasonEnum::ResponseCodeMismatch => {
            // `Health checks failed with these codes: [503]`
            let codes = words
                .split_once('[')
                .and_then(|(_, rest)| rest.split_once(']'));
            Some(Failing::Codes(
                codes.map_or(words, |(codes, _)| codes).to_owned(),
            ))
        }
        TargetHealthReasonEnum::Timeout => Some(Failing::Timeout),
        TargetHealthReasonEnum::FailedHealthChecks => Some(Failing::NoAnswer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(
        state: State,
        reason: TargetHealthReasonEnum,
        description: &str,
    ) -> TargetHealthDescription {
        let health = TargetHealth::builder()
            .state(state)
            .reason(reason)
            .description(description)
            .build();
        TargetHealthDescription::builder()
            .target_health(health)
            .build()
    }

    #[test]
    fn every_setting_of_a_group_is_compared() {
        let group = TargetGroup::builder()
            .protocol(ProtocolEnum::Http)
            .target_control_port(3000)
            .health_check_port("8081")
            .build();
        let compared = settings(&group, &[]);
        let of = |key: &str| compared.get(key).map(String::as_str);
        assert_eq!(of("TargetControlPort"), Some("3000"));
        assert_eq!(of("HealthCheckPort"), Some("8081"));
    }

    #[test]
    fn targets_that_only_begin_do_not_hide_why_another_failed() {
        let begins = || {
            target(
                State::Initial,
                TargetHealthReasonEnum::InitialHealthChecking,
                "Initial health checks in progress",
            )
        };
        let targets = [
            begins(),
            begins(),
            target(
                State::Unhealthy,
                TargetHealthReasonEnum::ResponseCodeMismatch,
                "Health checks failed with these codes: [503]",
            ),
        ];
        let unknown = counts(&targets, None);
        assert_eq!((unknown.initial, unknown.unhealthy), (2, 1));
        assert_eq!(
            unknown.main_reason(),
            Some("fail their health check: Health checks failed with these codes: [503]")
        );
        let plan = TargetPlan {
            group: TargetGroupArn::new("arn"),
            container: "app".to_owned(),
            port: 8080,
            deregistration_delay: Duration::ZERO,
            health_check: Some(HealthCheck {
                protocol: "HTTP".to_owned(),
                path: Some("/health".to_owned()),
                port: None,
                wanted: Some("200".to_owned()),
                timeout: Duration::from_secs(5),
            }),
        };
        assert_eq!(
            counts(&targets, Some(&plan)).main_reason(),
            Some("fail their health check: GET /health on port 8080 answers 503, 200 is wanted")
        );
    }

    #[test]
    fn what_is_no_health_check_s_failure_keeps_the_load_balancer_s_words() {
        let targets = [target(
            State::Unused,
            TargetHealthReasonEnum::NotInUse,
            "Target is in an Availability Zone that is not enabled for the load balancer",
        )];
        let counts = counts(&targets, None);
        let reason = counts.main_reason().unwrap();
        assert!(
            reason.starts_with("are not healthy: Target is in an Avail"),
            "{reason}"
        );
    }
}
