//! Networks, capacity and limits that keep a service from running, each with the rule that must
//! come first.

use bg::sandbox::demo::CLUSTER;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::wire::scaling;
use bg::sandbox::world::ecs::tasks::StopCode;
use serde_json::{Value, json};

use crate::scene::{Case, SHOP, Scene, case, on_instances, without_network};

const PLACE: &str = "was unable to place a task because no container instance met all of its \
                     requirements.";

fn subnets(service: &mut Value, subnets: &Value) {
    service["networkConfiguration"]["awsvpcConfiguration"]["subnets"] = subnets.clone();
}

fn refused(name: &'static str, words: &'static str) -> Case {
    case(name, "shop:v1").before(move |scene| scene.refuse(words))
}

fn closest(name: &'static str, words: &'static str) -> Case {
    let words = format!("{PLACE} The closest matching (container-instance 0a1b) {words}");
    case(name, "shop:v1").before(move |scene| scene.refuse(&words))
}

fn taken(name: &'static str, code: StopCode, words: &'static str) -> Case {
    case(name, "shop:v1").then(60, move |scene| {
        let task = scene.task();
        scene
            .world
            .take_task(CLUSTER, &task, code, words.to_owned());
    })
}

fn scale(scene: &mut Scene, operation: &str, mut input: Value) {
    input["ServiceNamespace"] = json!("ecs");
    input["ScalableDimension"] = json!("ecs:service:DesiredCount");
    input["ResourceId"] = json!(format!("service/{CLUSTER}/{SHOP}"));
    let answer = scaling::handle(&mut scene.world, operation, &input);
    answer.expect("the region takes it");
    scene.world.ecs.wake();
}

