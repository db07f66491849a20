//! The body of the live view: traffic, both sides, guards, what it waits for, what happened.

use std::fmt;

use super::judged;
use super::screen::Frame;
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::plan::{AlarmWeight, Plan};
use crate::judge::alarms::{AlarmState, Verdict, verdict};
use crate::report::line::{StyledLine, Tone, tail, width, wrap};
use crate::report::view::{Phase, Role};
use crate::report::words;
use crate::strategy::Weight;

/// Columns of the bar.
const BAR: usize = 20;
/// Where reasons begin, and how many lines each may take.
const REASON_COLUMN: usize = 11;
const REASON_LINES: usize = 3;

fn title(text: &str) -> StyledLine {
    StyledLine::of(Tone::Dim, text)
}

/// What it waits for and why, or why it went back.
pub(super) fn waiting(frame: &Frame<'_>) -> Vec<StyledLine> {
    let view = frame.view;
    let mut lines = Vec::new();
    if let Some(trip) = &view.trip {
        lines.extend(told(frame, Tone::Bad, frame.marks.bad, ("tripped", trip)));
    }
    if let Some(Outcome::Stuck {
        why:
            why @ (Stuck::PatienceOver { .. }
            | Stuck::Moved { .. }
            | Stuck::BlueIsDown { .. }
            | Stuck::TakenOver { .. }),
    }) = &view.outcome
    {
        lines.extend(told(frame, Tone::Bad, frame.marks.bad, ("stuck", why)));
    }
    if let Some(by) = &view.paused {
        let text = format!("by {by}: `bg promote` lets it go on");
        lines.extend(told(frame, Tone::Warn, frame.marks.warn, ("paused", &text)));
    }
    if let Some(gate) = view.gate_told() {
        lines.extend(told(frame, Tone::Busy, frame.marks.now, ("gate", &gate)));
    }
    if let Some(hold) = &view.hold {
        for reason in &hold.reasons {
            lines.extend(told(
                frame,
                Tone::Warn,
                frame.marks.warn,
                ("holding", reason),
            ));
        }
        let moment = |at| words::moment(at, frame.now);
        let (since, until) = (moment(hold.since), moment(hold.until));
        let left = words::length(words::between(frame.now, hold.until));
        let text = format!("since {since}; patience ends at {until}, in {left}");
        lines.push(
            StyledLine::new()
                .to_column(REASON_COLUMN)
                .with(Tone::Dim, text),
        );
    }
    lines
}

/// A reason, on as many lines as it needs, but not on more than a few.
fn told(
    frame: &Frame<'_>,
    tone: Tone,
    mark: &str,
    (label, reason): (&str, &dyn fmt::Display),
) -> Vec<StyledLine> {
    let room = frame.columns.saturating_sub(REASON_COLUMN).max(20);
    let mut lines = wrap(&reason.to_string(), room);
    if lines.len() > REASON_LINES {
        lines[REASON_LINES - 1].push_str(frame.marks.set.ellipsis());
        lines.truncate(REASON_LINES);
    }
    let first = |n| {
        if n == 0 {
            marked(tone, mark, label)
        } else {
            StyledLine::new()
        }
    };
    lines
        .iter()
        .enumerate()
        .map(|(n, text)| first(n).to_column(REASON_COLUMN).plain(text))
        .collect()
}

pub(super) fn marked(tone: Tone, mark: &str, text: &str) -> StyledLine {
    StyledLine::of(tone, mark).plain(" ").with(tone, text)
}

/// Weight set beside weight seen, on each route.
pub(super) fn traffic(frame: &Frame<'_>) -> Vec<StyledLine> {
    let Some(plan) = &frame.view.plan else {
        return Vec::new();
    };
    if plan.is_bare() {
        return Vec::new();
    }
    let longest = plan.routes.iter().map(|route| width(&route.label)).max();
    let label = longest.unwrap_or(0).clamp(16, 30);
    let header = title("Traffic on green").to_column(label + 2);
    let mut lines = vec![header.with(Tone::Dim, "   set    seen")];
    for route in &plan.routes {
        let name = StyledLine::of(Tone::Plain, &route.label).fit(label, frame.marks.set);
        lines.push(weights(frame, name.to_column(label + 2), &route.label));
    }
    lines
}

