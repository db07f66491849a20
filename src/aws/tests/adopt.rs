//! Adopting a service: the look, and what is added.

use super::*;
use crate::adopt::{Facts, Proposal, Twin, Wanted, propose};
use crate::aws::Unfinished;
use crate::sandbox::wire::cloudwatch;

/// A service as it is before anybody thought of blue/green: one group, with settings of its own,
/// behind a plain listener and a rule that authenticates and is sticky.
fn alone() -> Scene {
    let scene = Scene::new();
    let Balancer {
        listener,
        group_a,
        group_b,
        ..
    } = scene.balancer.clone();
    scene.elb(
        "ModifyListener",
        &json!({
            "ListenerArn": listener,
            "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group_a }],
        }),
    );
    scene.elb("DeleteTargetGroup", &json!({ "TargetGroupArn": group_b }));
    scene.elb(
        "ModifyTargetGroup",
        &json!({
            "TargetGroupArn": group_a, "HealthCheckPath": "/health?a=b&c", "HealthCheckPort": "8080",
            "Matcher": { "HttpCode": "200-204" }, "HealthyThresholdCount": 3,
        }),
    );
    let attribute = |key: &str, value: &str| json!({ "Key": key, "Value": value });
    scene.elb(
        "ModifyTargetGroupAttributes",
        &json!({
            "TargetGroupArn": group_a,
            "Attributes": [
                attribute("slow_start.duration_seconds", "45"),
                attribute("load_balancing.algorithm.type", "least_outstanding_requests"),
                attribute("from.the.future", "x y"),
            ],
        }),
    );
    scene.elb(
        "AddTags",
        &json!({
            "ResourceArns": [group_a],
            "Tags": [{ "Key": "team", "Value": "a & b" }, { "Key": "aws:cloudformation:x", "Value": "y" }],
        }),
    );
    scene.elb(
        "CreateRule",
        &json!({
            "ListenerArn": listener, "Priority": 7,
            "Conditions": [
                { "Field": "http-header", "HttpHeaderConfig": {
                    "HttpHeaderName": "X-Who", "Values": ["me"] } },
                { "Field": "path-pattern", "Values": ["/admin/*"] },
            ],
            "Actions": [
                { "Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {
                    "Issuer": "https://id.example.com", "ClientId": "shop", "ClientSecret": "s3cret",
                    "AuthorizationEndpoint": "https://id.example.com/a",
                    "TokenEndpoint": "https://id.example.com/t",
                    "UserInfoEndpoint": "https://id.example.com/u" } },
                { "Type": "forward", "Order": 2, "ForwardConfig": {
                    "TargetGroups": [{ "TargetGroupArn": group_a, "Weight": 7 }],
                    "TargetGroupStickinessConfig": { "Enabled": true, "DurationSeconds": 90 } } },
            ],
        }),
    );
    scene.calls();
    scene
}

impl Scene {
    fn elb(&self, operation: &str, input: &Value) -> Value {
        self.region
            .with_world(|world| elbv2::handle(world, operation, input).unwrap())
    }

    async fn look(&self) -> Facts {
        let service = EcsServiceName::new(demo::SERVICE);
        let found = self
            .cloud
            .look_to_adopt(
                &ClusterName::new(demo::CLUSTER),
                &service,
                &Wanted::default(),
            )
            .await;
        found.unwrap().unwrap()
    }

    async fn proposal(&self) -> Proposal {
        propose(&self.look().await).unwrap()
    }

    async fn adopt(&self) -> (Vec<String>, Result<(), Unfinished>) {
        let mut done = Vec::new();
        let proposal = self.proposal().await;
        let result = self.cloud.adopt(&proposal, |words| done.push(words)).await;
        (done, result)
    }

    /// The listener and its rules, the group's description, attributes and tags.
    fn shown(&self, group: &str) -> [Value; 5] {
        let listener = &self.balancer.listener;
        let group = json!({ "TargetGroupArn": group });
        let texts = |operation, input: &Value| as_texts(self.elb(operation, input));
        let arns = json!([group["TargetGroupArn"]]);
        [
            texts("DescribeListeners", &json!({ "ListenerArns": [listener] })),
            texts("DescribeRules", &json!({ "ListenerArn": listener })),
            texts("DescribeTargetGroups", &json!({ "TargetGroupArns": arns })),
            texts("DescribeTargetGroupAttributes", &group),
            texts("DescribeTags", &json!({ "ResourceArns": arns })),
        ]
    }

