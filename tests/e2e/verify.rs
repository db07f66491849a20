//! `bg verify`: what a version needs beside ECS and its load balancer.

use serde_json::{Value, json};

use super::support::{CONFIG, Scene};

const REGISTRY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret";

/// A definition that needs one of everything.
pub(crate) fn definition() -> Value {
    json!({
        "family": "shop",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
        "taskRoleArn": "arn:aws:iam::123456789012:role/shop",
        "containerDefinitions": [
            {
                "name": "app",
                "image": format!("{REGISTRY}/shop:v2"),
                "portMappings": [{ "containerPort": 8080 }],
                "secrets": [
                    { "name": "DB_PASSWORD", "valueFrom": format!("{SECRET}:db-a1B2c3:password::") },
                    { "name": "API_KEY", "valueFrom": "/shop/api-key" },
                ],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/ecs/shop",
                        "awslogs-region": "eu-west-1",
                        "awslogs-stream-prefix": "shop",
                    },
                },
            },
            {
                "name": "sidecar",
                "image": format!("{REGISTRY}/sidecar:v1-amd64"),
                "essential": false,
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/ecs/missing",
                        "awslogs-create-group": "true",
                        "awslogs-region": "eu-west-1",
                        "awslogs-stream-prefix": "shop",
                    },
                },
            },
        ],
    })
}

fn verify(scene: &Scene, definition: &Value) -> Value {
    scene.write("taskdef.json", &definition.to_string());
    let arguments = ["verify", "--task-definition", "taskdef.json"];
    let shown = scene.bg(&[&arguments[..], &["--output", "json"]].concat());
    let document = shown.json();
    let expected = if document["ng"] == 0 { 0 } else { 3 };
    shown.exits(expected);
    document
}

/// The check of that name: its verdict and reason.
#[track_caller]
fn check<'a>(document: &'a Value, what: &str) -> (&'a str, &'a str) {
    let checks = document["checks"].as_array().expect("checks");
    let found = checks.iter().find(|it| it["what"] == what);
    let found = found.unwrap_or_else(|| panic!("no {what} in {document:#}"));
    let text = |key: &str| found[key].as_str().expect("a text");
    (text("verdict"), text("reason"))
}

#[test]
fn what_is_live_is_verified_where_nothing_else_is_asked_for() {
    let scene = Scene::at_speed(1);
    let before = scene.footprint();
    let shown = scene.bg(&["verify"]).exits(0);
    shown
        .says("shop in cluster demo: shop:1")
        .says("OK    execution role")
        .says("ecsTaskExecutionRole exists and trusts ecs-tasks.amazonaws.com")
        .says("SKIP  image of app")
        .says("OK    alarm shop-b-latency")
        .says("nothing that was looked at is missing. Nothing was changed.");
    assert_eq!(scene.footprint(), before);
}

#[test]
fn everything_that_a_version_needs_is_looked_at() {
    let scene = Scene::at_speed(1);
    let found = verify(&scene, &definition());
    assert_eq!(
        (&found["ng"], &found["skip"]),
        (&json!(0), &json!(0)),
        "{found:#}"
    );
    let reason = |what| check(&found, what).1;
    assert!(reason("image of app").ends_with("exists, for linux/amd64"));
    assert!(reason("image of sidecar").ends_with("exists, for linux/amd64"));
    assert!(reason("DB_PASSWORD of app").contains("the key password only its value says"));
    assert_eq!(reason("API_KEY of app"), "/shop/api-key exists");
    assert_eq!(reason("log group of app"), "/ecs/shop exists");
    assert!(reason("log group of sidecar").contains("is created by the first task"));
}

#[test]
fn each_thing_that_is_missing_or_wrong_is_ng_with_what_mends_it() {
    let scene = Scene::at_speed(1);
    let config = CONFIG.replace("shop-{slot}-latency", "shop-{slot}-traffic");
    let deadman = "deadman: { after: 5m, role: \"arn:aws:iam::123456789012:role/untrusted\" }\n";
    scene.write("bg.yaml", &format!("{config}{deadman}"));
    let mut wrong = definition();
    wrong["executionRoleArn"] = json!("arn:aws:iam::123456789012:role/path/missing-exec");
    wrong["taskRoleArn"] = json!("arn:aws:iam::123456789012:role/untrusted");
    let app = &mut wrong["containerDefinitions"][0];
    app["image"] = json!(format!("{REGISTRY}/shop:arm"));
    app["secrets"] = json!([
        { "name": "GONE", "valueFrom": format!("{SECRET}:missing-a1B2c3") },
        { "name": "EMPTY", "valueFrom": format!("{SECRET}:empty-a1B2c3") },
        { "name": "DELETED", "valueFrom": format!("{SECRET}:deleted-a1B2c3") },
        { "name": "OLD", "valueFrom": format!("{SECRET}:db-a1B2c3::AWSPREVIOUS:") },
        { "name": "PARAMETER", "valueFrom": "/shop/missing" },
        { "name": "FOREIGN", "valueFrom": "arn:aws:ssm:eu-west-1:210987654321:parameter/db" },
    ]);
    let sidecar = &mut wrong["containerDefinitions"][1];
    sidecar["image"] = json!(format!("{REGISTRY}/sidecar:missing"));
    sidecar["logConfiguration"]["options"]["awslogs-create-group"] = json!("false");
    let found = verify(&scene, &wrong);
    for (what, words) in [
        ("execution role", "there is no role missing-exec"),
        (
            "task role",
            "untrusted doesn't trust ecs-tasks.amazonaws.com",
        ),
        (
            "role of the dead-man switch",
            "doesn't trust scheduler.amazonaws.com",
        ),
        (
            "image of app",
            "is made for linux/arm64, and the tasks run on linux/amd64",
        ),
        (
            "image of sidecar",
            "knows no such repository and tag missing",
        ),
        (
            "GONE of app",
            "there is no secret missing-a1B2c3 in eu-west-1",
        ),
        ("EMPTY of app", "has no value yet"),
        ("DELETED of app", "is to be deleted"),
        ("OLD of app", "no version with the label AWSPREVIOUS"),
        ("PARAMETER of app", "there is no parameter /shop/missing"),
        (
            "log group of sidecar",
            "there is no log group /ecs/missing in eu-west-1",
        ),
        ("alarm shop-a-traffic", "there is no alarm"),
    ] {
        let (verdict, reason) = check(&found, what);
        assert_eq!(verdict, "NG", "{what}: {reason}");
        assert!(reason.contains(words), "{what}: {reason}");
    }
    assert_eq!(check(&found, "FOREIGN of app").0, "SKIP");
    let ng = |it: &&Value| it["verdict"] == "NG";
    let checks = found["checks"].as_array().expect("checks");
    assert!(checks.iter().filter(ng).all(|it| it["fix"].is_string()));
}

