//! What the config's own metrics say: values that have become final are recorded, and held
//! against their limits or against blue's.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

use super::Draft;
use crate::deployment::event::Event;
use crate::deployment::metrics::{
    AGREED_AFTER, Evidence, FINAL_AFTER, GIVEN_UP_AFTER, MetricsSeen, READS_APART, ValueRead,
    ValueSeen, Verdict, end,
};
use crate::deployment::observation::Seen;
use crate::deployment::state::Phase;
use crate::deployment::trip::{Hold, Trip};
use crate::judge::guards::{Number, Period};

/// Values of high resolution are there at once or not at all.
const FINE_AGREED_AFTER: Duration = Duration::from_secs(10);
const FINE_FINAL_AFTER: Duration = Duration::from_secs(60);
const FINE_READS_APART: Duration = Duration::from_secs(10);

/// What is known of a value.
enum Known {
    NotYet,
    Value(Option<Number>),
}

impl Draft<'_> {
    /// Takes every value that has become final; why they revert, if they do.
    pub(super) fn judge_values(&mut self, evidence: &mut Cow<'_, Evidence>) -> Option<Trip> {
        let Some(seen) = &self.seen.metrics else {
            return None;
        };
        let mut values = Vec::new();
        for metric in 0..evidence.watch().len() {
            while let Some((at, step)) = evidence.value_due(metric) {
                let Some(value) = self.value(seen, evidence, metric, at, step) else {
                    break;
                };
                evidence.to_mut().take(&value);
                values.push(value);
            }
        }
        if !values.is_empty() {
            self.record(Event::ValuesRead { values });
        }
        let crossed = evidence.watch().crossed();
        let crossed = crossed.map(|crossed| Trip::OverLimit(Box::new(crossed)));
        crossed.or_else(|| self.compare(evidence))
    }

    fn value(
        &self,
        seen: &Seen<MetricsSeen>,
        evidence: &Evidence,
        metric: usize,
        at: Timestamp,
        step: Option<usize>,
    ) -> Option<ValueRead> {
        let plan = &self.deployment.plan;
        let period = evidence.watch().period(metric);
        let of = |slot| match self.known_value(seen, (metric, slot), at, period) {
            Known::NotYet => None,
            Known::Value(value) => Some(value),
        };
        let green = of(plan.green_slot())?;
        let blue = match evidence.watch().is_compared(metric) {
            true => of(plan.blue)?,
            false => None,
        };
        Some(ValueRead {
            metric,
            at,
            step,
            green,
            blue,
        })
    }

    fn known_value(
        &self,
        seen: &Seen<MetricsSeen>,
        place: (usize, crate::deployment::ids::SlotName),
        at: Timestamp,
        period: Period,
    ) -> Known {
        let is_fine = period.seconds() < Period::MINUTE.seconds();
        let (agreed_after, apart, final_after) = match is_fine {
            true => (FINE_AGREED_AFTER, FINE_READS_APART, FINE_FINAL_AFTER),
            false => (AGREED_AFTER, READS_APART.unsigned_abs(), FINAL_AFTER),
        };
        let read_at = seen.value().map_or(self.now, |seen| seen.at);
        let age = read_at.duration_since(end(at, period));
        let Ok(age) = Duration::try_from(age) else {
            return Known::NotYet;
        };
        let seen = match seen {
            Seen::Unreadable(_) if age >= GIVEN_UP_AFTER => return Known::Value(None),
            Seen::Unreadable(_) => return Known::NotYet,
            Seen::Value(seen) => seen,
        };
        let found = seen.values.get(&place).and_then(|values| values.get(&at));
        let agreed =
            |it: &&ValueSeen| read_at.duration_since(it.unchanged_since).unsigned_abs() >= apart;
        match found {
            Some(value) if age >= final_after => Known::Value(Some(value.value)),
            Some(value) if age >= agreed_after && agreed(&value) => Known::Value(Some(value.value)),
            None if age >= final_after => Known::Value(None),
            _ => Known::NotYet,
        }
    }

    /// Compares at the end of a step, and every so often within it.
    fn compare(&mut self, evidence: &mut Cow<'_, Evidence>) -> Option<Trip> {
        let Phase::Baking { step, until } = self.deployment.phase else {
            return None;
        };
        let is_over = self.now >= until && self.deployment.paused.is_none();
        if !is_over && !evidence.is_interval_over(step) {
            return None;
        }
        let judgement = evidence.judgement(step)?;
        if judgement.verdict == Verdict::TooFew {
            return None;
        }
        if evidence.is_news(&judgement) || evidence.is_interval_over(step) {
            evidence.to_mut().note(&judgement);
            self.record(Event::Compared(judgement.clone()));
        }
        (judgement.verdict == Verdict::Fail).then(|| Trip::Compared(Box::new(judgement)))
    }

    /// What the config's own metrics have against moving on.
    pub(super) fn value_holds(&self, evidence: &Evidence) -> Vec<Hold> {
        let unknown = evidence.watch().unknown();
        let mut holds: Vec<Hold> = unknown
            .map(|(name, periods)| Hold::NoValues {
                name: name.to_owned(),
                periods,
            })
            .collect();
        if let Phase::Baking { step, until } = self.deployment.phase
            && self.now >= until
            && let Some(judgement) = evidence.judgement(step)
            && judgement.verdict != Verdict::Pass
        {
            holds.push(Hold::NotCompared(Box::new(judgement)));
        }
        holds
    }
}
