//! After a promotion: rolling back and retiring.

use serde_json::json;

use super::support::{Scene, until};

#[test]
fn a_rollback_while_blue_is_warm_takes_one_step() {
    let scene = Scene::at_speed(200);
    scene.configure(&[("after: 2m", "after: 24h")]);
    scene.deploy_to_b();
    let records = scene
        .bg(&["rollback", "--output", "json", "--no-wait-retire"])
        .exits(0)
        .records();
    let steps = records
        .iter()
        .filter(|record| record["event"]["type"] == "shifting")
        .count();
    assert_eq!(steps, 1);
    assert_eq!(scene.weights(), (100, 0));
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["live"]["images"]["app"], "shop:v1");
    scene
        .bg(&["rollback", "--to", "a"])
        .exits(0)
        .says("slot a serves everything already");
}

#[test]
fn a_rollback_leaves_nobody_pinned_to_what_did_not_work() {
    let scene = Scene::at_speed(60);
    scene.stick();
    scene.deploy_to_b();
    assert_eq!(scene.named(), ["shop-a", "shop-b"], "who came before stays");
    scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
    assert_eq!(scene.named(), ["shop-a"]);
    scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
    assert_eq!(scene.named(), ["shop-b"], "it can be gone back to");
}

#[test]
fn a_group_that_left_a_sticky_route_comes_back_where_it_is_sticky_no_more() {
    let scene = Scene::at_speed(60).adopting();
    scene.stick();
    scene.deploy_to_b();
    scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
    let (listener, a) = (scene.listener(), scene.group("shop-a"));
    let forward = [
        ("ListenerArn", listener.as_str()),
        ("DefaultActions.member.1.Type", "forward"),
        ("DefaultActions.member.1.TargetGroupArn", &a),
    ];
    scene.elb("ModifyListener", &forward);
    let plan = scene.bg(&["plan", "--image", "shop:v3"]).exits(0);
    plan.says("group shop-b was taken out of this route when it was sticky");
    scene.bg(&["init"]).exits(0).says("Nothing is missing");
    scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
    assert_eq!(scene.weights(), (0, 100));
    assert_eq!(scene.named(), ["shop-a", "shop-b"], "nobody is pinned");
}

/// As Terraform does where it replaces one.
#[test]
fn a_rollback_goes_to_a_revision_that_somebody_deregistered_since() {
    for extra in [&["--no-wait-retire"][..], &[]] {
        let scene = Scene::at_speed(200);
        let served = scene.service("shop").expect("slot a's")["taskDefinition"].clone();
        let deploy = [&["deploy", "--image", "shop:v2"], extra].concat();
        scene.bg(&deploy).exits(0);
        let ask = serde_json::json!({ "taskDefinition": served });
        scene.ecs("DeregisterTaskDefinition", &ask);
        scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
        let again = scene.service("shop").expect("slot a's");
        assert_eq!(again["taskDefinition"], served);
        assert_eq!(scene.weights(), (100, 0));
    }
}

#[test]
fn a_rollback_to_a_retired_slot_brings_it_up_first() {
    let scene = Scene::at_speed(200);
    scene.bg(&["deploy", "--image", "shop:v2"]).exits(0);
    assert_eq!(scene.desired("shop"), 0);
    scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
    assert_eq!(scene.weights(), (100, 0));
    assert_eq!(scene.desired("shop"), 2);
    let shown = scene.definition_of("shop");
    assert_eq!(
        shown["taskDefinition"]["containerDefinitions"][0]["image"],
        "shop:v1"
    );
}

#[test]
fn a_rollback_to_a_deleted_slot_creates_it_from_the_journal() {
    let scene = Scene::at_speed(200);
    scene.configure(&[("after: 2m", "after: 2m, then: delete")]);
    scene.bg(&["deploy", "--image", "shop:v2"]).exits(0);
    until("the service to be gone", || {
        scene.service("shop").is_none().then_some(())
    });
    scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
    assert_eq!(scene.weights(), (100, 0));
    let shown = scene.definition_of("shop");
    assert_eq!(
        shown["taskDefinition"]["containerDefinitions"][0]["image"],
        "shop:v1"
    );
}

/// Says by tag, as bg does, when a slot is due.
fn make_due(scene: &Scene, service: &str, at: &str) {
    let arn = scene.service(service).expect("it exists")["serviceArn"].clone();
    let tag = json!({ "key": "bg:retire-at", "value": format!("{at} scale-to-zero") });
    scene.ecs("TagResource", &json!({ "resourceArn": arn, "tags": [tag] }));
}

#[test]
fn a_tick_retires_what_a_tag_says_is_due_without_any_state() {
    let scene = Scene::at_speed(200);
    scene.configure(&[("after: 2m", "after: 24h")]);
    scene.bg(&["tick"]).exits(0).says("nothing is due");
    scene.deploy_to_b();
    std::fs::remove_dir_all(scene.folder().join(".bg")).unwrap();
    scene.bg(&["tick"]).exits(0).says("nothing is due");
    assert_eq!(scene.desired("shop"), 2);

    make_due(&scene, "shop", "2020-01-01T00:00:00Z");
    until("blue to be retired", || {
        scene.bg(&["tick"]).exits(0);
        (scene.desired("shop") == 0).then_some(())
    });
    until("the tag to be gone", || {
        scene
            .bg(&["tick"])
            .exits(0)
            .stdout
            .contains("nothing is due")
            .then_some(())
    });
    assert_eq!(scene.weights(), (0, 100));
    assert_eq!(scene.desired("shop-b"), 2);
}

