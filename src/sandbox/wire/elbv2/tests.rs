use super::*;
use crate::sandbox::world::elb::testing::{call, empty_world};
use proptest::prelude::*;

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

#[test]
fn the_default_rule_follows_the_listener_and_comes_last() {
    let mut made = made();
    let rule = |priority: i64| {
        json!({"ListenerArn": made.listener, "Priority": priority,
        "Conditions": [{"Field": "path-pattern", "Values": ["/api/*"]}],
        "Actions": [{"Type": "forward", "TargetGroupArn": made.b}]})
    };
    call(&mut made.world, "CreateRule", &rule(20));
    call(&mut made.world, "CreateRule", &rule(3));
    assert_eq!(
        code(&mut made.world, "CreateRule", &rule(20)),
        "PriorityInUse"
    );
    let change =
        json!({"ListenerArn": made.listener, "DefaultActions": weighted(&made.a, 5, &made.b, 95)});
    let changed = call(&mut made.world, "ModifyListener", &change);
    let rules = call(
        &mut made.world,
        "DescribeRules",
        &json!({"ListenerArn": made.listener}),
    );
    let rules = rules["Rules"].as_array().unwrap();
    let priorities: Vec<_> = rules.iter().map(|rule| rule["Priority"].clone()).collect();
    assert_eq!(priorities, ["3", "20", "default"]);
    assert_eq!(rules[2]["IsDefault"], true);
    assert_eq!(
        rules[2]["Actions"],
        changed["Listeners"][0]["DefaultActions"]
    );
    assert_eq!(
        rules[0]["Conditions"][0]["PathPatternConfig"]["Values"],
        json!(["/api/*"])
    );
    let default = json!({"RuleArn": rules[2]["RuleArn"]});
    assert_eq!(
        code(&mut made.world, "DeleteRule", &default),
        "OperationNotPermitted"
    );
    let found = call(
        &mut made.world,
        "DescribeRules",
        &json!({"RuleArns": [rules[2]["RuleArn"]]}),
    );
    assert_eq!(found["Rules"][0], rules[2]);
}

