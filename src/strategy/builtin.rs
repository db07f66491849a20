//! The strategies that come with `bg`, each a commented file under `strategies/`.

use super::input::{InputError, nearest};
use super::steps::Strategy;

/// What CodeDeploy puts before the names of its predefined configurations.
const CODEDEPLOY_PREFIX: &str = "codedeploydefault.";

const FILES: [(&str, &str); 6] = [
    (
        "all-at-once",
        include_str!("../../strategies/all-at-once.yaml"),
    ),
    ("canary", include_str!("../../strategies/canary.yaml")),
    (
        "canary-15m",
        include_str!("../../strategies/canary-15m.yaml"),
    ),
    ("linear", include_str!("../../strategies/linear.yaml")),
    ("linear-3m", include_str!("../../strategies/linear-3m.yaml")),
    (
        "progressive",
        include_str!("../../strategies/progressive.yaml"),
    ),
];

/// All built-in strategies, in the order in which they are listed to people.
pub fn builtin_strategies() -> Vec<Strategy> {
    let read = |(name, text): (&str, &str)| {
        Strategy::from_yaml(text, name).expect("a test reads every built-in file")
    };
    FILES.into_iter().map(read).collect()
}

/// The names of all built-in strategies, in the same order.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    FILES.into_iter().map(|(name, _)| name)
}

/// The commented file of the built-in strategy of that very name.
pub fn builtin_file(name: &str) -> Option<&'static str> {
    let file = FILES.into_iter().find(|(known, _)| *known == name);
    file.map(|(_, text)| text)
}

impl Strategy {
    /// The built-in strategy of this name or alias, whatever its case, with or without
    /// `CodeDeployDefault.`; the error suggests the nearest and lists them all.
    pub fn named(name: &str) -> Result<Strategy, InputError> {
        let wanted = name.to_lowercase();
        let wanted = wanted.strip_prefix(CODEDEPLOY_PREFIX).unwrap_or(&wanted);
        let answers_to = |strategy: &Strategy| {
            let mut names = strategy.aliases().iter().map(String::as_str);
            strategy.name() == wanted || names.any(|alias| alias.to_lowercase() == wanted)
        };
        let found = builtin_strategies().into_iter().find(answers_to);
        found.ok_or_else(|| unknown(name, wanted))
    }
}

fn unknown(name: &str, wanted: &str) -> InputError {
    let builtin = builtin_strategies();
    let names: Vec<&str> = builtin.iter().map(Strategy::name).collect();
    let aliases = builtin
        .iter()
        .flat_map(Strategy::aliases)
        .map(String::as_str);
    let mut what = "there is no such built-in strategy".to_owned();
    if let Some(near) = nearest(wanted, names.iter().copied().chain(aliases)) {
        what += &format!("; did you mean {near:?}?");
    }
    InputError::new(format!("strategy {name:?}"), what).with_hint(format!(
        "built in are {}; a file of your own is written as ./NAME.yaml, a short form as canary:5%:10m",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::format_duration;

    fn shape(name: &str) -> Vec<String> {
        let strategy = Strategy::named(name).unwrap();
        let steps = 0..strategy.steps().len();
        steps
            .map(|index| {
                let weight = strategy.steps()[index].weight;
                format!(
                    "{weight} {}",
                    format_duration(strategy.bake_at(index).unwrap())
                )
            })
            .collect()
    }

    #[test]
    fn every_file_reads_under_its_own_name_and_says_what_it_does() {
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        let strategies = builtin_strategies();
        assert_eq!(
            strategies.iter().map(Strategy::name).collect::<Vec<_>>(),
            names
        );
        assert!(
            strategies
                .iter()
                .all(|strategy| !strategy.summary().is_empty())
        );
        assert!(
            strategies
                .iter()
                .all(|strategy| strategy.needs_consent().is_none())
        );
    }

    #[test]
    fn codedeploys_names_keep_their_figures() {
        assert_eq!(shape("CodeDeployDefault.ECSAllAtOnce"), ["100% 5m"]);
        assert_eq!(shape("ECSCanary10Percent5Minutes"), ["10% 5m", "100% 5m"]);
        assert_eq!(shape("ecscanary10percent15minutes"), ["10% 15m", "100% 5m"]);
        let linear = shape("codedeploydefault.ecslinear10percentevery1minutes");
        assert_eq!(linear.len(), 10);
        assert_eq!(linear[..2], ["10% 1m", "20% 1m"]);
        let slow = shape("CodeDeployDefault.ECSLinear10PercentEvery3Minutes");
        assert_eq!((slow.len(), slow[8].as_str()), (10, "90% 3m"));
    }

    #[test]
    fn an_unknown_name_is_met_with_the_nearest_and_the_list() {
        let error = Strategy::named("canery").unwrap_err().to_string();
        assert!(error.contains("did you mean \"canary\"?"), "{error}");
        assert!(error.contains("all-at-once, canary, canary-15m, linear, linear-3m, progressive"));
        let error = Strategy::named("ECSCanary10Percent5Minute")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("did you mean \"ECSCanary10Percent5Minutes\"?"),
            "{error}"
        );
    }
}
