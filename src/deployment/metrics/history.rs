//! What blue was like before the first shift: the line that slow begins at, the noise, and the
//! load balancer's own level.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Balancer, MetricGuards};
use crate::deployment::ids::SlotName;
use crate::judge::guards::{ErrorGuard, Line, Over};
use crate::judge::sequential::calibration::{kappa, kappa_hat};
use crate::judge::sequential::{Count, Pair};
use crate::judge::words::percent;

/// So many minutes with traffic in two zones are wanted to calibrate by.
const CALIBRATED_BY: usize = 30;

/// What the survey found out for the metric guards.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricsFound {
    /// The last hour; none where it wasn't asked for, or could not be read.
    pub history: Option<History>,
    /// Why CloudWatch's metrics can't be read at all, where it says so for good.
    pub refused: Option<String>,
    /// Each of the config's own metrics, tried once, in their order.
    pub tried: Vec<Tried>,
}

/// The last hour of the live slot.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Whose.
    pub slot: SlotName,
    /// Where slow begins, where latency is judged and there were requests.
    pub line: Option<Line>,
    /// Two parts of the slot in each minute: its busiest zone as green, the others as blue.
    pub zones: Vec<Pair>,
    /// What the slot served and failed at in each minute with requests, in order.
    pub minutes: Vec<Count>,
    /// The load balancers' figures.
    pub balancer: Balancer,
    /// The slot's requests, where a step asks for some.
    pub day: Option<Day>,
}

impl History {
    /// One in which nothing is known.
    pub fn of(slot: SlotName) -> History {
        History {
            slot,
            line: None,
            zones: Vec::new(),
            minutes: Vec::new(),
            balancer: Balancer::default(),
            day: None,
        }
    }
}

/// How many requests come, and when most did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Day {
    /// A minute, in the last quarter of an hour.
    pub lately: f64,
    /// In each full hour of the last day that has a figure, by its start.
    pub hours: BTreeMap<Timestamp, u64>,
}

/// What came of asking for one of the config's own metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// CloudWatch's words, where it refused.
    pub refused: Option<String>,
    /// Values of the last quarter of an hour, of both slots.
    pub values: usize,
}

/// What is not as the config would have it, for the reader of the plan.
#[derive(Debug, Default)]
pub(in crate::deployment) struct Remarks {
    pub(in crate::deployment) warnings: Vec<String>,
    pub(in crate::deployment) notes: Vec<String>,
}

impl MetricGuards {
    /// Fixes what only blue's last hour tells, before the first shift.
    pub(in crate::deployment) fn fix(&mut self, history: Option<&History>) -> Remarks {
        let mut remarks = Remarks::default();
        self.fix_noise(history, &mut remarks);
        if let Some(errors) = &mut self.errors {
            errors.before = history.and_then(|it| ErrorGuard::level(&it.minutes));
        }
        self.fix_line(history, &mut remarks);
        let balancer = history.map(|it| it.balancer.count());
        if let (Some(guard), Some(count)) = (&mut self.load_balancer, balancer)
            && count.requests > 0
        {
            let share = count.bad as f64 / count.requests as f64;
            guard.before = Some((share * 1e6).ceil() as u32);
        }
        remarks
    }

    fn fix_noise(&mut self, history: Option<&History>, remarks: &mut Remarks) {
        let Some(errors) = &mut self.errors else {
            return;
        };
        let zones = history.map_or(&[][..], |history| &history.zones);
        if zones.len() < CALIBRATED_BY {
            remarks.notes.push(format!(
                "the judge allows for a noise of {} % in failed requests, its default: to measure \
                 blue's own takes {CALIBRATED_BY} minutes with traffic in two zones, and the last \
                 hour has {}",
                errors.noise / 10,
                zones.len()
            ));
            return;
        }
        let seen = kappa_hat(zones);
        errors.noise = (kappa(seen) * 1000.0).round() as u32;
        remarks.notes.push(format!(
            "between blue's zones failed requests differ by {} % from minute to minute ({} \
             minutes): the judge allows for a noise of {} %",
            percent(seen),
            zones.len(),
            percent(f64::from(errors.noise) / 1000.0)
        ));
    }

