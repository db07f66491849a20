//! How far metrics were judged, how late that is, and what the newest minute was on each side.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words;
use crate::deployment::event::Event;
use crate::deployment::metrics::{Figures, later};
use crate::judge::minute::Quality;

/// The newest minute that was judged or passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadTo {
    /// Its end.
    pub at: Timestamp,
    /// What it was on blue.
    pub blue: Quality,
    /// What it was on green.
    pub green: Quality,
}

impl ReadTo {
    /// What an event says of it, if it says anything.
    pub(super) fn of(event: &Event) -> Option<ReadTo> {
        match event {
            Event::MinuteJudged { minute, served, .. } => Some(ReadTo {
                at: later(*minute),
                blue: quality(&served.blue),
                green: quality(&served.green),
            }),
            Event::MinuteSkipped { minute, why, .. } => Some(ReadTo {
                at: later(*minute),
                blue: *why,
                green: *why,
            }),
            _ => None,
        }
    }

    /// `1m 40s behind (08:31:00): green zero, blue no traffic`.
    pub fn told(&self, now: Timestamp) -> String {
        let lag = words::length(words::between(self.at, now));
        let newest = match self.green == self.blue {
            true => format!("both {}", self.green),
            false => format!("green {}, blue {}", self.green, self.blue),
        };
        let at = words::clock(self.at);
        format!("{lag} behind ({at}): {newest}")
    }
}

fn quality(side: &Figures) -> Quality {
    match (side.requests, side.failed()) {
        (0, _) => Quality::NoTraffic,
        (_, 0) => Quality::Zero,
        _ => Quality::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::metrics::Served;

    #[test]
    fn the_five_states_of_a_minute_are_told_apart() {
        let minute = Timestamp::from_second(1_767_600_000).unwrap();
        let mut served = Served::default();
        served.blue.requests = 100;
        served.blue.http_5xx = 1;
        let step = 0;
        let told = |event: &Event| {
            let read = ReadTo::of(event).expect("it is of a minute");
            read.told(later(later(minute)))
        };
        let judged = Event::MinuteJudged {
            minute,
            step,
            served,
        };
        assert_eq!(
            told(&judged),
            "1m behind (08:01:00): green no traffic, blue errors"
        );
        served.green.requests = 10;
        let judged = Event::MinuteJudged {
            minute,
            step,
            served,
        };
        assert!(told(&judged).ends_with("green zero, blue errors"));
        served.blue.http_5xx = 0;
        let judged = Event::MinuteJudged {
            minute,
            step,
            served,
        };
        assert!(told(&judged).ends_with("both zero"));
        for (why, word) in [
            (Quality::NoData, "both no data"),
            (Quality::Late, "both late"),
            (Quality::Error, "both unreadable"),
        ] {
            let skipped = Event::MinuteSkipped { minute, step, why };
            assert!(told(&skipped).ends_with(word), "{}", told(&skipped));
        }
    }
}
