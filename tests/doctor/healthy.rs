//! Services that are well, in states that look like trouble.

use bg::sandbox::demo::{self, CLUSTER};
use bg::sandbox::wire::scaling;
use serde_json::json;

use crate::scene::{Case, SHOP, case, on_instances, without_network};

fn cases() -> Vec<Case> {
    vec![
        case("a service as it should be", "shop:v1"),
        case("one that has just begun", "shop:v1").after(10),
        case("one that has just been deployed anew", "shop:v1")
            .then(200, |scene| scene.roll("shop:v2")),
        case("one in the middle of a deployment", "shop:v1")
            .then(25, |scene| scene.roll("shop:v2")),
        case("one that was scaled out", "shop:v1")
            .then(60, |scene| scene.update(json!({ "desiredCount": 5 }))),
        case("one that was scaled in", "shop:v1")
            .then(120, |scene| scene.update(json!({ "desiredCount": 1 }))),
        case("an idle slot", "shop:v1").then(120, |scene| {
            scene.weigh(Some(0), Some(100));
            scene.update(json!({ "desiredCount": 0 }));
        }),
        case("a green before its first share", "shop:v1")
            .then(60, |scene| scene.weigh(Some(0), Some(100))),
        case("one without a load balancer", "shop:v1").served(|it| {
            it["loadBalancers"] = json!([]);
            it["healthCheckGracePeriodSeconds"] = json!(null);
        }),
        case("one on instances", "shop:v1")
            .defined(|it| on_instances(it, json!([{ "containerPort": 8080 }])))
            .served(without_network),
        case("one that scales by itself", "shop:v1").then(60, |scene| {
            let input = json!({
                "ServiceNamespace": "ecs",
                "ScalableDimension": "ecs:service:DesiredCount",
                "ResourceId": format!("service/{CLUSTER}/{SHOP}"),
                "MinCapacity": 1,
                "MaxCapacity": 2,
            });
            let answer = scaling::handle(&mut scene.world, "RegisterScalableTarget", &input);
            answer.expect("the region takes it");
        }),
        case("one with ECS Exec", "shop:v1")
            .defined(|it| it["taskRoleArn"] = json!("arn:aws:iam::123456789012:role/shop"))
            .served(|it| it["enableExecuteCommand"] = json!(true)),
        case("one after a migration", "shop:v1").defined(|it| {
            let containers = it["containerDefinitions"].as_array_mut();
            let containers = containers.expect("it is a list");
            containers[0]["dependsOn"] =
                json!([{ "containerName": "migrate", "condition": "SUCCESS" }]);
            let migrate = json!({ "name": "migrate", "image": "m:done", "essential": false });
            containers.push(migrate);
        }),
        case("one with a container health check", "shop:v1").container(
            "healthCheck",
            json!({ "command": ["CMD", "/healthy"], "interval": 10 }),
        ),
        case("one whose trouble was mended a while ago", "shop:v1").then(300, |scene| {
            scene.roll("shop:crash");
            scene.world.advance(600);
            scene.ecs("RegisterTaskDefinition", &demo::task_definition("shop:v3"));
            scene.update(json!({ "taskDefinition": "shop" }));
            scene.world.advance(300);
        }),
        case("one in the middle of a deployment that mends it", "shop:v1").then(25, |scene| {
            scene.roll("shop:crash");
            scene.world.advance(600);
            scene.ecs("RegisterTaskDefinition", &demo::task_definition("shop:v3"));
            scene.update(json!({ "taskDefinition": "shop" }));
        }),
        case("a task that somebody stopped", "shop:v1").then(90, |scene| {
            let task = scene.task();
            scene.ecs("StopTask", &json!({ "cluster": CLUSTER, "task": task }));
        }),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_healthy_service_has_no_findings() {
    let cases = cases();
    assert!(cases.len() >= 10);
    for case in cases {
        let (found, evidence) = case.ask().await;
        assert_eq!(found, [], "{}: {:#?}", case.name, evidence.service);
    }
}
