//! What was judged of metrics, in the live view.

use std::time::Duration;

use super::screen::Frame;
use super::sections::marked;
use crate::deployment::plan::Plan;
use crate::deployment::trip::Trip;
use crate::report::line::{StyledLine, Tone};
use crate::report::values::NewestValue;
use crate::report::words;

/// What was judged so far, where metrics are; and how far that reaches.
pub(super) fn lines(frame: &Frame<'_>, plan: &Plan) -> Vec<StyledLine> {
    let Some(guards) = &plan.guards.metrics else {
        return Vec::new();
    };
    let counts = plan.counts_requests() || guards.load_balancer.is_some();
    let mut lines = match counts {
        true => minutes(frame, plan),
        false => Vec::new(),
    };
    for value in NewestValue::all(frame.view) {
        let (mark, tone, word) = match value.at {
            Some(_) => (frame.marks.done, Tone::Good, "read"),
            None => (frame.marks.later, Tone::Dim, "not read"),
        };
        let line = marked(tone, mark, word).to_column(22);
        lines.push(line.plain(value.told(frame.now)));
    }
    lines
}

fn minutes(frame: &Frame<'_>, plan: &Plan) -> Vec<StyledLine> {
    let read_to = frame.view.read_to.map(|read_to| {
        let text = read_to.short(frame.now);
        StyledLine::new().to_column(22).with(Tone::Dim, text)
    });
    let Some(judged) = &frame.view.judged else {
        let line = marked(Tone::Dim, frame.marks.later, "not judged").to_column(22);
        let what = match plan.counts_requests() {
            true => "failed requests, from the first whole minute on",
            false => "the load balancer's own 5xx, from the first whole minute on",
        };
        let line = line.plain(what);
        return std::iter::once(line).chain(read_to).collect();
    };
    let worse = matches!(frame.view.trip, Some(Trip::Worse(_)));
    let (mark, tone, word) = match worse {
        true => (frame.marks.bad, Tone::Bad, "worse"),
        false => (frame.marks.done, Tone::Good, "judged"),
    };
    let served = judged.served;
    let judged_for = Duration::from_secs(60 * u64::from(judged.minutes));
    let line = marked(tone, mark, word).to_column(22);
    let minutes = format!(", in {}", words::length(judged_for));
    if !plan.counts_requests() {
        let line = line.plain(served.balancer.to_string());
        let line = line.with(Tone::Dim, &minutes);
        return std::iter::once(line).chain(read_to).collect();
    }
    let [green, blue] = [served.green, served.blue];
    let both = line.clone().plain(format!("green {green}, blue {blue}"));
    let both = both.with(Tone::Dim, &minutes);
    if both.width() <= frame.columns {
        return std::iter::once(both).chain(read_to).collect();
    }
    let blue = StyledLine::new()
        .to_column(22)
        .plain(format!("blue {blue}"));
    let sides = [
        line.plain(format!("green {green}")),
        blue.with(Tone::Dim, minutes),
    ];
    sides.into_iter().chain(read_to).collect()
}
