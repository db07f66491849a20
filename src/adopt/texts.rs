//! Texts inside other texts.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::facts::{Group, RouteFound};
use super::proposal::{Pair, Proposal, Twin};
use super::taken_out;

/// A JSON string, which YAML reads as one, too.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What stands in a comment can't end it.
pub(super) fn one_line(text: &str) -> String {
    let fit = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(fit).collect()
}

/// What the text is for, as its first comment.
pub(super) fn needs(proposal: &Proposal) -> String {
    let service = &proposal.services.a;
    match proposal.additions().is_empty() {
        true => format!("# Slot b of ECS service {service} lacks nothing.\n"),
        false => format!(
            "# What slot b of ECS service {service} needs. This or `bg init --apply` makes a target \
             group, not both.\n"
        ),
    }
}

/// Where a route's action belongs: into a resource that is there already.
pub(super) fn place_of(
    proposal: &Proposal,
    route: &RouteFound,
    pair: &Pair,
    resource: &str,
) -> Vec<String> {
    let forward = &route.forward;
    let mut lines = vec![
        format!("{}: {}", one_line(&forward.label()), forward.arn),
        format!("Put this into the {resource} that you have for it:"),
    ];
    if !route.beside.is_empty() {
        let beside = route.beside.join(", ");
        lines.push(format!("(its {beside} stays before it as it is)"));
    }
    let out = taken_out::missing(route, pair).filter(|_| proposal.is_put_back(route));
    if let Some(group) = out {
        lines.push(format!(
            "bg took {name} out of it, and puts it back at weight 0 at the next deployment: until \
             then whoever is\npinned to {name} would come back to it, so don't apply it just for that.",
            name = group.name
        ));
    }
    lines
}

/// The action's target groups with their weights, as they are, and the slot's at 0 that is not
/// among them. How an ARN is written, and how a group that is only made by the same text is
/// named, is the language's.
pub(super) fn members(
    route: &RouteFound,
    pair: &Pair,
    written: impl Fn(&str) -> String,
    made: impl Fn(&str) -> String,
) -> Vec<(String, u32)> {
    let weights = &route.forward.weights;
    let added = match &pair.b {
        Twin::New { name } => Some((made(name), 0)),
        Twin::There { .. } => taken_out::missing(route, pair).map(|group| (written(&group.arn), 0)),
    };
    let named = weights.iter();
    let named = named.map(|(group, weight)| (written(group.as_str()), *weight));
    named.chain(added).collect()
}

/// What a group that is there already still needs, as comments.
pub(super) fn to_align(
    text: &mut String,
    like: &Group,
    group: &Group,
    attributes: &BTreeMap<String, String>,
) {
    let _ = writeln!(text, "\n# Target group {} is there already.", group.name);
    for (key, value) in attributes {
        let _ = writeln!(text, "# Give it {key} = {value}, as {} has it.", like.name);
    }
}
