//! Elastic Load Balancing v2 (stand-in).

use super::AwsError;
use crate::sandbox::world::{World, elb::TargetGroup};
use serde_json::{Value, json};

/// Answers one operation.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "CreateTargetGroup" => {
            let name = input["Name"].as_str().unwrap_or_default();
            let arn = format!(
                "arn:aws:elasticloadbalancing:{}:{}:targetgroup/{name}/0123456789abcdef",
                world.region, world.account
            );
            world.elb.groups.insert(
                arn.clone(),
                TargetGroup {
                    arn: arn.clone(),
                    used: false,
                    deregistration_delay: 300,
                    targets: Default::default(),
                },
            );
            Ok(json!({"TargetGroups": [{"TargetGroupArn": arn}]}))
        }
        "CreateLoadBalancer" => Ok(json!({"LoadBalancers": [{"LoadBalancerArn": format!(
            "arn:aws:elasticloadbalancing:{}:{}:loadbalancer/app/shop/0123456789abcdef",
            world.region, world.account
        )}]})),
        "CreateListener" => {
            let text = input["DefaultActions"].to_string();
            for group in world.elb.groups.values_mut() {
                group.used |= text.contains(&group.arn);
            }
            Ok(json!({"Listeners": [{"ListenerArn": "arn:listener"}]}))
        }
        _ => Ok(json!({})),
    }
}
