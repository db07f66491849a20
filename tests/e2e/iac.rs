//! Infrastructure as code knows one slot, which may be the idle one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::support::{Scene, until};

/// Slot b serves, and slot a is scaled to zero.
fn idle_a() -> Scene {
    let scene = Scene::at_speed(200);
    scene.bg(&["deploy", "--image", "shop:v2"]).exits(0);
    assert_eq!((scene.weights(), scene.desired("shop")), ((0, 100), 0));
    scene
}

/// Changes of slot a's service, its task definition, its tags and its target group.
fn edit(scene: &Scene) {
    let service = scene.service("shop").expect("slot a's");
    let mut definition = scene.definition_of("shop")["taskDefinition"].clone();
    let fields = definition.as_object_mut().expect("it has fields");
    let own = [
        "family",
        "networkMode",
        "containerDefinitions",
        "cpu",
        "memory",
    ];
    let own = [&own[..], &["requiresCompatibilities", "executionRoleArn"]].concat();
    fields.retain(|name, _| own.contains(&name.as_str()));
    definition["containerDefinitions"][0]["environment"] =
        json!([{ "name": "FEATURE", "value": "on" }]);
    let set = scene.ecs("RegisterTaskDefinition", &definition);
    let update = json!({
        "cluster": "demo", "service": "shop", "healthCheckGracePeriodSeconds": 45,
        "taskDefinition": set["taskDefinition"]["taskDefinitionArn"],
    });
    scene.ecs("UpdateService", &update);
    let tags = [json!({ "key": "team", "value": "web" })];
    let tag = json!({ "resourceArn": service["serviceArn"], "tags": tags });
    scene.ecs("TagResource", &tag);
    let delay = [
        ("TargetGroupArn", scene.group("shop-a")),
        (
            "Attributes.member.1.Key",
            "deregistration_delay.timeout_seconds".to_owned(),
        ),
        ("Attributes.member.1.Value", "90".to_owned()),
    ];
    let delay: Vec<_> = delay.iter().map(|(key, it)| (*key, it.as_str())).collect();
    scene.elb("ModifyTargetGroupAttributes", &delay);
}

#[test]
fn what_it_changed_in_the_idle_slot_is_planned_and_taken_where_asked_for() {
    let scene = idle_a();
    edit(&scene);
    let shown = [
        "tags.team: stays at web, slot b has nothing",
        "Slot a's task definition was set to shop:3 since shop:1 served there: green is not to run \
         it; --task-definition shop:3 deploys it",
        "+ containers.app.environment.FEATURE",
        "Green's target group shop-a is not like blue's shop-b",
        "deregistration_delay.timeout_seconds: stays at 90, shop-b has",
    ];
    let plan = ["plan", "--image", "shop:v3"];
    let mut told = scene.bg(&plan).exits(0);
    for words in shown {
        told = told.says(words);
    }
    told.says("Green's service gets the settings of slot b's")
        .says("healthCheckGracePeriodSeconds: 45 becomes")
        .says("--service-from a has it keep its own");
    let from_a = [&plan[..], &["--service-from", "a"]].concat();
    let mut told = scene.bg(&from_a).exits(0);
    for words in shown {
        told = told.says(words);
    }
    told.says("Green's service keeps its own settings")
        .says("healthCheckGracePeriodSeconds: stays at 45, slot b has");
    let document = scene.bg(&[&plan[..], &["--output", "json"]].concat());
    let document = document.exits(0).json();
    assert_eq!(document["groups"][0]["settings"][0]["green"], "90");
    assert_eq!(document["idle_definition"]["changes"][0]["after"], "on");

    scene
        .bg(&[
            "deploy",
            "--image",
            "shop:v3",
            "--service-from",
            "a",
            "--no-wait-retire",
        ])
        .exits(0);
    assert_eq!(scene.weights(), (100, 0));
    let service = scene.service("shop").expect("slot a's");
    assert_eq!(service["healthCheckGracePeriodSeconds"], 45);
    let tag = json!({ "key": "team", "value": "web" });
    assert!(
        service["tags"]
            .as_array()
            .is_some_and(|it| it.contains(&tag))
    );
}

