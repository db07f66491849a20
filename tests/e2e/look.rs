//! The verbs that change nothing: `plan`, `status`, `schema`.

use serde_json::json;

use super::support::{Scene, unread, until};

#[test]
fn both_slots_tasks_are_listed_with_what_they_are_and_why_they_ended() {
    let scene = Scene::at_speed(60);
    let before = scene.bg(&["tasks", "--output", "json"]).exits(0).json();
    let (a, b) = (&before["slots"][0], &before["slots"][1]);
    assert_eq!((&a["role"], &b["role"]), (&json!("live"), &json!("idle")));
    let running = a["tasks"].as_array().expect("blue runs").iter();
    let running: Vec<_> = running.filter(|it| it["status"] == "RUNNING").collect();
    assert_eq!(running.len(), 2);
    assert_eq!(running[0]["ports"], json!([8080]));
    assert!(running[0]["address"].is_string() && running[0]["zone"].is_string());
    assert_eq!(b["tasks"], json!([]));

    scene.configure(&[("bake: 1m }", "bake: 30m }")]);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2"]);
    deployment.until_it_says("baking");
    let tasks = scene.bg(&["tasks"]).exits(0);
    tasks
        .says("blue   slot a, service shop")
        .says("green  slot b, service shop-b")
        .says("shop:2");
    scene.bg(&["abort"]).exits(0);
    deployment.end().exits(4);
    scene.bg(&["deploy", "--image", "shop:crash"]).exits(4);
    scene
        .bg(&["tasks"])
        .exits(0)
        .says("idle   slot b, service shop-b")
        .says("STOPPED")
        .says("Essential container in task exited (app: exit code 1)");
}

#[test]
fn a_mistyped_cluster_is_named_with_those_there_are() {
    let scene = Scene::at_speed(1);
    scene.configure(&[("cluster: demo", "cluster: demoo")]);
    scene
        .bg(&["status"])
        .exits(3)
        .complains("there is no cluster demoo in eu-west-1")
        .complains("did you mean demo?");
    let planned = scene.bg(&["plan", "--image", "shop:v2"]).exits(3);
    planned
        .says("there is no cluster demoo")
        .says("Refused: 1 problem");
}

#[test]
fn halfway_the_deployment_says_which_side_is_blue() {
    let scene = Scene::at_speed(60);
    let half = "[{ weight: 50%, bake: 30m }, { weight: 100% }]";
    scene.configure(&[("[{ weight: 10%, bake: 1m }, { weight: 100% }]", half)]);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2"]);
    deployment.until_it_says("baking");
    assert_eq!(scene.weights(), (50, 50));
    let shown = scene.bg(&["status"]).exits(0);
    assert!(!shown.stdout.contains("no slot is live"), "{shown}");
    shown
        .says("slot a, service shop, shop:1: 50% of traffic")
        .says("slot b, service shop-b, shop:2: 50% of traffic")
        .says("2/2 running, 2/2 healthy");
    let report = scene.bg(&["status", "--output", "json"]).exits(0).json();
    let sides = (&report["live"]["slot"], &report["idle"]["slot"]);
    assert_eq!(sides, (&json!("a"), &json!("b")));
    assert_eq!(report["problems"], json!([]), "its deployment is under way");
    scene.bg(&["abort"]).exits(0);
    deployment.end().exits(4);
}

#[test]
fn a_split_that_no_deployment_has_made_is_told_as_a_plan_tells_it() {
    let scene = Scene::at_speed(200);
    scene.deploy_to_b();
    let due = "slot a, is due: `bg tick` does it";
    until("the old version to be due", || {
        let status = scene.bg(&["status"]).exits(0);
        status.stdout.contains(due).then_some(())
    });
    for (a, b) in [(30, 70), (50, 50)] {
        scene.set_weights(a, b);
        let what = format!("shop:80 is split: slot a has weight {a}, slot b {b}");
        let back = "put all traffic on the good slot: `bg rollback --to a --force` or";
        let plan = scene.bg(&["plan", "--image", "shop:v3"]).exits(3);
        plan.says(&what).says(back);
        let status = scene.bg(&["status"]).exits(0).says(&what).says(back);
        assert!(!status.stdout.contains(due), "a tick keeps it: {status}");
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        let problem = &status["problems"][0];
        assert_eq!(
            (&problem["kind"], &problem["what"]),
            (&json!("split"), &json!(what))
        );
        assert!(status["retire"].is_null(), "{status}");
    }
    scene.bg(&["rollback", "--to", "b", "--force"]).exits(0);
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["problems"], json!([]));
    assert_eq!(status["live"]["slot"], "b");
}

#[test]
fn a_plan_shows_what_would_happen_and_changes_nothing() {
    let scene = Scene::at_speed(1);
    let before = scene.footprint();
    scene
        .bg(&["plan", "--image", "shop:v2"])
        .exits(0)
        .says("shop:v1 -> shop:v2")
        .says("10% of traffic to green, bake for 1m")
        .says("promote green")
        .says("Nothing was changed.");
    let json = ["plan", "--image", "shop:v2", "--output", "json"];
    let plan = scene.bg(&json).exits(0).json();
    assert_eq!(plan["plan"]["blue"], "a");
    assert_eq!(plan["changes"][0]["after"], "shop:v2");
    assert_eq!(plan["problems"], json!([]));
    assert_eq!(scene.footprint(), before);
    assert!(
        !scene.folder().join(".bg").exists(),
        "a plan keeps no state"
    );
}

