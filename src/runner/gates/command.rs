//! Command gates: a program beside `bg`, with the deployment in its environment.

use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::Context;
use crate::deployment::gate::Gate;
use crate::deployment::ids::SlotName;
use crate::gate::{CommandCheck, GateAnswer};
use crate::strategy::format_duration;

/// As much of what it prints is kept, from the end.
const KEPT_BYTES: usize = 64 * 1024;
/// And so many lines are told.
const TOLD_LINES: usize = 10;
/// What it wrote just before it ended is read for so long, on the machine's own clock. Only what it
/// left running keeps its output open after that.
const LAST_WORDS: Duration = Duration::from_millis(500);

impl Context {
    pub(super) async fn run(&self, gate: &Gate, check: &CommandCheck) -> GateAnswer {
        let failed = |why| GateAnswer::Failed { why };
        let Some((program, arguments)) = check.argv.split_first() else {
            return failed("it names no program".to_owned());
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(self.environment(gate))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut running = match command.spawn() {
            Ok(child) => Running::new(child),
            Err(error) => return failed(format!("{program} can't be run: {error}")),
        };
        let child = &mut running.child;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let ended = async {
            tokio::select! {
                status = child.wait() => Some(status),
                () = self.clock.sleep_until(self.until) => None,
            }
        };
        let (status, said) = hear(ended, out, err).await;
        let with_said = |how: String| match said.is_empty() {
            true => how,
            false => format!("{how}: {said}"),
        };
        match status {
            Some(Ok(status)) if status.success() => GateAnswer::Passed {
                what: with_said("exit code 0".to_owned()),
            },
            Some(Ok(status)) => failed(with_said(match status.code() {
                Some(code) => format!("exit code {code}"),
                None => format!("{status}"),
            })),
            Some(Err(error)) => failed(format!("{program} was lost: {error}")),
            None => {
                let within = format_duration(gate.within);
                failed(with_said(format!("it did not answer within {within}")))
            }
        }
    }

    /// What the command knows of the deployment: variables that no flag of `bg` reads.
    fn environment(&self, gate: &Gate) -> Vec<(&'static str, String)> {
        let plan = &self.plan;
        let of = |slot: SlotName| &plan.slots[slot];
        let (blue, green) = (of(plan.blue), of(plan.green_slot()));
        let groups = |slot: &crate::deployment::plan::SlotPlan| {
            let groups = slot.targets.iter().map(|it| it.group.to_string());
            groups.collect::<Vec<_>>().join(",")
        };
        let mut variables = vec![
            ("BG_GATE_NAME", gate.name.clone()),
            ("BG_GATE_POINT", self.point.told(plan)),
            ("BG_GATE_DEPLOYMENT", plan.id.to_string()),
            ("BG_GATE_SERVICE", plan.service.to_string()),
            ("BG_GATE_CLUSTER", plan.cluster.to_string()),
            ("BG_GATE_ACCOUNT", plan.account.clone()),
            ("BG_GATE_REGION", plan.region.clone()),
            ("BG_GATE_WEIGHT", self.weight.to_string()),
            ("BG_GATE_GREEN_SLOT", plan.green_slot().to_string()),
            ("BG_GATE_GREEN_SERVICE", green.service.to_string()),
            ("BG_GATE_GREEN_TARGET_GROUPS", groups(green)),
            ("BG_GATE_BLUE_SERVICE", blue.service.to_string()),
            ("BG_GATE_BLUE_TARGET_GROUPS", groups(blue)),
        ];
        if let Some(revision) = &self.task_definition {
            variables.push(("BG_GATE_TASK_DEFINITION", revision.to_string()));
        }
        variables
    }
}

/// A command that runs; dropped, it ends with everything that it has started, and where it ended by
/// itself, with what it has left.
struct Running {
    child: Child,
    /// Its process group, which lasts until the last process of it has ended: `child` forgets its id
    /// as soon as it was waited for.
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
}

impl Running {
    fn new(child: Child) -> Running {
        Running {
            #[cfg(unix)]
            group: (child.id().and_then(|id| i32::try_from(id).ok()))
                .and_then(rustix::process::Pid::from_raw),
            child,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// What a command says until it has ended, and how it did; `None` where its time was over.
///
/// Its own end counts: that of its output may come much later, where it left something running.
async fn hear<T>(
    ended: impl Future<Output = Option<T>>,
    out: Option<impl AsyncRead + Unpin>,
    err: Option<impl AsyncRead + Unpin>,
) -> (Option<T>, String) {
    let (mut kept_out, mut kept_err) = (Vec::new(), Vec::new());
    let ended = {
        let tails = async { tokio::join!(tail(out, &mut kept_out), tail(err, &mut kept_err)) };
        let (mut tails, mut ended) = (pin!(tails), pin!(ended));
        let mut is_read = false;
        let ended = loop {
            tokio::select! {
                ended = &mut ended => break ended,
                _ = &mut tails, if !is_read => is_read = true,
            }
        };
        if ended.is_some() && !is_read {
            let _ = tokio::time::timeout(LAST_WORDS, tails).await;
        }
        ended
    };
    (ended, told(&kept_out, &kept_err))
}

/// Keeps the end of what comes.
async fn tail(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    let Some(mut from) = from else {
        return;
    };
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        if kept.len() > 2 * KEPT_BYTES {
            kept.drain(..kept.len() - KEPT_BYTES);
        }
    }
}

/// The last lines of its output, those on stderr last.
fn told(out: &[u8], err: &[u8]) -> String {
    let text = [out, err].map(|it| String::from_utf8_lossy(it).into_owned());
    let lines = text.iter().flat_map(|it| it.lines());
    let lines: Vec<&str> = lines
        .map(str::trim_end)
        .filter(|it| !it.is_empty())
        .collect();
    let from = lines.len().saturating_sub(TOLD_LINES);
    lines[from..].join("\n")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, DuplexStream, Empty};
    use tokio::time::{Instant, sleep};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Hears a command that ends after a minute, as `ended` says, and how long that took.
    async fn heard(ended: Option<u8>, out: DuplexStream) -> (Option<u8>, String, Duration) {
        let from = Instant::now();
        let ended = async {
            sleep(MINUTE).await;
            ended
        };
        let (ended, said) = hear(ended, Some(out), None::<Empty>).await;
        (ended, said, from.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_s_own_end_decides_where_something_it_left_keeps_its_output_open() {
        let (mut inside, out) = tokio::io::duplex(64);
        let left_running = tokio::spawn(async move {
            inside.write_all(b"hi\n").await.unwrap();
            sleep(MINUTE + LAST_WORDS / 2).await;
            inside.write_all(b"still in the pipe\n").await.unwrap();
            sleep(10 * MINUTE).await;
            inside.write_all(b"much later\n").await
        });
        let (ended, said, took) = heard(Some(0), out).await;
        assert_eq!((ended, said.as_str()), (Some(0), "hi\nstill in the pipe"));
        assert_eq!(took, MINUTE + LAST_WORDS);
        assert!(left_running.await.unwrap().is_err(), "nobody reads it");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_waited_for_where_all_its_output_is_there() {
        let (mut inside, out) = tokio::io::duplex(64);
        inside.write_all(b"hi\n").await.unwrap();
        drop(inside);
        let heard = heard(Some(0), out).await;
        assert_eq!(heard, (Some(0), "hi".to_owned(), MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_command_said_is_kept_where_its_time_is_over() {
        let (mut inside, out) = tokio::io::duplex(64);
        inside.write_all(b"asked the first\n").await.unwrap();
        let heard = heard(None, out).await;
        assert_eq!(heard, (None, "asked the first".to_owned(), MINUTE));
    }
}
