//! Files of other tools, and what is taken of them.

use super::*;

fn read(text: &str) -> Taken {
    Taken::read(text, "file").unwrap_or_else(|error| panic!("{error}"))
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

#[test]
fn ecspressos_config_names_the_service_and_the_files() {
    let taken = read(
        "region: eu-west-1\ncluster: prod\nservice: shop\nservice_definition: ecs-service-def.json\n\
         task_definition: ecs-task-def.json\ntimeout: 15m0s\nrequired_version: '>= 2'\n\
         plugins:\n  - name: tfstate\n    config: { url: s3://b/t }\n  - name: ssm\n\
         codedeploy:\n  application_name: app\n  deployment_group_name: group\n\
         appspec:\n  Hooks:\n    - AfterInstall: check\nbaz: 1\n",
    );
    assert_eq!(taken.timeout, Some(minutes(15)));
    assert_eq!(
        taken.service_definition.as_deref(),
        Some("ecs-service-def.json")
    );
    assert_eq!(
        taken.words(),
        [
            "region eu-west-1",
            "cluster prod",
            "service shop",
            "task definition ecs-task-def.json",
            "timeout 15m"
        ]
    );
    let left = taken.left().join("\n");
    for words in [
        "hook AfterInstall (check)",
        "--application-name app --deployment-group-name group",
        "plugins tfstate, ssm",
        "required_version",
        "baz (file:18): bg doesn't know it",
    ] {
        assert!(left.contains(words), "{words}\n{left}");
    }
    let least = read("service: shop\ntask_definition: t.json\n");
    assert_eq!(least.cluster.as_deref(), Some("default"));
}

#[test]
fn an_appspec_file_names_container_and_hooks() {
    let taken = read(
        "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      \
         Properties:\n        TaskDefinition: <TASK_DEFINITION>\n        LoadBalancerInfo:\n          \
         ContainerName: app\n          ContainerPort: 8080\n        PlatformVersion: LATEST\n\
         Hooks:\n  - BeforeAllowTraffic: arn:aws:lambda:x:1:function:check\n",
    );
    assert_eq!(taken.endpoint, Some(("app".to_owned(), 8080)));
    assert_eq!(taken.definition, None);
    let left = taken.left();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[0].starts_with("PlatformVersion"));
    let hook = "hook BeforeAllowTraffic (arn:aws:lambda:x:1:function:check): ";
    assert!(left[1].starts_with(hook), "{left:?}");
    assert!(
        left[1].contains("PutLifecycleEventHookExecutionStatus"),
        "{left:?}"
    );
    let lambda = "Resources: [{ f: { Type: AWS::Lambda::Function } }]";
    let error = Taken::read(lambda, "file").unwrap_err().to_string();
    assert!(error.contains("not for AWS::ECS::Service"), "{error}");
}

const GROUP: &str = r#"{ "deploymentGroupInfo": {
    "applicationName": "app", "deploymentGroupName": "group",
    "deploymentConfigName": "CodeDeployDefault.ECSLinear10PercentEvery1Minutes",
    "ecsServices": [{ "serviceName": "shop", "clusterName": "prod" }],
    "alarmConfiguration": { "enabled": true, "alarms": [{ "name": "shop-5xx" }] },
    "loadBalancerInfo": { "targetGroupPairInfoList": [{
        "targetGroups": [{ "name": "shop-1" }, { "name": "shop-2" }],
        "prodTrafficRoute": { "listenerArns": ["arn:l"] },
        "testTrafficRoute": { "listenerArns": ["arn:t"] } }] },
    "blueGreenDeploymentConfiguration": {
        "deploymentReadyOption": { "actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 30 },
        "terminateBlueInstancesOnDeploymentSuccess":
            { "action": "TERMINATE", "terminationWaitTimeInMinutes": 120 } },
    "triggerConfigurations": [
        { "triggerName": "people", "triggerTargetArn": "arn:aws:sns:eu-west-1:123456789012:shop",
          "triggerEvents": ["DeploymentStart", "DeploymentSuccess", "DeploymentRollback",
                            "InstanceFailure"] },
        { "triggerName": "pager", "triggerTargetArn": "TOPIC", "triggerEvents": ["DeploymentStop"] }],
    "tomorrow": {}
} }"#;

/// The topics of the deployment group.
pub(in crate::adopt) fn topics() -> Vec<Topic> {
    read(GROUP).topics
}

#[test]
fn a_deployment_group_says_how_it_deploys() {
    let taken = read(GROUP);
    assert_eq!(
        taken.words(),
        [
            "cluster prod",
            "service shop",
            "strategy linear",
            "retire the old version after 2h: scale-to-zero",
            "target groups shop-1 and shop-2",
            "alarms shop-5xx",
            "test route arn:t",
            "gate STOP_DEPLOYMENT: waits for `bg approve` before-traffic",
            "notify arn:aws:sns:eu-west-1:123456789012:shop of started, promoted, reverted, stuck"
        ]
    );
    let left = taken.left().join("\n");
    for words in [
        "trigger people: InstanceFailure: a deployment to ECS has no such event",
        "trigger pager: \"TOPIC\" is not the ARN of an SNS topic",
        "tomorrow (file:",
    ] {
        assert!(left.contains(words), "{words}\n{left}");
    }
}

