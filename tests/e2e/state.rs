//! State that several machines share.

use super::support::{Scene, between};

const TABLE: (&str, &str) = ("patience: 60m", "patience: 60m\nstate: dynamodb://bg-state");
const LONG: (&str, &str) = ("bake: 1m }", "bake: 30m }");

#[test]
fn a_table_is_asked_for_made_once_and_then_keeps_a_deployment() {
    let scene = Scene::at_speed(100);
    scene.configure(&[TABLE]);
    let before = scene.footprint();
    scene
        .bg(&["deploy", "--image", "shop:v2"])
        .exits(3)
        .complains("table bg-state doesn't exist in eu-west-1")
        .complains("create it: bg init --state");
    assert_eq!(scene.footprint(), before);
    scene
        .bg(&["init", "--state"])
        .exits(0)
        .says("state dynamodb://bg-state: created, and ready");
    let again = scene.bg(&["init", "--state", "--output", "json"]).exits(0);
    assert_eq!(again.json()["state"]["result"], "exists");

    scene.deploy_to_b();
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["live"]["service"], "shop-b");
    assert!(!scene.folder().join(".bg").exists(), "nothing is kept here");
    let back = scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
    back.says("slot a");
    assert_eq!(scene.weights(), (100, 0));
}

#[test]
fn a_second_machine_sees_the_lock_and_the_deployment_in_the_table() {
    let scene = Scene::at_speed(10);
    scene.configure(&[TABLE, LONG]);
    scene.bg(&["init", "--state"]).exits(0);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("provisioning");
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["deployment"]["abandoned"], false);
    scene
        .bg(&["deploy", "--image", "shop:v3"])
        .exits(6)
        .complains("tester@")
        .complains("holds the lock");
    scene
        .bg_with(&[("USER", "oncall")], &["rollback"])
        .exits(0)
        .says("aborted");
    first.end().exits(4);
    scene.stands_on_blue();
}

#[test]
fn a_folder_needs_no_making() {
    let scene = Scene::at_speed(100);
    scene
        .bg(&["init", "--state"])
        .exits(0)
        .says("state file:.bg: made with the first deployment; nothing to do");
}

#[test]
fn a_table_is_looked_for_where_the_sdk_is_told_that_dynamodb_is() {
    let (scene, shelf) = (Scene::at_speed(100), Scene::at_speed(100));
    scene.configure(&[TABLE]);
    shelf.is_also_for(&[TABLE]);
    let said = shelf.announcement();
    let there = between(&said, "AWS_ENDPOINT_URL=", "\n").unwrap();
    let there = [("AWS_ENDPOINT_URL_DYNAMODB", there)];
    for made in ["created", "there already"] {
        let ended = scene.bg_with(&there, &["init", "--state"]);
        ended.exits(0).says(made);
    }
    let elsewhere = scene.bg(&["deploy", "--image", "shop:v2"]).exits(3);
    elsewhere.complains("table bg-state doesn't exist");
}

#[test]
fn the_editor_s_schema_beside_the_services_is_none() {
    let scene = Scene::at_speed(50);
    scene.bg(&["deploy", "--image", "shop:v2"]).exits(0);
    scene.bg(&["schema", "--write", ".bg/schema.json"]).exits(0);
    scene.bg(&["tick"]).exits(0).says("nothing is due");
}
