//! Where a service stands: which slot is live, both sides' tasks, the weights, what is under way.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::line::{StyledLine, Tone};
use super::view::{Phase, View};
use super::words;
use crate::deployment::ids::{
    ClusterName, DeploymentId, EcsServiceName, RouteArn, ServiceName, SlotName, Slots,
    TaskDefinitionArn,
};
use crate::deployment::outcome::Outcome;
use crate::strategy::Weight;

/// The document of `bg status --output json`. Weights are shares as text (`"10%"`), moments
/// RFC 3339, and what could not be read is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// When it was seen.
    pub at: Timestamp,
    /// The logical service.
    pub service: ServiceName,
    /// Its cluster.
    pub cluster: ClusterName,
    /// The slot that serves production (in mid-shift: blue); null where the weights don't say.
    pub live: Option<SlotStatus>,
    /// The other slot; null where the weights don't say which that is.
    pub idle: Option<SlotStatus>,
    /// What splits traffic.
    pub routes: Vec<RouteStatus>,
    /// The deployment that is under way; null where none is.
    pub deployment: Option<DeploymentStatus>,
    /// The retirement that is due; null where none is.
    pub retire: Option<RetireStatus>,
}

/// A slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotStatus {
    /// `a` or `b`.
    pub slot: SlotName,
    /// Its ECS service.
    pub service: EcsServiceName,
    /// What it is set to run; null where the service doesn't exist.
    pub task_definition: Option<TaskDefinitionArn>,
    /// Container to image.
    pub images: BTreeMap<String, String>,
    /// Tasks asked for.
    pub desired: Option<u32>,
    /// Tasks that run.
    pub running: Option<u32>,
    /// Healthy targets, in the group with the fewest.
    pub healthy: Option<u32>,
    /// Its share of traffic; null where the routes disagree.
    pub weight: Option<Weight>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteStatus {
    /// What people call it.
    pub label: String,
    /// The listener's or rule's ARN.
    pub arn: RouteArn,
    /// Each slot's share.
    pub weights: Slots<Option<Weight>>,
}

/// A deployment under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentStatus {
    /// Which.
    pub id: DeploymentId,
    /// The slot that carried production when it started.
    pub blue: Option<SlotName>,
    /// Where it is.
    pub phase: Phase,
    /// The present step, from 1; null before the first.
    pub step: Option<usize>,
    /// How many steps there are.
    pub steps: usize,
    /// Green's share as it was last set.
    pub weight: Option<Weight>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When the present bake ends.
    pub bake_until: Option<Timestamp>,
    /// What keeps it from moving on, in words.
    pub holds: Vec<String>,
    /// Who asked to stay at the present weight; null where nobody did.
    pub paused: Option<String>,
    /// Why it reverts, in words.
    pub trip: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Its process is gone, and nobody watches it.
    pub abandoned: bool,
}

impl DeploymentStatus {
    /// Of the deployment that `view` shows; `None` of a view without records.
    pub fn of(view: &View) -> Option<Self> {
        Some(DeploymentStatus {
            id: view.id.clone()?,
            blue: view.plan.as_ref().map(|plan| plan.blue),
            phase: view.phase,
            step: view.step.map(|step| step.saturating_add(1)),
            steps: view.steps(),
            weight: view.set,
            started_at: view.started_at,
            bake_until: view.bake_until.filter(|_| view.phase == Phase::Baking),
            holds: view
                .hold
                .iter()
                .flat_map(|hold| &hold.reasons)
                .map(ToString::to_string)
                .collect(),
            paused: view.paused.clone(),
            trip: view.trip.as_ref().map(ToString::to_string),
            outcome: view.outcome.clone(),
            abandoned: false,
        })
    }
}

/// A retirement that is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetireStatus {
    /// Whose.
    pub slot: SlotName,
    /// When.
    pub at: Timestamp,
}

