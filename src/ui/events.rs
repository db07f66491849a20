//! Server-sent events: a body that grows while somebody reads it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How many events wait for a slow reader.
const WAITING: usize = 4;

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

    /// Sends what a reader doesn't see, so that a connection that nobody listens at is noticed.
    pub(super) async fn keep_alive(&self) -> bool {
        self.0
            .send(Bytes::from_static(b": still here\n\n"))
            .await
            .is_ok()
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
        assert!(!writer.keep_alive().await);
    }
}
