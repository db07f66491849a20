//! `bg deploy`: good versions, bad ones, and what it says on which stream.

use std::collections::BTreeSet;

use serde_json::json;

use super::support::Scene;

#[test]
fn a_good_version_is_promoted_and_the_slots_take_turns() {
    let scene = Scene::at_speed(200);
    scene
        .bg(&["deploy", "--image", "shop:v2"])
        .exits(0)
        .says("Promoted");
    assert_eq!(scene.weights(), (0, 100));
    let desired = (scene.desired("shop"), scene.desired("shop-b"));
    assert_eq!(desired, (0, 2), "blue is retired");
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["live"]["slot"], "b");
    assert_eq!(status["live"]["service"], "shop-b");
    assert_eq!(status["live"]["images"]["app"], "shop:v2");
    assert_eq!(status["idle"]["desired"], json!(0));

    scene
        .bg(&["deploy", "--image", "shop:v3"])
        .exits(0)
        .says("green (slot a, shop:3) serves everything");
    assert_eq!(scene.weights(), (100, 0));
    let desired = (scene.desired("shop"), scene.desired("shop-b"));
    assert_eq!(desired, (2, 0));
}

#[test]
fn blue_is_kept_warm_until_it_is_due() {
    let scene = Scene::at_speed(200);
    scene.configure(&[("after: 2m", "after: 24h")]);
    scene.deploy_to_b();
    let desired = (scene.desired("shop"), scene.desired("shop-b"));
    assert_eq!(desired, (2, 2));
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["retire"]["slot"], "a");
    assert_eq!(status["deployment"], json!(null));
}

/// Deploys a version that is worse, and looks for the words that name its cause.
#[track_caller]
fn reverts(tag: &str, speed: u32, causes: &[&str]) {
    let scene = Scene::at_speed(speed);
    scene.configure(&[("bake: 1m }", "bake: 15m }")]);
    let image = format!("shop:{tag}");
    let mut ended = scene
        .bg(&["deploy", "--image", &image])
        .exits(4)
        .says("Reverted: blue (slot a, shop:1) serves everything");
    for cause in causes {
        ended = ended.says(cause);
    }
    scene.stands_on_blue();
}

#[test]
fn a_version_that_answers_errors_is_reverted_by_its_alarm() {
    reverts(
        "bad",
        200,
        &["alarm shop-b-5xx went off", "Threshold Crossed"],
    );
}

#[test]
fn a_slow_version_is_reverted_by_its_alarm() {
    reverts("slow", 200, &["alarm shop-b-latency went off"]);
}

#[test]
fn a_version_that_exits_is_reverted_with_its_exit_code() {
    reverts("crash", 200, &["exit code 1"]);
}

#[test]
fn a_version_that_fails_its_health_check_is_reverted_with_the_codes() {
    // Slow enough that no look misses the moment between a failed check and ECS's stopping the task.
    reverts(
        "unhealthy",
        60,
        &[
            "fail their health check: GET /health",
            "answers 503, 200 is wanted",
        ],
    );
}

#[test]
fn a_version_whose_image_cannot_be_pulled_is_reverted_with_the_reason() {
    reverts(
        "missing",
        200,
        &["CannotPullContainerError", "shop:missing"],
    );
}

#[test]
fn a_version_that_is_killed_for_memory_is_reverted_with_the_reason() {
    reverts("oom", 200, &["OutOfMemory"]);
}

#[test]
fn json_is_one_record_on_each_line_and_nothing_else() {
    let scene = Scene::at_speed(200);
    let ended = scene
        .bg(&["deploy", "--image", "shop:v2", "--output", "json"])
        .exits(0);
    let records = ended.records();
    for (seq, record) in records.iter().enumerate() {
        assert_eq!(record["v"], 1);
        assert_eq!(record["seq"], seq);
        assert!(record["at"].is_string(), "{record}");
        assert!(record["event"]["type"].is_string(), "{record}");
    }
    let types: Vec<&str> = records
        .iter()
        .filter_map(|record| record["event"]["type"].as_str())
        .collect();
    assert_eq!(types.first(), Some(&"started"));
    let order = [
        "provisioning_green",
        "shifting",
        "baking",
        "promoted",
        "ended",
        "retired",
    ];
    let at = order.map(|wanted| types.iter().position(|it| *it == wanted));
    assert!(at.is_sorted() && at[0].is_some(), "{types:?}");
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_pipe_gets_a_line_for_each_event_and_no_colours() {
    let scene = Scene::at_speed(200);
    let ended = scene
        .bg(&["deploy", "--image", "shop:v2", "--no-wait-retire"])
        .exits(0);
    assert!(!ended.stdout.contains('\u{1b}'), "{ended}");
    let labels: BTreeSet<&str> = ended
        .stdout
        .lines()
        .filter(|line| line.as_bytes().get(2) == Some(&b':'))
        .filter_map(|line| line.get(10..26))
        .map(str::trim)
        .collect();
    for label in [
        "started",
        "provisioning",
        "healthy",
        "shifting",
        "baking",
        "promoted",
    ] {
        assert!(labels.contains(label), "no {label:?} in {ended}");
    }
}

#[test]
fn quiet_shows_the_end_only() {
    let scene = Scene::at_speed(200);
    let ended = scene
        .bg(&[
            "deploy",
            "--image",
            "shop:v2",
            "--quiet",
            "--no-wait-retire",
        ])
        .exits(0);
    assert!(ended.stdout.starts_with("Promoted: "), "{ended}");
}

#[test]
fn the_region_in_process_needs_no_config_and_no_account() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "deploy",
        "--sandbox",
        "--image",
        "shop:v2",
        "--speed",
        "300",
    ];
    super::support::bare(folder.path(), &[], &arguments)
        .exits(0)
        .says("Promoted");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "it leaves no file behind");
}

