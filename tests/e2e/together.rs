//! Several processes for one service.

use std::fs;

use super::support::{Scene, until};

const LONG: (&str, &str) = ("bake: 1m }", "bake: 30m }");

#[test]
fn a_second_deployment_is_told_who_holds_the_lock() {
    let scene = Scene::at_speed(10);
    scene.configure(&[LONG]);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("provisioning");
    let first_id = first.id().to_string();
    scene
        .bg(&["deploy", "--image", "shop:v3"])
        .exits(6)
        .complains("tester@")
        .complains(&format!("pid {first_id}"))
        .complains("holds the lock");
}

#[test]
fn a_rollback_aborts_a_deployment_that_runs() {
    let scene = Scene::at_speed(10);
    scene.configure(&[LONG, ("for: 10s", "for: 0s")]);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2"]);
    deployment.until_it_says("baking");
    scene
        .bg_with(&[("USER", "oncall")], &["rollback"])
        .exits(0)
        .says("aborted");
    deployment.end().exits(4).says("oncall@");
    scene.stands_on_blue();
}

#[test]
fn an_abort_that_nobody_took_does_not_reach_the_next_deployment() {
    let scene = Scene::at_speed(200);
    let folder = scene.folder().join(".bg/shop");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("abort"), "somebody, last week").unwrap();
    scene.deploy_to_b();
}

#[test]
fn breaking_the_glass_needs_no_state_and_no_lock() {
    let scene = Scene::at_speed(10);
    scene.configure(&[LONG, ("for: 10s", "for: 0s")]);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2"]);
    deployment.until_it_says("baking");
    scene
        .bg(&["rollback", "--to", "a", "--force"])
        .exits(0)
        .says("slot a (shop-a) has everything");
    assert_eq!(scene.weights(), (100, 0));
    deployment.end().exits(4);
    scene.stands_on_blue();

    fs::remove_dir_all(scene.folder().join(".bg")).unwrap();
    scene
        .bg(&["rollback", "--to", "b", "--force"])
        .exits(0)
        .says("slot b (shop-b) has everything");
    assert_eq!(scene.weights(), (0, 100));
    assert!(!scene.folder().join(".bg").exists(), "it keeps no state");
}

#[test]
fn a_rollback_goes_to_blue_only_as_long_as_a_deployment_has_not_ended() {
    let scene = Scene::at_speed(20);
    scene.configure(&[LONG, ("for: 10s", "for: 0s")]);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("baking");
    let to_green = || {
        let refused = scene.bg(&["rollback", "--to", "b"]).exits(3);
        refused.complains("a rollback can only go back to slot a");
        assert_eq!(scene.weights(), (90, 10));
    };
    to_green();
    first.signal("KILL");
    first.end();
    to_green();
    scene
        .bg(&["rollback", "--to", "a"])
        .exits(0)
        .says("aborted");
    scene.stands_on_blue();
}

#[test]
fn a_rollback_reverts_a_deployment_whose_process_was_killed() {
    let scene = Scene::at_speed(20);
    scene.configure(&[LONG, ("for: 10s", "for: 0s")]);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("baking");
    first.signal("KILL");
    assert_eq!(first.end().code, -1);
    assert_eq!(scene.weights(), (90, 10));

    let ended = scene.bg(&["rollback"]).exits(0);
    let ended = ended.complains("is gone: reverting it here");
    ended.says("reverting").says("the deployment was aborted");
    scene.stands_on_blue();
}

#[test]
fn a_status_says_that_a_deployment_lost_its_process() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("provisioning");
    first.signal("KILL");
    first.end();
    until("the lease's end", || {
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        (status["deployment"]["abandoned"] == true).then_some(())
    });
    let status = scene.bg(&["status"]).exits(0);
    status.says("no process drives it");
    scene.bg(&["rollback"]).exits(0);
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["deployment"], serde_json::json!(null));
    scene.stands_on_blue();
}

#[test]
fn with_the_store_lost_a_deployment_under_way_is_seen_and_put_back_from_what_aws_shows() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("baking");
    first.signal("KILL");
    first.end();
    fs::remove_dir_all(scene.folder().join(".bg")).unwrap();
    let second = ["deploy", "--image", "shop:v3", "--force"];
    scene.bg(&second).exits(3);
    scene.bg(&["status"]).exits(0).says("10%");
    scene
        .bg(&["rollback"])
        .exits(0)
        .complains("no store knows deployment");
    scene.stands_on_blue();
}

#[test]
fn green_s_tasks_of_an_unknown_deployment_refuse_another_before_any_traffic_moved() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("it has to stay so");
    first.signal("KILL");
    first.end();
    fs::remove_dir_all(scene.folder().join(".bg")).unwrap();
    scene
        .bg(&["deploy", "--image", "shop:v3"])
        .exits(3)
        .complains("neither the store nor AWS shows an end");
    scene.bg(&["rollback"]).exits(0);
    scene.stands_on_blue();
}
