//! `canary:5%:10m` and `linear:20%:2m`.

use std::time::Duration;

use super::duration::{format_duration, parse_duration};
use super::input::InputError;
use super::steps::{DEFAULT_BAKE, Parts, Step, Strategy};
use super::weight::Weight;

const FORMS: &str =
    "the forms are canary:WEIGHT:BAKE (canary:5%:10m) and linear:WEIGHT:BAKE (linear:20%:2m)";

impl Strategy {
    /// Reads `canary:5%:10m` (5 %, ten minutes, then everything) or `linear:20%:2m` (20 % more
    /// every two minutes).
    pub fn shorthand(text: &str) -> Result<Strategy, InputError> {
        let error = |what: String| InputError::new(format!("strategy {text:?}"), what);
        let parts: Vec<&str> = text.split(':').collect();
        let [form, weight, bake] = parts[..] else {
            return Err(error("not a strategy's short form".to_owned()).with_hint(FORMS));
        };
        let weight: Weight = weight
            .parse()
            .map_err(|e: super::WeightError| error(e.to_string()).with_hint(FORMS))?;
        if weight == Weight::ZERO {
            return Err(error("the weight must be over 0%".to_owned()).with_hint(FORMS));
        }
        let bake = parse_duration(bake).map_err(|what| error(what).with_hint(FORMS))?;
        let (steps, summary) = match form {
            "canary" => canary(weight, bake),
            "linear" => linear(weight, bake),
            other => {
                let what = format!("there is no short form {other:?}");
                return Err(error(what).with_hint(FORMS));
            }
        };
        let parts = Parts {
            name: text.to_owned(),
            summary,
            aliases: Vec::new(),
            steps,
            bake: DEFAULT_BAKE,
        };
        Strategy::try_from(parts).map_err(error)
    }
}

fn canary(weight: Weight, bake: Duration) -> (Vec<Step>, String) {
    let summary = format!("{weight} for {}, then everything.", format_duration(bake));
    let first = (weight < Weight::FULL).then_some(Step::new(weight, bake));
    (first.into_iter().chain([full()]).collect(), summary)
}

fn linear(weight: Weight, bake: Duration) -> (Vec<Step>, String) {
    let summary = format!("{weight} more every {}.", format_duration(bake));
    let below_full = (1..)
        .map_while(|n: u16| weight.per_mille().checked_mul(n))
        .take_while(|per_mille| *per_mille < Weight::FULL.per_mille())
        .filter_map(Weight::of_per_mille);
    let steps = below_full.map(|weight| Step::new(weight, bake));
    (steps.chain([full()]).collect(), summary)
}

fn full() -> Step {
    Step::new(Weight::FULL, Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert_eq, proptest};

    fn weights(text: &str) -> Vec<String> {
        let strategy = Strategy::shorthand(text).unwrap();
        strategy
            .steps()
            .iter()
            .map(|step| step.weight.to_string())
            .collect()
    }

    #[test]
    fn reads_both_forms() {
        assert_eq!(weights("canary:5%:10m"), ["5%", "100%"]);
        assert_eq!(
            weights("linear:20%:2m"),
            ["20%", "40%", "60%", "80%", "100%"]
        );
        assert_eq!(weights("linear:30%:2m"), ["30%", "60%", "90%", "100%"]);
        assert_eq!(weights("canary:100%:2m"), ["100%"]);
        let strategy = Strategy::shorthand("linear:20%:2m").unwrap();
        assert_eq!(
            strategy.total(),
            Duration::from_secs(4 * 120) + DEFAULT_BAKE
        );
    }

    proptest! {
        #[test]
        fn every_linear_weight_ends_at_everything(per_mille in 1u16..=1000) {
            let weight = Weight::of_per_mille(per_mille).unwrap();
            let strategy = Strategy::shorthand(&format!("linear:{weight}:1s")).unwrap();
            prop_assert_eq!(strategy.steps().len(), usize::from(1000u16.div_ceil(per_mille)));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let error = |text| Strategy::shorthand(text).unwrap_err().to_string();
        assert!(error("canary:5%").contains("not a strategy's short form"));
        assert!(error("canary:0%:1m").contains("over 0%"));
        assert!(error("canary:5:1m").contains("is not a percentage"));
        assert!(error("canary:5%:1").contains("has no unit"));
        assert!(error("cannary:5%:1m").contains("no short form \"cannary\""));
        assert!(error("cannary:5%:1m").contains("Hint: the forms are"));
    }
}