/// Networks, load balancers and what stands between.
pub(crate) fn networks() -> Vec<(Case, &'static str)> {
    let in_subnets = |name, list: Value| case(name, "shop:v1").served(move |it| subnets(it, &list));
    vec![
        (
            in_subnets("a full subnet", json!(["subnet-full"])),
            "subnet-full",
        ),
        (
            in_subnets("a subnet that is gone", json!(["subnet-missing"])),
            "subnet-missing",
        ),
        (
            in_subnets("a subnet without a way out", json!(["subnet-isolated"])),
            "registry-unreachable",
        ),
        (
            case("a security group that is gone", "shop:v1").served(|it| {
                it["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] =
                    json!(["sg-missing"]);
            }),
            "security-group-missing",
        ),
        (
            in_subnets(
                "a zone that the load balancer lacks",
                json!(["s-1", "s-2", "s-3"]),
            )
            .served(|it| {
                subnets(it, &json!(["s-1", "s-2", "s-3"]));
                it["desiredCount"] = json!(3);
            }),
            "zone-not-enabled",
        ),
        (
            case("a listener that names another group", "shop:v1")
                .then(30, |scene| scene.weigh(None, Some(100))),
            "group-without-listener",
        ),
        (
            case("a target group that is gone", "shop:v1").then(5, |scene| {
                let arn = scene.balancer.group_a.clone();
                scene.world.elb.groups.remove(&arn);
            }),
            "group-missing",
        ),
        (
            case("a container port that isn't published", "shop:v1").then(5, |scene| {
                let service = scene.world.ecs.service_mut(CLUSTER, SHOP);
                let service = service.expect("it is there");
                service.settings["loadBalancers"][0]["containerPort"] = json!(3000);
            }),
            "container-port",
        ),
        (
            case("a health check on a port of its own", "shop:v1")
                .before(|scene| scene.group("HealthCheckPort", json!("9999"))),
            "health-check-port",
        ),
        (
            case("a matcher that wants another code", "shop:v1")
                .before(|scene| scene.group("Matcher", json!({ "HttpCode": "204" }))),
            "health-check-code",
        ),
        (
            case("discovery beside weight 0", "shop:v1")
                .served(|it| it["serviceRegistries"] = json!([{ "registryArn": "arn:registry" }]))
                .then(5, |scene| scene.weigh(Some(0), Some(100))),
            "discovery-without-traffic",
        ),
        (
            case("traffic to a service at zero", "shop:v1")
                .then(120, |scene| scene.update(json!({ "desiredCount": 0 }))),
            "traffic-to-nobody",
        ),
    ]
}

/// Capacity, limits, and whatever else keeps a service from what it should have.
pub(crate) fn limits() -> Vec<(Case, &'static str)> {
    vec![
        (
            refused(
                "no Fargate capacity",
                "was unable to place a task. Reason: Capacity is unavailable at this time. Please \
                 try again later or in a different availability zone.",
            ),
            "no-capacity",
        ),
        (
            refused(
                "a quota",
                "was unable to place a task. Reason: You've reached the limit on the number of \
                 vCPUs you can run concurrently.",
            ),
            "quota",
        ),
        (
            refused(
                "a size at the container's level",
                "was unable to place a task. Reason: Fargate requires that 'cpu' be defined at the \
                 task level.",
            ),
            "size-at-container-level",
        ),
        (
            refused(
                "throttled",
                "operations are being throttled. Will try again later.",
            ),
            "throttled",
        ),
        (
            refused(
                "a cluster without instances",
                "was unable to place a task because no container instance met all of its \
                 requirements. Reason: No Container Instances were found in your cluster.",
            ),
            "no-instances",
        ),
        (
            closest("no memory left", "has insufficient memory available."),
            "instances-full",
        ),
        (
            closest(
                "no such attribute",
                "is missing an attribute required by your task.",
            ),
            "instance-attribute",
        ),
        (
            closest("no agent", "encountered error \"AGENT\"."),
            "agent-disconnected",
        ),
        (
            closest(
                "too few distinct instances",
                "encountered error \"DistinctInstance placement constraint unsatisfied.\".",
            ),
            "placement-constraint",
        ),
        (
            case("one fixed host port for two tasks", "shop:v1")
                .defined(|it| on_instances(it, json!([{ "containerPort": 80, "hostPort": 80 }])))
                .served(without_network),
            "host-port-taken",
        ),
        (
            taken(
                "Spot capacity taken back",
                StopCode::SpotInterruption,
                "Your Spot Task was interrupted.",
            ),
            "spot-interruption",
        ),
        (
            taken(
                "an instance that ended",
                StopCode::TerminationNotice,
                "Host EC2 (instance i-0a1b) terminated.",
            ),
            "instance-ended",
        ),
        (
            case("targets deregistered by hand", "shop:v1").then(120, Scene::deregister),
            "tasks-not-registered",
        ),
        (
            case("an execution role that isn't there", "shop:v1").defined(|it| {
                it["executionRoleArn"] = json!("arn:aws:iam::123456789012:role/missing");
            }),
            "role-not-assumable",
        ),
        (
            case("percentages without room", "shop:v1")
                .served(|it| it["deploymentConfiguration"]["maximumPercent"] = json!(100))
                .then(300, |scene| scene.roll("shop:v2")),
            "rolling-limits",
        ),
        (
            case("autoscaling's minimum", "shop:v1").then(120, |scene| {
                let bounds = json!({ "MinCapacity": 4, "MaxCapacity": 9 });
                scale(scene, "RegisterScalableTarget", bounds);
            }),
            "autoscaling-min",
        ),
        (
            case("autoscaling's maximum", "shop:v1").then(5, |scene| {
                let bounds = json!({ "MinCapacity": 1, "MaxCapacity": 2 });
                scale(scene, "RegisterScalableTarget", bounds);
                let at = scene.world.now.as_second();
                let activity = json!({
                    "ActivityId": "1",
                    "ServiceNamespace": "ecs",
                    "ResourceId": format!("service/{CLUSTER}/{SHOP}"),
                    "ScalableDimension": "ecs:service:DesiredCount",
                    "Description": "Attempting to scale due to alarm triggered",
                    "Cause": "monitor alarm shop-cpu in state ALARM triggered policy cpu",
                    "StartTime": at,
                    "StatusCode": "NotScaled",
                    "NotScaledReasons": [{ "Code": "AlreadyAtMaxCapacity", "MaxCapacity": 2 }],
                });
                let activities = &mut scene.world.scaling.activities;
                activities.insert(format!("service/{CLUSTER}/{SHOP}"), vec![activity]);
            }),
            "autoscaling-at-max",
        ),
        (
            case("a program that ignores SIGTERM", "shop:stubborn")
                .then(120, |scene| scene.update(json!({ "desiredCount": 1 }))),
            "killed-while-stopping",
        ),
        (
            // CreateService and UpdateService refuse it: no call leads there.
            case("ECS Exec without a task role", "shop:v1").then(5, |scene| {
                let shop = scene.world.ecs.service_mut(CLUSTER, SHOP);
                let settings = &mut shop.expect("it was made").settings;
                settings.insert("enableExecuteCommand".to_owned(), json!(true));
            }),
            "exec-without-role",
        ),
        (
            case("ECS Exec with a role that denies it", "shop:v1")
                .defined(|it| it["taskRoleArn"] = json!("arn:aws:iam::123456789012:role/denied"))
                .served(|it| it["enableExecuteCommand"] = json!(true)),
            "exec-agent",
        ),
        (
            case("a deleted service", "shop:v1").then(5, |scene| {
                let input = json!({ "cluster": CLUSTER, "service": SHOP, "force": true });
                scene.ecs("DeleteService", &input);
            }),
            "service-deleted",
        ),
        (
            case("a version that was rolled back", "shop:v1")
                .served(|it| {
                    let breaker = json!({ "enable": true, "rollback": true });
                    it["deploymentConfiguration"]["deploymentCircuitBreaker"] = breaker;
                })
                .then(900, |scene| scene.roll("shop:nocommand")),
            "command-not-found",
        ),
        (
            case("a service that may not be read", "shop:v1").where_(FaultRule::new(
                "ecs:DescribeServices",
                FaultKind::Denied,
                When::Always,
            )),
            "not-allowed",
        ),
    ]
}