#[test]
fn a_tick_leaves_a_slot_with_traffic_alone() {
    let scene = Scene::at_speed(1);
    make_due(&scene, "shop", "2020-01-01T00:00:00Z");
    scene.bg(&["tick"]).exits(0).says("kept, because");
    let again = scene.bg(&["tick"]).exits(0);
    again.says("nothing is due");
    assert_eq!(scene.desired("shop"), 2);
    assert_eq!(scene.weights(), (100, 0));
}

#[test]
fn a_tick_says_in_json_what_it_did() {
    let scene = Scene::at_speed(1);
    let idle = scene.bg(&["tick", "--output", "json"]).exits(0).json();
    assert_eq!(idle["due"], json!([]));
    make_due(&scene, "shop", "2020-01-01T00:00:00Z");
    let kept = scene.bg(&["tick", "--output", "json"]).exits(0).json();
    assert_eq!(kept["due"][0]["slot"], "a");
    assert_eq!(kept["due"][0]["result"], "kept");
}

#[test]
fn moving_traffic_by_force_ends_the_retirement_of_the_slot_that_gets_it() {
    let scene = Scene::at_speed(200);
    scene.configure(&[("after: 2m", "after: 24h")]);
    scene.deploy_to_b();
    make_due(&scene, "shop", "2020-01-01T00:00:00Z");
    for slot in ["a", "b"] {
        scene.bg(&["rollback", "--to", slot, "--force"]).exits(0);
    }
    scene.bg(&["tick"]).exits(0).says("nothing is due");
    assert_eq!(scene.desired("shop"), 2, "it served a moment ago");
}

/// Says that somebody holds the lock to retire a slot, until then.
fn lock_to_retire(scene: &Scene, until: &str) {
    let folder = scene.folder().join(".bg/shop");
    std::fs::create_dir_all(&folder).expect("a folder");
    let holder = json!({
        "deployment": "d0", "owner": "cron", "host": "engine", "pid": 1, "run_url": null,
        "since": "2020-01-01T00:00:00Z", "lease_until": until, "fence": 1, "duty": "retire",
    });
    std::fs::write(folder.join("lock.json"), holder.to_string()).expect("it can be written");
}

#[test]
fn a_deployment_waits_for_who_only_retires_a_slot() {
    let scene = Scene::at_speed(1);
    lock_to_retire(&scene, "2999-01-01T00:00:00Z");
    let mut deployment = scene.start(&["deploy", "--task-definition", "shop:1"]);
    deployment.until_it_complains("cron@engine (pid 1) holds the lock");
    lock_to_retire(&scene, "1970-01-01T00:00:00Z");
    deployment.end().exits(0).says("unchanged");
}

#[test]
fn a_deployment_does_not_wait_for_it_for_ever() {
    let scene = Scene::at_speed(200);
    lock_to_retire(&scene, "2999-01-01T00:00:00Z");
    scene
        .bg(&["deploy", "--image", "shop:v2"])
        .exits(6)
        .complains("to retire a slot");
    scene.stands_on_blue();
}

#[test]
fn a_tick_retires_nobody_on_whom_an_open_deployment_may_go_back() {
    let scene = Scene::at_speed(60);
    scene.configure(&[("bake: 1m }", "bake: 10h }")]);
    let mut deploy = scene.start(&["deploy", "--image", "shop:v2"]);
    deploy.until_it_says("baking");
    // Blue's tag is of the deployment by which it was blue before, and somebody moved traffic back since.
    make_due(&scene, "shop", "2020-01-01T00:00:00Z");
    deploy.signal("KILL");
    assert_eq!(deploy.end().code, -1);
    for _ in 0..2 {
        until("a round of the deployment", || {
            let tick = scene.bg(&["tick"]).exits(0).stdout;
            assert!(!tick.contains("slot a, service shop"), "{tick}");
            tick.contains("deployment").then_some(())
        });
    }
    assert_eq!(scene.desired("shop"), 2);
}

#[test]
fn traffic_by_force_wakes_the_autoscaling_of_the_slot_that_gets_it() {
    let scene = Scene::at_speed(60);
    let target = |service: &str, min: u32, asleep: bool| {
        json!({
            "ServiceNamespace": "ecs",
            "ResourceId": format!("service/demo/{service}"),
            "ScalableDimension": "ecs:service:DesiredCount",
            "MinCapacity": min,
            "MaxCapacity": 6,
            "SuspendedState": {
                "DynamicScalingInSuspended": asleep,
                "DynamicScalingOutSuspended": asleep,
                "ScheduledScalingSuspended": asleep,
            },
        })
    };
    scene.deploy_to_b();
    scene.scaling("RegisterScalableTarget", &target("shop", 0, true));
    scene.scaling("RegisterScalableTarget", &target("shop-b", 2, false));
    scene
        .bg(&["rollback", "--to", "a", "--force"])
        .exits(0)
        .complains("the autoscaling of shop is awake again");
    let asked = json!({ "ServiceNamespace": "ecs", "ResourceIds": ["service/demo/shop"] });
    let found = scene.scaling("DescribeScalableTargets", &asked);
    let found = &found["ScalableTargets"][0];
    assert_eq!(found["MinCapacity"], 2, "{found}");
    assert_eq!(
        found["SuspendedState"]["DynamicScalingOutSuspended"], false,
        "{found}"
    );
}