/// `status` for people.
pub fn text(status: &StatusReport) -> Vec<StyledLine> {
    let mut lines = vec![
        StyledLine::of(Tone::Strong, status.service.as_str())
            .plain(format!(" in cluster {}", status.cluster))
            .with(Tone::Dim, format!(", {} UTC", words::clock(status.at))),
    ];
    if status.live.is_none() {
        let text = "  no slot is live: the routes disagree, or can't be read";
        lines.push(StyledLine::of(Tone::Bad, text));
    }
    let sides = [
        ("live", Tone::Strong, &status.live),
        ("idle", Tone::Dim, &status.idle),
    ];
    for (label, tone, slot) in sides {
        lines.extend(slot.iter().flat_map(|slot| side(label, tone, slot)));
    }
    for (at, route) in status.routes.iter().enumerate() {
        let label = if at == 0 { "routes" } else { "" };
        let share =
            |slot| route.weights[slot].map_or_else(|| "?".to_owned(), |w: Weight| w.to_string());
        let (a, b) = (share(SlotName::A), share(SlotName::B));
        lines.push(
            field(label, Tone::Dim).plain(format!("{}: slot a {a}, slot b {b}", route.label)),
        );
    }
    lines.extend(status.deployment.iter().flat_map(deployment));
    if let Some(retire) = &status.retire {
        let due = match words::between(status.at, retire.at) {
            left if left.is_zero() => "is due: `bg tick` does it".to_owned(),
            left => format!(
                "at {} UTC, in {}",
                words::clock(retire.at),
                words::length(left)
            ),
        };
        let text = format!("slot {}, {due}", retire.slot);
        lines.push(field("retire", Tone::Dim).plain(text));
    }
    lines
}

fn field(label: &str, tone: Tone) -> StyledLine {
    StyledLine::new()
        .plain("  ")
        .with(tone, label)
        .to_column(14)
}

fn side(label: &str, tone: Tone, slot: &SlotStatus) -> Vec<StyledLine> {
    let Some(definition) = &slot.task_definition else {
        let text = format!(
            "slot {}, service {}: it doesn't exist",
            slot.slot, slot.service
        );
        return vec![field(label, tone).plain(text)];
    };
    let desired = words::count(slot.desired);
    let weight = slot.weight.map_or_else(
        || "routes disagree".to_owned(),
        |w| format!("{w} of traffic"),
    );
    let text = format!(
        "slot {}, service {}, {}: {weight}",
        slot.slot,
        slot.service,
        definition.short()
    );
    let mut lines = vec![field(label, tone).plain(text)];
    let counts = format!(
        "{}/{desired} running, {}/{desired} healthy",
        words::count(slot.running),
        words::count(slot.healthy)
    );
    lines.push(field("", Tone::Plain).plain(counts));
    for (container, image) in &slot.images {
        lines.push(field("", Tone::Plain).with(Tone::Dim, format!("{container}: {image}")));
    }
    lines
}

/// How far a deployment is: `baking, step 1 of 2, 10% green, until 07:20:41`.
pub fn how_far(status: &DeploymentStatus) -> String {
    let mut text = phase(status.phase).to_owned();
    if let Some(step) = status.step {
        text.push_str(&format!(", step {step} of {}", status.steps));
    }
    if let Some(weight) = status.weight {
        text.push_str(&format!(", {weight} green"));
    }
    if let Some(until) = status.bake_until {
        text.push_str(&format!(", until {}", words::clock(until)));
    }
    text
}

