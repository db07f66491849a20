//! Who forwards to a target group: every listener and rule of the load balancers that use it.

use std::collections::{BTreeMap, BTreeSet};

use super::cloud::Cloud;
use super::error::AwsError;
use super::forward;
use super::listeners::{Item, names};
use super::together::{all, some};
use super::xml::Element;
use crate::deployment::ids::{LoadBalancerArn, RouteArn, TargetGroupArn};
use crate::deployment::surroundings::{Forward, GroupFound};

/// Calls at once, out of a bucket of 40 that refills by 10 a second and isn't only ours.
const AT_ONCE: usize = 8;

impl Cloud {
    /// Each of `groups` (names or ARNs), and every forward action of the load balancers that use
    /// any of them which names any of them. Needs nothing but ELBv2.
    pub async fn forwards_of(
        &self,
        groups: &[String],
    ) -> Result<(BTreeMap<String, Option<GroupFound>>, Vec<Forward>), AwsError> {
        let found = self.groups(groups).await?;
        let ours: Vec<&TargetGroupArn> = found.values().flatten().map(|group| &group.arn).collect();
        let balancers: BTreeSet<&LoadBalancerArn> = found
            .values()
            .flatten()
            .filter_map(|group| group.load_balancer.as_ref())
            .collect();
        let mut forwards = Vec::new();
        for of_one in all(balancers
            .into_iter()
            .map(|balancer| self.forwards(balancer)))
        .await
        {
            forwards.extend(of_one?);
        }
        let names_ours = |list: &Element| {
            let weights = forward::weights(list, &ours);
            ours.iter().any(|group| weights.contains_key(group))
        };
        let forwards = forwards
            .into_iter()
            .filter(|(_, list)| names_ours(list))
            .map(|(forward, list)| Forward {
                weights: forward::weights(&list, &ours),
                sticky: forward::stickiness(&list),
                user_pools: forward::user_pools(&list),
                ..forward
            })
            .collect();
        Ok((found, forwards))
    }

    /// Every default action and every rule of a load balancer, with its action list.
    pub(super) async fn forwards(
        &self,
        load_balancer: &LoadBalancerArn,
    ) -> Result<Vec<(Forward, Element)>, AwsError> {
        let listeners = self.listeners_of(load_balancer).await?;
        let with_rules = |listener: &Element| {
            let arn = listener
                .text_of("ListenerArn")
                .unwrap_or_default()
                .to_owned();
            async move {
                match load_balancer.is_network() {
                    true => Ok(Vec::new()),
                    false => self.rules_of(&arn).await,
                }
            }
        };
        let rules = some(AT_ONCE, listeners.iter().map(with_rules).collect()).await;
        let mut forwards = Vec::new();
        for (listener, rules) in listeners.iter().zip(rules) {
            let port = listener.text_of("Port").and_then(|port| port.parse().ok());
            let of = |item: &Element, kind| forward(item, kind, load_balancer, port.unwrap_or(0));
            forwards.push(of(listener, Item::Listener));
            // The default rule is the listener's default action once more.
            let own = rules?
                .into_iter()
                .filter(|rule| rule.text_of("IsDefault") != Some("true"));
            forwards.extend(own.map(|rule| of(&rule, Item::Rule)));
        }
        Ok(forwards)
    }
}

fn forward(
    item: &Element,
    kind: Item,
    load_balancer: &LoadBalancerArn,
    port: u16,
) -> (Forward, Element) {
    let names = names(kind);
    let priority = item.text_of("Priority").map(str::to_owned);
    let forward = Forward {
        arn: RouteArn::new(item.text_of(names.arn).unwrap_or_default()),
        kind: kind.kind(),
        load_balancer: load_balancer.clone(),
        port,
        priority: priority.filter(|_| kind == Item::Rule),
        hosts: condition(item, "host-header", "HostHeaderConfig"),
        paths: condition(item, "path-pattern", "PathPatternConfig"),
        headers: headers(item),
        weights: BTreeMap::new(),
        sticky: None,
        user_pools: Vec::new(),
    };
    (
        forward,
        item.child(names.actions).cloned().unwrap_or_default(),
    )
}

/// The values of a rule's condition: in its own structure, or in the older plain list.
pub(super) fn condition(rule: &Element, field: &str, config: &str) -> Vec<String> {
    let conditions = rule.members("Conditions").iter();
    conditions
        .filter(|condition| condition.text_of("Field") == Some(field))
        .flat_map(|condition| {
            let own = condition
                .child(config)
                .map_or(&[][..], |config| config.members("Values"));
            match own.is_empty() {
                true => condition.members("Values"),
                false => own,
            }
        })
        .map(|value| value.text.clone())
        .collect()
}

/// The values of a rule's header conditions, as `name: value`.
pub(super) fn headers(rule: &Element) -> Vec<String> {
    let configs = rule.members("Conditions").iter();
    let configs = configs.filter_map(|condition| condition.child("HttpHeaderConfig"));
    configs
        .flat_map(|config| {
            let name = config.text_of("HttpHeaderName").unwrap_or_default();
            let name = name.to_lowercase();
            let values = config.members("Values").iter();
            values.map(move |value| format!("{name}: {}", value.text))
        })
        .collect()
}
