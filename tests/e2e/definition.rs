//! What green runs: each way to say it.

use serde_json::{Value, json};

use super::support::{Scene, until};

fn file() -> Value {
    json!({
        "family": "shop",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
        "aFieldOfTomorrow": { "depth": [1, 2.5, "three"] },
        "containerDefinitions": [{
            "name": "app",
            "image": "<IMAGE1_NAME>",
            "essential": true,
            "portMappings": [{ "containerPort": 8080, "protocol": "tcp" }],
            "environment": [
                { "name": "DB_PASSWORD", "value": "hunter2-hunter2" },
                { "name": "EMPTY", "value": "" },
            ],
        }],
    })
}

#[track_caller]
fn image_of(scene: &Scene, service: &str) -> Value {
    let shown = scene.definition_of(service);
    shown["taskDefinition"]["containerDefinitions"][0]["image"].clone()
}

#[test]
fn an_image_for_a_container_by_name() {
    let scene = Scene::at_speed(200);
    let arguments = ["deploy", "--image", "app=shop:v7", "--no-wait-retire"];
    scene.bg(&arguments).exits(0);
    let shown = scene.definition_of("shop-b");
    let container = &shown["taskDefinition"]["containerDefinitions"][0];
    assert_eq!(container["image"], "shop:v7");
    let greeting = json!({ "name": "GREETING", "value": "hello" });
    let environment = container["environment"].as_array().unwrap();
    assert!(environment.contains(&greeting), "{environment:?}");
    let tagged = shown["tags"].as_array().unwrap();
    assert!(
        tagged.iter().any(|tag| tag["key"] == "bg:deployment"),
        "{tagged:?}"
    );
}

/// A template of the same file, with what a release is made of left open.
fn template() -> String {
    let password = "{{ must_env `DB_PASSWORD` | json_escape }}";
    let file = file().to_string().replace("hunter2-hunter2", password);
    file.replace("<IMAGE1_NAME>", "shop:{{ tag }}")
}

const PASSWORD: [(&str, &str); 1] = [("DB_PASSWORD", "hunter2\"hunter2")];

#[test]
fn a_template_takes_what_is_set_and_the_environment() {
    let scene = Scene::at_speed(60);
    scene.write("taskdef.json", &template());
    let version = ["--task-definition", "taskdef.json", "--set", "tag=v8"];
    let plan = scene.bg_with(&PASSWORD, &[&["plan"], &version[..]].concat());
    let plan = plan.exits(0).says(
        "taskdef.json is a template, and was rendered with DB_PASSWORD of the environment and tag \
         of --set",
    );
    assert!(!plan.stdout.contains("hunter2"), "{plan}");
    let deploy = [&["deploy", "--no-wait-retire"], &version[..]].concat();
    let deployed = scene.bg_with(&PASSWORD, &deploy).exits(0);
    assert!(!deployed.to_string().contains("hunter2"), "{deployed}");
    assert_eq!(image_of(&scene, "shop-b"), "shop:v8");
    let shown = scene.definition_of("shop-b");
    let environment = &shown["taskDefinition"]["containerDefinitions"][0]["environment"];
    assert_eq!(environment[0]["value"], PASSWORD[0].1);
}

