//! What an event means to a person, in one line of words.

use super::line::Tone;
use super::view::{Role, View};
use super::words;
use crate::deployment::action::FailureClass;
use crate::deployment::diagnosis::Diagnosis;
use crate::deployment::event::{Event, Look, Record};
use crate::deployment::gate::{GateAnswer, Point};
use crate::deployment::metrics::{Served, ValueRead, Verdict, name_of};
use crate::deployment::plan::{Kind, Plan, RetireHow};
use crate::deployment::trip::{self, Hold, Trip};
use crate::judge::alarms::AlarmState;
use crate::judge::guards::Number;
use crate::judge::minute::Quality;
use crate::strategy::Weight;

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// For those who want to see everything.
    Detail,
    /// News.
    News,
}

/// An event in words: a label to look for, and what there is to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// How much it matters.
    pub rank: Rank,
    /// Good, bad or neither.
    pub tone: Tone,
    /// At most 15 columns.
    pub label: &'static str,
    /// The rest of the line.
    pub text: String,
}

impl Said {
    fn news(tone: Tone, label: &'static str, text: impl Into<String>) -> Option<Self> {
        Some(Said {
            rank: Rank::News,
            tone,
            label,
            text: text.into(),
        })
    }

    fn detail(label: &'static str, text: impl Into<String>) -> Option<Self> {
        Some(Said {
            rank: Rank::Detail,
            tone: Tone::Dim,
            label,
            text: text.into(),
        })
    }

    /// Whether everybody wants to see it.
    pub fn is_news(&self) -> bool {
        self.rank == Rank::News
    }
}

