//! What somebody has changed in the idle slot, as `bg plan` shows it.

use super::line::{StyledLine, Tone};
use super::plan::{changed, item};
use crate::deployment::preflight::{IdleDefinition, UnlikeGroups};

fn title(text: impl AsRef<str>) -> StyledLine {
    StyledLine::of(Tone::Strong, text)
}

/// What somebody set in the idle slot, and whether green runs it.
pub(super) fn definition(definition: &IdleDefinition) -> Vec<StyledLine> {
    let (slot, set) = (definition.slot, definition.set.short());
    let served = definition.served.short();
    let what_then = match definition.is_deployed {
        true => "green is to run it".to_owned(),
        false => format!("green is not to run it; --task-definition {set} deploys it"),
    };
    let headline = title(format!("Slot {slot}'s task definition")).plain(format!(
        " was set to {set} since {served} served there: {what_then}"
    ));
    let mut lines = vec![headline];
    match &definition.changes {
        Some(changes) if changes.is_empty() => {
            lines.push(item().plain("the tasks of both are the same"));
        }
        Some(changes) => lines.extend(changed(changes)),
        None => {
            let text = format!("{served} is gone: how they differ is not known");
            lines.push(item().plain(text));
        }
    }
    lines
}

/// Where the slots' target groups are not alike.
pub(super) fn groups(unlike: &[UnlikeGroups]) -> Vec<StyledLine> {
    unlike.iter().flat_map(pair).collect()
}

fn pair(pair: &UnlikeGroups) -> Vec<StyledLine> {
    let (green, blue) = (pair.green.name(), pair.blue.name());
    let headline = title("Green's target group").plain(format!(
        " {green} is not like blue's {blue}; its settings belong to it, and bg takes none over"
    ));
    let mut lines = vec![headline];
    lines.extend(pair.settings.iter().map(|setting| {
        let own = setting.green.as_deref().unwrap_or("nothing");
        let of_blue = setting.blue.as_deref().unwrap_or("nothing");
        let name = &setting.name;
        item().plain(format!("{name}: stays at {own}, {blue} has {of_blue}"))
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::ids::{SlotName, TargetGroupArn, TaskDefinitionArn};
    use crate::deployment::preflight::UnlikeSetting;
    use crate::deployment::task_definition::Change;

    fn told(lines: &[StyledLine]) -> String {
        lines.iter().map(|line| line.to_string() + "\n").collect()
    }

    fn set(changes: Option<Vec<Change>>, is_deployed: bool) -> String {
        let arn = |revision| TaskDefinitionArn::new(format!("x:task-definition/shop:{revision}"));
        told(&definition(&IdleDefinition {
            slot: SlotName::A,
            set: arn(8),
            served: arn(5),
            changes,
            is_deployed,
        }))
    }

    #[test]
    fn a_definition_that_somebody_set_is_told_with_its_changes_and_how_to_deploy_it() {
        let change = Change {
            path: "containers.app.image".into(),
            before: Some("shop:v1".into()),
            after: Some("shop:iac".into()),
        };
        assert_eq!(
            set(Some(vec![change]), false),
            "Slot a's task definition was set to shop:8 since shop:5 served there: green is not to \
             run it; --task-definition shop:8 deploys it\n  \
             ~ containers.app.image  shop:v1 -> shop:iac\n"
        );
        assert!(set(Some(vec![]), true).contains("green is to run it\n  the tasks of both are"));
        assert!(set(None, false).contains("shop:5 is gone"));
    }

    #[test]
    fn groups_that_differ_are_told_by_elbv2_s_names() {
        let setting = UnlikeSetting {
            name: "stickiness.enabled".into(),
            green: Some("true".into()),
            blue: None,
        };
        let pair = UnlikeGroups {
            green: TargetGroupArn::new("x:targetgroup/shop-a/1"),
            blue: TargetGroupArn::new("x:targetgroup/shop-b/2"),
            settings: vec![setting],
        };
        assert_eq!(
            told(&groups(&[pair])),
            "Green's target group shop-a is not like blue's shop-b; its settings belong to it, and \
             bg takes none over\n  stickiness.enabled: stays at true, shop-b has nothing\n"
        );
    }
}
