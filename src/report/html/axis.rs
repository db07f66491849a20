//! The axes: time along the bottom at round clock times, and figures upwards.

use jiff::{SignedDuration, Timestamp};

/// Lengths of time that people count in, in seconds.
const ROUND: [i64; 15] = [
    10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800,
];

/// The time that a chart shows, as seconds since its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeAxis {
    from: Timestamp,
    length: i64,
}

impl TimeAxis {
    /// From one moment to another; a minute at least, so that there is something to draw on.
    pub(super) fn new(from: Timestamp, until: Timestamp) -> TimeAxis {
        let length = until.duration_since(from).as_secs().max(60);
        TimeAxis { from, length }
    }

    /// Its end.
    pub(super) fn length(self) -> f64 {
        self.length as f64
    }

    /// Where a moment is; what lies outside is at the nearest end.
    pub(super) fn at(self, moment: Timestamp) -> f64 {
        let seconds = moment.duration_since(self.from).as_secs_f64();
        seconds.clamp(0.0, self.length())
    }

    /// Whether a moment lies on it.
    pub(super) fn has(self, moment: Timestamp) -> bool {
        let seconds = moment.duration_since(self.from).as_secs_f64();
        (0.0..=self.length()).contains(&seconds)
    }

    /// Round clock times, at most so many, and how each is said.
    pub(super) fn ticks(self, at_most: i64) -> Vec<Tick> {
        let every = ROUND.iter().find(|it| self.length / **it < at_most);
        let every = every.copied().unwrap_or(self.length);
        let first = every - self.from.as_second().rem_euclid(every);
        let ticks = (first % every..=self.length).step_by(usize::try_from(every).unwrap_or(1));
        let tick = |seconds: i64| Tick {
            at: seconds as f64,
            clock: self.clock(seconds, every),
        };
        ticks.map(tick).collect()
    }

    /// Seconds are said only where ticks are less than a minute apart.
    fn clock(self, seconds: i64, every: i64) -> String {
        let at = self.from.saturating_add(SignedDuration::from_secs(seconds));
        let form = match every {
            ..60 => "%H:%M:%S",
            60..86_400 => "%H:%M",
            _ => "%b %d",
        };
        at.unwrap_or(self.from).strftime(form).to_string()
    }
}

/// A place on the time line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// In seconds since its beginning.
    pub(super) at: f64,
    /// What stands there.
    pub(super) clock: String,
}

/// The least of 1, 2 and 5 times a power of ten that is not under `most`.
pub(super) fn round_up(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(1e-9).log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter();
    let mut round = times.map(|it| it * power);
    round.find(|it| *it >= most).unwrap_or(most)
}

/// A figure on an axis: `0`, `0.25`, `2.5`, `1,500`, `12k`, `3M`.
pub(super) fn figure(value: f64) -> String {
    let short = |value: f64| {
        let text = format!("{value:.2}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.to_owned()
    };
    match value {
        1e6.. => format!("{}M", short(value / 1e6)),
        1e4.. => format!("{}k", short(value / 1e3)),
        _ => short(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_600_000 + second).unwrap()
    }

    #[test]
    fn ticks_are_at_round_clock_times() {
        let clocks = |axis: TimeAxis, at_most| {
            let ticks = axis.ticks(at_most).into_iter();
            ticks.map(|it| it.clock).collect::<Vec<_>>()
        };
        let axis = TimeAxis::new(at(90), at(90 + 1200));
        assert_eq!(clocks(axis, 6), ["08:05", "08:10", "08:15", "08:20"]);
        let axis = TimeAxis::new(at(0), at(45));
        assert_eq!(axis.length(), 60.0);
        assert_eq!(clocks(axis, 4), ["08:00:00", "08:00:30", "08:01:00"]);
    }

    #[test]
    fn there_are_never_more_than_were_asked_for_nor_none() {
        for length in [60, 61, 119, 1000, 3601, 86_000, 900_000, 5_000_000] {
            for offset in [0, 1, 59, 3599] {
                let axis = TimeAxis::new(at(offset), at(offset + length));
                for at_most in [3, 6, 10] {
                    let ticks = axis.ticks(at_most).len();
                    assert!(ticks <= at_most as usize, "{length} {offset}: {ticks}");
                }
                assert!(!axis.ticks(3).is_empty(), "{length} {offset}");
            }
        }
    }

    #[test]
    fn what_lies_outside_is_at_the_end() {
        let axis = TimeAxis::new(at(0), at(100));
        assert_eq!(axis.at(at(-5)), 0.0);
        assert_eq!(axis.at(at(50)), 50.0);
        assert_eq!(axis.at(at(500)), 100.0);
    }

    #[test]
    fn figures_are_short() {
        let said = [0.0, 0.25, 2.5, 150.0, 12_000.0, 12_500.0, 3e6].map(figure);
        assert_eq!(said, ["0", "0.25", "2.5", "150", "12k", "12.5k", "3M"]);
        assert_eq!(round_up(0.7), 1.0);
        assert_eq!(round_up(130.0), 200.0);
        assert_eq!(round_up(5.0), 5.0);
    }
}