#[test]
fn a_config_of_your_own_becomes_a_short_form() {
    let name = "CodeDeployDefault.ECSLinear10PercentEvery1Minutes";
    let group = read(&GROUP.replace(name, "Careful"));
    assert!(
        group
            .left()
            .join("\n")
            .contains("--deployment-config-name Careful")
    );
    let config = |routing: &str| {
        let config = format!(
            r#"{{ "deploymentConfigInfo": {{ "deploymentConfigName": "Careful", "computePlatform":
            "ECS", "trafficRoutingConfig": {routing} }} }}"#
        );
        read(&config)
    };
    let canary = config(
        r#"{ "type": "TimeBasedCanary", "timeBasedCanary": { "canaryPercentage": 15, "canaryInterval": 7 } }"#,
    );
    let both = group.clone().and(canary).unwrap();
    assert_eq!(both.strategy.as_deref(), Some("canary:15%:7m"));
    assert!(!both.left().join("\n").contains("Careful"));
    let linear = config(
        r#"{ "type": "TimeBasedLinear", "timeBasedLinear": { "linearPercentage": 20, "linearInterval": 2 } }"#,
    );
    assert_eq!(linear.strategy.as_deref(), Some("linear:20%:2m"));
    let other = Taken {
        cluster: Some("test".to_owned()),
        ..Taken::default()
    };
    let error = group.and(other).unwrap_err();
    assert_eq!(
        error,
        "the cluster is prod in one file, and test in another"
    );
}

#[test]
fn what_is_of_no_tool_is_refused_with_what_would_do() {
    let error = Taken::read("service: shop\n", "x.yml")
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("x.yml: this is neither"), "{error}");
    let error = Taken::read("task_definition: t\ntimeout: soon\n", "x.yml");
    assert!(error.unwrap_err().to_string().contains("x.yml:2:1"));
}

#[test]
fn a_service_definition_is_told_from_what_deploys() {
    let text = r#"{ "deploymentController": { "type": "CODE_DEPLOY" }, "desiredCount": 2 }"#;
    let words = service_definition(text, "service.json").unwrap();
    assert_eq!(words.left.len(), 3, "{words:?}");
    assert!(words.left[1].contains("controller is CODE_DEPLOY"));
    assert_eq!(words.hooks, []);
}

#[test]
fn ecss_own_strategies_are_taken_with_their_figures() {
    let of = |configuration: &str| {
        let text = format!(r#"{{ "deploymentConfiguration": {configuration} }}"#);
        service_definition(&text, "service.json").unwrap_or_else(|error| panic!("{error}"))
    };
    let taken = of(r#"{ "strategy": "CANARY", "bakeTimeInMinutes": 15,
             "canaryConfiguration": { "canaryPercent": 0.10000000000000001, "canaryBakeTimeInMinutes": 7 } }"#);
    assert_eq!(
        taken.words(),
        ["strategy canary:0.1%:7m", "bake 15m after the last step"]
    );
    assert!(taken.left().join("\n").contains("ECS's own CANARY"));
    let linear = r#"{ "strategy": "LINEAR", "linearConfiguration": { "stepPercent": 20.0, "stepBakeTimeInMinutes": 2 } }"#;
    assert_eq!(of(linear).strategy.as_deref(), Some("linear:20%:2m"));
    let figures = |strategy: &str| of(&format!(r#"{{ "strategy": "{strategy}" }}"#)).strategy;
    assert_eq!(figures("CANARY").as_deref(), Some("canary:5%:10m"));
    assert_eq!(figures("LINEAR").as_deref(), Some("linear:10%:6m"));
    assert_eq!(figures("BLUE_GREEN").as_deref(), Some("all-at-once"));
    assert_eq!((figures("ROLLING"), figures("NEW")), (None, None));
    let rolling = of(r#"{ "bakeTimeInMinutes": 30 }"#);
    assert_eq!(rolling.bake, None);
    assert!(
        rolling
            .left()
            .join("\n")
            .contains("bakeTimeInMinutes 30 is a rolling update's")
    );
    let odd = r#"{ "strategy": "LINEAR", "linearConfiguration": { "stepPercent": 33.33 } }"#;
    let text = format!(r#"{{ "deploymentConfiguration": {odd} }}"#);
    let error = service_definition(&text, "service.json").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("stepPercent is no percentage: 33.33")
    );
}

#[test]
fn alarms_and_the_other_target_groups_of_a_service_definition_are_taken() {
    let pair = |one: &str, other: &str| {
        let arn = |name| format!("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{name}/0a");
        format!(
            "  - TargetGroupArn: {}\n    AdvancedConfiguration: {{ AlternateTargetGroupArn: {} }}\n",
            arn(one),
            arn(other)
        )
    };
    // As CloudFormation writes it.
    let text = format!(
        "DeploymentConfiguration:\n  Alarms: {{ AlarmNames: [shop-5xx, slow], Enable: true, Rollback: \
         false }}\nLoadBalancers:\n{}{}",
        pair("shop", "shop-2"),
        pair("admin", "admin-2")
    );
    let taken = service_definition(&text, "service.yaml").unwrap();
    assert_eq!(
        taken.words(),
        [
            "target groups shop and shop-2",
            "target groups admin and admin-2",
            "alarms shop-5xx, slow"
        ]
    );
    assert!(taken.left().join("\n").contains("alarms.rollback is off"));
    let off = text.replace("Enable: true", "Enable: false");
    let off = service_definition(&off, "service.yaml").unwrap();
    assert!(off.alarms.is_empty());
    assert!(
        off.left()
            .join("\n")
            .contains("alarms shop-5xx, slow: they are not enabled there")
    );
}

const HOOKS: &str = r#"{ "deploymentConfiguration": { "strategy": "BLUE_GREEN", "lifecycleHooks": [
    { "hookTargetArn": "arn:aws:lambda:eu-west-1:123456789012:function:shop-checks:live",
      "roleArn": "arn:aws:iam::123456789012:role/ecs", "hookDetails": { "bucket": "${x}" },
      "lifecycleStages": ["PRE_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"],
      "timeoutConfiguration": { "timeoutInMinutes": 90, "action": "ROLLBACK" } },
    { "targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"],
      "timeoutConfiguration": { "timeoutInMinutes": 60, "action": "CONTINUE" } } ] } }"#;

