//! Application Auto Scaling: who owns a service's desired count.

mod carry;
mod kept;
mod step_alarms;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(super) use carry::held_by;

use super::cloud::Cloud;
use super::ecs::{count, last_part, list, text};
use super::error::AwsError;
use super::raw::json_operations;
use super::retry::Effect;
use crate::deployment::ids::{ClusterName, EcsServiceName};
use crate::deployment::scaling::{ScalableTarget, Suspended};

/// Pages of policies or schedules that are read of one service.
const PAGES: usize = 10;

json_operations! { scaling;
    /// Bounds, and what is suspended.
    describe_scalable_targets("application-autoscaling:DescribeScalableTargets", Effect::Reads);
    /// Policies with their alarms.
    describe_scaling_policies("application-autoscaling:DescribeScalingPolicies", Effect::Reads);
    /// Scheduled actions.
    describe_scheduled_actions("application-autoscaling:DescribeScheduledActions", Effect::Reads);
    /// A target's tags.
    list_tags_for_resource("application-autoscaling:ListTagsForResource", Effect::Reads);
    /// A target, new or changed.
    register_scalable_target("application-autoscaling:RegisterScalableTarget", Effect::Writes);
    /// The end of a target, and of its policies and schedules.
    deregister_scalable_target("application-autoscaling:DeregisterScalableTarget", Effect::Writes);
    /// A policy, new or changed.
    put_scaling_policy("application-autoscaling:PutScalingPolicy", Effect::Writes);
    /// The end of a policy, and of the alarms that target tracking made for it.
    delete_scaling_policy("application-autoscaling:DeleteScalingPolicy", Effect::Writes);
    /// A scheduled action, new or changed.
    put_scheduled_action("application-autoscaling:PutScheduledAction", Effect::Writes);
    /// The end of a scheduled action.
    delete_scheduled_action("application-autoscaling:DeleteScheduledAction", Effect::Writes);
}

/// The fields that name a service's desired count, with others beside them.
fn of(resource: &str, others: Value) -> Value {
    let mut body = json!({
        "ServiceNamespace": "ecs",
        "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": resource,
    });
    if let (Some(body), Value::Object(others)) = (body.as_object_mut(), others) {
        body.extend(others);
    }
    body
}

fn resource(cluster: &ClusterName, service: &EcsServiceName) -> String {
    format!("service/{}/{service}", last_part(cluster.as_str()))
}

/// All three: what one that is left out means for a target that is there isn't written down.
fn state_of(suspended: Suspended) -> Value {
    json!({
        "DynamicScalingInSuspended": suspended.scale_in,
        "DynamicScalingOutSuspended": suspended.scale_out,
        "ScheduledScalingSuspended": suspended.scheduled,
    })
}

impl Cloud {
    /// The scalable targets of those services, in the order of `services`: bounds and what is
    /// suspended, no more.
    pub(super) async fn scalable_targets(
        &self,
        cluster: &ClusterName,
        services: &[&EcsServiceName],
    ) -> Result<Vec<Option<ScalableTarget>>, AwsError> {
        let ids: Vec<String> = services.iter().map(|it| resource(cluster, it)).collect();
        let body = json!({
            "ServiceNamespace": "ecs",
            "ScalableDimension": "ecs:service:DesiredCount",
            "ResourceIds": ids,
        });
        let described = self.describe_scalable_targets(body).await?;
        let targets = list(&described, "ScalableTargets");
        let target = |id: &String| {
            let target = targets.iter().find(|it| text(it, "ResourceId") == id)?;
            let is_off = |what: &str| target["SuspendedState"][what] == true;
            Some(ScalableTarget {
                resource: id.clone(),
                arn: text(target, "ScalableTargetARN").to_owned(),
                min: count(target, "MinCapacity"),
                max: count(target, "MaxCapacity"),
                suspended: Suspended {
                    scale_in: is_off("DynamicScalingInSuspended"),
                    scale_out: is_off("DynamicScalingOutSuspended"),
                    scheduled: is_off("ScheduledScalingSuspended"),
                },
                ..ScalableTarget::default()
            })
        };
        Ok(ids.iter().map(target).collect())
    }

    /// The same with tags, policies, schedules and the alarms that call step policies. What of
    /// these may not be read is said in the target; tags can be done without.
    pub(super) async fn autoscaling(
        &self,
        cluster: &ClusterName,
        services: &[&EcsServiceName],
    ) -> Result<Vec<Option<ScalableTarget>>, AwsError> {
        let mut targets = self.scalable_targets(cluster, services).await?;
        for target in targets.iter_mut().flatten() {
            target.tags = self.tags_of_target(&target.arn).await?;
            match self.read_whole(target).await {
                Err(error) if error.is_for_good() => target.unreadable = Some(error.to_string()),
                read => read?,
            }
        }
        Ok(targets)
    }

    async fn tags_of_target(&self, target: &str) -> Result<BTreeMap<String, String>, AwsError> {
        let body = json!({ "ResourceARN": target });
        let answer = match self.list_tags_for_resource(body).await {
            Err(error) if error.is_for_good() || error.is_not_found() => Value::Null,
            answer => answer?,
        };
        let tags = answer["Tags"].as_object().into_iter().flatten();
        Ok(tags
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect())
    }

    async fn read_whole(&self, target: &mut ScalableTarget) -> Result<(), AwsError> {
        (target.policies, target.schedules) = tokio::try_join!(
            self.policies(&target.resource),
            self.schedules_of(&target.resource)
        )?;
        let steps = target.policies.iter().filter(|it| is_stepped(it));
        let steps = steps.map(|it| text(it, "PolicyARN").to_owned());
        for policy in steps.collect::<Vec<_>>() {
            for alarm in self.alarms_that_call(&policy).await? {
                if !target.alarms.contains(&alarm) {
                    target.alarms.push(alarm);
                }
            }
        }
        Ok(())
    }

    async fn policies(&self, resource: &str) -> Result<Vec<Value>, AwsError> {
        let list = |body| self.describe_scaling_policies(body);
        pages(resource, "ScalingPolicies", list).await
    }

    async fn schedules_of(&self, resource: &str) -> Result<Vec<Value>, AwsError> {
        let list = |body| self.describe_scheduled_actions(body);
        pages(resource, "ScheduledActions", list).await
    }
}

fn is_stepped(policy: &Value) -> bool {
    text(policy, "PolicyType") == "StepScaling"
}

async fn pages<F>(
    resource: &str,
    key: &str,
    list_page: impl Fn(Value) -> F,
) -> Result<Vec<Value>, AwsError>
where
    F: Future<Output = Result<Value, AwsError>>,
{
    let mut found = Vec::new();
    let mut body = of(resource, Value::Null);
    for _ in 0..PAGES {
        let page = list_page(body.clone()).await?;
        found.extend(list(&page, key).iter().cloned());
        match text(&page, "NextToken") {
            "" => break,
            token => body["NextToken"] = token.into(),
        }
    }
    Ok(found)
}
