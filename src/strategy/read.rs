//! Strategies from YAML: a file's text, or a mapping inside `bg.yaml`.

use std::time::Duration;

use super::document::{Fields, Node, Reader, Value};
use super::duration::format_duration;
use super::input::{InputError, Position};
use super::steps::{BrokenRule, DEFAULT_BAKE, Parts, Step, Strategy, broken_rule};
use super::until::{DEFAULT_AT_MOST, TooFew, Until};

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
            until: step.until,
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
    until: Option<Until>,
}

pub(crate) const STEP_KEYS: [&str; 5] = ["weight", "bake", "until", "at_most", "too_few"];
pub(crate) const UNTIL_KEYS: [&str; 1] = ["requests"];

fn step(reader: Reader<'_>, node: &Node) -> Result<(WrittenStep, Position), InputError> {
    let fields = reader.fields(node, "a step: a mapping with `weight`", &STEP_KEYS)?;
    let weight = fields.required("weight")?;
    let bake = fields.optional("bake").map(|node| reader.duration(node));
    let step = WrittenStep {
        weight: reader.weight(weight)?,
        bake: bake.transpose()?,
        until: until(reader, &fields)?,
    };
    let unsaid = step.until.is_some() && fields.optional("at_most").is_none();
    if let Some(bake) = step.bake.filter(|bake| unsaid && *bake > DEFAULT_AT_MOST) {
        let default = format_duration(DEFAULT_AT_MOST);
        let what = format!(
            "the bake is {}, and `at_most`, which counts from its beginning, is {default} where \
             it isn't written",
            format_duration(bake)
        );
        let twice = format_duration(bake * 2).replace(' ', "");
        let hint = format!("say how long the requests are waited for, such as at_most: {twice}");
        return Err(reader.error(fields.place("until"), what).with_hint(hint));
    }
    Ok((step, weight.at))
}

/// Reads `until: { requests: 500 }` with what stands beside it.
fn until(reader: Reader<'_>, fields: &Fields<'_, '_>) -> Result<Option<Until>, InputError> {
    let Some(node) = fields.optional("until") else {
        let lone = ["at_most", "too_few"]
            .into_iter()
            .find(|key| fields.optional(key).is_some());
        return match lone {
            None => Ok(None),
            Some(key) => Err(reader
                .error(
                    fields.place(key),
                    format!("`{key}` is there without `until`"),
                )
                .with_hint("say what is waited for, for example until: { requests: 500 }")),
        };
    };
    let wanted = reader.fields(node, "what must be seen: { requests: 500 }", &UNTIL_KEYS)?;
    let requests = wanted.required("requests")?;
    let count = match &requests.value {
        Value::Number(text) => text.parse().ok().filter(|count| *count > 0),
        _ => None,
    };
    let count = count.ok_or_else(|| reader.mismatch(requests, "a whole number over 0"))?;
    let at_most = fields.optional("at_most").map(|node| reader.duration(node));
    let too_few = match fields.optional("too_few") {
        None => TooFew::default(),
        Some(node) => too_few(reader, node)?,
    };
    Ok(Some(Until {
        requests: count,
        at_most: at_most.transpose()?.unwrap_or(DEFAULT_AT_MOST),
        too_few,
    }))
}

fn too_few(reader: Reader<'_>, node: &Node) -> Result<TooFew, InputError> {
    let expected = "hold, extend, revert or proceed";
    let text = reader.text(node, expected)?;
    let known = TooFew::NAMES.iter().find(|(name, _)| *name == text);
    known
        .map(|(_, too_few)| *too_few)
        .ok_or_else(|| reader.mismatch(node, expected))
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
    fn a_step_may_ask_for_requests() {
        let read = |step: &str| {
            let text =
                format!("steps:\n  - {{ weight: 5%, bake: 3m, {step} }}\n  - {{ weight: 100% }}\n");
            Strategy::from_yaml(&text, "s.yaml").map(|strategy| strategy.steps()[0].until)
        };
        let until = read("until: { requests: 500 }").unwrap().unwrap();
        let as_said = (500, DEFAULT_AT_MOST, TooFew::Hold);
        assert_eq!((until.requests, until.at_most, until.too_few), as_said);
        let until = read("until: { requests: 9 }, at_most: 2h, too_few: revert").unwrap();
        assert_eq!(
            until.unwrap().to_string(),
            "9 requests (2h at most, then revert)"
        );

        let wrong = |step: &str| read(step).unwrap_err().headline();
        for (step, says) in [
            (
                "until: { requests: 0 }",
                "s.yaml:2:48: expected a whole number over 0",
            ),
            ("until: { request: 5 }", "requests"),
            ("until: {}", "requests"),
            (
                "at_most: 30m",
                "s.yaml:2:29: `at_most` is there without `until`",
            ),
            (
                "until: { requests: 5 }, at_most: 1m",
                "`at_most` is 1m, shorter than the bake (3m)",
            ),
            (
                "until: { requests: 5 }, too_few: wait",
                "hold, extend, revert or proceed",
            ),
        ] {
            assert!(wrong(step).contains(says), "{step}: {}", wrong(step));
        }
        let long = "steps: [{ weight: 5%, bake: 45m, until: { requests: 5 } }, { weight: 100% }]";
        let long = Strategy::from_yaml(long, "s.yaml").unwrap_err();
        let said = "the bake is 45m, and `at_most`, which counts from its beginning, is 30m where";
        assert!(long.headline().contains(said), "{long}");
        assert!(long.to_string().contains("at_most: 1h30m"), "{long}");
        let last = "steps: [{ weight: 100%, until: { requests: 5 } }]";
        let last = Strategy::from_yaml(last, "s.yaml").unwrap_err().headline();
        assert!(last.contains("there is no blue to compare with"), "{last}");
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
