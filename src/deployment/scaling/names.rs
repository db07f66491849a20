//! Blue's names in a policy, a schedule or an alarm, and green's in their place.

use serde_json::{Map, Value};

use crate::deployment::ids::{ClusterName, EcsServiceName, SlotName, Slots, TargetGroupArn};
use crate::deployment::plan::SlotPlan;

/// Blue's names, each with green's.
pub(super) struct Names<'a> {
    /// Where both are.
    pub(super) cluster: &'a str,
    /// The services.
    pub(super) service: (&'a EcsServiceName, &'a EcsServiceName),
    groups: Vec<(&'a str, &'a str)>,
}

impl<'a> Names<'a> {
    pub(super) fn of(
        cluster: &'a ClusterName,
        slots: &'a Slots<SlotPlan>,
        blue: SlotName,
    ) -> Names<'a> {
        let (blue, green) = (&slots[blue], &slots[blue.other()]);
        let groups = blue.targets.iter().zip(&green.targets);
        Names {
            cluster: cluster.as_str().rsplit('/').next().unwrap_or_default(),
            service: (&blue.service, &green.service),
            groups: groups
                .map(|(blue, green)| (dimension(&blue.group), dimension(&green.group)))
                .collect(),
        }
    }

    /// The same with green's names: target groups wherever they stand, such as in a resource
    /// label, and the service in a dimension.
    pub(super) fn renamed(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|it| self.renamed(it)).collect(),
            Value::Object(fields) => {
                let is_service = fields.get("Name").is_some_and(|it| it == "ServiceName");
                let (blue, green) = self.service;
                let fields = fields.iter().map(|(key, value)| {
                    let own = is_service && key == "Value" && value == blue.as_str();
                    let value = match own {
                        true => Value::from(green.as_str()),
                        false => self.renamed(value),
                    };
                    (key.clone(), value)
                });
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Value::String(text) => {
                let mut renamed = text.clone();
                for (blue, green) in &self.groups {
                    renamed = renamed.replace(blue, green);
                }
                Value::from(renamed)
            }
            other => other.clone(),
        }
    }
}

/// The dimension of a target group: what its ARN ends with.
pub(super) fn dimension(group: &TargetGroupArn) -> &str {
    group.as_str().rsplit(':').next().unwrap_or_default()
}
