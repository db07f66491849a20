//! Target groups, who forwards to them, and what autoscaling may do.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_applicationautoscaling::types::{
    self as scaling, ScalableDimension, ServiceNamespace, SuspendedState,
};
use aws_sdk_elasticloadbalancingv2::operation::describe_target_group_attributes::DescribeTargetGroupAttributesOutput as Attributes;
use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer, TargetDescription, TargetHealthDescription, TargetHealthReasonEnum,
    TargetHealthStateEnum,
};
use jiff::Timestamp;

use super::note;
use crate::aws::cloud::Cloud;
use crate::aws::ecs::last_part;
use crate::aws::error::AwsError;
use crate::aws::forward;
use crate::aws::groups::{ATTRIBUTES, DESCRIBE, health_check};
use crate::aws::retry::Effect;
use crate::aws::together::some;
use crate::deployment::ids::{ClusterName, EcsServiceName, LoadBalancerArn, TargetGroupArn};
use crate::diagnose::{CallFailure, Evidence, Group, Scaling, ScalingActivity, Target};

/// Calls at once, out of a bucket of 40 that refills by 10 a second and isn't only ours.
const AT_ONCE: usize = 6;
const BALANCERS: &str = "elasticloadbalancing:DescribeLoadBalancers";
const TARGETS: &str = "application-autoscaling:DescribeScalableTargets";
const ACTIVITIES: &str = "application-autoscaling:DescribeScalingActivities";
/// Of autoscaling's activities, the newest.
const NEWEST: i32 = 10;

impl Cloud {
    /// The target groups that the service registers with, and everything that forwards to them.
    pub(super) async fn collect_groups(&self, evidence: &mut Evidence) {
        let registrations = evidence.service.iter().flat_map(|it| &it.registrations);
        let arns: BTreeSet<TargetGroupArn> = registrations.map(|it| it.group.clone()).collect();
        let asked = arns
            .into_iter()
            .map(|arn| self.collect_group(arn))
            .collect();
        for (group, failures) in some(AT_ONCE, asked).await {
            evidence.groups.push(group);
            evidence.failures.extend(failures);
        }
        let groups = &evidence.groups;
        let balancers: BTreeSet<LoadBalancerArn> = groups
            .iter()
            .filter_map(|it| it.load_balancer.clone())
            .collect();
        for balancer in balancers {
            let (forwards, zones) =
                tokio::join!(self.forwards(&balancer), self.zones_of(&balancer));
            let failures = &mut evidence.failures;
            let forwards = note(forwards, "listeners and rules", failures);
            let zones = note(zones, "the load balancer's zones", failures).unwrap_or_default();
            let own = |group: &&mut Group| group.load_balancer.as_ref() == Some(&balancer);
            for group in evidence.groups.iter_mut().filter(own) {
                group.zones.clone_from(&zones);
                group.forwards = forwards.as_ref().map(|all| {
                    let named = all.iter().filter_map(|(forward, list)| {
                        let weights = forward::weights(list, &[&group.arn]);
                        Some((forward.label(), *weights.get(&group.arn)?))
                    });
                    named.collect()
                });
            }
        }
    }