#[test]
fn priorities_can_be_exchanged_in_one_call() {
    let mut made = made();
    let mut arns = Vec::new();
    for priority in [1, 2] {
        let rule = call(
            &mut made.world,
            "CreateRule",
            &json!({"ListenerArn": made.listener, "Priority": priority,
            "Conditions": [{"Field": "path-pattern", "Values": ["/x"]}],
            "Actions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]}),
        );
        arns.push(text_at(&rule, "/Rules/0/RuleArn"));
    }
    let swap = json!({"RulePriorities": [
        {"RuleArn": arns[0], "Priority": "2"}, {"RuleArn": arns[1], "Priority": "1"}]});
    call(&mut made.world, "SetRulePriorities", &swap);
    assert_eq!(made.world.elb.rules[&arns[0]].priority, 2);
    let clash = json!({"RulePriorities": [{"RuleArn": arns[0], "Priority": 1}]});
    assert_eq!(
        code(&mut made.world, "SetRulePriorities", &clash),
        "PriorityInUse"
    );
}

#[test]
fn what_is_in_use_is_not_deleted() {
    let mut made = made();
    let delete = json!({"TargetGroupArn": made.a});
    assert_eq!(
        code(&mut made.world, "DeleteTargetGroup", &delete),
        "ResourceInUse"
    );
    call(
        &mut made.world,
        "DeleteListener",
        &json!({"ListenerArn": made.listener}),
    );
    call(&mut made.world, "DeleteTargetGroup", &delete);
    assert!(made.world.elb.group(&made.a).is_none());
}

#[test]
fn what_does_not_exist_is_named_by_awss_codes() {
    let mut made = made();
    let gone = |arn: &str| format!("{}0", &arn[..arn.len() - 1]).replace("shop", "gone");
    let world = &mut made.world;
    for (operation, input, wanted) in [
        (
            "DescribeLoadBalancers",
            json!({"Names": ["x"]}),
            "LoadBalancerNotFound",
        ),
        (
            "DescribeTargetGroups",
            json!({"Names": ["x"]}),
            "TargetGroupNotFound",
        ),
        (
            "DescribeTargetHealth",
            json!({"TargetGroupArn": gone(&made.a)}),
            "TargetGroupNotFound",
        ),
        (
            "DescribeListeners",
            json!({"ListenerArns": [gone(&made.listener)]}),
            "ListenerNotFound",
        ),
        ("DescribeListeners", json!({}), "ValidationError"),
        (
            "DescribeRules",
            json!({"RuleArns": [gone(&made.listener)]}),
            "RuleNotFound",
        ),
        (
            "DescribeTags",
            json!({"ResourceArns": [gone(&made.a)]}),
            "TargetGroupNotFound",
        ),
        ("DoMagic", json!({}), "InvalidAction"),
    ] {
        assert_eq!(code(world, operation, &input), wanted, "{operation}");
    }
}

#[test]
fn creating_twice_gives_the_same_or_refuses_other_settings() {
    let mut made = made();
    assert_eq!(load_balancer(&mut made.world, "shop"), made.lb);
    assert_eq!(group(&mut made.world, "shop-a"), made.a);
    let input = json!({"Name": "shop-a", "Protocol": "HTTP", "Port": 81, "VpcId": "vpc-1", "TargetType": "ip"});
    assert_eq!(
        code(&mut made.world, "CreateTargetGroup", &input),
        "DuplicateTargetGroupName"
    );
    let input = json!({"LoadBalancerArn": made.lb, "Port": 80, "Protocol": "HTTP",
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": made.a}]});
    assert_eq!(
        code(&mut made.world, "CreateListener", &input),
        "DuplicateListener"
    );
}

#[test]
fn group_attributes_have_awss_defaults_and_limits() {
    let mut made = made();
    let get = |world: &mut World, key: &str| {
        let out = call(
            world,
            "DescribeTargetGroupAttributes",
            &json!({"TargetGroupArn": made.a}),
        );
        let all = out["Attributes"].as_array().unwrap().clone();
        all.iter()
            .find(|a| a["Key"] == key)
            .map(|a| text_at(a, "/Value"))
    };
    let delay = "deregistration_delay.timeout_seconds";
    assert_eq!(get(&mut made.world, delay).as_deref(), Some("300"));
    let set = |value: &str| json!({"TargetGroupArn": made.a, "Attributes": [{"Key": delay, "Value": value}]});
    call(&mut made.world, "ModifyTargetGroupAttributes", &set("20"));
    assert_eq!(get(&mut made.world, delay).as_deref(), Some("20"));
    assert_eq!(
        made.world
            .elb
            .group(&made.a)
            .unwrap()
            .deregistration_delay()
            .as_secs(),
        20
    );
    assert_eq!(
        code(&mut made.world, "ModifyTargetGroupAttributes", &set("3601")),
        "InvalidConfigurationRequest"
    );
}

#[test]
fn targets_are_described_with_reasons() {
    let mut made = made();
    let target = json!({"Id": "10.0.0.9", "Port": "8080"});
    let input = json!({"TargetGroupArn": made.b, "Targets": [target]});
    let unknown = call(&mut made.world, "DescribeTargetHealth", &input);
    assert_eq!(
        text_at(&unknown, "/TargetHealthDescriptions/0/TargetHealth/Reason"),
        "Target.NotRegistered"
    );
    call(&mut made.world, "RegisterTargets", &input);
    let out = call(
        &mut made.world,
        "DescribeTargetHealth",
        &json!({"TargetGroupArn": made.b}),
    );
    assert_eq!(
        out["TargetHealthDescriptions"][0],
        json!({
        "Target": {"Id": "10.0.0.9", "Port": 8080, "AvailabilityZone": null},
        "HealthCheckPort": "8080",
        "TargetHealth": {"State": "unused", "Reason": "Target.NotInUse",
            "Description": "Target group is not configured to receive traffic from the load balancer"}})
    );
    call(&mut made.world, "DeregisterTargets", &input);
    let out = call(
        &mut made.world,
        "DescribeTargetHealth",
        &json!({"TargetGroupArn": made.b}),
    );
    assert_eq!(out["TargetHealthDescriptions"], json!([]));
    let bad = json!({"TargetGroupArn": made.b, "Targets": [{"Id": "i-123"}]});
    assert_eq!(
        code(&mut made.world, "RegisterTargets", &bad),
        "ValidationError"
    );
}

#[test]
fn tags_are_kept_per_resource() {
    let mut made = made();
    let arns = json!([made.a]);
    call(
        &mut made.world,
        "AddTags",
        &json!({"ResourceArns": arns, "Tags": [{"Key": "k", "Value": "v"}, {"Key": "x"}]}),
    );
    call(
        &mut made.world,
        "RemoveTags",
        &json!({"ResourceArns": arns, "TagKeys": ["x"]}),
    );
    let out = call(
        &mut made.world,
        "DescribeTags",
        &json!({"ResourceArns": arns}),
    );
    assert_eq!(
        out["TagDescriptions"],
        json!([{"ResourceArn": made.a, "Tags": [{"Key": "k", "Value": "v"}]}])
    );
}

#[test]
fn listings_are_paged() {
    let mut made = made();
    let first = call(
        &mut made.world,
        "DescribeTargetGroups",
        &json!({"PageSize": "1"}),
    );
    let marker = text_at(&first, "/NextMarker");
    let second = call(
        &mut made.world,
        "DescribeTargetGroups",
        &json!({"PageSize": "1", "Marker": marker}),
    );
    assert!(second["NextMarker"].is_null());
    assert_ne!(first["TargetGroups"], second["TargetGroups"]);
}

#[test]
fn network_load_balancers_take_weights_but_no_rules() {
    let mut world = empty_world();
    let lb = call(
        &mut world,
        "CreateLoadBalancer",
        &json!({"Name": "net", "Type": "network", "Subnets": ["subnet-1"]}),
    );
    let lb = text_at(&lb, "/LoadBalancers/0/LoadBalancerArn");
    assert!(lb.contains(":loadbalancer/net/net/"));
    let mut tcp = |name: &str| {
        let input =
            json!({"Name": name, "Protocol": "TCP", "Port": 80, "VpcId": "v", "TargetType": "ip"});
        text_at(
            &call(&mut world, "CreateTargetGroup", &input),
            "/TargetGroups/0/TargetGroupArn",
        )
    };
    let (a, b) = (tcp("a"), tcp("b"));
    let http = group(&mut world, "h");
    let listener = |actions: Value| json!({"LoadBalancerArn": lb, "Port": 80, "Protocol": "TCP", "DefaultActions": actions});
    let wrong = listener(weighted(&a, 1, &http, 0));
    assert_eq!(
        code(&mut world, "CreateListener", &wrong),
        "IncompatibleProtocols"
    );
    let made = call(
        &mut world,
        "CreateListener",
        &listener(weighted(&a, 100, &b, 0)),
    );
    let rule = json!({"ListenerArn": text_at(&made, "/Listeners/0/ListenerArn"), "Priority": 1,
        "Conditions": [{"Field": "path-pattern", "Values": ["/"]}], "Actions": weighted(&a, 1, &b, 1)});
    assert_eq!(
        code(&mut world, "CreateRule", &rule),
        "InvalidConfigurationRequest"
    );
    let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]);
    let mut other = listener(fixed);
    other["Port"] = json!(81);
    assert_eq!(
        code(&mut world, "CreateListener", &other),
        "InvalidLoadBalancerAction"
    );
    let shown = call(
        &mut world,
        "DescribeTargetGroupAttributes",
        &json!({"TargetGroupArn": a}),
    );
    let has = |key: &str, value: &str| {
        let all = shown["Attributes"].as_array().unwrap();
        all.contains(&json!({"Key": key, "Value": value}))
    };
    assert!(has("stickiness.type", "source_ip"), "{shown}");
    assert!(!shown.to_string().contains("cookie"), "{shown}");
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
