//! The top of the live view: what is deployed, and how far it is.

use super::screen::Frame;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::{Kind, Plan};
use crate::report::line::{StyledLine, Tone};
use crate::report::view::{Phase, Role, TimeLeft, View};
use crate::report::words;
use crate::strategy::Weight;

/// Service, cluster, deployment; what goes where; since when.
pub(super) fn header(frame: &Frame<'_>) -> Vec<StyledLine> {
    let Some(plan) = &frame.view.plan else {
        return vec![StyledLine::of(Tone::Dim, "waiting for the first look")];
    };
    let dot = format!(" {} ", frame.marks.dot);
    let first = StyledLine::of(Tone::Strong, plan.service.as_str())
        .plain(format!("{dot}cluster {}", plan.cluster))
        .plain(format!("{dot}{}", words::pace(plan)));
    let second = StyledLine::of(Tone::Dim, kind(plan))
        .plain(format!(" {} ", words::version(plan)))
        .with(Tone::Dim, "to ")
        .with(Tone::Green, frame.view.side(Role::Green));
    let clock = format!("{} UTC", words::clock(frame.now));
    vec![
        apart(first, plan.id.as_str(), frame.columns),
        apart(second, &clock, frame.columns),
    ]
}

fn kind(plan: &Plan) -> &'static str {
    match plan.kind {
        Kind::Deploy => "deploy",
        Kind::Hotfix { .. } => "hotfix",
        Kind::Rollback => "rollback",
    }
}

/// `right` at the right edge, where there is room for it.
fn apart(left: StyledLine, right: &str, columns: usize) -> StyledLine {
    let start = columns.saturating_sub(right.len());
    if left.width() + 2 > start {
        return left;
    }
    left.to_column(start).with(Tone::Dim, right)
}

/// What goes on, the ladder and the time left.
pub(super) fn progress(frame: &Frame<'_>) -> Vec<StyledLine> {
    let mut lines = vec![headline(frame)];
    lines.extend(ladder(frame));
    lines.extend(left(frame));
    lines.extend(warm(frame));
    lines
}

/// How long blue stays warm after a promotion.
fn warm(frame: &Frame<'_>) -> Option<StyledLine> {
    let at = frame.view.retire_at.filter(|at| *at > frame.now)?;
    let left = words::length(words::between(frame.now, at));
    let (blue, at) = (frame.view.side(Role::Blue), words::moment(at, frame.now));
    let text = format!("{blue} is kept warm until {at}, for {left} more");
    Some(StyledLine::of(Tone::Dim, text))
}

