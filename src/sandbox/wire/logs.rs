//! CloudWatch Logs, read only: what the tasks of the world say, told from the tasks themselves.

use super::AwsError;
use crate::sandbox::world::{
    World,
    app::Behaviour,
    ecs::{
        definitions::Definition,
        json::{count, text},
        tasks::{Task, TaskContainer},
    },
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Seconds between two logged errors, were all requests answered with one.
const ERRORS_EVERY: f64 = 3.0;
/// How many of them are still there.
const ERRORS_KEPT: i64 = 20;
/// GetLogEvents gives no more at once.
const MOST: u32 = 10_000;

/// Answers one operation.
///
/// # Errors
/// As AWS does for this operation.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "GetLogEvents" => get_events(world, input),
        "DescribeLogStreams" => describe_streams(world, input),
        "DescribeLogGroups" => Ok(describe_groups(world, input)),
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

/// A container's options for the driver awslogs.
fn options<'a>(definition: &'a Definition, container: &str) -> Option<&'a Value> {
    let log = definition.container(container)?.get("logConfiguration")?;
    let driver = text(log, "logDriver") == Some("awslogs");
    log.get("options").filter(|_| driver)
}

/// The streams of all tasks that began, by group and name.
fn streams(world: &World) -> BTreeMap<(String, String), (&Task, &TaskContainer)> {
    let tasks = world.ecs.clusters.values().flat_map(|it| it.tasks.values());
    let all = tasks.flat_map(|task| task.containers.iter().map(move |it| (task, it)));
    let mut streams = BTreeMap::new();
    for (task, container) in all {
        let Some(options) = options(&task.definition, &container.name) else {
            continue;
        };
        let began = task.started_at.is_some() || container.exit_code.is_some();
        if let (true, Some(group)) = (began, text(options, "awslogs-group")) {
            let prefix = text(options, "awslogs-stream-prefix").unwrap_or_default();
            let name = format!("{prefix}/{}/{}", container.name, task.id);
            streams.insert((group.to_owned(), name), (task, container));
        }
    }
    streams
}

/// Every group that a task definition names is there, unless its name says otherwise.
fn groups(world: &World) -> BTreeSet<String> {
    let mut groups = BTreeSet::new();
    for definition in world.ecs.definitions.all() {
        for container in definition.containers() {
            let name = text(container, "name").unwrap_or_default();
            let group = options(definition, name).and_then(|it| text(it, "awslogs-group"));
            groups.extend(
                group
                    .filter(|it| !it.contains("missing"))
                    .map(str::to_owned),
            );
        }
    }
    groups
}

fn not_found(what: &str) -> AwsError {
    AwsError::new(
        "ResourceNotFoundException",
        format!("The specified log {what} does not exist."),
    )
}

fn group_of<'a>(world: &World, input: &'a Value) -> Result<&'a str, AwsError> {
    let group = text(input, "logGroupName").unwrap_or_default();
    match groups(world).contains(group) {
        true => Ok(group),
        false => Err(not_found("group")),
    }
}

fn get_events(world: &World, input: &Value) -> Result<Value, AwsError> {
    let group = group_of(world, input)?.to_owned();
    let name = text(input, "logStreamName").unwrap_or_default().to_owned();
    let streams = streams(world);
    let found = streams.get(&(group, name));
    let (task, container) = found.ok_or_else(|| not_found("stream"))?;
    let lines = asked_for(input, lines(task, container, world.now));
    let limit = count(input, "limit").unwrap_or(MOST).clamp(1, MOST) as usize;
    let token = Token::of(input)?;
    let from_start = input.get("startFromHead") == Some(&Value::Bool(true));
    let skipped = match &token {
        Some(token) => token.passed(&lines),
        None if from_start => 0,
        None => lines.len().saturating_sub(limit),
    };
    let shown: Vec<_> = lines.iter().skip(skipped).take(limit).collect();
    let events: Vec<Value> = shown
        .iter()
        .map(|(at, message)| {
            let at = at.as_millisecond();
            json!({ "timestamp": at, "ingestionTime": at, "message": message })
        })
        .collect();
    let end = lines.get(..skipped + shown.len()).unwrap_or_default();
    let forward = match shown.is_empty() {
        true => token.unwrap_or_default(),
        false => Token::after(end),
    };
    Ok(json!({
        "events": events,
        "nextForwardToken": forward.to_string(),
        "nextBackwardToken": "b/0",
    }))
}

