use super::*;
use crate::sandbox::world::elb::testing::{call, empty_world};
use proptest::prelude::*;

mod protocols;
mod resources;

fn refused(world: &mut World, operation: &str, input: &Value) -> AwsError {
    handle(world, operation, input).expect_err("should be refused")
}

fn code(world: &mut World, operation: &str, input: &Value) -> String {
    refused(world, operation, input).code
}

fn text_at(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{pointer} in {value}"))
        .to_owned()
}

struct Made {
    world: World,
    lb: String,
    a: String,
    b: String,
    listener: String,
}

fn load_balancer(world: &mut World, name: &str) -> String {
    let input = json!({"Name": name, "Subnets": ["subnet-1", "subnet-2"]});
    text_at(
        &call(world, "CreateLoadBalancer", &input),
        "/LoadBalancers/0/LoadBalancerArn",
    )
}

fn group(world: &mut World, name: &str) -> String {
    let input = json!({"Name": name, "Protocol": "HTTP", "Port": "80", "VpcId": "vpc-1", "TargetType": "ip"});
    text_at(
        &call(world, "CreateTargetGroup", &input),
        "/TargetGroups/0/TargetGroupArn",
    )
}

fn made() -> Made {
    let mut world = empty_world();
    let lb = load_balancer(&mut world, "shop");
    let (a, b) = (group(&mut world, "shop-a"), group(&mut world, "shop-b"));
    let listener = call(
        &mut world,
        "CreateListener",
        &json!({
        "LoadBalancerArn": lb, "Port": "80", "Protocol": "HTTP",
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": a}]}),
    );
    let listener = text_at(&listener, "/Listeners/0/ListenerArn");
    Made {
        world,
        lb,
        a,
        b,
        listener,
    }
}

fn weighted(a: &str, wa: i64, b: &str, wb: i64) -> Value {
    json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": [
        {"TargetGroupArn": a, "Weight": wa}, {"TargetGroupArn": b, "Weight": wb}]}}])
}

#[test]
fn arns_have_the_shape_of_awss() {
    let made = made();
    let shape = |arn: &str| {
        let id = |part: &str| part.len() == 16 && part.bytes().all(|b| b.is_ascii_hexdigit());
        arn.split('/')
            .map(|part| if id(part) { "ID" } else { part })
            .collect::<Vec<_>>()
            .join("/")
    };
    let prefix = "arn:aws:elasticloadbalancing:eu-west-1:123456789012";
    assert_eq!(
        shape(&made.lb),
        format!("{prefix}:loadbalancer/app/shop/ID")
    );
    assert_eq!(shape(&made.a), format!("{prefix}:targetgroup/shop-a/ID"));
    assert_eq!(
        shape(&made.listener),
        format!("{prefix}:listener/app/shop/ID/ID")
    );
    let rules = call(
        &mut { made.world },
        "DescribeRules",
        &json!({"ListenerArn": made.listener}),
    );
    let rule = text_at(&rules, "/Rules/0/RuleArn");
    assert_eq!(
        shape(&rule),
        format!("{prefix}:listener-rule/app/shop/ID/ID/ID")
    );
}

#[test]
fn a_single_group_forward_comes_back_in_both_forms() {
    let mut made = made();
    let out = call(
        &mut made.world,
        "DescribeListeners",
        &json!({"LoadBalancerArn": made.lb}),
    );
    assert_eq!(
        out["Listeners"][0]["DefaultActions"],
        json!([{"Type": "forward", "TargetGroupArn": made.a, "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": made.a, "Weight": 1}],
            "TargetGroupStickinessConfig": {"Enabled": false}}}])
    );
}

#[test]
fn a_read_back_forward_is_accepted_as_it_is() {
    let mut made = made();
    for actions in [
        weighted(&made.a, 90, &made.b, 10),
        json!([{"Type": "forward", "TargetGroupArn": made.a}]),
    ] {
        let input = json!({"ListenerArn": made.listener, "DefaultActions": actions});
        let first =
            call(&mut made.world, "ModifyListener", &input)["Listeners"][0]["DefaultActions"]
                .clone();
        let input = json!({"ListenerArn": made.listener, "DefaultActions": first});
        let second = call(&mut made.world, "ModifyListener", &input);
        assert_eq!(second["Listeners"][0]["DefaultActions"], first);
    }
}

