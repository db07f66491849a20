//! Durations as people write them: `30s`, `5m`, `1h30m`.

use std::time::Duration;

/// Longer than any wait that makes sense here, and far from any overflow of a time stamp.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

const UNITS: [(&str, u128); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads `30s`, `5m`, `1h30m`, `2d`; `0` needs no unit. The error says what is wrong.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    parse(text, ["s", "m"], r#""30s", "5m" or "1h30m""#)
}

/// The same for what is mostly shorter than a second: the error names other units.
pub(super) fn parse_response_time(text: &str) -> Result<Duration, String> {
    parse(text, ["ms", "s"], r#""500ms" or "2s""#)
}

fn parse(text: &str, usual: [&str; 2], such_as: &str) -> Result<Duration, String> {
    let only_known_units = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"dhms ".contains(&b));
    let parsed = only_known_units.then(|| humantime::parse_duration(text).ok());
    let duration = parsed.flatten().ok_or_else(|| {
        let missing_unit = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if missing_unit {
            let [first, second] = usual.map(|unit| format!("\"{text}{unit}\""));
            format!("{text:?} has no unit; write {first} or {second}")
        } else {
            format!("{text:?} is not a duration such as {such_as}")
        }
    })?;
    if duration > LONGEST {
        return Err(format!("{text:?} is longer than a year"));
    }
    Ok(duration)
}

/// A duration for people, and as [`parse_duration`] reads it: `1h 30m`, largest unit first, to the
/// millisecond. Everything that is printed says its durations with this.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut parts = Vec::new();
    for (unit, length) in UNITS {
        let count = rest / length;
        rest %= length;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    match parts.is_empty() {
        true => "0s".to_owned(),
        false => parts.join(" "),
    }
}

/// For `#[serde(with)]`: a duration as people write it, without spaces.
pub(super) mod as_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = super::format_duration(*duration).replace(' ', "");
        serializer.serialize_str(&text)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_duration(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn every_duration_survives_being_printed_and_read(millis in 0u64..31_000_000_000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }

    #[test]
    fn prints_as_people_write() {
        let text = |secs| format_duration(Duration::from_secs(secs));
        assert_eq!(text(0), "0s");
        assert_eq!(text(300), "5m");
        assert_eq!(text(5400), "1h 30m");
        assert_eq!(text(90_061), "1d 1h 1m 1s");
    }

    #[test]
    fn refuses_what_is_no_duration() {
        let error = |text| parse_duration(text).unwrap_err();
        assert!(error("5").contains("has no unit"), "{}", error("5"));
        let response_time = parse_response_time("500").unwrap_err();
        assert!(
            response_time.contains("write \"500ms\" or \"500s\""),
            "{response_time}"
        );
        assert!(error("400d").contains("longer than a year"));
        // `M` is a month to the parser below: a slip of the shift key must not wait for months.
        for text in [
            "",
            "5M",
            "-5m",
            "1.5h",
            "5 minutes",
            "m",
            "99999999999999999999s",
        ] {
            assert!(error(text).contains("is not a duration"), "{text}");
        }
    }
}