fn weights(frame: &Frame<'_>, line: StyledLine, route: &str) -> StyledLine {
    let set = frame.view.set.unwrap_or(Weight::ZERO);
    let look = frame.view.look.as_ref();
    let seen = look.map(|look| look.weights.get(route).copied().flatten());
    let figure = |weight: Option<Weight>| weight.map_or_else(|| "?".to_owned(), |w| w.to_string());
    let (said, mark, tone) = match seen {
        None => ("not seen yet", frame.marks.later, Tone::Dim),
        Some(None) => ("can't be read", frame.marks.warn, Tone::Warn),
        Some(Some(seen)) if seen == set => ("as set", frame.marks.done, Tone::Good),
        Some(Some(_)) if matches!(frame.view.phase, Phase::Shifting | Phase::Reverting) => {
            ("not there yet", frame.marks.now, Tone::Busy)
        }
        Some(Some(_)) => ("not as set", frame.marks.warn, Tone::Warn),
    };
    let seen = seen.flatten();
    let line = line.plain(format!("{:>6}  {:>6}  ", figure(Some(set)), figure(seen)));
    bar(frame, line, seen.unwrap_or(Weight::ZERO))
        .plain("  ")
        .with(tone, mark)
        .plain(" ")
        .with(tone, said)
}

fn bar(frame: &Frame<'_>, line: StyledLine, weight: Weight) -> StyledLine {
    // Some traffic is never drawn as none, nor less than all as all.
    let exact = usize::from(weight.per_mille()) * BAR;
    let full = if exact < 1000 {
        exact.div_ceil(1000)
    } else {
        exact / 1000
    };
    line.with(Tone::Green, frame.marks.full.repeat(full))
        .with(Tone::Blue, frame.marks.empty.repeat(BAR - full))
}

/// Columns of the sides' table that don't depend on names: role and slot, figures, state.
const SIDE_FIXED: usize = 17 + 17 + 22;

/// Both sides, one line each.
pub(super) fn sides(frame: &Frame<'_>) -> Vec<StyledLine> {
    let Some(plan) = &frame.view.plan else {
        return Vec::new();
    };
    let columns = names(frame, plan);
    let titles = ["Side", "Slot", "Service", "Task definition"];
    let header = row(titles, columns, frame, (Tone::Dim, Tone::Dim));
    vec![
        header.with(Tone::Dim, "Running Healthy"),
        side(frame, plan, Role::Blue, columns),
        side(frame, plan, Role::Green, columns),
    ]
}

/// The columns that the names of services and of task definitions get.
fn names(frame: &Frame<'_>, plan: &Plan) -> (usize, usize) {
    let service = |slot| width(plan.slots[slot].service.as_str());
    let services = service(plan.blue).max(service(plan.green_slot())).max(7);
    let runs = |role| frame.view.runs(role).map_or(1, width);
    let definitions = runs(Role::Blue).max(runs(Role::Green)).max(15);
    let room = frame.columns.saturating_sub(SIDE_FIXED).max(22);
    let services = services.min(room.saturating_sub(definitions).max(room / 3));
    (services, definitions.min(room - services))
}

fn row(
    cells: [&str; 4],
    columns: (usize, usize),
    frame: &Frame<'_>,
    (role, rest): (Tone, Tone),
) -> StyledLine {
    let set = frame.marks.set;
    StyledLine::of(role, cells[0])
        .to_column(7)
        .with(rest, cells[1])
        .to_column(13)
        .with(rest, tail(cells[2], columns.0, set))
        .to_column(15 + columns.0)
        .with(rest, tail(cells[3], columns.1, set))
        .to_column(17 + columns.0 + columns.1)
}

