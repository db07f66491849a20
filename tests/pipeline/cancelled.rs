//! Jobs that are cancelled. The runner signals the shell alone: SIGINT, then SIGTERM, and ten
//! seconds after the first it kills.

use std::process::{Command, Stdio};

use crate::runner::Job;
use crate::support::{Process, Scene, until};

const LONG: (&str, &str) = ("bake: 1m }", "bake: 30m }");

#[test]
fn the_signal_for_the_shell_reaches_bg_which_reverts() {
    let scene = Scene::at_speed(20);
    scene.configure(&[LONG]);
    let mut job = Job::on(&scene, &[("image", "shop:v2")]);
    let mut running = job.start("run").expect("it runs");
    running.shell.until_it_says("baking");
    assert_eq!(scene.weights(), (90, 10));
    running.shell.signal("INT");
    let step = job.over(running).exits(4).gives("outcome", "reverted");
    step.says("interrupted by SIGINT");
    scene.stands_on_blue();
    assert_eq!(job.step("settle").outcome, "skipped");
}

#[test]
fn traffic_is_back_before_the_runner_loses_patience_and_the_last_step_does_the_rest() {
    let scene = Scene::at_speed(4);
    scene.configure(&[LONG, ("for: 10s", "for: 0s")]);
    let mut job = Job::on(&scene, &[("image", "shop:v2")]);
    let mut running = job.start("run").expect("it runs");
    running.shell.until_it_says("baking");
    let mut patience = patience();
    running.shell.signal("INT");
    until("traffic to be back", || {
        (scene.weights() == (100, 0)).then_some(())
    });
    assert!(!patience.is_over(), "SIGTERM would have come by then");
    running.shell.signal("TERM");
    running.shell.signal("KILL");
    job.over(running);
    job.step("settle");
    scene.stands_on_blue();
    assert_eq!(job.output("outcome"), "reverted");
}

/// Between the runner's first signal and its second.
fn patience() -> Process {
    let mut timer = Command::new("sleep");
    let timer = timer.arg("7.5").stdin(Stdio::null());
    Process::start(timer.stdout(Stdio::piped()).stderr(Stdio::piped()))
}

#[test]
fn what_a_kill_leaves_in_the_middle_is_put_back_by_the_last_step() {
    let scene = Scene::at_speed(50);
    scene.configure(&[LONG]);
    let mut job = Job::on(&scene, &[("image", "shop:v2")]);
    let mut running = job.start("run").expect("it runs");
    running.shell.until_it_says("baking");
    running.shell.signal("KILL");
    let step = job.over(running);
    assert_eq!(step.outcome, "cancelled");
    let known: Vec<_> = step.outputs.keys().map(String::as_str).collect();
    assert_eq!(known, ["deployment-id"], "{step:?}");
    assert_eq!(scene.weights(), (90, 10));

    let settled = job.step("settle").exits(0).gives("outcome", "reverted");
    settled
        .gives("green-weight", "0")
        .sums_up("### ❌ Reverted: shop:v2 to shop");
    scene.stands_on_blue();
    assert_eq!(job.output("outcome"), "reverted");
    assert_eq!(job.output("green-weight"), "0");
}

#[test]
fn the_last_step_gets_of_the_arguments_what_it_takes() {
    let scene = Scene::at_speed(50);
    scene.configure(&[LONG]);
    let file = |name: &str| scene.folder().join(name);
    std::fs::rename(file("bg.yaml"), file("shop.yaml")).unwrap();
    let arguments = "-c\nshop.yaml\n--timeout\n20m\n--region=eu-west-1\n--on-interrupt=keep\n\
                     --no-wait-retire\n--output\njson\n--env-file=how.env\n--no-color";
    let inputs = [
        ("image", "shop:v2"),
        ("arguments", arguments),
        ("junit", "bg.xml"),
    ];
    let mut job = Job::on(&scene, &inputs);
    let mut running = job.start("run").expect("it runs");
    running.shell.until_it_says("baking");
    running.shell.signal("KILL");
    job.over(running);
    let settled = job.step("settle").exits(0).gives("outcome", "reverted");
    let last = settled.log().records().pop().expect("records");
    assert_eq!(last["type"], "aborted", "{last}");
    let read = |name: &str| std::fs::read_to_string(file(name)).expect("it is there");
    assert!(read("how.env").starts_with("BG_OUTCOME='reverted'\n"));
    assert!(read("bg.xml").contains("failures=\"1\""));
    scene.stands_on_blue();
}

#[test]
fn a_kill_after_the_promotion_is_told_as_one() {
    let scene = Scene::at_speed(50);
    scene.configure(&[("after: 2m", "after: 24h")]);
    let inputs = [("image", "shop:v2"), ("arguments", "--wait-retire")];
    let mut job = Job::on(&scene, &inputs);
    let mut running = job.start("run").expect("it runs");
    running.shell.until_it_says("Promoted");
    running.shell.signal("KILL");
    let step = job.over(running);
    assert!(!step.outputs.contains_key("outcome"), "{step:?}");
    let settled = job.step("settle").exits(0).gives("outcome", "promoted");
    settled
        .gives("green-weight", "100")
        .says("::notice title=Promoted%3A shop%3Av2 to shop::Promoted: green")
        .sums_up("### ✅ Promoted: shop:v2 to shop");
    assert!(!job.output("deployment-id").is_empty());
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn a_kill_before_anything_was_changed_leaves_nothing_to_do() {
    let scene = Scene::at_speed(20);
    let mut job = Job::on(&scene, &[("image", "shop:v2"), ("config", "bg.yaml")]);
    let running = job.start("run").expect("it runs");
    running.shell.signal("KILL");
    assert_eq!(job.over(running).outcome, "cancelled");
    assert_eq!(job.step("settle").outcome, "skipped");
    scene.stands_on_blue();
}

#[test]
fn what_another_job_left_as_it_is_stays_so_whatever_becomes_of_this_one() {
    let scene = Scene::at_speed(20);
    scene.configure(&[LONG]);
    let keeps = ["deploy", "--image", "shop:v2", "--on-interrupt", "keep"];
    let mut kept = scene.start(&keeps);
    kept.until_it_says("baking");
    kept.signal("INT");
    kept.end().exits(7);
    for (name, value) in [("command", "plan"), ("arguments", "--wat")] {
        let mut job = Job::on(&scene, &[("image", "shop:v3"), (name, value)]);
        job.step("run");
        assert_eq!(job.step("settle").outcome, "skipped", "{name}: {value}");
        let mut job = Job::on(&scene, &[("image", "shop:v3"), (name, value)]);
        let running = job.start("run").expect("it runs");
        running.shell.signal("KILL");
        job.over(running);
        assert_eq!(job.step("settle").outcome, "skipped", "{name}: {value}");
    }
    assert_eq!(scene.weights(), (90, 10));
}
