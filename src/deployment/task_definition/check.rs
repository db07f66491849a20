//! What ECS would refuse, known before anything is registered.

use crate::deployment::problem::Problem;
use serde_json::Value;

use super::containers::{containers, is_essential, list, text};
use super::fargate::check_fargate;
use super::image_changes::valid_container_name;
use super::normal::duplicates;

/// A task definition has at most this many containers (ECS service quotas).
const MOST_CONTAINERS: usize = 10;

/// A task definition is at most this long (ECS service quotas).
const LARGEST: usize = 64 * 1024;

/// A family's name is at most this long.
const LONGEST_FAMILY: usize = 255;

/// Where the tasks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launch {
    /// On Fargate.
    Fargate,
    /// On EC2 or external instances of the cluster.
    Ec2,
}

/// Everything in a definition (register form) that ECS would refuse, as far as the definition
/// alone tells.
pub fn check(definition: &Value, launch: Launch) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(check_family(definition));
    problems.extend(check_length(definition));
    problems.extend(check_containers(definition));
    problems.extend(check_ports(definition));
    for container in containers(definition) {
        problems.extend(check_container(definition, container));
    }
    match launch {
        Launch::Fargate => problems.extend(check_fargate(definition)),
        Launch::Ec2 => problems.extend(check_memory(definition)),
    }
    problems
}

fn check_family(definition: &Value) -> Option<Problem> {
    let family = text(definition, "family");
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let sound = !family.is_empty() && family.len() <= LONGEST_FAMILY && family.bytes().all(allowed);
    (!sound).then(|| {
        Problem::new(
            format!("{family:?} can't be a family's name"),
            "use up to 255 letters, digits, - and _",
        )
    })
}

fn check_length(definition: &Value) -> Option<Problem> {
    let length = definition.to_string().len();
    (length > LARGEST).then(|| {
        Problem::new(
            format!("the definition is {length} bytes long, ECS takes {LARGEST}"),
            "move environment variables into environmentFiles or secrets",
        )
    })
}

fn check_containers(definition: &Value) -> Vec<Problem> {
    let containers = containers(definition);
    let mut problems = Vec::new();
    if containers.is_empty() {
        return vec![Problem::new(
            "there are no containers",
            "add one to containerDefinitions",
        )];
    }
    if containers.len() > MOST_CONTAINERS {
        problems.push(Problem::new(
            format!(
                "there are {} containers, ECS takes {MOST_CONTAINERS}",
                containers.len()
            ),
            "take some out",
        ));
    }
    if !containers.iter().any(is_essential) {
        problems.push(Problem::new(
            "no container is essential",
            "take \"essential\": false out of the main one",
        ));
    }
    for name in duplicates(definition, "containerDefinitions", "name") {
        problems.push(Problem::new(
            format!("two containers are called {name:?}"),
            "rename one",
        ));
    }
    problems
}

fn check_container(definition: &Value, container: &Value) -> Vec<Problem> {
    let name = text(container, "name");
    let mut problems = Vec::new();
    let mut add = |what: String, fix: &str| problems.push(Problem::new(what, fix));
    if !valid_container_name(name) {
        add(
            format!("{name:?} can't be a container's name"),
            "use up to 255 letters, digits, - and _",
        );
    }
    if text(container, "image").is_empty() {
        add(format!("container {name:?} has no image"), "set \"image\"");
    }
    for variable in duplicates(container, "environment", "name") {
        add(
            format!("container {name:?} has the environment variable {variable:?} twice"),
            "take one out",
        );
    }
    let variables = list(container, "environment");
    for secret in list(container, "secrets")
        .iter()
        .map(|secret| text(secret, "name"))
    {
        if variables
            .iter()
            .any(|variable| text(variable, "name") == secret)
        {
            let what = format!("container {name:?} has {secret:?} in environment and in secrets");
            add(what, "take one out");
        }
    }
    for secret in duplicates(container, "secrets", "name") {
        add(
            format!("container {name:?} has the secret {secret:?} twice"),
            "take one out",
        );
    }
    problems.extend(check_references(definition, container));
    problems
}