/// `record` in words; `before` is the view of the records before it. `None` where there is
/// nothing to tell: a look that showed nothing else than the last, and the end, which needs more
/// than a line ([`super::ending`]).
pub fn say(before: &View, record: &Record) -> Option<Said> {
    let green = || before.side(Role::Green);
    let blue = || before.side(Role::Blue);
    match &record.event {
        Event::Started { plan } => Said::news(Tone::Strong, "started", started(plan)),
        Event::RegisteringTaskDefinition => {
            Said::detail("registering", "a revision of the task definition for green")
        }
        Event::TaskDefinitionReady { task_definition } => {
            let text = format!("{} is what green is to run", task_definition.short());
            Said::news(Tone::Plain, "task definition", text)
        }
        Event::ProvisioningGreen => Said::news(Tone::Plain, "provisioning", provisioning(before)),
        Event::GreenProvisioned => Said::detail("provisioned", "ECS took green's service"),
        Event::GreenHealthy => Said::news(Tone::Good, "healthy", healthy(before)),
        Event::GreenUnhealthy { why } => Said::news(Tone::Warn, "not healthy", why.to_string()),
        Event::GreenReady => Said::detail("ready", "green was healthy for long enough"),
        Event::SizingGreen { desired } => Said::news(
            Tone::Plain,
            "sizing",
            format!(
                "green to {} before its next raise",
                words::plural(*desired as usize, "task")
            ),
        ),
        Event::PointingTestRoutes { to } => Said::news(
            Tone::Plain,
            "test route",
            format!("to {}", before.side(before.role_of(*to))),
        ),
        Event::Shifting { .. } if before.is_bare() => {
            Said::detail("at work", format!("{} beside {}", green(), blue()))
        }
        Event::Shifting { weight, .. } => Said::news(
            Tone::Busy,
            "shifting",
            format!("{weight} of traffic to {}", green()),
        ),
        Event::Baking {
            step,
            weight,
            until,
        } => {
            let bake = before
                .plan
                .as_ref()
                .and_then(|plan| Some(plan.steps.get(*step)?.bake + plan.ttl()));
            let length = bake.unwrap_or_default();
            let (k, n) = (step.saturating_add(1), before.steps());
            let ends = words::moment(*until, record.at);
            let at = match before.is_bare() {
                true => "both versions work".to_owned(),
                false => format!("at {weight}, step {k} of {n}"),
            };
            let text = match length.is_zero() {
                true => at,
                false => format!("{at}, for {} until {ends}", words::length(length)),
            };
            Said::news(Tone::Busy, "baking", text)
        }
        Event::Holding { reasons, until } => {
            let text = format!(
                "{}; until {} at most",
                trip::join(reasons),
                words::moment(*until, record.at)
            );
            match before.hold.as_ref() {
                Some(hold) if are_the_same(&hold.reasons, reasons) => Said::detail("holding", text),
                _ => Said::news(Tone::Warn, "holding", text),
            }
        }
        Event::HoldOver => Said::news(Tone::Plain, "going on", "nothing holds any more"),
        Event::ArmingDeadman { until } => {
            let at = words::moment(*until, record.at);
            Said::detail("arming", format!("the dead-man switch, for {at}"))
        }
        Event::DeadmanArmed { until } => armed(before, &words::moment(*until, record.at)),
        Event::DisarmingDeadman => Said::detail("disarming", "the dead-man switch"),
        Event::DeadmanDisarmed => Said::detail("disarmed", "the dead-man switch is taken away"),
        Event::Promoted { .. } => Said::news(
            Tone::Good,
            "promoted",
            match before.is_bare() {
                true => format!("{} is the live one", green()),
                false => format!("{} serves everything", green()),
            },
        ),
        Event::SettingsRestored => {
            Said::detail("restored", "green's service has its own settings back")
        }
        Event::Reverting { trip } => {
            let text = match (before.is_bare(), before.had_traffic()) {
                (true, _) => format!("{} goes: {trip}", green()),
                (false, true) => format!("all traffic to {}: {trip}", blue()),
                (false, false) => format!("all traffic stays on {}: {trip}", blue()),
            };
            Said::news(Tone::Bad, "reverting", text)
        }
        Event::TrafficReverted if before.is_bare() => {
            Said::detail("reverted", "there is no traffic to put back")
        }
        Event::TrafficReverted => Said::news(
            Tone::Plain,
            "reverted",
            format!("{} serves everything", blue()),
        ),
        Event::Diagnosed { diagnosis } => diagnosed(diagnosis),
        Event::PuttingGreenAway => Said::detail("putting away", "green goes to zero tasks"),
        Event::GreenPutAway => Said::news(
            Tone::Plain,
            "put away",
            format!("{} is scaled to zero", green()),
        ),
        Event::ActFailed {
            act,
            class,
            message,
        } => {
            let again = if class.is_worth_repeating() {
                "; trying again"
            } else {
                ""
            };
            let text = format!("could not {act}: {} ({message}){again}", failure(*class));
            Said::news(Tone::Warn, "failed", text)
        }
        Event::GateOpened { gate, point, until } => {
            let until = words::moment(*until, record.at);
            gate_opened(before, *gate, *point, &until)
        }
        Event::GateAsked { gate, .. } => {
            Said::detail("asking", format!("gate {}", gate_name(before, *gate)))
        }
        Event::GateAnswered {
            gate,
            point,
            answer,
        } => gate_answered(gate_name(before, *gate), *point, answer),
        Event::MinuteJudged { served, .. } => Said::detail("judged", minute(before, served)),
        Event::MinuteRevised { minute: at, served } => Said::detail(
            "revised",
            format!(
                "CloudWatch shows the minute {} otherwise than it was judged: {}",
                words::clock(*at),
                minute(before, served)
            ),
        ),
        Event::MinuteSkipped { minute, why, .. } => Said::detail(
            "passed over",
            format!("the minute {}: {}", words::clock(*minute), quality(*why)),
        ),
        Event::WaitingForRequests {
            requests,
            wanted,
            until,
            then,
            ..
        } => Said::news(
            Tone::Plain,
            "waiting",
            format!(
                "for requests: CloudWatch shows {requests} of {wanted} of green's at this weight; until {}, \
                 then {then}",
                words::moment(*until, record.at)
            ),
        ),
        Event::ValuesRead { values } => Said::detail("read", read(before, values)),
        Event::Compared(judgement) => {
            let tone = match judgement.verdict {
                Verdict::Pass => Tone::Good,
                Verdict::Fail => Tone::Bad,
                Verdict::Marginal | Verdict::TooFew => Tone::Warn,
            };
            Said::news(tone, "compared", judgement.to_string())
        }
        Event::EnoughEvidence { minutes, .. } => Said::news(
            Tone::Good,
            "enough seen",
            format!(
                "green is not worse after {}: the bake ends early",
                words::plural(*minutes as usize, "minute")
            ),
        ),
        Event::Looked(look) => looked(before, look),
        Event::Hurrying { signal } => {
            let text = format!("{signal}: no more waiting than needed");
            match before.trip {
                // That signal is the reason that was just told.
                Some(Trip::Interrupted { .. }) => Said::detail("hurrying", text),
                _ => Said::news(Tone::Warn, "hurrying", text),
            }
        }
        Event::Paused { by } => Said::news(Tone::Warn, "paused", format!("by {by}")),
        Event::GoingOn { by, full } => {
            let how = if *full { "straight to 100%, " } else { "" };
            Said::news(Tone::Plain, "going on", format!("{how}asked by {by}"))
        }
        Event::Resumed {
            by,
            unwatched_since,
            ..
        } => {
            let since = words::moment(*unwatched_since, record.at);
            let text = format!("by {by}; nobody had watched since {since}");
            Said::news(Tone::Strong, "resumed", text)
        }
        Event::RetireWaiting { until, why } => {
            let text = format!(
                "{} until {} at least: {why}",
                blue(),
                words::moment(*until, record.at)
            );
            Said::news(Tone::Plain, "keeping", text)
        }
        Event::Retiring => Said::detail("retiring", blue()),
        Event::Retired {
            then: RetireHow::Delete,
        } => Said::news(Tone::Good, "retired", format!("{} is deleted", blue())),
        Event::Retired { .. } => Said::news(
            Tone::Good,
            "retired",
            format!("{} is scaled to zero", blue()),
        ),
        Event::RetireCancelled { why } => Said::news(
            Tone::Warn,
            "not retired",
            format!("{} stays: {why}", blue()),
        ),
        Event::Ended { .. } => None,
    }
}