#[test]
fn a_plan_tells_all_problems_at_once() {
    let scene = Scene::at_speed(1);
    scene.configure(&[
        ("shop-{slot}-5xx", "shop-errors"),
        ("region: eu-west-1", "account: \"999999999999\""),
    ]);
    let before = scene.footprint();
    scene
        .bg_with(
            &[("AWS_REGION", "eu-west-1")],
            &["plan", "--image", "sidecar=x:1"],
        )
        .exits(3)
        .says("shop-errors")
        .says("999999999999")
        .says("sidecar");
    scene
        .bg_with(
            &[("AWS_REGION", "eu-west-1")],
            &["deploy", "--image", "sidecar=x:1"],
        )
        .exits(3)
        .complains("preflight found 3 problems; nothing was changed")
        .complains("shop-errors")
        .complains("999999999999")
        .complains("sidecar");
    let json = ["plan", "--image", "sidecar=x:1", "--output", "json"];
    let plan = scene
        .bg_with(&[("AWS_REGION", "eu-west-1")], &json)
        .exits(3)
        .json();
    assert_eq!(plan["problems"].as_array().map(Vec::len), Some(3), "{plan}");
    assert_eq!(scene.footprint(), before);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    for read_only in [
        &["schema"][..],
        &["plan", "--sandbox", "--image", "shop:v2"],
        &[
            "plan",
            "--sandbox",
            "--image",
            "shop:v2",
            "--output",
            "json",
        ],
    ] {
        assert_eq!(unread(folder.path(), read_only), Some(0), "{read_only:?}");
    }
    for (image, output, code) in [
        ("shop:v2", "text", 0),
        ("shop:v2", "json", 0),
        ("shop:bad", "text", 4),
    ] {
        let deploy = ["deploy", "--sandbox", "--speed", "600", "--image", image];
        let deploy = [&deploy[..], &["--output", output]].concat();
        assert_eq!(unread(folder.path(), &deploy), Some(code), "{deploy:?}");
    }
}

#[test]
fn a_status_shows_an_idle_service() {
    let scene = Scene::at_speed(1);
    let before = scene.footprint();
    scene
        .bg(&["status"])
        .exits(0)
        .says("live        slot a, service shop, shop:1: 100% of traffic")
        .says("2/2 running, 2/2 healthy")
        .says("service shop-b: it doesn't exist")
        .says("shop:80: slot a 100%, slot b 0%");
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["live"]["service"], "shop");
    assert_eq!(status["live"]["desired"], 2);
    assert_eq!(status["live"]["running"], 2);
    assert_eq!(status["live"]["healthy"], 2);
    assert_eq!(status["live"]["weight"], "100%");
    assert_eq!(status["idle"]["service"], "shop-b");
    assert_eq!(status["deployment"], json!(null));
    assert_eq!(scene.footprint(), before);
}

#[test]
fn a_status_shows_a_deployment_under_way() {
    let scene = Scene::at_speed(20);
    scene.configure(&[("bake: 1m }", "bake: 30m }")]);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2"]);
    deployment.until_it_says("baking");
    scene
        .bg(&["status"])
        .exits(0)
        .says("slot a, service shop, shop:1: 90% of traffic")
        .says("slot b, service shop-b, shop:2: 10% of traffic")
        .says("baking, step 1 of 2, 10% green");
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["live"]["slot"], "a", "in mid-shift blue is live");
    assert_eq!(status["deployment"]["phase"], "baking");
    assert_eq!(status["deployment"]["step"], 1);
    assert_eq!(status["deployment"]["weight"], "10%");
    assert_eq!(
        status["routes"][0]["weights"],
        json!({ "a": "90%", "b": "10%" })
    );
}

#[test]
fn the_schema_accepts_the_keys_of_the_config() {
    let folder = tempfile::tempdir().unwrap();
    let schema = super::support::bare(folder.path(), &[], &["schema"]).exits(0);
    let properties = &schema.json()["properties"];
    for key in [
        "service", "cluster", "slots", "routes", "strategy", "guards", "retire", "state",
    ] {
        assert!(properties[key].is_object(), "{key}");
    }
}

#[test]
fn a_sandbox_prints_what_reaches_it() {
    let scene = Scene::at_speed(1);
    let said = scene.announcement();
    let config = super::support::between(&said, "demo service:\n", "\0").unwrap_or_else(|| {
        said.split_once("demo service:\n")
            .map_or("", |(_, config)| config)
    });
    scene.write("printed.yaml", config);
    scene
        .bg(&["status", "--config", "printed.yaml"])
        .exits(0)
        .says("slot a, service shop");
    let proxy = super::support::between(&said, "takes requests at http://", "/").unwrap();
    let answer = super::support::get(proxy);
    assert!(answer.contains(r#""image":"shop:v1""#), "{answer}");
    assert!(answer.contains(r#""service":"shop""#), "{answer}");
    assert!(answer.contains(r#""target_group":"shop-a""#), "{answer}");
}

#[test]
fn a_dry_run_and_diff_are_the_plan() {
    let scene = Scene::at_speed(60);
    let before = scene.footprint();
    for arguments in [&["deploy", "--dry-run"][..], &["diff"]] {
        scene
            .bg(&[arguments, &["--image", "shop:v2"]].concat())
            .exits(0)
            .says("containers.app.image")
            .says("Ready: `bg deploy` would do this. Nothing was changed.");
    }
    assert_eq!(scene.footprint(), before);
}
