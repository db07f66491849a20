//! Bad input: one clear error on stderr, the documented exit code, and nothing changed.

use std::net::TcpListener;

use super::support::{Scene, bare};

/// Runs `bg` with the config changed, and looks at its exit code, its words, and that nothing
/// was changed.
#[track_caller]
fn refused(scene: &Scene, changes: &[(&str, &str)], arguments: &[&str], code: i32, words: &[&str]) {
    scene.configure(changes);
    let before = scene.footprint();
    let mut ended = scene.bg(arguments).exits(code);
    for word in words {
        ended = ended.complains(word);
    }
    assert_eq!(ended.stdout, "", "{ended}");
    let errors = ended
        .stderr
        .lines()
        .filter(|line| line.to_lowercase().starts_with("error:"));
    assert_eq!(errors.count(), 1, "one error in\n{ended}");
    assert_eq!(scene.footprint(), before);
    assert!(
        !scene.folder().join(".bg/shop/deployments").exists(),
        "no journal was begun"
    );
}

const V2: &[&str] = &["deploy", "--image", "shop:v2"];

#[test]
fn what_does_not_exist_in_the_account() {
    let scene = Scene::at_speed(1);
    let refused = |changes: &[(&str, &str)], words: &[&str]| refused(&scene, changes, V2, 3, words);
    refused(&[("cluster: demo", "cluster: prod")], &["prod"]);
    refused(&[("{ service: shop, ", "{ service: shoop, ")], &["shoop"]);
    refused(
        &[("target_group: shop-b", "target_group: shop-c")],
        &["shop-c"],
    );
    let listener = scene.listener();
    let rule = listener.replace(":listener/", ":listener-rule/") + "/0123456789abcdef";
    for arn in [&rule, &listener.replace("/app/shop/", "/app/shoop/")] {
        let routes = format!("region: eu-west-1\nroutes: [\"{arn}\"]");
        refused(&[("region: eu-west-1", &routes)], &[arn]);
    }
    refused(&[("shop-{slot}-5xx", "shop-{slot}-6xx")], &["shop-b-6xx"]);
    let route = |text| ("region: eu-west-1", text);
    refused(
        &[route(
            "region: eu-west-1\nroutes: [{ load_balancer: shop, port: 81 }]",
        )],
        &["81"],
    );
    refused(
        &[route(
            "region: eu-west-1\nroutes: [{ load_balancer: nope, port: 80 }]",
        )],
        &["nope"],
    );
    refused(
        &[route(
            "region: eu-west-1\nroutes: [{ load_balancer: shop, port: 80, path: /x }]",
        )],
        &["/x"],
    );
    refused(
        &[route("region: eu-west-1\naccount: \"999999999999\"")],
        &["999999999999", "123456789012"],
    );
}

#[test]
fn arns_of_another_region() {
    let scene = Scene::at_speed(1);
    let group = scene.group("shop-b").replace("eu-west-1", "us-east-1");
    let changed = format!("target_group: {group}");
    refused(
        &scene,
        &[("target_group: shop-b", &changed)],
        V2,
        3,
        &["us-east-1", "eu-west-1"],
    );
    let listener = scene.listener().replace("eu-west-1", "us-east-1");
    let routes = format!("region: eu-west-1\nroutes: [\"{listener}\"]");
    refused(
        &scene,
        &[("region: eu-west-1", &routes)],
        V2,
        3,
        &["us-east-1"],
    );
}

#[test]
fn versions_that_are_none() {
    let scene = Scene::at_speed(1);
    scene.write("broken.json", "{ \"family\": ");
    scene.write("empty.json", "{}");
    let refused = |arguments: &[&str], code, words: &[&str]| {
        refused(&scene, &[], &[&["deploy"], arguments].concat(), code, words);
    };
    refused(&[], 2, &["nothing says what to deploy", "--image"]);
    refused(
        &["--image", "shop:v 2"],
        2,
        &["shop:v 2", "image reference"],
    );
    refused(&["--image", "Shop:v2"], 2, &["Shop:v2"]);
    refused(
        &["--image", "app=a:1", "--image", "app=a:2"],
        2,
        &["two images", "app"],
    );
    refused(&["--image", "a:1", "--image", "b:2"], 2, &["two images"]);
    refused(&["--image", "nope=a:1"], 3, &["nope", "app"]);
    refused(
        &["--task-definition", "broken.json"],
        2,
        &["broken.json", "JSON"],
    );
    refused(&["--task-definition", "empty.json"], 2, &["empty.json"]);
    refused(&["--task-definition", "missing.json"], 2, &["missing.json"]);
    refused(&["--task-definition", "shop:99"], 3, &["shop:99"]);
    refused(&["--image-definitions", "broken.json"], 2, &["broken.json"]);
}

