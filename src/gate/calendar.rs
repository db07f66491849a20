//! Windows: when a deployment may move on.

use std::fmt;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// Days and hours, and when not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The days on which it opens, all different, from Monday on.
    pub days: Vec<Weekday>,
    /// When it opens.
    pub from: Time,
    /// When it closes; at or before `from`, on the next day.
    pub to: Time,
    /// Whose days and hours they are.
    pub zone: TimeZone,
    /// When it stays closed.
    pub freezes: Vec<Freeze>,
}

/// A time in which nothing moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freeze {
    /// From then on.
    pub from: DateTime,
    /// Not any more then.
    pub until: DateTime,
}

/// Times at which a deployment may move on, as far ahead as it waits for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowCheck {
    /// In words.
    pub told: String,
    /// In order.
    pub openings: Vec<Opening>,
}

/// From when until when a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// From then on.
    pub from: Timestamp,
    /// Not any more then.
    pub until: Timestamp,
}

/// Whether a window is open at a moment, or else when it opens next, where that is known.
///
/// # Errors
/// With that moment, where it is closed.
pub fn opens(openings: &[Opening], now: Timestamp) -> Result<(), Option<Timestamp>> {
    if openings.iter().any(|it| it.from <= now && now < it.until) {
        return Ok(());
    }
    let later = openings.iter().map(|it| it.from).filter(|from| *from > now);
    Err(later.min())
}

