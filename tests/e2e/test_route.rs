//! Test routes: testers get green before anybody else does.

use super::support::{Scene, between};

/// The usual scene with a listener for testers on port 8443 that forwards to slot a alone, and a
/// rule for them on the usual one.
fn scene(changes: &[(&str, &str)]) -> Scene {
    let scene = Scene::at_speed(60);
    let listener = scene.listener();
    let described = scene.elb("DescribeListeners", &[("ListenerArns.member.1", &listener)]);
    let balancer = between(&described, "<LoadBalancerArn>", "<").expect("it is on one");
    let own = [
        ("LoadBalancerArn", balancer),
        ("Protocol", "HTTP"),
        ("Port", "8443"),
        ("DefaultActions.member.1.Type", "forward"),
        (
            "DefaultActions.member.1.TargetGroupArn",
            &scene.group("shop-a"),
        ),
    ];
    scene.elb("CreateListener", &own);
    let rule = [
        ("ListenerArn", listener.as_str()),
        ("Priority", "5"),
        ("Conditions.member.1.Field", "http-header"),
        (
            "Conditions.member.1.HttpHeaderConfig.HttpHeaderName",
            "X-Test",
        ),
        (
            "Conditions.member.1.HttpHeaderConfig.Values.member.1",
            "green",
        ),
        ("Actions.member.1.Type", "forward"),
        ("Actions.member.1.TargetGroupArn", &scene.group("shop-a")),
    ]
    .map(|(key, value)| (key, value.to_owned()));
    let rule: Vec<_> = rule
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    scene.elb("CreateRule", &rule);
    scene.configure(changes);
    scene
}

fn both() -> String {
    let rule = "{ load_balancer: shop, port: 80, header: \"X-Test: green\" }";
    format!("test_route:\n  - {{ load_balancer: shop, port: 8443 }}\n  - {rule}\n")
}

fn gate(change: &str) -> String {
    format!(
        "gates:
  - name: smoke
    at: before-traffic
    http: {{ path: /health, through: test-route, contains: '{change}', retries: 0 }}
{}retire:",
        both()
    )
}

#[test]
fn a_gate_asks_green_through_the_test_route_which_stays_on_what_serves() {
    let scene = scene(&[("retire:", &gate("shop:v2"))]);
    scene
        .bg(&["plan", "--image", "shop:v2"])
        .exits(0)
        .says("test     shop:8443, on green before production is")
        .says("         shop:80 x-test: green, on green before production is");
    scene
        .bg(&["deploy", "--image", "shop:v2", "--no-wait-retire"])
        .exits(0)
        .says("test route")
        .says("smoke says yes: /health through shop:8443 answered 200");
    scene
        .bg(&["status"])
        .exits(0)
        .says("shop:8443: slot a 0%, slot b 100%")
        .says("shop:80 x-test: green: slot a 0%, slot b 100%");
}

#[test]
fn a_gate_whose_request_would_not_arrive_at_green_is_refused() {
    let scene = Scene::at_speed(60);
    let (listener, group) = (scene.listener(), scene.group("shop-a"));
    let rule = [
        ("ListenerArn", listener.as_str()),
        ("Priority", "7"),
        ("Conditions.member.1.Field", "path-pattern"),
        (
            "Conditions.member.1.PathPatternConfig.Values.member.1",
            "/test/*",
        ),
        ("Actions.member.1.Type", "forward"),
        ("Actions.member.1.TargetGroupArn", &group),
    ];
    scene.elb("CreateRule", &rule);
    let asking = |path: &str| {
        let gate = format!(
            "gates: [{{ name: smoke, at: before-traffic, http: {{ path: {path}, through: test-route, \
             contains: 'shop:v2' }} }}]
test_route: {{ load_balancer: shop, port: 80, path: /test/* }}
retire:"
        );
        scene.configure(&[("retire:", &gate)]);
    };
    asking("/health");
    let deploy = ["deploy", "--image", "shop:v2", "--no-wait-retire"];
    for asked in [&["plan", "--image", "shop:v2"][..], &deploy] {
        let refused = scene.bg(asked).exits(3);
        let told = format!("{}{}", refused.stdout, refused.stderr);
        let words = "gate smoke would not be answered by green: /health doesn't get through \
                     shop:80 /test/*: its rule takes only path-pattern /test/*";
        assert!(told.contains(words), "{told}");
    }
    asking("/test/health");
    let path = "smoke says yes: /test/health through shop:80 /test/* answered 200";
    scene.bg(&deploy).exits(0).says(path);
}

#[test]
fn a_gate_that_says_no_through_it_puts_it_back_and_no_user_saw_green() {
    let scene = scene(&[("retire:", &gate("shop:v3"))]);
    scene
        .bg(&["deploy", "--image", "shop:v2", "--no-wait-retire"])
        .exits(4)
        .says("gate smoke said no: /health through shop:8443 answered 200 without \"shop:v3\"");
    scene.stands_on_blue();
    scene
        .bg(&["status"])
        .exits(0)
        .says("shop:8443: slot a 100%, slot b 0%");
}

#[test]
fn break_glass_takes_testers_along() {
    let scene = scene(&[("retire:", &format!("{}retire:", both()))]);
    scene.deploy_to_b();
    // Users were taken back by hand, and testers forgotten.
    scene.set_weights(100, 0);
    for (outcome, id) in [
        ("reverted", "BG_DEPLOYMENT_ID='2"),
        ("unchanged", "BG_DEPLOYMENT_ID=''"),
    ] {
        let forced = ["rollback", "--to", "a", "--force", "--env-file", "f.env"];
        scene.bg(&forced).exits(0);
        scene
            .bg(&["status"])
            .exits(0)
            .says("shop:8443: slot a 100%, slot b 0%");
        let told = std::fs::read_to_string(scene.folder().join("f.env")).expect("it is there");
        let begins = format!("BG_OUTCOME='{outcome}'\n{id}");
        assert!(told.starts_with(&begins), "{told}");
    }
}

#[test]
fn a_test_route_that_is_not_there_is_refused_with_what_is() {
    let wrong = "test_route: { load_balancer: shop, port: 9443 }\nretire:";
    let scene = scene(&[("retire:", wrong)]);
    scene
        .bg(&["plan", "--image", "shop:v2"])
        .exits(3)
        .says("test route shop:9443 does not exist or names neither slot's target group");
    let scene = Scene::at_speed(60);
    let nowhere = "gates:
  - { name: smoke, at: before-traffic, http: { path: /, through: test-route } }
retire:";
    scene.configure(&[("retire:", nowhere)]);
    scene
        .bg(&["plan", "--image", "shop:v2"])
        .exits(3)
        .says("gate smoke asks through the test route, and there is none");
}

#[test]
fn a_route_that_stands_in_both_lists_is_one_error_with_its_place() {
    let scene = Scene::at_speed(60);
    let twice = "routes: [{ load_balancer: shop, port: 80 }]
test_route: { load_balancer: shop, port: 80 }
retire:";
    scene.configure(&[("retire:", twice)]);
    scene
        .bg(&["plan", "--image", "shop:v2"])
        .exits(2)
        .complains("bg.yaml:15:13: this test route stands in `routes`, too")
        .complains("take it out of `routes`");
}

#[test]
fn what_a_config_keeps_for_testers_is_no_route_to_adopt() {
    let scene = scene(&[("retire:", &gate("shop:v2"))]).adopting();
    let told = scene.bg(&["init"]).exits(0);
    assert!(!told.stdout.contains("8443"), "{told}");
    assert!(!told.stdout.contains("x-test"), "{told}");
    told.says("names these slots already")
        .says("Nothing is missing");
}