#[test]
fn a_config_that_the_sandbox_does_not_use_is_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bg.yaml"), "service: api\n").unwrap();
    let arguments = ["plan", "--sandbox", "--image", "shop:v2"];
    super::support::bare(folder.path(), &[], &arguments)
        .exits(0)
        .says("shop in cluster demo")
        .complains("Note: your bg.yaml isn't used in the sandbox");
}

#[test]
fn what_blue_runs_already_is_deployed_only_by_force() {
    let scene = Scene::at_speed(200);
    let image = format!("shop@sha256:{}", "5c".repeat(32));
    let arguments = ["deploy", "--image", &image, "--no-wait-retire"];
    scene.bg(&arguments).exits(0).says("Promoted");
    assert_eq!(scene.weights(), (0, 100));
    let before = scene.footprint();
    scene.bg(&arguments).exits(0).says("unchanged");
    let json = ["deploy", "--image", &image, "--output", "json"];
    let records = scene.bg(&json).exits(0).records();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["type"], "unchanged");
    assert_eq!(scene.footprint(), before);
    let forced = ["deploy", "--image", &image, "--force", "--no-wait-retire"];
    scene.bg(&forced).exits(0).says("Promoted");
    assert_eq!(scene.weights(), (100, 0));
}

#[test]
fn a_tag_that_may_have_moved_is_deployed_again() {
    let scene = Scene::at_speed(200);
    let arguments = ["deploy", "--image", "shop:v1", "--no-wait-retire"];
    scene.bg(&arguments).exits(0).says("Promoted");
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn a_hotfix_goes_all_at_once_and_its_reason_into_the_journal() {
    let scene = Scene::at_speed(200);
    let version = [
        "--image",
        "shop:v2",
        "--hotfix",
        "--reason",
        "checkout is down",
    ];
    let run = ["--output", "json", "--no-wait-retire"];
    let ended = scene.bg(&[&["deploy"], &version[..], &run[..]].concat());
    let records = ended.exits(0).records();
    let shifts: Vec<_> = records
        .iter()
        .filter(|record| record["event"]["type"] == "shifting")
        .map(|record| record["event"]["weight"].clone())
        .collect();
    assert_eq!(shifts, ["100%"]);
    let plan = records[0]["event"]["plan"].to_string();
    assert!(plan.contains("checkout is down"), "{plan}");
}

#[test]
fn who_waits_for_no_retiring_is_told_who_has_to() {
    let scene = Scene::at_speed(200);
    let arguments = ["deploy", "--image", "shop:v2"];
    for ci in [("CI", "true"), ("CODEBUILD_BUILD_ID", "shop:17")] {
        scene
            .bg_with(&[ci], &[&arguments[..], &["--force"]].concat())
            .exits(0)
            .complains("blue is left to be retired by `bg tick`");
    }
    assert_eq!(scene.weights(), (100, 0));
    let waits = scene.bg_with(&[("CI", "false")], &[&arguments[..], &["--force"]].concat());
    let waits = waits.exits(0).says("is scaled to zero");
    assert!(!waits.stderr.contains("left to be retired"), "{waits}");
}

#[test]
fn a_program_reads_what_the_plan_warns_of_in_its_first_event() {
    let scene = Scene::at_speed(200);
    let listener = scene.listener();
    let sticky = [
        ("ListenerArn", listener.as_str()),
        ("DefaultActions.member.1.Type", "forward"),
        (
            "DefaultActions.member.1.ForwardConfig.TargetGroupStickinessConfig.Enabled",
            "true",
        ),
        (
            "DefaultActions.member.1.ForwardConfig.TargetGroupStickinessConfig.DurationSeconds",
            "60",
        ),
    ];
    let [a, b] = ["shop-a", "shop-b"].map(|name| scene.group(name));
    let groups = "DefaultActions.member.1.ForwardConfig.TargetGroups.member";
    let tuples = [
        (format!("{groups}.1.TargetGroupArn"), a.as_str()),
        (format!("{groups}.1.Weight"), "100"),
        (format!("{groups}.2.TargetGroupArn"), b.as_str()),
        (format!("{groups}.2.Weight"), "0"),
    ];
    let tuples: Vec<_> = tuples.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    scene.elb("ModifyListener", &[&sticky[..], &tuples].concat());
    let arguments = ["deploy", "--image", "shop:v2", "--output", "json"];
    let records = scene
        .bg_with(&[("CI", "true")], &arguments)
        .exits(0)
        .records();
    let plan = &records[0]["event"]["plan"];
    let [warnings, notes] = ["warnings", "notes"].map(|it| plan[it].to_string());
    assert!(warnings.contains("stick"), "{warnings}");
    assert!(notes.contains("this runner's alone"), "{notes}");
}

#[test]
fn earlier_tasks_that_drain_for_long_keep_nobody_waiting() {
    let scene = Scene::at_speed(200);
    for group in ["shop-a", "shop-b"] {
        let group = scene.group(group);
        let delay = [
            ("TargetGroupArn", group.as_str()),
            (
                "Attributes.member.1.Key",
                "deregistration_delay.timeout_seconds",
            ),
            ("Attributes.member.1.Value", "3600"),
        ];
        scene.elb("ModifyTargetGroupAttributes", &delay);
    }
    for (image, weights) in [("shop:v2", (0, 100)), ("shop:v3", (100, 0))] {
        // Slot a's tasks of before are still there when it is deployed to again.
        let next = ["deploy", "--image", image, "--no-wait-retire"];
        scene.bg(&next).exits(0);
        assert_eq!(scene.weights(), weights, "{image}");
    }
}