    async fn collect_group(&self, arn: TargetGroupArn) -> (Group, Vec<CallFailure>) {
        let mut group = Group::unknown(arn.clone());
        let mut failures = Vec::new();
        let describe = self.call(DESCRIBE, Effect::Reads, || {
            self.elb()
                .describe_target_groups()
                .target_group_arns(arn.as_str())
                .send()
        });
        let attributes = self.call(ATTRIBUTES, Effect::Reads, || {
            self.elb()
                .describe_target_group_attributes()
                .target_group_arn(arn.as_str())
                .send()
        });
        let (described, attributes, health) =
            tokio::join!(describe, attributes, self.targets_of(&arn));
        if described.as_ref().is_err_and(AwsError::is_not_found) {
            group.exists = Some(false);
            return (group, failures);
        }
        let described = note(described, "the target group", &mut failures);
        if let Some(found) = described.as_ref().and_then(|it| it.target_groups().first()) {
            let seconds = |number: Option<i32>, default: u32| {
                number
                    .and_then(|it| u32::try_from(it).ok())
                    .unwrap_or(default)
            };
            group.exists = Some(true);
            group.check = health_check(found);
            let interval = seconds(found.health_check_interval_seconds(), 30);
            group.interval = Duration::from_secs(interval.into());
            group.unhealthy_after = seconds(found.unhealthy_threshold_count(), 2);
            group.healthy_after = seconds(found.healthy_threshold_count(), 5);
            let balancers = found.load_balancer_arns();
            group.load_balancer = balancers.first().map(LoadBalancerArn::new);
        }
        let attributes = note(attributes, "the target group's attributes", &mut failures);
        let attributes = attributes.iter().flat_map(Attributes::attributes);
        let mut delay = attributes
            .filter(|it| it.key() == Some("deregistration_delay.timeout_seconds"))
            .filter_map(|it| it.value()?.parse().ok());
        if let Some(delay) = delay.next() {
            group.deregistration_delay = Duration::from_secs(delay);
        }
        let health = note(health, "target health", &mut failures);
        group.targets = health.map(|all| {
            let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
            let target = |it: &TargetHealthDescription| {
                let (target, health) = (it.target(), it.target_health());
                let state = health.and_then(|it| it.state());
                let reason = health.and_then(|it| it.reason());
                Target {
                    id: owned(target.and_then(|it| it.id())),
                    port: target
                        .and_then(TargetDescription::port)
                        .and_then(|port| port.try_into().ok())
                        .unwrap_or(0),
                    zone: owned(target.and_then(|it| it.availability_zone())),
                    state: owned(state.map(TargetHealthStateEnum::as_str)),
                    reason: owned(reason.map(TargetHealthReasonEnum::as_str)),
                    description: owned(health.and_then(|it| it.description())),
                }
            };
            all.iter().map(target).collect()
        });
        (group, failures)
    }

    async fn zones_of(&self, balancer: &LoadBalancerArn) -> Result<Vec<String>, AwsError> {
        let described = self
            .call(BALANCERS, Effect::Reads, || {
                self.elb()
                    .describe_load_balancers()
                    .load_balancer_arns(balancer.as_str())
                    .send()
            })
            .await?;
        let balancers = described.load_balancers().iter();
        let zones = balancers.flat_map(LoadBalancer::availability_zones);
        Ok(zones
            .filter_map(|it| Some(it.zone_name()?.to_owned()))
            .collect())
    }

    /// The service's scalable target with what was done about it lately; `None` without one.
    pub(super) async fn scaling_of(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
    ) -> Result<Option<Scaling>, AwsError> {
        let id = format!("service/{}/{service}", last_part(cluster.as_str()));
        let dimension = ScalableDimension::EcsServiceDesiredCount;
        let targets = self
            .call(TARGETS, Effect::Reads, || {
                self.scaling()
                    .describe_scalable_targets()
                    .service_namespace(ServiceNamespace::Ecs)
                    .scalable_dimension(dimension.clone())
                    .resource_ids(&id)
                    .send()
            })
            .await?;
        let Some(target) = targets.scalable_targets().first() else {
            return Ok(None);
        };
        let activities = self
            .call(ACTIVITIES, Effect::Reads, || {
                self.scaling()
                    .describe_scaling_activities()
                    .service_namespace(ServiceNamespace::Ecs)
                    .scalable_dimension(dimension.clone())
                    .resource_id(&id)
                    .include_not_scaled_activities(true)
                    .max_results(NEWEST)
                    .send()
            })
            .await?;
        let suspended = target.suspended_state();
        let activity = |it: &scaling::ScalingActivity| {
            let reasons = it.not_scaled_reasons().iter();
            Some(ScalingActivity {
                at: Timestamp::from_second(it.start_time().secs()).ok()?,
                description: it.description().to_owned(),
                cause: it.cause().to_owned(),
                not_scaled: reasons.map(|reason| reason.code().to_owned()).collect(),
            })
        };
        Ok(Some(Scaling {
            min: u32::try_from(target.min_capacity()).unwrap_or(0),
            max: u32::try_from(target.max_capacity()).unwrap_or(0),
            out_suspended: suspended
                .and_then(SuspendedState::dynamic_scaling_out_suspended)
                .unwrap_or(false),
            activities: activities
                .scaling_activities()
                .iter()
                .filter_map(activity)
                .collect(),
        }))
    }
}
