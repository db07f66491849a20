//! What the demo account can have besides: to try autoscaling, records, a test route or a worker.

use serde_json::{Value, json};

use super::{
    Balancer, CLUSTER, RATE, SERVICE, TASKS, after, named, service, subnets, target_group,
    wait_until_steady,
};
use crate::sandbox::{
    wire::{AwsError, ecs, elbv2, route53, scaling},
    world::{
        World,
        traffic::{Flow, Shape},
    },
};

/// A service without a load balancer.
pub const WORKER: &str = "worker";
/// A service with a load balancer for each slot, and weighted records over them.
pub const SITE: &str = "site";
/// The hosted zone of its records.
pub const ZONE: &str = "example.com";
/// Requests a minute that each of the service's tasks is to get, by its scaling policy. It gets
/// fewer, and so stays at its minimum.
const PER_TASK: f64 = 900.0;

/// The service `shop` scales between 2 and 6 tasks, by its requests.
///
/// # Errors
/// When the region refuses one of the calls.
pub fn autoscaling(world: &mut World, balancer: &Balancer) -> Result<(), AwsError> {
    let of = |more: Value| {
        let mut input = json!({
            "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount",
            "ResourceId": format!("service/{CLUSTER}/{SERVICE}"),
        });
        if let (Some(fields), Value::Object(more)) = (input.as_object_mut(), more) {
            fields.extend(more);
        }
        input
    };
    let bounds = of(json!({ "MinCapacity": TASKS, "MaxCapacity": 3 * TASKS }));
    scaling::handle(world, "RegisterScalableTarget", &bounds)?;
    let label = format!(
        "{}/{}",
        after(&balancer.arn, ":loadbalancer/"),
        after(&balancer.group_a, ":")
    );
    let policy = of(json!({
        "PolicyName": "requests",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": PER_TASK,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label,
            },
        },
    }));
    scaling::handle(world, "PutScalingPolicy", &policy)?;
    Ok(())
}

/// A rule that sends requests with the header `X-Test: green` where production goes, for now.
///
/// # Errors
/// When the region refuses one of the calls.
pub fn test_route(world: &mut World, balancer: &Balancer) -> Result<(), AwsError> {
    let rule = json!({
        "ListenerArn": balancer.listener,
        "Priority": 10,
        "Conditions": [{
            "Field": "http-header",
            "HttpHeaderConfig": { "HttpHeaderName": "X-Test", "Values": ["green"] },
        }],
        "Actions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": [
            { "TargetGroupArn": balancer.group_a, "Weight": 100 },
            { "TargetGroupArn": balancer.group_b, "Weight": 0 },
        ] } }],
    });
    elbv2::handle(world, "CreateRule", &rule)?;
    Ok(())
}

/// The service `worker`: two tasks that nobody sends requests to.
///
/// # Errors
/// When the region refuses one of the calls, or it doesn't get steady.
pub fn worker(world: &mut World) -> Result<(), AwsError> {
    let mut definition = super::task_definition("worker:v1");
    definition["family"] = json!(WORKER);
    let container = &mut definition["containerDefinitions"][0];
    container["portMappings"] = json!([]);
    ecs::handle(world, "RegisterTaskDefinition", &definition)?;
    let mut input = service(WORKER, "", TASKS);
    input["taskDefinition"] = json!(WORKER);
    if let Some(fields) = input.as_object_mut() {
        fields.remove("loadBalancers");
        fields.remove("healthCheckGracePeriodSeconds");
    }
    ecs::handle(world, "CreateService", &input)?;
    wait_until_steady(world, WORKER)
}

/// The service `site`, each slot behind a load balancer of its own, with weighted records of
/// `site.example.com` over the two, and users who go by that name.
///
/// # Errors
/// When the region refuses one of the calls, or it doesn't get steady.
pub fn records(world: &mut World) -> Result<(), AwsError> {
    let zone = json!({ "Name": ZONE, "CallerReference": "demo" });
    let zone = route53::handle(world, "CreateHostedZone", &zone)?;
    let zone = named(&zone, "/HostedZone/Id")?;
    let name = format!("{SITE}.{ZONE}");
    let mut groups = Vec::new();
    let mut changes = Vec::new();
    for (slot, weight) in [("a", 255), ("b", 0)] {
        let own = format!("{SITE}-{slot}");
        let group = target_group(world, &own)?;
        let host = balancer_of(world, &own, &group)?;
        groups.push(group);
        changes.push(json!({ "Action": "CREATE", "ResourceRecordSet": {
            "Name": name, "Type": "A", "SetIdentifier": own, "Weight": weight,
            "AliasTarget": {
                "HostedZoneId": "Z32O12XQLNTSW2", "DNSName": host, "EvaluateTargetHealth": false,
            },
        } }));
    }
    let batch = json!({ "HostedZoneId": zone, "ChangeBatch": { "Changes": changes } });
    route53::handle(world, "ChangeResourceRecordSets", &batch)?;
    let mut definition = super::task_definition("site:v1");
    definition["family"] = json!(SITE);
    ecs::handle(world, "RegisterTaskDefinition", &definition)?;
    let mut input = service(SITE, &groups[0], TASKS);
    input["taskDefinition"] = json!(SITE);
    ecs::handle(world, "CreateService", &input)?;
    wait_until_steady(world, SITE)?;
    let flow = Flow::by_name(&format!("{name}."), 80, Shape::Steady(RATE));
    world.traffic.flows.push(flow);
    Ok(())
}

/// A load balancer whose listener sends everything to one group: its DNS name.
fn balancer_of(world: &mut World, name: &str, group: &str) -> Result<String, AwsError> {
    let made = json!({
        "Name": name, "Type": "application", "Scheme": "internet-facing", "Subnets": subnets(),
        "SecurityGroups": ["sg-0b0b0b0b0b0b0b0b0"],
    });
    let made = elbv2::handle(world, "CreateLoadBalancer", &made)?;
    let listener = json!({
        "LoadBalancerArn": named(&made, "/LoadBalancers/0/LoadBalancerArn")?,
        "Protocol": "HTTP",
        "Port": 80,
        "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }],
    });
    elbv2::handle(world, "CreateListener", &listener)?;
    named(&made, "/LoadBalancers/0/DNSName")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::RegionOptions;

    #[test]
    fn everything_can_be_had_at_once_and_is_steady() {
        let options = RegionOptions::default();
        let mut world = World::new(options.account, options.region, options.start, 3);
        let balancer = super::super::build(&mut world).unwrap();
        autoscaling(&mut world, &balancer).unwrap();
        test_route(&mut world, &balancer).unwrap();
        worker(&mut world).unwrap();
        records(&mut world).unwrap();
        world.advance(600);
        for name in [SERVICE, WORKER, SITE] {
            let service = world.ecs.service(CLUSTER, name).expect("it was made");
            assert!(service.steady_since.is_some(), "{name}");
            assert_eq!(service.desired, TASKS, "{name}");
        }
    }
}