#[test]
fn strategies_that_are_none() {
    let scene = Scene::at_speed(1);
    scene.write(
        "down.yaml",
        "steps:\n  - weight: 50%\n    bake: 1m\n  - weight: 20%\n",
    );
    scene.write(
        "again.yaml",
        "steps:\n  - weight: 50%\n    bake: 1m\n  - weight: 50%\n",
    );
    scene.write("over.yaml", "steps:\n  - weight: 101%\n");
    let refused = |strategy: &str, words: &[&str]| {
        let arguments = [V2, &["--strategy", strategy]].concat();
        refused(&scene, &[], &arguments, 2, words);
    };
    refused("cannary", &["cannary", "Hint:", "canary"]);
    refused("canary:0%:5m", &["0%"]);
    refused("canary:110%:5m", &["110%"]);
    refused("linear:1%:1h", &["longer than 1d", "--allow-long"]);
    refused("./down.yaml", &["down.yaml", "4:13"]);
    refused("./again.yaml", &["again.yaml", "4:13"]);
    refused("./over.yaml", &["over.yaml", "2:13", "101%"]);
    refused("./nowhere.yaml", &["nowhere.yaml"]);
}

#[test]
fn configs_that_are_wrong() {
    let scene = Scene::at_speed(1);
    let refused = |changes: &[(&str, &str)], words: &[&str]| refused(&scene, changes, V2, 2, words);
    refused(
        &[("retire:", "retier:")],
        &["retier", "retire", "bg.yaml:14:1"],
    );
    refused(&[("after: 2m }", "after: 2m")], &["bg.yaml:1"]);
    refused(&[("for: 10s", "for: 10")], &["bg.yaml:12:", "10"]);
    refused(
        &[("region: eu-west-1", "region: eu-west-1\nstate: s3://table")],
        &["s3://table", "dynamodb://TABLE"],
    );
}

#[test]
fn no_config() {
    let folder = tempfile::tempdir().unwrap();
    let ended = bare(folder.path(), &[], &["status"]).exits(2);
    ended.complains("bg.yaml").complains("--config");
    let ended = bare(folder.path(), &[], &["status", "--config", "none.yaml"]).exits(2);
    ended.complains("none.yaml");
}

#[test]
fn an_endpoint_that_nobody_listens_on() {
    let scene = Scene::at_speed(1);
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{free}");
    refused(
        &scene,
        &[],
        &[V2, &["--endpoint-url", &url]].concat(),
        1,
        &[&url],
    );
}

#[test]
fn a_taken_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let ended = bare(folder.path(), &[], &["sandbox", "--port", &port]).exits(2);
    ended.complains(&port).complains("--port 0");
}

#[test]
fn variables_that_are_wrong_are_named_and_empty_ones_are_none() {
    let scene = Scene::at_speed(1);
    let plan = ["plan", "--image", "shop:v2"];
    for (variable, value) in [
        ("BG_OUTPUT", "jsno"),
        ("BG_POLL", "2 fortnights"),
        ("BG_IMAGE_DEFINITIONS", "images.json"),
    ] {
        let ended = scene.bg_with(&[(variable, value)], &plan).exits(2);
        ended.complains(&format!(
            "comes from the environment here: {variable} is set"
        ));
    }
    let given = [&plan[..], &["--poll", "2 fortnights"]].concat();
    let ended = scene.bg_with(&[("BG_POLL", "5s")], &given).exits(2);
    assert!(!ended.stderr.contains("environment"), "{ended}");
    let empty = [
        "BG_REGION",
        "BG_STRATEGY",
        "BG_OUTPUT",
        "BG_CONFIG",
        "BG_TIMEOUT",
        "BG_IMAGE_DEFINITIONS",
        "BG_SERVICE",
    ];
    let empty = empty.map(|variable| (variable, ""));
    scene.bg_with(&empty, &plan).exits(0);
}

#[test]
fn flags_that_are_wrong() {
    let scene = Scene::at_speed(1);
    let refused = |arguments: &[&str], words: &[&str]| refused(&scene, &[], arguments, 2, words);
    refused(&["depoy"], &["depoy", "deploy"]);
    refused(
        &["plan", "shop:v2"],
        &["images are given as --image shop:v2"],
    );
    refused(&["gates"], &["`bg help gates` explains"]);
    refused(&["deploy", "--imag", "shop:v2"], &["--image"]);
    refused(
        &["deploy", "--image", "shop:v2", "--poll", "0s"],
        &["from 1s to 60s"],
    );
    refused(&["deploy", "--image", "shop:v2", "--hotfix"], &["--reason"]);
    refused(&["rollback", "--force"], &["--to"]);
    refused(&["rollback", "--to", "c"], &["a, b"]);
}
