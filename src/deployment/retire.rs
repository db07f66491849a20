//! Retiring blue: a duty of its own after a deployment has succeeded.

use jiff::Timestamp;

use super::plan::RetireHow;

/// The tag on a service that says when it is due and what then.
pub const TAG: &str = "bg:retire-at";

/// The tag's value: `2026-11-21T07:14:05Z scale-to-zero`.
pub fn tag_value(at: Timestamp, then: RetireHow) -> String {
    let then = match then {
        RetireHow::ScaleToZero => "scale-to-zero",
        RetireHow::Delete => "delete",
        RetireHow::Keep => "keep",
    };
    format!("{at:.0} {then}")
}