#[test]
fn what_functions_made_for_codedeploy_lack_is_said_once() {
    let taken = read(
        "Resources: []\nHooks:\n  - AfterInstall: one\n  - BeforeAllowTraffic: two\n  \
         - AfterAllowTraffic: three\n",
    );
    let left = taken.left();
    assert_eq!(left.len(), 1, "{left:#?}");
    let hooks = "hook AfterInstall (one), hook BeforeAllowTraffic (two), hook AfterAllowTraffic \
                 (three): their gates come commented out: ";
    assert!(left[0].starts_with(hooks), "{left:?}");
    let gates = hooks::gates(&taken.hooks).join("\n");
    assert_eq!(gates.matches("PutLifecycleEventHook").count(), 1, "{gates}");
    let functions = "The functions of AfterInstall, BeforeAllowTraffic, AfterAllowTraffic have";
    assert!(gates.contains(functions), "{gates}");
}

#[test]
fn a_service_definition_of_its_own_stands_for_one_that_could_not_be_read() {
    let mut config = read("service: shop\ntask_definition: t.json\n");
    config.unread_service = Some("s.json: not read".to_owned());
    assert_eq!(config.left(), ["s.json: not read"]);
    let rendered = read(r#"{ "deploymentConfiguration": { "strategy": "LINEAR" } }"#);
    let both = config.and(rendered).unwrap();
    assert_eq!(both.strategy.as_deref(), Some("linear:10%:6m"));
    let left = both.left().join("\n");
    assert!(!left.contains("s.json"), "{left}");
}

#[test]
fn hooks_of_ecs_are_gates_and_those_before_green_starts_are_told() {
    let read = service_definition(HOOKS, "service.json").unwrap();
    let left = read.left.join("\n");
    for words in [
        "service.json: hook PRE_SCALE_UP: no gate is asked before green has started",
        "hook PRE_PRODUCTION_TRAFFIC_SHIFT: timeoutConfiguration CONTINUE",
        "hook PRE_PRODUCTION_TRAFFIC_SHIFT: ECS calls it at every step",
    ] {
        assert!(left.contains(words), "{words}\n{left}");
    }
    let taken = Taken {
        hooks: read.hooks,
        ..Taken::default()
    };
    assert_eq!(
        taken.words(),
        [
            "gate POST_TEST_TRAFFIC_SHIFT: calls shop-checks:live before-traffic",
            "gate POST_PRODUCTION_TRAFFIC_SHIFT: calls shop-checks:live before-promotion",
            "gate PRE_PRODUCTION_TRAFFIC_SHIFT: waits for `bg approve` before-traffic"
        ]
    );
}

/// Hooks of ECS and of CodeDeploy together.
pub(in crate::adopt) fn hooks() -> Vec<Hook> {
    let ecs = service_definition(HOOKS, "service.json").unwrap().hooks;
    let appspec = "Resources: []\nHooks:\n  - BeforeInstall: before\n  - AfterInstall: after\n  \
                   - AfterInstall: again\n";
    ecs.into_iter().chain(read(appspec).hooks).collect()
}