    fn group_b(&self) -> String {
        let shown = self.elb("DescribeTargetGroups", &json!({ "Names": ["shop-b"] }));
        shown["TargetGroups"][0]["TargetGroupArn"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// As it stands in XML, where there are only texts.
fn as_texts(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(as_texts).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(fields.map(|(key, value)| (key, as_texts(value))).collect())
        }
        Value::String(text) => Value::String(text),
        Value::Null => Value::Null,
        plain => Value::String(plain.to_string()),
    }
}

/// Takes the group out of every list of groups, wherever it stands at weight 0, and what goes
/// with a single group.
fn without(value: &mut Value, group: &str) {
    match value {
        Value::Array(items) => {
            items.retain(|item| {
                item["TargetGroupArn"] != group || item.get("Weight") != Some(&json!("0"))
            });
            items.iter_mut().for_each(|item| without(item, group));
        }
        Value::Object(fields) => {
            if fields.contains_key("ForwardConfig") {
                fields.remove("TargetGroupArn");
            }
            fields.values_mut().for_each(|field| without(field, group));
        }
        _ => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_finds_everything_and_only_reads() {
    let scene = alone();
    let facts = scene.look().await;
    let reads = ["Describe", "List", "Get"];
    for call in scene.calls().keys() {
        assert!(reads.iter().any(|verb| call.starts_with(verb)), "{call}");
    }
    assert_eq!(
        (facts.account.as_str(), facts.region.as_str()),
        ("123456789012", "eu-west-1")
    );
    let labels: Vec<String> = facts.routes.iter().map(|it| it.forward.label()).collect();
    assert_eq!(labels, ["shop:80", "shop:80 /admin/* x-who: me"]);
    assert_eq!(facts.routes[1].beside, ["authenticate-oidc"]);
    assert_eq!(
        facts.routes[1].forward.sticky,
        Some(Duration::from_secs(90))
    );
    assert_eq!(facts.groups.len(), 1, "{:?}", facts.groups);
    assert_eq!(facts.groups[0].targets, 2);
    assert_eq!(facts.groups[0].setting("Matcher.HttpCode"), "200-204");
    assert_eq!(facts.groups[0].tags.keys().collect::<Vec<_>>(), ["team"]);
    let alarms: Vec<&str> = facts.alarms.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        alarms,
        ["shop-a-5xx", "shop-a-latency"],
        "the others name a group that is gone"
    );
    assert_eq!(facts.limits.per_action, 5);
    assert_eq!(
        facts.limits.per_balancer.values().collect::<Vec<_>>(),
        [&(1, 100)]
    );
    assert_eq!(facts.scaling, Seen::Value(BTreeMap::new()));
    assert_eq!(facts.notes, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn reads_that_lag_behind_its_writes_are_waited_for() {
    let scene = alone();
    let options = RegionOptions {
        read_lag: Duration::from_secs(8),
        ..RegionOptions::default()
    };
    let world = scene.region.with_world(|world| world.clone());
    let region = Region::with(world, options);
    let cloud = Cloud::with_config(&region.sdk_config());
    let scene = Scene {
        region,
        cloud,
        ..scene
    };
    let (done, result) = scene.adopt().await;
    result.unwrap();
    assert_eq!(done.len(), 4, "{done:?}");
    assert_eq!(scene.proposal().await.additions(), []);
}

#[tokio::test(start_paused = true)]
async fn adopting_adds_a_clone_at_weight_0_and_changes_nothing_else() {
    let scene = alone();
    let a = scene.balancer.group_a.clone();
    let [listener, rules, mut group, attributes, mut tags] = scene.shown(&a);
    let (done, result) = scene.adopt().await;
    result.unwrap();
    assert_eq!(
        done,
        [
            "target group shop-b",
            "attributes of target group shop-b",
            "shop-b at weight 0 in shop:80",
            "shop-b at weight 0 in shop:80 /admin/* x-who: me",
        ]
    );

    let b = scene.group_b();
    let weights = |shown: &Value, at: &str| {
        let groups = shown.pointer(at).and_then(Value::as_array).unwrap();
        let weight = |it: &Value| {
            (
                it["TargetGroupArn"] == b,
                it["Weight"].as_str().unwrap().to_owned(),
            )
        };
        groups.iter().map(weight).collect::<Vec<_>>()
    };
    let [
        mut listener_after,
        mut rules_after,
        mut of_b,
        attributes_of_b,
        mut tags_of_b,
    ] = scene.shown(&b);
    let default = "/Listeners/0/DefaultActions/0/ForwardConfig/TargetGroups";
    assert_eq!(
        weights(&listener_after, default),
        [(false, "1".to_owned()), (true, "0".to_owned())]
    );
    let mut found = rules["Rules"].as_array().unwrap().iter();
    let at = found.position(|rule| rule["Priority"] == "7").unwrap();
    let rule = &format!("/Rules/{at}/Actions/1/ForwardConfig/TargetGroups");
    assert_eq!(
        weights(&rules_after, rule),
        [(false, "7".to_owned()), (true, "0".to_owned())]
    );
    for (before, after) in [(listener, &mut listener_after), (rules, &mut rules_after)] {
        let mut before = before;
        without(&mut before, &b);
        without(after, &b);
        assert_eq!(*after, before);
    }
    for described in [&mut group, &mut of_b] {
        let described = described["TargetGroups"][0].as_object_mut().unwrap();
        assert!(described.remove("TargetGroupArn").is_some());
        assert!(described.remove("TargetGroupName").is_some());
        assert_eq!(described["LoadBalancerArns"], json!([scene.balancer.arn]));
    }
    assert_eq!(of_b, group);
    assert_eq!(attributes_of_b, attributes);
    let own = |tags: &mut Value| tags["TagDescriptions"][0]["Tags"].take();
    let mut tags = own(&mut tags);
    // CloudFormation's own tags can't be copied.
    tags.as_array_mut()
        .unwrap()
        .retain(|tag| tag["Key"] == "team");
    assert_eq!(own(&mut tags_of_b), tags);
}

#[tokio::test(start_paused = true)]
async fn a_second_time_nothing_is_missing_and_nothing_is_written() {
    let scene = alone();
    scene.adopt().await.1.unwrap();
    scene.calls();
    let before = scene.shown(&scene.group_b());
    let (done, result) = scene.adopt().await;
    result.unwrap();
    assert_eq!(done, [""; 0]);
    for call in scene.calls().keys() {
        assert!(
            !call.starts_with("Modify") && !call.starts_with("Create"),
            "{call}"
        );
    }
    assert_eq!(scene.shown(&scene.group_b()), before);
}

#[tokio::test(start_paused = true)]
async fn what_stopped_half_way_is_named_and_taken_up_where_it_stopped() {
    let calls = [
        "CreateTargetGroup",
        "ModifyTargetGroupAttributes",
        "ModifyListener",
        "ModifyRule",
    ];
    for (at, call) in calls.into_iter().enumerate() {
        for kind in [
            FaultKind::Denied,
            FaultKind::ResetAfter,
            FaultKind::InternalError,
        ] {
            let (scene, untouched) = (alone(), alone());
            scene.fault(call, kind, When::First(1));
            let (done, result) = scene.adopt().await;
            let error = result.unwrap_err().error;
            assert!(error.operation.ends_with(call), "{call} {kind:?}: {error}");
            assert_eq!(done.len(), at, "{call} {kind:?}");
            scene.adopt().await.1.unwrap();
            assert!(
                scene.proposal().await.additions().is_empty(),
                "{call} {kind:?}"
            );
            untouched.adopt().await.1.unwrap();
            let [_, _, _, attributes, tags] = scene.shown(&scene.group_b());
            let [_, _, _, wanted, wanted_tags] = untouched.shown(&untouched.group_b());
            assert_eq!(attributes, wanted, "{call} {kind:?}");
            let of = |tags: &Value| tags["TagDescriptions"][0]["Tags"].clone();
            assert_eq!(of(&tags), of(&wanted_tags), "{call} {kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_asked_for_is_noted() {
    let scene = alone();
    for call in [
        "DescribeAlarms",
        "DescribeTags",
        "DescribeAccountLimits",
        "DescribeScalableTargets",
        "ListHostedZones",
    ] {
        scene.fault(call, FaultKind::Denied, When::Always);
    }
    let proposal = scene.proposal().await;
    let notes = proposal.notes.join("\n");
    for words in [
        "alarms can't",
        "tags can't",
        "limits can't",
        "autoscaling can't",
        "Route 53 was not looked at (",
        "by hand: `routes: [{ record: NAME }]`",
    ] {
        assert!(notes.contains(words), "{notes}");
    }
    assert!(matches!(&proposal.pairs[0].b, Twin::New { name } if name == "shop-b"));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_there_is_no_error() {
    let scene = Scene::new();
    for (cluster, service) in [("demo", "shp"), ("dmeo", "shop")] {
        let (cluster, service) = (ClusterName::new(cluster), EcsServiceName::new(service));
        assert_eq!(
            scene
                .cloud
                .look_to_adopt(&cluster, &service, &Wanted::default())
                .await
                .unwrap(),
            None
        );
    }
    assert_eq!(scene.cloud.names_of_clusters().await.unwrap(), ["demo"]);
}

#[tokio::test(start_paused = true)]
async fn alarms_that_are_made_of_the_service_s_are_found_with_what_those_measure() {
    let scene = alone();
    let put = |operation: &str, input: Value| {
        scene
            .region
            .with_world(|world| cloudwatch::handle(world, operation, &input).unwrap());
    };
    let cpu = json!({
        "AlarmName": "cpu", "Namespace": "AWS/ECS", "MetricName": "CPUUtilization",
        "Dimensions": [
            { "Name": "ClusterName", "Value": demo::CLUSTER },
            { "Name": "ServiceName", "Value": demo::SERVICE },
        ],
        "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1, "Threshold": 90,
        "ComparisonOperator": "GreaterThanThreshold",
    });
    put("PutMetricAlarm", cpu);
    let ill = json!({ "AlarmName": "ill", "AlarmRule": "ALARM(\"cpu\")" });
    put("PutCompositeAlarm", ill);
    let facts = scene.look().await;
    let ill = facts.alarms.iter().find(|it| it.name.as_str() == "ill");
    let ill = ill.expect("it is found");
    assert_eq!(ill.services, [demo::SERVICE]);
    assert_eq!(ill.made_of[0].as_str(), "cpu");
    let lines = scene.proposal().await.alarms;
    let told = lines.iter().filter(|line| line.unfit.is_some());
    let told: Vec<&str> = told.map(|it| it.name.as_str()).collect();
    assert!(told.contains(&"cpu") && told.contains(&"ill"), "{told:?}");
}
