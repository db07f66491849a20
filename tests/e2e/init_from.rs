//! Services that ecspresso or CodeDeploy deployed so far, adopted with the files of those.

use serde_json::json;

use super::init::alone;
use super::support::Scene;

const TASK_DEFINITION: &str = r#"{
    "family": "shop", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
    "cpu": "256", "memory": "512",
    "containerDefinitions": [{
        "name": "app", "image": "IMAGE", "portMappings": [{ "containerPort": 8080 }] }] }"#;

fn config(scene: &Scene) -> String {
    std::fs::read_to_string(scene.folder().join("bg.yaml")).expect("it is written")
}

#[test]
fn ecspressos_files_name_service_region_and_time_limit_and_go_on_working() {
    let scene = alone(100);
    scene.write(
        "ecspresso.yml",
        "region: '{{ must_env `REGION` }}'\ncluster: demo\nservice: shop\n\
         service_definition: ecs-service-def.json\ntask_definition: ecs-task-def.json\n\
         timeout: 25m\nplugins:\n  - name: tfstate\nbar: 1\n",
    );
    scene.write(
        "ecs-service-def.json",
        r#"{ "desiredCount": 2, "deploymentController": { "type": "ECS" },
             "deploymentConfiguration": {
                 "strategy": "CANARY", "bakeTimeInMinutes": 2,
                 "canaryConfiguration": { "canaryPercent": 12.5, "canaryBakeTimeInMinutes": 3 },
                 "alarms": { "alarmNames": ["shop-5xx"], "enable": false, "rollback": true } } }"#,
    );
    let image = "shop:{{ must_env `TAG` }}";
    scene.write(
        "ecs-task-def.json",
        &TASK_DEFINITION.replace("IMAGE", image),
    );
    let region = [("REGION", "eu-west-1"), ("TAG", "v2")];
    let apply = ["init", "--from", "ecspresso.yml", "--apply"];
    scene
        .bg_with(&region, &apply)
        .exits(0)
        .says("From ecspresso.yml")
        .says("taken    region eu-west-1")
        .says("timeout 25m")
        .says("plugins tfstate: templates have no functions of theirs")
        .says("bar (ecspresso.yml:9): bg doesn't know it")
        .says("desiredCount is not taken")
        .says("strategy canary:12.5%:3m")
        .says("bake 2m after the last step")
        .says("alarms shop-5xx: they are not enabled there")
        .says("added shop-b at weight 0 in shop:80")
        .says("Next: bg plan --task-definition ecs-task-def.json");
    let config = config(&scene);
    assert!(config.contains("\ntimeout: 25m\n"), "{config}");
    let plan = ["plan", "--task-definition", "ecs-task-def.json"];
    scene
        .bg_with(&region, &plan)
        .exits(0)
        .says("12.5% of traffic to green, bake for 3m")
        .says("100% of traffic to green, bake for 2m");
    let version = ["--task-definition", "ecs-task-def.json", "--no-wait-retire"];
    scene
        .bg_with(&region, &[&["deploy"], &version[..]].concat())
        .exits(0)
        .says("Promoted");
}

#[test]
fn codedeploys_files_keep_strategy_groups_alarms_and_the_time_until_termination() {
    let scene = alone(100);
    scene.write(
        "appspec.yaml",
        "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      \
         Properties:\n        TaskDefinition: <TASK_DEFINITION>\n        LoadBalancerInfo:\n          \
         ContainerName: \"app\"\n          ContainerPort: 8080\n\
         Hooks:\n  - AfterAllowTestTraffic: \"check\"\n",
    );
    let placeholder = TASK_DEFINITION.replace("\"IMAGE\"", "\"<IMAGE1_NAME>\"");
    scene.write("taskdef.json", &placeholder);
    let group = json!({ "deploymentGroupInfo": {
        "applicationName": "shop",
        "deploymentGroupName": "shop",
        "deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce",
        "ecsServices": [{ "serviceName": "old", "clusterName": "demo" }],
        "alarmConfiguration": { "enabled": true, "alarms": [{ "name": "shop-a-5xx" }] },
        "loadBalancerInfo": { "targetGroupPairInfoList": [{
            "targetGroups": [{ "name": "second" }, { "name": "shop-a" }],
            "prodTrafficRoute": { "listenerArns": [scene.listener()] },
        }] },
        "blueGreenDeploymentConfiguration": {
            "terminateBlueInstancesOnDeploymentSuccess":
                { "action": "TERMINATE", "terminationWaitTimeInMinutes": 90 },
        },
    } });
    let mut another = group.clone();
    let pair = &mut another["deploymentGroupInfo"]["loadBalancerInfo"]["targetGroupPairInfoList"];
    pair[0]["targetGroups"] = json!([{ "name": "cd-1" }, { "name": "cd-2" }]);
    scene.write("group.json", &another.to_string());
    let files = ["--from", "appspec.yaml", "--from", "group.json"];
    let look = [
        "--region",
        "eu-west-1",
        "--service",
        "shop",
        "--format",
        "terraform",
    ];
    let look = scene.bg(&[&["init"], &files[..], &look].concat()).exits(0);
    look.complains("target groups cd-1 and cd-2: those of service shop are shop-a and shop-b");

    scene.write("group.json", &group.to_string());
    let others = ["--region", "eu-west-1", "--service", "shop", "--apply"];
    scene
        .bg(&[&["init"], &files[..], &others].concat())
        .exits(0)
        .says("service old: --service says shop")
        .says("target groups second and shop-a\n")
        .says("strategy all-at-once")
        .says("hook AfterAllowTestTraffic (check): its gate comes commented out")
        .says("added target group second")
        .says("Next: bg plan --task-definition taskdef.json");
    let config = config(&scene);
    for line in [
        "  b: { service: shop-b, target_group: second }",
        "strategy: all-at-once    # ",
        "retire: { after: 1h30m, then: scale-to-zero, at_most: 2h30m }",
        "# Its task definition: bg deploy --task-definition taskdef.json",
        "  # - { name: after-allow-test-traffic, at: before-traffic, lambda: { function: \"check\",",
    ] {
        assert!(config.contains(line), "{line}\n{config}");
    }
    let version = ["--task-definition", "taskdef.json", "--image", "shop:v2"];
    scene
        .bg(&[&["deploy", "--no-wait-retire"], &version[..]].concat())
        .exits(0)
        .says("Promoted");
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["live"]["service"], "shop-b", "{status:#}");
}

