//! Processes that are killed, and what others make of what they leave.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::support::{Ended, Process, Scene, until};

const LONG: (&str, &str) = ("bake: 1m }", "bake: 30m }");
const AT_ONCE: (&str, &str) = ("for: 10s", "for: 0s");

/// Starts a deployment, and kills it where its output has `phase`.
fn killed_at(scene: &Scene, phase: &str) {
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says(phase);
    first.signal("KILL");
    assert_eq!(first.end().code, -1);
}

/// Waits until the dead process's lease is over.
fn until_abandoned(scene: &Scene) {
    until("the lease's end", || {
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        (status["deployment"]["abandoned"] == true).then_some(())
    });
}

fn resume(scene: &Scene, more: &[&str]) -> Ended {
    let flags = ["resume", "--wait-lock", "30m", "--no-wait-retire"];
    scene.bg(&[&flags, more].concat())
}

/// Panics unless there is one new revision and one new service, with everything on it.
#[track_caller]
fn stands_on_green(scene: &Scene) {
    assert_eq!(scene.weights(), (0, 100), "weights of slots a and b");
    assert_eq!(scene.desired("shop-b"), 2, "green's desired count");
    let count = |answer: &Value, key: &str| answer[key].as_array().map(Vec::len);
    let family = serde_json::json!({ "familyPrefix": "shop" });
    let revisions = scene.ecs("ListTaskDefinitions", &family);
    assert_eq!(count(&revisions, "taskDefinitionArns"), Some(2));
    let cluster = serde_json::json!({ "cluster": "demo" });
    let services = scene.ecs("ListServices", &cluster);
    assert_eq!(count(&services, "serviceArns"), Some(2));
}

fn journal(scene: &Scene) -> PathBuf {
    let folder = scene.folder().join(".bg/shop/deployments");
    let entries = fs::read_dir(folder).expect("there was a deployment");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths.max().expect("there was a deployment")
}

#[test]
fn a_deployment_that_is_killed_anywhere_can_be_gone_on_with() {
    for phase in ["provisioning", "shifting", "baking", "100%"] {
        let scene = Scene::at_speed(100);
        killed_at(&scene, phase);
        resume(&scene, &[]).exits(0).says("Promoted");
        stands_on_green(&scene);
        resume(&scene, &[])
            .exits(0)
            .complains("nothing to go on with");
    }
}

#[test]
fn a_revert_that_is_killed_is_gone_on_with() {
    let scene = Scene::at_speed(10);
    scene.configure(&[LONG, AT_ONCE]);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("baking");
    first.signal("INT");
    first.until_it_says("interrupted by SIGINT");
    first.signal("KILL");
    first.end();
    resume(&scene, &[]).exits(4);
    scene.stands_on_blue();
}

#[test]
fn resume_revert_puts_everything_back() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    killed_at(&scene, "baking");
    resume(&scene, &["--revert"]).exits(0);
    scene.stands_on_blue();
}

#[test]
fn a_resume_for_a_while_leaves_the_rest_to_the_next_one() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    killed_at(&scene, "baking");
    resume(&scene, &["--for", "10m"]).exits(7).says("--for 10m");
    assert_eq!(scene.weights(), (90, 10));
    resume(&scene, &["--for", "1h"]).exits(0);
    stands_on_green(&scene);
}

#[test]
fn deploy_on_a_dead_deployment_says_what_to_do_and_does_it() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    let deploy = ["deploy", "--image", "shop:v3", "--no-wait-retire"];
    killed_at(&scene, "baking");
    until_abandoned(&scene);
    let refused = scene
        .bg(&deploy)
        .exits(3)
        .complains("go on with it: `bg resume`")
        .complains("its process is gone");
    refused.complains("--resume").complains("--revert");
    assert_eq!(scene.weights(), (90, 10), "nothing was changed");
    let image = |service: &str| {
        let shown = scene.definition_of(service);
        shown["taskDefinition"]["containerDefinitions"][0]["image"].clone()
    };

    scene.bg(&[&deploy[..], &["--revert"]].concat()).exits(0);
    assert_eq!(scene.weights(), (0, 100));
    assert_eq!(image("shop-b"), "shop:v3");

    killed_at(&scene, "baking");
    until_abandoned(&scene);
    scene.bg(&[&deploy[..], &["--resume"]].concat()).exits(0);
    // The one that was killed went from b to a, and the next one from a to b.
    assert_eq!(scene.weights(), (0, 100));
    assert_eq!(image("shop"), "shop:v2");
    assert_eq!(image("shop-b"), "shop:v3");
}

