//! State that can't be read: status and rollback go by what AWS shows, and everything else says
//! what to do about it.

use std::fs;
use std::path::PathBuf;

use super::support::Scene;

const LONG: (&str, &str) = ("bake: 1m }", "bake: 30m }");
const TABLE: (&str, &str) = ("patience: 60m", "patience: 60m\nstate: dynamodb://bg-state");

/// A deployment at 10% whose process was killed.
fn killed_at_a_tenth(scene: &Scene) {
    scene.configure(&[LONG]);
    let mut first = scene.start(&["deploy", "--image", "shop:v2"]);
    first.until_it_says("baking");
    first.signal("KILL");
    first.end();
    assert_eq!(scene.weights(), (90, 10));
}

/// The last deployment's journal.
fn journal(scene: &Scene) -> PathBuf {
    let folder = scene.folder().join(".bg/shop/deployments");
    let entries = fs::read_dir(folder).expect("there was a deployment");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths.max().expect("there was a deployment")
}

fn damage(path: &PathBuf) {
    let text = fs::read_to_string(path).expect("it is there");
    fs::write(path, text + "{\"v\":1,\"what\":\"is this\"}\n").expect("it can be written");
}

#[test]
fn a_damaged_lock_takes_neither_status_nor_rollback_away() {
    let scene = Scene::at_speed(50);
    killed_at_a_tenth(&scene);
    fs::write(scene.folder().join(".bg/shop/lock.json"), "{").unwrap();
    let status = scene.bg(&["status"]).exits(0);
    let status = status.says("slot b 10%").says("can't be read");
    status.says("lock.json").says("no end of it is known");
    let refused = scene.bg(&["deploy", "--image", "shop:v3"]).exits(1);
    let refused = refused.complains("lock.json").complains("move it away");
    refused.complains("`bg rollback --to a --force`");
    let back = scene.bg(&["rollback"]).exits(0);
    back.complains("can't be used").says("is scaled to zero");
    scene.stands_on_blue();
}

#[test]
fn a_damaged_journal_takes_neither_status_nor_rollback_nor_the_others_away() {
    let scene = Scene::at_speed(100);
    scene.deploy_to_b();
    scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
    killed_at_a_tenth(&scene);
    damage(&journal(&scene));

    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    let trouble = status["store"]["trouble"].as_str().unwrap_or_default();
    assert!(trouble.contains(".jsonl, line"), "{status}");
    assert_eq!(status["live"]["weight"], "90%");
    let history = scene.bg(&["history"]).exits(0);
    assert_eq!(history.stdout.lines().count(), 2, "{history}");
    history.complains("can't be read").complains("move it away");

    scene.bg(&["resume", "--revert"]).exits(0);
    scene.stands_on_blue();
    let next = ["deploy", "--image", "shop:v3", "--no-wait-retire"];
    let short = [&next[..], &["--strategy", "canary:50%:1m"]].concat();
    scene.bg(&short).exits(1).complains("move it away");
    fs::remove_file(journal(&scene)).unwrap();
    scene
        .bg(&[&short[..], &["--wait-lock", "1h"]].concat())
        .exits(0);
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn without_its_store_a_warm_slot_is_gone_back_to_and_a_cold_one_is_not() {
    let scene = Scene::at_speed(200);
    scene.configure(&[("after: 2m", "after: 24h")]);
    scene.deploy_to_b();
    fs::write(scene.folder().join(".bg/shop/lock.json"), "{").unwrap();
    scene
        .bg(&["rollback"])
        .exits(0)
        .says("slot a (shop-a) has everything");
    assert_eq!(scene.weights(), (100, 0));

    let cold = Scene::at_speed(1);
    cold.configure(&[TABLE]);
    let refused = cold.bg(&["rollback"]).exits(3);
    refused
        .complains("bg init --state")
        .complains("--to b --force");
    assert_eq!(cold.weights(), (100, 0));
}

#[test]
fn a_table_that_is_gone_or_does_not_answer_takes_neither_status_nor_rollback_away() {
    let nowhere = [("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")];
    for variables in [&[][..], &nowhere[..]] {
        let scene = Scene::at_speed(50);
        killed_at_a_tenth(&scene);
        scene.configure(&[LONG, TABLE]);
        let status = scene.bg_with(variables, &["status"]).exits(0);
        status.says("slot b 10%").says("can't be read");
        scene.bg_with(variables, &["rollback"]).exits(0);
        scene.stands_on_blue();
    }
}

#[test]
fn a_full_disk_does_not_keep_a_rollback_from_putting_traffic_back() {
    for verb in [&["rollback"][..], &["resume", "--revert"][..]] {
        let scene = Scene::at_speed(50);
        killed_at_a_tenth(&scene);
        let full = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
        let back = scene.start_in_shell(full, verb).end().exits(0);
        back.complains("going on without the lock")
            .complains("room on the disk");
        scene.stands_on_blue();
    }
}

#[test]
fn another_service_s_damaged_journal_stops_no_tick() {
    let scene = Scene::at_speed(100);
    killed_at_a_tenth(&scene);
    let others = scene.folder().join(".bg/another/deployments");
    fs::create_dir_all(&others).unwrap();
    fs::write(others.join("d1.jsonl"), "no record\n").unwrap();
    scene.bg(&["status"]).exits(0);
    let mut driven = None;
    for _ in 0..50 {
        let ticked = scene
            .bg(&["tick"])
            .exits(1)
            .says("another: nothing was done");
        driven = driven.or(ticked.stdout.find("shop: deployment"));
        if driven.is_some() {
            return;
        }
    }
    panic!("no tick drove the deployment of the other one");
}