#[test]
fn forwards_are_checked() {
    let mut made = made();
    let gone = made.b.replace("shop-b", "shop-x");
    let many: Vec<Value> = (0..6)
        .map(|n| json!({"TargetGroupArn": group(&mut made.world, &format!("g{n}")), "Weight": 1}))
        .collect();
    let mut both = weighted(&made.a, 1, &made.b, 1);
    both[0]["TargetGroupArn"] = json!(made.a);
    for (actions, wanted) in [
        (weighted(&made.a, 0, &made.b, 0), "ValidationError"),
        (weighted(&made.a, 1000, &made.b, 0), "ValidationError"),
        (weighted(&made.a, -1, &made.b, 1), "ValidationError"),
        (weighted(&made.a, 1, &made.a, 1), "ValidationError"),
        (weighted(&made.a, 1, &gone, 1), "TargetGroupNotFound"),
        (both, "ValidationError"),
        (
            json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": many}}]),
            "TooManyTargetGroups",
        ),
        (json!([{"Type": "forward"}]), "ValidationError"),
        (
            json!([{"Type": "forward", "TargetGroupArn": "shop-a"}]),
            "ValidationError",
        ),
    ] {
        let input = json!({"ListenerArn": made.listener, "DefaultActions": actions});
        assert_eq!(
            code(&mut made.world, "ModifyListener", &input),
            wanted,
            "{input}"
        );
    }
    let after = call(
        &mut made.world,
        "DescribeListeners",
        &json!({"ListenerArns": [made.listener]}),
    );
    assert_eq!(
        after["Listeners"][0]["DefaultActions"][0]["TargetGroupArn"],
        json!(made.a)
    );
}

#[test]
fn a_group_belongs_to_one_load_balancer() {
    let mut made = made();
    let other = load_balancer(&mut made.world, "other");
    let input = json!({"LoadBalancerArn": other, "Port": 80, "Protocol": "HTTP",
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": made.a}]});
    let error = refused(&mut made.world, "CreateListener", &input);
    assert_eq!(error.code, "TargetGroupAssociationLimit");
    assert_eq!(
        error.message,
        format!(
            "The following target groups cannot be associated with more than one load balancer: {}",
            made.a
        )
    );
}

#[test]
fn a_client_secret_is_never_given_back_but_may_be_kept() {
    let mut made = made();
    let actions = |extra: Value| {
        let mut config = json!({"Issuer": "https://i", "ClientId": "c"});
        config
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        json!([{"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": config},
               {"Type": "forward", "Order": 2, "TargetGroupArn": made.a}])
    };
    let set = |actions: Value| json!({"ListenerArn": made.listener, "DefaultActions": actions});
    let world = &mut made.world;
    assert_eq!(
        code(
            world,
            "ModifyListener",
            &set(actions(json!({"UseExistingClientSecret": true})))
        ),
        "ValidationError"
    );
    assert_eq!(
        code(
            world,
            "ModifyListener",
            &set(actions(json!({"ClientSecret": ""})))
        ),
        "ValidationError"
    );
    let out = call(
        world,
        "ModifyListener",
        &set(actions(json!({"ClientSecret": "s3cret"}))),
    );
    assert!(!out.to_string().contains("s3cret"));
    assert_eq!(
        code(world, "ModifyListener", &set(actions(json!({})))),
        "ValidationError"
    );
    let out = call(
        world,
        "ModifyListener",
        &set(actions(json!({"UseExistingClientSecret": "true"}))),
    );
    assert!(!out.to_string().contains("UseExisting"));
}

#[test]
fn unknown_actions_and_fields_survive() {
    let mut made = made();
    let actions = json!([
        {"Type": "authenticate-by-magic", "Order": "1", "MagicConfig": {"Deep": ["x", {"y": "z"}]}},
        {"Type": "forward", "Order": "2", "TargetGroupArn": made.a, "NewField": "kept"}]);
    let input = json!({"ListenerArn": made.listener, "DefaultActions": actions});
    call(&mut made.world, "ModifyListener", &input);
    let out = call(
        &mut made.world,
        "DescribeListeners",
        &json!({"ListenerArns": [made.listener]}),
    );
    assert_eq!(out["Listeners"][0]["DefaultActions"][0], actions[0]);
    assert_eq!(out["Listeners"][0]["DefaultActions"][1]["NewField"], "kept");
}

proptest! {
    /// Whatever a client sends, the handler answers or refuses, and the world stays sound.
    #[test]
    fn weights_in_range_are_given_back_as_set(a in 0_i64..=999, b in 0_i64..=999) {
        let mut made = made();
        let input = json!({"ListenerArn": made.listener, "DefaultActions": weighted(&made.a, a, &made.b, b)});
        match handle(&mut made.world, "ModifyListener", &input) {
            Err(error) => {
                prop_assert_eq!(a + b, 0);
                prop_assert_eq!(error.code, "ValidationError");
            }
            Ok(out) => {
                let tuples = &out["Listeners"][0]["DefaultActions"][0]["ForwardConfig"]["TargetGroups"];
                prop_assert_eq!(&tuples[0]["Weight"], a);
                prop_assert_eq!(&tuples[1]["Weight"], b);
            }
        }
    }
}