#[test]
fn what_a_config_that_stays_lacks_of_the_files_is_said_and_not_called_taken() {
    let scene = alone(10);
    let shop = ["init", "--region", "eu-west-1", "--service", "shop"];
    scene.bg(&shop).exits(0).says("bg.yaml is written");
    let before = config(&scene);
    scene.write(
        "ecspresso.yml",
        "region: eu-west-1\ncluster: demo\nservice: shop\nservice_definition: s.json\n\
         task_definition: t.json\ntimeout: 10m\n",
    );
    scene.write(
        "s.json",
        r#"{ "deploymentConfiguration": {
                 "strategy": "CANARY", "bakeTimeInMinutes": 2,
                 "canaryConfiguration": { "canaryPercent": 5, "canaryBakeTimeInMinutes": 9 },
                 "alarms": { "alarmNames": ["a1"], "enable": true, "rollback": true } } }"#,
    );
    let from = ["init", "--from", "ecspresso.yml"];
    let kept = scene.bg(&from).exits(0);
    let shown = kept
        .says("  found    region eu-west-1\n           cluster demo\n")
        .says("strategy canary:5%:9m\n")
        .says(
            "alarms a1\n  written  nothing of this: bg.yaml is there, and stays as it is. It says \
             nothing of strategy, guards.alarms, or something else: move it away and run the same \
             again, or have the new one written beside it (--write FILE)",
        );
    assert!(!shown.stdout.contains("  taken "), "{}", shown.stdout);
    assert_eq!(config(&scene), before);
    let json = [&from[..], &["--output", "json"]].concat();
    let document = scene.bg(&json).exits(0).json();
    assert_eq!(document["from"]["taken"], json!([]));
    assert_eq!(document["from"]["found"][0], "region eu-west-1");

    let beside = [&from[..], &["--write", "new.yaml"]].concat();
    scene
        .bg(&beside)
        .exits(0)
        .says("  taken    region eu-west-1\n")
        .says("new.yaml is written");
    let new = std::fs::read_to_string(scene.folder().join("new.yaml")).expect("it is written");
    assert!(new.contains("\n    - \"a1\"\n"), "{new}");
    scene.write("bg.yaml", &new);
    scene
        .bg(&from)
        .exits(0)
        .says("bg.yaml is there, and stays as it is; it says the same\n");
    scene.write("bg.yaml", "service: other\n");
    scene
        .bg(&from)
        .exits(2)
        .says("  written  nothing of this: bg.yaml is there, and stays as it is\n")
        .complains("bg.yaml is there already");
    let text = [&from[..], &["--format", "terraform"]].concat();
    scene
        .bg(&text)
        .exits(0)
        .complains("  found    region eu-west-1\n")
        .complains("--service shop --from ecspresso.yml, which finds it and writes bg.yaml");
}

#[test]
fn what_can_not_be_taken_is_said_before_anything_is_written() {
    let scene = alone(10);
    let before = scene.footprint();
    scene.write("other.yml", "service: shop\n");
    scene
        .bg(&["init", "--region", "eu-west-1", "--from", "other.yml"])
        .exits(2)
        .complains("other.yml: this is neither ecspresso's config");
    scene.write("ecspresso.jsonnet", "{}");
    scene
        .bg(&["init", "--from", "ecspresso.jsonnet"])
        .exits(2)
        .complains("jsonnet isn't read");
    scene.write(
        "one.yml",
        "cluster: demo\nservice: shop\ntask_definition: t.json\n",
    );
    scene.write(
        "two.yml",
        "cluster: prod\nservice: shop\ntask_definition: t.json\n",
    );
    scene
        .bg(&["init", "--from", "one.yml,two.yml"])
        .exits(2)
        .complains("the cluster is demo in one file, and prod in another");
    let json = [
        "init",
        "--region",
        "eu-west-1",
        "--from",
        "one.yml",
        "--output",
        "json",
    ];
    let document = scene.bg(&json).exits(0).json();
    assert_eq!(document["from"]["taken"][0], "cluster demo");
    assert_eq!(scene.footprint(), before);
}
