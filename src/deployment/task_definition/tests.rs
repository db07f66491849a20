//! Comparing and checking whole definitions.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// What a person registers.
fn registered() -> Value {
    json!({
        "family": "shop", "networkMode": "awsvpc", "cpu": ".25 vCPU", "memory": "0.5 GB",
        "requiresCompatibilities": ["FARGATE", "EC2"],
        "executionRoleArn": "arn:aws:iam::123456789012:role/exec",
        "volumes": [{ "name": "data" }],
        "containerDefinitions": [{
            "name": "app", "image": "shop:v1",
            "portMappings": [{ "containerPort": 8080 }, { "containerPort": 9000 }],
            "environment": [{ "name": "LOG_LEVEL", "value": "info" }, { "name": "EMPTY", "value": "" }],
            "secrets": [{ "name": "DB_PASSWORD", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/a" }],
            "healthCheck": { "command": ["CMD", "true"] },
            "mountPoints": [{ "sourceVolume": "data", "containerPath": "/data" }],
        }],
        "tags": [{ "key": "team", "value": "web" }, { "key": "stage", "value": "prod" }],
    })
}

/// What describe answers about the same, in another order, with what AWS adds.
fn described() -> Value {
    json!({
        "taskDefinition": {
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7",
            "revision": 7, "status": "ACTIVE", "compatibilities": ["EC2", "FARGATE"],
            "family": "shop", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "requiresCompatibilities": ["EC2", "FARGATE"],
            "executionRoleArn": "arn:aws:iam::123456789012:role/exec",
            "volumes": [{ "name": "data", "host": {} }], "placementConstraints": [],
            "enableFaultInjection": false,
            "containerDefinitions": [{
                "name": "app", "image": "shop:v1", "cpu": 0, "essential": true,
                "portMappings": [
                    { "containerPort": 9000, "hostPort": 9000, "protocol": "tcp" },
                    { "containerPort": 8080, "hostPort": 8080, "protocol": "tcp" },
                ],
                "environment": [{ "name": "EMPTY", "value": "" }, { "name": "LOG_LEVEL", "value": "info" }],
                "secrets": [{ "name": "DB_PASSWORD", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/a" }],
                "healthCheck": { "command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3 },
                "mountPoints": [{ "sourceVolume": "data", "containerPath": "/data", "readOnly": false }],
                "volumesFrom": [], "systemControls": [],
            }],
        },
        "tags": [
            { "key": "bg:deployment", "value": "d1" },
            { "key": "stage", "value": "prod" },
            { "key": "team", "value": "web" },
        ],
    })
}

fn app(definition: &mut Value) -> &mut Value {
    &mut definition["containerDefinitions"][0]
}

fn shown(old: &Value, new: &Value) -> Vec<String> {
    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
    let line = |c: &Change| format!("{}: {} -> {}", c.path, side(&c.before), side(&c.after));
    diff(old, new).iter().map(line).collect()
}

#[test]
fn a_definition_is_the_same_as_its_description() {
    assert_eq!(shown(&registered(), &described()), [""; 0]);
    assert!(same(&registered(), &described()));
}

#[test]
fn what_matters_is_a_difference() {
    for (pointer, value) in [
        ("/family", json!("other")),
        ("/memory", json!("1024")),
        ("/tags/0/value", json!("mobile")),
        ("/containerDefinitions/0/image", json!("shop:v2")),
        ("/containerDefinitions/0/environment/1/value", json!("x")),
        (
            "/containerDefinitions/0/portMappings/0/containerPort",
            json!(8081),
        ),
        (
            "/containerDefinitions/0/healthCheck/command/1",
            json!("false"),
        ),
    ] {
        let mut changed = registered();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert!(!same(&changed, &described()), "{pointer}");
        assert_eq!(
            diff(&described(), &changed).len(),
            if pointer.ends_with("Port") { 2 } else { 1 }
        );
    }
    let mut changed = registered();
    app(&mut changed)["fieldOfNextYear"] = json!({ "on": true });
    assert_eq!(
        shown(&described(), &changed),
        ["containers.app.fieldOfNextYear.on: nothing -> true"]
    );
}

#[test]
fn a_container_is_matched_by_name_and_listed_field_by_field_when_it_comes() {
    let mut changed = registered();
    let list = changed["containerDefinitions"].as_array_mut().unwrap();
    list.insert(
        0,
        json!({ "name": "log", "image": "log:1", "essential": false }),
    );
    assert_eq!(
        shown(&registered(), &changed),
        [
            "containers.log.essential: nothing -> false",
            "containers.log.image: nothing -> log:1",
        ]
    );
}

#[test]
fn secrets_are_compared_by_where_they_are_kept() {
    let mut changed = registered();
    app(&mut changed)["secrets"][0]["valueFrom"] =
        json!("arn:aws:ssm:eu-west-1:123456789012:parameter/b");
    assert_eq!(
        shown(&registered(), &changed),
        [
            "containers.app.secrets.DB_PASSWORD: arn:aws:ssm:eu-west-1:123456789012:parameter/a -> arn:aws:ssm:eu-west-1:123456789012:parameter/b"
        ]
    );
}

#[test]
fn a_changed_secret_is_shown_as_changed_and_never_itself() {
    let places = |value: &str| {
        let mut definition = registered();
        let app = app(&mut definition);
        app["environment"] = json!([
            { "name": "API_TOKEN", "value": value },
            { "name": "OTHER_TOKEN", "value": value, "fieldOfNextYear": [value] },
            { "name": "DATABASE_URL", "value": format!("postgres://shop:{value}@db/shop") },
        ]);
        app["command"] = json!(["run", "--password", value]);
        app["entryPoint"] = json!(["sh", "-c", format!("DB_PASSWORD={value} run")]);
        app["logConfiguration"] =
            json!({ "logDriver": "splunk", "options": { "splunk-token": value } });
        app["dockerLabels"] = json!({ "registry.auth": value });
        app["futureThing"] = json!({ "list": [{ "secretValue": value }], "secretValue": value });
        definition
    };
    let changes = diff(&places("hunter2"), &places("hunter3"));
    assert_eq!(changes.len(), 10);
    for change in diff(&registered(), &places("hunter2"))
        .iter()
        .chain(&changes)
    {
        assert!(!format!("{change:?}").contains("hunter"), "{change:?}");
    }
    assert_eq!(changes[0].before.as_deref(), Some("(hidden)"));
}

fn problems(definition: &Value, launch: Launch) -> Vec<String> {
    check(definition, launch)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_sound_definition_has_no_problems() {
    assert_eq!(problems(&registered(), Launch::Fargate), [""; 0]);
    assert_eq!(problems(&registered(), Launch::Ec2), [""; 0]);
    assert_eq!(
        problems(&from_describe(&described()), Launch::Fargate),
        [""; 0]
    );
}

/// One change to the sound definition, and what must be said about it.
fn spoilt(pointer: &str, value: Value) -> String {
    let mut definition = registered();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match definition.pointer_mut(parent).unwrap() {
        Value::Array(list) => list.push(value),
        parent => parent[key] = value,
    }
    problems(&definition, Launch::Fargate).join("\n")
}

#[test]
fn names_what_fargate_refuses() {
    let says = |pointer: &str, value: Value, what: &str| {
        let said = spoilt(pointer, value);
        assert!(said.contains(what), "{pointer}: {said}");
    };
    says(
        "/networkMode",
        json!("bridge"),
        "needs the network mode awsvpc",
    );
    says(
        "/requiresCompatibilities",
        json!(["EC2"]),
        "leaves Fargate out",
    );
    says("/cpu", json!("300"), "no size with cpu 300");
    says("/cpu", json!(null), "needs cpu at the task's level");
    says("/memory", json!("much"), "is not a number");
    says(
        "/memory",
        json!("4096"),
        "set the task's memory to 512, 1024 or 2048",
    );
    says("/memory", json!("1536"), "cpu 256 and memory 1536");
    says(
        "/executionRoleArn",
        json!(""),
        "takes secrets, but there is no execution role",
    );
    says(
        "/containerDefinitions/0/cpu",
        json!(512),
        "ask for cpu 512 together, the task has 256",
    );
    says(
        "/containerDefinitions/0/memoryReservation",
        json!(513),
        "ask for memory 513",
    );
    says(
        "/containerDefinitions/0/privileged",
        json!(true),
        "uses \"privileged\"",
    );
}

#[test]
fn names_what_ecs_refuses_everywhere() {
    let says = |pointer: &str, value: Value, what: &str| {
        let said = spoilt(pointer, value);
        assert!(said.contains(what), "{pointer}: {said}");
    };
    let app = "/containerDefinitions/0";
    says("/family", json!("a b"), "can't be a family's name");
    says(
        "/containerDefinitions",
        json!([]),
        "there are no containers",
    );
    says(
        &format!("{app}/essential"),
        json!(false),
        "no container is essential",
    );
    says(&format!("{app}/image"), json!(""), "has no image");
    says(
        &format!("{app}/name"),
        json!("a.b"),
        "can't be a container's name",
    );
    says(
        "/containerDefinitions/-",
        json!({ "name": "app", "image": "x" }),
        "two containers are called",
    );
    says(
        &format!("{app}/portMappings/-"),
        json!({ "containerPort": 80, "hostPort": 81 }),
        "host port 81",
    );
    says(
        &format!("{app}/portMappings/-"),
        json!({ "containerPort": 8080 }),
        "both publish port 8080/tcp",
    );
    says(
        &format!("{app}/environment/-"),
        json!({ "name": "EMPTY", "value": "" }),
        "\"EMPTY\" twice",
    );
    says(
        &format!("{app}/environment/-"),
        json!({ "name": "DB_PASSWORD", "value": "" }),
        "in environment and in secrets",
    );
    says(
        &format!("{app}/mountPoints/-"),
        json!({ "sourceVolume": "x", "containerPath": "/x" }),
        "mounts the volume \"x\"",
    );
    says(
        &format!("{app}/dependsOn"),
        json!([{ "containerName": "db", "condition": "START" }]),
        "depends on \"db\"",
    );
    says(
        &format!("{app}/dockerLabels"),
        json!({ "x": "y".repeat(70_000) }),
        "ECS takes 65536",
    );
}

#[test]
fn the_same_port_may_serve_two_protocols() {
    let udp = json!({ "containerPort": 8080, "protocol": "udp" });
    assert_eq!(spoilt("/containerDefinitions/0/portMappings/-", udp), "");
}

#[test]
fn on_instances_each_container_needs_memory_from_somewhere() {
    let mut definition = registered();
    definition["memory"] = Value::Null;
    assert!(problems(&definition, Launch::Ec2)[0].contains("neither memory nor memoryReservation"));
    app(&mut definition)["memory"] = json!(128);
    app(&mut definition)["memoryReservation"] = json!(256);
    assert!(
        problems(&definition, Launch::Ec2)[0].contains("reserves 256 MiB and may use only 128")
    );
}

#[test]
fn at_most_ten_containers() {
    let container = |n: usize| json!({ "name": format!("c{n}"), "image": "x" });
    let definition = |count: usize| {
        let mut definition = registered();
        definition["containerDefinitions"] = (0..count).map(container).collect();
        problems(&definition, Launch::Fargate)
    };
    assert_eq!(definition(10), [""; 0]);
    assert!(definition(11)[0].contains("there are 11 containers"));
}

/// Any JSON, with the names of real fields among the keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..70_000).prop_map(Value::from),
        "[a-zA-Z0-9 :=@/.<>-]{0,12}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        "(family|containerDefinitions|portMappings|environment|secrets|tags|volumes|name|value|key)",
        "(containerPort|hostPort|cpu|memory|image|essential|dependsOn|taskDefinition|healthCheck)",
        "[a-z]{1,3}",
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_makes_anything_panic_and_no_difference_means_the_same(a in any_json(), b in any_json()) {
        prop_assert!(same(&a, &a));
        prop_assert_eq!(diff(&a, &b).is_empty(), same(&a, &b));
        check(&a, Launch::Fargate);
        check(&a, Launch::Ec2);
        let _ = set_images(&mut a.clone(), &parse_image_flags(&["shop:v2", "a=b"]).unwrap());
        set_tag(&mut a.clone(), "k", "v");
        container_has_port(&a, "a", 80);
    }
}

#[test]
fn a_file_system_s_volume_is_registered_again_with_all_of_its_settings() {
    let volumes = json!([{ "name": "data", "efsVolumeConfiguration": {
        "fileSystemId": "fs-1", "rootDirectory": "/", "transitEncryption": "ENABLED",
        "authorizationConfig": { "accessPointId": "fsap-1", "iam": "ENABLED" },
    } }]);
    let described = json!({ "taskDefinition": {
        "family": "shop", "revision": 7, "status": "ACTIVE", "volumes": volumes,
        "containerDefinitions": [{ "name": "app", "image": "shop:v1", "mountPoints": [
            { "sourceVolume": "data", "containerPath": "/data", "readOnly": false },
        ] }],
    } });
    let registered = from_describe(&described);
    assert_eq!(registered["volumes"], volumes);
    let mounts = &registered["containerDefinitions"][0]["mountPoints"];
    assert_eq!(mounts[0]["containerPath"], "/data");
    assert_eq!(registered.get("revision"), None);
}
