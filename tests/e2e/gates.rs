//! Gates through the binary: what is asked, where, and what comes of the answer.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::routes::HTTP;
use super::support::{Ended, Scene, until};

const DEPLOY: [&str; 4] = ["deploy", "--image", "shop:v2", "--no-wait-retire"];

/// The usual scene, with gates.
fn with(gates: &str) -> Scene {
    with_at_speed(60, gates)
}

fn with_at_speed(speed: u32, gates: &str) -> Scene {
    let scene = Scene::at_speed(speed);
    let gates = format!("gates:\n{gates}retire:");
    scene.configure(&[("retire:", &gates)]);
    scene
}

fn read(scene: &Scene, name: &str) -> String {
    std::fs::read_to_string(scene.folder().join(name)).expect("it was written")
}

#[test]
fn a_command_knows_the_deployment_and_lets_it_go_on() {
    let scene = with(
        "  - name: smoke
    at: [before-traffic, 10%, before-promotion, after-promotion]
    command: echo \"$BG_GATE_POINT $BG_GATE_WEIGHT $BG_GATE_GREEN_SERVICE\" | tee -a asked
",
    );
    let plan = scene.bg(&["plan", "--image", "shop:v2"]).exits(0);
    plan.says(
        "smoke before traffic and after 10% and before promotion and after promotion: runs `echo",
    );
    scene
        .bg(&DEPLOY)
        .exits(0)
        .says("smoke says yes: exit code 0: before traffic 0% shop-b");
    let asked = read(&scene, "asked");
    let wanted = "before traffic 0% shop-b\nafter 10% 10% shop-b\nbefore promotion 100% shop-b\n\
                  after promotion 100% shop-b\n";
    assert_eq!(asked, wanted);
}

#[test]
fn a_variable_of_a_command_in_braces_is_left_to_its_shell_by_two_dollars() {
    let gate = |command: &str| {
        format!("  - {{ name: smoke, at: before-traffic, command: '{command}' }}\n")
    };
    let scene = with(&gate("test ${BG_GATE_WEIGHT} = 0%"));
    scene
        .bg(&DEPLOY)
        .exits(2)
        .complains("the environment variable \"BG_GATE_WEIGHT\" is not set")
        .complains("for a command's own shell write $BG_GATE_WEIGHT or $${BG_GATE_WEIGHT}");
    let gates = gate("test $${BG_GATE_WEIGHT} = 0%");
    scene.configure(&[("retire:", &format!("gates:\n{gates}retire:"))]);
    scene.bg(&DEPLOY).exits(0).says("smoke says yes");
}

#[test]
fn a_command_that_fails_keeps_all_traffic_on_blue_and_its_last_words_are_told() {
    let scene = with(
        "  - name: smoke
    at: before-traffic
    command: [sh, -c, 'echo looking; echo no table users >&2; exit 3']
",
    );
    scene
        .bg(&DEPLOY)
        .exits(4)
        .says("gate smoke said no: exit code 3: looking")
        .says("no table users");
    scene.stands_on_blue();
}

#[test]
fn a_program_that_is_not_there_is_refused_before_anything_is_changed() {
    let gates = "  - { name: smoke, at: before-traffic, command: [smoke-of-the-shop, --fast] }
  - { name: line, at: 10%, command: ./contract-tests.sh --fast }
  - { name: shell, at: 10%, command: nobody-knows-this || true }
";
    let scene = with(gates);
    std::fs::write(scene.folder().join("contract-tests.sh"), "exit 0\n").expect("written");
    for verb in ["plan", "deploy"] {
        let refused = scene.bg(&[verb, "--image", "shop:v2"]).exits(3);
        let told = refused.to_string();
        for why in [
            "gate smoke can't run smoke-of-the-shop: no folder of PATH has a program of that name",
            "gate line can't run ./contract-tests.sh: it may not be executed: `chmod +x ./contract",
        ] {
            assert!(told.contains(why), "no {why:?} in\n{told}");
        }
        assert!(!told.contains("gate shell"), "only the shell knows");
    }
    scene.stands_on_blue();
    assert_eq!(scene.desired("shop-b"), 0);
}

