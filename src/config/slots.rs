//! `slots`: the two places that take turns.

use std::collections::BTreeSet;

use crate::strategy::{Fields, InputError, Node, Position, Reader};

/// The two slots. Their services and target groups are all different, and their targets stand in
/// the same order: those in the same place are a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Slot `a`.
    pub a: SlotConfig,
    /// Slot `b`; created from slot `a`'s service where missing.
    pub b: SlotConfig,
}

/// One slot: an ECS service with its target groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotConfig {
    /// The ECS service's name or ARN.
    pub service: String,
    /// What its tasks are registered with; nothing for a service without a load balancer. The same
    /// container and port may stand there several times, such as once for each load balancer.
    pub targets: Vec<TargetConfig>,
}

/// One target group of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetConfig {
    /// Which container's port it sends to; `None` where the service itself tells, which it does
    /// only for a single target.
    pub endpoint: Option<Endpoint>,
    /// The target group's name or ARN.
    pub group: String,
}

/// A container and one of its ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The container's name.
    pub container: String,
    /// The container's port.
    pub port: u16,
}

pub(super) const SLOTS_KEYS: [&str; 2] = ["a", "b"];
pub(super) const SLOT_KEYS: [&str; 3] = ["service", "target_group", "targets"];
pub(super) const TARGET_KEYS: [&str; 3] = ["container", "port", "group"];

const SLOT_FORM: &str = "a slot: { service, target_group }, or { service } without a load balancer";

/// A slot, and where what it names is written.
struct Written {
    slot: SlotConfig,
    at: Position,
    service_at: Position,
    groups_at: Vec<Position>,
}

pub(super) fn read_slots(reader: Reader<'_>, node: &Node) -> Result<Slots, InputError> {
    let fields = reader.fields(node, "two slots, `a` and `b`", &SLOTS_KEYS)?;
    let a = read_slot(reader, fields.required("a")?)?;
    let b = read_slot(reader, fields.required("b")?)?;
    if a.slot.service == b.slot.service {
        let what = format!("both slots name the service {:?}", b.slot.service);
        let hint = "each slot is an ECS service of its own; slot b's may be missing still";
        return Err(reader.error(b.service_at, what).with_hint(hint));
    }
    refuse_group_twice(reader, &a, &b)?;
    let b = in_order_of(reader, &a, b)?;
    Ok(Slots { a: a.slot, b })
}

fn refuse_group_twice(reader: Reader<'_>, a: &Written, b: &Written) -> Result<(), InputError> {
    let mut seen = BTreeSet::new();
    for written in [a, b] {
        for (target, at) in written.slot.targets.iter().zip(&written.groups_at) {
            if !seen.insert(&target.group) {
                let what = format!("the target group {:?} is named twice", target.group);
                let hint = "each slot has target groups of its own: one for each container port and each \
                            load balancer that sends to it";
                return Err(reader.error(*at, what).with_hint(hint));
            }
        }
    }
    Ok(())
}

/// Slot b with its targets in slot a's order; both must have the same containers and ports, each as
/// often. Where one stands there several times, the first in slot a goes with the first in slot b.
fn in_order_of(reader: Reader<'_>, a: &Written, b: Written) -> Result<SlotConfig, InputError> {
    let has_targets = [a, &b].map(|written| !written.slot.targets.is_empty());
    if let [true, false] | [false, true] = has_targets {
        let (with, at) = if has_targets[0] {
            ("a", b.at)
        } else {
            ("b", a.at)
        };
        let what = format!("only slot {with} has a target group");
        let hint = "each slot has its own: add `target_group: NAME` (`targets` for several), or \
                    leave it out of both slots where the service has no load balancer";
        return Err(reader.error(at, what).with_hint(hint));
    }
    let order = places(&a.slot.targets);
    let own = places(&b.slot.targets);
    if order.iter().collect::<BTreeSet<_>>() != own.iter().collect() {
        let what = "slot b's targets are other containers and ports than slot a's";
        let hint = "both slots run the same containers behind the same load balancers: name the same \
                    ones as often, each with its own group";
        return Err(reader.error(b.at, what).with_hint(hint));
    }
    let mut targets: Vec<_> = own.into_iter().zip(b.slot.targets).collect();
    targets.sort_by_key(|(place, _)| order.iter().position(|it| it == place));
    Ok(SlotConfig {
        targets: targets.into_iter().map(|(_, target)| target).collect(),
        ..b.slot
    })
}

/// Each target's container and port, and how many of the same stand before it.
fn places(targets: &[TargetConfig]) -> Vec<(Option<Endpoint>, usize)> {
    let before = |at: usize, target: &TargetConfig| {
        let earlier = targets[..at].iter();
        earlier.filter(|it| it.endpoint == target.endpoint).count()
    };
    let targets = targets.iter().enumerate();
    targets
        .map(|(at, target)| (target.endpoint.clone(), before(at, target)))
        .collect()
}

fn read_slot(reader: Reader<'_>, node: &Node) -> Result<Written, InputError> {
    let fields = reader.fields(node, SLOT_FORM, &SLOT_KEYS)?;
    let service = fields.required("service")?;
    let (targets, groups_at) = read_targets(reader, &fields)?;
    Ok(Written {
        slot: SlotConfig {
            service: reader.name(service, "an ECS service's name")?,
            targets,
        },
        at: node.at,
        service_at: service.at,
        groups_at,
    })
}

type Targets = (Vec<TargetConfig>, Vec<Position>);

fn read_targets(reader: Reader<'_>, fields: &Fields<'_, '_>) -> Result<Targets, InputError> {
    match (fields.optional("target_group"), fields.optional("targets")) {
        (Some(_), Some(_)) => {
            let what = "`target_group` and `targets` exclude each other";
            let hint = "`target_group` is short for a single entry of `targets`";
            Err(reader.error(fields.place("targets"), what).with_hint(hint))
        }
        // A service without a load balancer.
        (None, None) => Ok((Vec::new(), Vec::new())),
        (Some(group), None) => {
            let target = TargetConfig {
                endpoint: None,
                group: read_group(reader, group)?,
            };
            Ok((vec![target], vec![group.at]))
        }
        (None, Some(list)) => read_target_list(reader, list),
    }
}

fn read_target_list(reader: Reader<'_>, node: &Node) -> Result<Targets, InputError> {
    let items = reader.list(node, "a list of { container, port, group }")?;
    if items.is_empty() {
        return Err(reader.error(node.at, "a slot needs at least one target"));
    }
    let mut targets: Vec<TargetConfig> = Vec::new();
    let mut places = Vec::new();
    for item in items {
        let fields = reader.fields(item, "a target: { container, port, group }", &TARGET_KEYS)?;
        let group = fields.required("group")?;
        let endpoint = Endpoint {
            container: reader.name(fields.required("container")?, "a container's name")?,
            port: reader.port(fields.required("port")?)?,
        };
        let endpoint = Some(endpoint);
        targets.push(TargetConfig {
            endpoint,
            group: read_group(reader, group)?,
        });
        places.push(group.at);
    }
    Ok((targets, places))
}

fn read_group(reader: Reader<'_>, node: &Node) -> Result<String, InputError> {
    let group = reader.name(node, "a target group's name or ARN")?;
    if group.starts_with("arn:") && !group.contains(":targetgroup/") {
        return Err(reader.error(node.at, format!("{group:?} is not a target group's ARN")));
    }
    Ok(group)
}
