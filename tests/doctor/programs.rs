//! Versions and task definitions that are broken, each with the rule that must come first.

use serde_json::{Value, json};

use crate::scene::{Case, case};

const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:";

fn secret(from: &str) -> Value {
    json!([{ "name": "DSN", "valueFrom": from }])
}

fn log_to(group: &str) -> Value {
    json!({ "logDriver": "awslogs", "options": { "awslogs-group": group } })
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

/// Versions that are broken, by their image's tag.
pub(crate) fn versions() -> Vec<(Case, &'static str)> {
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
pub(crate) fn definitions() -> Vec<(Case, &'static str)> {
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
