//! Child processes of a test: started with their output in files, waited for by polling, killed when
//! dropped.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
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

    /// Its number, for whoever sends it signals.
    #[allow(dead_code, reason = "not every test stops one for a while")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
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
