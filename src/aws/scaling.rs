//! Application Auto Scaling: who owns a service's desired count.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};

use super::cloud::Cloud;
use super::ecs::last_part;
use super::error::AwsError;
use super::retry::Effect;
use crate::deployment::ids::{ClusterName, EcsServiceName};
use crate::deployment::surroundings::ScalableTarget;

impl Cloud {
    /// The scalable targets of those services, in the order of `services`.
    pub(super) async fn scalable_targets(
        &self,
        cluster: &ClusterName,
        services: &[&EcsServiceName],
    ) -> Result<Vec<Option<ScalableTarget>>, AwsError> {
        let cluster = last_part(cluster.as_str());
        let ids = services.iter();
        let ids: Vec<String> = ids
            .map(|name| format!("service/{cluster}/{name}"))
            .collect();
        let described = self
            .call(
                "application-autoscaling:DescribeScalableTargets",
                Effect::Reads,
                || {
                    self.scaling()
                        .describe_scalable_targets()
                        .service_namespace(ServiceNamespace::Ecs)
                        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                        .set_resource_ids(Some(ids.clone()))
                        .send()
                },
            )
            .await?;
        let target = |id: &String| {
            let mut targets = described.scalable_targets().iter();
            let target = targets.find(|target| target.resource_id() == id)?;
            Some(ScalableTarget {
                resource: id.clone(),
                min: u32::try_from(target.min_capacity()).unwrap_or(0),
            })
        };
        Ok(ids.iter().map(target).collect())
    }
}
