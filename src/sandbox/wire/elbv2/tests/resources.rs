//! Rules, groups, targets and tags: how they are made, found, listed and deleted.

use super::*;

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
