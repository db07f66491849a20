//! Broken services, each with the rule that must come first.

use bg::sandbox::demo::CLUSTER;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::wire::scaling;
use bg::sandbox::world::ecs::tasks::StopCode;
use serde_json::{Value, json};

use crate::scene::{Case, SHOP, Scene, case, on_instances, without_network};

const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:";
const PLACE: &str = "was unable to place a task because no container instance met all of its \
                     requirements.";

fn secret(from: &str) -> Value {
    json!([{ "name": "DSN", "valueFrom": from }])
}

fn log_to(group: &str) -> Value {
    json!({ "logDriver": "awslogs", "options": { "awslogs-group": group } })
}

fn subnets(service: &mut Value, subnets: &Value) {
    service["networkConfiguration"]["awsvpcConfiguration"]["subnets"] = subnets.clone();
}

fn efs(name: &'static str, system: &'static str) -> Case {
    case(name, "shop:v1").defined(move |definition| {
        definition["volumes"] = json!([{
            "name": "cart", "efsVolumeConfiguration": { "fileSystemId": system },
        }]);
    })
}

/// A container `migrate` that `app` waits for.
fn depends(name: &'static str, image: &'static str, condition: &'static str) -> Case {
    case(name, "shop:v1").defined(move |definition| {
        let containers = definition["containerDefinitions"].as_array_mut();
        let containers = containers.expect("it is a list");
        containers[0]["dependsOn"] =
            json!([{ "containerName": "migrate", "condition": condition }]);
        let migrate = json!({ "name": "migrate", "image": image, "essential": false });
        containers.push(migrate);
    })
}

fn refused(name: &'static str, words: &'static str) -> Case {
    case(name, "shop:v1").before(move |scene| scene.refuse(words))
}

fn closest(name: &'static str, words: &'static str) -> Case {
    let words = format!("{PLACE} The closest matching (container-instance 0a1b) {words}");
    case(name, "shop:v1").before(move |scene| scene.refuse(&words))
}

fn taken(name: &'static str, code: StopCode, words: &'static str) -> Case {
    case(name, "shop:v1").then(60, move |scene| {
        let task = scene.task();
        scene
            .world
            .take_task(CLUSTER, &task, code, words.to_owned());
    })
}

fn scale(scene: &mut Scene, operation: &str, mut input: Value) {
    input["ServiceNamespace"] = json!("ecs");
    input["ScalableDimension"] = json!("ecs:service:DesiredCount");
    input["ResourceId"] = json!(format!("service/{CLUSTER}/{SHOP}"));
    let answer = scaling::handle(&mut scene.world, operation, &input);
    answer.expect("the region takes it");
    scene.world.ecs.wake();
}

