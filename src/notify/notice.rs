//! What there is to say, and when.

use jiff::Timestamp;
use serde::Serialize;

use crate::deployment::event::{Event, Record};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Kind;
use crate::report::ending::Ending;
use crate::report::say::say;
use crate::report::view::View;
use crate::report::words;

/// When something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// It has begun.
    Started,
    /// Green gets a larger share.
    Shifting,
    /// It waits for a gate, an approval for example.
    Gate,
    /// Something keeps it from moving on.
    Holding,
    /// All traffic is going back.
    Reverting,
    /// It ended: green serves everything.
    Promoted,
    /// It ended: blue serves everything.
    Reverted,
    /// It ended, and an operator is needed.
    Stuck,
    /// It was left as it is.
    Kept,
    /// Blue was retired.
    Retired,
}

impl Occasion {
    /// All of them, with the words of a config.
    pub const ALL: [(&'static str, Occasion); 10] = [
        ("started", Occasion::Started),
        ("shifting", Occasion::Shifting),
        ("gate", Occasion::Gate),
        ("holding", Occasion::Holding),
        ("reverting", Occasion::Reverting),
        ("promoted", Occasion::Promoted),
        ("reverted", Occasion::Reverted),
        ("stuck", Occasion::Stuck),
        ("kept", Occasion::Kept),
        ("retired", Occasion::Retired),
    ];

    /// What is told where a config doesn't say.
    pub const USUAL: [Occasion; 6] = [
        Occasion::Started,
        Occasion::Gate,
        Occasion::Promoted,
        Occasion::Reverted,
        Occasion::Stuck,
        Occasion::Kept,
    ];

    /// What changes the state that GitHub shows of a deployment, where a config doesn't say.
    pub const OF_A_STATUS: [Occasion; 9] = [
        Occasion::Started,
        Occasion::Shifting,
        Occasion::Gate,
        Occasion::Holding,
        Occasion::Reverting,
        Occasion::Promoted,
        Occasion::Reverted,
        Occasion::Stuck,
        Occasion::Kept,
    ];

    /// `promoted`.
    pub fn as_str(self) -> &'static str {
        let known = Occasion::ALL.iter().find(|(_, it)| *it == self);
        known.map_or("", |(word, _)| word)
    }

    fn of(event: &Event) -> Option<Occasion> {
        Some(match event {
            Event::Started { .. } => Occasion::Started,
            Event::Shifting { .. } => Occasion::Shifting,
            Event::GateOpened { .. } => Occasion::Gate,
            Event::Holding { .. } => Occasion::Holding,
            Event::Reverting { .. } => Occasion::Reverting,
            Event::Retired { .. } => Occasion::Retired,
            Event::Ended { outcome } => match outcome {
                Outcome::Promoted => Occasion::Promoted,
                Outcome::Reverted { .. } => Occasion::Reverted,
                Outcome::Stuck { .. } => Occasion::Stuck,
                Outcome::Kept { .. } => Occasion::Kept,
            },
            _ => return None,
        })
    }
}

/// What is said on an occasion. Nothing in it is a secret: neither is anything in a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// When.
    pub at: Timestamp,
    /// The record that it is made from, counted in its deployment: together they tell notices apart.
    pub seq: u64,
    /// Which occasion.
    pub occasion: Occasion,
    /// The service.
    pub service: String,
    /// The cluster.
    pub cluster: String,
    /// The account.
    pub account: String,
    /// The AWS region.
    pub region: String,
    /// The deployment.
    pub deployment: String,
    /// `deploy`, `hotfix` or `rollback`.
    pub kind: &'static str,
    /// What is deployed, in words.
    pub version: String,
    /// The strategy.
    pub strategy: String,
    /// Green's share as it was last set: `10%`.
    pub weight: String,
    /// In a line.
    pub text: String,
    /// More of it, where it has ended: what and in words.
    pub details: Vec<(String, String)>,
    /// The CI run's address, where there is one.
    pub run_url: Option<String>,
}

impl Notice {
    /// Whether it is of a way back: what runs then is no new commit.
    pub fn is_of_a_rollback(&self) -> bool {
        self.kind == "rollback"
    }

    /// One of each field, to try a template with.
    pub fn example() -> Notice {
        let text = |text: &str| text.to_owned();
        Notice {
            at: Timestamp::UNIX_EPOCH,
            seq: 7,
            occasion: Occasion::Promoted,
            service: text("shop"),
            cluster: text("prod"),
            account: text("123456789012"),
            region: text("eu-west-1"),
            deployment: text("20260105-071400-k3v9"),
            kind: "deploy",
            version: text("shop:v2"),
            strategy: text("canary"),
            weight: text("100%"),
            text: text("Promoted: green (slot b, shop:8) serves everything"),
            details: Vec::new(),
            run_url: None,
        }
    }
}

/// What `record` is an occasion for; `after` is the view with it, `before` the one without.
/// `None` where nothing is said, as of a hold that goes on.
pub fn notice(
    before: &View,
    after: &View,
    record: &Record,
    run_url: Option<&str>,
) -> Option<Notice> {
    let occasion = Occasion::of(&record.event)?;
    let plan = after.plan.as_ref()?;
    let said = say(before, record);
    let ending = Ending::of(after).filter(|_| matches!(record.event, Event::Ended { .. }));
    let text = match (&ending, said) {
        (Some(ending), _) => format!("{}{}", ending.word, ending.text),
        (None, Some(said)) if said.is_news() => said.text,
        _ => return None,
    };
    let details = ending.map(details).unwrap_or_default();
    Some(Notice {
        at: record.at,
        seq: record.seq,
        occasion,
        service: plan.service.to_string(),
        cluster: plan.cluster.to_string(),
        account: plan.account.clone(),
        region: plan.region.clone(),
        deployment: plan.id.to_string(),
        kind: match plan.kind {
            Kind::Deploy => "deploy",
            Kind::Hotfix { .. } => "hotfix",
            Kind::Rollback => "rollback",
        },
        version: words::version(plan),
        strategy: plan.strategy.clone(),
        weight: after.set.map(|set| set.to_string()).unwrap_or_default(),
        text,
        details,
        run_url: run_url.map(str::to_owned),
    })
}

/// What a person who isn't there wants to know first.
const TOLD: [&str; 5] = ["why", "cause", "found", "traffic", "next"];

fn details(ending: Ending) -> Vec<(String, String)> {
    let fields = ending.fields.into_iter();
    let told = fields.filter(|field| TOLD.contains(&field.label));
    told.map(|field| (field.label.to_owned(), field.text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occasion_has_its_word() {
        for (word, occasion) in Occasion::ALL {
            assert_eq!(occasion.as_str(), word);
            assert_eq!(serde_json::to_value(occasion).unwrap(), word);
        }
    }
}
