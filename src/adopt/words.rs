//! The proposal for people.

use std::fmt;

use super::facts::Group;
use super::proposal::{Addition, Pair, Proposal, Twin};

/// What `init` shows: what was found, and what is missing.
pub fn words(proposal: &Proposal) -> Vec<String> {
    let Proposal {
        account,
        region,
        cluster,
        services,
        ..
    } = proposal;
    let mut lines = vec![format!(
        "Adopt service {} in cluster {cluster}, {account} {region}",
        services.a
    )];
    let groups = |name: fn(&Pair) -> &str| {
        let names: Vec<&str> = proposal.pairs.iter().map(name).collect();
        names.join(", ")
    };
    let (a, b) = (groups(|pair| &pair.a.name), groups(Pair::b_name));
    let what = if proposal.pairs.len() == 1 {
        "target group"
    } else {
        "target groups"
    };
    for (slot, service, groups) in [("a", &services.a, a), ("b", &services.b, b)] {
        let groups = match groups.is_empty() {
            true => String::new(),
            false => format!(", {what} {groups}"),
        };
        lines.push(format!("  slot {slot}   service {service}{groups}"));
    }
    let labels = proposal.routes.iter().map(|route| route.forward.label());
    listed(&mut lines, "routes", labels);
    let guards = proposal.alarms.iter().filter(|alarm| alarm.unfit.is_none());
    listed(&mut lines, "alarms", guards.map(|alarm| alarm.name.clone()));
    let unfit = proposal.alarms.iter().filter_map(|alarm| {
        let why = alarm.unfit.as_deref()?;
        Some(format!("alarm {} is no guard as it is: {why}", alarm.name))
    });
    listed(
        &mut lines,
        "note",
        unfit.chain(proposal.notes.iter().cloned()),
    );
    lines.push(String::new());
    let additions = proposal.additions();
    if proposal.pairs.is_empty() {
        let service = &services.b;
        lines.push(format!(
            "Nothing is missing: {service} is created when it is deployed"
        ));
    } else if additions.is_empty() {
        lines.push("Nothing is missing: both slots have their target groups and routes".to_owned());
    } else {
        lines.push("What is missing".to_owned());
        lines.extend(additions.iter().map(|addition| format!("  + {addition}")));
    }
    lines
}

fn listed(lines: &mut Vec<String>, label: &str, items: impl Iterator<Item = String>) {
    for (at, item) in items.enumerate() {
        let label = if at == 0 { label } else { "" };
        lines.push(format!("  {label:<8} {item}"));
    }
}

impl Addition<'_> {
    /// What it is called once it is there.
    pub fn name(&self) -> String {
        match self {
            Addition::Group(pair) => format!("target group {}", pair.b_name()),
            Addition::Attributes(pair) => format!("attributes of target group {}", pair.b_name()),
            Addition::Place(route, pair) => {
                format!("{} at weight 0 in {}", pair.b_name(), route.forward.label())
            }
        }
    }
}

impl fmt::Display for Addition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Addition::Group(pair) => {
                write!(
                    f,
                    "target group {} like {}: {}",
                    pair.b_name(),
                    pair.a.name,
                    kind(&pair.a)
                )
            }
            Addition::Attributes(pair) => {
                let Twin::There { group, attributes } = &pair.b else {
                    return Ok(());
                };
                write!(
                    f,
                    "attributes of target group {}, as {} has them:",
                    group.name, pair.a.name
                )?;
                for (key, value) in attributes {
                    let own = group.attributes.get(key).map_or("nothing", String::as_str);
                    write!(f, " {key} {own} -> {value}")?;
                }
                Ok(())
            }
            Addition::Place(route, pair) => {
                let label = route.forward.label();
                write!(
                    f,
                    "{} at weight 0 in the forward action of {label}",
                    pair.b_name()
                )
            }
        }
    }
}

/// `HTTP 8080, ip targets, vpc-1; 15 attributes, 2 tags`.
fn kind(group: &Group) -> String {
    let counted = |count: usize, noun: &str| match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    };
    format!(
        "{} {}, {} targets, {}; its health check, {}, {}",
        group.setting("Protocol"),
        group.setting("Port"),
        group.setting("TargetType"),
        group.setting("VpcId"),
        counted(group.attributes.len(), "attribute"),
        counted(group.tags.len(), "tag"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::proposal::propose;
    use super::super::testing::{facts, group, listener, owned, shop_a, twin};
    use super::*;

    #[test]
    fn says_what_was_found_and_what_is_missing() {
        let text = words(&propose(&facts()).unwrap()).join("\n");
        assert_eq!(
            text,
            "Adopt service shop in cluster prod, 123456789012 eu-west-1\n  \
               slot a   service shop, target group shop-a\n  \
               slot b   service shop-b, target group shop-b\n  \
               routes   shop:80\n           shop:80 api.example.com/v1/*\n\n\
             What is missing\n  \
               + target group shop-b like shop-a: HTTP 8080, ip targets, vpc-0a0a0a0a0a0a0a0a0; its health \
             check, 12 attributes, 1 tag\n  \
               + shop-b at weight 0 in the forward action of shop:80\n  \
               + shop-b at weight 0 in the forward action of shop:80 api.example.com/v1/*"
        );
    }

    #[test]
    fn a_group_that_was_left_half_done_lacks_its_attributes() {
        let mut facts = facts();
        let mut half = twin();
        half.attributes
            .extend(owned(&[("slow_start.duration_seconds", "0")]));
        facts.routes = vec![listener(&[(&shop_a(), 100), (&half, 0)])];
        facts.groups.push(half);
        let text = words(&propose(&facts).unwrap()).join("\n");
        assert!(
            text.ends_with(
                "What is missing\n  + attributes of target group shop-b, as shop-a has them: \
                 slow_start.duration_seconds 0 -> 30"
            ),
            "{text}"
        );
        let foreign = group("other", "0c");
        facts.groups.push(foreign);
        assert_eq!(words(&propose(&facts).unwrap()).join("\n"), text);
    }
}
