//! Several processes that deploy, wait for, watch and steer one another.

use super::support::{Process, Scene, until};

const LONG: (&str, &str) = ("bake: 1m }", "bake: 30m }");
const AT_ONCE: (&str, &str) = ("for: 10s", "for: 0s");

/// A deployment in a long first bake.
fn baking(scene: &Scene) -> Process {
    scene.configure(&[LONG, AT_ONCE]);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2", "--no-wait-retire"]);
    deployment.until_it_says("baking");
    deployment
}

#[test]
fn of_eight_that_deploy_at_once_one_wins() {
    let scene = Scene::at_speed(1);
    let images: Vec<String> = (2..10).map(|version| format!("shop:v{version}")).collect();
    let racing = images
        .iter()
        .map(|image| scene.start(&["deploy", "--image", image]));
    let mut racing: Vec<Process> = racing.collect();
    let mut lost = Vec::new();
    while racing.len() > 1 {
        let over = until("somebody to lose", || {
            racing.iter_mut().position(Process::is_over)
        });
        lost.push(racing.swap_remove(over).end());
    }
    assert_eq!(lost.len(), 7);
    for ended in lost {
        ended.exits(6);
    }
    let mut winner = racing.pop().expect("one is left");
    winner.until_it_says("provisioning");
    winner.signal("INT");
    winner.end().exits(4);
    scene.stands_on_blue();
}

#[test]
fn wait_lock_waits_for_the_other_s_end() {
    let scene = Scene::at_speed(100);
    let mut first = scene.start(&["deploy", "--image", "shop:v2", "--no-wait-retire"]);
    first.until_it_says("provisioning");
    let deploy = ["deploy", "--image", "shop:v3", "--no-wait-retire"];
    let second = scene.bg(&[&deploy[..], &["--wait-lock", "2h"]].concat());
    second.exits(0).complains("waiting for its end");
    first.end().exits(0);
    assert_eq!(scene.weights(), (100, 0), "from a to b, and back to a");

    let third = baking(&scene);
    let fourth = scene.bg(&[&deploy[..], &["--wait-lock", "1m"]].concat());
    fourth.exits(6).complains("holds the lock");
    third.signal("INT");
    third.end().exits(4);
}

#[test]
fn who_waited_goes_on_waiting_where_another_who_waited_is_first() {
    let scene = Scene::at_speed(100);
    let mut first = scene.start(&["deploy", "--image", "shop:v2", "--no-wait-retire"]);
    first.until_it_says("provisioning");
    let after = |image| {
        let deploy = ["deploy", "--image", image, "--no-wait-retire"];
        scene.start(&[&deploy[..], &["--wait-lock", "5h"]].concat())
    };
    let (second, third) = (after("shop:v3"), after("shop:v4"));
    for process in [first, second, third] {
        process.end().exits(0);
    }
    assert_eq!(scene.weights(), (0, 100), "from a to b, to a, and to b");
}

#[test]
fn a_plan_tells_a_deployment_that_runs_from_one_that_was_left() {
    let scene = Scene::at_speed(10);
    scene.configure(&[LONG, AT_ONCE]);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2", "--on-interrupt", "keep"]);
    deployment.until_it_says("baking");
    let plan = || scene.bg(&["plan", "--image", "shop:v3"]).exits(3);
    let told = plan().says("holds the lock").says("--wait-lock");
    assert!(!told.stdout.contains("process is gone"), "{told}");
    deployment.signal("INT");
    deployment.end().exits(7);
    let told = plan().says("left in the middle, as asked");
    assert!(!told.stdout.contains("process is gone"), "{told}");
}

#[test]
fn a_watch_shows_what_the_deployer_shows_and_ends_with_it() {
    let scene = Scene::at_speed(10);
    let deployment = baking(&scene);
    let mut watch = scene.start(&["status", "--watch"]);
    watch.until_it_says("baking");
    scene.bg(&["abort"]).exits(0).says("aborted");
    let deployed = deployment.end().exits(4);
    let watched = watch.end().exits(0);
    assert_eq!(watched.stdout, deployed.stdout);
    scene.stands_on_blue();
}

#[test]
fn a_watch_follows_a_deployment_from_tick_to_tick() {
    let scene = Scene::at_speed(50);
    let deployment = baking(&scene);
    deployment.signal("KILL");
    deployment.end();
    until("a tick that goes on with it", || {
        let ticked = scene.bg(&["tick"]);
        ticked
            .stdout
            .contains("goes on with the next")
            .then_some(())
    });
    let mut watch = scene.start(&["status", "--watch"]);
    watch.until_it_says("baking");
    scene.bg(&["abort"]).exits(7);
    scene.bg(&["tick"]);
    watch.end().exits(0).says("aborted");
    scene.stands_on_blue();
}

#[test]
fn a_pause_holds_the_weight_and_promote_goes_on() {
    let scene = Scene::at_speed(50);
    scene.configure(&[AT_ONCE, ("bake: 1m }", "bake: 5m }")]);
    let mut deployment = scene.start(&["deploy", "--image", "shop:v2", "--no-wait-retire"]);
    deployment.until_it_says("baking");
    scene.bg(&["pause"]).exits(0).says("bg promote");
    scene.bg(&["promote"]).exits(0).says("goes on");
    deployment.end().exits(0);
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn promote_full_skips_to_the_end_of_the_ladder() {
    let scene = Scene::at_speed(20);
    let mut deployment = baking(&scene);
    scene.bg(&["promote", "--full"]).exits(0).says("100%");
    deployment.until_it_says("100%");
    deployment.end().exits(0);
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn nobody_to_steer_is_said_with_what_to_do_instead() {
    let scene = Scene::at_speed(100);
    for verb in ["pause", "promote", "abort"] {
        scene
            .bg(&[verb])
            .exits(3)
            .complains("no deployment of this service is under way");
    }
}