#[test]
fn a_header_whose_variable_is_not_set_is_refused_before_anything_is_changed() {
    let http = "{ path: /health, headers: { Authorization: { env: NOPE_X }, Accept: text/plain } }";
    let scene = with(&format!("  - {{ name: smoke, at: 10%, http: {http} }}\n"));
    for verb in ["plan", "deploy"] {
        let refused = scene.bg(&[verb, "--image", "shop:v2"]).exits(3);
        let told = refused.to_string();
        for words in [
            "gate smoke can't send the header Authorization: the environment variable NOPE_X is \
             not set",
            "set NOPE_X where bg runs, or correct the gate's `headers`",
        ] {
            assert!(told.contains(words), "no {words:?} in\n{told}");
        }
        assert!(!told.contains("Accept"), "{told}");
    }
    scene
        .bg_with(&[("NOPE_X", "secret")], &["plan", "--image", "shop:v2"])
        .exits(0);
    scene.stands_on_blue();
    assert_eq!(scene.desired("shop-b"), 0);
}

#[test]
fn a_rollback_needs_no_program_of_a_gate() {
    let gate = "  - { name: smoke, at: before-traffic, command: [./smoke.sh] }\n";
    let scene = with(gate);
    let program = scene.write("smoke.sh", "#!/bin/sh\nexit 0\n");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(program, mode).expect("it is ours");
    scene.bg(&DEPLOY).exits(0).says("smoke says yes");
    std::fs::remove_file(scene.folder().join("smoke.sh")).expect("it was there");
    scene.bg(&["rollback"]).exits(0);
    assert_eq!(scene.weights(), (100, 0));
}

#[test]
fn a_command_that_hangs_ends_with_everything_it_started() {
    let scene = with(
        "  - name: smoke
    at: 10%
    command: sleep 600 & echo $! > pid; echo asked the first shop; echo asks the second; wait
    timeout: 2m
",
    );
    scene.bg(&DEPLOY).exits(4).says(
        "gate smoke said no: it did not answer within 2m: asked the first shop asks the second",
    );
    scene.stands_on_blue();
    is_gone(&scene, "pid");
}

/// Waits until the process whose id a command wrote down has ended.
fn is_gone(scene: &Scene, file: &str) {
    let pid = read(scene, file);
    let process = format!("/proc/{}/stat", pid.trim());
    until("the command's child to be gone", || {
        let stat = std::fs::read_to_string(&process);
        stat.map_or(true, |stat| stat.contains(") Z "))
            .then_some(())
    });
}

#[test]
fn a_command_s_own_end_decides_and_what_it_left_running_ends_with_it() {
    let gate = |end: &str| {
        format!(
            "  - name: smoke
    at: before-promotion
    command: sleep 600 & echo $! > pid; sleep 600 > /dev/null 2>&1 & echo $! > daemon; echo hi; {end}
"
        )
    };
    let scene = with(&gate("exit 0"));
    scene
        .bg(&DEPLOY)
        .exits(0)
        .says("smoke says yes: exit code 0: hi");
    is_gone(&scene, "pid");
    is_gone(&scene, "daemon");
    let scene = with(&gate("exit 1"));
    scene
        .bg(&DEPLOY)
        .exits(4)
        .says("gate smoke said no: exit code 1: hi");
    scene.stands_on_blue();
    is_gone(&scene, "pid");
    is_gone(&scene, "daemon");
}

#[test]
fn an_http_gate_asks_each_of_greens_targets_past_the_load_balancer() {
    let gate = "  - name: health
    at: before-traffic
    http: { path: /health, json: { $.status: 200 }, retries: 1, every: 1s }
";
    let scene = with(gate);
    scene
        .bg(&DEPLOY)
        .exits(0)
        .says("health says yes: /health of 2 targets answered");
    let scene = with(&gate.replace("200", "204"));
    scene
        .bg(&DEPLOY)
        .exits(4)
        .says("/health answered $.status as 200, not 204, after 2 tries");
    scene.stands_on_blue();
}

