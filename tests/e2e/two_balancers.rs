//! One container port behind a public and an internal load balancer.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::routes::HTTP;
use super::support::{Scene, between, get, until};

const SHOP: [&str; 2] = ["--service", "shop"];
const INIT: [&str; 5] = ["init", "--region", "eu-west-1", "--cluster", "demo"];
/// Long enough for the figures of whole minutes.
const HALF: (&str, &str) = ("BG_STRATEGY", "canary:50%:10m");

/// A service whose one port is registered with a group behind each of two load balancers, adopted.
fn adopted(speed: u32) -> Scene {
    let scene = Scene::empty_at_speed(speed, "").adopting();
    std::fs::remove_file(scene.folder().join("bg.yaml")).expect("it was written");
    let public = scene.balancer("application");
    let inner = [
        ("Name", "inner"),
        ("Scheme", "internal"),
        ("Subnets.member.1", "subnet-0a000000000000001"),
        ("Subnets.member.2", "subnet-0b000000000000002"),
    ];
    let inner = scene.made("CreateLoadBalancer", &inner, "LoadBalancerArn");
    let groups = [(public, "public-a"), (inner, "inner-a")].map(|(balancer, name)| {
        let group = scene.new_group(name, "8080", &HTTP);
        let listener = [
            ("LoadBalancerArn", balancer.as_str()),
            ("Protocol", "HTTP"),
            ("Port", "80"),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", &group),
        ];
        scene.made("CreateListener", &listener, "ListenerArn");
        group
    });
    scene.run_shop(&[("app", 8080, &groups[0]), ("app", 8080, &groups[1])]);
    let apply = [&INIT[..], &SHOP, &["--apply"]].concat();
    scene
        .bg(&apply)
        .exits(0)
        .says("added public-b at weight 0 in shop:80")
        .says("added inner-b at weight 0 in inner:80");
    scene
}

fn config(scene: &Scene) -> String {
    std::fs::read_to_string(scene.folder().join("bg.yaml")).expect("it is there")
}

/// Somebody who asks one load balancer and no other, until this is dropped.
pub(super) fn asks(scene: &Scene, balancer: &str) -> Sender<()> {
    let announced = format!("# {balancer}:80 takes requests at http://");
    let address = until("the listener to be announced", || {
        let said = scene.announcement();
        between(&said, &announced, "/").map(str::to_owned)
    });
    let (stay, gone) = channel();
    std::thread::spawn(move || {
        while gone.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
            get(&address);
        }
    });
    stay
}

#[test]
fn both_load_balancers_move_together_and_either_one_s_failures_count() {
    let scene = adopted(60);
    let _asks = asks(&scene, "inner");
    let judged = config(&scene).replace("# metrics: { errors", "metrics: { errors");
    scene.write("bg.yaml", &judged);
    let deploy = |image| scene.bg_with(&[HALF], &["deploy", "--image", image, "--no-wait-retire"]);
    deploy("app:bad").exits(4).says("5xx");
    deploy("app:v2")
        .exits(0)
        .says("shop:80: 100% on slot b")
        .says("inner:80: 100% on slot b");
    let tasks = scene.bg(&["tasks", "--output", "json"]).exits(0).json();
    let ports = &tasks["slots"][1]["tasks"][0]["ports"];
    assert_eq!(
        *ports,
        serde_json::json!([8080]),
        "one port, though two know it"
    );
}

#[test]
fn a_swapped_order_is_refused_and_changes_nothing() {
    let scene = adopted(200);
    let right = config(&scene);
    let swapped = right
        .replace("group: public-b", "group: SECOND")
        .replace("group: inner-b", "group: public-b")
        .replace("group: SECOND", "group: inner-b");
    assert_ne!(swapped, right);
    scene.write("bg.yaml", &swapped);
    let before = scene.footprint();
    let words = "shop:80 forwards to slot a's public-a and slot b's public-b, and in `slots` \
                 public-a goes with inner-b";
    let plan = scene.bg(&["plan", "--image", "app:v2"]).exits(3);
    plan.says(words)
        .says("the order of `targets` may be swapped");
    scene
        .bg(&["deploy", "--image", "app:v2"])
        .exits(3)
        .complains(words);
    assert_eq!(scene.footprint(), before);
    // Break glass goes by what the routes name.
    let forced = scene.bg(&["rollback", "--to", "b", "--force"]).exits(0);
    forced
        .says("shop:80: slot b (public-b) has everything")
        .says("inner:80: slot b (inner-b) has everything");
}
