//! SNS topics that another tool told, and what they are told of here.

use std::collections::BTreeSet;

use super::tree::Map;
use crate::adopt::texts::quoted;
use crate::notify::{Occasion, TopicArn};
use crate::strategy::InputError;

/// A topic that is told of deployments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Where it is.
    pub to: TopicArn,
    /// What it is told of; never nothing.
    pub on: BTreeSet<Occasion>,
}

impl Topic {
    /// In words.
    pub(super) fn told(&self) -> String {
        format!("notify {} of {}", self.to.as_str(), self.occasions())
    }

    fn occasions(&self) -> String {
        let words: Vec<&str> = self.on.iter().map(|it| it.as_str()).collect();
        words.join(", ")
    }
}

/// `triggerConfigurations` of a deployment group: the topics, and what isn't taken.
pub(super) fn of_codedeploy(group: &Map<'_, '_>) -> Result<(Vec<Topic>, Vec<String>), InputError> {
    let (mut topics, mut left) = (Vec::new(), Vec::new());
    for trigger in group.maps("triggerConfigurations")? {
        let name = trigger.text("triggerName")?;
        let name = format!("trigger {}", name.as_deref().unwrap_or("without a name"));
        let events = trigger.texts("triggerEvents")?;
        let to = trigger.text("triggerTargetArn")?.unwrap_or_default();
        left.extend(trigger.unasked());
        let to = match TopicArn::parse(&to) {
            Ok(to) => to,
            Err(why) => {
                left.push(format!("{name}: {why}"));
                continue;
            }
        };
        let on: BTreeSet<Occasion> = events
            .iter()
            .flat_map(|it| occasions(it))
            .copied()
            .collect();
        let nothing = events.iter().filter(|it| occasions(it).is_empty());
        left.extend(nothing.map(|event| {
            format!("{name}: {event}: a deployment to ECS has no such event, and bg tells of none")
        }));
        if !on.is_empty() {
            topics.push(Topic { to, on });
        }
    }
    Ok((topics, left))
}

/// What CodeDeploy's event is here.
fn occasions(event: &str) -> &'static [Occasion] {
    match event {
        "DeploymentStart" => &[Occasion::Started],
        "DeploymentReady" => &[Occasion::Gate],
        "DeploymentSuccess" => &[Occasion::Promoted],
        "DeploymentFailure" | "DeploymentRollback" => &[Occasion::Reverted, Occasion::Stuck],
        "DeploymentStop" => &[Occasion::Reverted, Occasion::Stuck, Occasion::Kept],
        _ => &[],
    }
}

/// `notify` of `bg.yaml`; nothing where there are no topics.
pub(in crate::adopt) fn notify(topics: &[Topic]) -> Vec<String> {
    if topics.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        "# Whom to tell what. Who deploys may publish there: bg iam-policy.".to_owned(),
        "notify:".to_owned(),
    ];
    for topic in topics {
        lines.push(format!("  - sns: {}", quoted(topic.to.as_str())));
        lines.push(format!("    on: [{}]", topic.occasions()));
    }
    lines
}
