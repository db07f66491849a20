//! Several routes, sticky ones, and what else stands on the same load balancer.

use std::time::Duration;

use bg::deployment::event::{Event, Record};
use bg::deployment::outcome::Outcome;
use bg::sandbox::RegionOptions;
use bg::sandbox::demo::Balancer;
use bg::sandbox::wire::elbv2;
use bg::sandbox::world::World;
use serde_json::{Value, json};

use crate::harness::{Scene, Stage, request};

fn forward(balancer: &Balancer) -> Value {
    let groups = json!([
        { "TargetGroupArn": balancer.group_a, "Weight": 100 },
        { "TargetGroupArn": balancer.group_b, "Weight": 0 },
    ]);
    json!({ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } })
}

fn elb(world: &mut World, operation: &str, input: &Value) -> Value {
    elbv2::handle(world, operation, input).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

fn rule(scene: &mut Scene, priority: u32, path: &str, actions: &Value) -> String {
    let input = json!({
        "ListenerArn": scene.balancer.listener,
        "Priority": priority,
        "Conditions": [{ "Field": "path-pattern", "PathPatternConfig": { "Values": [path] } }],
        "Actions": actions,
    });
    let made = elb(&mut scene.world, "CreateRule", &input);
    text(&made["Rules"][0]["RuleArn"])
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}

/// A second listener and a rule that forward to both slots.
pub(crate) fn three_routes(scene: &mut Scene) -> (String, String) {
    let input = json!({
        "LoadBalancerArn": scene.balancer.arn,
        "Protocol": "HTTP",
        "Port": 8080,
        "DefaultActions": [forward(&scene.balancer)],
    });
    let made = elb(&mut scene.world, "CreateListener", &input);
    let actions = json!([forward(&scene.balancer)]);
    let rule = rule(scene, 10, "/api/*", &actions);
    (text(&made["Listeners"][0]["ListenerArn"]), rule)
}

/// The slots' weights on all three routes.
pub(crate) fn all_weights(stage: &Stage, listener: &str, rule: &str) -> [(u64, u64); 3] {
    let listeners = stage.elb("DescribeListeners", &json!({ "ListenerArns": [listener] }));
    let rules = stage.elb("DescribeRules", &json!({ "RuleArns": [rule] }));
    [
        stage.weights(),
        stage.split(&listeners["Listeners"][0]["DefaultActions"][0]),
        stage.split(&rules["Rules"][0]["Actions"][0]),
    ]
}

fn is_bake(record: &Record) -> bool {
    matches!(record.event, Event::Baking { .. })
}

#[tokio::test(start_paused = true)]
async fn two_listeners_and_a_rule_move_together() {
    for (image, bakes, end) in [
        ("shop:v2", vec![(90, 10), (0, 100)], (0, 100)),
        ("shop:bad", vec![(90, 10)], (100, 0)),
    ] {
        let mut arns = None;
        let stage = Stage::open(RegionOptions::default(), |scene| {
            arns = Some(three_routes(scene));
        });
        let (listener, rule) = arns.expect("the scene was changed");
        let mut seen = Vec::new();
        let outcome = stage
            .deploy(&request(image, "canary"), |stage, record| {
                if is_bake(record) {
                    seen.push(all_weights(stage, &listener, &rule));
                }
            })
            .await;
        assert_eq!(outcome == Outcome::Promoted, image == "shop:v2", "{image}");
        let expected: Vec<_> = bakes.into_iter().map(|weights| [weights; 3]).collect();
        assert_eq!(seen, expected, "{image}");
        assert_eq!(all_weights(&stage, &listener, &rule), [end; 3], "{image}");
    }
}

fn make_sticky(scene: &mut Scene) {
    let mut action = forward(&scene.balancer);
    action["ForwardConfig"]["TargetGroupStickinessConfig"] =
        json!({ "Enabled": true, "DurationSeconds": 3600 });
    let input = json!({
        "ListenerArn": scene.balancer.listener, "DefaultActions": [action],
    });
    elb(&mut scene.world, "ModifyListener", &input);
}

#[tokio::test(start_paused = true)]
async fn a_sticky_route_s_revert_takes_green_out_and_the_next_deployment_puts_it_back() {
    let stage = Stage::open(RegionOptions::default(), make_sticky);
    let shown = |stage: &Stage| {
        let input = json!({ "ListenerArns": [stage.balancer.listener] });
        let shown = stage.elb("DescribeListeners", &input);
        shown["Listeners"][0]["DefaultActions"][0]["ForwardConfig"].clone()
    };
    let outcome = stage
        .deploy(&request("shop:bad", "canary"), |_, _| {})
        .await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    let reverted = shown(&stage);
    let groups = reverted["TargetGroups"].as_array().expect("it forwards");
    assert_eq!(groups.len(), 1, "{reverted}");
    assert_eq!(groups[0]["TargetGroupArn"], stage.balancer.group_a);
    let sticky = reverted["TargetGroupStickinessConfig"].to_string();
    assert_eq!(
        sticky.replace('"', ""),
        "{DurationSeconds:3600,Enabled:true}",
        "what isn't a weight stays"
    );
    // So long green's alarm looks back; until then a deployment would be refused.
    tokio::time::sleep(Duration::from_secs(600)).await;
    let next = stage
        .deploy(&request("shop:v3", "canary:10%:5m"), |_, _| {})
        .await;
    assert_eq!(next, Outcome::Promoted);
    assert_eq!(stage.weights(), (0, 100));
}

/// Rules and listeners that have nothing to do with the slots.
fn bystanders(scene: &mut Scene) {
    let input = json!({
        "Name": "other", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0a0a0a0a0a0a0a0a0",
        "TargetType": "ip",
    });
    let made = elb(&mut scene.world, "CreateTargetGroup", &input);
    let other = text(&made["TargetGroups"][0]["TargetGroupArn"]);
    let fixed = json!({ "StatusCode": "503", "ContentType": "text/plain", "MessageBody": "later" });
    let away = json!({
        "Host": "example.com", "Path": "/#{path}", "Port": "443", "Protocol": "HTTPS",
        "Query": "#{query}", "StatusCode": "HTTP_302",
    });
    rule(
        scene,
        20,
        "/other",
        &json!([{ "Type": "forward", "TargetGroupArn": other }]),
    );
    rule(
        scene,
        30,
        "/closed",
        &json!([{ "Type": "fixed-response", "FixedResponseConfig": fixed }]),
    );
    rule(
        scene,
        40,
        "/away",
        &json!([{ "Type": "redirect", "RedirectConfig": away }]),
    );
}

/// Every listener and rule as DescribeListeners and DescribeRules print it, without the demo
/// listener's own default action.
fn everything_else(stage: &Stage) -> String {
    let balancer = json!({ "LoadBalancerArn": stage.balancer.arn });
    let mut listeners = stage.elb("DescribeListeners", &balancer);
    for listener in listeners["Listeners"].as_array_mut().expect("it is a list") {
        if listener["ListenerArn"] == stage.balancer.listener {
            listener["DefaultActions"] = Value::Null;
        }
    }
    let input = json!({ "ListenerArn": stage.balancer.listener });
    let mut rules = stage.elb("DescribeRules", &input);
    let rules = rules["Rules"].as_array_mut().expect("it is a list");
    rules.retain(|rule| rule["IsDefault"] != true);
    assert_eq!(rules.len(), 3);
    format!("{listeners}\n{rules:?}")
}

#[tokio::test(start_paused = true)]
async fn nothing_else_on_the_load_balancer_changes_by_a_byte() {
    for image in ["shop:v2", "shop:bad"] {
        let stage = Stage::open(RegionOptions::default(), bystanders);
        let before = everything_else(&stage);
        stage.deploy(&request(image, "canary"), |_, _| {}).await;
        assert_eq!(everything_else(&stage), before, "{image}");
    }
}
