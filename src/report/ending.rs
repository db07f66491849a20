//! The end of a deployment: what happened, why, where traffic is now, and what to do next.

mod next;

use jiff::Timestamp;

use self::next::{after_stuck, after_trip};
use super::line::{StyledLine, Tone};
use super::say::{failure, share};
use super::view::{Role, View};
use super::words;
use crate::deployment::observation::StoppedTask;
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::plan::Plan;
use crate::deployment::trip::Trip;
use crate::strategy::Weight;

/// Where the words begin.
const TEXT_COLUMN: usize = 16;

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Good, bad or neither.
    pub tone: Tone,
    /// `Promoted`, `Reverted`, `Stuck` or `Kept`.
    pub word: &'static str,
    /// The rest of the headline: `: green (slot b, shop:8) serves everything`.
    pub text: String,
    /// What there is to tell, in order.
    pub fields: Vec<Field>,
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What it is; empty where it goes on with the one before.
    pub label: &'static str,
    /// In words.
    pub text: String,
}

impl Ending {
    /// Of the deployment that `view` shows; `None` while it runs.
    pub fn of(view: &View) -> Option<Ending> {
        Some(match view.outcome.as_ref()? {
            Outcome::Promoted => promoted(view),
            Outcome::Reverted { trip } => reverted(view, trip),
            Outcome::Stuck { why } => stuck(view, why),
            Outcome::Kept { signal } => kept(view, signal),
        })
    }

    fn headed(tone: Tone, word: &'static str, text: impl Into<String>) -> Ending {
        Ending {
            tone,
            word,
            text: text.into(),
            fields: Vec::new(),
        }
    }

    /// For a terminal.
    pub fn lines(&self) -> Vec<StyledLine> {
        let headline = StyledLine::of(self.tone, self.word).plain(&self.text);
        let field = |field: &Field| {
            StyledLine::new()
                .plain("  ")
                .with(Tone::Dim, field.label)
                .to_column(TEXT_COLUMN)
                .plain(&field.text)
        };
        let fields = self.fields.iter().map(field);
        [headline].into_iter().chain(fields).collect()
    }
}

/// The ending of the deployment that `view` shows, in lines; none while it runs.
pub fn ending(view: &View) -> Vec<StyledLine> {
    Ending::of(view).map(|it| it.lines()).unwrap_or_default()
}

fn field(label: &'static str, text: impl Into<String>) -> Field {
    Field {
        label,
        text: text.into(),
    }
}

fn promoted(view: &View) -> Ending {
    let took = view
        .started_at
        .zip(view.promoted_at)
        .map(|(from, to)| words::between(from, to));
    let took = took
        .map(|took| format!(", after {}", words::length(took)))
        .unwrap_or_default();
    let does = match view.is_bare() {
        true => "is the live one",
        false => "serves everything",
    };
    let text = format!(": {} {does}{took}", view.side(Role::Green));
    let mut ending = Ending::headed(Tone::Good, "Promoted", text);
    let lines = &mut ending.fields;
    lines.extend(traffic(view));
    let blue = view.side(Role::Blue);
    let until = |at| ahead(view, at);
    lines.push(field(
        "retire",
        match (view.retire_at, &view.plan) {
            (Some(at), Some(plan)) if plan.is_bare() => format!(
                "{blue} works beside it until {} UTC, then it is {}",
                until(at),
                words::retire(plan.retire.then)
            ),
            (Some(at), Some(plan)) => format!(
                "{blue} is kept warm until {} UTC, then {}",
                until(at),
                words::retire(plan.retire.then)
            ),
            (Some(at), None) => format!("{blue} is kept warm until {} UTC", until(at)),
            (None, _) => format!("{blue} is kept as it is"),
        },
    ));
    lines.extend(held(view, Role::Green));
    lines.push(field("next", way_back(view)));
    ending
}

/// A moment that was still to come at the newest record.
fn ahead(view: &View, at: Timestamp) -> String {
    words::moment(at, view.last_at.unwrap_or(at))
}

/// What a deployment that is over could not put back.
fn held(view: &View, serving: Role) -> Option<Field> {
    let plan = view.plan.as_ref().filter(|_| view.scale_in_held)?;
    let slot = match serving {
        Role::Blue => plan.blue,
        Role::Green => plan.green_slot(),
    };
    let service = &plan.slots[slot].service;
    let text = format!(
        "{service} is still kept from scaling in: the next deployment ends that, or `aws \
         application-autoscaling register-scalable-target --service-namespace ecs \
         --scalable-dimension ecs:service:DesiredCount --resource-id service/{}/{service} \
         --suspended-state DynamicScalingInSuspended=false`",
        plan.cluster.as_str().rsplit('/').next().unwrap_or_default()
    );
    Some(field("autoscaling", text))
}

/// What one that is not over keeps back.
fn still_held(view: &View) -> Option<Field> {
    let text = "neither side scales in until the deployment is over";
    view.scale_in_held.then(|| field("autoscaling", text))
}

