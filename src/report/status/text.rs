//! `status` for people.

use jiff::Timestamp;

use super::{
    DeploymentStatus, ProblemKind, ProblemStatus, RequestsStatus, SlotStatus, StatusReport,
    StoreStatus, UnknownStatus,
};
use crate::deployment::ids::{DeploymentId, SlotName};
use crate::deployment::moved;
use crate::deployment::outcome::Outcome;
use crate::report::line::{StyledLine, Tone};
use crate::report::view::Phase;
use crate::report::words;
use crate::strategy::Weight;

/// `status` for people.
pub fn text(status: &StatusReport) -> Vec<StyledLine> {
    let mut lines = vec![
        StyledLine::of(Tone::Strong, status.service.as_str())
            .plain(format!(" in cluster {}", status.cluster))
            .with(Tone::Dim, format!(", {} UTC", words::clock(status.at))),
    ];
    let routes = match status.routes.is_empty() {
        true => Routes::None,
        false => Routes::Some,
    };
    lines.extend(status.problems.iter().flat_map(problem));
    let is_mixed_up = |it: &ProblemStatus| it.kind == ProblemKind::MixedUp;
    if status.live.is_none() {
        let text = match routes {
            _ if status.problems.iter().any(is_mixed_up) => {
                "  no slot is called live: until that is mended its name may be the other one's"
            }
            Routes::None => "  no slot is live: nothing says which of them is",
            Routes::Some => {
                "  no slot is live: neither has more on every route, or they can't be read"
            }
        };
        lines.push(StyledLine::of(Tone::Bad, text));
    }
    let sides = [
        ("live", Tone::Strong, &status.live),
        (other(status), Tone::Dim, &status.idle),
    ];
    for (label, tone, slot) in sides {
        lines.extend(slot.iter().flat_map(|slot| side(label, tone, slot, routes)));
    }
    let first = |name: &'static str, at| if at == 0 { name } else { "" };
    for (at, slot) in status.undecided.iter().enumerate() {
        lines.extend(side(first("slots", at), Tone::Warn, slot, routes));
    }
    let routes = status.routes.iter().enumerate();
    let tests = status.test_routes.iter().enumerate();
    let routes = routes.map(|(at, route)| (first("routes", at), route));
    for (label, route) in routes.chain(tests.map(|(at, route)| (first("test", at), route))) {
        let share =
            |slot| route.weights[slot].map_or_else(|| "?".to_owned(), |w: Weight| w.to_string());
        let (a, b) = (share(SlotName::A), share(SlotName::B));
        lines.push(
            field(label, Tone::Dim).plain(format!("{}: slot a {a}, slot b {b}", route.label)),
        );
    }
    let deployments = status.deployment.iter();
    lines.extend(deployments.flat_map(|it| deployment(it, status.at)));
    lines.extend(deadman(status));
    lines.extend(status.unknown.iter().flat_map(unknown));
    if let Some(retire) = &status.retire {
        let due = match words::between(status.at, retire.at) {
            left if left.is_zero() => "is due: `bg tick` does it".to_owned(),
            left => format!(
                "at {} UTC, in {}",
                words::moment(retire.at, status.at),
                words::length(left)
            ),
        };
        let text = format!("slot {}, {due}", retire.slot);
        lines.push(field("retire", Tone::Dim).plain(text));
    }
    lines.extend(status.moved.iter().flat_map(|id| moved(status, id)));
    lines.extend(status.by_journal.iter().flat_map(|id| untagged(status, id)));
    lines.extend(status.store.iter().flat_map(store));
    lines
}

fn problem(problem: &ProblemStatus) -> [StyledLine; 2] {
    [
        field("problem", Tone::Bad).plain(&problem.what),
        field("  fix", Tone::Strong).plain(&problem.fix),
    ]
}

/// The weights are not as a deployment left them.
fn moved(status: &StatusReport, id: &DeploymentId) -> Vec<StyledLine> {
    let live = status.live.iter();
    let told = live.flat_map(|it| {
        let [what, next] = moved::in_words(id, it.slot);
        [
            field("moved", Tone::Warn).plain(what),
            field("  next", Tone::Strong).plain(next),
        ]
    });
    told.collect()
}