/// Whether nothing but figures is new.
fn are_the_same(before: &[Hold], now: &[Hold]) -> bool {
    let mut both = before.iter().zip(now);
    before.len() == now.len() && both.all(|(before, now)| before.is_the_same_as(now))
}

/// The root cause, and what mends it.
fn diagnosed(diagnosis: &Diagnosis) -> Option<Said> {
    let first = diagnosis.findings.first()?;
    let then = match diagnosis.names_a_cause() {
        true => "to mend it",
        false => "read on",
    };
    let text = format!("{}; {then}: {}", first.what, first.fix);
    Said::news(Tone::Warn, "diagnosed", text)
}

/// The first time is news; later ones only say that the process still lives.
fn armed(before: &View, at: &str) -> Option<Said> {
    if before.deadman.is_some() {
        return Said::detail("pushed out", format!("the dead-man switch, to {at}"));
    }
    let blue = before.side(Role::Blue);
    let text = format!("the dead-man switch: everything to {blue} at {at}, unless pushed out");
    Said::news(Tone::Plain, "armed", text)
}

fn started(plan: &Plan) -> String {
    let (version, service) = (words::version(plan), &plan.service);
    let what = match &plan.kind {
        Kind::Deploy => format!("deploy {version} to {service}"),
        Kind::Hotfix { reason } => format!("hotfix {version} to {service} ({reason})"),
        Kind::Rollback => format!("roll {service} back to {version}"),
    };
    format!(
        "{what} in cluster {}, slot {}, {} ({}); times are UTC",
        plan.cluster,
        plan.green_slot(),
        words::by_pace(plan),
        plan.id
    )
}

fn provisioning(view: &View) -> String {
    let Some(plan) = &view.plan else {
        return "green".to_owned();
    };
    let slot = plan.green_slot();
    let service = &plan.slots[slot].service;
    format!(
        "green: slot {slot}, service {service}, {}",
        words::plural(plan.green_tasks(Weight::ZERO) as usize, "task")
    )
}

fn healthy(view: &View) -> String {
    let stay = view.plan.as_ref().map(|plan| plan.guards.healthy_for);
    let side = view.side(Role::Green);
    match stay.filter(|stay| !stay.is_zero()) {
        Some(stay) => format!("{side}; it has to stay so for {}", words::length(stay)),
        None => side,
    }
}

/// A failure's class in words.
pub(super) fn failure(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Throttled => "AWS throttles",
        FailureClass::Conflict => "a conflict with something under way",
        FailureClass::Ambiguous => "it may or may not have happened",
        FailureClass::NotSent => "not sent",
        FailureClass::Skewed => "the clock is off",
        FailureClass::Expired => "credentials ran out",
        FailureClass::Denied => "not allowed",
        FailureClass::Invalid => "refused",
        FailureClass::Lost => "gone with the process that had it",
    }
}

