//! Collects the evidence that [`crate::diagnose`] is held against. Reads only; a call that fails
//! is evidence too, and never the end.

mod balancers;
mod read;
mod records;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::ecs::{last_part, list};
use super::error::{AwsError, ErrorClass};
use super::retry::patiently;
use super::services::task_definition;
use crate::deployment::dns::Record;
use crate::deployment::ids::{ClusterName, EcsServiceName, TaskDefinitionArn};
use crate::deployment::state::Deployment;
use crate::diagnose::{CallFailure, Definition, Evidence, Task};

/// How long a person's question waits for an account that others keep busy.
const THROTTLED_AT_MOST: Duration = Duration::from_secs(20);
/// How long a deployment's diagnosis waits for logs, of the five seconds that it has.
const LOGS_NOW: Duration = Duration::from_secs(3);
/// Of each kind; ECS describes a hundred at once.
const TASKS: usize = 100;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectAsk {
    /// Where.
    pub cluster: ClusterName,
    /// The service; left out, the task's.
    pub service: Option<EcsServiceName>,
    /// One task alone, by id or ARN.
    pub task: Option<String>,
    /// See [`Evidence::suspected_since`].
    pub suspected_since: Option<Timestamp>,
    /// The record pairs that are routes: what they give is what the groups behind them get. `None`
    /// where there are some, and which isn't known.
    pub records: Option<Vec<Record>>,
}

impl CollectAsk {
    /// Why a deployment's green failed.
    pub fn of_green(deployment: &Deployment) -> CollectAsk {
        let plan = &deployment.plan;
        let records = plan.routes.iter().filter_map(|it| it.kind.record());
        CollectAsk {
            cluster: plan.cluster.clone(),
            service: Some(plan.slots[plan.green_slot()].service.clone()),
            task: None,
            suspected_since: deployment.suspects_green_since(),
            records: Some(records.cloned().collect()),
        }
    }
}

/// Notes what could not be read, with what is missing for that.
fn note<T>(
    result: Result<T, AwsError>,
    missing: &str,
    failures: &mut Vec<CallFailure>,
) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            failures.push(CallFailure {
                operation: error.operation.to_owned(),
                denied: error.class == ErrorClass::Denied,
                no_cluster: is_of_no_cluster(&error),
                missing: missing.to_owned(),
                message: error.to_string(),
            });
            None
        }
    }
}

fn is_of_no_cluster(error: &AwsError) -> bool {
    error.code.as_deref() == Some("ClusterNotFoundException")
}

impl Cloud {
    /// Collects what there is to know of a service or a task. Never fails: see
    /// [`Evidence::failures`].
    pub async fn collect(&self, ask: &CollectAsk, now: Timestamp) -> Evidence {
        let collect = self.collect_with_logs(ask, now, THROTTLED_AT_MOST);
        patiently(THROTTLED_AT_MOST, collect).await
    }

    /// The same beside a deployment: what is throttled is left out, and logs that are slow.
    pub async fn collect_now(&self, ask: &CollectAsk, now: Timestamp) -> Evidence {
        self.collect_with_logs(ask, now, LOGS_NOW).await
    }

    async fn collect_with_logs(
        &self,
        ask: &CollectAsk,
        now: Timestamp,
        logs_within: Duration,
    ) -> Evidence {
        let mut evidence = Evidence::new(ask.cluster.clone(), now);
        evidence.suspected_since = ask.suspected_since;
        evidence.asked_task = ask.task.as_deref().map(|task| last_part(task).to_owned());
        let mut tasks = Vec::new();
        if let Some(task) = &evidence.asked_task {
            let described = self.describe_all(&ask.cluster, vec![task.clone()]).await;
            tasks = note(described, "the task", &mut evidence.failures).unwrap_or_default();
        }
        let of_task = tasks.first().and_then(read::service_of);
        let of_task = of_task.map(EcsServiceName::new);
        let service = match &ask.service {
            Some(name) => Some(name.clone()),
            None => of_task,
        };
        let service = match service {
            Some(name) => self.collect_service(&name, &mut tasks, &mut evidence).await,
            None => None,
        };
        evidence.tasks = read::tasks(&tasks);
        let of_service = service.as_ref().map(task_definition);
        let own = evidence
            .asked_task
            .is_some()
            .then(|| evidence.tasks.first());
        let of_task = own.flatten().and_then(|task| task.definition.clone());
        if let Some(arn) = of_task.or(of_service) {
            self.collect_definition(arn, &mut evidence).await;
        }
        if evidence.service.is_some() {
            self.collect_groups(&mut evidence).await;
            self.collect_records(ask.records.as_deref(), &mut evidence)
                .await;
        }
        self.collect_logs(&mut evidence, logs_within).await;
        evidence
    }

