//! A task definition as far as rules read it.

use std::time::Duration;

use serde_json::Value;

use crate::deployment::ids::TaskDefinitionArn;

/// A task definition as DescribeTaskDefinition prints it.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Which.
    pub arn: TaskDefinitionArn,
    /// All of its fields.
    pub body: Value,
}

impl Definition {
    /// The text of a field; empty where it isn't set.
    pub fn text(&self, key: &str) -> &str {
        text(&self.body, key)
    }

    /// The containers, in their order.
    pub fn containers(&self) -> impl Iterator<Item = Container<'_>> {
        list(&self.body, "containerDefinitions")
            .iter()
            .map(Container)
    }

    /// The container of that name.
    pub fn container(&self, name: &str) -> Option<Container<'_>> {
        self.containers().find(|container| container.name() == name)
    }

    /// The volumes.
    pub fn volumes(&self) -> &[Value] {
        list(&self.body, "volumes")
    }

    /// The task's memory in MiB, where it is set at the task's level.
    pub fn memory(&self) -> Option<u64> {
        self.text("memory").parse().ok()
    }

    /// The task's CPU units, where they are set at the task's level.
    pub fn cpu(&self) -> Option<u64> {
        self.text("cpu").parse().ok()
    }
}

/// One container of a task definition.
#[derive(Debug, Clone, Copy)]
pub struct Container<'a>(&'a Value);

/// Where a container's log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogPlace<'a> {
    /// A group of CloudWatch Logs; the stream is `PREFIX/CONTAINER/TASK`.
    CloudWatch {
        /// The group.
        group: &'a str,
        /// The region, where it is named.
        region: Option<&'a str>,
        /// What the stream's name begins with, where that is set.
        prefix: Option<&'a str>,
    },
    /// Another driver, by name.
    Elsewhere(&'a str),
    /// Nothing is set: on Fargate the lines are lost.
    Nowhere,
}

/// The log stream of a task's container.
pub fn stream_name(prefix: &str, container: &str, task: &str) -> String {
    format!("{prefix}/{container}/{task}")
}

impl LogPlace<'_> {
    /// How to read the log of a task's container from `since` on.
    pub fn read_on(&self, container: &str, task: &str, since: &str) -> String {
        let option = |name: &str, value: Option<String>| {
            value.map_or_else(String::new, |it| format!(" {name} {it}"))
        };
        match self {
            LogPlace::CloudWatch {
                group,
                region,
                prefix,
            } => {
                let stream = prefix.map(|prefix| stream_name(prefix, container, task));
                format!(
                    "aws logs tail {group} --since {since}{}{}",
                    option("--log-stream-name-prefix", stream),
                    option("--region", region.map(str::to_owned)),
                )
            }
            LogPlace::Elsewhere(driver) => {
                format!("where the driver {driver} writes, what task {task} logged")
            }
            LogPlace::Nowhere => {
                "nothing is kept: give the container a log driver (awslogs)".to_owned()
            }
        }
    }
}

impl<'a> Container<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        text(self.0, "name")
    }

    /// Its image reference.
    pub fn image(&self) -> &'a str {
        text(self.0, "image")
    }

    /// Whether the task ends with it.
    pub fn is_essential(&self) -> bool {
        self.0.get("essential") != Some(&Value::Bool(false))
    }

    /// Its hard limit in MiB.
    pub fn memory(&self) -> Option<u64> {
        self.0.get("memory")?.as_u64()
    }

    /// What it reserves, in MiB.
    pub fn memory_reservation(&self) -> Option<u64> {
        self.0.get("memoryReservation")?.as_u64()
    }

    /// The ports that it listens on, each with the instance's port where that is fixed.
    pub fn ports(&self) -> impl Iterator<Item = (u16, Option<u16>)> + use<'a> {
        let port = |mapping: &'a Value, key: &str| {
            let number = mapping.get(key)?.as_u64()?.try_into().ok()?;
            Some(number).filter(|port| *port > 0)
        };
        let mappings = list(self.0, "portMappings").iter();
        mappings.filter_map(move |it| Some((port(it, "containerPort")?, port(it, "hostPort"))))
    }

    /// The names and places of its secrets.
    pub fn secrets(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let secrets = list(self.0, "secrets").iter();
        secrets.map(|secret| (text(secret, "name"), text(secret, "valueFrom")))
    }

    /// The command of its health check; empty where it has none.
    pub fn health_command(&self) -> Vec<&'a str> {
        let check = self.0.get("healthCheck");
        let words = check.map_or(&[][..], |check| list(check, "command"));
        words.iter().filter_map(Value::as_str).collect()
    }

    /// How long its health check lets it fail after its start: the start period, and all retries.
    pub fn health_patience(&self) -> Option<(Duration, Duration)> {
        let check = self.0.get("healthCheck").filter(|it| it.is_object())?;
        let number = |key: &str, default| check.get(key).and_then(Value::as_u64).unwrap_or(default);
        let retries = number("interval", 30) * number("retries", 3);
        let start = Duration::from_secs(number("startPeriod", 0));
        Some((start, Duration::from_secs(retries)))
    }

    /// The containers that it waits for, each with the condition.
    pub fn depends_on(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let others = list(self.0, "dependsOn").iter();
        others.map(|other| (text(other, "containerName"), text(other, "condition")))
    }

    /// Seconds between SIGTERM and SIGKILL.
    pub fn stop_timeout(&self) -> u64 {
        let seconds = self.0.get("stopTimeout").and_then(Value::as_u64);
        seconds.unwrap_or(30)
    }

    /// The first word that it runs, where the definition says so.
    pub fn runs(&self) -> Option<&'a str> {
        let words = |key| list(self.0, key).iter().filter_map(Value::as_str);
        words("entryPoint").chain(words("command")).next()
    }

    /// The folder that it starts in, where the definition says so.
    pub fn folder(&self) -> Option<&'a str> {
        Some(text(self.0, "workingDirectory")).filter(|it| !it.is_empty())
    }

    /// Where its log lines go.
    pub fn logs(&self) -> LogPlace<'a> {
        let Some(log) = self.0.get("logConfiguration").filter(|it| it.is_object()) else {
            return LogPlace::Nowhere;
        };
        let option = |key: &str| {
            let value = log.get("options")?.get(key)?.as_str()?;
            Some(value).filter(|value| !value.is_empty())
        };
        match text(log, "logDriver") {
            "awslogs" => LogPlace::CloudWatch {
                group: option("awslogs-group").unwrap_or_default(),
                region: option("awslogs-region"),
                prefix: option("awslogs-stream-prefix"),
            },
            driver => LogPlace::Elsewhere(driver),
        }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let list = value.get(key).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}