/// A blue that fell ill keeps no deployment from success, and is no way back.
fn way_back(view: &View) -> String {
    if view.plan.as_ref().is_some_and(Plan::unpins) {
        return "`bg rollback` goes back: blue's group is put back into the sticky routes, and has to be \
                found healthy first"
            .to_owned();
    }
    let counts = view.look.as_ref().map(|look| &look.blue);
    let healthy = counts.and_then(|counts| counts.healthy);
    match healthy.zip(view.plan.as_ref()) {
        Some((healthy, plan)) if healthy < plan.desired => format!(
            "see to {}: {healthy} of its {} healthy, so that `bg rollback` has no way \
             back that can take everything",
            view.side(Role::Blue),
            match plan.desired {
                1 => "1 target is".to_owned(),
                targets => format!("{targets} targets are"),
            }
        ),
        _ => "`bg rollback` goes back in one step while blue is warm".to_owned(),
    }
}

fn reverted(view: &View, trip: &Trip) -> Ending {
    let does = match view.is_bare() {
        true => "works alone",
        false => "serves everything",
    };
    let text = format!(": {} {does}, as before", view.side(Role::Blue));
    let mut ending = Ending::headed(Tone::Bad, "Reverted", text);
    let lines = &mut ending.fields;
    lines.push(field("why", trip.to_string()));
    lines.extend(when(view));
    lines.extend(failed_tasks(trip, view));
    lines.extend(cause(view));
    lines.extend(traffic(view));
    lines.push(field("green", green_now(view)));
    lines.extend(held(view, Role::Blue));
    let next = match &view.diagnosis {
        Some(it) if it.names_a_cause() => "mend the cause; then deploy again".to_owned(),
        _ => after_trip(trip, view),
    };
    lines.push(field("next", next));
    ending
}

fn stuck(view: &View, why: &Stuck) -> Ending {
    let mut ending = Ending::headed(Tone::Bad, "Stuck", ": an operator is needed");
    let lines = &mut ending.fields;
    lines.push(field("why", why.to_string()));
    lines.extend(when(view));
    if let Some(trip) = trip_of(why) {
        lines.extend(failed_tasks(trip, view));
        lines.extend(cause(view));
    }
    if let Some(trouble) = &view.trouble {
        let (at, class) = (words::clock(trouble.at), failure(trouble.class));
        let text = format!(
            "{at}: could not {}: {class} ({})",
            trouble.act, trouble.message
        );
        lines.push(field("last failure", text));
    }
    lines.extend(traffic(view));
    lines.extend(armed(view));
    lines.extend(still_held(view));
    for (n, text) in after_stuck(why, view).into_iter().enumerate() {
        lines.push(field(if n == 0 { "next" } else { "" }, text));
    }
    ending
}

fn kept(view: &View, signal: &str) -> Ending {
    let set = view.set.unwrap_or(Weight::ZERO);
    let text = match view.is_bare() {
        true => format!(": left as it is on {signal}, with both versions at work"),
        false => format!(": left as it is on {signal}, with {set} of traffic on green"),
    };
    let mut ending = Ending::headed(Tone::Warn, "Kept", text);
    let lines = &mut ending.fields;
    lines.extend(when(view));
    lines.extend(traffic(view));
    lines.push(field(
        "watched by",
        "nobody: no guard reverts it while no process runs",
    ));
    lines.extend(armed(view));
    lines.extend(still_held(view));
    lines.push(field("next", "`bg resume` goes on with it"));
    lines.push(field(
        "",
        "`bg resume --revert` puts everything back on blue",
    ));
    ending
}

/// What AWS does by itself, whoever is gone.
fn armed(view: &View) -> Option<Field> {
    let at = ahead(view, view.deadman?);
    let blue = view.side(Role::Blue);
    let text = format!("armed: within the minute after {at} UTC everything goes to {blue}");
    Some(field("dead-man", text))
}

fn trip_of(why: &Stuck) -> Option<&Trip> {
    match why {
        Stuck::PatienceOver { .. } | Stuck::Moved { .. } | Stuck::TakenOver { .. } => None,
        Stuck::BlueIsDown { trip }
        | Stuck::RevertNotConfirmed { trip, .. }
        | Stuck::GreenNotPutAway { trip, .. } => Some(trip),
    }
}

/// When it tripped, and what green had by then.
fn when(view: &View) -> Option<Field> {
    let at = view.tripped_at.or(view.last_at)?;
    let mut text = format!("{} UTC", words::clock(at));
    if view.is_bare() {
        text.push_str(match view.had_traffic() {
            true => ", with both versions at work",
            false => ", before green was healthy for long enough",
        });
        if let Some((tripped, gone)) = view.tripped_at.zip(view.put_away_at) {
            let took = words::length(words::between(tripped, gone));
            text.push_str(&format!("; green was gone after {took}"));
        }
        return Some(field("when", text));
    }
    match (view.step_of(), view.peak) {
        (Some(step), Some(peak)) => text.push_str(&format!(", at {step} ({peak} green)")),
        _ => text.push_str(", before green had any traffic"),
    }
    if let Some(back) = view
        .tripped_at
        .zip(view.reverted_at)
        .filter(|_| view.had_traffic())
    {
        let took = words::length(words::between(back.0, back.1));
        text.push_str(&format!("; all traffic was back after {took}"));
        let ttl = view.plan.as_ref().map(Plan::ttl);
        if let Some(ttl) = ttl.filter(|ttl| !ttl.is_zero()) {
            let ttl = words::length(ttl);
            text.push_str(&format!(
                " in Route 53, and for everybody within {ttl} more"
            ));
        }
    }
    Some(field("when", text))
}

