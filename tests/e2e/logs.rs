//! `bg logs`: both sides' containers in one stream.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::{Ended, Scene};

/// Which line it is, whoever has read it.
fn key(line: &Value) -> String {
    let of = |key: &str| line[key].as_str().expect("a text").to_owned();
    [of("at"), of("task"), of("container"), of("message")].join(" ")
}

fn keys(lines: &[Value]) -> Vec<String> {
    lines.iter().map(key).collect()
}

fn of_slot<'a>(lines: &'a [Value], slot: &str) -> Vec<&'a Value> {
    lines.iter().filter(|it| it["slot"] == slot).collect()
}

fn json_lines(scene: &Scene, more: &[&str]) -> Vec<Value> {
    let arguments = [&["logs", "--since", "2h", "--output", "json"], more].concat();
    scene.bg(&arguments).exits(0).records()
}

#[test]
fn following_shows_every_line_of_both_sides_once_and_in_order() {
    let scene = Scene::at_speed(60);
    let mut follower = scene.start(&["logs", "-f", "--since", "2h", "--output", "json"]);
    follower.until_it_says("starting shop:v1");
    let ended = scene.bg(&["deploy", "--image", "shop:crash"]);
    ended.exits(4).says("aws logs tail");
    follower.until_it_says("\"role\":\"green\"");
    let all = json_lines(&scene, &[]);
    follower.until_it_says(
        &key(all.last().expect("lines"))
            .split(' ')
            .take(1)
            .collect::<String>(),
    );
    follower.signal("INT");
    let followed = follower.end().exits(0).records();
    let unique: BTreeSet<String> = keys(&followed).into_iter().collect();
    assert_eq!(unique.len(), followed.len(), "a line came twice");
    let missing: Vec<_> = keys(&all)
        .into_iter()
        .filter(|it| !unique.contains(it))
        .collect();
    assert_eq!(missing, [""; 0], "lines were left out");
    assert!(!of_slot(&all, "a").is_empty() && !of_slot(&all, "b").is_empty());
    let times: Vec<_> = all
        .iter()
        .map(|it| it["at"].as_str().expect("a time"))
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(
        of_slot(&followed, "a")
            .iter()
            .all(|it| it["role"] == "live" || it["role"] == "blue")
    );
}

#[test]
fn a_side_a_container_and_a_text_can_be_asked_for() {
    let scene = Scene::at_speed(60);
    scene.bg(&["deploy", "--image", "shop:crash"]).exits(4);
    let blue = json_lines(&scene, &["--blue"]);
    assert_eq!((of_slot(&blue, "b").len(), blue.is_empty()), (0, false));
    let green = json_lines(&scene, &["--green"]);
    assert_eq!((of_slot(&green, "a").len(), green.is_empty()), (0, false));
    let panics = json_lines(&scene, &["--grep", "panic"]);
    let is_panic = |it: &Value| {
        it["message"]
            .as_str()
            .is_some_and(|it| it.contains("panic"))
    };
    assert!(!panics.is_empty() && panics.iter().all(is_panic));
    let told = scene
        .bg(&["logs", "--since", "2h", "--container", "app"])
        .exits(0);
    let line = |ended: &Ended, side: &str| {
        let line = ended
            .stdout
            .lines()
            .find(|it| it.contains(side))
            .map(str::to_owned);
        line.unwrap_or_else(|| panic!("no {side} in {ended}"))
    };
    assert!(line(&told, " live  a ").ends_with(" app  starting shop:v1"));
    assert!(line(&told, " idle  b ").ends_with(" app  starting shop:crash"));
    scene
        .bg(&["logs", "--container", "ap"])
        .exits(3)
        .complains("no task has a container ap")
        .complains("did you mean app?");
}

#[test]
fn what_is_not_here_is_said() {
    let scene = Scene::at_speed(60);
    scene
        .bg(&["logs", "--since", "1s"])
        .exits(0)
        .complains("nothing was logged in the last 1s");
    // Whose logs those were is forgotten with them.
    scene
        .bg(&["logs", "--green", "--since", "3h"])
        .exits(0)
        .complains("ECS forgets a task about an hour after it stopped");
    let ended = scene.bg(&["logs", "--since", "2h", "--grep", "no such text"]);
    ended.exits(0).complains("none with \"no such text\" in it");
    let text = |of: &str| json!({ "logDriver": of });
    let mut definition = super::verify::definition();
    definition["containerDefinitions"][0]["logConfiguration"] = text("splunk");
    scene.write("taskdef.json", &definition.to_string());
    scene
        .bg(&[
            "deploy",
            "--task-definition",
            "taskdef.json",
            "--image",
            "shop:v2",
        ])
        .exits(0);
    scene
        .bg(&["logs", "--blue"])
        .exits(0)
        .complains("logs with the driver splunk");
}
