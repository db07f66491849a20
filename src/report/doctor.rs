//! `doctor`: what is wrong with a service or a task, for a person at night and for programs.

use jiff::Timestamp;
use serde::Serialize;

use super::line::{StyledLine, Tone};
use super::words;
use crate::deployment::diagnosis::Finding;
use crate::deployment::ids::{ClusterName, DeploymentId, SlotName};

/// Where the words of a finding's parts begin.
const TEXT_COLUMN: usize = 12;

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DoctorReport {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub cluster: ClusterName,
    /// Each service or task, in the order that was asked for.
    pub services: Vec<Patient>,
    /// The service's last deployment, where that was reverted.
    pub reverted: Option<Reverted>,
}

/// A deployment that was reverted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reverted {
    /// Which.
    pub id: DeploymentId,
    /// When.
    pub at: Timestamp,
    /// What tripped, in words.
    pub why: String,
}

/// One service, or one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Patient {
    /// The service; none for a task outside any.
    pub service: Option<String>,
    /// Its slot, where the config names it.
    pub slot: Option<SlotName>,
    /// The task, where one was asked for.
    pub task: Option<String>,
    /// Tasks asked for and running; none where there is no service, or it can't be read.
    pub tasks: Option<Tasks>,
    /// A service whose name is much like that of the one that doesn't exist.
    pub nearest: Option<String>,
    /// What is wrong, the root cause first.
    pub findings: Vec<Finding>,
}

/// A service's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tasks {
    /// Asked for.
    pub desired: u32,
    /// Running.
    pub running: u32,
}

/// `doctor` for people: of each patient the first finding whole, the others short.
pub fn text(report: &DoctorReport) -> Vec<StyledLine> {
    let mut lines = Vec::new();
    for (at, patient) in report.services.iter().enumerate() {
        if at > 0 {
            lines.push(StyledLine::new());
        }
        lines.push(headline(report, patient));
        let mut findings = patient.findings.iter();
        if let Some(first) = findings.next() {
            lines.push(StyledLine::new());
            lines.extend(whole(first));
        }
        if findings.len() > 0 {
            lines.push(StyledLine::new());
        }
        lines.extend(findings.flat_map(short));
    }
    if let Some(Reverted { id, at, why }) = &report.reverted {
        let when = at.strftime("%F %H:%M:%S UTC");
        lines.push(StyledLine::new());
        lines.push(
            StyledLine::of(Tone::Warn, "The last deployment was reverted")
                .plain(format!(" at {when}: {why}")),
        );
        lines.push(StyledLine::new().plain(format!("What went wrong there: bg show {id}")));
    }
    lines
}

fn headline(report: &DoctorReport, patient: &Patient) -> StyledLine {
    let name = match (&patient.task, &patient.service) {
        (Some(task), Some(service)) => format!("task {task} of {service}"),
        (Some(task), None) => format!("task {task}"),
        (None, service) => service.clone().unwrap_or_default(),
    };
    let slot = patient.slot.map(|slot| format!(", slot {slot}"));
    let line = StyledLine::of(Tone::Strong, name)
        .plain(format!(" in cluster {}", report.cluster))
        .plain(slot.unwrap_or_default());
    let line = match patient.tasks {
        Some(Tasks { desired: 0, .. }) => line.plain(": idle, no task is asked for"),
        Some(Tasks { desired, running }) => line.plain(format!(": {running}/{desired} tasks run")),
        None if patient.findings.is_empty() && patient.task.is_none() => {
            let nearest = patient.nearest.as_ref();
            let nearest = nearest.map(|it| format!("; did you mean {it}?"));
            return line
                .plain(": it doesn't exist")
                .plain(nearest.unwrap_or_default());
        }
        None => line,
    };
    let line = match patient.findings.len() {
        0 => line.with(Tone::Good, "; nothing is wrong as far as AWS shows"),
        count => line.with(Tone::Bad, format!("; {}", words::plural(count, "finding"))),
    };
    line.with(Tone::Dim, format!(" ({} UTC)", words::clock(report.at)))
}

fn part(label: &str, tone: Tone, text: &str) -> StyledLine {
    StyledLine::new()
        .plain("  ")
        .with(Tone::Dim, label)
        .to_column(TEXT_COLUMN)
        .with(tone, text)
}

fn whole(finding: &Finding) -> Vec<StyledLine> {
    let mut lines = vec![part("wrong", Tone::Bad, &finding.what)];
    for (at, evidence) in finding.evidence.iter().enumerate() {
        let label = if at == 0 { "seen" } else { "" };
        lines.push(part(label, Tone::Plain, evidence));
    }
    lines.push(part("likely", Tone::Plain, &finding.cause));
    lines.push(part("mend it", Tone::Good, &finding.fix));
    lines.push(part("rule", Tone::Dim, &finding.rule));
    lines
}

fn short(finding: &Finding) -> [StyledLine; 2] {
    [
        part("also", Tone::Warn, &finding.what),
        part("", Tone::Dim, &finding.fix),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(what: &str) -> Finding {
        Finding {
            rule: "exit-error".to_owned(),
            what: what.to_owned(),
            evidence: vec!["exit code 1".to_owned(), "app: panic".to_owned()],
            cause: "the program's own".to_owned(),
            fix: "read on".to_owned(),
        }
    }

    #[test]
    fn the_first_finding_is_told_whole_and_the_rest_short() {
        let patient = |findings: Vec<Finding>, desired| Patient {
            service: Some("shop".to_owned()),
            slot: Some(SlotName::A),
            task: None,
            tasks: Some(Tasks {
                desired,
                running: 0,
            }),
            nearest: None,
            findings,
        };
        let report = DoctorReport {
            at: Timestamp::UNIX_EPOCH,
            cluster: ClusterName::new("prod"),
            services: vec![
                patient(vec![finding("it ended"), finding("tasks are missing")], 2),
                patient(Vec::new(), 0),
            ],
            reverted: Some(Reverted {
                id: DeploymentId::new("20260105-090726-abcd"),
                at: Timestamp::UNIX_EPOCH,
                why: "alarm shop-5xx went off".to_owned(),
            }),
        };
        let lines: Vec<String> = text(&report).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "shop in cluster prod, slot a: 0/2 tasks run; 2 findings (00:00:00 UTC)",
                "",
                "  wrong     it ended",
                "  seen      exit code 1",
                "            app: panic",
                "  likely    the program's own",
                "  mend it   read on",
                "  rule      exit-error",
                "",
                "  also      tasks are missing",
                "            read on",
                "",
                "shop in cluster prod, slot a: idle, no task is asked for; nothing is wrong as far \
                 as AWS shows (00:00:00 UTC)",
                "",
                "The last deployment was reverted at 1970-01-01 00:00:00 UTC: alarm shop-5xx went off",
                "What went wrong there: bg show 20260105-090726-abcd",
            ]
        );
    }
}
