//! Green's share over time as a Mermaid chart, which GitHub draws in job summaries.

use jiff::{SignedDuration, Timestamp};

use crate::deployment::event::{Event, Record};
use crate::report::words;
use crate::strategy::Weight;

/// How many points the line has: Mermaid puts them at equal distances.
const POINTS: i64 = 100;

/// The chart of a deployment's records; `None` where green never was to have a share, or there is
/// no traffic to split.
pub fn chart(records: &[Record]) -> Option<String> {
    let shares = shares(records);
    let (from, to) = (records.first()?.at, end(records)?);
    let bare = matches!(&records.first()?.event, Event::Started { plan } if plan.is_bare());
    let length = from.duration_until(to);
    if bare || shares.is_empty() || length < SignedDuration::from_secs(1) {
        return None;
    }
    let points: Vec<String> = (0..=POINTS)
        .map(|point| percent(share_at(&shares, moment(from, length, point))))
        .collect();
    let (start, unit, span) = (words::clock(from), unit(length), span(length));
    Some(format!(
        "xychart-beta\n    title \"Green's share of traffic\"\n    x-axis \"{unit} after {start} \
         UTC\" 0 --> {span}\n    y-axis \"percent\" 0 --> 100\n    line [{}]\n",
        points.join(", ")
    ))
}

fn moment(from: Timestamp, length: SignedDuration, point: i64) -> Timestamp {
    let milliseconds = length.as_millis() * i128::from(point) / i128::from(POINTS);
    let after = i64::try_from(milliseconds).unwrap_or(i64::MAX);
    from.saturating_add(SignedDuration::from_millis(after))
        .unwrap_or(from)
}

/// Retiring blue is no part of it.
fn end(records: &[Record]) -> Option<Timestamp> {
    let ended = |record: &&Record| matches!(record.event, Event::Ended { .. });
    let last = records.iter().rfind(ended).or(records.last())?;
    Some(last.at)
}

/// Each share with the moment from which on all routes had it.
fn shares(records: &[Record]) -> Vec<(Timestamp, Weight)> {
    let share = |record: &Record| match &record.event {
        Event::Baking { weight, .. } => Some((record.at, *weight)),
        Event::TrafficReverted => Some((record.at, Weight::ZERO)),
        _ => None,
    };
    let mut shares: Vec<_> = records.iter().filter_map(share).collect();
    shares.dedup_by_key(|(_, weight)| *weight);
    if shares.iter().all(|(_, weight)| *weight == Weight::ZERO) {
        shares.clear();
    }
    shares
}

fn share_at(shares: &[(Timestamp, Weight)], at: Timestamp) -> Weight {
    let before = shares.iter().rfind(|(since, _)| *since <= at);
    before.map_or(Weight::ZERO, |(_, weight)| *weight)
}

fn percent(weight: Weight) -> String {
    let text = weight.to_string();
    text.trim_end_matches('%').to_owned()
}

fn unit(length: SignedDuration) -> &'static str {
    match length.as_secs() {
        ..=179 => "seconds",
        180..=10_799 => "minutes",
        _ => "hours",
    }
}

/// In that unit, with a decimal.
fn span(length: SignedDuration) -> String {
    let one = match unit(length) {
        "seconds" => 1,
        "minutes" => 60,
        _ => 3600,
    };
    let tenths = length.as_secs() * 10 / one;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stories;

    #[test]
    fn a_canary_s_line_has_its_steps_and_its_fall() {
        let good = chart(&stories::good()).unwrap();
        insta::assert_snapshot!(good);
        let reverted = chart(&stories::alarmed()).unwrap();
        assert!(reverted.ends_with("10, 0]\n"), "{reverted}");
    }

    #[test]
    fn what_never_had_traffic_has_no_chart() {
        for (name, records) in stories::reverts() {
            let had = records
                .iter()
                .any(|it| matches!(it.event, Event::Baking { .. }));
            assert_eq!(chart(&records).is_some(), had, "{name}");
        }
    }
}
