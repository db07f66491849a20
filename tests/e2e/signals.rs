//! What signals do in each phase.

use std::time::Duration;

use super::support::{Ended, Process, Scene};

/// GitHub kills a job's process 7.5 s after the first signal.
const TIDY_WITHIN: Duration = Duration::from_secs(6);

/// A deployment that gets to where its output has `phase`, with bakes that outlast the test.
fn deployment_at(scene: &Scene, phase: &str, more: &[&str]) -> Process {
    scene.configure(&[("bake: 1m }", "bake: 30m }"), ("for: 10s", "for: 0s")]);
    let mut deployment = scene.start(&[&["deploy", "--image", "shop:v2"], more].concat());
    deployment.until_it_says(phase);
    deployment
}

#[track_caller]
fn reverted(scene: &Scene, ended: Ended, signal: &str) {
    ended.exits(4).says(&format!("interrupted by {signal}"));
    scene.stands_on_blue();
}

#[test]
fn ctrl_c_while_green_is_provisioned_puts_it_away() {
    let scene = Scene::at_speed(1);
    let deployment = deployment_at(&scene, "provisioning", &[]);
    deployment.signal("INT");
    reverted(&scene, deployment.ends_within(TIDY_WITHIN), "SIGINT");
}

#[test]
fn ctrl_c_while_baking_brings_traffic_back_and_puts_green_away() {
    let scene = Scene::at_speed(10);
    let deployment = deployment_at(&scene, "baking", &[]);
    assert_eq!(scene.weights(), (90, 10));
    deployment.signal("INT");
    reverted(&scene, deployment.ends_within(TIDY_WITHIN), "SIGINT");
}

#[test]
fn a_signal_while_shifting_brings_traffic_back() {
    let scene = Scene::at_speed(10);
    let deployment = deployment_at(&scene, "shifting", &[]);
    deployment.signal("TERM");
    reverted(&scene, deployment.ends_within(TIDY_WITHIN), "SIGTERM");
}

#[test]
fn a_second_signal_hastens_a_revert_and_does_not_abandon_it() {
    let scene = Scene::at_speed(10);
    let deployment = deployment_at(&scene, "baking", &[]);
    for signal in ["INT", "TERM", "INT"] {
        deployment.signal(signal);
    }
    let ended = deployment.ends_within(TIDY_WITHIN).exits(4);
    ended.says("interrupted by SIG");
    scene.stands_on_blue();
}

#[test]
fn a_second_ctrl_c_is_heard_and_told_what_goes_on() {
    let scene = Scene::at_speed(4);
    let mut deployment = deployment_at(&scene, "baking", &[]);
    deployment.signal("INT");
    deployment.until_it_says("interrupted by SIGINT");
    deployment.signal("INT");
    let ended = deployment.ends_within(TIDY_WITHIN);
    ended
        .complains("it is on its way back")
        .complains("bg resume --revert");
    scene.stands_on_blue();
}

#[test]
fn on_interrupt_keep_leaves_everything_as_it_is() {
    let scene = Scene::at_speed(10);
    let deployment = deployment_at(&scene, "baking", &["--on-interrupt", "keep"]);
    deployment.signal("INT");
    deployment.ends_within(TIDY_WITHIN).exits(7);
    assert_eq!(scene.weights(), (90, 10));
    assert_eq!(scene.desired("shop-b"), 2);

    let status = || scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status()["deployment"]["outcome"]["kind"], "kept");
    let shown = scene.bg(&["status"]).exits(0);
    shown
        .says("no guard watches it")
        .says("`bg resume` goes on with it");
    scene.bg(&["rollback", "--to", "a", "--force"]).exits(0);
    assert_eq!(status()["deployment"], serde_json::json!(null));
}

#[test]
fn after_promotion_a_signal_ends_only_the_wait_for_retiring() {
    let scene = Scene::at_speed(100);
    scene.configure(&[("after: 2m", "after: 24h")]);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2"]);
    deployment.until_it_says("Promoted:");
    deployment.signal("INT");
    deployment
        .ends_within(TIDY_WITHIN)
        .exits(0)
        .complains("bg tick");
    assert_eq!(scene.weights(), (0, 100));
    assert_eq!(scene.desired("shop"), 2, "blue stays warm");
}

#[test]
fn a_sandbox_ends_at_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let mut sandbox = super::support::started(folder.path(), &["sandbox", "--port", "0"]);
    sandbox.until_it_says("demo service:");
    sandbox.signal("INT");
    sandbox.ends_within(TIDY_WITHIN).exits(0);
}
