//! The same additions for CloudFormation, and what it does to them.

use std::fmt::Write;

use super::facts::{Group, RouteFound};
use super::proposal::{Pair, Proposal, Twin};
use super::texts::{members, needs, one_line, place_of, quoted, to_align};
use crate::deployment::plan::RouteKind;

/// CloudFormation's text. What it creates stands as resources; what belongs into resources that
/// are there already stands in comments, so that the whole is a template as it is.
pub fn cloudformation(proposal: &Proposal) -> String {
    let mut text = needs(proposal);
    let _ = writeln!(
        text,
        "# Slot b's ECS service, {}, is bg's: it creates it from slot a's, and it must not stand \
         in a\n# template.\n#",
        proposal.services.b
    );
    for line in resets(proposal).lines() {
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
    let new = |pair: &&Pair| matches!(pair.b, Twin::New { .. });
    let new: Vec<&Pair> = proposal.pairs.iter().filter(new).collect();
    match new.is_empty() {
        true => text.push_str("#\n# There is nothing to create.\n"),
        false => text.push_str("Resources:\n"),
    }
    for pair in new {
        group(&mut text, &pair.a, pair.b_name());
    }
    for pair in &proposal.pairs {
        if let Twin::There { group, attributes } = &pair.b {
            to_align(&mut text, &pair.a, group, attributes);
        }
    }
    for route in &proposal.routes {
        if let Some(pair) = proposal.pair_of(route) {
            of_route(&mut text, proposal, route, pair);
        }
    }
    text
}

/// What CloudFormation's want of an `ignore_changes` means, of what the service has.
fn resets(proposal: &Proposal) -> String {
    let mut routes = proposal.routes.iter().map(|it| &it.forward.kind);
    let is_record = |kind: &RouteKind| matches!(kind, RouteKind::Record(_));
    let mut parts = vec!["CloudFormation can't be told to leave a property alone."];
    if routes.clone().any(|kind| !is_record(kind)) {
        parts.push(OF_ACTIONS);
    }
    if routes.any(is_record) {
        parts.push(OF_RECORDS);
    }
    match proposal.routes.is_empty() {
        true => parts.extend([OF_SERVICE, OF_SCALING]),
        false => parts.extend([OF_SERVICE, OF_SCALING, OF_WEIGHTS]),
    }
    parts.join("\n")
}

const OF_ACTIONS: &str = "\
A stack update that changes anything of a listener or rule below writes its whole action list as the
template has it, and so puts the weights back to the template's: all traffic goes to slot a at once,
also where slot b is live and slot a is idle at 0 tasks (then users get 503). An update that changes
nothing of that resource leaves the weights alone, and so does drift detection, which only reports
them.";
const OF_RECORDS: &str = "\
A stack update that changes anything of a record below writes its Weight as the template has it, and
so moves traffic, also where slot b is live and slot a is idle at 0 tasks. An update that changes
nothing of that record leaves its weight alone.";
const OF_SERVICE: &str = "\
A stack update that changes anything of slot a's AWS::ECS::Service writes its TaskDefinition, and its
DesiredCount where the template has one, as they stand there: leave DesiredCount out of the template,
and look at `bg plan` before an update. Tags that bg keeps on the services (`bg:…`) stay: an update
takes off only what the template had before.";
const OF_SCALING: &str = "\
Of slot a's AWS::ApplicationAutoScaling::ScalableTarget an update that changes anything writes
MinCapacity, MaxCapacity and SuspendedState as the template has them: where slot a is idle, and its
scaling asleep, that lifts it to its minimum. `bg plan` shows that, and the next deployment carries
the live slot's over it; with `--service-from a` slot a keeps the template's.";
const OF_WEIGHTS: &str = "\
What bg then does:
- While it deploys, weights that it didn't set are drift: it holds, names them, and ends with exit
  code 5 when `patience` is over. Where they all are on blue it takes that for an operator's hand
  and aborts (exit code 4). A guard that trips still puts all traffic on blue.
- Between deployments it goes by the weights: `bg status` shows slot a as live. `bg rollback --to b
  --force` puts all traffic on slot b again at once.
Before an update of such a resource write the weights of that day into the template (`bg status`).";

fn group(text: &mut String, like: &Group, name: &str) {
    let _ = writeln!(text, "  {}TargetGroup:", logical(name));
    text.push_str("    Type: AWS::ElasticLoadBalancingV2::TargetGroup\n    Properties:\n");
    let _ = writeln!(text, "      Name: {}", quoted(name));
    let mut matcher = Vec::new();
    for (key, value) in &like.settings {
        match key.split_once('.') {
            None => {
                let _ = writeln!(text, "      {key}: {}", literal(key, value));
            }
            Some(("Matcher", inner)) => matcher.push((inner, value)),
            Some(_) => {
                let words = format!("{} has {key} = {value}: bg can't write it here", like.name);
                let _ = writeln!(text, "      # {}", one_line(&words));
            }
        }
    }
    if !matcher.is_empty() {
        text.push_str("      Matcher:\n");
        for (key, value) in matcher {
            let _ = writeln!(text, "        {key}: {}", quoted(value));
        }
    }
    let attributes = like
        .attributes
        .iter()
        .filter(|(_, value)| !value.is_empty());
    pairs(text, "TargetGroupAttributes", attributes);
    pairs(text, "Tags", like.tags.iter());
}

fn pairs<'a>(text: &mut String, key: &str, pairs: impl Iterator<Item = (&'a String, &'a String)>) {
    let mut pairs = pairs.peekable();
    if pairs.peek().is_some() {
        let _ = writeln!(text, "      {key}:");
    }
    for (key, value) in pairs {
        let _ = writeln!(
            text,
            "        - {{ Key: {}, Value: {} }}",
            quoted(key),
            quoted(value)
        );
    }
}

