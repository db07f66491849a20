//! What is done to a service between two deployments.

use serde_json::{Value, json};

use super::support::{Scene, until};

fn revisions(scene: &Scene) -> Value {
    scene.ecs("ListTaskDefinitions", &json!({}))["taskDefinitionArns"].clone()
}

#[test]
fn scaling_is_of_the_slot_that_is_live() {
    let scene = Scene::at_speed(60);
    scene
        .bg(&["scale", "3"])
        .exits(0)
        .says("slot a, service shop: 2 -> 3 tasks");
    assert_eq!((scene.desired("shop"), scene.desired("shop-b")), (3, 0));
    scene.bg(&["scale", "3"]).exits(0).says("unchanged");
    until("the third task to be healthy", || {
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        (status["live"]["healthy"] == 3).then_some(())
    });
    scene.deploy_to_b();
    assert_eq!(scene.desired("shop-b"), 3, "green is sized as blue was");
    let scaled = scene.bg(&["scale", "4", "--output", "json"]).exits(0);
    let told = json!({ "slot": "b", "service": "shop-b", "before": 3, "desired": 4 });
    assert_eq!(scaled.json(), told);
    assert_eq!((scene.desired("shop"), scene.desired("shop-b")), (3, 4));
    scene.bg(&["scale", "0"]).exits(2);
}

#[test]
fn green_grows_with_a_blue_that_somebody_gives_more_tasks() {
    let scene = Scene::at_speed(60);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2", "--no-wait-retire"]);
    deployment.until_it_says("baking");
    let more = json!({ "cluster": "demo", "service": "shop", "desiredCount": 5 });
    scene.ecs("UpdateService", &more);
    deployment.end().exits(0).says("5 tasks");
    assert_eq!((scene.desired("shop"), scene.desired("shop-b")), (5, 5));
    let back = scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
    assert_eq!(scene.desired("shop"), 5, "{back}");
}

#[test]
fn nothing_is_scaled_while_a_deployment_runs_or_where_autoscaling_does_it() {
    let scene = Scene::at_speed(30);
    scene.configure(&[("bake: 1m }", "bake: 30m }")]);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2"]);
    deployment.until_it_says("baking");
    scene
        .bg(&["scale", "5"])
        .exits(6)
        .complains("holds the lock");
    scene.bg(&["abort"]).exits(0);
    deployment.end().exits(4);
    let owner = json!({
        "ServiceNamespace": "ecs",
        "ResourceId": "service/demo/shop",
        "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 2,
        "MaxCapacity": 8,
    });
    scene.scaling("RegisterScalableTarget", &owner);
    scene
        .bg(&["scale", "5"])
        .exits(3)
        .complains("autoscaling owns the desired count of service/demo/shop (2 to 8 tasks)")
        .complains("--resource-id service/demo/shop --min-capacity 5\n");
    for (count, limits) in [
        ("12", "--min-capacity 12 --max-capacity 12"),
        ("1", "--min-capacity 1 --max-capacity 1"),
    ] {
        let refused = scene.bg(&["scale", count]).exits(3);
        refused.complains(&format!("--resource-id service/demo/shop {limits}\n"));
    }
    assert_eq!(scene.desired("shop"), 2);
}

#[test]
fn a_restart_is_a_deployment_of_the_same_revision() {
    let scene = Scene::at_speed(100);
    let before = revisions(&scene);
    scene
        .bg(&["restart", "--no-wait-retire"])
        .exits(0)
        .says("deploy shop:1 to shop in cluster demo, slot b")
        .says("10% of traffic to green");
    assert_eq!(scene.weights(), (0, 100));
    assert_eq!(revisions(&scene), before, "a revision was registered");
    let again = ["restart", "--no-wait-retire", "--strategy", "all-at-once"];
    scene.bg(&again).exits(0).says("slot a");
    assert_eq!(scene.weights(), (100, 0));
    scene
        .bg(&["restart", "--strategy", "canry"])
        .exits(2)
        .complains("canary");
}
