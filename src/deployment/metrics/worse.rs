//! Why the judge reverts, in figures and in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::judge::sequential::{Count, Pair};
use crate::judge::words::{percent, plural, thousands};

/// Whose figures they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Green's.
    #[default]
    Green,
    /// The load balancer's own answers.
    LoadBalancer,
}

impl Subject {
    // Serde passes a reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_green(&self) -> bool {
        *self == Subject::Green
    }
}

/// Green is worse: the minutes that say it most clearly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worse {
    /// Whose figures `green_*` are.
    #[serde(default, skip_serializing_if = "Subject::is_green")]
    pub subject: Subject,
    /// What was counted: `5xx`.
    pub metric: String,
    /// Blue's requests in these minutes.
    pub blue_requests: u64,
    /// The bad ones among them.
    pub blue_bad: u64,
    /// Green's requests.
    pub green_requests: u64,
    /// The bad ones among them.
    pub green_bad: u64,
    /// How many minutes.
    pub minutes: u32,
    /// How much worse than blue, in percent, it surely is; none where a fixed limit was exceeded.
    pub by_more_than: Option<u32>,
    /// That limit, in millionths.
    pub limit: Option<u32>,
    /// How sure that is over the whole deployment, in thousandths of a percent.
    pub confidence: u32,
}

impl Worse {
    /// The most that is claimed: 99.9 %.
    const SUREST: f64 = 99_900.0;

    /// From the counts of so many minutes and the judge's logarithm.
    pub(super) fn of(metric: &str, pair: Pair, minutes: u32, log_e: f64) -> Worse {
        let confidence = (1.0 - (-log_e).exp()) * 100_000.0;
        Worse {
            subject: Subject::Green,
            metric: metric.to_owned(),
            blue_requests: pair.blue.requests,
            blue_bad: pair.blue.bad,
            green_requests: pair.green.requests,
            green_bad: pair.green.bad,
            minutes,
            by_more_than: None,
            limit: None,
            confidence: confidence.clamp(0.0, Worse::SUREST) as u32,
        }
    }
}

impl fmt::Display for Worse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |requests, bad| Count { requests, bad };
        let green = share(count(self.green_requests, self.green_bad));
        match self.subject {
            Subject::Green => write!(f, "green {}", green.with(&self.metric))?,
            Subject::LoadBalancer => write!(
                f,
                "the load balancer answered {green} itself with {}",
                self.metric
            )?,
        }
        if let Some(percent) = self.by_more_than {
            let blue = share(count(self.blue_requests, self.blue_bad));
            write!(f, " against blue {blue}: worse by more than {percent} %")?;
        }
        if let Some(limit) = self.limit {
            let limit = percent(f64::from(limit) / 1e6);
            write!(f, ": more than the limit of {limit} %")?;
        }
        let confidence = f64::from(self.confidence) / 1000.0;
        let minutes = plural(self.minutes, "minute");
        write!(f, ", {confidence:.1} % sure after {minutes}")
    }
}

/// `4.1 % (82 of 2,000)`
struct Share(Count);

fn share(count: Count) -> Share {
    Share(count)
}

impl Share {
    /// The same with what was counted after the figure.
    fn with(&self, what: &str) -> String {
        format!("{} % {what} {}", self.percent(), self.counts())
    }

    fn percent(&self) -> String {
        match self.0.requests {
            0 => "0".to_owned(),
            requests => percent(self.0.bad as f64 / requests as f64),
        }
    }

    fn counts(&self) -> String {
        format!(
            "({} of {})",
            thousands(self.0.bad),
            thousands(self.0.requests)
        )
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} % {}", self.percent(), self.counts())
    }
}
