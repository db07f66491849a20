//! A bg.yaml that gives the slots each other's target groups: no weight says who serves.

use std::fs;

use serde_json::{Value, json};

use super::support::{Scene, until};

const TOLD: &str = "the slots are mixed up: service shop of slot a registers its tasks with target \
                    group shop-a, which `slots` gives slot b";

/// Slot b serves and slot a is warm; then somebody swaps the groups in bg.yaml.
fn swapped() -> Scene {
    let scene = Scene::at_speed(100);
    scene.deploy_to_b();
    let swap = [
        ("target_group: shop-b", "target_group: shop-x"),
        ("target_group: shop-a", "target_group: shop-b"),
        ("target_group: shop-x", "target_group: shop-a"),
    ];
    scene.configure(&swap);
    scene
}

#[test]
fn a_status_says_so_first_and_calls_no_slot_live() {
    let scene = swapped();
    let status = scene.bg(&["status"]).exits(0).says(TOLD);
    let second = status.stdout.lines().nth(1).unwrap_or_default();
    assert!(second.contains("the slots are mixed up"), "{status}");
    let status = status.says("swap the target groups of `slots.a` and `slots.b`");
    assert!(!status.stdout.contains("rollback"), "{status}");
    assert!(!status.stdout.contains("100%"), "{status}");
    let document = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(document["problems"][0]["kind"], "mixed_up", "{document}");
    assert_eq!(document["problems"][0]["what"], TOLD);
    for key in ["live", "idle", "retire"] {
        assert_eq!(document[key], Value::Null, "{key} in {document}");
    }
    let none = json!({ "a": null, "b": null });
    assert_eq!(document["routes"][0]["weights"], none);

    scene.bg(&["logs"]).exits(0).complains(TOLD);
    let tasks = ["tasks", "--output", "json"];
    let tasks = scene.bg(&tasks).exits(0).complains(TOLD).json();
    for slot in tasks["slots"].as_array().expect("both") {
        assert_eq!(slot["role"], Value::Null, "{tasks}");
    }
}

#[test]
fn nothing_that_goes_by_a_slot_s_name_is_done() {
    let scene = swapped();
    let before = scene.footprint();
    for verb in [
        &["scale", "5"][..],
        &["restart"],
        &["rollback"],
        &["rollback", "--to", "a"],
        &["rollback", "--to", "a", "--force"],
        &["rollback", "--to", "b", "--force"],
        &["verify", "--image", "shop:v3"],
    ] {
        let refused = scene.bg(verb).exits(3).complains(TOLD);
        let refused = refused.complains("swap the target groups of `slots.a` and `slots.b`");
        assert_eq!(scene.footprint(), before, "{refused}");
    }
    // Without the journal a tick goes by the tags, and the weights that would keep it.
    fs::remove_dir_all(scene.folder().join(".bg")).expect("its store");
    scene.bg(&["rollback"]).exits(3).complains(TOLD);
    let tick = until("the old version to be due", || {
        let tick = scene.bg(&["tick"]);
        (tick.code != 0).then_some(tick)
    });
    tick.exits(3).says(TOLD);
    assert_eq!(scene.footprint(), before);
}

#[test]
fn breaking_the_glass_goes_on_where_ecs_can_not_tell() {
    let scene = swapped();
    let deaf = [("AWS_ENDPOINT_URL_ECS", "http://127.0.0.1:9")];
    let forced = ["rollback", "--to", "b", "--force"];
    let forced = scene.bg_with(&deaf, &forced).exits(0);
    forced.says("slot b (shop-a) has everything");
    assert_eq!(scene.weights(), (100, 0));
}
