//! Names of traces and spans, and the span below which a deployment's own are to hang, in the form
//! of W3C's Trace Context.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::hash::stable;

/// A trace: never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceId(u128);

impl TraceId {
    /// `None` for 0, which names nothing.
    pub fn new(id: u128) -> Option<TraceId> {
        (id != 0).then_some(TraceId(id))
    }

    /// The one that a text always gets.
    pub fn made_of(text: &str) -> TraceId {
        TraceId(stable(text).max(1))
    }

    /// Big-endian.
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A span of a trace: never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpanId(u64);

impl SpanId {
    /// `None` for 0, which names nothing.
    pub fn new(id: u64) -> Option<SpanId> {
        (id != 0).then_some(SpanId(id))
    }

    /// The one that a text always gets.
    pub fn made_of(text: &str) -> SpanId {
        let hash = stable(text);
        let half = (hash ^ (hash >> 64)) & u128::from(u64::MAX);
        SpanId(u64::try_from(half).unwrap_or(u64::MAX).max(1))
    }

    /// Big-endian.
    pub fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Whether whoever began a trace records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampled {
    /// It does.
    Yes,
    /// It doesn't: nobody should.
    No,
}

/// The header `traceparent`, and the variable `TRACEPARENT`:
/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The span that is to be the parent.
    pub span: SpanId,
    /// Whether the trace is recorded.
    pub sampled: Sampled,
}

/// A text that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has not the form 00-TRACE-SPAN-FLAGS")]
pub struct NoTraceParent;

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    /// A later version is read as far as it is like this one, as the standard has it.
    fn from_str(text: &str) -> Result<TraceParent, NoTraceParent> {
        let parts: Vec<&str> = text.split('-').collect();
        let [version, trace, span, flags, more @ ..] = &parts[..] else {
            return Err(NoTraceParent);
        };
        let known = match hex(version, 2)? {
            0 => more.is_empty(),
            version => version != 0xff,
        };
        let sampled = match hex(flags, 2)? & 1 {
            1 => Sampled::Yes,
            _ => Sampled::No,
        };
        let span = u64::try_from(hex(span, 16)?).map_err(|_| NoTraceParent)?;
        let ids = TraceId::new(hex(trace, 32)?).zip(SpanId::new(span));
        let (trace, span) = ids.filter(|_| known).ok_or(NoTraceParent)?;
        Ok(TraceParent {
            trace,
            span,
            sampled,
        })
    }
}

fn hex(text: &str, digits: usize) -> Result<u128, NoTraceParent> {
    let plain = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match text.len() == digits && text.bytes().all(plain) {
        true => u128::from_str_radix(text, 16).map_err(|_| NoTraceParent),
        false => Err(NoTraceParent),
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled == Sampled::Yes);
        write!(f, "00-{}-{}-{flags:02x}", self.trace, self.span)
    }
}

impl From<TraceParent> for String {
    fn from(parent: TraceParent) -> String {
        parent.to_string()
    }
}

impl TryFrom<String> for TraceParent {
    type Error = NoTraceParent;

    fn try_from(text: String) -> Result<TraceParent, NoTraceParent> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn it_is_read_as_it_is_written() {
        let parent: TraceParent = USUAL.parse().unwrap();
        assert_eq!(parent.to_string(), USUAL);
        assert_eq!(parent.sampled, Sampled::Yes);
        let unsampled = USUAL.replace("-01", "-00").parse::<TraceParent>();
        assert_eq!(unsampled.unwrap().sampled, Sampled::No);
        let json = serde_json::to_string(&parent).unwrap();
        assert_eq!(serde_json::from_str::<TraceParent>(&json).unwrap(), parent);
    }

    #[test]
    fn what_the_standard_forbids_is_none() {
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(NoTraceParent), "{text}");
        }
        let later = format!("{}-more", USUAL.replacen("00-", "01-", 1));
        assert!(later.parse::<TraceParent>().is_ok());
    }
}