#[test]
fn a_journal_that_was_cut_in_mid_record_is_gone_on_with() {
    let scene = Scene::at_speed(100);
    killed_at(&scene, "baking");
    let path = journal(&scene);
    let text = fs::read_to_string(&path).unwrap();
    let last = text.trim_end().rfind('\n').unwrap();
    fs::write(&path, &text[..last + (text.len() - last) / 2]).unwrap();
    resume(&scene, &[]).exits(0);
    stands_on_green(&scene);
    let text = fs::read_to_string(&path).unwrap();
    for line in text.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    }
}

#[test]
fn the_store_lost_altogether_leaves_status_and_rollback() {
    let scene = Scene::at_speed(20);
    scene.configure(&[LONG, AT_ONCE]);
    killed_at(&scene, "baking");
    fs::remove_dir_all(scene.folder().join(".bg")).unwrap();
    scene.bg(&["status"]).exits(0).says("10%");
    scene.bg(&["rollback", "--to", "a", "--force"]).exits(0);
    assert_eq!(scene.weights(), (100, 0));
}

#[test]
fn history_and_show_tell_what_happened() {
    let scene = Scene::at_speed(200);
    scene.bg(&["history"]).exits(0).says("no deployments yet");
    scene.deploy_to_b();
    let reverted = ["deploy", "--image", "shop:unhealthy", "--no-wait-retire"];
    scene.bg(&reverted).exits(4);

    let told = scene.bg(&["history"]).exits(0);
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].contains("reverted: "), "the newest first: {told}");
    assert!(
        lines[1].contains("shop:v2") && lines[1].contains("promoted"),
        "{told}"
    );
    let entries = scene.bg(&["history", "--output", "json"]).exits(0).json();
    assert_eq!(entries[1]["outcome"]["kind"], "promoted");

    let first = entries[1]["id"].as_str().unwrap();
    let shown = scene.bg(&["show", first]).exits(0);
    shown.says("baking").says("Promoted");
    let shown = scene
        .bg(&["show", first, "--output", "json"])
        .exits(0)
        .json();
    assert_eq!(shown["records"][0]["event"]["type"], "started");
    let last = scene.bg(&["show", "--output", "json"]).exits(0).json();
    assert_eq!(last["deployment"], entries[0]["id"]);
    for verb in ["show", "resume"] {
        scene
            .bg(&[verb, "nonesuch"])
            .exits(3)
            .complains("there is no deployment nonesuch of shop")
            .complains("bg history");
    }
}

/// A deployment in a long bake that can write no file beyond a limit that is still to be set: then
/// a write fails as on a full disk.
fn before_the_disk_is_full(scene: &Scene) -> Process {
    scene.configure(&[LONG, AT_ONCE]);
    let script = "trap '' XFSZ; exec \"$@\"";
    let mut first = scene.start_in_shell(script, &["deploy", "--image", "shop:v2"]);
    first.until_it_says("baking");
    first
}

#[test]
fn a_full_disk_brings_traffic_back_while_it_still_can() {
    let scene = Scene::at_speed(10);
    let first = before_the_disk_is_full(&scene);
    first.limit_files_to(0);
    first.end().exits(4).says("the lock can't be kept");
    scene.stands_on_blue();
    resume(&scene, &["--revert"]).exits(0);
    scene.stands_on_blue();
}

#[test]
fn a_journal_that_cannot_grow_brings_traffic_back() {
    let scene = Scene::at_speed(10);
    let first = before_the_disk_is_full(&scene);
    first.limit_files_to(fs::metadata(journal(&scene)).unwrap().len() + 10);
    let promote = scene.start(&["promote"]);
    first.end().exits(4).says("the journal can't be written");
    drop(promote);
    scene.stands_on_blue();
    resume(&scene, &["--revert"]).exits(0);
    scene.stands_on_blue();
}

#[test]
fn a_retired_blue_is_left_to_a_tick_by_a_killed_process() {
    let scene = Scene::at_speed(100);
    killed_at(&scene, "Promoted");
    assert_eq!(scene.desired("shop"), 2);
    until("blue to be retired", || {
        scene.bg(&["tick"]).exits(0);
        (scene.desired("shop") == 0).then_some(())
    });
    assert_eq!(scene.weights(), (0, 100));
}

