//! The dead-man switch, with a process that is killed for good.

use super::support::{Process, Scene, bare, until};

const DEADMAN: &str =
    "deadman: { after: 2m, role: \"arn:aws:iam::123456789012:role/bg-deadman\" }\n";

fn scene(speed: u32) -> Scene {
    let scene = Scene::at_speed(speed);
    scene.configure(&[
        ("bake: 1m }", "bake: 30m }"),
        ("service: shop\n", &format!("service: shop\n{DEADMAN}")),
    ]);
    scene
}

fn baking(scene: &Scene) -> Process {
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2"]);
    deployment.until_it_says("baking");
    deployment
}

#[test]
fn traffic_goes_back_by_itself_when_the_process_is_killed() {
    let scene = scene(10);
    let deployment = baking(&scene);
    assert_eq!(scene.weights(), (90, 10));
    deployment.signal("KILL");
    until("AWS itself to put traffic back", || {
        (scene.weights() == (100, 0)).then_some(())
    });
    scene
        .bg(&["resume", "--no-wait-retire"])
        .exits(4)
        .says("the dead-man switch was due");
    scene.stands_on_blue();
}

#[test]
fn a_tick_leaves_alone_what_break_glass_gave_to_green() {
    let scene = scene(10);
    let deployment = baking(&scene);
    deployment.signal("KILL");
    deployment.end();
    scene.bg(&["rollback", "--to", "b", "--force"]).exits(0);
    until("the lease's end", || {
        let ticked = scene.bg(&["tick"]);
        (ticked.code == 3).then(|| ticked.says("somebody has given green everything"))
    });
    assert_eq!(scene.weights(), (0, 100));
    let shown = scene.bg(&["show", "--output", "json"]).exits(0);
    assert!(
        !shown.stdout.contains("resumed"),
        "it pushed the switch out"
    );
}

#[test]
fn a_deployment_that_is_kept_says_when_the_switch_fires() {
    let scene = scene(10);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2", "--on-interrupt", "keep"]);
    deployment.until_it_says("baking");
    deployment.signal("TERM");
    let ended = deployment.end().exits(7);
    ended.says("armed: within the minute after");
    assert_eq!(scene.weights(), (90, 10));
}

#[test]
fn what_would_undo_breaking_the_glass_is_taken_away_or_told() {
    let scene = scene(10);
    let deployment = baking(&scene);
    deployment.signal("KILL");
    deployment.end();
    until("the lease's end", || {
        let status = scene.bg(&["status"]).exits(0);
        status.stdout.contains("no process drives it").then_some(())
    });
    let status = scene.bg(&["status"]).exits(0);
    status.says("dead-man").says("puts everything on slot a");
    let force = ["rollback", "--to", "b", "--force"];
    let nowhere = [("AWS_ENDPOINT_URL_SCHEDULER", "http://127.0.0.1:1")];
    let told = scene.bg_with(&nowhere, &force).exits(0);
    told.complains("undoes this when it fires");
    scene.bg(&force).exits(0).complains("schedule is deleted");
    let again = scene.bg(&force).exits(0);
    assert_eq!(again.stderr, "", "nothing is left to take away");
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn the_test_runs_a_no_op_write_and_says_what_that_proves() {
    let scene = scene(60);
    scene
        .bg(&["deadman", "test"])
        .exits(0)
        .says("shop:80: the schedule ran")
        .says("does not prove");
    assert_eq!(scene.weights(), (100, 0));
    let shown = scene.bg(&["deadman", "test", "--output", "json"]).exits(0);
    assert_eq!(shown.json()["routes"][0]["ran"], true);
}

#[test]
fn the_test_needs_a_config_that_has_a_switch_or_the_sandbox() {
    let scene = Scene::at_speed(60);
    scene
        .bg(&["deadman", "test"])
        .exits(2)
        .complains("bg.yaml has no `deadman`");
    let sandbox = ["deadman", "test", "--sandbox", "--speed", "60"];
    bare(scene.folder(), &[], &sandbox).exits(0);
}
