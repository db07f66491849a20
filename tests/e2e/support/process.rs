//! Processes of the binary: started, watched, killed, ended.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

/// Longer than anything here takes, on a machine that is busy with something else.
const AT_MOST: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `found` finds something.
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..AT_MOST.as_millis() / PAUSE.as_millis() {
        if let Some(found) = found() {
            return found;
        }
        pause();
    }
    panic!("waited {AT_MOST:?} for {what}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the processes under test live in real time; this is the pause between two looks"
)]
fn pause() {
    std::thread::sleep(PAUSE);
}

/// What a process that has ended left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Panics with all that it said where its exit code is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ended {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Panics where stdout lacks `text`.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Ended {
        assert!(
            self.stdout.contains(text),
            "no {text:?} in stdout of\n{self}"
        );
        self
    }

    /// Panics where stderr lacks `text`.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Ended {
        assert!(
            self.stderr.contains(text),
            "no {text:?} in stderr of\n{self}"
        );
        self
    }

    /// Stdout as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in\n{self}"))
    }

    /// Stdout as JSON lines.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("{error} in the line {line}\nof\n{self}"))
            })
            .collect()
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ended {
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "exit code {code}\n-- stdout\n{stdout}-- stderr\n{stderr}"
        )
    }
}

/// A process that runs; killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Process {
        let mut child = command.spawn().expect("the binary starts");
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let readers = vec![
            collect(child.stdout.take().expect("piped"), Arc::clone(&stdout)),
            collect(child.stderr.take().expect("piped"), Arc::clone(&stderr)),
        ];
        Process {
            child,
            stdout,
            stderr,
            readers,
        }
    }

    /// What it wrote to stdout so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().expect("no reader panics").clone()
    }

    fn stderr(&self) -> String {
        self.stderr.lock().expect("no reader panics").clone()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has written `text` to stdout.
    #[track_caller]
    pub(crate) fn until_it_says(&mut self, text: &str) {
        self.until_it_wrote(text, Process::stdout);
    }

    /// Waits until it has written `text` to stderr.
    #[track_caller]
    pub(crate) fn until_it_complains(&mut self, text: &str) {
        self.until_it_wrote(text, Process::stderr);
    }

    #[track_caller]
    fn until_it_wrote(&mut self, text: &str, stream: fn(&Process) -> String) {
        for _ in 0..AT_MOST.as_millis() / PAUSE.as_millis() {
            let over = self.over().is_some();
            if stream(self).contains(text) {
                return;
            }
            if over {
                break;
            }
            pause();
        }
        panic!(
            "it didn't say {text:?} but\n{}\n-- stderr\n{}",
            self.stdout(),
            self.stderr()
        );
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(sent.success(), "kill -{name} failed");
    }

    /// Lets it write no file beyond so many bytes from now on.
    pub(crate) fn limit_files_to(&self, bytes: u64) {
        let set = Command::new("prlimit")
            .args(["--pid", &self.child.id().to_string()])
            .arg(format!("--fsize={bytes}:{bytes}"))
            .status()
            .expect("util-linux is there");
        assert!(set.success(), "prlimit failed");
    }

    fn over(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is this process's child")
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        self.over().is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(self) -> Ended {
        self.ends_within(AT_MOST)
    }

    /// Waits for its end, at most so long.
    #[track_caller]
    pub(crate) fn ends_within(mut self, limit: Duration) -> Ended {
        for _ in 0..=limit.as_millis() / PAUSE.as_millis() {
            if let Some(status) = self.over() {
                return self.ended(status);
            }
            pause();
        }
        panic!(
            "it still runs after {limit:?}, having said\n{}",
            self.stdout()
        );
    }

    fn ended(&mut self, status: ExitStatus) -> Ended {
        for reader in self.readers.drain(..) {
            reader.join().expect("no reader panics");
        }
        Ended {
            code: status.code().unwrap_or(-1),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(stream: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            into.lock().expect("no reader panics").push_str(&line);
            line.clear();
        }
    })
}
