//! How far metrics were judged, how late that is, and what the newest minute was on each side.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words;
use crate::deployment::event::Event;
use crate::deployment::metrics::later;
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
    /// How often figures changed after they were judged.
    #[serde(default)]
    pub revised: u32,
}

impl ReadTo {
    /// What is known of it after an event. Where no side's requests are read, both are what the
    /// load balancer was.
    pub(super) fn after(before: Option<ReadTo>, event: &Event, by_side: bool) -> Option<ReadTo> {
        let revised = before.map_or(0, |it| it.revised);
        let newest = |minute, [blue, green]: [Quality; 2]| ReadTo {
            at: later(minute),
            blue,
            green,
            revised,
        };
        match event {
            Event::MinuteJudged { minute, served, .. } => Some(newest(
                *minute,
                match by_side {
                    true => [served.blue, served.green].map(|it| quality(it.requests, it.failed())),
                    false => {
                        let all = served.balancer.count();
                        [quality(all.requests, all.bad); 2]
                    }
                },
            )),
            Event::MinuteSkipped { minute, why, .. } => Some(newest(*minute, [*why; 2])),
            Event::MinuteRevised { .. } => before.map(|before| ReadTo {
                revised: revised + 1,
                ..before
            }),
            _ => before,
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
        let revised = match self.revised {
            0 => String::new(),
            revised => format!("; {revised} revised"),
        };
        format!("{lag} behind ({at}): {newest}{revised}")
    }
}

fn quality(requests: u64, bad: u64) -> Quality {
    match (requests, bad) {
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
            let read = ReadTo::after(None, event, true).expect("it is of a minute");
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