fn tag(scene: &Scene, service: &str, tags: &[(&str, &str)]) {
    let arn = scene.service(service).expect("it is there")["serviceArn"].clone();
    let tags = tags.iter();
    let tags: Vec<Value> = tags
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect();
    scene.ecs("TagResource", &json!({ "resourceArn": arn, "tags": tags }));
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// A resource's tags but this program's own.
fn tags(resource: &Value) -> BTreeMap<&str, &str> {
    let tags = resource["tags"].as_array().expect("tags");
    let tags = tags
        .iter()
        .map(|tag| (text(&tag["key"]), text(&tag["value"])));
    tags.filter(|(key, _)| !key.starts_with("bg:")).collect()
}

#[test]
fn the_idle_slot_gets_the_tags_that_the_live_one_got_since_and_keeps_its_own() {
    let scene = idle_a();
    let live = json!({ "cluster": "demo", "service": "shop-b", "propagateTags": "SERVICE" });
    scene.ecs("UpdateService", &live);
    tag(&scene, "shop-b", &[("cost", "42"), ("team", "shop")]);
    tag(&scene, "shop", &[("team", "web"), ("slot", "a")]);
    scene
        .bg(&["plan", "--image", "shop:v3"])
        .exits(0)
        .says("tags.cost: 42 is put in")
        .says("tags.team: stays at web, slot b has shop")
        .says("tags.slot: stays at a, slot b has nothing")
        .says("--tags 'key=team,value=shop' gives it");

    scene
        .bg(&["deploy", "--image", "shop:v3", "--no-wait-retire"])
        .exits(0);
    let expected = BTreeMap::from([("cost", "42"), ("slot", "a"), ("team", "web")]);
    assert_eq!(tags(&scene.service("shop").expect("slot a's")), expected);
    let ask = json!({ "cluster": "demo", "serviceName": "shop" });
    let tasks = scene.ecs("ListTasks", &ask);
    let ask = json!({ "cluster": "demo", "tasks": tasks["taskArns"], "include": ["TAGS"] });
    let tasks = scene.ecs("DescribeTasks", &ask);
    let tasks = tasks["tasks"].as_array().expect("tasks");
    assert!(!tasks.is_empty() && tasks.iter().all(|task| tags(task) == expected));
}

#[test]
fn a_version_that_was_reverted_is_not_taken_for_somebody_s_change() {
    let scene = Scene::at_speed(200);
    scene.bg(&["deploy", "--image", "shop:v2"]).exits(0);
    scene
        .bg(&["deploy", "--image", "shop:unhealthy", "--timeout", "2m"])
        .exits(4);
    let plan = scene.bg(&["plan", "--image", "shop:v3"]).exits(0);
    assert!(!plan.stdout.contains("was set to"), "{plan}");
    assert!(!plan.stdout.contains("is not like"), "{plan}");
}

fn of_shop(more: Value) -> Value {
    let mut input = json!({
        "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": "service/demo/shop",
    });
    if let (Some(fields), Value::Object(more)) = (input.as_object_mut(), more) {
        fields.extend(more);
    }
    input
}

/// What an apply does where the code has two to six tasks.
fn autoscale(scene: &Scene) {
    let bounds = json!({ "MinCapacity": 2, "MaxCapacity": 6 });
    scene.scaling("RegisterScalableTarget", &of_shop(bounds));
    let metric = json!({ "PredefinedMetricType": "ECSServiceAverageMemoryUtilization" });
    let policy = json!({
        "PolicyName": "memory", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration":
            { "TargetValue": 95.0, "PredefinedMetricSpecification": metric },
    });
    scene.scaling("PutScalingPolicy", &of_shop(policy));
}

/// Its minimum, its maximum, and what of it is suspended.
fn scalable(scene: &Scene) -> (Value, Value, Vec<bool>) {
    let input = json!({ "ServiceNamespace": "ecs", "ResourceIds": ["service/demo/shop"] });
    let shown = scene.scaling("DescribeScalableTargets", &input);
    let target = &shown["ScalableTargets"][0];
    let suspended = ["DynamicScalingIn", "DynamicScalingOut", "ScheduledScaling"];
    let suspended = suspended.map(|it| target["SuspendedState"][format!("{it}Suspended")] == true);
    let of = |key: &str| target[key].clone();
    (of("MinCapacity"), of("MaxCapacity"), suspended.to_vec())
}

#[test]
fn autoscaling_that_it_gives_the_idle_slot_is_kept_where_asked_for() {
    let scene = idle_a();
    autoscale(&scene);
    let plan = ["plan", "--image", "shop:v3"];
    scene
        .bg(&plan)
        .exits(3)
        .says("service shop (slot a) has autoscaling")
        .says("have green keep it: --service-from a");
    scene
        .bg(&[&plan[..], &["--service-from", "a"]].concat())
        .exits(0)
        .says("green keeps slot a's own autoscaling (2 to 6 tasks, 1 policy), slot b has none");

    let deploy = |image: &str| {
        let version = ["deploy", "--image", image, "--timeout", "5m"];
        scene.bg(&[&version[..], &["--service-from", "a", "--no-wait-retire"]].concat())
    };
    deploy("shop:unhealthy").exits(4);
    let asleep = (json!(0), json!(6), vec![true; 3]);
    assert_eq!((scalable(&scene), scene.desired("shop")), (asleep, 0));

    // The next apply wakes it again, but doesn't know that it was suspended.
    autoscale(&scene);
    // Its minimum brings tasks, and a service that ECS is at work on is refused meanwhile.
    until("the slot to be steady", || {
        let planned = scene.bg(&[&plan[..], &["--service-from", "a"]].concat());
        (planned.code == 0).then_some(())
    });
    deploy("shop:v3").exits(0);
    assert_eq!(scene.weights(), (100, 0));
    let awake = (json!(2), json!(6), vec![false; 3]);
    assert_eq!((scalable(&scene), scene.desired("shop")), (awake, 2));
}

/// Slot a is autoscaled by steps, and its code goes on to have its target.
fn autoscale_by_steps(scene: &Scene) {
    let bounds = json!({ "MinCapacity": 2, "MaxCapacity": 6 });
    scene.scaling("RegisterScalableTarget", &of_shop(bounds));
    let steps = [json!({ "MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1 })];
    let policy = json!({
        "PolicyName": "busy", "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration":
            { "AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps, "Cooldown": 60 },
    });
    scene.scaling("PutScalingPolicy", &of_shop(policy));
}

#[test]
fn a_new_maximum_of_what_sleeps_is_planned_and_taken_awake_where_asked_for() {
    let scene = Scene::at_speed(200);
    autoscale_by_steps(&scene);
    scene.bg(&["deploy", "--image", "shop:v2"]).exits(0);
    let asleep = |max: u32| (json!(0), json!(max), vec![true; 3]);
    assert_eq!(scalable(&scene), asleep(6));
    // An apply with `ignore_changes` for the minimum and what is suspended.
    let bounds = json!({ "MinCapacity": 0, "MaxCapacity": 9 });
    scene.scaling("RegisterScalableTarget", &of_shop(bounds));
    assert_eq!(scalable(&scene), asleep(9));

    let plan = ["plan", "--image", "shop:v3"];
    scene
        .bg(&plan)
        .exits(0)
        .says("maximum: 9 becomes 6")
        .says("--service-from a keeps its own");
    scene
        .bg(&[&plan[..], &["--service-from", "a"]].concat())
        .exits(0)
        .says("maximum: stays at 9, slot b has 6")
        .says("the autoscaling of slot a is asleep, so green gets the minimum of slot b's: 2");

    let deploy = |image: &str| {
        let version = ["deploy", "--image", image, "--timeout", "5m"];
        scene.bg(&[&version[..], &["--service-from", "a", "--no-wait-retire"]].concat())
    };
    deploy("shop:unhealthy").exits(4);
    assert_eq!((scalable(&scene), scene.desired("shop")), (asleep(9), 0));
    deploy("shop:v3").exits(0);
    assert_eq!(scene.weights(), (100, 0));
    let awake = (json!(2), json!(9), vec![false; 3]);
    assert_eq!((scalable(&scene), scene.desired("shop")), (awake, 2));
}

#[test]
fn a_service_whose_slot_sleeps_is_adopted_with_the_live_ones_autoscaling_told() {
    let scene = Scene::at_speed(200).adopting();
    autoscale_by_steps(&scene);
    scene.bg(&["deploy", "--image", "shop:v2"]).exits(0);
    let init = ["init", "--cluster", "demo", "--service", "shop"];
    let init = scene.bg(&init).exits(0);
    assert!(!init.stdout.contains("0 to 6"), "{init}");
    init.says("the autoscaling of shop-b (2 to 6 tasks) is carried over");
}

#[test]
fn weights_that_it_reset_are_named_and_what_served_before_is_known() {
    let scene = Scene::at_speed(200);
    scene
        .bg(&["deploy", "--image", "shop:v2", "--no-wait-retire"])
        .exits(0);
    let quiet = scene.bg(&["status"]).exits(0);
    assert!(!quiet.stdout.contains("moved"), "{quiet}");
    scene.set_weights(100, 0);
    let (moved, back) = ("made slot b live, and somebody has moved", "--to b --force");
    scene.bg(&["status"]).exits(0).says(moved).says(back);
    let plan = ["plan", "--image", "shop:v3"];
    scene.bg(&plan).exits(0).says(moved).says(back);
    // The journals are another machine's.
    std::fs::remove_dir_all(scene.folder().join(".bg")).expect("there is one");
    scene
        .bg(&["rollback", "--no-wait-retire"])
        .exits(0)
        .says("shop:2");
    assert_eq!(scene.weights(), (0, 100));
}
