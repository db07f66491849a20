//! `window`: days, hours, and freezes.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use crate::gate::{Calendar, Freeze};
use crate::strategy::{InputError, Node, Reader, Value};

pub(in crate::config) const WINDOW_KEYS: [&str; 5] = ["days", "from", "to", "time_zone", "freeze"];
pub(in crate::config) const FREEZE_KEYS: [&str; 2] = ["from", "to"];
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

pub(super) fn read_window(reader: Reader<'_>, node: &Node) -> Result<Calendar, InputError> {
    let form = "a window: { days, from, to, time_zone, freeze }";
    let fields = reader.fields(node, form, &WINDOW_KEYS)?;
    let zone = read_zone(reader, fields.required("time_zone")?)?;
    let mut days = match fields.optional("days") {
        Some(node) => read_days(reader, node)?,
        None => DAYS.map(|(_, day)| day).to_vec(),
    };
    days.sort_unstable_by_key(|day| day.to_monday_zero_offset());
    days.dedup();
    let time = |key: &str| match fields.optional(key) {
        Some(node) => read_time(reader, node),
        None => Ok(Time::midnight()),
    };
    let freezes = match fields.optional("freeze") {
        Some(node) => {
            let items = reader.list(node, "a list of { from, to }")?;
            items.iter().map(|item| read_freeze(reader, item)).collect()
        }
        None => Ok(Vec::new()),
    };
    Ok(Calendar {
        days,
        from: time("from")?,
        to: time("to")?,
        zone,
        freezes: freezes?,
    })
}

fn read_zone(reader: Reader<'_>, node: &Node) -> Result<TimeZone, InputError> {
    let name = reader.name(node, "a time zone such as Europe/Berlin or UTC")?;
    TimeZone::get(&name).map_err(|_| {
        let error = reader.error(node.at, format!("{name:?} is not a time zone"));
        error.with_hint("write it as the IANA database does: Europe/Berlin, America/New_York, UTC")
    })
}

/// `mon-fri`, `[sat, sun]`, `mon`.
fn read_days(reader: Reader<'_>, node: &Node) -> Result<Vec<Weekday>, InputError> {
    if let Value::List(items) = &node.value
        && !items.is_empty()
    {
        let days = items.iter().map(|item| read_day(reader, item));
        return days.collect();
    }
    let Value::Text(text) = &node.value else {
        return Err(reader.mismatch(node, "days such as mon-fri or [sat, sun]"));
    };
    let Some((first, last)) = text.split_once('-') else {
        return Ok(vec![read_day(reader, node)?]);
    };
    let named = |text: &str| DAYS.iter().find(|(name, _)| *name == text.trim());
    let (Some((_, first)), Some((_, last))) = (named(first), named(last)) else {
        return Err(unknown_day(reader, node, text));
    };
    let mut days = vec![*first];
    while let Some(day) = days.last().filter(|day| *day != last) {
        days.push(day.next());
    }
    Ok(days)
}

fn read_day(reader: Reader<'_>, node: &Node) -> Result<Weekday, InputError> {
    let Value::Text(text) = &node.value else {
        return Err(reader.mismatch(node, "a day such as mon"));
    };
    let day = DAYS.iter().find(|(name, _)| name == text);
    day.map(|(_, day)| *day)
        .ok_or_else(|| unknown_day(reader, node, text))
}

fn unknown_day(reader: Reader<'_>, node: &Node, text: &str) -> InputError {
    let days = DAYS.map(|(name, _)| name).join(", ");
    let what = format!("{text:?} is not a day: {days}, or a span such as mon-fri");
    reader.error(node.at, what)
}

/// `09:00`; midnight at the end of a day is `24:00`.
fn read_time(reader: Reader<'_>, node: &Node) -> Result<Time, InputError> {
    let Value::Text(text) = &node.value else {
        let error = reader.mismatch(node, "a time such as \"09:00\"");
        return Err(error.with_hint("put it in quotes"));
    };
    let parts = text.split_once(':').filter(|(hour, minute)| {
        let digits = |it: &str| it.len() == 2 && it.bytes().all(|b| b.is_ascii_digit());
        digits(hour) && digits(minute)
    });
    let parts = parts.and_then(|(hour, minute)| Some((hour.parse().ok()?, minute.parse().ok()?)));
    let time = match parts {
        Some((24, 0)) => Some(Time::midnight()),
        Some((hour, minute)) => Time::new(hour, minute, 0, 0).ok(),
        None => None,
    };
    time.ok_or_else(|| {
        let what = format!("{text:?} is not a time of the day: 00:00 to 24:00");
        reader.error(node.at, what)
    })
}

/// Days, both included, or moments.
fn read_freeze(reader: Reader<'_>, node: &Node) -> Result<Freeze, InputError> {
    let fields = reader.fields(node, "a freeze: { from, to }", &FREEZE_KEYS)?;
    let moment = |node: &Node, is_end: bool| -> Result<DateTime, InputError> {
        let text = reader.text(node, "a day such as 2026-12-20, or \"2026-12-20 18:00\"")?;
        let day = match (text.len(), text.parse::<Date>()) {
            (10, Ok(day)) => Some(day),
            _ => None,
        };
        let day = match is_end {
            true => day.and_then(|day| day.checked_add(1.day()).ok()),
            false => day,
        };
        let moment = day.map(|day| day.at(0, 0, 0, 0));
        moment.or_else(|| text.parse().ok()).ok_or_else(|| {
            let what = format!("{text:?} is neither a day nor a moment");
            let error = reader.error(node.at, what);
            error.with_hint("write 2026-12-20, or \"2026-12-20 18:00\", in the window's time zone")
        })
    };
    let from = moment(fields.required("from")?, false)?;
    let until = moment(fields.required("to")?, true)?;
    if until <= from {
        return Err(reader.error(node.at, "the freeze ends before it begins"));
    }
    Ok(Freeze { from, until })
}
