//! The demo account: cluster `demo` with the service `shop` behind a load balancer, a second
//! target group for the other slot, alarms, and steady synthetic traffic.
//!
//! Built through the wire handlers, as any client could build it.

pub mod extras;

use super::{
    wire::{AwsError, cloudwatch, ecs, elbv2},
    world::{
        World,
        traffic::{Flow, Mode, Shape},
    },
};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// The demo's cluster.
pub const CLUSTER: &str = "demo";
/// The demo's service, which is also its task definition's family and its load balancer's name.
pub const SERVICE: &str = "shop";
/// The container that serves.
pub const CONTAINER: &str = "app";
/// Its port.
pub const PORT: u16 = 8080;
/// What it runs at first.
pub const IMAGE: &str = "shop:v1";
/// How many tasks.
pub const TASKS: u32 = 2;
/// Synthetic requests per second.
pub const RATE: f64 = 20.0;
/// Synthetic users step back while real ones come, and return after this.
const QUIET: SignedDuration = SignedDuration::from_secs(5);
/// A build-up that takes longer than this is a mistake in the region.
const PATIENCE_SECONDS: u32 = 600;
/// Seconds that the account is left alone before anybody sees it, so that its metrics are there.
const SETTLE_SECONDS: u32 = 300;

/// What a scene has built at the load balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balancer {
    /// Load balancer.
    pub arn: String,
    /// HTTP listener on port 80.
    pub listener: String,
    /// Target group of slot a, weight 100.
    pub group_a: String,
    /// Target group of slot b, weight 0.
    pub group_b: String,
}

/// Builds the whole account into an empty world and waits until it is steady.
///
/// # Errors
/// When the region refuses one of the calls: the world was not empty.
pub fn build(world: &mut World) -> Result<Balancer, AwsError> {
    let balancer = balancer(world)?;
    ecs::handle(world, "CreateCluster", &json!({ "clusterName": CLUSTER }))?;
    ecs::handle(world, "RegisterTaskDefinition", &task_definition(IMAGE))?;
    ecs::handle(
        world,
        "CreateService",
        &service(SERVICE, &balancer.group_a, TASKS),
    )?;
    alarms(world, &balancer)?;
    wait_until_steady(world, SERVICE)?;
    traffic(world, &balancer);
    world.advance(SETTLE_SECONDS);
    Ok(balancer)
}

/// Steady synthetic users, who only come once somebody can answer them.
fn traffic(world: &mut World, balancer: &Balancer) {
    let flow = Flow::new(&balancer.listener, Shape::Steady(RATE));
    world.traffic.flows.push(flow);
    world.traffic.mode = Mode::WhenQuietFor(QUIET);
}

/// A load balancer whose HTTP listener forwards to `shop-a` with weight 100 and to `shop-b`
/// with weight 0.
///
/// # Errors
/// When the region refuses one of the calls.
pub fn balancer(world: &mut World) -> Result<Balancer, AwsError> {
    let made = elbv2::handle(
        world,
        "CreateLoadBalancer",
        &json!({
            "Name": SERVICE,
            "Type": "application",
            "Scheme": "internet-facing",
            "Subnets": subnets(),
            "SecurityGroups": ["sg-0b0b0b0b0b0b0b0b0"],
        }),
    )?;
    let arn = named(&made, "/LoadBalancers/0/LoadBalancerArn")?;
    let group_a = target_group(world, "shop-a")?;
    let group_b = target_group(world, "shop-b")?;
    let made = elbv2::handle(
        world,
        "CreateListener",
        &json!({
            "LoadBalancerArn": arn,
            "Protocol": "HTTP",
            "Port": 80,
            "DefaultActions": [{
                "Type": "forward",
                "ForwardConfig": {
                    "TargetGroups": [
                        { "TargetGroupArn": group_a, "Weight": 100 },
                        { "TargetGroupArn": group_b, "Weight": 0 },
                    ],
                },
            }],
        }),
    )?;
    Ok(Balancer {
        listener: named(&made, "/Listeners/0/ListenerArn")?,
        arn,
        group_a,
        group_b,
    })
}

