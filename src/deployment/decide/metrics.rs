//! What the metrics say: minutes that have become final are recorded, and judged in order.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

use super::Draft;
use crate::deployment::event::Event;
use crate::deployment::metrics::{
    AGREED_AFTER, Balancer, Evidence, FINAL_AFTER, Figures, FiguresSeen, GIVEN_UP_AFTER,
    MetricsSeen, MinuteSeen, READS_APART, Served, age_of,
};
use crate::deployment::observation::Seen;
use crate::deployment::trip::{Hold, Trip};
use crate::judge::minute::{self, Minute, Quality, Read};
use crate::judge::sequential::Count;
use crate::strategy::Weight;

/// Figures are there so long after their minute's end, as a rule.
const EXPECTED_AFTER: Duration = Duration::from_secs(120);
/// Later than this they are too late to go on by what was judged before: three minutes are missing.
const TOO_LATE: Duration = Duration::from_secs(360);

/// What is known of a minute.
enum Known {
    /// It may still change.
    NotYet,
    /// These are its figures.
    Figures(Served),
    /// It has none.
    Nothing(Quality),
}

impl Draft<'_> {
    /// Records every minute that has become final; why green is worse, if it is.
    pub(super) fn judge_minutes(&mut self) -> Option<Trip> {
        let mut evidence = Cow::Borrowed(self.deployment.evidence.as_ref()?);
        if let Some(seen) = &self.seen.metrics {
            while let Some((minute, window)) = evidence.due() {
                match self.known(seen, minute, window.weight) {
                    Known::NotYet => break,
                    Known::Figures(served) => {
                        evidence.to_mut().judge(minute, window.step, &served);
                        self.record(Event::MinuteJudged {
                            minute,
                            step: window.step,
                            served,
                        });
                    }
                    Known::Nothing(why) => {
                        evidence.to_mut().skip(minute, window.step);
                        self.record(Event::MinuteSkipped {
                            minute,
                            step: window.step,
                            why,
                        });
                    }
                }
            }
        }
        self.note_revisions(&mut evidence);
        let values = self.judge_values(&mut evidence);
        let worse = evidence.worse();
        // Most looks bring nothing new.
        if let Cow::Owned(evidence) = evidence {
            self.evidence = Some(evidence);
        }
        worse.map(|worse| Trip::Worse(Box::new(worse))).or(values)
    }

    /// Counts minutes that CloudWatch shows otherwise now than they were judged, and two reads
    /// agree on it. Nothing else comes of them: what is judged once isn't judged again.
    fn note_revisions(&mut self, evidence: &mut Cow<'_, Evidence>) {
        let Some(Seen::Value(seen)) = &self.seen.metrics else {
            return;
        };
        let of = |(minute, weight, shown): (Timestamp, Weight, &Served)| {
            let found = seen.minutes.get(&minute)?;
            let agreed = seen.at.duration_since(found.unchanged_since) >= READS_APART;
            let served = self.served(found, weight, FINAL_AFTER).ok()?;
            (agreed && served != *shown).then_some((minute, served))
        };
        let revised: Vec<_> = evidence.judged_lately().filter_map(of).collect();
        for (minute, served) in revised {
            evidence.to_mut().revise(minute, &served);
            self.record(Event::MinuteRevised { minute, served });
        }
    }

    fn known(&self, seen: &Seen<MetricsSeen>, minute: Timestamp, weight: Weight) -> Known {
        let read_at = seen.value().map_or(self.now, |seen| seen.at);
        let Some(age) = age_of(minute, read_at).filter(|age| *age >= AGREED_AFTER) else {
            return Known::NotYet;
        };
        let given_up = age >= GIVEN_UP_AFTER;
        let seen = match seen {
            Seen::Unreadable(_) if given_up => return Known::Nothing(Quality::Error),
            Seen::Unreadable(_) => return Known::NotYet,
            Seen::Value(seen) => seen,
        };
        let nothing = MinuteSeen::default();
        let found = seen.minutes.get(&minute).unwrap_or(&nothing);
        let agreed = read_at.duration_since(found.unchanged_since) >= READS_APART;
        let counted = found.load_balancer.is_some() || found.own_5xx.is_some();
        // Agreement makes a minute final that is younger than most are.
        let age = match agreed && counted {
            true => FINAL_AFTER.max(age),
            false => age,
        };
        match self.served(found, weight, age) {
            Ok(served) => Known::Figures(served),
            Err(Quality::Late) if !given_up => Known::NotYet,
            // How many targets are healthy is published for each minute: without even that nothing
            // is missing, everything is late.
            Err(Quality::NoData) if !given_up && self.is_by_side() => Known::NotYet,
            Err(why) => Known::Nothing(why),
        }
    }

    /// What both sides served in a minute of this age, or what it has instead.
    fn served(&self, found: &MinuteSeen, weight: Weight, age: Duration) -> Result<Served, Quality> {
        let plan = &self.deployment.plan;
        let full = weight == Weight::FULL;
        let blue = side(found, found.slots[plan.blue], !full, age);
        let green = side(found, found.slots[plan.green_slot()], true, age);
        let why = |quality| match (&blue, &green) {
            (Err(Quality::Late), _) | (_, Err(Quality::Late)) => Quality::Late,
            _ => quality,
        };
        Ok(Served {
            blue: blue.map_err(why)?,
            green: green.map_err(why)?,
            balancer: Balancer {
                requests: found.load_balancer.unwrap_or(0),
                own_5xx: found.own_5xx.unwrap_or(0),
            },
        })
    }

    /// What the metrics have against moving on.
    pub(super) fn evidence_holds(&self) -> Vec<Hold> {
        let Some(evidence) = self.evidence() else {
            return Vec::new();
        };
        let blind = evidence.blind_for();
        let blind = blind.map(|minutes| Hold::MetricsBlind { minutes });
        let blind = (self.unreadable_metrics(evidence).or(blind)).or_else(|| self.late(evidence));
        let starved = evidence.is_starved().then(|| Hold::GreenStarved {
            expected: evidence.missed(),
        });
        let values = self.value_holds(evidence);
        blind.into_iter().chain(starved).chain(values).collect()
    }

    fn is_by_side(&self) -> bool {
        self.evidence().is_some_and(Evidence::is_by_side)
    }

    /// Figures that should be there by now can't be read.
    fn unreadable_metrics(&self, evidence: &Evidence) -> Option<Hold> {
        let (minute, _) = evidence.due().filter(|_| evidence.is_by_side())?;
        let age = age_of(minute, self.now)?;
        match &self.seen.metrics {
            Some(Seen::Unreadable(why)) if age >= AGREED_AFTER => Some(Hold::Unreadable {
                what: "CloudWatch's metrics".to_owned(),
                why: why.clone(),
            }),
            _ => None,
        }
    }

    /// No minute of the step was judged, and the first should have been; or the newest judged one
    /// is long ago. No green is raised that nobody has judged.
    fn late(&self, evidence: &Evidence) -> Option<Hold> {
        let (minute, window) = evidence.due().filter(|_| evidence.is_by_side())?;
        let expected = match evidence.has_judged(window.step) {
            true => TOO_LATE,
            false => EXPECTED_AFTER,
        };
        let late = age_of(minute, self.now)? >= expected;
        late.then_some(Hold::MetricsLate { minute })
    }

    /// What the judge knows after this look.
    pub(super) fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref().or(self.deployment.evidence.as_ref())
    }
}

/// One side's figures, or what it has instead.
fn side(
    found: &MinuteSeen,
    slot: FiguresSeen,
    has_weight: bool,
    age: Duration,
) -> Result<Figures, Quality> {
    let of = |bad: Option<u64>| {
        let figures = minute::Figures {
            requests: slot.requests,
            bad,
            load_balancer: found.load_balancer,
            has_weight,
        };
        let minute = Minute::of(Read::Complete, figures, age, FINAL_AFTER);
        match (minute.quality, minute.count) {
            (_, Some(count)) => Ok(count),
            // What doesn't depend on traffic was published, or nothing but failures: nobody came.
            (Quality::NoData, None) if found.published || found.own_5xx.is_some() => {
                Ok(Count::default())
            }
            (quality, None) => Err(quality),
        }
    };
    let http_5xx = of(slot.http_5xx)?;
    let unreachable = of(slot.unreachable)?;
    Ok(Figures {
        requests: http_5xx.requests,
        http_5xx: http_5xx.bad,
        unreachable: unreachable.bad,
        timed: slot.timed.unwrap_or(0),
        slow: slot.slow.unwrap_or(0).min(slot.timed.unwrap_or(0)),
    })
}
