//! A deployment as a trace: a span of the whole, and below it one of each thing that took time.
//! Made from its records alone, ids and all, so that whoever tells it tells the same.

mod fold;
mod tree;

#[cfg(test)]
mod tests;

use jiff::Timestamp;

use crate::deployment::event::Record;
use crate::deployment::traceparent::{Sampled, SpanId, TraceId};

/// A trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Whose: the deployment's own, or that of whoever started it.
    pub id: TraceId,
    /// The span of whoever started it.
    pub caller: Option<SpanId>,
    /// Whether whoever started it records the trace.
    pub sampled: Sampled,
    /// In the order in which they began, the whole deployment's first.
    pub spans: Vec<Span>,
}

/// Something that took time.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its own.
    pub id: SpanId,
    /// That of the span that it is a part of; of the whole deployment's, the caller's.
    pub parent: Option<SpanId>,
    /// Whether it comes after the end.
    pub when: When,
    /// What took time.
    pub name: String,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; where it has not, the newest record's time.
    pub until: Timestamp,
    /// More about it.
    pub attributes: Vec<Attribute>,
    /// What happened meanwhile, and is no span.
    pub events: Vec<Happened>,
    /// How it went.
    pub went: Went,
}

/// Where a span lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Between a deployment's start and its end.
    Within,
    /// After its end: blue is retired.
    After,
}

/// A name and a value.
pub type Attribute = (&'static str, Value);

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A count.
    Count(u32),
    /// A figure, such as a share in percent.
    Figure(f64),
}

/// Something that happened at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// What, in a word or two.
    pub name: &'static str,
    /// More about it.
    pub attributes: Vec<Attribute>,
}

/// How something went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Went {
    /// It is not said: it ended, or goes on.
    Unsaid,
    /// As wanted.
    Well,
    /// Not as wanted.
    Badly(String),
}

impl Trace {
    /// Of a deployment's records; `None` where they have no beginning.
    pub fn of(records: &[Record]) -> Option<Trace> {
        fold::trace(records)
    }

    /// The same without what comes `when` it is not wanted.
    #[must_use]
    pub fn only(mut self, when: When) -> Trace {
        self.spans.retain(|span| span.when == when);
        self
    }
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}
