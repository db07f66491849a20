use std::collections::BTreeSet;
use std::fmt::Write;

use super::super::stories::{self, Story, at};
use super::*;
use crate::deployment::event::Event;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::RetireHow;
use crate::deployment::traceparent::TraceParent;

fn trace(records: &[Record]) -> Trace {
    Trace::of(records).expect("it has a beginning")
}

fn seconds(moment: Timestamp) -> i64 {
    moment.duration_since(at(0)).as_secs()
}

/// A trace as an indented list.
fn told(trace: &Trace) -> String {
    let mut text = String::new();
    for span in &trace.spans {
        let mut depth = 0;
        let mut around = span.parent;
        while let Some(parent) = around.and_then(|id| trace.spans.iter().find(|it| it.id == id)) {
            depth += 1;
            around = parent.parent;
        }
        let pad = "  ".repeat(depth);
        let (from, until) = (seconds(span.from), seconds(span.until));
        let _ = write!(text, "{pad}{} {from}..{until} {:?}", span.name, span.went);
        let _ = writeln!(text, " {}", attributes(&span.attributes));
        for happened in &span.events {
            let (at, name) = (seconds(happened.at), happened.name);
            let more = attributes(&happened.attributes);
            let _ = writeln!(text, "{pad}  * {at} {name} {more}");
        }
    }
    text
}

fn attributes(attributes: &[Attribute]) -> String {
    let value = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        Value::Count(count) => count.to_string(),
        Value::Figure(figure) => format!("{figure:.1}"),
    };
    let one = |(name, it): &Attribute| format!("{name}={}", value(it));
    attributes.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_stories_as_traces() {
    let mut text = String::new();
    for (name, records) in stories::all() {
        let _ = writeln!(text, "=== {name}\n{}", told(&trace(&records)));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn every_trace_is_one_tree_whose_times_lie_inside_one_another() {
    for (name, records) in stories::all() {
        let trace = trace(&records);
        let ids: BTreeSet<SpanId> = trace.spans.iter().map(|span| span.id).collect();
        assert_eq!(ids.len(), trace.spans.len(), "{name}: ids are unique");
        let (whole, parts) = trace.spans.split_first().expect("a span");
        assert_eq!(whole.parent, None, "{name}");
        assert_eq!(whole.from, at(0), "{name}");
        for span in parts {
            let parent = trace.spans.iter().find(|it| Some(it.id) == span.parent);
            let parent = parent.unwrap_or_else(|| panic!("{name}: {} is an orphan", span.name));
            assert!(span.from >= parent.from, "{name}: {}", span.name);
            assert!(span.until <= parent.until, "{name}: {}", span.name);
            assert!(span.from <= span.until, "{name}: {}", span.name);
        }
        for span in &trace.spans {
            let inside = |it: &Happened| span.from <= it.at && it.at <= span.until;
            assert!(span.events.iter().all(inside), "{name}: {}", span.name);
        }
    }
}

#[test]
fn the_same_records_give_the_same_trace_and_more_of_them_keep_its_ids() {
    let records = stories::alarmed();
    let whole = trace(&records);
    assert_eq!(whole, trace(&records));
    for end in 1..records.len() {
        let begun = trace(&records[..end]);
        assert_eq!(begun.id, whole.id);
        let ids = |trace: &Trace| trace.spans.iter().map(|it| it.id).collect::<Vec<_>>();
        assert!(ids(&whole).starts_with(&ids(&begun)), "{end}");
    }
    assert_eq!(Trace::of(&records[1..]), None);
}

#[test]
fn it_hangs_below_the_span_of_whoever_started_it() {
    let mut records = stories::good();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let parent: TraceParent = parent.parse().unwrap();
    let Event::Started { plan } = &mut records[0].event else {
        panic!("a story begins with its plan");
    };
    plan.traceparent = Some(parent);
    let told = trace(&records);
    assert_eq!((told.id, told.sampled), (parent.trace, Sampled::No));
    assert_eq!(told.spans[0].parent, Some(parent.span));
    let own = trace(&stories::good());
    assert_eq!(told.spans[1..], own.spans[1..], "its own ids stay");
}

#[test]
fn retiring_comes_after_the_end_and_leaves_the_deployment_as_long_as_it_was() {
    let mut records = stories::good();
    let then = RetireHow::ScaleToZero;
    for (seconds, event) in [(1302, Event::Retiring), (1320, Event::Retired { then })] {
        let mut record = records[0].clone();
        record.seq = records.len() as u64;
        record.at = at(seconds);
        record.event = event;
        records.push(record);
    }
    let trace = trace(&records);
    assert_eq!(trace.spans[0].until, at(703));
    let after = trace.clone().only(When::After).spans;
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].name, "retire");
    assert_eq!(after[0].parent, Some(trace.spans[0].id));
    assert_eq!((after[0].from, after[0].until), (at(1302), at(1320)));
    let within = trace.only(When::Within);
    assert_eq!(
        within.spans,
        super::Trace::of(&stories::good()).unwrap().spans
    );
}

#[test]
fn one_that_was_left_and_gone_on_with_is_one_deployment_to_its_end() {
    let story = stories::stuck()
        .into_iter()
        .find(|(name, _)| *name == "kept");
    let (_, mut records) = story.expect("such a story");
    let go_on = Story::default()
        .then(
            600,
            Event::Resumed {
                by: "kim@build-7".into(),
                unwatched_since: at(230),
                drive: crate::deployment::handover::Drive::Through,
            },
        )
        .then(700, Event::Promoted { retire_at: None })
        .then(
            701,
            Event::Ended {
                outcome: Outcome::Promoted,
            },
        );
    let seq = records.len() as u64;
    records.extend(go_on.records().into_iter().map(|mut record| {
        record.seq += seq;
        record
    }));
    let trace = trace(&records);
    assert_eq!(
        (trace.spans[0].until, &trace.spans[0].went),
        (at(701), &Went::Well)
    );
    let bake = trace.spans.iter().find(|it| it.name == "bake").unwrap();
    assert_eq!((bake.from, bake.until), (at(101), at(700)));
    assert!(bake.events.iter().any(|it| it.name == "resumed"));
}