    fn fix_line(&mut self, history: Option<&History>, remarks: &mut Remarks) {
        let Some(latency) = &mut self.latency else {
            return;
        };
        latency.line = history.and_then(|history| history.line);
        if latency.line.is_some() {
            return;
        }
        match latency.over {
            Over::Percentile(percentile) => remarks.warnings.push(format!(
                "guards.metrics.latency can't be judged, and stops nothing: blue has no response \
                 times of the last hour to take p{percentile} of; `over: 500ms` needs none"
            )),
            Over::Micros(micros) => {
                latency.line = Some(Line {
                    micros,
                    exceeded: Line::UNKNOWN,
                });
                remarks.notes.push(format!(
                    "how often blue is over guards.metrics.latency's line is not known, for want \
                     of response times of the last hour: {} % is taken",
                    percent(f64::from(Line::UNKNOWN) / 1e6)
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::guards::LatencyGuard;

    fn history(minutes: usize, bad: impl Fn(usize) -> (u64, u64)) -> History {
        let count = |bad| Count {
            requests: 10_000,
            bad,
        };
        let pair = |minute| {
            let (one, other) = bad(minute);
            Pair {
                green: count(one),
                blue: count(other),
            }
        };
        History {
            slot: SlotName::A,
            line: None,
            zones: (0..minutes).map(pair).collect(),
            minutes: (0..minutes).map(|at| pair(at).blue).collect(),
            balancer: Balancer {
                requests: 999_000,
                own_5xx: 1_000,
            },
            day: None,
        }
    }

    fn fixed(history: Option<&History>) -> (MetricGuards, Remarks) {
        let mut guards = MetricGuards {
            latency: Some(LatencyGuard::default()),
            ..MetricGuards::default()
        };
        let remarks = guards.fix(history);
        (guards, remarks)
    }

    #[test]
    fn zones_that_differ_widen_what_is_allowed_for() {
        let (guards, remarks) = fixed(Some(&history(60, |_| (100, 100))));
        assert_eq!(guards.errors.unwrap().noise, 100, "{remarks:?}");
        let wild = history(60, |minute| match minute % 2 {
            0 => (200, 50),
            _ => (50, 200),
        });
        let (guards, remarks) = fixed(Some(&wild));
        let noise = guards.errors.unwrap().noise;
        assert!(noise > 400, "{noise}");
        assert!(remarks.notes[0].contains("between blue's zones"));
    }

    #[test]
    fn too_short_a_history_is_said_and_changes_nothing() {
        let short = history(29, |minute| (minute as u64 * 10, 0));
        for history in [None, Some(&short)] {
            let (guards, remarks) = fixed(history);
            assert_eq!(guards.errors.unwrap().noise, 100);
            assert!(remarks.notes[0].contains("takes 30 minutes"), "{remarks:?}");
        }
    }

    #[test]
    fn without_response_times_only_a_time_of_the_configs_own_is_judged() {
        let (guards, remarks) = fixed(Some(&history(60, |_| (0, 0))));
        assert_eq!(guards.latency.unwrap().line, None);
        assert!(remarks.warnings[0].contains("can't be judged"));
        let mut guards = MetricGuards {
            latency: Some(LatencyGuard {
                over: Over::Micros(500_000),
                ..LatencyGuard::default()
            }),
            ..MetricGuards::default()
        };
        assert!(guards.fix(None).warnings.is_empty());
        assert_eq!(guards.latency.unwrap().line.unwrap().micros, 500_000);
    }

    #[test]
    fn the_load_balancers_own_level_is_that_of_the_last_hour() {
        let (guards, _) = fixed(Some(&history(60, |_| (0, 0))));
        let balancer = guards.load_balancer.unwrap();
        assert_eq!(
            (balancer.before, balancer.tolerated()),
            (Some(1_000), 3_000)
        );
        let (guards, _) = fixed(None);
        assert_eq!(guards.load_balancer.unwrap().before, None);
    }
}
