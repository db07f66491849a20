//! What the operating system and other people ask of a running deployment.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::deployment::observation::{Ask, OnInterrupt};

/// The asks that have come in and were not heeded yet.
#[derive(Debug)]
pub struct Asks {
    sender: UnboundedSender<Ask>,
    receiver: UnboundedReceiver<Ask>,
}

impl Default for Asks {
    fn default() -> Self {
        let (sender, receiver) = unbounded_channel();
        Asks { sender, receiver }
    }
}

impl Asks {
    /// A way to ask, for other tasks.
    pub fn sender(&self) -> UnboundedSender<Ask> {
        self.sender.clone()
    }

    /// Turns SIGINT, SIGTERM and SIGHUP into asks from now on; `then` says for a signal's name
    /// what it means.
    ///
    /// # Errors
    /// When the operating system gives no signal handler.
    #[cfg(unix)]
    pub fn listen_to_signals(&self, then: impl Fn(&str) -> OnInterrupt) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            ("SIGINT", SignalKind::interrupt()),
            ("SIGTERM", SignalKind::terminate()),
            ("SIGHUP", SignalKind::hangup()),
        ];
        for (name, kind) in kinds {
            let mut stream = signal(kind)?;
            let (sender, then) = (self.sender.clone(), then(name));
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    let ask = Ask::Interrupt {
                        signal: name.to_owned(),
                        then,
                    };
                    if sender.send(ask).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(())
    }

    /// Turns Ctrl-C into an ask from now on.
    ///
    /// # Errors
    /// Never here; the signature is the same on all systems.
    #[cfg(not(unix))]
    pub fn listen_to_signals(&self, then: impl Fn(&str) -> OnInterrupt) -> std::io::Result<()> {
        let (sender, then) = (self.sender.clone(), then("SIGINT"));
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if sender
                    .send(Ask::Interrupt {
                        signal: "Ctrl-C".to_owned(),
                        then,
                    })
                    .is_err()
                {
                    return;
                }
            }
        });
        Ok(())
    }

    /// Waits for the next ask.
    pub(super) async fn next(&mut self) -> Ask {
        match self.receiver.recv().await {
            Some(ask) => ask,
            None => std::future::pending().await,
        }
    }

    /// All that have come in by now.
    pub(super) fn drain(&mut self) -> Vec<Ask> {
        std::iter::from_fn(|| self.receiver.try_recv().ok()).collect()
    }
}