fn side(frame: &Frame<'_>, plan: &Plan, role: Role, columns: (usize, usize)) -> StyledLine {
    let (slot, tone) = match role {
        Role::Blue => (plan.blue, Tone::Blue),
        Role::Green => (plan.green_slot(), Tone::Green),
    };
    let runs = frame.view.runs(role).unwrap_or("-");
    let cells = [
        role.as_str(),
        slot.as_str(),
        plan.slots[slot].service.as_str(),
        runs,
    ];
    let line = row(cells, columns, frame, (tone, Tone::Plain));
    let Some(counts) = frame.view.counts(role) else {
        return line.with(Tone::Dim, "not seen yet");
    };
    let of_desired = |figure| format!("{}/{}", words::count(figure), words::count(counts.desired));
    let (running, healthy) = (of_desired(counts.running), of_desired(counts.healthy));
    let figures = format!("{running:>7} {healthy:>7}  ");
    let (mark, tone, said) = match (counts.desired, counts.healthy) {
        (None, _) | (_, None) => (frame.marks.warn, Tone::Warn, "unknown"),
        (Some(0), _) => (frame.marks.later, Tone::Dim, "idle"),
        (Some(desired), Some(healthy)) if healthy >= desired => {
            (frame.marks.done, Tone::Good, "healthy")
        }
        _ if role == Role::Green && !frame.view.had_traffic() => {
            (frame.marks.now, Tone::Busy, "starting")
        }
        _ => (frame.marks.warn, Tone::Warn, "unhealthy"),
    };
    let line = line
        .plain(figures)
        .with(tone, mark)
        .plain(" ")
        .with(tone, said);
    match counts.failed {
        Some(failed @ 1..) => line.with(Tone::Warn, format!(", {failed} failed")),
        _ => line,
    }
}

/// The guards with what they say now, the bad ones first.
pub(super) fn guards(frame: &Frame<'_>) -> Vec<StyledLine> {
    let Some(plan) = &frame.view.plan else {
        return Vec::new();
    };
    let targets = format!(
        "targets healthy: {} of green before a shift, {} afterwards",
        plan.guards.ready, plan.guards.min
    );
    let mut lines = vec![title("Guards").to_column(8).with(Tone::Dim, targets)];
    let mut alarms: Vec<_> = plan
        .guards
        .alarms
        .iter()
        .map(|guard| {
            let look = frame.view.look.as_ref();
            let state = look.and_then(|look| look.alarms.get(&guard.name)).copied();
            (guard, state)
        })
        .collect();
    let rank = |state: &Option<Option<AlarmState>>| match state {
        Some(Some(AlarmState::Alarm)) => 0,
        Some(None) => 1,
        Some(Some(AlarmState::InsufficientData)) => 2,
        None => 3,
        Some(Some(AlarmState::Ok)) => 4,
    };
    // Stable: among equals the config's order stays.
    alarms.sort_by_key(|(_, state)| rank(state));
    // What was judged comes before alarms that say nothing.
    let telling = alarms.iter().filter(|(_, state)| rank(state) < 3).count();
    for (guard, state) in alarms {
        let Some(state) = state else {
            lines.push(
                marked(Tone::Dim, frame.marks.later, "not seen")
                    .to_column(22)
                    .plain(guard.name.as_str()),
            );
            continue;
        };
        let lifted = guard.weight == AlarmWeight::LiftedAtStart;
        // It has cleared before green gets any traffic.
        let left_over = guard.weight == AlarmWeight::GuardsOnceClear && !frame.view.had_traffic();
        let (mark, tone) = match verdict(state, guard.insufficient_data) {
            _ if lifted => (frame.marks.later, Tone::Dim),
            Verdict::Fine => (frame.marks.done, Tone::Good),
            Verdict::Hold => (frame.marks.warn, Tone::Warn),
            Verdict::Trip if left_over => (frame.marks.warn, Tone::Warn),
            Verdict::Trip => (frame.marks.bad, Tone::Bad),
        };
        let note = if lifted {
            " (shown only: it was in ALARM at the start)"
        } else if left_over && state == Some(AlarmState::Alarm) {
            " (from before this version ran: it has to clear first)"
        } else {
            ""
        };
        let line = marked(tone, mark, words::alarm(state))
            .to_column(22)
            .plain(guard.name.as_str());
        lines.push(line.with(Tone::Dim, note));
    }
    let quiet = lines.split_off(1 + telling);
    lines.extend(judged::lines(frame, plan));
    lines.extend(quiet);
    lines
}

/// The last things that happened.
pub(super) fn events(frame: &Frame<'_>, most: usize) -> Vec<StyledLine> {
    let notes = &frame.view.notes;
    let skipped = notes.len().saturating_sub(most);
    let line = |note: &crate::report::view::Note| {
        StyledLine::of(Tone::Dim, words::clock(note.at))
            .to_column(10)
            .with(note.said.tone, note.said.label)
            .to_column(26)
            .plain(&note.said.text)
    };
    notes.iter().skip(skipped).map(line).collect()
}