fn target_group(world: &mut World, name: &str) -> Result<String, AwsError> {
    let made = elbv2::handle(
        world,
        "CreateTargetGroup",
        &json!({
            "Name": name,
            "Protocol": "HTTP",
            "Port": PORT,
            "VpcId": "vpc-0a0a0a0a0a0a0a0a0",
            "TargetType": "ip",
            "HealthCheckPath": "/health",
            "HealthCheckIntervalSeconds": 10,
            "HealthCheckTimeoutSeconds": 5,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
        }),
    )?;
    let arn = named(&made, "/TargetGroups/0/TargetGroupArn")?;
    elbv2::handle(
        world,
        "ModifyTargetGroupAttributes",
        &json!({
            "TargetGroupArn": arn,
            "Attributes": [{ "Key": "deregistration_delay.timeout_seconds", "Value": "60" }],
        }),
    )?;
    Ok(arn)
}

/// Two subnets in two zones.
pub fn subnets() -> Value {
    json!(["subnet-0a000000000000001", "subnet-0b000000000000002"])
}

/// RegisterTaskDefinition's input for an image of the demo's application.
pub fn task_definition(image: &str) -> Value {
    json!({
        "family": SERVICE,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
        "containerDefinitions": [{
            "name": CONTAINER,
            "image": image,
            "essential": true,
            "portMappings": [{ "containerPort": PORT, "protocol": "tcp" }],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/ecs/shop",
                    "awslogs-region": "eu-west-1",
                    "awslogs-stream-prefix": "shop",
                },
            },
            "environment": [
                { "name": "GREETING", "value": "hello" },
                { "name": "PORT", "value": PORT.to_string() },
            ],
        }],
    })
}

/// CreateService's input for a service of the demo's application behind a target group.
pub fn service(name: &str, group: &str, desired: u32) -> Value {
    json!({
        "cluster": CLUSTER,
        "serviceName": name,
        "taskDefinition": SERVICE,
        "desiredCount": desired,
        "launchType": "FARGATE",
        "healthCheckGracePeriodSeconds": 30,
        "loadBalancers": [{
            "targetGroupArn": group, "containerName": CONTAINER, "containerPort": PORT,
        }],
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": subnets(),
                "securityGroups": ["sg-0b0b0b0b0b0b0b0b0"],
                "assignPublicIp": "ENABLED",
            },
        },
        "deploymentConfiguration": {
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": { "enable": true, "rollback": true },
        },
    })
}

/// Per slot, `shop-SLOT-5xx` and `shop-SLOT-latency`.
fn alarms(world: &mut World, balancer: &Balancer) -> Result<(), AwsError> {
    for (slot, group) in [("a", &balancer.group_a), ("b", &balancer.group_b)] {
        // A tenth of 20 requests a second with a fifth of them failing is 24 a minute.
        let mut errors = alarm(balancer, group, "HTTPCode_Target_5XX_Count");
        errors["AlarmName"] = json!(format!("shop-{slot}-5xx"));
        errors["Statistic"] = json!("Sum");
        errors["Threshold"] = json!(5.0);
        // Good versions stay below 90 ms, slow ones start at 120 ms.
        let mut latency = alarm(balancer, group, "TargetResponseTime");
        latency["AlarmName"] = json!(format!("shop-{slot}-latency"));
        latency["ExtendedStatistic"] = json!("p90");
        latency["Threshold"] = json!(0.1);
        for input in [errors, latency] {
            cloudwatch::handle(world, "PutMetricAlarm", &input)?;
        }
    }
    Ok(())
}

/// The part that all alarms share: two of three minutes above the threshold.
fn alarm(balancer: &Balancer, group: &str, metric: &str) -> Value {
    json!({
        "Namespace": "AWS/ApplicationELB",
        "MetricName": metric,
        "Dimensions": [
            { "Name": "LoadBalancer", "Value": after(&balancer.arn, ":loadbalancer/") },
            { "Name": "TargetGroup", "Value": after(group, ":").to_owned() },
        ],
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    })
}

