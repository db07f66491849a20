//! Sends notices, beside a deployment that never waits for them.

mod github;
mod names;
mod post;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::error::CliError;
use super::session::{Session, run_url};
use crate::deployment::event::{Event, Record};
use crate::notify::{Notice, NotifyWanted, letter, notice};
use crate::report::view::View;
use names::names;
pub(super) use names::unset;
use post::Post;

/// How many notices wait for a slow channel; what comes then is not told.
const WAITING: usize = 100;
/// How long the end of a deployment is told for before the process goes.
const FLUSH: std::time::Duration = std::time::Duration::from_secs(10);

/// Takes records in and tells of them.
#[derive(Debug)]
pub(super) struct Notices {
    view: View,
    run_url: Option<String>,
    began: Began,
    channels: Vec<Sent>,
}

/// Which process began the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Began {
    /// This one: it knows which commit is deployed.
    Here,
    /// Another one.
    Elsewhere,
}

/// What is to be told.
#[derive(Debug, Clone)]
struct Told {
    notice: Notice,
    began: Began,
}

#[derive(Debug)]
struct Sent {
    name: String,
    wanted: NotifyWanted,
    queue: Sender<Told>,
    task: JoinHandle<()>,
    /// How many there was no room for.
    lost: u32,
}

impl Notices {
    /// Of a session's config; nothing is sent out of the embedded sandbox.
    pub(super) fn of(session: &Session) -> Notices {
        let wanted = match session.is_embedded() {
            true => &[][..],
            false => &session.config.notify,
        };
        let open = |(wanted, name): (&NotifyWanted, String)| {
            let (queue, waiting) = channel(WAITING);
            let post = Post::of(&session.cloud, wanted);
            Sent {
                name: name.clone(),
                wanted: wanted.clone(),
                queue,
                task: tokio::spawn(tell(post, name, waiting)),
                lost: 0,
            }
        };
        Notices {
            view: View::new(),
            run_url: run_url(),
            began: Began::Elsewhere,
            channels: wanted.iter().zip(names(wanted)).map(open).collect(),
        }
    }

    /// Takes a record in that was told of when it was written.
    pub(super) fn know(&mut self, record: &Record) {
        self.view.apply(record);
    }

    /// The same of several.
    pub(super) fn knowing(mut self, records: &[Record]) -> Notices {
        records.iter().for_each(|record| self.know(record));
        self
    }

    /// Tells of a record whoever wants to hear of it. Never waits.
    pub(super) fn record(&mut self, record: &Record) {
        if self.channels.is_empty() {
            return;
        }
        if matches!(record.event, Event::Started { .. }) {
            self.began = Began::Here;
        }
        let mut after = self.view.clone();
        after.apply(record);
        let told = notice(&self.view, &after, record, self.run_url.as_deref());
        self.view = after;
        let Some(notice) = told else { return };
        let began = self.began;
        for channel in &mut self.channels {
            if channel.wanted.on.contains(&notice.occasion) {
                let notice = notice.clone();
                let sent = channel.queue.try_send(Told { notice, began });
                channel.lost += u32::from(sent.is_err());
            }
        }
    }

    /// Waits a little for what was not sent yet.
    pub(super) async fn finish(self) {
        let until = Instant::now() + FLUSH;
        // Each ends by itself once nothing more can come: no one's slowness is another's.
        let closed: Vec<_> = self.channels.into_iter().map(Sent::close).collect();
        for channel in closed {
            channel.finish(until).await;
        }
    }
}

impl Sent {
    /// Nothing more comes.
    fn close(self) -> Closed {
        let Sent {
            name, task, lost, ..
        } = self;
        Closed { name, task, lost }
    }
}

/// A channel that is told what is left.
#[derive(Debug)]
struct Closed {
    name: String,
    task: JoinHandle<()>,
    lost: u32,
}

impl Closed {
    async fn finish(self, until: Instant) {
        let Closed {
            name,
            mut task,
            lost,
        } = self;
        if timeout_at(until, &mut task).await.is_err() {
            task.abort();
            warn(&name, "it does not answer: not everything was told");
        }
        if lost > 0 {
            warn(&name, &format!("{lost} notices were too many at once"));
        }
    }
}

/// Sends one after the other. What keeps on failing for the same reason is said once.
async fn tell(mut post: Post, name: String, mut waiting: Receiver<Told>) {
    let mut said = None;
    while let Some(told) = waiting.recv().await {
        let failed = post.send(&told).await.err();
        if let Some(why) = failed.as_deref().filter(|_| failed != said) {
            warn(&name, why);
        }
        said = failed;
    }
}

/// Nobody's deployment fails for it.
fn warn(name: &str, why: &str) {
    note!("Warning: {name} was not told: {why}");
}

/// What could never be told: it is said before anything begins.
///
/// # Errors
/// Where a text is no template, or names what there isn't.
pub(super) fn check(wanted: &[NotifyWanted]) -> Result<(), CliError> {
    for (one, name) in wanted.iter().zip(names(wanted)) {
        let tried = letter(&one.channel, &Notice::example(), one.text.as_deref());
        tried.map_err(|why| {
            CliError::usage(format!(
                "`notify`: the text for {name} can't be filled in: {why}"
            ))
        })?;
    }
    Ok(())
}