fn headline(frame: &Frame<'_>) -> StyledLine {
    let view = frame.view;
    let set = view.set.unwrap_or(Weight::ZERO);
    let step = view.step_of().unwrap_or_default();
    let busy = |text: String| {
        StyledLine::of(Tone::Busy, frame.marks.now)
            .plain(" ")
            .with(Tone::Strong, text)
    };
    let bad = |text: String| {
        StyledLine::of(Tone::Bad, frame.marks.bad)
            .plain(" ")
            .with(Tone::Strong, text)
    };
    let good = |text: String| {
        StyledLine::of(Tone::Good, frame.marks.done)
            .plain(" ")
            .with(Tone::Strong, text)
    };
    let at = match view.is_bare() {
        true => "with both versions at work".to_owned(),
        false => format!("at {set}, {step}"),
    };
    match view.phase {
        Phase::Starting => busy("Starting".into()),
        Phase::Registering => busy("Registering green's task definition".into()),
        Phase::Provisioning => busy("Provisioning green".into()),
        Phase::BecomingHealthy => busy(becoming_healthy(frame)),
        Phase::Settling | Phase::Baking if view.gate.is_some() => {
            let gate = view.gate_name().unwrap_or("a gate");
            busy(match view.phase {
                Phase::Baking => format!("Waiting {at}, for gate {gate}"),
                _ => format!("Green is healthy, and waits for gate {gate}"),
            })
        }
        Phase::Settling => busy(match settling(frame) {
            left if left.is_empty() => "Green is healthy".to_owned(),
            left => format!("Green is healthy, and has to stay so{left}"),
        }),
        Phase::Shifting if view.is_bare() => busy("Green works beside blue".into()),
        Phase::Shifting => busy(format!("Shifting {set} of traffic to green, {step}")),
        Phase::Baking => {
            let left = words::between(frame.now, view.bake_until.unwrap_or(frame.now));
            if view.paused.is_some() {
                return busy(format!("Paused {at}; the guards watch"));
            }
            if left.is_zero() && view.hold.is_some() {
                return busy(format!("Holding {at}: the bake is over"));
            }
            if let Some(wanted) = view.wanted.filter(|_| left.is_zero()) {
                return busy(format!(
                    "Waiting {at}: {} of {} requests",
                    view.green_requests, wanted.wanted
                ));
            }
            match left.as_secs() {
                0 => busy(format!("Baking {at}")),
                _ => busy(format!("Baking {at}: {} left", words::length(left))),
            }
        }
        Phase::Promoted => good(promoted(view)),
        Phase::Reverting | Phase::PuttingGreenAway if view.is_bare() => {
            bad(format!("Reverting: {} goes", view.side(Role::Green)))
        }
        Phase::Reverting => bad(format!(
            "Reverting: all traffic goes to {}",
            view.side(Role::Blue)
        )),
        Phase::PuttingGreenAway => bad(reverted(view)),
        Phase::Ended => match &view.outcome {
            Some(Outcome::Promoted) => good(promoted(view)),
            Some(Outcome::Reverted { .. }) => bad(reverted(view)),
            Some(Outcome::Stuck { .. }) => bad("Stuck: an operator is needed".into()),
            Some(Outcome::Kept { signal }) => {
                bad(format!("Kept as it is on {signal}: nobody watches it"))
            }
            None => busy("Ended".into()),
        },
    }
}

fn promoted(view: &View) -> String {
    let green = view.side(Role::Green);
    match view.is_bare() {
        true => format!("Promoted: {green} is the live one"),
        false => format!("Promoted: {green} serves everything"),
    }
}

fn reverted(view: &View) -> String {
    let blue = view.side(Role::Blue);
    match view.is_bare() {
        true => format!("Reverted: {blue} works alone"),
        false => format!("Reverted: {blue} serves everything"),
    }
}

fn becoming_healthy(frame: &Frame<'_>) -> String {
    let deadline = frame.view.plan.as_ref().zip(frame.view.provisioned_at);
    let left = deadline.map(|(plan, since)| {
        let until = words::later(since, plan.limits.healthy_within);
        format!(
            ": {} left for that",
            words::length(words::between(frame.now, until))
        )
    });
    format!("Waiting until green is healthy{}", left.unwrap_or_default())
}

fn settling(frame: &Frame<'_>) -> String {
    let since = frame.view.plan.as_ref().zip(frame.view.phase_since);
    let left = since.map(|(plan, since)| {
        let until = words::later(since, plan.guards.healthy_for);
        match words::between(frame.now, until) {
            left if left.as_secs() == 0 => String::new(),
            left => format!(" for {} more", words::length(left)),
        }
    });
    left.unwrap_or_default()
}

/// How far a rung of the ladder is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rung {
    Done,
    Now,
    Undone,
    Later,
}

/// `✔ provision  ✔ healthy  ▶ 10% for 5m  · 100% for 5m  · promote`
fn ladder(frame: &Frame<'_>) -> Option<StyledLine> {
    let plan = frame.view.plan.as_ref()?;
    let mut rungs = vec![
        (state(frame, 0), "provision".to_owned()),
        (state(frame, 1), "healthy".to_owned()),
    ];
    for (at, step) in plan.steps.iter().enumerate() {
        let what = match plan.is_bare() {
            true => "beside blue".to_owned(),
            false => step.weight.to_string(),
        };
        let text = match step.bake.is_zero() {
            true => what,
            false => format!("{what} for {}", words::length(step.bake)),
        };
        rungs.push((state(frame, at + 2), text));
    }
    rungs.push((state(frame, plan.steps.len() + 2), "promote".to_owned()));
    Some(draw(frame, &rungs))
}

