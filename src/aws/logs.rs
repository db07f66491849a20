//! The last log lines of containers, from CloudWatch Logs.

use std::time::Duration;

use super::cloud::Cloud;
use super::error::{AwsError, ErrorClass};
use super::retry::Effect;
use super::together::some;
use crate::deployment::task_definition::has_secret;
use crate::diagnose::{CallFailure, Evidence, LogLine, LogPlace, LogRead, LogTail, stream_name};
use jiff::Timestamp;

const GET: &str = "logs:GetLogEvents";
/// GetLogEvents has a budget of 25 a second and more in any region.
const AT_ONCE: usize = 4;
/// Containers of one task whose logs are read.
const CONTAINERS: usize = 3;
/// Of each log, the last lines.
const LINES: i32 = 50;
/// Characters of a line.
const LONGEST: usize = 300;
/// Stands for a line that is not shown.
const MASKED: &str = "(a line that looks as if it held a secret)";

/// A log that can be read.
struct Stream<'a> {
    task: &'a str,
    container: &'a str,
    region: &'a str,
    group: &'a str,
    name: String,
}

impl Stream<'_> {
    fn tail(&self, read: LogRead) -> LogTail {
        LogTail {
            task: self.task.to_owned(),
            container: self.container.to_owned(),
            read,
        }
    }
}

impl Cloud {
    /// Reads the logs that explain the most, as far as they come `within` that time, and names
    /// those that are elsewhere.
    pub(super) async fn collect_logs(&self, evidence: &mut Evidence, within: Duration) {
        let (mut tails, streams) = self.places(evidence);
        let read = streams.iter().map(|stream| self.lines(stream)).collect();
        let missing = |stream: &Stream| format!("the last lines of {}", stream.group);
        let mut failure: Option<CallFailure> = None;
        match tokio::time::timeout(within, some(AT_ONCE, read)).await {
            Ok(read) => {
                for (stream, lines) in streams.iter().zip(read) {
                    match lines {
                        Ok(lines) => tails.push(stream.tail(LogRead::Lines(lines))),
                        // Told once: all of them fail alike.
                        Err(error) => {
                            failure.get_or_insert_with(|| CallFailure {
                                operation: GET.to_owned(),
                                denied: error.class == ErrorClass::Denied,
                                no_cluster: false,
                                missing: missing(stream),
                                message: error.to_string(),
                            });
                        }
                    }
                }
            }
            Err(_) => {
                failure = streams.first().map(|stream| CallFailure {
                    operation: GET.to_owned(),
                    denied: false,
                    no_cluster: false,
                    missing: missing(stream),
                    message: format!("no answer within {} s", within.as_secs()),
                });
            }
        }
        evidence.logs = tails;
        evidence.failures.extend(failure);
    }

    /// The streams that can be read, and where the other logs are.
    fn places<'a>(&'a self, evidence: &'a Evidence) -> (Vec<LogTail>, Vec<Stream<'a>>) {
        let (mut tails, mut streams) = (Vec::new(), Vec::new());
        let Some(definition) = &evidence.definition else {
            return (tails, streams);
        };
        for task in evidence.tasks_to_read() {
            if !task.has_begun() {
                continue;
            }
            // Of many, never without the one that ended it.
            let culprit = task.culprit(Some(definition));
            let others = task.containers.iter().filter(|it| Some(*it) != culprit);
            for container in culprit.into_iter().chain(others).take(CONTAINERS) {
                let Some(defined) = definition.container(&container.name) else {
                    continue;
                };
                let read = match defined.logs() {
                    LogPlace::CloudWatch {
                        group,
                        region,
                        prefix: Some(prefix),
                    } => {
                        streams.push(Stream {
                            task: &task.id,
                            container: &container.name,
                            region: region.unwrap_or_else(|| self.region()),
                            group,
                            name: stream_name(prefix, &container.name, &task.id),
                        });
                        continue;
                    }
                    LogPlace::CloudWatch { prefix: None, .. } => {
                        LogRead::Elsewhere("awslogs (without awslogs-stream-prefix)".to_owned())
                    }
                    LogPlace::Elsewhere(driver) => LogRead::Elsewhere(driver.to_owned()),
                    LogPlace::Nowhere => LogRead::Nowhere,
                };
                tails.push(LogTail {
                    task: task.id.clone(),
                    container: container.name.clone(),
                    read,
                });
            }
        }
        (tails, streams)
    }

    /// The last lines of a stream; none where there is no such stream.
    async fn lines(&self, stream: &Stream<'_>) -> Result<Vec<LogLine>, AwsError> {
        let client = self.logs(stream.region);
        let answer = self
            .call(GET, Effect::Reads, || {
                client
                    .get_log_events()
                    .log_group_name(stream.group)
                    .log_stream_name(&stream.name)
                    .start_from_head(false)
                    .limit(LINES)
                    .send()
            })
            .await;
        let answer = match answer {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            answer => answer?,
        };
        let line = |event: &aws_sdk_cloudwatchlogs::types::OutputLogEvent| LogLine {
            at: event
                .timestamp()
                .and_then(|at| Timestamp::from_millisecond(at).ok()),
            text: shown(event.message().unwrap_or_default()),
        };
        Ok(answer.events().iter().map(line).collect())
    }
}

/// A line as it may be shown: without what looks like a secret, and not too long.
fn shown(line: &str) -> String {
    if has_secret(line) {
        return MASKED.to_owned();
    }
    let plain: String = line
        .trim_end()
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .take(LONGEST)
        .collect();
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_secret_is_not_shown() {
        assert_eq!(
            shown("connecting to postgres://shop:hunter2@db/shop"),
            MASKED
        );
        assert_eq!(shown("password=hunter2"), MASKED);
        assert_eq!(
            shown("panic: the cart is\tempty\n"),
            "panic: the cart is empty"
        );
        assert_eq!(shown(&"x".repeat(1_000)).len(), LONGEST);
    }
}