#[test]
fn what_the_service_adds_to_its_tasks_is_looked_at_too() {
    let scene = Scene::at_speed(1);
    let volume = json!({
        "name": "data",
        "managedEBSVolume": {
            "roleArn": "arn:aws:iam::123456789012:role/ebs-missing",
            "sizeInGiB": 10,
        },
    });
    let connect = json!({
        "enabled": true,
        "namespace": "internal",
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": { "awslogs-group": "/ecs/connect-missing" },
            "secretOptions": [{ "name": "TOKEN", "valueFrom": "/shop/missing" }],
        },
    });
    let at_launch = json!({ "name": "data", "configuredAtLaunch": true });
    let mut running = definition();
    running["volumes"] = json!([at_launch]);
    scene.ecs("RegisterTaskDefinition", &running);
    let update = json!({
        "cluster": "demo",
        "service": "shop",
        "taskDefinition": "shop",
        "volumeConfigurations": [volume],
        "serviceConnectConfiguration": connect,
        "enableExecuteCommand": true,
    });
    scene.ecs("UpdateService", &update);
    let file_system = json!({ "fileSystemId": "fs-0123" });
    let mut version = definition();
    let files = json!({ "name": "files", "efsVolumeConfiguration": file_system });
    version["volumes"] = json!([at_launch, files]);
    version["taskRoleArn"] = json!("arn:aws:iam::123456789012:role/denied");
    let found = verify(&scene, &version);
    for (what, wanted, words) in [
        ("role of volume data", "NG", "there is no role ebs-missing"),
        (
            "log group of Service Connect",
            "NG",
            "there is no log group /ecs/connect-missing in eu-west-1",
        ),
        (
            "TOKEN of Service Connect",
            "NG",
            "there is no parameter /shop/missing",
        ),
        ("volume files", "SKIP", "fs-0123: EFS isn't asked"),
        (
            "ECS Exec",
            "NG",
            "denied doesn't allow ssmmessages:CreateControlChannel",
        ),
    ] {
        let (verdict, reason) = check(&found, what);
        assert_eq!(verdict, wanted, "{what}: {reason}");
        assert!(reason.contains(words), "{what}: {reason}");
    }
}

#[test]
fn files_in_s3_have_a_row_each_that_says_what_can_be_told_of_them() {
    let scene = Scene::at_speed(1);
    let mut version = definition();
    let app = &mut version["containerDefinitions"][0];
    app["environmentFiles"] = json!([{ "type": "s3", "value": "arn:aws:s3:::shop/app.env" }]);
    let sidecar = &mut version["containerDefinitions"][1];
    sidecar["credentialSpecs"] = json!(["credentialspecdomainless:arn:aws:s3:::shop/spec.json"]);
    sidecar["firelensConfiguration"] = json!({
        "type": "fluentbit",
        "options": {
            "config-file-type": "s3",
            "config-file-value": "arn:aws:s3:::denied/extra.conf",
        },
    });
    let found = verify(&scene, &version);
    let may = "the execution role may read it";
    for (what, words) in [
        ("environment file of app", may),
        ("credential spec of sidecar", may),
        ("FireLens config of sidecar", "don't allow s3:GetObject"),
    ] {
        let (verdict, reason) = check(&found, what);
        assert_eq!(verdict, "SKIP", "{what}: {reason}");
        assert!(reason.contains("S3 isn't asked for it"), "{what}: {reason}");
        assert!(reason.contains(words), "{what}: {reason}");
    }
    assert_eq!(found["skip"], 3);
}

#[test]
fn an_image_is_put_in_before_it_is_looked_for() {
    let scene = Scene::at_speed(1);
    let image = format!("{REGISTRY}/shop:missing");
    scene
        .bg(&["verify", "--image", &image])
        .exits(3)
        .says("shop:1 with 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:missing")
        .says("NG    image of app")
        .says("Fix: push it, or name one of: aws ecr describe-images");
    scene
        .bg(&["verify", "--task-definition", "shop:9"])
        .exits(3)
        .complains("there is no task definition shop:9");
    scene
        .bg(&[
            "verify",
            "--sandbox",
            "--image",
            &format!("{REGISTRY}/shop:platform"),
        ])
        .exits(3)
        .says("is made for linux/arm64");
}
