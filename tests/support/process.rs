//! Child processes of a test: started with their output in files, waited for by polling, killed when
//! dropped.

use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// Between two looks at something that is waited for.
pub(crate) const LOOK: Duration = Duration::from_millis(25);

/// How a process ended, and all it wrote.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; none if it was killed.
    pub(crate) code: Option<i32>,
    /// All of its standard output.
    pub(crate) stdout: String,
    /// All of its standard error.
    pub(crate) stderr: String,
}

impl Ended {
    /// Everything, for the message of a failed assertion.
    pub(crate) fn told(&self) -> String {
        let Ended {
            code,
            stdout,
            stderr,
        } = self;
        format!("exit code {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// A running child. Its standard input stays open until it is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    output: TempDir,
}

impl Process {
    /// Starts `command`, which `name` stands for in messages.
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        let output = tempfile::tempdir().expect("a temporary folder");
        let file = |name| File::create(output.path().join(name)).expect("a file for output");
        let child = command
            .stdin(Stdio::piped())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let name = name.to_owned();
        Self {
            name,
            child,
            output,
        }
    }

    /// Writes a line to its standard input.
    pub(crate) fn tell(&mut self, line: &str) {
        let input = self
            .child
            .stdin
            .as_mut()
            .expect("its standard input is piped");
        writeln!(input, "{line}").expect("a child that reads");
    }

    fn written(&self, file: &str) -> String {
        let bytes = fs::read(self.output.path().join(file)).expect("the child's output");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What it has written to standard output so far.
    pub(crate) fn printed(&self) -> String {
        self.written("stdout")
    }

    /// Its exit code if it has ended.
    pub(crate) fn ended(&mut self) -> Option<Ended> {
        let status = self.child.try_wait().expect("a child of ours")?;
        Some(Ended {
            code: status.code(),
            stdout: self.printed(),
            stderr: self.written("stderr"),
        })
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// If that takes longer than `limit`.
    pub(crate) async fn end(mut self, limit: Duration) -> Ended {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(ended) = self.ended() {
                return ended;
            }
            if Instant::now() > deadline {
                let (out, err) = (self.printed(), self.written("stderr"));
                panic!("{} still runs after {limit:?}:\n{out}\n{err}", self.name);
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until `seen` finds something in its standard output.
    ///
    /// # Panics
    /// If it ends before, or `limit` passes.
    pub(crate) async fn wait_for<T>(
        &mut self,
        limit: Duration,
        seen: impl Fn(&str) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(found) = seen(&self.printed()) {
                return found;
            }
            if let Some(ended) = self.ended() {
                panic!("{} has ended: {}", self.name, ended.told());
            }
            let (out, err) = (self.printed(), self.written("stderr"));
            assert!(
                Instant::now() < deadline,
                "{}: {limit:?} passed:\n{out}\n{err}",
                self.name
            );
            sleep(LOOK).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback port that nothing listens on now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
    listener.local_addr().expect("a bound address").port()
}

/// Waits until something answers HTTP at `address`; false if `limit` passes first.
pub(crate) async fn answers(address: SocketAddr, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        let tried = tokio::time::timeout(Duration::from_secs(2), greet(address)).await;
        if matches!(tried, Ok(Ok(true))) {
            return true;
        }
        sleep(LOOK).await;
    }
    false
}

async fn greet(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await?;
    let mut start = [0; 5];
    stream.read_exact(&mut start).await?;
    Ok(&start == b"HTTP/")
}