#[test]
fn a_template_with_something_undefined_is_refused_before_aws_is_asked() {
    let scene = Scene::at_speed(1);
    scene.write("taskdef.json", &template());
    let plan = ["plan", "--task-definition", "taskdef.json"];
    let with = |more: &[&'static str]| scene.bg_with(&PASSWORD, &[&plan, more].concat()).exits(2);
    with(&[])
        .complains("taskdef.json:1:")
        .complains("tag is undefined")
        .complains("--set NAME=VALUE defines a name");
    with(&["--set", "tag=v8", "--set", "cpus=256"])
        .complains("nothing in taskdef.json takes --set cpus");
    with(&["--set", "tag"]).complains("--set takes NAME=VALUE");
    scene
        .bg(&[&plan[..], &["--set", "tag=v8"]].concat())
        .exits(2)
        .complains("DB_PASSWORD is not set in the environment");
    scene.write("taskdef.json", &template().replace(" | json_escape", ""));
    let torn = with(&["--set", "tag=v8"]).complains("`| json_escape`");
    assert!(!torn.stderr.contains("hunter2"), "{torn}");
    assert!(scene.needs().is_empty(), "AWS was asked");
}

#[test]
fn a_template_that_makes_no_image_is_refused() {
    let scene = Scene::at_speed(1);
    scene.write("taskdef.json", &template());
    let plan = ["plan", "--task-definition", "taskdef.json", "--set", "tag="];
    let refused = scene.bg_with(&PASSWORD, &plan).exits(2);
    refused.complains("taskdef.json: container app: \"shop:\" is not an image reference");
}

#[test]
fn a_file_keeps_what_nobody_here_knows_and_gives_no_secret_away() {
    let scene = Scene::at_speed(200);
    scene.write("taskdef.json", &file().to_string());
    let version = ["--task-definition", "taskdef.json", "--image", "shop:v8"];
    let plan = scene.bg(&[&["plan"], &version[..]].concat()).exits(0);
    let plan = plan.says("DB_PASSWORD");
    assert!(!plan.stdout.contains("hunter2"), "{plan}");
    let ended = scene
        .bg(&[&["deploy", "--verbose", "--no-wait-retire"], &version[..]].concat())
        .exits(0);
    assert!(!ended.to_string().contains("hunter2"), "{ended}");

    let shown = scene.definition_of("shop-b")["taskDefinition"].clone();
    assert_eq!(shown["aFieldOfTomorrow"], file()["aFieldOfTomorrow"]);
    let container = &shown["containerDefinitions"][0];
    assert_eq!(container["image"], "shop:v8");
    assert_eq!(
        container["environment"][1],
        json!({ "name": "EMPTY", "value": "" })
    );

    let journals = scene.folder().join(".bg/shop/deployments");
    for journal in std::fs::read_dir(journals).unwrap() {
        let text = std::fs::read_to_string(journal.unwrap().path()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_revision_that_exists() {
    let scene = Scene::at_speed(200);
    let mut body = file();
    body["containerDefinitions"][0]["image"] = json!("shop:v9");
    scene.ecs("RegisterTaskDefinition", &body);
    let arguments = ["deploy", "--task-definition", "shop:2", "--no-wait-retire"];
    scene.bg(&arguments).exits(0);
    let service = scene.service("shop-b").unwrap();
    let arn = service["taskDefinition"].as_str().unwrap();
    assert!(arn.ends_with("task-definition/shop:2"), "{arn}");
    let back = ["deploy", "--task-definition", "shop", "--no-wait-retire"];
    scene.bg(&back).exits(0).says("unchanged");
}

#[test]
fn images_from_a_pipeline_s_file() {
    let scene = Scene::at_speed(200);
    let images = json!([{ "name": "app", "imageUri": "shop:v10" }]);
    scene.write("imagedefinitions.json", &images.to_string());
    let arguments = [
        "--image-definitions",
        "imagedefinitions.json",
        "--no-wait-retire",
    ];
    scene.bg(&[&["deploy"], &arguments[..]].concat()).exits(0);
    assert_eq!(image_of(&scene, "shop-b"), "shop:v10");
}

/// What blue's service asks of its task definition: its settings, what a definition that fits has,
/// what one that doesn't has, and ECS's words.
fn demands() -> [(Value, Value, Value, &'static str); 4] {
    let app = file()["containerDefinitions"][0].clone();
    let web = json!({ "name": "web", "image": "shop:v2", "essential": false });
    let at_launch = json!({ "volumes": [{ "name": "data", "configuredAtLaunch": true }] });
    let volume = json!({
        "name": "data",
        "managedEBSVolume": {
            "sizeInGiB": 20,
            "roleArn": "arn:aws:iam::123456789012:role/ecsInfrastructureRole",
        },
    });
    let registry = json!({
        "registryArn": "arn:aws:servicediscovery:eu-west-1:123456789012:service/srv-1",
        "containerName": "web",
        "containerPort": 8080,
    });
    [
        (
            json!({ "volumeConfigurations": [volume] }),
            at_launch.clone(),
            json!({ "volumes": [{ "name": "data" }] }),
            "no matching configuredAtLaunch volume",
        ),
        (
            json!({}),
            json!({}),
            at_launch,
            "no volume configuration provided at runtime",
        ),
        (
            json!({ "enableExecuteCommand": true }),
            json!({ "taskRoleArn": "arn:aws:iam::123456789012:role/shop" }),
            json!({}),
            "a valid taskRoleArn is not being used",
        ),
        (
            json!({ "serviceRegistries": [registry] }),
            json!({ "containerDefinitions": [app, web] }),
            json!({}),
            "The container web is not valid",
        ),
    ]
}

fn with(mut body: Value, changes: &Value) -> Value {
    let fields = body.as_object_mut().expect("fields");
    fields.extend(changes.as_object().expect("fields").clone());
    body
}

fn body(changes: &Value) -> Value {
    with(file(), changes)
}

fn until_it_is_steady(scene: &Scene, service: &str) {
    until("the service to be as it should", || {
        let shown = scene.service(service)?;
        let steady = shown["deployments"].as_array().map(Vec::len) == Some(1);
        (steady && shown["deployments"][0]["rolloutState"] == "COMPLETED").then_some(())
    });
}

#[test]
fn a_plan_refuses_what_ecs_would_refuse_and_nothing_else() {
    for (settings, fitting, other, words) in demands() {
        let scene = Scene::at_speed(200);
        scene.configure(&[("patience: 60m", "patience: 60m\ndiscovery: shared")]);
        scene.ecs("RegisterTaskDefinition", &body(&fitting));
        let alone = json!({ "cluster": "demo", "service": "shop", "taskDefinition": "shop" });
        let update = with(alone.clone(), &settings);
        scene.ecs("UpdateService", &update);
        until_it_is_steady(&scene, "shop");
        let plan = |changes: &Value| {
            scene.write("taskdef.json", &body(changes).to_string());
            scene.bg(&[
                "plan",
                "--task-definition",
                "taskdef.json",
                "--image",
                "app=shop:v2",
            ])
        };
        plan(&fitting).exits(0);
        plan(&other).exits(3).says("ECS refuses that");
        scene.ecs("RegisterTaskDefinition", &body(&other));
        // An update that names the definition alone keeps what the service asks.
        let refused = scene.ecs_refuses("UpdateService", &alone);
        assert!(refused.contains("InvalidParameterException"), "{refused}");
        assert!(refused.contains(words), "{refused}");
    }
}

#[test]
fn the_idle_slot_gets_what_a_definition_takes_together_with_it() {
    let scene = Scene::at_speed(200);
    scene.configure(&[("patience: 60m", "patience: 60m\ndiscovery: shared")]);
    scene
        .bg(&["deploy", "--image", "app=shop:v2", "--no-wait-retire"])
        .exits(0);
    let (mut settings, mut fitting) = (json!({}), json!({}));
    for (asked, has, ..) in demands() {
        settings = with(settings, &asked);
        fitting = with(fitting, &has);
    }
    let off = json!({
        "volumeConfigurations": [], "enableExecuteCommand": false, "serviceRegistries": [],
    });
    // What somebody changes in the live slot's service, the other one gets.
    for (live, idle, settings, changes) in [
        ("shop-b", "shop", &settings, &fitting),
        ("shop", "shop-b", &off, &json!({})),
    ] {
        scene.ecs("RegisterTaskDefinition", &body(changes));
        let update = json!({ "cluster": "demo", "service": live, "taskDefinition": "shop" });
        scene.ecs("UpdateService", &with(update, settings));
        until_it_is_steady(&scene, live);
        scene.write("taskdef.json", &body(changes).to_string());
        let version = [
            "--task-definition",
            "taskdef.json",
            "--image",
            "app=shop:v3",
        ];
        let deploy = [&["deploy", "--no-wait-retire"], &version[..]].concat();
        scene.bg(&deploy).exits(0);
        let shown = scene.service(idle).expect("it is there");
        for setting in ["enableExecuteCommand", "serviceRegistries"] {
            assert_eq!(shown[setting], settings[setting], "{shown:#}");
        }
    }
}