/// How far the rung at `at` is: provision, healthy, the steps, promote.
fn state(frame: &Frame<'_>, at: usize) -> Rung {
    let view = frame.view;
    let reached = match view.step {
        Some(step) => step.saturating_add(2),
        None => usize::from(view.provisioned_at.is_some()),
    };
    let goes_back = view.trip.is_some()
        || matches!(
            view.outcome,
            Some(Outcome::Stuck { .. } | Outcome::Kept { .. })
        );
    match at.cmp(&reached) {
        _ if view.promoted_at.is_some() => Rung::Done,
        std::cmp::Ordering::Less => Rung::Done,
        std::cmp::Ordering::Equal if goes_back => Rung::Undone,
        std::cmp::Ordering::Equal => Rung::Now,
        std::cmp::Ordering::Greater => Rung::Later,
    }
}

/// The rungs side by side; where there is no room, the ones furthest from the present give way.
fn draw(frame: &Frame<'_>, rungs: &[(Rung, String)]) -> StyledLine {
    let present = rungs
        .iter()
        .position(|(rung, _)| matches!(rung, Rung::Now | Rung::Undone));
    let present = present.unwrap_or(rungs.len().saturating_sub(1));
    let (mut from, mut to) = (0, rungs.len());
    loop {
        let line = draw_range(frame, rungs, from..to);
        if line.width() <= frame.columns || to - from <= 1 {
            return line;
        }
        // Keep one done rung in sight; then what comes later gives way; then that one too.
        if from + 1 < present {
            from += 1;
        } else if to > present + 1 {
            to -= 1;
        } else {
            from += 1;
        }
    }
}

fn draw_range(
    frame: &Frame<'_>,
    rungs: &[(Rung, String)],
    range: std::ops::Range<usize>,
) -> StyledLine {
    let marks = &frame.marks;
    let mut line = StyledLine::new();
    if range.start > 0 {
        line = line.with(Tone::Dim, marks.set.ellipsis()).plain("  ");
    }
    for (at, (rung, text)) in rungs[range.clone()].iter().enumerate() {
        let (mark, tone) = match rung {
            Rung::Done => (marks.done, Tone::Good),
            Rung::Now => (marks.now, Tone::Busy),
            Rung::Undone => (marks.bad, Tone::Bad),
            Rung::Later => (marks.later, Tone::Dim),
        };
        let words = if *rung == Rung::Now {
            Tone::Strong
        } else {
            Tone::Dim
        };
        let gap = if at == 0 { "" } else { "  " };
        line = line
            .plain(gap)
            .with(tone, mark)
            .plain(" ")
            .with(words, text);
    }
    if range.end < rungs.len() {
        line = line.plain("  ").with(Tone::Dim, marks.set.ellipsis());
    }
    line
}

fn left(frame: &Frame<'_>) -> Option<StyledLine> {
    let since = words::length(words::between(frame.view.started_at?, frame.now));
    let passed = StyledLine::of(Tone::Dim, format!("{since} passed"));
    Some(match frame.view.time_left(frame.now)? {
        TimeLeft::About(left)
            if frame.view.hold.is_some()
                || frame.view.paused.is_some()
                || frame.view.gate.is_some() =>
        {
            let left = words::length(left);
            passed.with(Tone::Dim, format!(", about {left} left once it goes on"))
        }
        TimeLeft::About(left) if left.as_secs() == 0 => passed,
        TimeLeft::About(left) => {
            let at = words::moment(words::later(frame.now, left), frame.now);
            let left = words::length(left);
            passed.with(Tone::Dim, format!(", about {left} left: done at {at}"))
        }
        TimeLeft::AfterHealthy(left) => {
            let left = words::length(left);
            passed.with(
                Tone::Dim,
                format!(", about {left} left from when green is healthy"),
            )
        }
    })
}