/// What a listener's or rule's resource has to say of the action, in comments.
fn of_route(text: &mut String, proposal: &Proposal, route: &RouteFound, pair: &Pair) {
    let forward = &route.forward;
    let (resource, actions) = match &forward.kind {
        RouteKind::Listener => ("Listener", "DefaultActions"),
        RouteKind::Rule => ("ListenerRule", "Actions"),
        RouteKind::Record(_) => {
            let label = one_line(&forward.label());
            let _ = writeln!(
                text,
                "\n# {label}: nothing is added to its AWS::Route53::RecordSet; an update that \
                 changes one of the\n# two writes its Weight as the template has it."
            );
            return;
        }
    };
    let resource = format!("AWS::ElasticLoadBalancingV2::{resource}");
    let mut lines = place_of(proposal, route, pair, &resource);
    lines.push(format!("{actions}:"));
    lines.push("  - Type: forward".to_owned());
    if !route.beside.is_empty() {
        lines.push(format!("    Order: {}", route.beside.len() + 1));
    }
    lines.push("    ForwardConfig:".to_owned());
    lines.push("      TargetGroups:".to_owned());
    let made = |name: &str| format!("{{ Ref: {}TargetGroup }}", logical(name));
    for (arn, weight) in members(route, pair, quoted, made) {
        lines.push(format!(
            "        - {{ TargetGroupArn: {arn}, Weight: {weight} }}"
        ));
    }
    if let Some(sticky) = forward.sticky {
        let seconds = sticky.as_secs();
        lines.push("      TargetGroupStickinessConfig:".to_owned());
        lines.push(format!(
            "        {{ Enabled: true, DurationSeconds: {seconds} }}"
        ));
    }
    text.push('\n');
    for line in lines.iter().flat_map(|it| it.lines()) {
        let _ = writeln!(text, "# {line}");
    }
}

/// Numbers and truth values stand as they are where CloudFormation wants them so.
fn literal(key: &str, value: &str) -> String {
    let number = (key.ends_with("Seconds")
        || key.ends_with("Count")
        || ["Port", "TargetControlPort"].contains(&key))
        && !value.is_empty()
        && value.bytes().all(|b| b.is_ascii_digit());
    match number || matches!(value, "true" | "false") {
        true => value.to_owned(),
        false => quoted(value),
    }
}

/// A logical id has letters and digits only.
fn logical(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric());
    let capital = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    parts.map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::super::proposal::propose;
    use super::super::testing::facts;
    use super::*;

    #[test]
    fn a_whole_service_as_cloudformation() {
        insta::assert_snapshot!(cloudformation(&propose(&facts()).unwrap()));
    }

    #[test]
    fn of_a_service_without_a_load_balancer_nothing_is_said_of_weights() {
        let mut facts = facts();
        facts.groups.clear();
        facts.routes.clear();
        facts.service = serde_json::json!({ "serviceName": "worker" });
        let text = cloudformation(&propose(&facts).unwrap());
        for word in ["weight", "Weight", "listener", "traffic"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        assert!(text.contains("writes its TaskDefinition"), "{text}");
        assert!(text.contains("# There is nothing to create."), "{text}");
    }

    #[test]
    fn logical_ids_have_letters_and_digits_only() {
        assert_eq!(logical("shop-b"), "ShopB");
        assert_eq!(logical("my.shop_1-b"), "MyShop1B");
    }
}