/// Those between startTime and, without it, endTime.
fn asked_for(input: &Value, lines: Vec<(Timestamp, String)>) -> Vec<(Timestamp, String)> {
    let time = |key: &str| input.get(key).and_then(Value::as_i64);
    let (from, to) = (time("startTime"), time("endTime"));
    let within = |(at, _): &(Timestamp, String)| {
        let at = at.as_millisecond();
        from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to)
    };
    lines.into_iter().filter(within).collect()
}

/// How far a reader has come: to a moment, and so many lines of it. AWS's say nothing to anybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Token {
    at: i64,
    lines: usize,
}

impl Token {
    /// The one that a reader has.
    fn of(input: &Value) -> Result<Option<Token>, AwsError> {
        let Some(token) = text(input, "nextToken") else {
            return Ok(None);
        };
        let parts = token.strip_prefix("f/").and_then(|it| it.split_once('/'));
        let read = parts.and_then(|(at, lines)| {
            let (at, lines) = (at.parse().ok()?, lines.parse().ok()?);
            Some(Token { at, lines })
        });
        let refused = || {
            AwsError::new(
                "InvalidParameterException",
                "The specified nextToken is invalid.",
            )
        };
        read.map(Some).ok_or_else(refused)
    }

    /// The one of a reader who has all of `lines`.
    fn after(lines: &[(Timestamp, String)]) -> Token {
        let at = lines.last().map_or(0, |(at, _)| at.as_millisecond());
        let last = lines.iter().rev();
        let lines = last.take_while(|(it, _)| it.as_millisecond() == at).count();
        Token { at, lines }
    }

    /// How many of `lines` its reader has.
    fn passed(self, lines: &[(Timestamp, String)]) -> usize {
        let before = lines.partition_point(|(at, _)| at.as_millisecond() < self.at);
        let until = lines.partition_point(|(at, _)| at.as_millisecond() <= self.at);
        (before + self.lines).min(until)
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "f/{}/{}", self.at, self.lines)
    }
}

fn describe_streams(world: &World, input: &Value) -> Result<Value, AwsError> {
    let group = group_of(world, input)?.to_owned();
    let prefix = text(input, "logStreamNamePrefix").unwrap_or_default();
    let shown: Vec<Value> = streams(world)
        .into_iter()
        .filter(|((of, name), _)| *of == group && name.starts_with(prefix))
        .map(|((_, name), (task, _))| {
            let created = task.started_at.unwrap_or(task.created_at);
            json!({ "logStreamName": name, "creationTime": created.as_millisecond() })
        })
        .take(count(input, "limit").unwrap_or(50) as usize)
        .collect();
    Ok(json!({ "logStreams": shown }))
}

fn describe_groups(world: &World, input: &Value) -> Value {
    let prefix = text(input, "logGroupNamePrefix").unwrap_or_default();
    let mut known = groups(world);
    // One that is asked for by its name may be of a version that isn't registered yet.
    known.extend((!prefix.is_empty() && !prefix.contains("missing")).then(|| prefix.to_owned()));
    let shown: Vec<Value> = known
        .into_iter()
        .filter(|name| name.starts_with(prefix))
        .map(|name| json!({ "logGroupName": name, "storedBytes": 0 }))
        .collect();
    json!({ "logGroups": shown })
}

