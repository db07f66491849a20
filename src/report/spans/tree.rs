//! Spans that are open, one inside the other.

use jiff::Timestamp;

use super::{Attribute, Happened, Span, Went, When};
use crate::deployment::event::Record;
use crate::deployment::plan::Plan;
use crate::deployment::traceparent::{SpanId, TraceId};

/// How deep a span lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// The whole deployment.
    Whole,
    /// A phase of it.
    Phase,
    /// A part of that.
    Part,
}

/// The spans so far, and which of them are open, the outermost first.
#[derive(Debug)]
pub(super) struct Tree {
    /// What makes ids of two deployments differ.
    whose: String,
    pub(super) spans: Vec<Span>,
    open: Vec<(Level, usize)>,
}

impl Tree {
    pub(super) fn new(plan: &Plan) -> Tree {
        let Plan {
            account,
            region,
            cluster,
            service,
            id,
            ..
        } = plan;
        Tree {
            whose: format!("{account}\n{region}\n{cluster}\n{service}\n{id}"),
            spans: Vec::new(),
            open: Vec::new(),
        }
    }

    /// The deployment's own trace.
    pub(super) fn trace(&self) -> TraceId {
        TraceId::made_of(&format!("{}\ntrace", self.whose))
    }

    /// Opens a span, and closes what isn't around it. What is open under the same name goes on:
    /// an intent may be told twice.
    pub(super) fn open(
        &mut self,
        level: Level,
        name: impl Into<String>,
        record: &Record,
        attributes: Vec<Attribute>,
    ) {
        let name = name.into();
        let same = |(at, index): &(Level, usize)| *at == level && self.spans[*index].name == name;
        if self.open.iter().any(same) {
            return;
        }
        self.close(level, record.at);
        let id = SpanId::made_of(&format!("{}\n{}\n{name}", self.whose, record.seq));
        let around = self.open.last().map(|(_, index)| self.spans[*index].id);
        let whole = self.spans.first().map(|span| span.id);
        self.open.push((level, self.spans.len()));
        self.spans.push(Span {
            id,
            parent: around.or(whole),
            when: match around.is_none() && whole.is_some() {
                true => When::After,
                false => When::Within,
            },
            name,
            from: record.at,
            until: record.at,
            attributes,
            events: Vec::new(),
            went: Went::Unsaid,
        });
    }

    /// Closes what is open at a level, and what is inside of it.
    pub(super) fn close(&mut self, level: Level, at: Timestamp) {
        while let Some((_, index)) = self.open.pop_if(|(open, _)| *open >= level) {
            self.spans[index].until = at;
        }
    }

    /// What is open at a level.
    pub(super) fn at(&mut self, level: Level) -> Option<&mut Span> {
        let found = self.open.iter().find(|(open, _)| *open == level)?;
        Some(&mut self.spans[found.1])
    }

    /// What is open and has nothing open in it.
    pub(super) fn innermost(&mut self) -> Option<&mut Span> {
        let (_, index) = self.open.last()?;
        Some(&mut self.spans[*index])
    }

    /// Something happened in whatever is open.
    pub(super) fn happened(&mut self, happened: Happened) {
        if let Some(span) = self.innermost() {
            span.events.push(happened);
        }
    }
}
