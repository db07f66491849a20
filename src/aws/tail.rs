//! Logs of containers that are read on and on, from CloudWatch Logs: each stream by the token of
//! its last read, so that no line comes twice and none is left out.

use std::time::Duration;

use jiff::Timestamp;

use super::cloud::Cloud;
use super::error::AwsError;
use super::retry::{Effect, patiently};
use super::together::some;

const GET: &str = "logs:GetLogEvents";
/// GetLogEvents has a budget of 25 a second and more in any region.
const AT_ONCE: usize = 4;
/// How long a read waits for an account that others keep busy.
const THROTTLED_AT_MOST: Duration = Duration::from_secs(20);
/// Of a stream at once; each has up to 10,000 lines or 1 MB.
const PAGES: usize = 20;

/// A stream, and how far it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    region: Option<String>,
    group: String,
    name: String,
    since: Timestamp,
    token: Option<String>,
    /// Whether the last read came to its end.
    is_read: bool,
}

/// What was written to a stream at once, as a rule one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// When.
    pub at: Timestamp,
    /// Its text, whole.
    pub text: String,
}

impl LogStream {
    /// A stream that is read from `since` on; `region` where it isn't the deployment's.
    pub fn new(region: Option<&str>, group: &str, name: String, since: Timestamp) -> LogStream {
        LogStream {
            region: region.map(str::to_owned),
            group: group.to_owned(),
            name,
            since,
            token: None,
            is_read: false,
        }
    }

    /// Whether the last read came to the end of what was there; a read has its limits.
    pub fn is_read(&self) -> bool {
        self.is_read
    }
}

impl Cloud {
    /// What came to each of the streams since it was read last, oldest first; nothing of one that
    /// isn't there yet. A stream that couldn't be read stays where it was.
    pub async fn read_on(
        &self,
        streams: Vec<&mut LogStream>,
    ) -> Vec<Result<Vec<LogEvent>, AwsError>> {
        let reads = streams.into_iter().map(|it| self.rest_of(it)).collect();
        patiently(THROTTLED_AT_MOST, some(AT_ONCE, reads)).await
    }

    /// Empty pages may come before full ones: only the same token again is the end.
    async fn rest_of(&self, stream: &mut LogStream) -> Result<Vec<LogEvent>, AwsError> {
        let mut events = Vec::new();
        stream.is_read = false;
        for _ in 0..PAGES {
            let (page, token) = match self.page_of(stream).await {
                Err(error) if error.is_not_found() => {
                    stream.is_read = true;
                    break;
                }
                // What came with earlier pages counts: the next read goes on from there.
                Err(_) if !events.is_empty() => break,
                page => page?,
            };
            events.extend(page);
            let is_end = token.is_none() || token == stream.token;
            stream.token = token.or_else(|| stream.token.take());
            if is_end {
                stream.is_read = true;
                break;
            }
        }
        Ok(events)
    }

    async fn page_of(
        &self,
        stream: &LogStream,
    ) -> Result<(Vec<LogEvent>, Option<String>), AwsError> {
        let region = stream.region.as_deref();
        let client = self.logs(region.unwrap_or_else(|| self.region()));
        let answer = self
            .call(GET, Effect::Reads, || {
                client
                    .get_log_events()
                    .log_group_name(&stream.group)
                    .log_stream_name(&stream.name)
                    .start_time(stream.since.as_millisecond())
                    .start_from_head(true)
                    .set_next_token(stream.token.clone())
                    .send()
            })
            .await?;
        let event = |event: &aws_sdk_cloudwatchlogs::types::OutputLogEvent| {
            Some(LogEvent {
                at: Timestamp::from_millisecond(event.timestamp()?).ok()?,
                text: event.message()?.to_owned(),
            })
        };
        let events = answer.events().iter().filter_map(event).collect();
        Ok((events, answer.next_forward_token().map(str::to_owned)))
    }
}
