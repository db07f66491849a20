//! The step of a CI job that leaves nothing in the middle: `bg resume --revert`.

use std::fs;

use serde_json::{Value, json};

use super::support::Scene;

const LONG: (&str, &str) = ("bake: 1m }", "bake: 30m }");
/// A store that can't be used.
const NO_TABLE: (&str, &str) = ("patience: 60m", "patience: 60m\nstate: dynamodb://nobody");
const IN_CI: [(&str, &str); 1] = [("CI", "true")];

/// Starts a deployment, and kills it where its output has `phase`. One that was killed before leaves its
/// lock for a moment.
fn killed_at(scene: &Scene, phase: &str) {
    let mut first = scene.start(&["deploy", "--image", "shop:v2", "--wait-lock", "1m"]);
    first.until_it_says(phase);
    first.signal("KILL");
    assert_eq!(first.end().code, -1);
}

#[test]
fn it_puts_back_at_once_what_was_killed_a_moment_ago() {
    let scene = Scene::at_speed(50);
    scene.configure(&[LONG]);
    killed_at(&scene, "baking");
    let settled = scene.bg_with(&IN_CI, &["resume", "--revert"]).exits(0);
    settled
        .complains("waiting for that")
        .says("reverted")
        .says("put back by ")
        .says("where nobody ended its process on purpose");
    scene.stands_on_blue();
    let again = scene.bg_with(&IN_CI, &["resume", "--revert"]).exits(0);
    again.complains("nothing to go on with");
}

#[test]
fn it_leaves_a_deployment_that_another_job_drives_alone() {
    let scene = Scene::at_speed(20);
    scene.configure(&[LONG]);
    let mut other = scene.start(&["deploy", "--image", "shop:v2"]);
    other.until_it_says("baking");
    let refused = scene.bg_with(&IN_CI, &["resume", "--revert"]).exits(6);
    refused.complains("holds the lock");
    assert_eq!(scene.weights(), (90, 10));
    assert!(!other.is_over());
}

