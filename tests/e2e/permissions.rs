//! `bg iam-policy`: what it prints is all that is needed, and nothing that isn't.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::permissions::{policy, refused};
use super::support::{CONFIG, Scene, bare, between};

/// A config with everything in it that needs something.
const EVERYTHING: &str = r#"
service: shop
cluster: demo
region: eu-west-1
account: "123456789012"
slots:
  a: { service: shop,   target_group: shop-a }
  b: { service: shop-b, target_group: shop-b }
strategy:
  steps: [{ weight: 10%, bake: 1m }, { weight: 100% }]
  bake: 1m
guards:
  targets: { for: 10s }
  alarms: ["shop-{slot}-5xx"]
retire: { after: 1m, then: delete, at_most: 2m }
deadman: { after: 5m, role: "arn:aws:iam::123456789012:role/bg-deadman" }
gates:
  - { name: checks, at: before-traffic, lambda: "shop-checks:live" }
  - { name: scan, at: before-traffic, image: { unscanned: pass } }
notify:
  - { sns: "arn:aws:sns:eu-west-1:123456789012:deployments", on: [promoted, reverted] }
  - { event_bus: deployments, on: [promoted] }
user_pools: ["arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a"]
state: dynamodb://bg-state
patience: 60m
blind_after: 30m
"#;

/// One or several texts.
fn texts(value: &Value) -> Vec<&str> {
    let several = value.as_array().into_iter().flatten();
    several.chain([value]).filter_map(Value::as_str).collect()
}

fn actions(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().expect("statements");
    let actions = statements.iter().flat_map(|it| texts(&it["Action"]));
    actions.map(str::to_owned).collect()
}

#[track_caller]
fn statement<'a>(policy: &'a Value, sid: &str) -> &'a Value {
    let statements = policy["Statement"].as_array().expect("statements");
    let found = statements.iter().find(|it| it["Sid"] == sid);
    found.unwrap_or_else(|| panic!("no {sid} in {policy:#}"))
}

/// A listener rule that forwards as the listener does.
fn add_rule(scene: &Scene) {
    let (listener, a, b) = (
        scene.listener(),
        scene.group("shop-a"),
        scene.group("shop-b"),
    );
    let groups = "Actions.member.1.ForwardConfig.TargetGroups.member";
    let group = |n: u8, field: &str| format!("{groups}.{n}.{field}");
    let rule = [
        ("ListenerArn".to_owned(), listener.as_str()),
        ("Priority".to_owned(), "10"),
        ("Conditions.member.1.Field".to_owned(), "path-pattern"),
        (
            "Conditions.member.1.PathPatternConfig.Values.member.1".to_owned(),
            "/api/*",
        ),
        ("Actions.member.1.Type".to_owned(), "forward"),
        (group(1, "TargetGroupArn"), &a),
        (group(1, "Weight"), "100"),
        (group(2, "TargetGroupArn"), &b),
        (group(2, "Weight"), "0"),
    ];
    let rule: Vec<_> = rule
        .iter()
        .map(|(key, value)| (key.as_str(), *value))
        .collect();
    scene.elb("CreateRule", &rule);
}

/// A listener where people log in before it forwards.
fn add_login(scene: &Scene) {
    let shown = scene.elb("DescribeLoadBalancers", &[]);
    let balancer = between(&shown, "<LoadBalancerArn>", "<").expect("the demo's");
    let (a, b) = (scene.group("shop-a"), scene.group("shop-b"));
    let login = "DefaultActions.member.1";
    let asked = |field: &str| format!("{login}.AuthenticateCognitoConfig.{field}");
    let forward = "DefaultActions.member.2";
    let group =
        |n: u8, field: &str| format!("{forward}.ForwardConfig.TargetGroups.member.{n}.{field}");
    let listener = [
        ("LoadBalancerArn".to_owned(), balancer),
        ("Protocol".to_owned(), "HTTPS"),
        ("Port".to_owned(), "443"),
        (
            "Certificates.member.1.CertificateArn".to_owned(),
            "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b",
        ),
        (format!("{login}.Type"), "authenticate-cognito"),
        (format!("{login}.Order"), "1"),
        (
            asked("UserPoolArn"),
            "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a",
        ),
        (asked("UserPoolClientId"), "abc"),
        (asked("UserPoolDomain"), "shop"),
        (format!("{forward}.Type"), "forward"),
        (format!("{forward}.Order"), "2"),
        (group(1, "TargetGroupArn"), &a),
        (group(1, "Weight"), "100"),
        (group(2, "TargetGroupArn"), &b),
        (group(2, "Weight"), "0"),
    ];
    let listener = listener.iter().map(|(key, value)| (key.as_str(), *value));
    scene.elb("CreateListener", &listener.collect::<Vec<_>>());
}