/// What a container has said until now: that it starts, that it listens, and its last words.
fn lines(task: &Task, container: &TaskContainer, now: Timestamp) -> Vec<(Timestamp, String)> {
    let behaviour = &container.behaviour;
    let began = task.started_at.unwrap_or(task.created_at);
    let ended = task.execution_stopped_at.unwrap_or(now).min(now);
    let mut lines = vec![(began, format!("starting {}", container.image))];
    let boot = SignedDuration::try_from(behaviour.boot).unwrap_or(SignedDuration::ZERO);
    let own = container.ports.first().map_or(0, |(inside, _)| *inside);
    let port = behaviour.listens_on.unwrap_or(own);
    // A job that others wait for doesn't listen.
    if port > 0 && task.started_at.is_some() && began + boot <= ended {
        lines.push((began + boot, format!("listening on port {port}")));
    }
    lines.extend(errors(behaviour, began + boot, ended));
    let by_itself = behaviour.exit.as_ref().map(|exit| exit.code) == container.exit_code;
    if by_itself && container.exit_code.is_some() {
        let words = behaviour.last_words.iter();
        lines.extend(words.map(|words| (ended, words.clone())));
    }
    lines
}

/// The last errors that a program logs which answers some of its requests with 500: the more of
/// them, the more often.
fn errors(behaviour: &Behaviour, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, String)> {
    if behaviour.error_rate <= 0.0 {
        return Vec::new();
    }
    let every = (ERRORS_EVERY / behaviour.error_rate).clamp(1.0, 86_400.0) as i64;
    let passed = to.duration_since(from).as_secs() / every;
    let line = "ERROR GET /cart 500: the cart has no column \"discount\"";
    let last = (passed - ERRORS_KEPT).max(0) + 1..=passed;
    last.map(|n| (from + SignedDuration::from_secs(n * every), line.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{demo, wire::ecs, world::ecs::json::list};

    #[test]
    fn a_crashing_task_leaves_its_last_words() {
        let start = Timestamp::constant(1_767_603_600, 0);
        let mut world = World::new("123456789012", "eu-west-1", start, 3);
        let definition = demo::task_definition("shop:crash");
        let mut service = demo::service("shop", "", 1);
        service["loadBalancers"] = json!([]);
        service["healthCheckGracePeriodSeconds"] = json!(null);
        for (operation, input) in [
            ("CreateCluster", json!({ "clusterName": demo::CLUSTER })),
            ("RegisterTaskDefinition", definition),
            ("CreateService", service),
        ] {
            ecs::handle(&mut world, operation, &input).unwrap();
        }
        world.advance(150);
        let group = json!({ "logGroupName": "/ecs/shop" });
        let streams = handle(&mut world, "DescribeLogStreams", &group).unwrap();
        let names = list(&streams, "logStreams")
            .iter()
            .map(|it| &it["logStreamName"]);
        let names: Vec<Value> = names.cloned().collect();
        let mut last_words = |name: &Value| {
            let stream = json!({ "logGroupName": "/ecs/shop", "logStreamName": name, "limit": 2 });
            let events = handle(&mut world, "GetLogEvents", &stream).unwrap();
            let said = list(&events, "events")
                .iter()
                .map(|it| it["message"].to_string());
            said.collect::<Vec<_>>().join(", ")
        };
        let said: Vec<String> = names.iter().map(&mut last_words).collect();
        let crashed = r#""listening on port 8080", "panic: the cart is empty""#;
        assert!(said.iter().any(|it| it == crashed), "{said:?}");
        let name = &names[0];
        assert!(name.as_str().unwrap().starts_with("shop/app/"));
        let mut page = |more: Value| {
            let mut input = json!({
                "logGroupName": "/ecs/shop", "logStreamName": &names[0],
                "startFromHead": true, "limit": 1,
            });
            input
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            handle(&mut world, "GetLogEvents", &input).unwrap()
        };
        let token = |page: &Value| json!({ "nextToken": page["nextForwardToken"] });
        let first = page(json!({}));
        let second = page(token(&first));
        assert_eq!(first["events"][0]["message"], "starting shop:crash");
        assert_eq!(second["events"][0]["message"], "listening on port 8080");
        let third = page(token(&second));
        let end = page(token(&third));
        assert_eq!(end["events"], json!([]));
        assert_eq!(end["nextForwardToken"], third["nextForwardToken"]);
        let since = json!({ "startTime": second["events"][0]["timestamp"] });
        assert_eq!(page(since)["events"], second["events"]);
        let other = json!({ "logGroupName": "/ecs/other", "logStreamName": name });
        let refused = handle(&mut world, "GetLogEvents", &other).unwrap_err();
        assert_eq!(refused.code, "ResourceNotFoundException");
    }
}
