//! What a pipeline's next step asks of a deployment: how it ended, and of what.

use super::deployments;
use crate::deployment::event::{Look, Record};
use crate::deployment::ids::{DeploymentId, TaskDefinitionArn};
use crate::deployment::outcome::Outcome;
use crate::report::view::View;
use crate::strategy::Weight;

/// How it ended, and of what. What isn't known is empty in every form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// `promoted`, `reverted`, `stuck`, `kept`, or why there was no deployment: `unchanged`,
    /// `refused`, `locked`, `failed`.
    pub outcome: String,
    /// Which.
    pub deployment: Option<DeploymentId>,
    /// What green runs, or was to run.
    pub task_definition: Option<TaskDefinitionArn>,
    /// Green's share at the end.
    pub weight: Option<Weight>,
}

impl Facts {
    /// Of a run without a deployment.
    pub fn without_deployment(outcome: impl Into<String>) -> Facts {
        Facts {
            outcome: outcome.into(),
            ..Facts::default()
        }
    }

    /// Of the deployment that `view` shows; `otherwise` is the outcome where it shows none.
    pub fn of(view: &View, otherwise: &str) -> Facts {
        let outcome = view.outcome.as_ref().map_or(otherwise, |it| word(it));
        Facts {
            outcome: outcome.to_owned(),
            deployment: view.id.clone(),
            task_definition: view.task_definition.clone(),
            weight: weight(view),
        }
    }

    /// Of a round over several deployments: those of the one that it has driven to its end, where
    /// that is the only one that it drove.
    pub fn of_a_round(records: &[Record]) -> Facts {
        let one = match deployments(records)[..] {
            [one] => Some(View::of(one)),
            _ => None,
        };
        let ended = one.filter(|view| view.outcome.is_some());
        ended.map_or_else(Facts::default, |view| Facts::of(&view, "failed"))
    }

    /// The same by the names that scripts know, with text for each.
    pub fn pairs(&self) -> [(&'static str, String); 4] {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let weight = self.weight.map(|weight| weight.to_string());
        [
            ("outcome", self.outcome.clone()),
            (
                "deployment-id",
                text(self.deployment.as_ref().map(DeploymentId::as_str)),
            ),
            (
                "task-definition-arn",
                text(self.task_definition.as_ref().map(TaskDefinitionArn::as_str)),
            ),
            (
                "green-weight",
                text(weight.as_deref().map(|it| it.trim_end_matches('%'))),
            ),
        ]
    }

    /// As assignments that a shell sources: `BG_OUTCOME='promoted'`, a line each.
    pub fn for_a_shell(&self) -> String {
        let line = |(name, value): (&str, String)| {
            let name = name.to_uppercase().replace('-', "_");
            format!("BG_{name}='{}'\n", value.replace('\'', r"'\''"))
        };
        self.pairs().into_iter().map(line).collect()
    }
}

/// An outcome in one word.
pub fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Promoted => "promoted",
        Outcome::Reverted { .. } => "reverted",
        Outcome::Stuck { .. } => "stuck",
        Outcome::Kept { .. } => "kept",
    }
}

/// As it was last seen on all routes; where they differ or aren't seen, as it was last set.
fn weight(view: &View) -> Option<Weight> {
    let seen = view.look.as_ref().and_then(common);
    match view.outcome {
        Some(Outcome::Promoted | Outcome::Reverted { .. }) => view.set,
        _ => seen.or(view.set),
    }
}

fn common(look: &Look) -> Option<Weight> {
    let mut seen = look.weights.values();
    let first = (*seen.next()?)?;
    seen.all(|other| *other == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::stories;

    fn facts(records: &[Record]) -> Facts {
        Facts::of(&View::of(records), "failed")
    }

    #[test]
    fn a_shell_gets_what_became_of_it() {
        assert_eq!(
            facts(&stories::good()).for_a_shell(),
            "BG_OUTCOME='promoted'\n\
             BG_DEPLOYMENT_ID='20260105-071400-k3v9'\n\
             BG_TASK_DEFINITION_ARN='arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:8'\n\
             BG_GREEN_WEIGHT='100'\n"
        );
        let quoted = Facts::without_deployment("it's").for_a_shell();
        assert!(quoted.starts_with(r"BG_OUTCOME='it'\''s'"), "{quoted}");
        assert!(quoted.ends_with("BG_GREEN_WEIGHT=''\n"), "{quoted}");
    }

    #[test]
    fn a_round_is_told_by_the_only_deployment_that_it_has_driven_to_its_end() {
        assert_eq!(Facts::of_a_round(&[]), Facts::default());
        assert_eq!(Facts::of_a_round(&stories::holding()), Facts::default());
        assert_eq!(Facts::of_a_round(&stories::alarmed()).outcome, "reverted");
        let later = |record: Record| Record {
            deployment: DeploymentId::new("20260105-081400-x1y2"),
            ..record
        };
        let mut two = stories::good();
        two.extend(stories::alarmed().into_iter().map(later));
        assert_eq!(Facts::of_a_round(&two), Facts::default());
    }

    #[test]
    fn the_weight_is_what_green_is_left_with() {
        assert_eq!(facts(&stories::alarmed()).weight, Some(Weight::ZERO));
        let held = facts(&stories::holding());
        assert_eq!(
            (held.outcome.as_str(), held.weight),
            ("failed", Weight::of_percent(10))
        );
    }
}