/// What stands behind the last `mark` of an ARN.
fn after<'a>(arn: &'a str, mark: &str) -> &'a str {
    arn.rsplit(mark).next().unwrap_or(arn)
}

fn named(made: &Value, pointer: &str) -> Result<String, AwsError> {
    made.pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| AwsError::client(format!("the region's answer has no {pointer}")))
}

/// Lets the world run until a service is steady.
fn wait_until_steady(world: &mut World, name: &str) -> Result<(), AwsError> {
    for _ in 0..PATIENCE_SECONDS {
        let steady = world
            .ecs
            .service(CLUSTER, name)
            .is_some_and(|service| service.steady_since.is_some());
        if steady {
            return Ok(());
        }
        world.advance(1);
    }
    Err(AwsError::client(format!(
        "the demo service {name} was not steady after {PATIENCE_SECONDS} s"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{RegionOptions, world::cloudwatch::alarm::AlarmState};

    fn account() -> (World, Balancer) {
        let options = RegionOptions::default();
        let mut world = World::new(options.account, options.region, options.start, 3);
        let balancer = build(&mut world).unwrap();
        (world, balancer)
    }

    fn weights(world: &mut World, balancer: &Balancer, green: u32) {
        let groups = json!([
            { "TargetGroupArn": balancer.group_a, "Weight": 100 - green },
            { "TargetGroupArn": balancer.group_b, "Weight": green },
        ]);
        let input = json!({
            "ListenerArn": balancer.listener,
            "DefaultActions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }],
        });
        elbv2::handle(world, "ModifyListener", &input).unwrap();
    }

    /// Gives `image` a tenth of the traffic by hand, and tells which alarms went off first and
    /// after how many seconds, within a quarter of an hour.
    fn canary(image: &str) -> Option<(Vec<String>, u32)> {
        let (mut world, balancer) = account();
        ecs::handle(
            &mut world,
            "RegisterTaskDefinition",
            &task_definition(image),
        )
        .unwrap();
        let request = service("shop-b", &balancer.group_b, TASKS);
        ecs::handle(&mut world, "CreateService", &request).unwrap();
        world.advance(120);
        weights(&mut world, &balancer, 10);
        for second in 0..900 {
            world.advance(1);
            let alarms = world.cloudwatch.alarms().keys();
            let ringing: Vec<String> = alarms
                .filter(|name| world.cloudwatch.state_of(name) == Some(AlarmState::Alarm))
                .cloned()
                .collect();
            if !ringing.is_empty() {
                return Some((ringing, second));
            }
        }
        None
    }

    #[test]
    fn the_demo_account_is_steady_and_serves_from_slot_a() {
        let (mut world, balancer) = account();
        let input = json!({ "cluster": CLUSTER, "services": [SERVICE] });
        let shown = ecs::handle(&mut world, "DescribeServices", &input).unwrap();
        let shop = &shown["services"][0];
        assert_eq!(shop["runningCount"], 2);
        assert_eq!(shop["deployments"][0]["rolloutState"], "COMPLETED");
        assert!(world.elb.group_is_used(&balancer.group_b));
        let states: Vec<_> = world
            .cloudwatch
            .alarms()
            .keys()
            .map(|name| (name.clone(), world.cloudwatch.state_of(name)))
            .collect();
        assert_eq!(states.len(), 4);
        assert!(
            states
                .iter()
                .all(|(_, state)| *state == Some(AlarmState::Ok)),
            "{states:?}"
        );
    }

    #[test]
    fn a_good_canary_sets_off_no_alarm() {
        assert_eq!(canary("shop:v2"), None);
    }

    #[test]
    fn a_bad_canary_sets_off_its_own_error_alarm_within_minutes() {
        let (ringing, seconds) = canary("shop:bad").unwrap();
        assert_eq!(ringing, ["shop-b-5xx"]);
        assert!(seconds <= 300, "{seconds} s");
    }

    #[test]
    fn a_slow_canary_sets_off_its_own_latency_alarm_within_minutes() {
        let (ringing, seconds) = canary("shop:slow").unwrap();
        assert_eq!(ringing, ["shop-b-latency"]);
        assert!(seconds <= 300, "{seconds} s");
    }
}
