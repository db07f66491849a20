//! How times, lengths of time, counts and sides are said, the same way everywhere.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::deployment::event::Counts;
use crate::deployment::plan::{NewTaskDefinition, Plan, RetireHow};
use crate::judge::alarms::AlarmState;
use crate::strategy::format_duration;

/// The time of day in UTC: `07:14:05`.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// The same of a moment that may be on another day than `seen`, the one that it is told at: then
/// with its date, `2026-11-22 07:14:05`.
pub fn moment(at: Timestamp, seen: Timestamp) -> String {
    let day = |at: Timestamp| at.strftime("%F").to_string();
    match day(at) == day(seen) {
        true => clock(at),
        false => format!("{} {}", day(at), clock(at)),
    }
}

/// `2m 5s`, to the second.
pub fn length(length: Duration) -> String {
    format_duration(Duration::from_secs(length.as_secs()))
}

/// `+2:30`, `+1:02:30`: how long after the beginning.
pub fn offset(length: Duration) -> String {
    let seconds = length.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("+{minutes}:{seconds:02}"),
        _ => format!("+{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// From `from` to `to`; nothing where that lies behind.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    from.duration_until(to)
        .max(SignedDuration::ZERO)
        .unsigned_abs()
}

/// `after` `from`, as far as time goes.
pub fn later(from: Timestamp, after: Duration) -> Timestamp {
    from.saturating_add(SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX))
        .unwrap_or(Timestamp::MAX)
}

/// A count that may be unknown.
pub fn count(count: Option<u32>) -> String {
    count.map_or_else(|| "?".to_owned(), |count| count.to_string())
}

/// `2/2 running, 1/2 healthy, 3 failed`, and whether older tasks are still there.
pub fn counts(counts: &Counts) -> String {
    let desired = count(counts.desired);
    let (running, healthy) = (count(counts.running), count(counts.healthy));
    let mut text = format!("{running}/{desired} running, {healthy}/{desired} healthy");
    if let Some(failed @ 1..) = counts.failed {
        text.push_str(&format!(", {failed} failed"));
    }
    if counts.replacing {
        text.push_str(", older tasks still there");
    }
    text
}

/// An alarm's state the way CloudWatch writes it.
pub fn alarm(state: Option<AlarmState>) -> &'static str {
    match state {
        Some(AlarmState::Ok) => "OK",
        Some(AlarmState::Alarm) => "ALARM",
        Some(AlarmState::InsufficientData) => "INSUFFICIENT_DATA",
        None => "unreadable",
    }
}

/// What green gets: its images, or the revision that exists.
pub fn version(plan: &Plan) -> String {
    match &plan.task_definition {
        NewTaskDefinition::Register { family, images, .. } if images.is_empty() => family.clone(),
        NewTaskDefinition::Register { images, .. } => images
            .iter()
            .map(|(_, image)| image.as_str())
            .collect::<Vec<_>>()
            .join(", "),
        NewTaskDefinition::Existing { arn } => arn.short().to_owned(),
    }
}

/// How traffic goes over: the strategy's name, or that there is nothing to shift.
pub fn pace(plan: &Plan) -> &str {
    match plan.is_bare() {
        true => "no weights to shift",
        false => &plan.strategy,
    }
}

/// The same in a sentence: `strategy canary`, `no weights to shift`.
pub fn by_pace(plan: &Plan) -> String {
    match plan.is_bare() {
        true => pace(plan).to_owned(),
        false => format!("strategy {}", plan.strategy),
    }
}

/// What retiring does to blue.
pub fn retire(how: RetireHow) -> &'static str {
    match how {
        RetireHow::ScaleToZero => "scaled to zero",
        RetireHow::Delete => "deleted",
        RetireHow::Keep => "kept",
    }
}

/// `1 problem`, `2 problems`.
pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_to_the_second() {
        assert_eq!(length(Duration::from_millis(125_700)), "2m 5s");
        assert_eq!(offset(Duration::from_secs(150)), "+2:30");
        assert_eq!(offset(Duration::from_secs(3750)), "+1:02:30");
    }

    #[test]
    fn a_moment_has_its_date_where_it_is_on_another_day() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a moment");
        let (noon, night) = (at("2026-11-21T12:00:00Z"), at("2026-11-22T00:00:05Z"));
        assert_eq!(moment(night, at("2026-11-22T23:00:00Z")), "00:00:05");
        assert_eq!(moment(night, noon), "2026-11-22 00:00:05");
        assert_eq!(moment(noon, night), "2026-11-21 12:00:00");
    }

    #[test]
    fn time_that_lies_behind_is_nothing() {
        let (early, late) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        assert_eq!(between(late, early), Duration::ZERO);
        assert_eq!(later(late, Duration::MAX), Timestamp::MAX);
    }
}