/// A service on container instances in bridge mode, adopted.
fn on_instances() -> Scene {
    let scene = Scene::empty_at_speed(60, "").adopting();
    std::fs::remove_file(scene.folder().join("bg.yaml")).expect("it was written");
    let settings = [&[("TargetType", "instance")], &HTTP[..]].concat();
    let group = scene.new_group("shop-a", "80", &settings);
    let listener = [
        ("LoadBalancerArn", scene.balancer("application")),
        ("Protocol", "HTTP".to_owned()),
        ("Port", "80".to_owned()),
        ("DefaultActions.member.1.Type", "forward".to_owned()),
        ("DefaultActions.member.1.TargetGroupArn", group.clone()),
    ];
    let listener = listener.each_ref().map(|(key, it)| (*key, it.as_str()));
    scene.made("CreateListener", &listener, "ListenerArn");
    let port = json!({ "containerPort": 8080, "hostPort": 0 });
    let app = json!({ "name": "app", "image": "shop:v1", "memory": 64, "portMappings": [port] });
    let definition = json!({
        "family": "shop", "networkMode": "bridge", "requiresCompatibilities": ["EC2"],
        "containerDefinitions": [app],
    });
    scene.ecs("CreateCluster", &json!({ "clusterName": "demo" }));
    scene.ecs("RegisterTaskDefinition", &definition);
    let target = json!({ "targetGroupArn": group, "containerName": "app", "containerPort": 8080 });
    let service = json!({
        "cluster": "demo", "serviceName": "shop", "taskDefinition": "shop", "desiredCount": 2,
        "launchType": "EC2", "loadBalancers": [target],
    });
    scene.ecs("CreateService", &service);
    until("its targets to be healthy", || {
        let health = scene.elb("DescribeTargetHealth", &[("TargetGroupArn", &group)]);
        (health.matches("<State>healthy<").count() == 2).then_some(())
    });
    let place = ["--region", "eu-west-1", "--cluster", "demo"];
    let shop = ["--service", "shop", "--apply"];
    scene.bg(&[&["init"], &place[..], &shop].concat()).exits(0);
    scene
}

#[test]
fn an_http_gate_asks_targets_that_are_instances_at_their_address() {
    let scene = on_instances();
    let gate = "
gates:
  - name: health
    at: before-traffic
    http: { path: /health, json: { $.image: 'shop:v2' }, retries: 1, every: 1s }
";
    scene.write("bg.yaml", &(read(&scene, "bg.yaml") + gate));
    scene
        .bg(&DEPLOY)
        .exits(0)
        .says("health says yes: /health of 2 targets answered");
    let next = ["deploy", "--image", "shop:v3", "--no-wait-retire"];
    scene
        .bg(&next)
        .exits(4)
        .says("172.31.")
        .says("/health answered $.image as \"shop:v3\", not \"shop:v2\"");
}

#[test]
fn an_http_gate_that_reaches_nobody_says_so() {
    let scene = with(
        "  - name: health
    at: before-traffic
    http: { url: 'http://127.0.0.1:9/health', retries: 0 }
",
    );
    scene
        .bg(&DEPLOY)
        .exits(4)
        .says("gate health said no: http://127.0.0.1:9/health can't be reached: ");
    scene.stands_on_blue();
}