fn of_service(service: &str, more: Value) -> Value {
    let mut input = json!({
        "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": format!("service/demo/{service}"),
    });
    if let (Some(fields), Value::Object(more)) = (input.as_object_mut(), more) {
        fields.extend(more);
    }
    input
}

/// Bounds, and a policy by steps that an alarm calls.
fn autoscale(scene: &Scene) {
    let bounds = json!({ "MinCapacity": 1, "MaxCapacity": 4, "Tags": { "team": "shop" } });
    scene.scaling("RegisterScalableTarget", &of_service("shop", bounds));
    let steps = [json!({ "MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1 })];
    let policy = json!({
        "PolicyName": "busy", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration":
            { "AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps },
    });
    let busy = scene.scaling("PutScalingPolicy", &of_service("shop", policy));
    let alarm = [
        ("AlarmName", "shop-busy"),
        ("Namespace", "AWS/ECS"),
        ("MetricName", "CPUUtilization"),
        ("Statistic", "Average"),
        ("Period", "60"),
        ("EvaluationPeriods", "2"),
        ("Threshold", "90"),
        ("ComparisonOperator", "GreaterThanThreshold"),
        (
            "AlarmActions.member.1",
            busy["PolicyARN"].as_str().expect("an ARN"),
        ),
    ];
    scene.cloudwatch("PutMetricAlarm", &alarm);
    schedule(scene, "shop", "night");
}

fn schedule(scene: &Scene, service: &str, name: &str) {
    let schedule = json!({
        "ScheduledActionName": name, "Schedule": "cron(0 22 * * ? *)",
        "ScalableTargetAction": { "MinCapacity": 1 },
    });
    scene.scaling("PutScheduledAction", &of_service(service, schedule));
}

/// A policy and a schedule that the live slot doesn't have.
fn scale_otherwise(scene: &Scene, service: &str) {
    let metric = json!({ "PredefinedMetricType": "ECSServiceAverageMemoryUtilization" });
    let policy = json!({
        "PolicyName": "memory", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration":
            { "TargetValue": 90.0, "PredefinedMetricSpecification": metric },
    });
    scene.scaling("PutScalingPolicy", &of_service(service, policy));
    schedule(scene, service, "weekend");
}

fn unused(scene: &Scene) -> Vec<String> {
    let needed = scene.needs();
    let needed: BTreeSet<_> = needed.iter().map(|it| it["action"].as_str()).collect();
    let allowed = actions(&policy(EVERYTHING).expect("a sound config"));
    let unused = allowed.into_iter();
    unused
        .filter(|action| !needed.contains(&Some(action.as_str())))
        .collect()
}

/// That each of these calls is allowed is seen when the scene ends, as of every other scene.
#[test]
fn whatever_the_policy_allows_is_made_use_of() {
    let scene = Scene::at_speed(100);
    scene.write("bg.yaml", EVERYTHING);
    add_rule(&scene);
    add_login(&scene);
    autoscale(&scene);
    scene.bg(&["init", "--state"]).exits(0);
    let image = |tag: &str| format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:{tag}");
    scene
        .bg(&["deploy", "--image", &image("v2"), "--no-wait-retire"])
        .exits(0);
    scale_otherwise(&scene, "shop");
    scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
    scene.bg(&["deploy", "--image", &image("v3")]).exits(0);
    scene.bg(&["plan", "--image", &image("v3")]).exits(0);
    scene.write("taskdef.json", &super::verify::definition().to_string());
    scene
        .bg(&["verify", "--task-definition", "taskdef.json"])
        .exits(0);
    scene.bg(&["deploy", "--image", &image("crash")]).exits(4);
    let mut deployment = scene.start(&["deploy", "--image", &image("v4")]);
    deployment.until_it_says("baking");
    scene.bg(&["abort"]).exits(0);
    deployment.end().exits(4);
    scene.bg(&["doctor"]).exits(0);
    scene.write(
        "bg.yaml",
        &EVERYTHING.replace("cluster: demo", "cluster: dmo"),
    );
    scene.bg(&["doctor"]).exits(3).complains("demo");
    assert_eq!(unused(&scene), [""; 0]);
}

#[test]
fn a_call_that_the_policy_lacks_is_noticed() {
    let scene = Scene::at_speed(100);
    scene.bg(&["status"]).exits(0);
    let needs = scene.needs();
    let mut policy = policy(CONFIG).expect("a sound config");
    assert!(refused(&[policy.clone()], &needs).is_empty());
    let statements = policy["Statement"].as_array_mut().expect("statements");
    statements.retain(|it| it["Sid"] != "ReadServices");
    let refused = refused(&[policy], &needs);
    let refused: BTreeSet<_> = refused.iter().map(|it| it["resource"].as_str()).collect();
    let service = |name| format!("arn:aws:ecs:eu-west-1:123456789012:service/demo/{name}");
    let services = [service("shop"), service("shop-b")];
    assert_eq!(
        refused,
        services.iter().map(|it| Some(it.as_str())).collect()
    );
}

#[test]
fn it_needs_no_credentials_and_says_what_the_config_leaves_open() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = CONFIG.replace("region: eu-west-1\n", "");
    std::fs::write(folder.path().join("bg.yaml"), config).expect("it can be written to");
    let printed = bare(folder.path(), &[], &["iam-policy", "--output", "json"])
        .exits(0)
        .complains("put the account for ${account}")
        .complains("put the region for ${region}")
        .complains("list `routes` in bg.yaml");
    let services = statement(&printed.json(), "WriteServices")["Resource"].clone();
    assert_eq!(
        services[0],
        "arn:aws:ecs:${region}:${account}:service/demo/shop"
    );
    let quiet = bare(
        folder.path(),
        &[("AWS_REGION", "cn-north-1")],
        &["iam-policy", "-q"],
    );
    assert_eq!(quiet.stderr, "");
    let services = statement(&quiet.json(), "WriteServices")["Resource"].clone();
    assert_eq!(
        services[0],
        "arn:aws-cn:ecs:cn-north-1:${account}:service/demo/shop"
    );
}

#[test]
fn a_document_that_a_managed_policy_does_not_take_comes_in_two_halves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let more = "state: dynamodb://bg-state
deadman: { after: 5m, role: \"arn:aws:iam::123456789012:role/switch\" }
gates:
  - { name: hook, at: before-traffic, lambda: shop-checks }
  - { name: scan, at: before-traffic, image: default }
notify:
  - { sns: \"arn:aws:sns:eu-west-1:123456789012:deployments\" }
";
    let config = format!("{CONFIG}{more}");
    std::fs::write(folder.path().join("bg.yaml"), config).expect("it can be written to");
    let told = |arguments: &[&str]| bare(folder.path(), &[], arguments).exits(0);
    let whole = told(&["iam-policy"])
        .complains("characters, spaces left out, and a managed policy takes 6144")
        .complains("make two of it: `bg iam-policy --part read` and `--part write`");
    let names = |document: &Value| -> Vec<String> {
        let statements = document["Statement"].as_array().expect("statements");
        let names = statements.iter().map(|it| it["Sid"].as_str());
        names.flatten().map(str::to_owned).collect()
    };
    let [read, write] = ["read", "write"].map(|part| told(&["iam-policy", "--part", part]));
    for (half, begins) in [(&read, "Read"), (&write, "Write")] {
        assert!(!half.stderr.contains("characters"), "{half}");
        assert_eq!(half.json()["Version"], "2012-10-17");
        let names = names(&half.json());
        assert!(!names.is_empty() && names.iter().all(|it| it.starts_with(begins)));
    }
    let both = [names(&read.json()), names(&write.json())].concat();
    assert_eq!(both, names(&whole.json()), "nothing is left out");
}

#[test]
fn a_rule_that_a_header_alone_tells_apart_may_be_written_to() {
    let listed = "routes: [{ load_balancer: shop, port: 80, header: \"X-Shop: new\" }]\n";
    let printed = policy(&format!("{CONFIG}{listed}")).expect("a sound config");
    let rules = &statement(&printed, "WriteRules")["Resource"];
    assert_eq!(
        rules[0],
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/*"
    );
}

#[test]
fn it_has_nothing_that_the_config_does_not_ask_for() {
    let plain = CONFIG.replace(
        "  alarms: [\"shop-{slot}-5xx\", \"shop-{slot}-latency\"]\n",
        "",
    );
    let plain = actions(&policy(&plain).expect("a sound config"));
    let whole = actions(&policy(EVERYTHING).expect("a sound config"));
    let more: Vec<_> = whole.difference(&plain).collect();
    assert!(
        more.contains(&&"application-autoscaling:DeregisterScalableTarget".to_owned()),
        "{more:?}"
    );
    assert!(more.contains(&&"ecs:DeleteService".to_owned()), "{more:?}");
    let others = more
        .iter()
        .filter(|it| !(it.starts_with("scheduler:") || it.starts_with("dynamodb:")));
    // Deleting, calling functions, looking at scans and logins, and telling topics and buses.
    assert_eq!(others.count(), 8, "{more:?}");
}

#[test]
fn writes_are_only_on_what_the_config_names() {
    let routes = "routes:\n  - { load_balancer: shop, port: 80 }\n\
                  \x20 - { load_balancer: shop, port: 80, path: /api/* }\n";
    let policy = policy(&format!("{EVERYTHING}{routes}")).expect("a sound config");
    let of = |sid: &str| statement(&policy, sid).clone();
    let elb = "arn:aws:elasticloadbalancing:eu-west-1:123456789012";
    assert_eq!(
        of("WriteListeners")["Resource"],
        json!([
            format!("{elb}:listener/app/shop/*"),
            format!("{elb}:listener/net/shop/*")
        ])
    );
    assert_eq!(
        of("WriteRules")["Resource"],
        json!([format!("{elb}:listener-rule/app/shop/*")])
    );
    let role = of("WriteSwitchRole");
    assert_eq!(
        role["Resource"],
        json!(["arn:aws:iam::123456789012:role/bg-deadman"])
    );
    let to = &role["Condition"]["StringEquals"]["iam:PassedToService"];
    assert_eq!(to, "scheduler.amazonaws.com");
    assert_eq!(
        of("WriteFunctions")["Resource"],
        json!(["arn:aws:lambda:eu-west-1:123456789012:function:shop-checks:live"])
    );
    assert_eq!(
        of("WriteTopics")["Resource"],
        json!(["arn:aws:sns:eu-west-1:123456789012:deployments"])
    );
    assert_eq!(
        of("WriteBuses")["Resource"],
        json!(["arn:aws:events:eu-west-1:123456789012:event-bus/deployments"])
    );
    let statements = policy["Statement"].as_array().expect("statements");
    for it in statements
        .iter()
        .filter(|it| texts(&it["Resource"]) == ["*"])
    {
        let sid = it["Sid"].as_str().expect("a text");
        assert!(sid.starts_with("Read"), "{it}");
    }
}

#[test]
fn a_plan_names_the_user_pool_that_the_policy_lacks() {
    let scene = Scene::at_speed(100);
    add_login(&scene);
    let pool = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a";
    let plan = ["plan", "--image", "shop:v2"];
    scene
        .bg(&plan)
        .exits(0)
        .says(&format!("add {pool} to `user_pools` in bg.yaml"));
    scene.write("bg.yaml", &format!("{CONFIG}user_pools: [\"{pool}\"]\n"));
    let told = scene.bg(&plan).exits(0);
    assert!(!told.stdout.contains("user_pools"), "{told}");
    scene.bg(&["deploy", "--image", "shop:v2"]).exits(0);
}