/// What a look shows that the last did not.
fn looked(before: &View, look: &Look) -> Option<Said> {
    let none = Look::default();
    let last = before.look.as_ref().unwrap_or(&none);
    let mut news = Vec::new();
    if look.blue != last.blue {
        news.push(format!("blue {}", words::counts(&look.blue)));
    }
    if look.green != last.green {
        news.push(format!("green {}", words::counts(&look.green)));
    }
    for (route, seen) in &look.weights {
        let surprising = *seen != before.set.or(Some(Weight::ZERO));
        if surprising && last.weights.get(route) != Some(seen) {
            news.push(format!("{route} shows {}", share(*seen)));
        }
    }
    for (name, state) in &look.alarms {
        let known = last.alarms.get(name);
        if known != Some(state) && (known.is_some() || *state != Some(AlarmState::Ok)) {
            news.push(format!("alarm {name} {}", words::alarm(*state)));
        }
    }
    let alarmed = look
        .alarms
        .values()
        .any(|state| *state == Some(AlarmState::Alarm));
    let tone = if alarmed { Tone::Warn } else { Tone::Plain };
    if news.is_empty() {
        None
    } else {
        Said::news(tone, "looked", news.join("; "))
    }
}

/// A weight as seen, in words.
pub(super) fn share(seen: Option<Weight>) -> String {
    seen.map_or_else(
        || "no readable weight".to_owned(),
        |weight| format!("{weight} green"),
    )
}

fn gate_name(view: &View, gate: usize) -> &str {
    let gate = view.plan.as_ref().and_then(|plan| plan.gates.get(gate));
    gate.map_or("of an unknown name", |gate| &gate.name)
}

fn gate_opened(view: &View, gate: usize, point: Point, until: &str) -> Option<Said> {
    let plan = view.plan.as_ref()?;
    let gate = plan.gates.get(gate)?;
    let place = point.told(plan);
    let text = format!("{} {place}: {}; until {until}", gate.name, gate.check);
    Said::news(Tone::Plain, "gate", text)
}

/// What passed says enough with its last line; all of them stand in the record.
fn last_line(what: &str) -> String {
    let mut lines = what.lines();
    let first = lines.next().unwrap_or_default();
    match (lines.next_back(), first.split_once(": ")) {
        (None, _) => first.to_owned(),
        (Some(last), Some((how, _))) => format!("{how}: {last}"),
        (Some(last), None) => format!("{first}: {last}"),
    }
}

fn gate_answered(name: &str, point: Point, answer: &GateAnswer) -> Option<Said> {
    match answer {
        GateAnswer::Passed { what } => {
            let text = format!("{name} says yes: {}", last_line(what));
            Said::news(Tone::Good, "gate", text)
        }
        // Elsewhere the revert that follows says it.
        GateAnswer::Failed { why } if point == Point::AfterPromotion => {
            let back = "green keeps everything; `bg rollback` goes back";
            let text = format!("{name} says no: {why}; {back}");
            Said::news(Tone::Warn, "gate", text)
        }
        GateAnswer::Failed { why } => Said::detail("gate", format!("{name} says no: {why}")),
        GateAnswer::Again { why, after, .. } => {
            let after = words::length(*after);
            Said::detail("gate", format!("{name}: {why}; asked again in {after}"))
        }
    }
}

/// Values of the config's own metrics.
fn read(view: &View, values: &[ValueRead]) -> String {
    let guards = view.plan.as_ref().and_then(|it| it.guards.metrics.as_ref());
    let shown = |value: Option<Number>| value.map_or("no data".to_owned(), |it| it.to_string());
    let told = values.iter().map(|value| {
        let name = guards.map_or("a metric", |guards| name_of(guards, value.metric));
        let green = shown(value.green);
        match value.step {
            Some(_) => format!("{name}: green {green}, blue {}", shown(value.blue)),
            None => format!("{name}: {green}"),
        }
    });
    told.collect::<Vec<_>>().join("; ")
}

/// A minute's figures on both sides, or those of the load balancer where only they are judged.
fn minute(view: &View, served: &Served) -> String {
    if !view.plan.as_ref().is_none_or(Plan::counts_requests) {
        return served.balancer.to_string();
    }
    format!("requests: green {}, blue {}", served.green, served.blue)
}

fn quality(why: Quality) -> &'static str {
    match why {
        Quality::Ok | Quality::Zero => "it has figures",
        Quality::NoTraffic => "nobody came",
        Quality::NoData => "CloudWatch has nothing for it",
        Quality::Late => "its figures never became final",
        Quality::Error => "it could not be read",
    }
}
