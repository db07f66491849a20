//! Which alarms a deployment can go by.

use serde_json::Value;

use super::facts::{AlarmNamed, Facts};
use super::proposal::{Pair, Twin};
use crate::deployment::ids::{AlarmName, EcsServiceName, Slots};
use crate::deployment::scaling::alarm_prefix;

/// A line of `guards.alarms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmLine {
    /// The alarm's name, perhaps with `{slot}`.
    pub name: String,
    /// Why it can't be a guard as it is, and what would make it one; none for a guard.
    pub unfit: Option<String>,
}

/// Every alarm that was found and is about the service, guards first.
///
/// An alarm of one slot alone watches the wrong side every other time, because the slots take
/// turns: it is a guard only with its twin of the other slot, as one name with `{slot}`. One on
/// the service's own figures, such as its processor time, more often scales it than stops a
/// deployment: it is a guard where the service's own deployments go by it. One on what neither
/// slot has, such as another service's load balancer, is none of this service's business.
pub(super) fn lines(
    facts: &Facts,
    services: &Slots<EcsServiceName>,
    pairs: &[Pair],
) -> Vec<AlarmLine> {
    let slots = Measured { services, pairs };
    let own = own(&facts.service);
    // A target-tracking policy's own alarms go with the policy.
    let alarms = facts.alarms.iter();
    let alarms: Vec<&AlarmNamed> = alarms
        .filter(|it| !it.name.as_str().starts_with("TargetTracking-"))
        .collect();
    // Those that bg made for a slot's step scaling go with its policies.
    let prefix = |service: &EcsServiceName| alarm_prefix(facts.cluster.as_str(), service.as_str());
    let prefixes = [prefix(&services.a), prefix(&services.b)];
    let is_made = |alarm: &AlarmNamed| {
        let mut prefixes = prefixes.iter();
        prefixes.any(|it| alarm.name.as_str().starts_with(it))
    };
    let mut lines: Vec<AlarmLine> = alarms
        .iter()
        .filter(|alarm| !is_made(alarm))
        .filter_map(|alarm| slots.line(alarm, &alarms, &own))
        .collect();
    // What measures neither the load balancer nor the service: an alarm made of others, say.
    let unseen = own
        .iter()
        .filter(|name| !facts.alarms.iter().any(|it| it.name.as_str() == **name));
    lines.extend(unseen.map(|name| guard((*name).to_owned())));
    let mut seen = std::collections::BTreeSet::new();
    lines.retain(|line| seen.insert(line.name.clone()));
    let (mut guards, others): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.unfit.is_none());
    guards.extend(others);
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
    /// What is written of an alarm; nothing of one that is another service's, or that is one with
    /// its twin.
    fn line(self, alarm: &AlarmNamed, all: &[&AlarmNamed], own: &[&str]) -> Option<AlarmLine> {
        let is_own = own.contains(&alarm.name.as_str());
        let is_asked = is_own || !alarm.is_of_service();
        let if_meant = match is_asked {
            true => "",
            false => "where it is to stop a deployment and not only to scale, ",
        };
        if let (false, Some(unfit)) = (is_own, of_others_too(alarm, all)) {
            return Some(unfit);
        }
        match (self.has(alarm, Side::A), self.has(alarm, Side::B)) {
            (true, true) if is_asked => Some(guard(alarm.name.as_str().to_owned())),
            (true, true) => Some(unasked(alarm.name.as_str().to_owned())),
            (true, false) => Some(match self.with_twin(alarm, Side::A, all) {
                Some(pattern) if is_asked => guard(pattern),
                Some(pattern) => unasked(pattern),
                None => unfit(alarm, ("a", "b"), if_meant),
            }),
            (false, true) => match self.with_twin(alarm, Side::B, all) {
                Some(pattern) => is_own.then(|| guard(pattern)),
                None => Some(unfit(alarm, ("b", "a"), if_meant)),
            },
            (false, false) if is_own || self.is_before(alarm) => {
                Some(guard(alarm.name.as_str().to_owned()))
            }
            (false, false) => None,
        }
    }

    /// The name that stands for an alarm of that side alone and for its twin of the other one.
    fn with_twin(self, alarm: &AlarmNamed, side: Side, all: &[&AlarmNamed]) -> Option<String> {
        let other = side.other();
        let is_other_s = |it: &&&AlarmNamed| self.has(it, other) && !self.has(it, side);
        let mut twins = all.iter().filter(is_other_s);
        twins.find_map(|twin| match side {
            Side::A => pattern(alarm.name.as_str(), twin.name.as_str()),
            Side::B => pattern(twin.name.as_str(), alarm.name.as_str()),
        })
    }

    /// Whether it watches a load balancer before the service, and no target group there.
    fn is_before(self, alarm: &AlarmNamed) -> bool {
        let mut own = self
            .pairs
            .iter()
            .filter_map(|it| it.a.load_balancer.as_ref());
        alarm.groups.is_empty()
            && own.any(|it| alarm.balancers.iter().any(|named| named == it.dimension()))
    }

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