/// Versions that are broken, by their image's tag.
fn versions() -> Vec<(Case, &'static str)> {
    vec![
        (
            case("an image that isn't there", "shop:missing"),
            "image-not-found",
        ),
        (case("a private image", "team/shop:private"), "image-denied"),
        (
            case("Docker Hub's rate limit", "shop:limited"),
            "image-rate-limit",
        ),
        (
            case("an image for another platform", "shop:platform"),
            "image-platform",
        ),
        (
            case("a registry out of reach", "shop:unreachable"),
            "registry-unreachable",
        ),
        (case("a program that crashes", "shop:crash"), "exit-error"),
        (
            case("a database that doesn't answer", "shop:error"),
            "exit-error",
        ),
        (case("a job run as a service", "shop:done"), "exit-done"),
        (case("a segmentation fault", "shop:segfault"), "exit-crash"),
        (case("a failed assertion", "shop:abort"), "exit-crash"),
        (
            case("killed without a reason", "shop:killed"),
            "exit-killed",
        ),
        (case("killed for memory", "shop:oom"), "out-of-memory"),
        (
            case("a heap that is too small", "shop:heap"),
            "out-of-memory-by-log",
        ),
        (
            case("a command that isn't there", "shop:nocommand"),
            "command-not-found",
        ),
        (
            case("an entry point that isn't there", "shop:noentry"),
            "command-not-found",
        ),
        (
            case("a file that may not be executed", "shop:noexec"),
            "command-not-executable",
        ),
        (
            case("a program for another processor", "shop:arm"),
            "wrong-architecture",
        ),
        (case("a port that is taken", "shop:taken"), "address-in-use"),
        (case("a port for root", "shop:rootport"), "port-not-allowed"),
        (
            case("a task role that allows too little", "shop:noaccess"),
            "task-role-denied",
        ),
        (
            case("a health check with an error", "shop:unhealthy"),
            "health-check-error",
        ),
        (
            case("a health check without a route", "shop:lost"),
            "health-check-path",
        ),
        (
            case("a health check behind a login", "shop:login"),
            "health-check-auth",
        ),
        (
            case("a health check that redirects", "shop:moved"),
            "health-check-redirect",
        ),
        (case("a program that hangs", "shop:hang"), "target-timeout"),
        (
            case("a start slower than its grace", "shop:boot"),
            "slow-start",
        ),
        (
            case("another port than the task's", "shop:deaf"),
            "wrong-port",
        ),
        (case("nothing that listens", "shop:mute"), "not-listening"),
        (
            case("a slow start without grace", "shop:boot")
                .served(|it| it["healthCheckGracePeriodSeconds"] = json!(0)),
            "grace-period-zero",
        ),
    ]
}

/// Task definitions and what they name.
fn definitions() -> Vec<(Case, &'static str)> {
    let with_secret =
        |name, from: String| case(name, "shop:v1").container("secrets", secret(&from));
    let checked = |name, image, command: &str| {
        let check = json!({ "command": ["CMD-SHELL", command], "interval": 10, "retries": 3 });
        case(name, image).container("healthCheck", check)
    };
    vec![
        (
            with_secret(
                "a secret that isn't there",
                format!("{SECRET}missing-0a1b2c"),
            ),
            "secret-not-found",
        ),
        (
            with_secret(
                "a secret without that key",
                format!("{SECRET}shop-0a1b2c:missing::"),
            ),
            "secret-json-key",
        ),
        (
            with_secret(
                "a secret that may not be read",
                format!("{SECRET}denied-0a1b2c"),
            ),
            "secret-denied",
        ),
        (
            with_secret("a parameter that isn't there", "/shop/missing".to_owned()),
            "parameter-not-found",
        ),
        (
            with_secret(
                "a parameter that may not be read",
                "/shop/denied".to_owned(),
            ),
            "secret-denied",
        ),
        (
            case("no log group", "shop:v1").container("logConfiguration", log_to("/ecs/missing")),
            "log-group-missing",
        ),
        (
            case("a log that may not be written", "shop:v1")
                .container("logConfiguration", log_to("/ecs/denied")),
            "log-denied",
        ),
        (
            case("no such working directory", "shop:v1")
                .container("workingDirectory", json!("/srv/missing")),
            "working-directory",
        ),
        (
            efs("a file system that isn't there", "fs-missing"),
            "efs-unresolved",
        ),
        (
            efs("a file system out of reach", "fs-blocked"),
            "efs-unreachable",
        ),
        (efs("a file system that says no", "fs-denied"), "efs-denied"),
        (
            case("a role that nobody can take on", "shop:v1").defined(|it| {
                it["taskRoleArn"] = json!("arn:aws:iam::123456789012:role/untrusted");
            }),
            "role-not-assumable",
        ),
        (
            depends("a migration that fails", "migrate:error", "SUCCESS"),
            "dependency-failed",
        ),
        (
            depends("a migration that doesn't end", "migrate:v1", "COMPLETE").after(500),
            "dependency-waits",
        ),
        (
            checked(
                "a health command that isn't there",
                "shop:v1",
                "/missing || exit 1",
            ),
            "container-health-command",
        ),
        (
            checked(
                "a start slower than its start period",
                "shop:boot",
                "/healthy",
            )
            .served(|it| {
                it["loadBalancers"] = json!([]);
                it["healthCheckGracePeriodSeconds"] = json!(null);
            })
            .defined(|it| {
                it["containerDefinitions"][0]["healthCheck"] = json!({
                    "command": ["CMD", "/healthy"], "interval": 10, "retries": 3,
                });
            }),
            "container-start-period",
        ),
    ]
}

