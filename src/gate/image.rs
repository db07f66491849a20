//! Images in ECR: each is there, for the tasks' platform, and a scan has found little enough in it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::GateAnswer;

/// Between two looks at what may still change.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// What is asked of each image of the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageCheck {
    /// How many findings of a severity pass; where there is none, scans aren't looked at.
    pub at_most: BTreeMap<Severity, u32>,
    /// What becomes of an image that has no scan.
    pub unscanned: Unscanned,
}

/// How bad a finding is, in ECR's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// CRITICAL.
    Critical,
    /// HIGH.
    High,
    /// MEDIUM.
    Medium,
    /// LOW.
    Low,
    /// INFORMATIONAL.
    Informational,
    /// UNDEFINED.
    Undefined,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Severity; 6] = [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
        Severity::Informational,
        Severity::Undefined,
    ];

    /// In lower case, as the config has it; ECR's is the same in upper case.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
            Severity::Informational => "informational",
            Severity::Undefined => "undefined",
        }
    }
}

/// What becomes of an image that has no scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unscanned {
    /// One is waited for: a registry that scans what is pushed begins soon after.
    Wait,
    /// It doesn't pass.
    Fail,
    /// It passes.
    Pass,
}

/// An image of the version, as its registry shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSeen {
    /// As the task definition has it.
    pub reference: String,
    /// What it is.
    pub is: ImageIs,
}

/// What a registry shows of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageIs {
    /// It is not in ECR, and not asked about.
    Elsewhere,
    /// It doesn't exist.
    Missing,
    /// It is made for other platforms, in words.
    Unfit(String),
    /// It is there for the tasks' platform; each scan that counts.
    Fit(Vec<Scan>),
    /// That can't be told, and why.
    Unknown(String),
    /// That can't be told now, and why.
    Later(String),
}

/// What has become of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan {
    /// It is over, with so many findings.
    Done(BTreeMap<Severity, u32>),
    /// It goes on.
    Running,
    /// There is none.
    Absent,
    /// There won't be one, and why.
    Failed(String),
}

/// What one scan or image comes to.
enum Verdict {
    Good(String),
    Bad(String),
    Wait(String),
}

impl ImageCheck {
    /// Whether scans are looked at.
    pub fn looks_at_scans(&self) -> bool {
        !self.at_most.is_empty()
    }

    /// What the images of a version come to.
    pub fn judge(&self, images: &[ImageSeen]) -> GateAnswer {
        let asked = images.iter().filter(|it| it.is != ImageIs::Elsewhere);
        let (mut good, mut bad, mut wait) = (Vec::new(), Vec::new(), Vec::new());
        for image in asked {
            match self.of_image(image) {
                Verdict::Good(what) => good.push(what),
                Verdict::Bad(why) => bad.push(why),
                Verdict::Wait(why) => wait.push(why),
            }
        }
        if !bad.is_empty() {
            GateAnswer::Failed {
                why: bad.join("; "),
            }
        } else if !wait.is_empty() {
            GateAnswer::Again {
                why: wait.join("; "),
                after: LOOK_AGAIN,
                details: Default::default(),
            }
        } else if good.is_empty() {
            let why = "none of the images is in a private registry of ECR".to_owned();
            GateAnswer::Failed { why }
        } else {
            GateAnswer::Passed {
                what: good.join("; "),
            }
        }
    }

    fn of_image(&self, image: &ImageSeen) -> Verdict {
        let name = &image.reference;
        let scans = match &image.is {
            ImageIs::Elsewhere => return Verdict::Good(format!("{name} is not in ECR")),
            ImageIs::Missing => return Verdict::Bad(format!("{name} doesn't exist")),
            ImageIs::Unfit(why) => return Verdict::Bad(format!("{name} {why}")),
            ImageIs::Unknown(why) => return Verdict::Bad(format!("{name}: {why}")),
            ImageIs::Later(why) => return Verdict::Wait(format!("{name}: {why}")),
            ImageIs::Fit(scans) => scans,
        };
        if !self.looks_at_scans() {
            return Verdict::Good(format!("{name} is there"));
        }
        let verdicts = scans.iter().map(|scan| self.of_scan(scan));
        // The worst of them: an image for several platforms has a scan for each.
        let worst = verdicts.max_by_key(|it| match it {
            Verdict::Good(_) => 0,
            Verdict::Wait(_) => 1,
            Verdict::Bad(_) => 2,
        });
        match worst.unwrap_or_else(|| self.of_scan(&Scan::Absent)) {
            Verdict::Good(what) => Verdict::Good(format!("{name} has {what}")),
            Verdict::Wait(why) => Verdict::Wait(format!("{name} has {why}")),
            Verdict::Bad(why) => Verdict::Bad(format!("{name} has {why}")),
        }
    }

    fn of_scan(&self, scan: &Scan) -> Verdict {
        let counts = match (scan, self.unscanned) {
            (Scan::Done(counts), _) => counts,
            (Scan::Running, _) => return Verdict::Wait("a scan under way".to_owned()),
            (Scan::Absent, Unscanned::Wait) => return Verdict::Wait("no scan yet".to_owned()),
            (Scan::Absent, Unscanned::Fail) => return Verdict::Bad("no scan".to_owned()),
            (Scan::Absent, Unscanned::Pass) => return Verdict::Good("no scan".to_owned()),
            (Scan::Failed(why), Unscanned::Pass) => {
                return Verdict::Good(format!("no scan: {why}"));
            }
            (Scan::Failed(why), _) => return Verdict::Bad(format!("no scan: {why}")),
        };
        let of = |severity| counts.get(severity).copied().unwrap_or(0);
        let over = self
            .at_most
            .iter()
            .filter(|(severity, most)| of(*severity) > **most)
            .map(|(severity, most)| {
                let (found, word) = (of(severity), severity.as_str());
                format!("{found} {word} findings, and {most} may be there")
            });
        let over: Vec<String> = over.collect();
        if !over.is_empty() {
            return Verdict::Bad(over.join(", "));
        }
        let found = counts.iter().filter(|(_, count)| **count > 0);
        let found: Vec<String> = found
            .map(|(severity, count)| format!("{count} {}", severity.as_str()))
            .collect();
        Verdict::Good(match found.is_empty() {
            true => "no findings".to_owned(),
            false => format!("{} findings", found.join(", ")),
        })
    }
}

impl fmt::Display for ImageCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("each image in ECR is there for the tasks' platform")?;
        for (at, (severity, most)) in self.at_most.iter().enumerate() {
            let with = if at == 0 { " with at most" } else { "," };
            write!(f, "{with} {most} {}", severity.as_str())?;
        }
        match (self.looks_at_scans(), self.unscanned) {
            (false, _) => Ok(()),
            (true, Unscanned::Wait) => f.write_str(" findings; a scan is waited for"),
            (true, Unscanned::Fail) => f.write_str(" findings, and scanned"),
            (true, Unscanned::Pass) => f.write_str(" findings, if it is scanned"),
        }
    }
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
