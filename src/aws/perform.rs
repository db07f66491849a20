//! Does what was decided. Every act may be repeated: what is already so is left alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cloud::Cloud;
use super::ecs::{list, tag, text};
use super::error::AwsError;
use super::together::all;
use crate::deployment::action::Action;
use crate::deployment::clone::DEPLOYMENT_TAG;
use crate::deployment::ids::{ClusterName, EcsServiceName, TaskDefinitionArn};
use crate::deployment::plan::{NewTaskDefinition, Plan};
use crate::deployment::task_definition;

/// How many of a family's revisions are looked at for one that this deployment registered.
const NEWEST: u32 = 5;

/// What an act gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Nothing that has to be kept.
    Nothing,
    /// The revision that green is to run.
    TaskDefinition(TaskDefinitionArn),
    /// The task definition came from a file, and only the process that read it had it.
    NothingToRegister,
}

impl Cloud {
    /// Does one action of `plan`. `body` is the task definition to register, as
    /// RegisterTaskDefinition takes it; the other actions need none.
    pub async fn perform(
        &self,
        plan: &Plan,
        action: &Action,
        body: Option<&Value>,
    ) -> Result<Done, AwsError> {
        match action {
            Action::RegisterTaskDefinition => {
                let arn = self.register_once(plan, body).await?;
                return Ok(arn.map_or(Done::NothingToRegister, Done::TaskDefinition));
            }
            // Whoever runs the deployment asks: it takes its time.
            Action::AskGate { .. } => {}
            Action::AddGreenToRoutes => self.add_green_to_routes(plan).await?,
            Action::ProvisionGreen { task_definition } => {
                self.provision_green(plan, task_definition).await?;
            }
            Action::PointTestRoutes { to } => self.point_test_routes(plan, *to).await?,
            Action::WriteWeights(write) => self.write_weights(plan, *write).await?,
            Action::Scale { slot, desired } => {
                let service = &plan.slots[*slot].service;
                self.scale(&plan.cluster, service, *desired).await?;
            }
            Action::RestoreSettings { serving } => {
                self.restore_settings(plan).await?;
                if let Some(scaling) = &plan.scaling {
                    self.restore_scaling(plan, scaling, *serving).await?;
                }
            }
            Action::SleepScaling { slot } => {
                let service = &plan.slots[*slot].service;
                self.sleep_scaling(&plan.cluster, service).await?;
            }
            Action::Tag { slot, tags } => {
                let service = &plan.slots[*slot].service;
                self.tag(&plan.cluster, service, tags).await?;
            }
            Action::ArmDeadman { until } => self.arm_deadman(plan, *until).await?,
            Action::DisarmDeadman => self.disarm_deadman(plan).await?,
            Action::Unpin { slot } => self.unpin(plan, *slot).await?,
            Action::Delete { slot } => {
                self.delete(&plan.cluster, &plan.slots[*slot].service)
                    .await?;
            }
        }
        Ok(Done::Nothing)
    }

    /// The revision that carries this deployment's tag; a new one where none does yet, if there is
    /// something to make it from.
    async fn register_once(
        &self,
        plan: &Plan,
        body: Option<&Value>,
    ) -> Result<Option<TaskDefinitionArn>, AwsError> {
        const REGISTER: &str = "ecs:RegisterTaskDefinition";
        if let NewTaskDefinition::Existing { arn } = &plan.task_definition {
            return Ok(Some(arn.clone()));
        }
        if let NewTaskDefinition::Register { family, .. } = &plan.task_definition
            && let Some(arn) = self.registered(plan, family).await?
        {
            return Ok(Some(arn));
        }
        let body = match body.filter(|body| body.is_object()) {
            Some(body) => Some(body.clone()),
            None => self.made_again(plan).await?,
        };
        let Some(mut body) = body else {
            return Ok(None);
        };
        let mut tags: Vec<Value> = list(&body, "tags").to_vec();
        tags.retain(|tag| text(tag, "key") != DEPLOYMENT_TAG);
        tags.push(json!({ "key": DEPLOYMENT_TAG, "value": plan.id.as_str() }));
        body["tags"] = tags.into();
        let answer = self.register_task_definition(body).await?;
        let registered = answer.get("taskDefinition").unwrap_or(&Value::Null);
        match text(registered, "taskDefinitionArn") {
            "" => Err(AwsError::own(
                REGISTER,
                super::ErrorClass::Ambiguous,
                "the answer names no revision",
            )),
            arn => Ok(Some(TaskDefinitionArn::new(arn))),
        }
    }

