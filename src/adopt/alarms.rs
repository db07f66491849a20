//! Which alarms a deployment can go by.

use super::facts::{AlarmNamed, Facts};
use super::proposal::{Pair, Twin};

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
/// An alarm of one slot's group alone watches the wrong side every other time, because the slots
/// take turns: it is a guard only with its twin of the other slot, as one name with `{slot}`.
pub(super) fn lines(facts: &Facts, pairs: &[Pair]) -> Vec<AlarmLine> {
    let mut guards = Vec::new();
    let mut others = Vec::new();
    // A target-tracking policy's own alarms go with the policy.
    let alarms = facts.alarms.iter();
    let of_policies = |it: &&AlarmNamed| it.name.as_str().starts_with("TargetTracking-");
    for alarm in alarms.filter(|it| !of_policies(it)) {
        match (
            names_slot(alarm, pairs, Side::A),
            names_slot(alarm, pairs, Side::B),
        ) {
            (true, false) => {
                let twins = facts
                    .alarms
                    .iter()
                    .filter(|it| names_slot(it, pairs, Side::B) && !names_slot(it, pairs, Side::A));
                let mut patterns =
                    twins.filter_map(|twin| pattern(alarm.name.as_str(), twin.name.as_str()));
                match patterns.next() {
                    Some(pattern) => guards.push(guard(pattern)),
                    None => others.push(unfit(alarm, "a", "b")),
                }
            }
            (false, true) => {
                let twins = facts
                    .alarms
                    .iter()
                    .filter(|it| names_slot(it, pairs, Side::A));
                let paired =
                    |twin: &AlarmNamed| pattern(twin.name.as_str(), alarm.name.as_str()).is_some();
                if !twins.into_iter().any(paired) {
                    others.push(unfit(alarm, "b", "a"));
                }
            }
            (true, true) | (false, false) => guards.push(guard(alarm.name.as_str().to_owned())),
        }
    }
    guards.append(&mut others);
    guards
}

#[derive(Clone, Copy)]
enum Side {
    A,
    B,
}

fn names_slot(alarm: &AlarmNamed, pairs: &[Pair], side: Side) -> bool {
    let group = |pair: &Pair| match (side, &pair.b) {
        (Side::A, _) => Some(pair.a.id()),
        (Side::B, Twin::There { group, .. }) => Some(group.id()),
        (Side::B, Twin::New { .. }) => None,
    };
    let mut groups = pairs.iter().filter_map(group);
    let of_groups = groups.any(|group| alarm.groups.iter().any(|named| named == group.dimension()));
    of_groups || alarm.groups.is_empty() && pairs.iter().any(|it| is_behind(alarm, it, side))
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
}