fn deployment(status: &DeploymentStatus) -> Vec<StyledLine> {
    let text = format!("{}, {}", status.id, how_far(status));
    let mut lines = vec![field("deployment", Tone::Busy).plain(text)];
    if status.abandoned {
        let text = "no process drives it and no guard watches: `bg resume` goes on, `bg rollback` reverts it";
        lines.push(field("", Tone::Plain).with(Tone::Bad, text));
    }
    if let Some(by) = &status.paused {
        let text = format!("by {by}, guards on: `bg promote` lets it go on");
        lines.push(field("  paused", Tone::Warn).plain(text));
    }
    if let Some(Outcome::Kept { signal }) = &status.outcome {
        let left = format!("left as it is on {signal}, and no guard watches it");
        let on = "`bg resume` goes on with it".to_owned();
        let back = "`bg resume --revert` puts all traffic back on blue".to_owned();
        let tell = |text| field("", Tone::Plain).with(Tone::Bad, text);
        lines.extend([left, on, back].map(tell));
    }
    lines.extend(
        status
            .trip
            .iter()
            .map(|trip| field("  tripped", Tone::Bad).plain(trip)),
    );
    lines.extend(
        status
            .holds
            .iter()
            .map(|hold| field("  holding", Tone::Warn).plain(hold)),
    );
    lines
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Registering => "registering the task definition",
        Phase::Provisioning => "provisioning green",
        Phase::BecomingHealthy => "waiting until green is healthy",
        Phase::Settling => "green is healthy and has to stay so",
        Phase::Shifting => "shifting",
        Phase::Baking => "baking",
        Phase::Promoted => "promoted",
        Phase::Reverting => "reverting",
        Phase::PuttingGreenAway => "reverted, putting green away",
        Phase::Ended => "ended",
    }
}

#[cfg(test)]
mod tests {
    use super::super::stories;
    use super::*;

    fn slot(slot: SlotName, service: &str, weight: Weight) -> SlotStatus {
        SlotStatus {
            slot,
            service: EcsServiceName::new(service),
            task_definition: Some(stories::definition(7)),
            images: [("app".into(), "registry.example/shop:v1".into())].into(),
            desired: Some(2),
            running: Some(2),
            healthy: Some(2),
            weight: Some(weight),
        }
    }

    fn status() -> StatusReport {
        let route = stories::route("shop:443");
        let (blue, green) = (stories::percent(90), stories::percent(10));
        StatusReport {
            at: stories::at(460),
            service: ServiceName::new("shop"),
            cluster: ClusterName::new("prod"),
            live: Some(slot(SlotName::A, "shop", blue)),
            idle: Some(slot(SlotName::B, "shop-b", green)),
            routes: vec![RouteStatus {
                label: route.label,
                arn: route.arn,
                weights: Slots {
                    a: Some(blue),
                    b: Some(green),
                },
            }],
            deployment: DeploymentStatus::of(&View::of(&stories::holding())),
            retire: Some(RetireStatus {
                slot: SlotName::A,
                at: stories::at(1000),
            }),
        }
    }

    fn told(status: &StatusReport) -> String {
        text(status)
            .iter()
            .map(|line| line.to_string() + "\n")
            .collect()
    }

    #[test]
    fn a_running_deployment_and_an_unclear_one() {
        let mut unclear = status();
        (unclear.live, unclear.idle, unclear.deployment) = (None, None, None);
        unclear.routes[0].weights.b = None;
        unclear.retire = Some(RetireStatus {
            slot: SlotName::A,
            at: stories::at(0),
        });
        insta::assert_snapshot!("status", [told(&status()), told(&unclear)].join("\n"));
    }

    #[test]
    fn one_that_was_left_in_the_middle_says_what_to_run() {
        let mut status = status();
        let kept = status.deployment.as_mut().expect("there is one");
        kept.outcome = Some(Outcome::Kept {
            signal: "SIGTERM".to_owned(),
        });
        kept.phase = Phase::Ended;
        let told = told(&status);
        assert!(told.contains("left as it is on SIGTERM"), "{told}");
        assert!(told.contains("`bg resume` goes on"), "{told}");
        assert!(told.contains("`bg resume --revert`"), "{told}");
    }

    #[test]
    fn scripts_find_the_live_service_where_it_is_documented() {
        let json = serde_json::to_value(status()).unwrap();
        assert_eq!(json["live"]["service"], "shop");
        assert_eq!(json["live"]["slot"], "a");
        assert_eq!(json["deployment"]["phase"], "baking");
        assert_eq!(json["deployment"]["step"], 1);
        assert_eq!(
            serde_json::from_value::<StatusReport>(json).unwrap(),
            status()
        );
    }
}
