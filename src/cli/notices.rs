//! Sends notices, beside a deployment that never waits for them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::error::CliError;
use super::session::{Session, run_url};
use crate::aws::{Web, WebRequest};
use crate::deployment::event::Record;
use crate::notify::{Channel, Held, Notice, NotifyWanted, letter, notice};
use crate::report::view::View;

/// How many notices wait for a slow channel; what comes then is not told.
const WAITING: usize = 100;
/// How long one try may take, how many there are, and what lies between the first two.
const TRY: Duration = Duration::from_secs(5);
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);
/// How long the end of a deployment is told for before the process goes.
const FLUSH: Duration = Duration::from_secs(10);

/// Takes records in and tells of them.
#[derive(Debug)]
pub(super) struct Notices {
    view: View,
    run_url: Option<String>,
    channels: Vec<Sent>,
}

#[derive(Debug)]
struct Sent {
    wanted: NotifyWanted,
    queue: Sender<Notice>,
    task: JoinHandle<()>,
    /// How many there was no room for.
    lost: u32,
}

impl Notices {
    /// Of a session's config; nothing is sent out of the embedded sandbox.
    pub(super) fn of(session: &Session) -> Notices {
        let way_out = session.cloud.way_out();
        let open = |wanted: &NotifyWanted| {
            let (queue, mut waiting) = channel(WAITING);
            let (wanted, way_out) = (wanted.clone(), way_out.clone());
            let told = wanted.clone();
            let task = tokio::spawn(async move {
                while let Some(notice) = waiting.recv().await {
                    send(&way_out, &wanted, &notice).await;
                }
            });
            Sent {
                wanted: told,
                queue,
                task,
                lost: 0,
            }
        };
        let wanted = match session.is_embedded() {
            true => &[][..],
            false => &session.config.notify,
        };
        Notices {
            view: View::new(),
            run_url: run_url(),
            channels: wanted.iter().map(open).collect(),
        }
    }

    /// Takes a record in that was told of when it was written.
    pub(super) fn know(&mut self, record: &Record) {
        self.view.apply(record);
    }

    /// Tells of a record whoever wants to hear of it. Never waits.
    pub(super) fn record(&mut self, record: &Record) {
        if self.channels.is_empty() {
            return;
        }
        let mut after = self.view.clone();
        after.apply(record);
        let told = notice(&self.view, &after, record, self.run_url.as_deref());
        self.view = after;
        let Some(told) = told else { return };
        for channel in &mut self.channels {
            if channel.wanted.on.contains(&told.occasion)
                && channel.queue.try_send(told.clone()).is_err()
            {
                channel.lost += 1;
            }
        }
    }

    /// Waits a little for what was not sent yet.
    pub(super) async fn finish(self) {
        let Notices { channels, .. } = self;
        let until = Instant::now() + FLUSH;
        for channel in channels {
            channel.finish(until).await;
        }
    }
}

impl Sent {
    async fn finish(self, until: Instant) {
        let Sent {
            wanted,
            queue,
            mut task,
            lost,
        } = self;
        drop(queue);
        if timeout_at(until, &mut task).await.is_err() {
            task.abort();
            warn(
                &wanted.channel,
                "it does not answer: not everything was told",
            );
        }
        if lost > 0 {
            warn(
                &wanted.channel,
                &format!("{lost} notices were too many at once"),
            );
        }
    }
}

/// Nobody's deployment fails for it.
fn warn(channel: &Channel, why: &str) {
    note!("Warning: {} was not told: {why}", channel.name());
}

async fn send(way_out: &Web, wanted: &NotifyWanted, notice: &Notice) {
    let request = match request(wanted, notice) {
        Ok(request) => request,
        Err(why) => return warn(&wanted.channel, &why),
    };
    let mut why = String::new();
    for attempt in 1..=TRIES {
        match way_out.send(&request).await {
            Ok(answer) if (200..300).contains(&answer.status) => return,
            Ok(answer) => why = format!("it answered {}", answer.status),
            Err(error) => why = error,
        }
        if attempt < TRIES {
            sleep(PAUSE * attempt).await;
        }
    }
    warn(&wanted.channel, &why);
}

fn request(wanted: &NotifyWanted, notice: &Notice) -> Result<WebRequest, String> {
    let (url, headers) = match &wanted.channel {
        Channel::Slack(url) | Channel::Teams(url) => (url, None),
        Channel::Webhook { url, headers } => (url, Some(headers)),
    };
    let mut sent = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    for (name, value) in headers.into_iter().flatten() {
        sent.insert(name.clone(), held(value)?);
    }
    let letter = letter(&wanted.channel, notice, wanted.text.as_deref())?;
    Ok(WebRequest {
        method: "POST".to_owned(),
        url: held(url)?,
        headers: sent,
        body: letter.0.to_string().into_bytes(),
        within: TRY,
    })
}

/// A value, as it is now.
fn held(value: &Held) -> Result<String, String> {
    match value {
        Held::Text(text) => Ok(text.clone()),
        Held::Env(name) => {
            std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))
        }
    }
}

/// What could never be told: it is said before anything begins.
///
/// # Errors
/// Where a text is no template, or names what there isn't.
pub(super) fn check(wanted: &[NotifyWanted]) -> Result<(), CliError> {
    for one in wanted {
        let tried = letter(&one.channel, &Notice::example(), one.text.as_deref());
        tried.map_err(|why| {
            let name = one.channel.name();
            CliError::usage(format!(
                "`notify`: the text for {name} can't be filled in: {why}"
            ))
        })?;
    }
    Ok(())
}
