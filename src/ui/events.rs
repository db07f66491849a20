//! Server-sent events: a body that grows while somebody reads it.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

/// How many events wait for a slow reader.
const WAITING: usize = 4;
/// Between two signs of life while something takes long.
const BEAT: Duration = Duration::from_secs(3);

/// The reader's end.
#[derive(Debug)]
pub(super) struct Events(Receiver<Bytes>);

/// The writer's end.
#[derive(Debug)]
pub(super) struct Writer(Sender<Bytes>);

/// Both ends.
pub(super) fn events() -> (Writer, Events) {
    let (sender, receiver) = channel(WAITING);
    (Writer(sender), Events(receiver))
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.poll_recv(context);
        next.map(|it| it.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Writer {
    /// Sends an event; false where nobody reads any more.
    pub(super) async fn send(&self, name: &str, text: &str) -> bool {
        self.0.send(Bytes::from(told(name, text))).await.is_ok()
    }

    /// Says that nothing more comes, and when to ask again.
    pub(super) async fn later(&self, after: Duration) {
        self.send("later", &after.as_millis().to_string()).await;
    }

    /// Does something that may take long, and says `here` meanwhile, so that neither end takes the
    /// other for dead. `None` where nobody reads any more.
    pub(super) async fn beside<T>(&self, here: &str, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            match timeout(BEAT, &mut work).await {
                Ok(done) => return Some(done),
                Err(_) if self.send("here", here).await => {}
                Err(_) => return None,
            }
        }
    }
}

/// An event in the form of the standard: each line of its text has its own field.
fn told(name: &str, text: &str) -> String {
    let mut told = format!("event: {name}\n");
    for line in text.lines() {
        told.push_str("data: ");
        told.push_str(line);
        told.push('\n');
    }
    told.push('\n');
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_several_lines_is_one_event() {
        assert_eq!(
            told("main", "<p>\nx\n\n"),
            "event: main\ndata: <p>\ndata: x\ndata: \n\n"
        );
    }

    #[tokio::test]
    async fn nobody_who_reads_is_noticed() {
        let (writer, events) = events();
        assert!(writer.send("main", "x").await);
        drop(events);
        assert!(!writer.send("main", "x").await);
        let never = std::future::pending::<()>();
        assert_eq!(writer.beside("now", never).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_no_silence() {
        let (writer, mut events) = events();
        let work = tokio::time::sleep(BEAT * 2 + BEAT / 2);
        assert_eq!(writer.beside("14:03:10", work).await, Some(()));
        drop(writer);
        let mut said = 0;
        while let Some(bytes) = events.0.recv().await {
            assert_eq!(bytes, "event: here\ndata: 14:03:10\n\n");
            said += 1;
        }
        assert_eq!(said, 2);
    }
}
