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

    /// `CloudWatch's newest figures are 1m 40s old (08:31:00): green no errors, blue no traffic`.
    pub fn told(&self, now: Timestamp) -> String {
        let (age, at) = (self.age(now), words::clock(self.at));
        format!(
            "CloudWatch's newest figures are {age} old ({at}): {}",
            self.newest()
        )
    }

    /// The same beside what was judged: `figures 1m 40s old: green no errors, blue no traffic`.
    pub fn short(&self, now: Timestamp) -> String {
        format!("figures {} old: {}", self.age(now), self.newest())
    }

    fn age(&self, now: Timestamp) -> String {
        words::length(words::between(self.at, now))
    }

    fn newest(&self) -> String {
        let newest = match self.green == self.blue {
            true => format!("{} on both sides", self.green),
            false => format!("green {}, blue {}", self.green, self.blue),
        };
        match self.revised {
            0 => newest,
            revised => format!("{newest}; {revised} revised"),
        }
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
            "CloudWatch's newest figures are 1m old (08:01:00): green no traffic, blue errors"
        );
        served.green.requests = 10;
        let judged = Event::MinuteJudged {
            minute,
            step,
            served,
        };
        assert!(told(&judged).ends_with("green no errors, blue errors"));
        served.blue.http_5xx = 0;
        let judged = Event::MinuteJudged {
            minute,
            step,
            served,
        };
        assert!(told(&judged).ends_with("no errors on both sides"));
        for (why, word) in [
            (Quality::NoData, "no data on both sides"),
            (Quality::Late, "late on both sides"),
            (Quality::Error, "unreadable on both sides"),
        ] {
            let skipped = Event::MinuteSkipped { minute, step, why };
            assert!(told(&skipped).ends_with(word), "{}", told(&skipped));
        }
    }
}