#[test]
fn somebody_approves_from_another_shell_and_status_shows_what_is_waited_for() {
    let scene = with("  - { name: release, at: 10%, approval: anyone }\n");
    scene
        .bg(&["approve"])
        .exits(3)
        .complains("no deployment of this service is under way");
    let mut deployment = scene.start(&DEPLOY);
    // Until tomorrow: the day is said too.
    deployment.until_it_says("release after 10%: waits for `bg approve`; until 20");
    scene
        .bg(&["status"])
        .exits(0)
        .says("release after 10%: waits for `bg approve`; until 20");
    scene.bg(&["approve"]).exits(0).says("approved: it goes on");
    deployment
        .end()
        .exits(0)
        .says("release says yes: approved by ");
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn somebody_who_rejects_brings_all_traffic_back() {
    let scene = with("  - { name: release, at: 10%, approval: anyone }\n");
    let mut deployment = scene.start(&DEPLOY);
    deployment.until_it_says("waits for `bg approve`");
    scene
        .bg(&["reject", "--reason", "not on a Friday"])
        .exits(0)
        .says("the gate says no: blue serves everything");
    deployment
        .end()
        .exits(4)
        .says("rejected it: not on a Friday");
    scene.stands_on_blue();
}

#[test]
fn an_approval_of_somebody_else_is_refused() {
    let scene = with("  - { name: release, at: before-traffic, approval: [somebody-else] }\n");
    let mut deployment = scene.start(&DEPLOY);
    deployment.until_it_says("waits for `bg approve` by somebody-else");
    scene
        .bg(&["approve"])
        .exits(3)
        .complains("gate release waits for somebody-else");
    scene.bg(&["abort"]).exits(0);
    deployment.end().exits(4);
}

#[test]
fn a_deployment_left_at_a_gate_is_gone_on_with_after_the_approval() {
    let scene = with("  - { name: release, at: 10%, approval: anyone }\n");
    let mut deployment = scene.start(&DEPLOY);
    deployment.until_it_says("waits for `bg approve`");
    deployment.signal("KILL");
    deployment.end();
    let unlocked = || {
        let approved = scene.bg(&["approve"]);
        (approved.code == 7).then_some(approved)
    };
    until("the lease to be over", unlocked).says("lets it go on");
    scene
        .bg(&["resume", "--no-wait-retire"])
        .exits(0)
        .says("release says yes: approved by ");
}

#[test]
fn a_closed_window_is_said_by_the_plan_and_a_hotfix_waits_for_none() {
    let scene = with(
        "  - name: office
    at: before-traffic
    window: { time_zone: UTC, freeze: [{ from: 2020-01-01, to: 2099-01-01 }] }
",
    );
    let plan = scene.bg(&["plan", "--image", "shop:v2"]).exits(3);
    plan.says("gate office doesn't open within 1d");
    let hotfix = ["--hotfix", "--reason", "checkout is down"];
    let plan = ["plan", "--image", "shop:v2"];
    scene
        .bg(&[&plan[..], &hotfix].concat())
        .exits(0)
        .says("gate office is left out: a hotfix waits for no window");
    scene.bg(&[&DEPLOY[..], &hotfix].concat()).exits(0);
}

/// The usual scene, with a gate that calls a function.
fn calls(function: &str, at: &str) -> Scene {
    with(&format!(
        "  - {{ name: checks, at: {at}, lambda: {function}, timeout: 1h }}\n"
    ))
}

#[test]
fn a_function_made_for_ecss_hooks_is_called_until_it_has_decided() {
    let scene = calls("shop-in-progress:live", "[10%, before-promotion]");
    scene
        .bg(&["plan", "--image", "shop:v2"])
        .exits(0)
        .says("checks after 10% and before promotion: calls shop-in-progress:live");
    scene
        .bg(&[&DEPLOY[..], &["--verbose"]].concat())
        .exits(0)
        .says("checks: shop-in-progress:live answered IN_PROGRESS; asked again in 1m")
        .says("checks says yes: shop-in-progress:live answered SUCCEEDED");
}

#[test]
fn a_function_that_says_failed_or_fails_or_says_nothing_reverts() {
    for (function, why) in [
        (
            "shop-failed",
            "shop-failed answered FAILED: {\"reason\":\"2 of 3 checks passed\"}",
        ),
        (
            "shop-error",
            "shop-error failed: OperationalError: no table users",
        ),
        (
            "shop-mute",
            "shop-mute answered no JSON object with hookStatus: null",
        ),
    ] {
        let scene = calls(function, "10%");
        let ended = scene.bg(&DEPLOY).exits(4);
        let ended = ended.says(&format!("gate checks said no: {why}"));
        if function == "shop-error" {
            ended.says("its log ends: looking for users");
        }
        scene.stands_on_blue();
    }
}

#[test]
fn a_function_that_cannot_be_called_is_refused_before_anything_is_done() {
    for (function, why) in [
        ("shop-missing", "Function not found: arn:aws:lambda:"),
        ("shop-denied", "not allowed: lambda:InvokeFunction on arn:"),
    ] {
        let scene = calls(function, "before-traffic");
        scene
            .bg(&["plan", "--image", "shop:v2"])
            .exits(3)
            .says(&format!("gate checks can't call {function}: "))
            .says(why);
    }
}

#[test]
fn what_a_function_wants_to_be_told_again_outlives_the_process() {
    let gate = "  - { name: checks, at: before-traffic, lambda: shop-in-progress, timeout: 1h }\n";
    // Slower: a lease that a busy machine lets run out would end the process before its gate.
    let scene = with_at_speed(20, gate);
    let mut deployment = scene.start(&[&DEPLOY[..], &["--output", "json"]].concat());
    deployment.until_it_says(r#""details":{"asked":2}"#);
    deployment.signal("KILL");
    deployment.end();
    scene
        .bg(&["resume", "--wait-lock", "30m", "--no-wait-retire"])
        .exits(0)
        .says("checks says yes: shop-in-progress answered SUCCEEDED");
    assert_eq!(scene.weights(), (0, 100));
}

const REGISTRY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop";

/// Deploys an image of that tag past a gate that looks at it.
fn deploy_image(scene: &Scene, tag: &str) -> Ended {
    let image = format!("{REGISTRY}:{tag}");
    scene.bg(&["deploy", "--image", &image, "--no-wait-retire"])
}

fn looks_at_images(image: &str) -> Scene {
    with(&format!(
        "  - {{ name: scan, at: before-traffic, image: {image} }}\n"
    ))
}

#[test]
fn an_image_with_too_many_findings_is_refused_before_anything_is_registered() {
    let scene = looks_at_images("default");
    let before = scene.footprint();
    deploy_image(&scene, "vulnerable").exits(3).complains(&format!(
        "gate scan would say no: {REGISTRY}:vulnerable has 1 critical findings, and 0 may be there"
    ));
    deploy_image(&scene, "arm")
        .exits(3)
        .complains("arm is made for linux/arm64, and the tasks run on linux/amd64");
    assert_eq!(scene.footprint(), before);
    deploy_image(&scene, "v2")
        .exits(0)
        .says(&format!("scan says yes: {REGISTRY}:v2 has no findings"));
    let scene = looks_at_images("{ critical: 1, high: 3 }");
    deploy_image(&scene, "vulnerable")
        .exits(0)
        .says("vulnerable has 1 critical, 3 high, 8 medium findings");
}

#[test]
fn a_scan_under_way_is_waited_for() {
    let scene = looks_at_images("default");
    let image = format!("{REGISTRY}:scanning");
    scene
        .bg(&["plan", "--image", &image])
        .exits(0)
        .says(&format!(
            "gate scan would wait: {image} has a scan under way"
        ));
    deploy_image(&scene, "scanning")
        .exits(0)
        .says(&format!("scan says yes: {image} has no findings"));
}

#[test]
fn an_image_without_a_scan_passes_or_not_as_the_gate_says() {
    let scene = looks_at_images("{ unscanned: fail }");
    deploy_image(&scene, "unscanned")
        .exits(3)
        .complains("unscanned has no scan");
    let scene = looks_at_images("{ unscanned: pass }");
    deploy_image(&scene, "unscanned").exits(0);
    let scene = with("  - { name: scan, at: before-traffic, image: default, timeout: 2m }\n");
    deploy_image(&scene, "unscanned")
        .exits(4)
        .says("gate scan said no: it did not pass within 2m: ")
        .says("unscanned has no scan yet");
    scene.stands_on_blue();
}

#[test]
fn a_gate_on_images_needs_one_in_ecr() {
    let scene = looks_at_images("exists");
    scene
        .bg(&["plan", "--image", "shop:v2"])
        .exits(3)
        .says("none of the images is in a private registry of ECR");
}
