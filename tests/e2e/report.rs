//! `bg report`, `--report` and `bg ui`, as files and over HTTP; how they look is for the browser's
//! tests.

use std::fs;

use serde_json::json;

use super::support::{Scene, bare, get_path};

#[test]
fn a_report_is_written_for_whoever_was_promoted_and_whoever_was_reverted() {
    let scene = Scene::at_speed(100);
    scene
        .bg(&["report"])
        .exits(3)
        .complains("there was no deployment of shop yet");
    scene.deploy_to_b();
    let page = scene.bg(&["report", "--html"]).exits(0).stdout;
    assert!(page.contains("<!doctype html>"), "{page}");
    assert!(page.contains("<title>Promoted: shop</title>"), "{page}");
    assert!(page.contains("requests a minute"), "CloudWatch was asked");
    let flags = [
        "deploy",
        "--image",
        "shop:missing",
        "--report",
        "failed.html",
    ];
    scene.bg(&flags).exits(4);
    let page = fs::read_to_string(scene.folder().join("failed.html")).expect("a page");
    assert!(page.contains("<title>Reverted: shop</title>"), "{page}");
    assert!(page.contains("Diagnosis"), "{page}");
    let listed = scene.bg(&["history", "--output", "json"]).exits(0).json();
    let first = listed[1]["id"].as_str().expect("an id").to_owned();
    let flags = ["report", &first, "--write", "first.html", "--offline"];
    scene.bg(&flags).exits(0).complains("first.html");
    let page = fs::read_to_string(scene.folder().join("first.html")).expect("a page");
    assert!(page.contains("Promoted: shop"), "{page}");
    assert!(
        page.contains("CloudWatch was not read (--offline)"),
        "{page}"
    );
}

#[test]
fn a_report_that_can_not_be_written_is_told_and_changes_no_outcome() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let deploy = [
        "deploy",
        "--sandbox",
        "--image",
        "shop:v2",
        "--speed",
        "200",
    ];
    let flags = ["--no-wait-retire", "--report", "nowhere/report.html"];
    bare(folder.path(), &[], &[&deploy[..], &flags].concat())
        .exits(0)
        .complains("the report was not written to nowhere/report.html");
    let scene = Scene::at_speed(100);
    scene.deploy_to_b();
    scene
        .bg(&["report", "--write", "nowhere/report.html"])
        .exits(3)
        .complains("can't write the report to nowhere/report.html");
    scene
        .bg(&["report", "nobody"])
        .exits(3)
        .complains("`bg history` lists them");
    scene
        .bg(&["report", "--output", "json"])
        .exits(2)
        .complains("bg show --output json");
}

#[test]
fn the_live_page_is_shown_to_whoever_has_its_token() {
    let scene = Scene::at_speed(100);
    scene.deploy_to_b();
    let token = "0123456789abcdef";
    let mut ui = scene.start(&["ui", "--token", token, "--offline"]);
    ui.until_it_says("/?token=");
    let said = ui.stdout();
    let address = said.lines().next().expect("an address").trim().to_owned();
    let (home, welcome) = address.split_once("/?").expect("an address with a token");
    let home = home.strip_prefix("http://").expect("an address");
    assert!(home.starts_with("127.0.0.1:"), "{home}");
    let answer = get_path(home, "/");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let answer = get_path(home, &format!("/?{welcome}"));
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert!(
        answer.to_lowercase().contains("samesite=strict"),
        "{answer}"
    );
    scene
        .bg(&["ui", "--token", "short"])
        .exits(2)
        .complains("shorter than 16");
    let port = home.rsplit(':').next().expect("a port").to_owned();
    scene
        .bg(&["ui", "--port", &port])
        .exits(2)
        .complains("--port 0");
    ui.signal("SIGINT");
    ui.end().exits(0);
}

#[test]
fn a_plan_in_the_journal_tells_what_the_task_definition_changes_and_no_secret() {
    let scene = Scene::at_speed(100);
    scene.deploy_to_b();
    let shown = scene.bg(&["show", "--output", "json"]).exits(0).json();
    let changes = &shown["records"][0]["event"]["plan"]["changes"];
    let image = json!({
        "path": "containers.app.image",
        "before": "shop:v1",
        "after": "shop:v2",
    });
    assert_eq!(changes, &json!([image]));
}
