//! What a config asks for.

use std::collections::{BTreeMap, BTreeSet};

use super::github::GitHubWanted;
use super::notice::Occasion;
use super::place::{EventBus, TopicArn};

/// A value that may be a secret: it is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub enum Held {
    /// It stands in the config.
    Text(String),
    /// The environment variable of this name has it when it is needed.
    Env(String),
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Held::Text(_) => f.write_str("Text(…)"),
            Held::Env(name) => write!(f, "Env({name})"),
        }
    }
}

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// An incoming webhook of Slack.
    Slack(Held),
    /// A webhook of a Teams workflow.
    Teams(Held),
    /// Somebody's own address, which gets JSON.
    Webhook {
        /// The address.
        url: Held,
        /// Sent with it.
        headers: BTreeMap<String, Held>,
    },
    /// An SNS topic.
    Sns(TopicArn),
    /// An EventBridge bus.
    EventBus(EventBus),
    /// GitHub's own record of deployments.
    GitHub(GitHubWanted),
}

impl Channel {
    /// What people call it.
    pub fn name(&self) -> &'static str {
        match self {
            Channel::Slack(_) => "slack",
            Channel::Teams(_) => "teams",
            Channel::Webhook { .. } => "webhook",
            Channel::Sns(_) => "sns",
            Channel::EventBus(_) => "event_bus",
            Channel::GitHub(_) => "github_deployment",
        }
    }

    /// What it is told where a config doesn't say: GitHub shows how far a deployment is.
    pub fn usual(&self) -> &'static [Occasion] {
        match self {
            Channel::GitHub(_) => &Occasion::OF_A_STATUS,
            _ => &Occasion::USUAL,
        }
    }
}

/// One entry of `notify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyWanted {
    /// Where to.
    pub channel: Channel,
    /// On which occasions.
    pub on: BTreeSet<Occasion>,
    /// The text, as a template; none is the usual words.
    pub text: Option<String>,
}