/// Leaves a deployment at 10 %; gives its id.
fn kept_at_a_tenth(scene: &Scene) -> String {
    let mut first = scene.start(&["deploy", "--image", "shop:v2", "--on-interrupt", "keep"]);
    first.until_it_says("baking");
    first.signal("INT");
    first.end().exits(7);
    let history = scene.bg(&["history", "--output", "json"]).exits(0).json();
    history[0]["id"].as_str().expect("it has an id").to_owned()
}

#[test]
fn what_somebody_gave_to_green_by_hand_is_not_taken_back_and_in_nobody_s_way() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    let kept = kept_at_a_tenth(&scene);
    scene.bg(&["deploy", "--image", "shop:v3"]).exits(3);
    scene.bg(&["plan", "--image", "shop:v3"]).exits(3);
    scene.bg(&["rollback", "--to", "b", "--force"]).exits(0);

    let refused = resume(&scene, &["--revert"]).exits(3);
    refused.complains("somebody has given green everything");
    assert_eq!(scene.weights(), (0, 100));
    let next = ["deploy", "--image", "shop:v3", "--no-wait-retire"];
    scene
        .bg(&[&next[..], &["--strategy", "canary:50%:1m"]].concat())
        .exits(0);
    assert_eq!(scene.weights(), (100, 0));

    let refused = resume(&scene, &[&kept]).exits(3);
    refused.complains("a later one has begun");
    assert_eq!(scene.weights(), (100, 0));
}

#[test]
fn who_breaks_the_glass_on_a_dead_deployment_hears_what_is_left_to_do() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    killed_at(&scene, "baking");
    until_abandoned(&scene);
    let open = "`bg resume` ends it";
    let back = ["rollback", "--to", "a", "--force"];
    scene.bg(&back).exits(0).complains(open);
    scene.bg(&["resume"]).exits(4);
    let again = scene.bg(&back).exits(0);
    assert!(!again.stderr.contains(open), "{again}");
}

#[test]
fn what_was_put_back_by_hand_is_in_nobody_s_way() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    kept_at_a_tenth(&scene);
    scene.bg(&["rollback", "--to", "a", "--force"]).exits(0);
    let next = ["deploy", "--image", "shop:v3", "--no-wait-retire"];
    scene
        .bg(&[&next[..], &["--strategy", "canary:50%:1m"]].concat())
        .exits(0);
    assert_eq!(scene.weights(), (0, 100));
}

/// Ticks until nothing of a deployment is left to do.
fn tick_to_the_end(scene: &Scene) {
    until("the deployment's end", || {
        scene.bg(&["tick"]);
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        status["deployment"].is_null().then_some(())
    });
}

#[test]
fn what_is_asked_of_a_deployment_that_was_left_is_carried_out_by_a_tick() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    kept_at_a_tenth(&scene);
    scene.bg(&["tick"]).exits(0).says("nothing is due");
    scene.bg(&["abort"]).exits(7).says("the next `bg tick`");
    tick_to_the_end(&scene);
    scene.stands_on_blue();

    kept_at_a_tenth(&scene);
    scene.bg(&["promote", "--full"]).exits(7);
    tick_to_the_end(&scene);
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn what_is_asked_of_a_dead_process_is_carried_out_by_a_tick() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("baking");
    scene.bg(&["pause"]).exits(0);
    first.signal("KILL");
    first.end();
    until_abandoned(&scene);
    scene.bg(&["promote", "--full"]).exits(7);
    tick_to_the_end(&scene);
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn what_is_asked_of_a_deployment_that_was_left_is_carried_out_by_a_resume() {
    let scene = Scene::at_speed(100);
    scene.configure(&[LONG]);
    kept_at_a_tenth(&scene);
    scene.bg(&["abort"]).exits(7);
    resume(&scene, &[]).exits(4).says("aborted by tester");
    scene.stands_on_blue();
    scene.bg(&["abort"]).exits(3);
}

#[test]
fn with_the_store_lost_a_sticky_green_is_taken_out_before_it_loses_its_tasks() {
    let scene = Scene::at_speed(20);
    scene.configure(&[LONG, AT_ONCE]);
    scene.stick();
    killed_at(&scene, "baking");
    fs::remove_dir_all(scene.folder().join(".bg")).unwrap();
    let ended = scene.bg(&["rollback"]).exits(0);
    let moved = ended.stdout.find("has everything").expect("it says so");
    let put_away = ended.stdout.find("is scaled to zero").expect("it says so");
    assert!(moved < put_away, "{ended}");
    assert_eq!(scene.named(), ["shop-a"], "pinned clients would stay");
    scene.stands_on_blue();
}