/// Both slots of a service without a load balancer work, and their tags are gone.
fn untagged(status: &StatusReport, id: &DeploymentId) -> Vec<StyledLine> {
    let Some(live) = status.live.as_ref().map(|it| it.slot) else {
        return Vec::new();
    };
    vec![
        field("tags", Tone::Warn).plain(format!(
            "the `bg:` tags of both services are gone: that slot {live} is live says the journal of \
             {id} alone, and"
        )),
        field("", Tone::Warn).plain(format!(
            "slot {} works on beside it, without a time at which it is retired",
            live.other()
        )),
        field("  next", Tone::Strong).plain(format!(
            "`bg rollback --to {live} --force` retires slot {} and tags both again; tell what took \
             the tags off to",
            live.other()
        )),
        field("", Tone::Strong)
            .plain("leave them (Terraform: `ignore_tags { key_prefixes = [\"bg:\"] }`)"),
    ]
}

impl StatusReport {
    /// What a slot is: `blue` or `green` while a deployment is under way, else `live`, `idle`, or
    /// `other` where both have traffic; `None` where the routes don't say.
    pub fn role(&self, slot: SlotName) -> Option<&'static str> {
        let live = self.live.as_ref()?.slot;
        Some(match (slot == live, other(self)) {
            (false, role) => role,
            (true, "green") => "blue",
            (true, "blue") => "green",
            (true, _) => "live",
        })
    }
}

/// What the slot that isn't live is.
fn other(status: &StatusReport) -> &'static str {
    let under_way = status.deployment.as_ref();
    let blue = under_way.and_then(DeploymentStatus::blue_under_way);
    match (blue, &status.idle) {
        (Some(blue), Some(slot)) if slot.slot == blue => "blue",
        (Some(_), _) => "green",
        // Without routes it is idle that runs nothing.
        (None, Some(slot)) if status.routes.is_empty() && slot.desired == Some(0) => "idle",
        (None, Some(slot)) if slot.weight != Some(Weight::ZERO) => "other",
        (None, _) => "idle",
    }
}

/// The switch of a deployment that nobody drives.
fn deadman(status: &StatusReport) -> Option<StyledLine> {
    let deployment = status.deployment.as_ref()?;
    let left = deployment.outcome.as_ref();
    if !deployment.abandoned && !left.is_some_and(Outcome::is_in_the_middle) {
        return None;
    }
    let (at, blue) = (deployment.deadman?, deployment.blue?);
    let line = field("  dead-man", Tone::Warn);
    if at > status.at {
        let text = format!(
            "armed: puts everything on slot {blue} within the minute after {}",
            words::moment(at, status.at)
        );
        return Some(line.plain(text));
    }
    let mut shares = status.routes.iter().map(|route| route.weights[blue]);
    let due = format!("was due at {}", words::moment(at, status.at));
    let text = match shares.all(|share| share == Some(Weight::FULL)) {
        true => format!("{due}, and slot {blue} has everything: `bg resume` puts green away"),
        false => format!("{due}, and slot {blue} has not everything: `bg resume --revert`"),
    };
    Some(line.with(Tone::Bad, text))
}

fn unknown(unknown: &UnknownStatus) -> [StyledLine; 2] {
    let UnknownStatus { id, slot } = unknown;
    let text = format!("{id} gave slot {slot} its tasks, and no end of it is known");
    let back = format!(
        "if no process drives it: `bg rollback` puts everything back on slot {}",
        slot.other()
    );
    [
        field("deployment", Tone::Bad).plain(text),
        field("", Tone::Plain).with(Tone::Bad, back),
    ]
}

fn store(store: &StoreStatus) -> Vec<StyledLine> {
    let text = format!("can't be read: {}", store.trouble);
    let mut lines = vec![field("store", Tone::Bad).plain(text)];
    let next = store.next.iter();
    lines.extend(next.map(|next| field("", Tone::Plain).plain(next)));
    lines
}

fn field(label: &str, tone: Tone) -> StyledLine {
    StyledLine::new()
        .plain("  ")
        .with(tone, label)
        .to_column(14)
}