impl Calendar {
    /// When it is open between two moments.
    pub fn between(&self, start: Timestamp, end: Timestamp) -> WindowCheck {
        let mut openings = Vec::new();
        // One that began yesterday may still be open.
        let mut day = start.to_zoned(self.zone.clone()).date();
        day = day.checked_sub(1.day()).unwrap_or(day);
        while let Some(from) = self.at(day.to_datetime(self.from)) {
            if from >= end {
                break;
            }
            if self.days.contains(&day.weekday())
                && let Some(until) = self.closes(day)
            {
                openings.push(Opening { from, until });
            }
            match day.checked_add(1.day()) {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        for freeze in &self.freezes {
            if let (Some(from), Some(until)) = (self.at(freeze.from), self.at(freeze.until)) {
                openings = openings
                    .into_iter()
                    .flat_map(|it| without(it, from, until))
                    .collect();
            }
        }
        openings.retain(|it| it.until > start && it.from < end);
        WindowCheck {
            told: self.to_string(),
            openings: joined(openings),
        }
    }

    fn closes(&self, day: Date) -> Option<Timestamp> {
        let overnight = self.to <= self.from;
        let day = match overnight {
            true => day.checked_add(1.day()).ok()?,
            false => day,
        };
        self.at(day.to_datetime(self.to))
    }

    fn at(&self, local: DateTime) -> Option<Timestamp> {
        self.zone.to_timestamp(local).ok()
    }
}

/// What is left of an opening outside of a freeze.
fn without(it: Opening, from: Timestamp, until: Timestamp) -> Vec<Opening> {
    let before = Opening {
        until: it.until.min(from),
        ..it
    };
    let after = Opening {
        from: it.from.max(until),
        ..it
    };
    let parts = [before, after].into_iter();
    parts.filter(|it| it.from < it.until).collect()
}

/// Those that follow one another without a gap, as one.
fn joined(openings: Vec<Opening>) -> Vec<Opening> {
    let mut joined: Vec<Opening> = Vec::new();
    for next in openings {
        match joined.last_mut() {
            Some(last) if next.from <= last.until => {
                last.until = last.until.max(next.until);
            }
            _ => joined.push(next),
        }
    }
    joined
}

/// `Mon to Fri`, `Mon, Wed`, `every day`.
fn days(days: &[Weekday]) -> String {
    let name = |day: &Weekday| match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    };
    let in_a_row = days.windows(2).all(|two| two[0].next() == two[1]);
    match days {
        _ if days.len() == 7 => "every day".to_owned(),
        [first, .., last] if in_a_row && days.len() > 2 => {
            format!("{} to {}", name(first), name(last))
        }
        some => some.iter().map(name).collect::<Vec<_>>().join(", "),
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        let time = |it: Time| it.strftime("%H:%M").to_string();
        let days = days(&self.days);
        match (self.from, self.to) {
            (from, to) if from == to && from == Time::midnight() => {
                write!(f, "{days}, all day {zone}")?;
            }
            (from, to) => write!(f, "{days} {} to {} {zone}", time(from), time(to))?,
        }
        match self.freezes.len() {
            0 => Ok(()),
            _ => f.write_str(", outside of freezes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn office() -> Calendar {
        use Weekday::{Friday, Monday, Thursday, Tuesday, Wednesday};
        Calendar {
            days: vec![Monday, Tuesday, Wednesday, Thursday, Friday],
            from: time(9, 0, 0, 0),
            to: time(17, 0, 0, 0),
            zone: TimeZone::get("Europe/Berlin").expect("it is bundled"),
            freezes: Vec::new(),
        }
    }

    fn told(window: &WindowCheck) -> Vec<String> {
        let told = window.openings.iter();
        told.map(|it| format!("{} {}", it.from, it.until)).collect()
    }

    #[test]
    fn a_weekend_and_a_change_of_the_clock_are_left_out_and_heeded() {
        // 2027-03-26 is a Friday; clocks go forward on the 28th.
        let window = office().between(at("2027-03-26T12:00:00Z"), at("2027-03-29T12:00:00Z"));
        assert_eq!(
            told(&window),
            [
                "2027-03-26T08:00:00Z 2027-03-26T16:00:00Z",
                "2027-03-29T07:00:00Z 2027-03-29T15:00:00Z"
            ]
        );
        assert_eq!(window.told, "Mon to Fri 09:00 to 17:00 Europe/Berlin");
        let openings = &window.openings;
        assert_eq!(opens(openings, at("2027-03-26T12:00:00Z")), Ok(()));
        let monday = at("2027-03-29T07:00:00Z");
        assert_eq!(
            opens(openings, at("2027-03-26T16:00:00Z")),
            Err(Some(monday))
        );
        assert_eq!(opens(openings, at("2027-03-29T15:00:00Z")), Err(None));
    }

    #[test]
    fn a_freeze_cuts_what_it_touches() {
        let mut calendar = office();
        calendar.freezes = vec![Freeze {
            from: date(2026, 12, 21).at(12, 0, 0, 0),
            until: date(2026, 12, 22).at(10, 0, 0, 0),
        }];
        let window = calendar.between(at("2026-12-21T00:00:00Z"), at("2026-12-23T00:00:00Z"));
        assert_eq!(
            told(&window),
            [
                "2026-12-21T08:00:00Z 2026-12-21T11:00:00Z",
                "2026-12-22T09:00:00Z 2026-12-22T16:00:00Z"
            ]
        );
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_opens_on() {
        let night = Calendar {
            days: vec![Weekday::Sunday],
            from: time(22, 0, 0, 0),
            to: time(2, 0, 0, 0),
            zone: TimeZone::UTC,
            freezes: Vec::new(),
        };
        // A Monday, an hour after midnight.
        let now = at("2026-11-23T01:00:00Z");
        let window = night.between(now, at("2026-11-24T00:00:00Z"));
        assert_eq!(told(&window), ["2026-11-22T22:00:00Z 2026-11-23T02:00:00Z"]);
        assert_eq!(opens(&window.openings, now), Ok(()));
    }

    #[test]
    fn whole_days_that_follow_one_another_are_one_opening() {
        let always = Calendar {
            from: time(0, 0, 0, 0),
            to: time(0, 0, 0, 0),
            ..office()
        };
        let window = always.between(at("2026-11-23T12:00:00Z"), at("2026-11-29T12:00:00Z"));
        assert_eq!(told(&window), ["2026-11-22T23:00:00Z 2026-11-27T23:00:00Z"]);
        assert_eq!(window.told, "Mon to Fri, all day Europe/Berlin");
    }
}
