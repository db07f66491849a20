//! Figures as people read them.

/// Two figures that mean something: `4.1`, `0.23`, `0.051`, `100`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = match percent {
        p if p == 0.0 || p >= 99.95 => 0,
        p if p >= 0.995 => 1,
        p if p >= 0.0995 => 2,
        p if p >= 0.00995 => 3,
        _ => 4,
    };
    format!("{percent:.decimals$}")
}

/// `18,000`.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A response time: `27.5 ms`, `235 ms`, `1.2 s`.
pub(crate) fn time(micros: u64) -> String {
    match micros {
        0..1_000_000 => format!("{} ms", micros as f64 / 1000.0),
        _ => format!("{} s", micros as f64 / 1e6),
    }
}

/// A count of things with their name: `1 minute`, `3 minutes`.
pub(crate) fn plural(count: u32, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_share_that_is_there_is_said_to_be_nothing() {
        let said = [0.0, 1e-6, 1.2e-5, 2.34e-4, 0.00234, 0.041, 0.5, 1.0].map(percent);
        let wanted = [
            "0", "0.0001", "0.0012", "0.023", "0.23", "4.1", "50.0", "100",
        ];
        assert_eq!(said, wanted);
    }

    #[test]
    fn response_times_are_said_as_people_say_them() {
        let said = [27_500, 235_000, 999_999, 1_230_000, 60_000_000].map(time);
        assert_eq!(said, ["27.5 ms", "235 ms", "999.999 ms", "1.23 s", "60 s"]);
    }
}
