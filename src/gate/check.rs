//! What a gate asks.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ImageCheck, LambdaCheck, WindowCheck};
use crate::strategy::{format_duration, seconds};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Check {
    /// An HTTP request.
    Http(Box<HttpCheck>),
    /// A command on this machine.
    Command(CommandCheck),
    /// A Lambda function made for ECS's lifecycle hooks.
    Lambda(Box<LambdaCheck>),
    /// The registry.
    Image(ImageCheck),
    /// A person.
    Approval(ApprovalCheck),
    /// The clock.
    Window(WindowCheck),
}

/// An HTTP request and the answer that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpCheck {
    /// Where to.
    pub to: Address,
    /// Only green's targets of this container port; all of them where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `GET`.
    pub method: String,
    /// Sent with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderValue>,
    /// Status codes that pass.
    pub status: Vec<StatusRange>,
    /// What the body must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// JSON paths (RFC 9535) into the body, and the value that each must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, Value>,
    /// How often it is tried again.
    pub retries: u32,
    /// Between two tries.
    #[serde(with = "seconds")]
    pub every: Duration,
    /// How long one answer may take.
    #[serde(with = "seconds")]
    pub each: Duration,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Address {
    /// A URL as it is.
    Url(String),
    /// This path of each of green's targets, past the load balancer.
    Targets(String),
    /// This path through the first test route.
    TestRoute(String),
}

/// A header's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HeaderValue {
    /// As written.
    Text(String),
    /// That of an environment variable, which no record holds.
    Env(String),
}

/// Status codes from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusRange(pub u16, pub u16);

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatusRange(from, to) if from == to => write!(f, "{from}"),
            StatusRange(from, to) => write!(f, "{from} to {to}"),
        }
    }
}

/// A program and its arguments; exit code 0 passes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandCheck {
    /// Its name or path, then its arguments.
    pub argv: Vec<String>,
}

impl CommandCheck {
    /// The program that it runs. A line for the shell names one where it is a path and plain words
    /// alone; of any other line only the shell knows what it runs, so that is it.
    pub fn program(&self) -> Option<&str> {
        let first = self.argv.first()?;
        let [_, flag, line] = self.argv.as_slice() else {
            return Some(first);
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || " ._-/".contains(c);
        let path = line.split_whitespace().next();
        let path = path.filter(|word| word.contains('/') && line.chars().all(plain));
        match (first.as_str(), flag.as_str()) {
            ("sh", "-c") => Some(path.unwrap_or(first)),
            _ => Some(first),
        }
    }
}

/// Somebody who says yes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalCheck {
    /// Who may: `kim`, or `kim@build-7`; empty is everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
}

impl ApprovalCheck {
    /// Whether `who`, as `user@host`, may say yes or no. Through which program they do is no
    /// matter: it stands behind them in brackets.
    pub fn may(&self, who: &str) -> bool {
        let who = who.split(" (").next().unwrap_or(who);
        let user = who.split('@').next().unwrap_or(who);
        self.approvers.is_empty() || self.approvers.iter().any(|it| it == who || it == user)
    }
}

impl Check {
    /// Whether it is asked through the test route.
    pub fn needs_test_route(&self) -> bool {
        matches!(self, Check::Http(check) if matches!(check.to, Address::TestRoute(_)))
    }

    /// Whether it says something of green.
    pub fn looks_at_green(&self) -> bool {
        matches!(
            self,
            Check::Http(_) | Check::Command(_) | Check::Lambda(_) | Check::Image(_)
        )
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Check::Http(check) => check.fmt(f),
            Check::Command(check) => write!(f, "runs `{check}`"),
            Check::Lambda(check) => check.fmt(f),
            Check::Image(check) => check.fmt(f),
            Check::Approval(check) => match check.approvers.as_slice() {
                [] => f.write_str("waits for `bg approve`"),
                some => write!(f, "waits for `bg approve` by {}", some.join(" or ")),
            },
            Check::Window(check) => write!(f, "waits for {}", check.told),
        }
    }
}

impl fmt::Display for CommandCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.argv.as_slice() {
            // As the config has it: a line for the shell.
            [shell, flag, line] if shell == "sh" && flag == "-c" => f.write_str(line),
            words => f.write_str(&words.join(" ")),
        }
    }
}

impl fmt::Display for HttpCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpCheck { method, .. } = self;
        match &self.to {
            Address::Url(url) => write!(f, "{method} {url}")?,
            Address::TestRoute(path) => write!(f, "{method} {path} through the test route")?,
            Address::Targets(path) => {
                write!(f, "{method} {path} of each of green's targets")?;
                if let Some(port) = self.port {
                    write!(f, " of port {port}")?;
                }
            }
        }
        let status: Vec<_> = self.status.iter().map(ToString::to_string).collect();
        write!(f, " answers {}", status.join(" or "))?;
        if let Some(contains) = &self.contains {
            write!(f, ", with {contains:?} in it")?;
        }
        for (path, value) in &self.json {
            write!(f, ", {path} is {value}")?;
        }
        if self.retries > 0 {
            let (every, retries) = (format_duration(self.every), self.retries);
            write!(f, "; again after {every}, {retries} times at most")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approver_is_known_through_whichever_program_they_ask() {
        let of = |approvers: &[&str], who: &str| {
            let approvers = approvers.iter().map(|it| (*it).to_owned()).collect();
            ApprovalCheck { approvers }.may(who)
        };
        for who in ["kim@build-7", "kim@build-7 (bg ui)"] {
            assert!(of(&[], who), "{who}");
            assert!(of(&["kim"], who), "{who}");
            assert!(of(&["kim@build-7"], who), "{who}");
            assert!(!of(&["kim@build-8", "lee"], who), "{who}");
        }
    }

    #[test]
    fn a_line_for_the_shell_names_its_program_where_it_is_plain() {
        let program = |argv: &[&str]| {
            let argv = argv.iter().map(|it| (*it).to_owned()).collect();
            CommandCheck { argv }.program().map(str::to_owned)
        };
        let of_line = |line: &str| program(&["sh", "-c", line]).unwrap_or_default();
        assert_eq!(of_line("./smoke.sh --fast 5"), "./smoke.sh");
        assert_eq!(of_line("./smoke.sh || true"), "sh");
        assert_eq!(of_line("./$SMOKE"), "sh");
        assert_eq!(of_line("exit 1"), "sh");
        assert_eq!(of_line("A=/b c"), "sh");
        assert_eq!(program(&["make", "smoke"]).as_deref(), Some("make"));
        assert_eq!(program(&["env", "-c", "./x"]).as_deref(), Some("env"));
        assert_eq!(program(&[]), None);
    }
}