fn unfit(alarm: &AlarmNamed, (own, other): (&str, &str), if_meant: &str) -> AlarmLine {
    let made_of: Vec<&str> = alarm.made_of.iter().map(AlarmName::as_str).collect();
    let measures = match made_of.is_empty() {
        true => "it measures".to_owned(),
        false => format!("it is made of {}, which measure", made_of.join(", ")),
    };
    AlarmLine {
        name: alarm.name.as_str().to_owned(),
        unfit: Some(format!(
            "{measures} slot {own}'s side only: {if_meant}make its twin for slot {other}'s, its \
             name the same but for a and b, and write that name here with {{slot}}"
        )),
    }
}

/// On both slots' services, and nothing says that it stops a deployment.
fn unasked(name: String) -> AlarmLine {
    let why = "it goes by the service's own figures, and the service's own deployments don't go by \
               it: write it here as a guard if it is to stop a deployment and not only to scale";
    AlarmLine {
        name,
        unfit: Some(why.to_owned()),
    }
}

/// An alarm that is made of alarms of which some aren't about the service.
fn of_others_too(alarm: &AlarmNamed, all: &[&AlarmNamed]) -> Option<AlarmLine> {
    let is_known = |name: &&AlarmName| all.iter().any(|it| it.name == **name);
    let others = alarm.made_of.iter().filter(|name| !is_known(name));
    let others: Vec<&str> = others.map(AlarmName::as_str).collect();
    (!others.is_empty()).then(|| AlarmLine {
        name: alarm.name.as_str().to_owned(),
        unfit: Some(format!(
            "it is made of alarms that don't measure this service, too ({}): write it here as a \
             guard if those are to stop a deployment",
            others.join(", ")
        )),
    })
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
    fn alarms_that_bg_made_for_step_scaling_are_not_suggested() {
        let mut facts = facts();
        facts.groups.push(twin());
        facts.alarms = vec![
            alarm("bg/prod/shop-b/busy", &["targetgroup/shop-b/0b"]),
            of_service("bg/prod/shop/idle", "shop"),
            alarm("bg/prod/shop-latency", &["targetgroup/shop-a/0a"]),
        ];
        let lines = propose(&facts).unwrap().alarms;
        let names: Vec<&str> = lines.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["bg/prod/shop-latency"], "somebody's own");
    }

    #[test]
    fn alarms_that_the_services_own_deployments_go_by_are_guards() {
        let mut facts = facts();
        facts.service["deploymentConfiguration"]["alarms"] = json!({
            "alarmNames": ["all-is-well", "shop-cpu", "shop-5xx"], "enable": true, "rollback": true,
        });
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
            [
                (shop.clone(), true),
                (well, true),
                (cpu, false),
                ("shop-scales-out".to_owned(), false)
            ]
        );
        facts.service["deploymentConfiguration"]["alarms"]["enable"] = json!(false);
        let rest = ["shop-cpu", "shop-scales-out"].map(|name| (name.to_owned(), false));
        assert_eq!(told(&facts), [vec![(shop, true)], rest.to_vec()].concat());
    }

    fn of_service(name: &str, service: &str) -> AlarmNamed {
        AlarmNamed {
            services: vec![service.to_owned()],
            balancers: Vec::new(),
            ..alarm(name, &[])
        }
    }

    #[test]
    fn what_no_deployment_goes_by_yet_is_named_with_the_way_to_a_guard() {
        let mut facts = facts();
        let made_of = |name: &str, children: &[&str]| AlarmNamed {
            made_of: children.iter().map(|it| AlarmName::new(*it)).collect(),
            ..of_service(name, "shop")
        };
        facts.alarms = vec![
            of_service("shop-cpu", "shop"),
            made_of("shop-is-ill", &["shop-cpu"]),
            made_of("all-is-ill", &["shop-cpu", "pump-stuck"]),
        ];
        let lines = propose(&facts).unwrap().alarms;
        let of = |name: &str| {
            let line = lines.iter().find(|line| line.name == name);
            line.and_then(|it| it.unfit.clone()).unwrap_or_default()
        };
        let way = "slot a's side only: where it is to stop a deployment and not only to scale, \
                   make its twin";
        assert!(of("shop-cpu").starts_with(&format!("it measures {way}")));
        let ill = of("shop-is-ill");
        assert!(
            ill.starts_with(&format!("it is made of shop-cpu, which measure {way}")),
            "{ill}"
        );
        assert!(
            of("all-is-ill").contains("too (pump-stuck)"),
            "{}",
            of("all-is-ill")
        );
        // Both slots' services have one.
        facts.service["serviceName"] = json!("shop-a");
        facts.alarms = vec![of_service("a-cpu", "shop-a"), of_service("b-cpu", "shop-b")];
        let lines = propose(&facts).unwrap().alarms;
        assert_eq!(lines.len(), 1, "{lines:?}");
        let why = lines[0].unfit.as_deref();
        assert_eq!(lines[0].name, "{slot}-cpu");
        assert!(
            why.is_some_and(|it| it.contains("if it is to stop a deployment")),
            "{lines:?}"
        );
    }
}