/// The diagnosis: its first finding with what shows it, the others in a line each.
fn cause(view: &View) -> Vec<Field> {
    let Some(diagnosis) = &view.diagnosis else {
        return Vec::new();
    };
    let mut findings = diagnosis.findings.iter();
    let Some(first) = findings.next() else {
        return Vec::new();
    };
    let (what, then) = match diagnosis.names_a_cause() {
        true => ("cause", "mend it"),
        false => ("found", "read on"),
    };
    let mut lines = vec![field(what, &first.what)];
    let shown = first.evidence.iter().map(|it| field("", format!("  {it}")));
    lines.extend(shown);
    lines.push(field("", format!("likely: {}", first.cause)));
    lines.push(field(then, &first.fix));
    lines.extend(findings.map(|it| {
        let name = it.known_as().map(|name| format!(" ({name})"));
        field("", format!("also: {}{}", it.what, name.unwrap_or_default()))
    }));
    lines
}

/// Those that were known when it tripped, or else the one that was seen later.
fn failed_tasks(trip: &Trip, view: &View) -> Vec<Field> {
    match trip.stopped() {
        [] => stopped(
            view.failed_task
                .as_deref()
                .map_or(&[], std::slice::from_ref),
        ),
        known => stopped(known),
    }
}

/// Failed tasks with what ECS says of them and their containers; those that failed in the same
/// way stand together under the newest.
fn stopped(tasks: &[StoppedTask]) -> Vec<Field> {
    let mut kinds: Vec<(&StoppedTask, usize)> = Vec::new();
    for task in tasks {
        let alike = |other: &StoppedTask| {
            (&other.code, &other.reason, &other.containers)
                == (&task.code, &task.reason, &task.containers)
        };
        match kinds.iter_mut().find(|(other, _)| alike(other)) {
            Some((_, count)) => *count += 1,
            None => kinds.push((task, 1)),
        }
    }
    let by_hand = tasks.iter().all(|it| it.code == "UserInitiated");
    let what = if by_hand { "stopped" } else { "failed tasks" };
    let mut lines = Vec::new();
    for (n, (task, count)) in kinds.into_iter().enumerate() {
        let label = if n == 0 { what } else { "" };
        lines.push(field(
            label,
            format!("{}: {}: {}", which(task, count), task.code, task.reason),
        ));
        lines.extend(containers(task));
    }
    lines
}

fn which(task: &StoppedTask, count: usize) -> String {
    let at = task
        .at
        .map(|at| format!(" at {}", words::clock(at)))
        .unwrap_or_default();
    match count {
        1 => format!("{}{at}", task.task),
        count => format!("{count} alike, the newest {}{at}", task.task),
    }
}

/// What ECS says of a task's containers, where that isn't what it says of the task.
fn containers(task: &StoppedTask) -> Vec<Field> {
    let mut lines = Vec::new();
    for container in &task.containers {
        let code = container.exit_code.map(|code| format!("exit code {code}"));
        let reason = container
            .reason
            .clone()
            .filter(|reason| *reason != task.reason);
        let said: Vec<_> = code.into_iter().chain(reason).collect();
        if !said.is_empty() {
            let text = format!("  container {}: {}", container.name, said.join(", "));
            lines.push(field("", text));
        }
    }
    lines
}

/// Where traffic was when it was last seen.
fn traffic(view: &View) -> Vec<Field> {
    let Some((look, at)) = view.look.as_ref().zip(view.look_at) else {
        return Vec::new();
    };
    let seen = |(n, (route, seen)): (usize, (&String, &Option<Weight>))| {
        let seen = match (*seen, view.slot(Role::Blue)) {
            (Some(Weight::ZERO), Some(blue)) => format!("100% on slot {blue}"),
            (Some(Weight::FULL), Some(blue)) => format!("100% on slot {}", blue.other()),
            (seen, _) => share(seen),
        };
        let label = if n == 0 { "traffic" } else { "" };
        field(label, format!("{route}: {seen}, seen {}", words::clock(at)))
    };
    look.weights.iter().enumerate().map(seen).collect()
}

fn green_now(view: &View) -> String {
    let green = view.side(Role::Green);
    match (&view.put_away_at, view.provisioned_at) {
        (Some(_), _) => format!("{green} is scaled to zero"),
        (None, None) => format!("{green} was not started"),
        (None, Some(_)) => format!("{green} is not put away yet"),
    }
}
