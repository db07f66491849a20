//! What the program costs as a process: start, memory, size.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::{Figure, TIMES, median, millis, timed};

pub(crate) const BG: &str = env!("CARGO_BIN_EXE_bg");

pub(crate) fn figures() -> Vec<Figure> {
    let mut figures = Vec::new();
    let version = start(BG, &["--version"]);
    let aws = aws_start();
    figures.push(Figure::new(
        format!("cold start of `bg --version`{}", beside(version, aws)),
        version.map_or("not measured".to_owned(), millis),
        "well below `aws --version`",
    ));
    figures.push(plan(aws));
    figures.push(memory());
    figures.push(size());
    figures
}

/// The median of so many starts; `None` where the program isn't there or fails.
fn start(program: &str, arguments: &[&str]) -> Option<Duration> {
    let once = || {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        run(&mut command)
    };
    // The first one fills the file cache.
    once()?;
    let times: Option<Vec<Duration>> = (0..TIMES).map(|_| once()).collect();
    times.map(median)
}

pub(crate) fn run(command: &mut Command) -> Option<Duration> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (time, status) = timed(|| command.status());
    status.ok()?.success().then_some(time)
}

fn aws_start() -> Option<Duration> {
    start("aws", &["--version"])
}

fn beside(ours: Option<Duration>, theirs: Option<Duration>) -> String {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => format!(
            " (`aws --version` takes {}, {:.1} times as long)",
            millis(theirs),
            theirs.as_secs_f64() / ours.as_secs_f64()
        ),
        _ => " (no `aws` here to compare with)".to_owned(),
    }
}

/// A region on a loopback port, and the config that reaches it.
pub(crate) struct Sandbox {
    child: Child,
    environment: Vec<(String, String)>,
    config: String,
}

impl Sandbox {
    /// Starts one and reads what it prints.
    pub(crate) fn start() -> Option<Sandbox> {
        let mut child = Command::new(BG)
            // At this speed the region's budgets outlast the calls of a dozen plans in a row.
            .args(["sandbox", "--port", "0", "--speed", "60"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let lines = BufReader::new(child.stdout.take()?).lines();
        let mut sandbox = Sandbox {
            child,
            environment: Vec::new(),
            config: String::new(),
        };
        for line in lines.map_while(Result::ok) {
            if let Some(exports) = line.strip_prefix("export ") {
                let pairs = exports.split(' ').filter_map(|pair| pair.split_once('='));
                let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
                sandbox.environment.extend(pairs);
            } else if !line.starts_with('#') {
                sandbox.config.push_str(&line);
                sandbox.config.push('\n');
            }
            // The alarms are the last part of the config.
            if line.contains("latency") {
                return Some(sandbox);
            }
        }
        None
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sandbox {
    /// The median of so many runs in a folder with its config.
    pub(crate) fn time(&self, folder: &Path, arguments: &[&str]) -> Option<Duration> {
        std::fs::write(folder.join("bg.yaml"), &self.config).ok()?;
        let once = || {
            let mut command = Command::new(BG);
            let environment = self.environment.iter().cloned();
            run(command
                .args(arguments)
                .current_dir(folder)
                .envs(environment))
        };
        once()?;
        let times: Option<Vec<Duration>> = (0..TIMES).map(|_| once()).collect();
        times.map(median)
    }
}

fn plan(aws: Option<Duration>) -> Figure {
    let measured = || {
        let folder = tempfile::tempdir().ok()?;
        Sandbox::start()?.time(folder.path(), &["plan", "--image", "shop:v2"])
    };
    let took = measured();
    Figure::new(
        format!(
            "`bg plan` against a region on loopback{}",
            beside(took, aws)
        ),
        took.map_or("not measured".to_owned(), millis),
        "below `aws --version`",
    )
}

/// The most memory that a whole deployment in the sandbox ever had, region and all.
fn memory() -> Figure {
    let peak = deployment_s_peak();
    let figure = match peak {
        Some(kib) => format!("{:.1} MiB", kib as f64 / 1024.0),
        None => "not measured: no /proc".to_owned(),
    };
    Figure::new(
        "peak memory (VmHWM) of `bg deploy --sandbox`, region included",
        figure,
        "under 40 MiB",
    )
}

fn deployment_s_peak() -> Option<u64> {
    let arguments = [
        "deploy",
        "--sandbox",
        "--image",
        "shop:v2",
        "--speed",
        "120",
    ];
    let mut child = Command::new(BG)
        .args(arguments)
        .arg("--no-wait-retire")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait().ok()?.is_none() {
        // A process that has ended shows none any more.
        peak = peak_in(Path::new(&status)).or(peak);
        pause();
    }
    peak
}

fn peak_in(status: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(status).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process is waited for, in its time"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

fn size() -> Figure {
    let bytes = std::fs::metadata(BG).map(|found| found.len());
    let figure = match bytes {
        Ok(_) if cfg!(debug_assertions) => "not measured: not a release build".to_owned(),
        Ok(bytes) => format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0)),
        Err(_) => "not measured".to_owned(),
    };
    Figure::new(
        "size of the stripped release binary",
        figure,
        "under 25 MiB",
    )
}
