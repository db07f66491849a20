//! When a scheduled action runs: `at(…)`, `rate(…)` and `cron(…)`.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde_json::Value;

use super::super::ecs::json::text;

/// When an action runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Once.
    At(Timestamp),
    /// Every so often since it is there.
    Every(SignedDuration),
    /// Whenever a clock in a time zone shows one of these.
    Cron(Box<Cron>, TimeZone),
}

/// The six fields of AWS's cron expressions, without `L`, `W` and `#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: Vec<i16>,
    hours: Vec<i16>,
    days: Vec<i16>,
    months: Vec<i16>,
    /// 1 is Sunday.
    weekdays: Vec<i16>,
    years: Vec<i16>,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Schedule {
    /// Reads a scheduled action's `Schedule` and `Timezone`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(action: &Value) -> Result<Schedule, String> {
        let written = text(action, "Schedule").ok_or("Schedule is missing")?;
        let zone = match text(action, "Timezone") {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| format!("no time zone {name}"))?,
        };
        let inside = |name: &str| {
            let rest = written.strip_prefix(name)?.strip_prefix('(')?;
            rest.strip_suffix(')')
        };
        let wrong = || format!("{written} is no at(…), rate(…) or cron(…)");
        if let Some(at) = inside("at") {
            let at: DateTime = at.parse().map_err(|_| wrong())?;
            let at = at.to_zoned(zone).map_err(|_| wrong())?;
            return Ok(Schedule::At(at.timestamp()));
        }
        if let Some(rate) = inside("rate") {
            let (number, unit) = rate.split_once(' ').ok_or_else(wrong)?;
            let number: i64 = number.parse().map_err(|_| wrong())?;
            let seconds = match unit.trim_end_matches('s') {
                "minute" => 60,
                "hour" => 3600,
                "day" => 86_400,
                _ => return Err(wrong()),
            };
            let every = number.checked_mul(seconds).filter(|it| *it > 0);
            return Ok(Schedule::Every(SignedDuration::from_secs(
                every.ok_or_else(wrong)?,
            )));
        }
        let cron = inside("cron").ok_or_else(wrong)?;
        Ok(Schedule::Cron(Box::new(Cron::parse(cron)?), zone))
    }

    /// Whether it runs after `ran` and up to `now`, being there since `begun`.
    pub fn is_due(&self, begun: Timestamp, ran: Timestamp, now: Timestamp) -> bool {
        match self {
            Schedule::At(at) => ran < *at && *at <= now,
            Schedule::Every(every) => {
                let times = |at: Timestamp| {
                    at.duration_since(begun).as_secs().max(0) / every.as_secs().max(1)
                };
                times(now) > times(ran)
            }
            Schedule::Cron(cron, zone) => {
                let minutes = now.duration_since(ran).as_mins();
                (0..=minutes).any(|back| {
                    let at = now - SignedDuration::from_mins(back);
                    at > ran && cron.matches(&at.to_zoned(zone.clone()))
                })
            }
        }
    }
}

impl Cron {
    fn parse(text: &str) -> Result<Cron, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays, years] = fields.as_slice() else {
            return Err(format!("cron({text}) has {} fields of 6", fields.len()));
        };
        Ok(Cron {
            minutes: field(minutes, (0, 59), &[])?,
            hours: field(hours, (0, 23), &[])?,
            days: field(days, (1, 31), &[])?,
            months: field(months, (1, 12), &MONTHS)?,
            weekdays: field(weekdays, (1, 7), &WEEKDAYS)?,
            years: field(years, (1970, 2199), &[])?,
        })
    }

    fn matches(&self, at: &Zoned) -> bool {
        self.minutes.contains(&at.minute().into())
            && self.hours.contains(&at.hour().into())
            && self.days.contains(&at.day().into())
            && self.months.contains(&at.month().into())
            && self
                .weekdays
                .contains(&(at.weekday().to_sunday_zero_offset() + 1).into())
            && self.years.contains(&at.year())
    }
}

/// Every value that a field stands for; `names` from the lowest one on.
fn field(text: &str, (least, most): (i16, i16), names: &[&str]) -> Result<Vec<i16>, String> {
    let wrong = || format!("{text} is no field of a cron expression that is played here");
    let value = |text: &str| -> Result<i16, String> {
        let named = names
            .iter()
            .position(|name| text.eq_ignore_ascii_case(name));
        let value = match named {
            Some(at) => i16::try_from(at).map_err(|_| wrong())? + least,
            None => text.parse().map_err(|_| wrong())?,
        };
        let fits = (least..=most).contains(&value);
        fits.then_some(value).ok_or_else(wrong)
    };
    let mut values = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<usize>().map_err(|_| wrong())?)),
            None => (part, None),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*" | "?", _) => (least, most),
            (_, Some((from, to))) => (value(from)?, value(to)?),
            (one, None) if step.is_some() => (value(one)?, most),
            (one, None) => (value(one)?, value(one)?),
        };
        values.extend((from..=to).step_by(step.unwrap_or(1).max(1)));
    }
    Ok(values)
}
