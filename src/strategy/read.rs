//! Strategies from YAML: a file's text, or a mapping inside `bg.yaml`.

use std::time::Duration;

use super::document::{Node, Reader};
use super::input::{InputError, Position};
use super::steps::{BrokenRule, DEFAULT_BAKE, Parts, Step, Strategy, broken_rule};

impl Strategy {
    /// Reads a strategy file's text. `origin` stands in errors, and is the strategy's name where
    /// the text gives none.
    pub fn from_yaml(text: &str, origin: &str) -> Result<Strategy, InputError> {
        let reader = Reader { text, origin };
        strategy_from_node(reader, &reader.parse()?, origin)
    }
}

/// Reads `{ name, summary, aliases, steps, bake }`; only `steps` must be there.
pub(crate) fn strategy_from_node(
    reader: Reader<'_>,
    node: &Node,
    default_name: &str,
) -> Result<Strategy, InputError> {
    const KEYS: [&str; 5] = ["name", "summary", "aliases", "steps", "bake"];
    let fields = reader.fields(node, "a strategy: a mapping with `steps`", &KEYS)?;
    let text = |key: &str, expected: &str| match fields.optional(key) {
        Some(node) => reader.text(node, expected).map(Some),
        None => Ok(None),
    };
    let name = text("name", "a name")?.unwrap_or_else(|| default_name.to_owned());
    let summary = text("summary", "a sentence")?.unwrap_or_default();
    let aliases = match fields.optional("aliases") {
        Some(node) => aliases(reader, node)?,
        None => Vec::new(),
    };
    let bake = match fields.optional("bake") {
        Some(node) => reader.duration(node)?,
        None => DEFAULT_BAKE,
    };
    let list = fields.required("steps")?;
    let steps = steps(reader, list)?;
    let parts = Parts {
        name,
        summary,
        aliases,
        steps,
        bake,
    };
    Strategy::try_from(parts).map_err(|what| reader.error(list.at, what))
}

fn aliases(reader: Reader<'_>, node: &Node) -> Result<Vec<String>, InputError> {
    let items = reader.list(node, "a list of names")?;
    items
        .iter()
        .map(|item| reader.text(item, "a name"))
        .collect()
}

/// Reads the steps and says of a broken rule at which step it is broken.
fn steps(reader: Reader<'_>, node: &Node) -> Result<Vec<Step>, InputError> {
    let items = reader.list(node, "a list of steps")?;
    let mut steps = Vec::new();
    let mut places = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let last = index + 1 == items.len();
        let (step, weight_at) = step(reader, item)?;
        let bake = match step.bake {
            Some(bake) => bake,
            None if last => Duration::ZERO,
            None => {
                return Err(reader
                    .error(item.at, "this step has no bake")
                    .with_hint("say how long to stay at its weight, for example bake: 5m"));
            }
        };
        steps.push(Step {
            weight: step.weight,
            bake,
        });
        places.push(weight_at);
    }
    match broken_rule(&steps) {
        None => Ok(steps),
        Some(BrokenRule { step, what }) => {
            let at = step.and_then(|index| places.get(index).copied());
            Err(reader.error(at.unwrap_or(node.at), what))
        }
    }
}

struct WrittenStep {
    weight: super::Weight,
    bake: Option<Duration>,
}

fn step(reader: Reader<'_>, node: &Node) -> Result<(WrittenStep, Position), InputError> {
    let fields = reader.fields(node, "a step: a mapping with `weight`", &["weight", "bake"])?;
    let weight = fields.required("weight")?;
    let bake = fields.optional("bake").map(|node| reader.duration(node));
    let step = WrittenStep {
        weight: reader.weight(weight)?,
        bake: bake.transpose()?,
    };
    Ok((step, weight.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_steps_must_be_there() {
        let strategy = Strategy::from_yaml("steps: [{ weight: 100% }]", "./quick.yaml").unwrap();
        assert_eq!(strategy.name(), "./quick.yaml");
        assert_eq!(strategy.bake(), DEFAULT_BAKE);
    }

    #[test]
    fn a_weight_that_does_not_rise_is_shown_where_it_stands() {
        let text = "steps:\n  - { weight: 50%, bake: 1m }\n  - { weight: 20%, bake: 1m }\n  - { weight: 100% }\n";
        let error = Strategy::from_yaml(text, "s.yaml").unwrap_err();
        assert_eq!(
            error.headline(),
            "s.yaml:3:15: weight 20% comes after 50%; weights must rise"
        );
    }
}
