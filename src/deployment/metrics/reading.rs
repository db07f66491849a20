//! When metrics are read, and what each datapoint says. A rehearsal reads by the same rules.

use jiff::{SignedDuration, Timestamp};

use super::asked::{Figure, Place};
use super::{MetricGuards, MetricsSeen, MinuteSeen, ValueSeen, minute_of};
use crate::judge::guards::Number;

/// Between two reads: often enough for two that are half a minute apart.
const READ_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// The same where a metric has shorter periods than a minute.
const READ_EVERY_IN_HASTE: SignedDuration = SignedDuration::from_secs(5);
/// No minute is looked at sooner after its end.
const NOT_BEFORE: SignedDuration = SignedDuration::from_secs(30);

/// How often metrics are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How long after its start the first minute or period is looked for.
    pub(crate) first_after: SignedDuration,
    /// Between two reads.
    pub(crate) every: SignedDuration,
}

impl Pace {
    /// Of what is judged: the shortest period says.
    pub(crate) fn of(guards: &MetricGuards) -> Pace {
        let periods = guards.watched().map(|it| it.source().period.seconds());
        let shortest = periods.min().unwrap_or(60).min(60);
        let length = SignedDuration::from_secs(i64::from(shortest));
        match shortest < 60 {
            true => Pace {
                first_after: length + READ_EVERY_IN_HASTE,
                every: READ_EVERY_IN_HASTE,
            },
            false => Pace {
                first_after: length + NOT_BEFORE,
                every: READ_EVERY,
            },
        }
    }
}

/// Puts a datapoint where it belongs; a minute that still runs says nothing.
pub(crate) fn note(
    read: &mut MetricsSeen,
    place: Place,
    at: Timestamp,
    value: f64,
    now: Timestamp,
) {
    if let Place::Value(metric, slot) = place {
        if let Some(value) = Number::of(value) {
            let values = read.values.entry((metric, slot)).or_default();
            values.insert(at, ValueSeen::new(value));
        }
    } else if at < minute_of(now) {
        let seen = read.minutes.entry(at).or_default();
        note_figure(seen, place, value.round() as u64);
    }
}

fn note_figure(seen: &mut MinuteSeen, place: Place, value: u64) {
    let figure = match place {
        Place::Value(..) => return,
        Place::Published => {
            seen.published = true;
            return;
        }
        Place::LoadBalancer => &mut seen.load_balancer,
        Place::Own5xx => &mut seen.own_5xx,
        Place::Of(slot, figure) => {
            let figures = &mut seen.slots[slot];
            match figure {
                Figure::Requests => &mut figures.requests,
                Figure::Http5xx => &mut figures.http_5xx,
                Figure::Unreachable => &mut figures.unreachable,
                Figure::Timed => &mut figures.timed,
                Figure::Slow => &mut figures.slow,
            }
        }
    };
    *figure = Some(figure.unwrap_or(0) + value);
}

/// Notes since when reads have shown the same of each minute and value.
pub(crate) fn note_what_is_new(
    read: &mut MetricsSeen,
    before: Option<&MetricsSeen>,
    now: Timestamp,
) {
    read.at = now;
    for (minute, seen) in &mut read.minutes {
        let before = before.and_then(|before| before.minutes.get(minute));
        let same = |before: &&MinuteSeen| {
            let seen = MinuteSeen {
                unchanged_since: before.unchanged_since,
                ..seen.clone()
            };
            seen == **before
        };
        seen.unchanged_since = before.filter(same).map_or(now, |it| it.unchanged_since);
    }
    for (place, values) in &mut read.values {
        let before = before.and_then(|before| before.values.get(place));
        for (at, seen) in values {
            let before = before.and_then(|before| before.get(at));
            let same = before.filter(|before| before.value == seen.value);
            seen.unchanged_since = same.map_or(now, |before| before.unchanged_since);
        }
    }
}
