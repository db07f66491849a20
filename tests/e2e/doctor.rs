//! `bg doctor`: why a service is unwell, whether bg deploys it or not.

use serde_json::{Value, json};

use super::support::{Scene, until};

/// Creates a service without a load balancer whose tasks run `image`.
fn create(scene: &Scene, name: &str, image: &str) {
    scene.ecs(
        "RegisterTaskDefinition",
        &json!({
            "family": name,
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
            "containerDefinitions": [{
                "name": "worker",
                "image": image,
                "essential": true,
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/ecs/worker",
                        "awslogs-region": "eu-west-1",
                        "awslogs-stream-prefix": "worker",
                    },
                },
            }],
        }),
    );
    let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"] } });
    scene.ecs(
        "CreateService",
        &json!({
            "cluster": "demo",
            "serviceName": name,
            "taskDefinition": name,
            "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": network,
        }),
    );
}

fn stopped_task(scene: &Scene, service: &str) -> String {
    let input = json!({ "cluster": "demo", "serviceName": service, "desiredStatus": "STOPPED" });
    until("a task to stop", || {
        let listed = scene.ecs("ListTasks", &input);
        let arn = listed["taskArns"].get(0).and_then(Value::as_str)?;
        Some(arn.rsplit('/').next()?.to_owned())
    })
}

#[test]
fn a_healthy_service_has_no_findings_and_nothing_is_changed() {
    let scene = Scene::at_speed(1);
    let before = scene.footprint();
    scene
        .bg(&["doctor"])
        .exits(0)
        .says("shop in cluster demo, slot a: 2/2 tasks run; nothing is wrong")
        .says("shop-b in cluster demo, slot b: it doesn't exist");
    let report = scene.bg(&["doctor", "--output", "json"]).exits(0).json();
    assert_eq!(report["services"][0]["findings"], json!([]));
    assert_eq!(report["services"][0]["slot"], "a");
    assert_eq!(report["services"][0]["tasks"]["running"], 2);
    assert_eq!(scene.footprint(), before);
}

#[test]
fn a_broken_service_that_bg_does_not_deploy_is_explained_without_a_config() {
    let scene = Scene::at_speed(30);
    scene.is_also_for(&[("service: shop,", "service: worker,")]);
    create(&scene, "worker", "worker:segfault");
    let task = stopped_task(&scene, "worker");
    std::fs::remove_file(scene.folder().join("bg.yaml")).unwrap();
    let region = ["--region", "eu-west-1", "--cluster", "demo"];
    let of = |more: &[&'static str]| {
        let arguments = [&["doctor"], &region[..], more].concat();
        scene.bg(&arguments)
    };
    of(&["--service", "worker"])
        .exits(0)
        .says("container worker crashed: a segmentation fault")
        .says("worker: loading libcart.so")
        .says("mend it");
    let report = of(&["--service", "worker", "--output", "json"])
        .exits(0)
        .json();
    let finding = &report["services"][0]["findings"][0];
    assert_eq!(finding["rule"], "exit-crash", "{report}");
    assert!(
        finding["evidence"]
            .as_array()
            .is_some_and(|it| !it.is_empty())
    );
    let arguments = [&["doctor"], &region[..], &["--task", &task]].concat();
    let told = scene.bg(&arguments).exits(0);
    told.says(&format!("task {task} of worker"))
        .says("exit code 139");
}

#[test]
fn a_mistyped_name_is_answered_with_the_nearest() {
    let scene = Scene::at_speed(1);
    scene.is_also_for(&[("service: shop,", "service: shpo,")]);
    scene.is_also_for(&[("cluster: demo", "cluster: dmeo")]);
    scene
        .bg(&["doctor", "--service", "shpo"])
        .exits(3)
        .complains("there is no service shpo in cluster demo")
        .complains("did you mean shop?");
    scene
        .bg(&["doctor", "--service", "shop", "--cluster", "dmeo"])
        .exits(3)
        .complains("there is no cluster dmeo in eu-west-1")
        .complains("did you mean demo?");
    scene
        .bg(&["doctor", "--task", "0a1b2c"])
        .exits(3)
        .complains("there is no task 0a1b2c in cluster demo");
}

#[test]
fn a_task_of_another_service_is_not_held_against_the_one_that_is_named() {
    let scene = Scene::at_speed(30);
    create(&scene, "worker", "worker:segfault");
    let task = stopped_task(&scene, "worker");
    scene
        .bg(&["doctor", "--service", "shop", "--task", &task])
        .exits(3)
        .complains(&format!("task {task} is of service worker, not of shop"))
        .complains(&format!("bg doctor --cluster demo --task {task}"));
}

#[test]
fn a_mistyped_name_in_the_config_is_answered_as_well() {
    let scene = Scene::at_speed(1);
    scene.configure(&[("cluster: demo", "cluster: dmeo")]);
    scene
        .bg(&["doctor"])
        .exits(3)
        .complains("there is no cluster dmeo in eu-west-1")
        .complains("did you mean demo?");
    scene.configure(&[("service: shop,", "service: shpo,")]);
    scene
        .bg(&["doctor"])
        .exits(3)
        .complains("there is no service shpo in cluster demo")
        .complains("did you mean shop?");
    create(&scene, "shop-b", "shop:v1");
    scene.configure(&[("service: shop-b,", "service: shop-bb,")]);
    scene
        .bg(&["doctor"])
        .exits(0)
        .says("shop-bb in cluster demo, slot b: it doesn't exist; did you mean shop-b?");
    scene.configure(&[("target_group: shop-b", "target_group: shop-c")]);
    scene
        .bg(&["doctor"])
        .exits(0)
        .says("wrong     slot b's target group shop-c doesn't exist");
}

#[test]
fn a_reverted_deployment_and_its_journal_tell_the_cause() {
    let scene = Scene::at_speed(60);
    scene
        .bg(&["deploy", "--image", "shop:missing"])
        .exits(4)
        .says("diagnosed       the image docker.io/library/shop:missing doesn't exist")
        .says("mend it");
    scene
        .bg(&["show"])
        .exits(0)
        .says("cause         the image docker.io/library/shop:missing doesn't exist")
        .says("CannotPullContainerError");
    scene
        .bg(&["doctor"])
        .exits(0)
        .says("The last deployment was reverted at ")
        .says("What went wrong there: bg show ");
}
