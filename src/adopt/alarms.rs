//! Which alarms a deployment can go by.

use serde_json::Value;

use super::facts::{AlarmNamed, Facts};
use super::proposal::{Pair, Twin};
use crate::deployment::ids::{EcsServiceName, Slots};

/// A line of `guards.alarms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmLine {
    /// The alarm's name, perhaps with `{slot}`.
    pub name: String,
    /// Why it can't be a guard as it is, and what would make it one; none for a guard.
    pub unfit: Option<String>,
}

/// Every alarm that was found, guards first.
///
/// An alarm of one slot alone watches the wrong side every other time, because the slots take
/// turns: it is a guard only with its twin of the other slot, as one name with `{slot}`. One on
/// the service's own figures, such as its processor time, more often scales it than stops a
/// deployment: it is a guard where the service's own deployments go by it.
pub(super) fn lines(
    facts: &Facts,
    services: &Slots<EcsServiceName>,
    pairs: &[Pair],
) -> Vec<AlarmLine> {
    let slots = Measured { services, pairs };
    let own = own(&facts.service);
    // A target-tracking policy's own alarms go with the policy.
    let alarms = facts.alarms.iter();
    let alarms = alarms.filter(|it| !it.name.as_str().starts_with("TargetTracking-"));
    let of = |side: Side| {
        let only = move |it: &&AlarmNamed| slots.has(it, side) && !slots.has(it, side.other());
        alarms.clone().filter(only)
    };
    let is_asked = |it: &AlarmNamed| !it.is_of_service() || own.contains(&it.name.as_str());
    let mut guards = Vec::new();
    let mut others = Vec::new();
    for alarm in alarms.clone() {
        let twin_of = |side: Side| {
            let twins = of(side.other());
            let mut patterns = twins.filter_map(move |twin| match side {
                Side::A => pattern(alarm.name.as_str(), twin.name.as_str()),
                Side::B => pattern(twin.name.as_str(), alarm.name.as_str()),
            });
            patterns.next()
        };
        match (slots.has(alarm, Side::A), slots.has(alarm, Side::B)) {
            _ if !is_asked(alarm) => {}
            (true, false) => match twin_of(Side::A) {
                Some(pattern) => guards.push(guard(pattern)),
                None => others.push(unfit(alarm, "a", "b")),
            },
            (false, true) => match twin_of(Side::B) {
                Some(pattern) if own.contains(&alarm.name.as_str()) => guards.push(guard(pattern)),
                Some(_) => {}
                None => others.push(unfit(alarm, "b", "a")),
            },
            (true, true) | (false, false) => guards.push(guard(alarm.name.as_str().to_owned())),
        }
    }
    // What measures neither the load balancer nor the service: an alarm made of others, say.
    let unseen = own
        .iter()
        .filter(|name| !facts.alarms.iter().any(|it| it.name.as_str() == **name));
    guards.extend(unseen.map(|name| guard((*name).to_owned())));
    let mut seen = std::collections::BTreeSet::new();
    guards.retain(|line| seen.insert(line.name.clone()));
    guards.append(&mut others);
    guards
}

/// The alarms that the service's own deployments go by (`deploymentConfiguration.alarms`).
fn own(service: &Value) -> Vec<&str> {
    let alarms = &service["deploymentConfiguration"]["alarms"];
    let names = alarms["alarmNames"].as_array();
    let names = names.filter(|_| alarms["enable"] == true);
    names
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[derive(Clone, Copy)]
enum Side {
    A,
    B,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }
}

/// What the slots have of their own.
#[derive(Clone, Copy)]
struct Measured<'a> {
    services: &'a Slots<EcsServiceName>,
    pairs: &'a [Pair],
}

impl Measured<'_> {
    /// Whether an alarm measures that slot.
    fn has(self, alarm: &AlarmNamed, side: Side) -> bool {
        let service = match side {
            Side::A => &self.services.a,
            Side::B => &self.services.b,
        };
        if alarm.services.iter().any(|named| named == service.as_str()) {
            return true;
        }
        let group = |pair: &Pair| match (side, &pair.b) {
            (Side::A, _) => Some(pair.a.id()),
            (Side::B, Twin::There { group, .. }) => Some(group.id()),
            (Side::B, Twin::New { .. }) => None,
        };
        let mut groups = self.pairs.iter().filter_map(group);
        let of_groups =
            groups.any(|group| alarm.groups.iter().any(|named| named == group.dimension()));
        of_groups
            || alarm.groups.is_empty() && self.pairs.iter().any(|it| is_behind(alarm, it, side))
    }
}