/// Whether anything splits traffic.
#[derive(Clone, Copy)]
enum Routes {
    None,
    Some,
}

fn side(label: &str, tone: Tone, slot: &SlotStatus, routes: Routes) -> Vec<StyledLine> {
    let Some(definition) = &slot.task_definition else {
        let text = format!(
            "slot {}, service {}: it doesn't exist",
            slot.slot, slot.service
        );
        return vec![field(label, tone).plain(text)];
    };
    let desired = words::count(slot.desired);
    let weight = match (routes, slot.weight) {
        (Routes::None, _) => String::new(),
        (Routes::Some, None) => ": routes disagree".to_owned(),
        (Routes::Some, Some(weight)) => format!(": {weight} of traffic"),
    };
    let text = format!(
        "slot {}, service {}, {}{weight}",
        slot.slot,
        slot.service,
        definition.short()
    );
    let mut lines = vec![field(label, tone).plain(text)];
    let healthy = match routes {
        // Without a load balancer each task would have to be asked.
        Routes::None => String::new(),
        Routes::Some => format!(", {}/{desired} healthy", words::count(slot.healthy)),
    };
    let counts = format!("{}/{desired} running{healthy}", words::count(slot.running));
    lines.push(field("", Tone::Plain).plain(counts));
    for (container, image) in &slot.images {
        lines.push(field("", Tone::Plain).with(Tone::Dim, format!("{container}: {image}")));
    }
    lines
}

/// How far a deployment is: `baking, step 1 of 2, 10% green, until 07:20:41`.
pub fn how_far(status: &DeploymentStatus, now: Timestamp) -> String {
    let mut text = phase(status.phase).to_owned();
    if let Some(step) = status.step {
        text.push_str(&format!(", step {step} of {}", status.steps));
    }
    if let Some(weight) = status.weight {
        text.push_str(&format!(", {weight} green"));
    }
    let bake = status.bake_until.map(|at| match at > now {
        true => format!("until {}", words::moment(at, now)),
        false => format!("the bake over since {}", words::moment(at, now)),
    });
    match (&status.requests, bake) {
        (None, None) => {}
        (None, Some(bake)) => text.push_str(&format!(", {bake}")),
        (Some(requests), bake) => {
            let bake = bake.filter(|_| requests.until.is_none());
            let bake = bake.map(|bake| format!("{bake} and "));
            let bake = bake.unwrap_or_default();
            let RequestsStatus { wanted, served, .. } = requests;
            text.push_str(&format!(", {bake}until {wanted} requests: {served} so far"));
            if let Some(until) = requests.until {
                let (latest, then) = (words::moment(until, now), requests.then);
                text.push_str(&format!(", {latest} at the latest, then {then}"));
            }
        }
    }
    text
}

/// What becomes of one whose process is gone.
fn abandoned(phase: Phase) -> &'static str {
    match phase {
        Phase::Promoted => {
            "its process was gone before it had tagged both services: `bg resume` ends it, and \
             `bg rollback` goes back after that"
        }
        Phase::Reverting | Phase::PuttingGreenAway => {
            "no process drives it: `bg resume` and `bg rollback` both end the revert"
        }
        _ => {
            "no process drives it and no guard watches: `bg resume` goes on, `bg rollback` reverts it"
        }
    }
}

fn deployment(status: &DeploymentStatus, now: Timestamp) -> Vec<StyledLine> {
    let text = format!("{}, {}", status.id, how_far(status, now));
    let mut lines = vec![field("deployment", Tone::Busy).plain(text)];
    if status.abandoned {
        lines.push(field("", Tone::Plain).with(Tone::Bad, abandoned(status.phase)));
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
    let metrics = status.metrics.iter();
    lines.extend(metrics.map(|it| field("  metrics", Tone::Dim).plain(it.told(now))));
    let values = status.values.iter();
    lines.extend(values.map(|it| field("  metrics", Tone::Dim).plain(it.told(now))));
    let gate = status.gate.iter();
    lines.extend(gate.map(|it| field("  gate", Tone::Busy).plain(it)));
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