    /// The service, with its tasks where no single one was asked for.
    async fn collect_service(
        &self,
        name: &EcsServiceName,
        tasks: &mut Vec<Value>,
        evidence: &mut Evidence,
    ) -> Option<Value> {
        let cluster = evidence.cluster.clone();
        let names = [name];
        let (described, listed, scaling) = tokio::join!(
            self.services(&cluster, &names),
            self.tasks_of(&cluster, name),
            self.scaling_of(&cluster, name),
        );
        let failures = &mut evidence.failures;
        if evidence.asked_task.is_none() {
            let (found, troubles) = listed;
            tasks.extend(found);
            for trouble in troubles {
                note::<()>(Err(trouble), "its tasks", failures);
            }
        }
        evidence.scaling = note(scaling, "its autoscaling", failures).flatten();
        let services = note(described, "the service", failures)?;
        let service = services.into_iter().next().flatten()?;
        evidence.service = Some(read::service(&service));
        Some(service)
    }

    /// A service's tasks, the newest first: those that run, and those that stopped in the last hour;
    /// up to a hundred of each. With why not all could be read, where they couldn't.
    pub async fn tasks(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
    ) -> (Vec<Task>, Option<AwsError>) {
        let read = self.tasks_of(cluster, service);
        let (tasks, troubles) = patiently(THROTTLED_AT_MOST, read).await;
        (read::tasks(&tasks), troubles.into_iter().next())
    }

    /// A task definition.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn what_runs(&self, arn: &TaskDefinitionArn) -> Result<Definition, AwsError> {
        let ask = json!({ "taskDefinition": arn.as_str() });
        let read = self.describe_task_definition(ask);
        let mut described = patiently(THROTTLED_AT_MOST, read).await?;
        let body = described.get_mut("taskDefinition").map(Value::take);
        Ok(Definition {
            arn: arn.clone(),
            body: body.unwrap_or_default(),
        })
    }

    /// Running and stopped tasks of a service, and what could not be read of them.
    async fn tasks_of(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
    ) -> (Vec<Value>, Vec<AwsError>) {
        let (mut tasks, mut troubles) = (Vec::new(), Vec::new());
        for status in ["STOPPED", "RUNNING"] {
            let body = json!({
                "cluster": cluster.as_str(),
                "serviceName": service.as_str(),
                "desiredStatus": status,
                "maxResults": TASKS,
            });
            let described = match self.list_tasks(body).await {
                Ok(listed) => {
                    let arns = list(&listed, "taskArns").iter().filter_map(Value::as_str);
                    let arns = arns.map(str::to_owned).collect();
                    self.describe_all(cluster, arns).await
                }
                Err(error) => Err(error),
            };
            match described {
                Ok(described) => tasks.extend(described),
                // Of a service that isn't there.
                Err(error) if error.is_not_found() && !is_of_no_cluster(&error) => {}
                Err(error) => troubles.push(error),
            }
        }
        (tasks, troubles)
    }

    async fn describe_all(
        &self,
        cluster: &ClusterName,
        tasks: Vec<String>,
    ) -> Result<Vec<Value>, AwsError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let body = json!({ "cluster": cluster.as_str(), "tasks": tasks });
        let described = self.describe_tasks(body).await?;
        Ok(list(&described, "tasks").to_vec())
    }

    async fn collect_definition(&self, arn: TaskDefinitionArn, evidence: &mut Evidence) {
        let body = json!({ "taskDefinition": arn.as_str() });
        let described = self.describe_task_definition(body).await;
        let described = note(described, "the task definition", &mut evidence.failures);
        let body = described.and_then(|mut it| it.get_mut("taskDefinition").map(Value::take));
        evidence.definition = body.map(|body| Definition { arn, body });
    }

    /// Names of the region's clusters, for a name that isn't one.
    ///
    /// # Errors
    /// When they can't be listed.
    pub async fn names_of_clusters(&self) -> Result<Vec<String>, AwsError> {
        let list = |body| self.list_clusters(body);
        let arns = self.listed(json!({}), "clusterArns", 3, list).await?;
        Ok(arns.iter().map(|arn| last_part(arn).to_owned()).collect())
    }

    /// Names of the cluster's services, for a name that isn't one.
    ///
    /// # Errors
    /// When they can't be listed.
    pub async fn names_of_services(&self, cluster: &ClusterName) -> Result<Vec<String>, AwsError> {
        let body = json!({ "cluster": cluster.as_str(), "maxResults": 100 });
        let arns = self
            .listed(body, "serviceArns", 3, |body| self.list_services(body))
            .await?;
        Ok(arns.iter().map(|arn| last_part(arn).to_owned()).collect())
    }
}