#[test]
fn it_reverts_what_its_own_job_still_runs() {
    let job = [
        ("CI", "true"),
        ("HOSTNAME", "runner-1"),
        ("GITHUB_SERVER_URL", "https://github.example"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_RUN_ID", "17"),
    ];
    let scene = Scene::at_speed(20);
    scene.configure(&[LONG]);
    let mut own = scene.start_with(&job, &[], &["deploy", "--image", "shop:v2"]);
    own.until_it_says("baking");
    scene.bg_with(&job, &["resume", "--revert"]).exits(0);
    own.end().exits(4).says("bg resume --revert");
    scene.stands_on_blue();
}

#[test]
fn it_ends_a_revert_whose_process_was_killed_in_its_midst() {
    let job = [
        ("CI", "true"),
        ("HOSTNAME", "runner-1"),
        ("GITHUB_SERVER_URL", "https://github.example"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_RUN_ID", "17"),
    ];
    let scene = Scene::at_speed(10);
    scene.configure(&[LONG]);
    let mut own = scene.start_with(&job, &[], &["deploy", "--image", "shop:v2"]);
    own.until_it_says("baking");
    own.signal("INT");
    own.until_it_says("reverted ");
    own.signal("KILL");
    own.end();
    scene.bg_with(&job, &["resume", "--revert"]).exits(0);
    scene.stands_on_blue();
}

#[test]
fn it_goes_by_what_aws_shows_where_the_store_knows_nothing() {
    for (phase, is_named) in [("baking", false), ("at 100%", true)] {
        let scene = Scene::at_speed(50);
        killed_at(&scene, phase);
        fs::remove_dir_all(scene.folder().join(".bg")).unwrap();
        let status = scene.bg(&["status"]).exits(0);
        status.says("no end of it is known").says("`bg rollback`");
        let refused = scene.bg(&["resume"]).exits(3);
        refused.complains("the store doesn't know it");
        let other = ["resume", "20260101-000000-aaaa", "--revert"];
        scene.bg_with(&IN_CI, &other).exits(3);
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        let id = status["unknown"]["id"].as_str().expect("its id");
        let settle = match is_named {
            true => vec!["resume", id, "--revert"],
            false => vec!["resume", "--revert"],
        };
        let settled = scene.bg_with(&IN_CI, &settle).exits(0);
        settled.complains("from what AWS shows");
        scene.stands_on_blue();
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        assert!(status["unknown"].is_null(), "{status}");
    }
}

#[test]
fn a_rollback_without_a_deployment_of_its_own_tells_ci_what_it_moved() {
    let scene = Scene::at_speed(50);
    killed_at(&scene, "baking");
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    let id = status["deployment"]["id"]
        .as_str()
        .expect("its id")
        .to_owned();
    fs::remove_dir_all(scene.folder().join(".bg")).expect("its store");
    let path = |name: &str| scene.folder().join(name).display().to_string();
    let read = |name: &str| fs::read_to_string(scene.folder().join(name)).expect("it is there");
    let (outputs, summary) = (path("outputs"), path("summary.md"));
    let step = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_OUTPUT", outputs.as_str()),
        ("GITHUB_STEP_SUMMARY", summary.as_str()),
    ];
    let files = ["--env-file", "f.env", "--junit", "bg.xml"];
    scene.write("page.html", "of an earlier run");
    let back = [&["rollback", "--report", "page.html"], &files[..]].concat();
    let back = scene.bg_with(&step, &back).exits(0);
    scene.stands_on_blue();
    let told = format!("BG_OUTCOME='reverted'\nBG_DEPLOYMENT_ID='{id}'\n");
    assert!(read("f.env").starts_with(&told), "{}", read("f.env"));
    assert!(read("f.env").contains("BG_GREEN_WEIGHT='0'"));
    assert!(read("bg.xml").contains("put back"), "{}", read("bg.xml"));
    assert!(read("outputs").contains("reverted"), "{}", read("outputs"));
    for words in [
        "slot a (shop-a) has everything",
        "shop-b) is scaled to zero",
    ] {
        assert!(read("summary.md").contains(words), "{}", read("summary.md"));
    }
    assert!(
        back.stdout.contains("::warning title=bg rollback::"),
        "{back}"
    );
    let back = back
        .complains("page.html is not written")
        .complains("the one that is there is of an earlier run");
    assert!(
        !back.stderr.contains("put to sleep"),
        "it doesn't scale: {back}"
    );

    // The step that settles comes after it, and again where a job is tried again.
    let settle = ["resume", id.as_str(), "--revert", "--env-file", "f.env"];
    for config in [&[][..], &[NO_TABLE]] {
        scene.configure(config);
        let again = scene.bg_with(&IN_CI, &settle).exits(0);
        again.says("is put back already");
        assert!(read("f.env").starts_with(&told), "{}", read("f.env"));
    }

    scene.configure(&[]);
    let of_b = format!("BG_DEPLOYMENT_ID='{id}'\n");
    for (to, outcome, lost) in [
        ("b", "reverted", "BG_DEPLOYMENT_ID=''\n"),
        ("b", "unchanged", "BG_DEPLOYMENT_ID=''\n"),
        ("a", "reverted", &of_b),
        ("a", "unchanged", "BG_DEPLOYMENT_ID=''\n"),
    ] {
        let forced = ["rollback", "--to", to, "--force", "--env-file", "f.env"];
        scene.bg(&forced).exits(0);
        let told = format!("BG_OUTCOME='{outcome}'\n{lost}");
        assert!(read("f.env").starts_with(&told), "{}", read("f.env"));
        let is_zero = read("f.env").contains("BG_GREEN_WEIGHT='0'");
        assert_eq!(is_zero, lost == of_b, "{}", read("f.env"));
    }
}

#[test]
fn a_rollback_without_a_store_names_the_deployment_whose_slot_loses_traffic() {
    let scene = Scene::at_speed(50);
    scene.deploy_to_b();
    let history = scene.bg(&["history", "--output", "json"]).exits(0).json();
    let id = history[0]["id"].as_str().expect("its id").to_owned();
    scene.configure(&[NO_TABLE]);
    scene.bg(&["rollback", "--env-file", "f.env"]).exits(0);
    assert_eq!(scene.weights(), (100, 0));
    let told = fs::read_to_string(scene.folder().join("f.env")).expect("it is there");
    let begins = format!("BG_OUTCOME='reverted'\nBG_DEPLOYMENT_ID='{id}'\n");
    assert!(told.starts_with(&begins), "{told}");
}

/// It was promoted and replaced, and its store is gone.
#[test]
fn it_tells_what_has_served_from_what_was_put_back() {
    let scene = Scene::at_speed(200);
    scene.deploy_to_b();
    let history = scene.bg(&["history", "--output", "json"]).exits(0).json();
    let id = history[0]["id"].as_str().expect("its id").to_owned();
    let next = ["deploy", "--image", "shop:v3", "--wait-retire"];
    scene.bg(&next).exits(0);
    assert_eq!(scene.desired("shop-b"), 0, "it is retired");
    fs::remove_dir_all(scene.folder().join(".bg")).expect("its store");
    for config in [&[][..], &[NO_TABLE]] {
        scene.configure(config);
        let settle = ["resume", &id, "--revert", "--env-file", "f.env"];
        let settled = scene.bg_with(&IN_CI, &settle).exits(0);
        settled
            .says(&format!("nothing of deployment {id} is under way"))
            .says("(shop:2) has served in slot b, and no longer does");
        let told = fs::read_to_string(scene.folder().join("f.env")).expect("it is there");
        let begins = format!("BG_OUTCOME='unchanged'\nBG_DEPLOYMENT_ID='{id}'\n");
        assert!(told.starts_with(&begins), "{told}");
    }
    assert_eq!(scene.weights(), (100, 0));
}

/// Kills the deployment of an image at its first bake, and loses its store.
fn lost_at_bake(scene: &Scene, image: &str) {
    let mut deploy = scene.start(&["deploy", "--image", image, "--revert"]);
    deploy.until_it_says("baking");
    deploy.signal("KILL");
    assert_eq!(deploy.end().code, -1);
    fs::remove_dir_all(scene.folder().join(".bg")).expect("its store");
}

#[test]
fn what_it_went_back_to_is_nobody_s_deployment_without_an_end() {
    let scene = Scene::at_speed(50);
    scene.deploy_to_b();
    scene.configure(&[LONG]);
    for image in ["shop:v3", "shop:v4"] {
        lost_at_bake(&scene, image);
        let settled = scene.bg_with(&IN_CI, &["resume", "--revert"]).exits(0);
        settled.complains("from what AWS shows");
        assert_eq!(scene.weights(), (0, 100), "{image}");
        let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
        assert!(status["unknown"].is_null(), "{status}");
        assert_eq!(status["live"]["slot"], "b", "{status}");
    }
    lost_at_bake(&scene, "shop:v5");
    scene.bg(&["rollback", "--to", "a", "--force"]).exits(0);
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert!(status["unknown"].is_null(), "both have served: {status}");
    scene.configure(&[]);
    let next = ["deploy", "--image", "shop:v6", "--no-wait-retire"];
    scene.bg(&next).exits(0);
    assert_eq!(scene.weights(), (0, 100));
}

/// Slot a is autoscaled, and a deployment was lost in its first bake.
fn scaled() -> Scene {
    let scene = Scene::at_speed(50);
    let target = json!({
        "ServiceNamespace": "ecs",
        "ResourceId": "service/demo/shop",
        "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 2,
        "MaxCapacity": 6,
    });
    scene.scaling("RegisterScalableTarget", &target);
    scene
}

fn lost_while_scaling_is_held() -> Scene {
    let scene = scaled();
    scene.configure(&[LONG]);
    lost_at_bake(&scene, "shop:v2");
    scene
}

#[test]
fn a_blue_that_waits_to_be_retired_is_no_problem_though_it_is_held() {
    let scene = scaled();
    let deploy = ["deploy", "--image", "shop:v2", "--no-wait-retire"];
    scene.bg(&deploy).exits(0);
    let blue = scene.service("shop").expect("it is there").to_string();
    assert!(blue.contains("bg:scale-in-held"), "{blue}");
    let document = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(document["problems"], json!([]), "{document}");
}

/// Both slots' scalable targets.
fn scalable(scene: &Scene) -> [Value; 2] {
    let all = scene.scaling(
        "DescribeScalableTargets",
        &json!({ "ServiceNamespace": "ecs" }),
    );
    ["shop", "shop-b"].map(|name| {
        let all = all["ScalableTargets"].as_array().expect("a list");
        let id = format!("service/demo/{name}");
        all.iter()
            .find(|it| it["ResourceId"] == id.as_str())
            .cloned()
            .expect("it is there")
    })
}

/// The problems that a status names, by their kinds, with what it says of the one that is meant.
fn held(scene: &Scene) -> (Vec<Value>, String) {
    let document = scene.bg(&["status", "--output", "json"]).exits(0).json();
    let all = document["problems"].as_array().expect("a list").clone();
    let of_scaling = all.iter().find(|it| it["kind"] == "held_scale_in");
    let fix = of_scaling.map_or_else(String::new, Value::to_string);
    (all.iter().map(|it| it["kind"].clone()).collect(), fix)
}

#[test]
fn a_blue_that_got_traffic_back_by_hand_is_let_go_of_by_whoever_was_to_retire_it() {
    let scene = scaled();
    scene.configure(&[("after: 2m", "after: 24h")]);
    scene.deploy_to_b();
    scene.set_weights(100, 0);
    let (kinds, told) = held(&scene);
    assert_eq!(kinds, ["held_scale_in"]);
    assert!(told.contains("takes no tasks away from shop:"), "{told}");
    assert!(told.contains("`bg tick` from 20"), "{told}");
    assert!(
        told.contains("--to a --force`, which leaves traffic where it is"),
        "{told}"
    );

    scene.set_weights(10, 90);
    let arn = scene.service("shop").expect("blue")["serviceArn"].clone();
    let due = json!({ "key": "bg:retire-at", "value": "2020-01-01T00:00:00Z scale-to-zero" });
    scene.ecs("TagResource", &json!({ "resourceArn": arn, "tags": [due] }));
    let (kinds, told) = held(&scene);
    assert_eq!(kinds, ["split", "held_scale_in"]);
    assert!(told.contains("`bg tick`, which moves no traffic"), "{told}");
    assert!(
        told.contains("--to b --force`, which gives slot b all traffic"),
        "{told}"
    );

    fs::remove_dir_all(scene.folder().join(".bg")).expect("its store");
    let kept = scene.bg(&["tick"]).exits(0);
    kept.says("kept, because")
        .says("the autoscaling of shop is put back");
    for target in scalable(&scene) {
        let suspended = &target["SuspendedState"];
        assert_eq!(suspended["DynamicScalingInSuspended"], false, "{target}");
        assert_eq!(
            (&target["MinCapacity"], &target["MaxCapacity"]),
            (&json!(2), &json!(6))
        );
    }
    let blue = scene.service("shop").expect("blue").to_string();
    assert!(
        !blue.contains("bg:scale-in-held") && !blue.contains("bg:retire-at"),
        "{blue}"
    );
    assert_eq!(held(&scene).0, ["split"]);
    assert_eq!(scene.weights(), (10, 90), "what a person did stays");
}

#[test]
fn a_blue_that_got_traffic_back_is_let_go_of_by_the_process_that_deployed_too() {
    let scene = scaled();
    let mut deploy = scene.start(&["deploy", "--image", "shop:v2", "--wait-retire"]);
    deploy.until_it_says("Promoted");
    scene.set_weights(10, 90);
    deploy
        .end()
        .exits(0)
        .says("the autoscaling of shop is put back");
    let [blue, _] = scalable(&scene);
    assert_eq!(blue["SuspendedState"]["DynamicScalingInSuspended"], false);
    assert_eq!(scene.desired("shop"), 2);
}

#[test]
fn break_glass_lets_both_sides_scale_in_again_where_no_store_knows_why_they_don_t() {
    let scene = lost_while_scaling_is_held();
    let held = |target: &Value| target["SuspendedState"]["DynamicScalingInSuspended"] == true;
    assert!(scalable(&scene).iter().all(held));
    scene
        .bg(&["rollback", "--to", "b", "--force"])
        .exits(0)
        .complains("shop-b may scale in again");
    assert_eq!(scene.weights(), (0, 100));
    assert!(!scalable(&scene).iter().any(held));
    for service in ["shop", "shop-b"] {
        let service = scene.service(service).expect("it is there").to_string();
        assert!(!service.contains("bg:scale-in-held"), "{service}");
    }
}

#[test]
fn what_holds_autoscaling_back_is_told_where_no_store_knows_of_it() {
    let scene = lost_while_scaling_is_held();
    // What a stack that takes off tags which it doesn't know leaves of them.
    let arn = scene.service("shop-b").expect("green")["serviceArn"].clone();
    let all = ["bg:deployment", "bg:live", "bg:last-served"];
    scene.ecs(
        "UntagResource",
        &json!({ "resourceArn": arn, "tagKeys": all }),
    );
    scene.set_weights(100, 0);
    let status = scene.bg(&["status"]).exits(0);
    status
        .says("autoscaling takes no tasks away from shop")
        .says("bg rollback --to a --force");
    let document = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(document["problems"][0]["kind"], "held_scale_in");
    scene.bg(&["rollback", "--to", "a", "--force"]).exits(0);
    let document = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(document["problems"], json!([]), "{document}");
}

#[test]
fn it_puts_scaling_back_of_which_only_tags_tell() {
    let scene = lost_while_scaling_is_held();
    let targets = || scalable(&scene);
    let [live, _] = targets();
    assert_eq!(
        live["SuspendedState"]["DynamicScalingInSuspended"], true,
        "{live}"
    );
    let settled = scene.bg_with(&IN_CI, &["resume", "--revert"]).exits(0);
    settled.complains("shop may scale in again");
    scene.stands_on_blue();
    let [live, idle] = targets();
    assert_eq!(
        live["SuspendedState"]["DynamicScalingInSuspended"], false,
        "{live}"
    );
    assert_eq!(
        (&live["MinCapacity"], &live["MaxCapacity"]),
        (&json!(2), &json!(6))
    );
    assert_eq!(idle["MinCapacity"], 0, "{idle}");
    assert_eq!(
        idle["SuspendedState"]["DynamicScalingOutSuspended"], true,
        "{idle}"
    );
}

#[test]
fn it_says_so_where_traffic_is_split_and_nothing_tells_why() {
    let scene = Scene::at_speed(1);
    scene.set_weights(90, 10);
    let refused = scene.bg(&["resume", "--revert"]).exits(5);
    refused
        .complains("traffic is split")
        .complains("--to a --force");
}

#[test]
fn it_tells_how_what_has_ended_did_and_leaves_it_so() {
    let scene = Scene::at_speed(50);
    let mut first = scene.start(&["deploy", "--image", "shop:v2", "--wait-retire"]);
    first.until_it_says("Promoted");
    first.signal("KILL");
    assert_eq!(first.end().code, -1);
    let history = scene.bg(&["history", "--output", "json"]).exits(0).json();
    let promoted = history[0]["id"].as_str().expect("its id").to_owned();
    let files = ["--env-file", "f.env", "--junit", "bg.xml"];
    let read = |name: &str| fs::read_to_string(scene.folder().join(name)).expect("it is there");
    let settle = |id: &str| {
        let arguments = [&["resume", id, "--revert"][..], &files].concat();
        scene.bg_with(&IN_CI, &arguments)
    };
    let settled = settle(&promoted).exits(0);
    settled
        .complains(&format!("deployment {promoted} has ended"))
        .says("Promoted: green (slot b");
    let told = read("f.env");
    let ended = |outcome: &str, id: &str, revision: &str, weight: &str| {
        format!(
            "BG_OUTCOME='{outcome}'\nBG_DEPLOYMENT_ID='{id}'\nBG_TASK_DEFINITION_ARN='\
             arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:{revision}'\n\
             BG_GREEN_WEIGHT='{weight}'\n"
        )
    };
    assert_eq!(told, ended("promoted", &promoted, "2", "100"));
    assert!(read("bg.xml").contains("failures=\"0\""));
    assert_eq!(scene.weights(), (0, 100));

    // Another process has ended it, and one that came later is nobody's concern here.
    scene.configure(&[LONG]);
    killed_at(&scene, "baking");
    let history = scene.bg(&["history", "--output", "json"]).exits(0).json();
    let reverted = history[0]["id"].as_str().expect("its id").to_owned();
    assert_ne!(reverted, promoted);
    // One that another job left open is nobody's concern here, and is named.
    settle(&promoted)
        .exits(0)
        .says("Promoted: green (slot b")
        .complains("a later one, ")
        .complains("has no end yet");
    scene.bg(&["resume", "--revert"]).exits(0);
    settle(&reverted).exits(0).says("Reverted: blue (slot b");
    assert_eq!(read("f.env"), ended("reverted", &reverted, "3", "0"));
    let json = ["resume", &promoted, "--revert", "--output", "json"];
    let last = scene.bg_with(&IN_CI, &json).exits(0).json();
    assert_eq!(last["event"]["outcome"]["kind"], "promoted", "{last}");
    assert_eq!(scene.weights(), (0, 100));
}
