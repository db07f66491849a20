//! A strategy as data, and the rules that every one of them keeps.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration::{as_text, format_duration};
use super::until::Until;
use super::weight::Weight;

/// The bake after the last step where a strategy names none: CodeDeploy's five-minute figure.
pub const DEFAULT_BAKE: Duration = Duration::from_secs(5 * 60);

/// A strategy longer than this needs its user's consent (`--allow-long`).
pub const LONGEST_WITHOUT_CONSENT: Duration = Duration::from_secs(24 * 60 * 60);

/// A weight, then how long to stay there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Green's share from this step on.
    pub weight: Weight,
    /// How long to stay at this weight before the next step. Zero in the last step, which is
    /// followed by the strategy's own bake.
    #[serde(with = "as_text")]
    pub bake: Duration,
    /// What must have been seen at this weight as well, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
}

impl Step {
    /// A step that goes by time alone.
    pub fn new(weight: Weight, bake: Duration) -> Step {
        Step {
            weight,
            bake,
            until: None,
        }
    }

    /// How long it takes at most where nothing holds.
    fn longest(&self) -> Duration {
        self.until
            .map_or(self.bake, |until| self.bake.max(until.at_most))
    }
}

/// A named list of steps, and the bake after the last of them.
///
/// Every strategy has at least one step; weights rise strictly from above 0 to 100 %.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Strategy(Parts);

/// What a strategy is made of, before it has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts {
    pub(super) name: String,
    #[serde(default)]
    pub(super) summary: String,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    pub(super) steps: Vec<Step>,
    #[serde(with = "as_text")]
    pub(super) bake: Duration,
}

/// A rule that a list of steps breaks, and the step (from 0) that breaks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BrokenRule {
    pub(super) step: Option<usize>,
    pub(super) what: String,
}

impl Strategy {
    /// A strategy from its steps; the error says which rule they break.
    pub fn new(
        name: impl Into<String>,
        steps: Vec<Step>,
        bake: Duration,
    ) -> Result<Strategy, String> {
        Strategy::try_from(Parts {
            name: name.into(),
            summary: String::new(),
            aliases: Vec::new(),
            steps,
            bake,
        })
    }

    /// Its name, or the file or shorthand that it was read from.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// One sentence on what it does; empty for those that have none.
    pub fn summary(&self) -> &str {
        &self.0.summary
    }

    /// Other names that it goes by.
    pub fn aliases(&self) -> &[String] {
        &self.0.aliases
    }

    /// Its steps; never empty, the last at 100 %.
    pub fn steps(&self) -> &[Step] {
        &self.0.steps
    }

    /// The bake after the last step, before blue is retired.
    pub fn bake(&self) -> Duration {
        self.0.bake
    }

    /// How long to stay at a step's weight: its own bake, after the last step the strategy's.
    /// `None` past the last step.
    pub fn bake_at(&self, step: usize) -> Option<Duration> {
        let own = self.0.steps.get(step)?.bake;
        let last = step + 1 == self.0.steps.len();
        Some(if last { self.0.bake } else { own })
    }

    /// All bakes together: how long it takes when every step goes well at once.
    pub fn total(&self) -> Duration {
        let bakes = self.0.steps.iter().map(|step| step.bake);
        bakes.fold(self.0.bake, Duration::saturating_add)
    }

    /// Why this strategy needs its user's consent, naming the flag that gives it; `None` if it
    /// doesn't.
    pub fn needs_consent(&self) -> Option<String> {
        let bakes = self.0.steps.iter().map(Step::longest);
        let total = bakes.fold(self.0.bake, Duration::saturating_add);
        (total > LONGEST_WITHOUT_CONSENT).then(|| {
            format!(
                "the strategy {:?} takes {}, longer than 1d; if that is meant, add --allow-long",
                self.name(),
                format_duration(total)
            )
        })
    }
}

impl TryFrom<Parts> for Strategy {
    type Error = String;

    fn try_from(parts: Parts) -> Result<Strategy, String> {
        match broken_rule(&parts.steps) {
            Some(BrokenRule { what, .. }) => Err(what),
            None => Ok(Strategy(parts)),
        }
    }
}

impl From<Strategy> for Parts {
    fn from(strategy: Strategy) -> Parts {
        strategy.0
    }
}

