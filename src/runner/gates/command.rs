//! Command gates: a program beside `bg`, with the deployment in its environment.

use std::process::Stdio;

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
            Ok(child) => Running(child),
            Err(error) => return failed(format!("{program} can't be run: {error}")),
        };
        let (out, err) = (running.0.stdout.take(), running.0.stderr.take());
        let (mut kept_out, mut kept_err) = (Vec::new(), Vec::new());
        let ended = async {
            let tails = (tail(out, &mut kept_out), tail(err, &mut kept_err));
            tokio::join!(running.0.wait(), tails.0, tails.1).0
        };
        let status = tokio::select! {
            status = ended => Some(status),
            () = self.clock.sleep_until(self.until) => None,
        };
        let said = told(&kept_out, &kept_err);
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

/// A command that runs; dropped, it ends with everything that it has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = self.0.id().and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
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
