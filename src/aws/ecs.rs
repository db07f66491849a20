//! ECS as JSON in, JSON out: the SDK signs, sends and reads errors, and fields that it doesn't
//! know pass through in both directions.

use serde_json::{Value, json};

use super::cloud::Cloud;
use super::error::AwsError;
use super::raw::json_operations;
use super::retry::Effect;
use crate::deployment::ids::{ClusterName, EcsServiceName, TargetGroupArn};

/// DescribeServices takes so many at once.
const SERVICES_AT_ONCE: usize = 10;

json_operations! { ecs;
    /// Clusters with their status.
    describe_clusters("ecs:DescribeClusters", Effect::Reads);
    /// ARNs of the account's clusters.
    list_clusters("ecs:ListClusters", Effect::Reads);
    /// Services with their deployments and events.
    describe_services("ecs:DescribeServices", Effect::Reads);
    /// What of a service's settings only its revisions show.
    describe_service_revisions("ecs:DescribeServiceRevisions", Effect::Reads);
    /// ARNs of a cluster's services.
    list_services("ecs:ListServices", Effect::Reads);
    /// A service's deployments, with the revision of each.
    list_service_deployments("ecs:ListServiceDeployments", Effect::Reads);
    /// ARNs of tasks.
    list_tasks("ecs:ListTasks", Effect::Reads);
    /// Tasks with their containers.
    describe_tasks("ecs:DescribeTasks", Effect::Reads);
    /// A revision, with its tags beside it.
    describe_task_definition("ecs:DescribeTaskDefinition", Effect::Reads);
    /// ARNs of a family's revisions.
    list_task_definitions("ecs:ListTaskDefinitions", Effect::Reads);
    /// A new revision.
    register_task_definition("ecs:RegisterTaskDefinition", Effect::Writes);
    /// A new service.
    create_service("ecs:CreateService", Effect::Writes);
    /// A service's new settings.
    update_service("ecs:UpdateService", Effect::Writes);
    /// The end of a service.
    delete_service("ecs:DeleteService", Effect::Writes);
    /// Tags, added or replaced.
    tag_resource("ecs:TagResource", Effect::Writes);
    /// Tags, removed.
    untag_resource("ecs:UntagResource", Effect::Writes);
}

impl Cloud {
    /// Services of those names as DescribeServices prints them, tags included, in the order of
    /// `names`; `None` where there is none (or only a memory of one: INACTIVE).
    pub(crate) async fn services(
        &self,
        cluster: &ClusterName,
        names: &[&EcsServiceName],
    ) -> Result<Vec<Option<Value>>, AwsError> {
        debug_assert!(names.len() <= SERVICES_AT_ONCE);
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let body = json!({
            "cluster": cluster.as_str(),
            "services": names,
            "include": ["TAGS"],
        });
        let mut answer = self.describe_services(body).await?;
        let mut found = match answer.get_mut("services").map(Value::take) {
            Some(Value::Array(services)) => services,
            _ => Vec::new(),
        };
        let mut take = |name: &&str| {
            let at = found.iter().position(|service| {
                text(service, "serviceName") == *name && text(service, "status") != "INACTIVE"
            })?;
            Some(found.swap_remove(at))
        };
        Ok(names.iter().map(&mut take).collect())
    }

    /// All ARNs that a paged List call gives, up to `pages` pages.
    pub(super) async fn listed<F>(
        &self,
        mut body: Value,
        key: &str,
        pages: usize,
        mut list: impl FnMut(Value) -> F,
    ) -> Result<Vec<String>, AwsError>
    where
        F: Future<Output = Result<Value, AwsError>>,
    {
        let mut arns = Vec::new();
        for _ in 0..pages {
            let answer = list(body.clone()).await?;
            let page = answer.get(key).and_then(Value::as_array);
            arns.extend(page.into_iter().flatten().filter_map(owned));
            match answer.get("nextToken").and_then(Value::as_str) {
                Some(token) if !token.is_empty() => body["nextToken"] = token.into(),
                _ => break,
            }
        }
        Ok(arns)
    }
}

/// The text at `key`; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The list at `key`; empty where there is none.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The count at `key`; 0 where there is none.
pub(super) fn count(value: &Value, key: &str) -> u32 {
    let number = value.get(key).and_then(Value::as_u64);
    number
        .and_then(|number| number.try_into().ok())
        .unwrap_or(0)
}

/// The value of the tag `key` in a list of ECS tags.
pub(super) fn tag<'a>(tags: &'a [Value], key: &str) -> Option<&'a str> {
    tags.iter()
        .find(|tag| text(tag, "key") == key)
        .map(|tag| text(tag, "value"))
}

fn owned(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The groups that the service itself registers its tasks with, whatever the config names.
pub(super) fn own_groups(service: &Value) -> impl Iterator<Item = TargetGroupArn> {
    let groups = list(service, "loadBalancers").iter();
    let groups = groups.map(|entry| text(entry, "targetGroupArn"));
    groups
        .filter(|group| !group.is_empty())
        .map(TargetGroupArn::new)
}

/// The last part of an ARN: a task's id, a service's or cluster's name.
pub(super) fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