/// Names that must stand elsewhere in the definition.
fn check_references(definition: &Value, container: &Value) -> Vec<Problem> {
    let name = text(container, "name");
    let mut problems = Vec::new();
    for volume in list(container, "mountPoints")
        .iter()
        .map(|mount| text(mount, "sourceVolume"))
    {
        let known = list(definition, "volumes")
            .iter()
            .any(|v| text(v, "name") == volume);
        if !known && !volume.is_empty() {
            let what =
                format!("container {name:?} mounts the volume {volume:?}, which isn't there");
            problems.push(Problem::new(what, "add it to \"volumes\""));
        }
    }
    for dependency in list(container, "dependsOn") {
        let other = text(dependency, "containerName");
        let found = containers(definition)
            .iter()
            .find(|c| text(c, "name") == other);
        let waits_for_health = text(dependency, "condition") == "HEALTHY";
        match found {
            None => problems.push(Problem::new(
                format!("container {name:?} depends on {other:?}, which isn't there"),
                "name another container, or take the dependency out",
            )),
            Some(found) if waits_for_health && found.get("healthCheck").is_none() => {
                problems.push(Problem::new(
                    format!("container {name:?} waits for {other:?} to be healthy, but that has no health check"),
                    "give it a \"healthCheck\"",
                ));
            }
            Some(_) => {}
        }
    }
    problems
}

/// One published port of the task.
struct Published<'v> {
    container: &'v str,
    port: u64,
    protocol: &'v str,
}

/// In `awsvpc` and `host` mode all containers share the task's ports, and the host's port is the
/// container's. In the other modes only fixed host ports can collide.
fn check_ports(definition: &Value) -> Vec<Problem> {
    let shared = matches!(text(definition, "networkMode"), "awsvpc" | "host");
    let mut problems = Vec::new();
    let mut published: Vec<Published<'_>> = Vec::new();
    for container in containers(definition) {
        for mapping in list(container, "portMappings") {
            let number = |key: &str| mapping.get(key).and_then(Value::as_u64).filter(|n| *n > 0);
            let (port, host) = (number("containerPort"), number("hostPort"));
            let name = text(container, "name");
            if let (true, Some(port), Some(host)) = (shared, port, host)
                && port != host
            {
                problems.push(Problem::new(
                    format!("container {name:?} maps port {port} to host port {host}, which awsvpc and host mode don't"),
                    "take hostPort out, or set it to the containerPort",
                ));
            }
            let protocol = match text(mapping, "protocol") {
                "" => "tcp",
                protocol => protocol,
            };
            let Some(port) = (if shared { port } else { host }) else {
                continue;
            };
            let clash = published
                .iter()
                .find(|p| p.port == port && p.protocol == protocol);
            if let Some(other) = clash {
                let what = format!(
                    "containers {:?} and {name:?} both publish port {port}/{protocol}",
                    other.container
                );
                problems.push(Problem::new(what, "change one of them"));
            }
            published.push(Published {
                container: name,
                port,
                protocol,
            });
        }
    }
    problems
}

/// On instances every container needs memory of its own where the task has none.
fn check_memory(definition: &Value) -> Vec<Problem> {
    let task_has_memory = definition
        .get("memory")
        .is_some_and(|memory| !memory.is_null());
    let mut problems = Vec::new();
    for container in containers(definition) {
        let name = text(container, "name");
        let number = |key: &str| container.get(key).and_then(Value::as_u64);
        let (limit, reserved) = (number("memory"), number("memoryReservation"));
        if limit.is_none() && reserved.is_none() && !task_has_memory {
            problems.push(Problem::new(
                format!(
                    "container {name:?} has neither memory nor memoryReservation, nor has the task"
                ),
                "set one of them",
            ));
        }
        if let (Some(limit), Some(reserved)) = (limit, reserved)
            && reserved > limit
        {
            problems.push(Problem::new(
                format!("container {name:?} reserves {reserved} MiB and may use only {limit}"),
                "set memoryReservation below memory",
            ));
        }
    }
    problems
}