/// Whether an alarm watches a load balancer that only that slot is behind.
fn is_behind(alarm: &AlarmNamed, pair: &Pair, side: Side) -> bool {
    let Twin::There { group, .. } = &pair.b else {
        return false;
    };
    let (Some(a), Some(b)) = (&pair.a.load_balancer, &group.load_balancer) else {
        return false;
    };
    let own = match side {
        Side::A => a,
        Side::B => b,
    };
    a != b && alarm.balancers.iter().any(|named| named == own.dimension())
}

fn guard(name: String) -> AlarmLine {
    AlarmLine { name, unfit: None }
}

fn unfit(alarm: &AlarmNamed, own: &str, other: &str) -> AlarmLine {
    AlarmLine {
        name: alarm.name.as_str().to_owned(),
        unfit: Some(format!(
            "it measures slot {own}'s side only: make its twin for slot {other}'s, its \
             name the same but for a and b, and write that name here with {{slot}}"
        )),
    }
}

/// The name that stands for both where they are the same but for one `a` and `b`.
fn pattern(a: &str, b: &str) -> Option<String> {
    let same = a
        .bytes()
        .zip(b.bytes())
        .take_while(|(one, other)| one == other);
    let at = same.count();
    let (start, rest) = (a.get(..at)?, a.get(at..)?.strip_prefix('a')?);
    (b.get(at..)?.strip_prefix('b')? == rest).then(|| format!("{start}{{slot}}{rest}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::proposal::propose;
    use super::super::testing::{alarm, facts, twin};
    use super::*;

    #[test]
    fn one_name_stands_for_both_slots_alarms() {
        assert_eq!(
            pattern("shop-a-5xx", "shop-b-5xx").as_deref(),
            Some("shop-{slot}-5xx")
        );
        assert_eq!(pattern("shop-a-5xx", "shop-b-4xx"), None);
        assert_eq!(pattern("shop-5xx", "shop-b-5xx"), None);
        assert_eq!(pattern("same", "same"), None);
    }

    #[test]
    fn alarms_of_both_slots_and_of_the_load_balancer_are_guards_and_lone_ones_are_not() {
        let mut facts = facts();
        facts.groups.push(twin());
        facts.alarms = vec![
            alarm("shop-a-5xx", &["targetgroup/shop-a/0a"]),
            alarm("shop-b-5xx", &["targetgroup/shop-b/0b"]),
            alarm("shop-latency", &["targetgroup/shop-a/0a"]),
            alarm("balancer-5xx", &[]),
            alarm(
                "TargetTracking-service/prod/shop-AlarmHigh-1",
                &["targetgroup/shop-a/0a"],
            ),
        ];
        let proposal = propose(&facts).unwrap();
        let lines = proposal.alarms.iter();
        let lines: Vec<_> = lines
            .map(|it| (it.name.as_str(), it.unfit.is_none()))
            .collect();
        assert_eq!(
            lines,
            [
                ("shop-{slot}-5xx", true),
                ("balancer-5xx", true),
                ("shop-latency", false)
            ]
        );
    }

    #[test]
    fn alarms_that_the_services_own_deployments_go_by_are_guards() {
        let mut facts = facts();
        facts.service["deploymentConfiguration"]["alarms"] = json!({
            "alarmNames": ["all-is-well", "shop-cpu", "shop-5xx"], "enable": true, "rollback": true,
        });
        let of_service = |name: &str, service: &str| AlarmNamed {
            services: vec![service.to_owned()],
            balancers: Vec::new(),
            ..alarm(name, &[])
        };
        facts.alarms = vec![
            alarm("shop-5xx", &[]),
            of_service("shop-cpu", "shop"),
            of_service("shop-scales-out", "shop"),
        ];
        let told = |facts: &Facts| {
            let lines = propose(facts).unwrap().alarms.into_iter();
            let lines = lines.map(|it| (it.name, it.unfit.is_none()));
            lines.collect::<Vec<_>>()
        };
        let (well, shop) = ("all-is-well".to_owned(), "shop-5xx".to_owned());
        let cpu = "shop-cpu".to_owned();
        assert_eq!(
            told(&facts),
            [(shop.clone(), true), (well, true), (cpu, false)]
        );
        facts.service["deploymentConfiguration"]["alarms"]["enable"] = json!(false);
        assert_eq!(told(&facts), [(shop, true)]);
    }
}