/// Networks, load balancers and what stands between.
fn networks() -> Vec<(Case, &'static str)> {
    let in_subnets = |name, list: Value| case(name, "shop:v1").served(move |it| subnets(it, &list));
    vec![
        (
            in_subnets("a full subnet", json!(["subnet-full"])),
            "subnet-full",
        ),
        (
            in_subnets("a subnet that is gone", json!(["subnet-missing"])),
            "subnet-missing",
        ),
        (
            in_subnets("a subnet without a way out", json!(["subnet-isolated"])),
            "registry-unreachable",
        ),
        (
            case("a security group that is gone", "shop:v1").served(|it| {
                it["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] =
                    json!(["sg-missing"]);
            }),
            "security-group-missing",
        ),
        (
            in_subnets(
                "a zone that the load balancer lacks",
                json!(["s-1", "s-2", "s-3"]),
            )
            .served(|it| {
                subnets(it, &json!(["s-1", "s-2", "s-3"]));
                it["desiredCount"] = json!(3);
            }),
            "zone-not-enabled",
        ),
        (
            case("a listener that names another group", "shop:v1")
                .then(30, |scene| scene.weigh(None, Some(100))),
            "group-without-listener",
        ),
        (
            case("a target group that is gone", "shop:v1").then(5, |scene| {
                let arn = scene.balancer.group_a.clone();
                scene.world.elb.groups.remove(&arn);
            }),
            "group-missing",
        ),
        (
            case("a container port that isn't published", "shop:v1").then(5, |scene| {
                let service = scene.world.ecs.service_mut(CLUSTER, SHOP);
                let service = service.expect("it is there");
                service.settings["loadBalancers"][0]["containerPort"] = json!(3000);
            }),
            "container-port",
        ),
        (
            case("a health check on a port of its own", "shop:v1")
                .before(|scene| scene.group("HealthCheckPort", json!("9999"))),
            "health-check-port",
        ),
        (
            case("a matcher that wants another code", "shop:v1")
                .before(|scene| scene.group("Matcher", json!({ "HttpCode": "204" }))),
            "health-check-code",
        ),
        (
            case("discovery beside weight 0", "shop:v1")
                .served(|it| it["serviceRegistries"] = json!([{ "registryArn": "arn:registry" }]))
                .then(5, |scene| scene.weigh(Some(0), Some(100))),
            "discovery-without-traffic",
        ),
        (
            case("traffic to a service at zero", "shop:v1")
                .then(120, |scene| scene.update(json!({ "desiredCount": 0 }))),
            "traffic-to-nobody",
        ),
    ]
}

/// Capacity, limits, and whatever else keeps a service from what it should have.
fn limits() -> Vec<(Case, &'static str)> {
    vec![
        (
            refused(
                "no Fargate capacity",
                "was unable to place a task. Reason: Capacity is unavailable at this time. Please \
                 try again later or in a different availability zone.",
            ),
            "no-capacity",
        ),
        (
            refused(
                "a quota",
                "was unable to place a task. Reason: You've reached the limit on the number of \
                 vCPUs you can run concurrently.",
            ),
            "quota",
        ),
        (
            refused(
                "a size at the container's level",
                "was unable to place a task. Reason: Fargate requires that 'cpu' be defined at the \
                 task level.",
            ),
            "size-at-container-level",
        ),
        (
            refused(
                "throttled",
                "operations are being throttled. Will try again later.",
            ),
            "throttled",
        ),
        (
            refused(
                "a cluster without instances",
                "was unable to place a task because no container instance met all of its \
                 requirements. Reason: No Container Instances were found in your cluster.",
            ),
            "no-instances",
        ),
        (
            closest("no memory left", "has insufficient memory available."),
            "instances-full",
        ),
        (
            closest(
                "no such attribute",
                "is missing an attribute required by your task.",
            ),
            "instance-attribute",
        ),
        (
            closest("no agent", "encountered error \"AGENT\"."),
            "agent-disconnected",
        ),
        (
            closest(
                "too few distinct instances",
                "encountered error \"DistinctInstance placement constraint unsatisfied.\".",
            ),
            "placement-constraint",
        ),
        (
            case("one fixed host port for two tasks", "shop:v1")
                .defined(|it| on_instances(it, json!([{ "containerPort": 80, "hostPort": 80 }])))
                .served(without_network),
            "host-port-taken",
        ),
        (
            taken(
                "Spot capacity taken back",
                StopCode::SpotInterruption,
                "Your Spot Task was interrupted.",
            ),
            "spot-interruption",
        ),
        (
            taken(
                "an instance that ended",
                StopCode::TerminationNotice,
                "Host EC2 (instance i-0a1b) terminated.",
            ),
            "instance-ended",
        ),
        (
            case("targets deregistered by hand", "shop:v1").then(120, Scene::deregister),
            "tasks-not-registered",
        ),
        (
            case("an execution role that isn't there", "shop:v1").defined(|it| {
                it["executionRoleArn"] = json!("arn:aws:iam::123456789012:role/missing");
            }),
            "role-not-assumable",
        ),
        (
            case("percentages without room", "shop:v1")
                .served(|it| it["deploymentConfiguration"]["maximumPercent"] = json!(100))
                .then(300, |scene| scene.roll("shop:v2")),
            "rolling-limits",
        ),
        (
            case("autoscaling's minimum", "shop:v1").then(120, |scene| {
                let bounds = json!({ "MinCapacity": 4, "MaxCapacity": 9 });
                scale(scene, "RegisterScalableTarget", bounds);
            }),
            "autoscaling-min",
        ),
        (
            case("autoscaling's maximum", "shop:v1").then(5, |scene| {
                let bounds = json!({ "MinCapacity": 1, "MaxCapacity": 2 });
                scale(scene, "RegisterScalableTarget", bounds);
                let at = scene.world.now.as_second();
                let activity = json!({
                    "ActivityId": "1",
                    "ServiceNamespace": "ecs",
                    "ResourceId": format!("service/{CLUSTER}/{SHOP}"),
                    "ScalableDimension": "ecs:service:DesiredCount",
                    "Description": "Attempting to scale due to alarm triggered",
                    "Cause": "monitor alarm shop-cpu in state ALARM triggered policy cpu",
                    "StartTime": at,
                    "StatusCode": "NotScaled",
                    "NotScaledReasons": [{ "Code": "AlreadyAtMaxCapacity", "MaxCapacity": 2 }],
                });
                let activities = &mut scene.world.scaling.activities;
                activities.insert(format!("service/{CLUSTER}/{SHOP}"), vec![activity]);
            }),
            "autoscaling-at-max",
        ),
        (
            case("a program that ignores SIGTERM", "shop:stubborn")
                .then(120, |scene| scene.update(json!({ "desiredCount": 1 }))),
            "killed-while-stopping",
        ),
        (
            case("ECS Exec without a task role", "shop:v1")
                .served(|it| it["enableExecuteCommand"] = json!(true)),
            "exec-without-role",
        ),
        (
            case("ECS Exec with a role that denies it", "shop:v1")
                .defined(|it| it["taskRoleArn"] = json!("arn:aws:iam::123456789012:role/denied"))
                .served(|it| it["enableExecuteCommand"] = json!(true)),
            "exec-agent",
        ),
        (
            case("a deleted service", "shop:v1").then(5, |scene| {
                let input = json!({ "cluster": CLUSTER, "service": SHOP, "force": true });
                scene.ecs("DeleteService", &input);
            }),
            "service-deleted",
        ),
        (
            case("a version that was rolled back", "shop:v1")
                .served(|it| {
                    let breaker = json!({ "enable": true, "rollback": true });
                    it["deploymentConfiguration"]["deploymentCircuitBreaker"] = breaker;
                })
                .then(900, |scene| scene.roll("shop:nocommand")),
            "command-not-found",
        ),
        (
            case("a service that may not be read", "shop:v1").where_(FaultRule::new(
                "ecs:DescribeServices",
                FaultKind::Denied,
                When::Always,
            )),
            "not-allowed",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_planted_cause_is_found_first() {
    let cases = [versions(), definitions(), networks(), limits()];
    let (mut count, mut wrong) = (0, Vec::new());
    for (case, rule) in cases.into_iter().flatten() {
        count += 1;
        let (found, evidence) = case.ask().await;
        let rules: Vec<&str> = found.iter().map(|it| it.rule.as_str()).collect();
        if rules.first() != Some(&rule) {
            let service = evidence.service.as_ref();
            let events = service.map(|it| it.events.iter().take(4).collect::<Vec<_>>());
            let tasks: Vec<_> = evidence.tasks.iter().take(2).collect();
            wrong.push(format!(
                "{}: {rule} was planted, found {rules:?}\n{events:#?}\n{tasks:#?}\n{:#?}",
                case.name, evidence.logs
            ));
        }
        for finding in &found {
            let said = [&finding.what, &finding.cause, &finding.fix];
            let whole = said.iter().all(|text| !text.is_empty());
            assert!(
                whole && !finding.evidence.is_empty(),
                "{}: {finding:?}",
                case.name
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count >= 40, "{count} cases");
}

#[tokio::test(start_paused = true)]
async fn the_last_words_of_a_crash_are_shown() {
    let (found, _) = case("a crash", "shop:crash").ask().await;
    let words = "app: panic: the cart is empty";
    assert!(found[0].evidence.iter().any(|it| it == words), "{found:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_comes_with_a_figure_that_mends_it() {
    let (found, _) = case("a slow start", "shop:boot").ask().await;
    let (_, grace) = found[0]
        .fix
        .split_once("--health-check-grace-period-seconds ")
        .unwrap();
    let grace: u32 = grace
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let mended = case("the same, mended", "shop:boot")
        .served(move |it| it["healthCheckGracePeriodSeconds"] = json!(grace));
    let (found, evidence) = mended.ask().await;
    assert_eq!(found, [], "{evidence:#?}");
}

#[tokio::test(start_paused = true)]
async fn every_call_that_is_denied_is_named_and_the_rest_is_found_all_the_same() {
    for operation in [
        "ecs:DescribeTaskDefinition",
        "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:DescribeRules",
        "application-autoscaling:DescribeScalableTargets",
        "logs:GetLogEvents",
    ] {
        let denied = FaultRule::new(operation, FaultKind::Denied, When::Always);
        // Without the definition nobody knows where its logs are.
        let image = if operation.starts_with("logs") {
            "shop:crash"
        } else {
            "shop:missing"
        };
        let (found, _) = case(operation, image).where_(denied).ask().await;
        let rule = if operation.starts_with("logs") {
            "exit-error"
        } else {
            "image-not-found"
        };
        assert_eq!(found[0].rule, rule, "{operation}");
        let named = format!("these credentials may not call {operation}");
        assert!(
            found.iter().any(|it| it.what == named),
            "{operation}: {found:#?}"
        );
    }
}