    /// What is to be registered, from the revision that it was made from.
    async fn made_again(&self, plan: &Plan) -> Result<Option<Value>, AwsError> {
        let NewTaskDefinition::Register {
            from: Some(from),
            images,
            ..
        } = &plan.task_definition
        else {
            return Ok(None);
        };
        let body = json!({ "taskDefinition": from.as_str(), "include": ["TAGS"] });
        let described = self.describe_task_definition(body).await?;
        let mut definition = task_definition::from_describe(&described);
        task_definition::put_images(&mut definition, images);
        Ok(Some(definition))
    }

    /// The newest revision of `family` with this deployment's tag.
    async fn registered(
        &self,
        plan: &Plan,
        family: &str,
    ) -> Result<Option<TaskDefinitionArn>, AwsError> {
        let listed = self
            .list_task_definitions(json!({
                "familyPrefix": family,
                "status": "ACTIVE",
                "sort": "DESC",
                "maxResults": NEWEST,
            }))
            .await?;
        let arns = list(&listed, "taskDefinitionArns")
            .iter()
            .filter_map(Value::as_str);
        let revisions = all(arns.map(|arn| async move {
            let body = json!({ "taskDefinition": arn, "include": ["TAGS"] });
            (arn, self.describe_task_definition(body).await)
        }))
        .await;
        for (arn, revision) in revisions {
            if tag(list(&revision?, "tags"), DEPLOYMENT_TAG) == Some(plan.id.as_str()) {
                return Ok(Some(TaskDefinitionArn::new(arn)));
            }
        }
        Ok(None)
    }

    /// Sets a service's desired count; zero is also where there is no service.
    pub(super) async fn scale(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
        desired: u32,
    ) -> Result<(), AwsError> {
        let body = json!({
            "cluster": cluster.as_str(),
            "service": service.as_str(),
            "desiredCount": desired,
        });
        match self.update_service(body).await {
            // Nothing runs where nothing is.
            Err(error) if desired == 0 && is_gone(&error) => Ok(()),
            result => result.map(|_| ()),
        }
    }

    /// Nothing but the settings: no task is replaced for it.
    async fn restore_settings(&self, plan: &Plan) -> Result<(), AwsError> {
        if !plan.settings.is_object() {
            return Ok(());
        }
        let body = json!({
            "cluster": plan.cluster.as_str(),
            "service": plan.slots[plan.green_slot()].service.as_str(),
            "deploymentConfiguration": plan.settings,
        });
        match self.update_service(body).await {
            Err(error) if is_gone(&error) => Ok(()),
            result => result.map(|_| ()),
        }
    }

    /// Sets tags of a service and takes off those without a value.
    pub(super) async fn tag(
        &self,
        cluster: &ClusterName,
        name: &EcsServiceName,
        tags: &BTreeMap<String, Option<String>>,
    ) -> Result<(), AwsError> {
        let found = self.services(cluster, &[name]).await?;
        let Some(service) = found.into_iter().next().flatten() else {
            // A service that is gone has no tags to lose, and none can be set.
            return match tags.values().all(Option::is_none) {
                true => Ok(()),
                false => Err(AwsError::invalid(
                    "ecs:TagResource",
                    format!("service {name} doesn't exist"),
                )),
            };
        };
        let arn = text(&service, "serviceArn");
        let has = list(&service, "tags");
        let set: Vec<Value> = tags
            .iter()
            .filter_map(|(key, value)| Some((key, value.as_deref()?)))
            .filter(|(key, value)| tag(has, key) != Some(value))
            .map(|(key, value)| json!({ "key": key, "value": value }))
            .collect();
        let unset: Vec<&String> = tags
            .iter()
            .filter(|(key, value)| value.is_none() && tag(has, key).is_some())
            .map(|(key, _)| key)
            .collect();
        if !set.is_empty() {
            let body = json!({ "resourceArn": arn, "tags": set });
            self.tag_resource(body).await?;
        }
        if !unset.is_empty() {
            let body = json!({ "resourceArn": arn, "tagKeys": unset });
            self.untag_resource(body).await?;
        }
        Ok(())
    }

    /// Deletes a service that is scaled to zero.
    pub(super) async fn delete(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
    ) -> Result<(), AwsError> {
        let body = json!({ "cluster": cluster.as_str(), "service": service.as_str() });
        match self.delete_service(body).await {
            Err(error) if is_gone(&error) => Ok(()),
            result => result.map(|_| ()),
        }
    }
}

/// Whether the service doesn't exist or is on its way out.
fn is_gone(error: &AwsError) -> bool {
    matches!(
        error.code.as_deref(),
        Some("ServiceNotFoundException" | "ServiceNotActiveException")
    )
}