/// The first rule that these steps break.
pub(super) fn broken_rule(steps: &[Step]) -> Option<BrokenRule> {
    let Some(last) = steps.last() else {
        let what = "a strategy needs at least one step; the last one is at 100%".to_owned();
        return Some(BrokenRule { step: None, what });
    };
    let mut before = Weight::ZERO;
    for (index, step) in steps.iter().enumerate() {
        if let Some(what) = broken_rise(before, step.weight) {
            return Some(BrokenRule {
                step: Some(index),
                what,
            });
        }
        before = step.weight;
    }
    let too_short = |step: &Step| step.until.filter(|until| until.at_most < step.bake);
    let mut waits = steps.iter().map(too_short).enumerate();
    if let Some((index, until)) = waits.find_map(|(index, until)| Some((index, until?))) {
        let bake = format_duration(steps[index].bake);
        let at_most = format_duration(until.at_most);
        return Some(BrokenRule {
            step: Some(index),
            what: format!(
                "`at_most` is {at_most}, shorter than the bake ({bake}), which it counts from the \
                 beginning of"
            ),
        });
    }
    let what = if last.weight != Weight::FULL {
        format!("the last step is at {}, it must be at 100%", last.weight)
    } else if last.until.is_some() {
        "the last step can't ask for requests: at 100% there is no blue to compare with".to_owned()
    } else if last.bake != Duration::ZERO {
        "the last step has a bake of its own; write it as the strategy's `bake`, beside `steps`"
            .to_owned()
    } else {
        return None;
    };
    Some(BrokenRule {
        step: Some(steps.len() - 1),
        what,
    })
}

fn broken_rise(before: Weight, weight: Weight) -> Option<String> {
    if weight == Weight::ZERO {
        Some("a step's weight must be over 0%".to_owned())
    } else if weight == before {
        Some(format!(
            "weight {weight} is the step before's again; weights must rise"
        ))
    } else if weight < before {
        Some(format!(
            "weight {weight} comes after {before}; weights must rise"
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert_eq, proptest};

    fn step(per_mille: u16, secs: u64) -> Step {
        Step::new(
            Weight::of_per_mille(per_mille).unwrap(),
            Duration::from_secs(secs),
        )
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_rises_strictly_to_everything(
            steps in proptest::collection::vec((0u16..=1000, 0u64..100), 0..6)
        ) {
            let steps: Vec<Step> = steps.into_iter().map(|(w, s)| step(w, s)).collect();
            let sound = steps.windows(2).all(|pair| pair[0].weight < pair[1].weight)
                && steps.first().is_some_and(|first| first.weight > Weight::ZERO)
                && steps.last().is_some_and(|last| *last == step(1000, 0));
            prop_assert_eq!(Strategy::new("x", steps, Duration::ZERO).is_ok(), sound);
        }
    }

    #[test]
    fn survives_the_journal_and_is_checked_on_the_way_back() {
        let strategy = Strategy::new("x", vec![step(25, 90), step(1000, 0)], DEFAULT_BAKE).unwrap();
        let json = serde_json::to_string(&strategy).unwrap();
        assert!(
            json.contains(r#"{"weight":"2.5%","bake":"1m30s"}"#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<Strategy>(&json).unwrap(), strategy);
        let bad = json.replace("2.5%", "0%");
        assert!(serde_json::from_str::<Strategy>(&bad).is_err());
    }

    #[test]
    fn the_last_step_is_followed_by_the_strategys_own_bake() {
        let strategy =
            Strategy::new("x", vec![step(100, 60), step(1000, 0)], DEFAULT_BAKE).unwrap();
        assert_eq!(strategy.bake_at(0), Some(Duration::from_secs(60)));
        assert_eq!(strategy.bake_at(1), Some(DEFAULT_BAKE));
        assert_eq!(strategy.bake_at(2), None);
        assert_eq!(strategy.total(), Duration::from_secs(360));
    }

    #[test]
    fn more_than_a_day_needs_consent() {
        let day = LONGEST_WITHOUT_CONSENT;
        let strategy = |bake| Strategy::new("x", vec![step(1000, 0)], bake).unwrap();
        assert_eq!(strategy(day).needs_consent(), None);
        let why = strategy(day + Duration::from_secs(1))
            .needs_consent()
            .unwrap();
        assert!(
            why.contains("1d 1s") && why.contains("--allow-long"),
            "{why}"
        );
    }
}
