//! Brings green's service into being: created as a clone, or set to its source's settings.

use serde_json::{Value, json};

use super::cloud::Cloud;
use super::ecs::{list, tag, text};
use super::error::{AwsError, ErrorClass};
use super::scaling::held_by;
use super::services::service_seen;
use crate::deployment::clone::{self, DEPLOYMENT_TAG, Target};
use crate::deployment::ids::TaskDefinitionArn;
use crate::deployment::observation::ServiceStatus;
use crate::deployment::plan::{GreenService, Plan};
use crate::deployment::retire;
use crate::deployment::scaling::Scaling;
use crate::strategy::Weight;

impl Cloud {
    pub(super) async fn provision_green(
        &self,
        plan: &Plan,
        task_definition: &TaskDefinitionArn,
    ) -> Result<(), AwsError> {
        let green = plan.green_slot();
        let (GreenService::Create { source } | GreenService::Update { source }) = plan.green;
        let names = [
            &plan.slots[green].service,
            &plan.slots[green.other()].service,
        ];
        let mut found = self.services(&plan.cluster, &names).await?.into_iter();
        let (now, other) = (found.next().flatten(), found.next().flatten());
        let of_source = match source == green {
            true => now.as_ref(),
            false => other.as_ref(),
        };
        let Some(of_source) = of_source else {
            let name = &plan.slots[source].service;
            return Err(AwsError::invalid(
                "ecs:DescribeServices",
                format!("service {name}, whose settings green is to get, doesn't exist"),
            ));
        };
        let target = Target {
            cluster: &plan.cluster,
            service: &plan.slots[green].service,
            targets: &plan.slots[green].targets,
            task_definition,
            desired: plan.green_tasks(Weight::ZERO),
            deployment: &plan.id,
        };
        if let (Some(scaling), Some(blue)) = (&plan.scaling, &other) {
            self.hold_scale_in(plan, scaling, blue).await?;
        }
        match &now {
            None => {
                let of_source = self.with_monitoring(of_source).await?;
                self.create_green(clone::create_request(&of_source, &target), plan)
                    .await
            }
            Some(now) => self.update_green(now, of_source, &target, plan).await,
        }
    }

    /// The tag comes last: what has it is complete.
    async fn create_green(&self, mut body: Value, plan: &Plan) -> Result<(), AwsError> {
        if plan.scaling.is_some()
            && let Some(tags) = body.get_mut("tags").and_then(Value::as_array_mut)
        {
            tags.retain(|tag| text(tag, "key") != DEPLOYMENT_TAG);
        }
        let tagged = tag(list(&body, "tags"), DEPLOYMENT_TAG) == Some(plan.id.as_str());
        let created = self.create_service(body).await?;
        if let Some(scaling) = &plan.scaling {
            self.carry_scaling(plan, scaling).await?;
        }
        if tagged {
            return Ok(());
        }
        let service = created.get("service").unwrap_or(&Value::Null);
        self.tag_as_ours(text(service, "serviceArn"), plan).await
    }

    async fn update_green(
        &self,
        now: &Value,
        source: &Value,
        target: &Target<'_>,
        plan: &Plan,
    ) -> Result<(), AwsError> {
        let seen = service_seen(now);
        if seen.status == ServiceStatus::Draining {
            return Err(AwsError::own(
                "ecs:CreateService",
                ErrorClass::Conflict,
                format!(
                    "service {} is still draining after its deletion",
                    target.service
                ),
            ));
        }
        if tag(list(now, "tags"), retire::TAG).is_some() {
            // First of all: whoever was to retire this slot must not scale it down from here on.
            let arn = text(now, "serviceArn");
            let body = json!({ "resourceArn": arn, "tagKeys": [retire::TAG] });
            self.untag_resource(body).await?;
        }
        let tagged = seen.deployment.as_ref() == Some(target.deployment);
        let set = seen.task_definition == *target.task_definition && seen.desired == target.desired;
        if !(tagged && set) {
            // Tags go first: tasks get their service's where it propagates them.
            let missing = clone::missing_tags(source, now);
            match self.add_tags(text(now, "serviceArn"), missing).await {
                // Tags that may not be set, or don't fit, are nothing to fail for: plan goes on to show them.
                Err(error) if !error.class.may_pass() => {}
                added => added?,
            }
            let source = self.with_monitoring(source).await?;
            let mut body = clone::update_request(&source, target);
            clone::keep_definition(&mut body, now);
            self.update_service(body).await?;
        }
        if let Some(scaling) = &plan.scaling {
            self.carry_scaling(plan, scaling).await?;
        }
        if !tagged {
            self.tag_as_ours(text(now, "serviceArn"), plan).await?;
        }
        Ok(())
    }

    async fn tag_as_ours(&self, service: &str, plan: &Plan) -> Result<(), AwsError> {
        let mut tags = vec![json!({ "key": DEPLOYMENT_TAG, "value": plan.id.as_str() })];
        let held = |scaling: &Scaling| !scaling.suspended.scale_in;
        if plan.scaling.as_ref().is_some_and(held) {
            tags.push(held_by(plan));
        }
        self.add_tags(service, tags).await
    }

    async fn add_tags(&self, service: &str, tags: Vec<Value>) -> Result<(), AwsError> {
        if tags.is_empty() {
            return Ok(());
        }
        let body = json!({ "resourceArn": service, "tags": tags });
        self.tag_resource(body).await.map(|_| ())
    }
}
