//! Changing the weights of a pair of records, and nothing else of them. Pure.

use super::forward::{Edit, Refusal};
use super::xml::Element;
use crate::deployment::dns::{self, Record, integers};
use crate::deployment::ids::{SetId, SlotName, TargetGroupArn};
use crate::strategy::Weight;
use std::collections::BTreeMap;

/// What a list of records is kept in.
pub(super) const SETS: &str = "ResourceRecordSets";

/// Records as they have to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edited {
    /// Those that have to be written.
    pub(super) changed: Vec<Element>,
    /// All of them.
    pub(super) list: Element,
}

/// What the records give the target groups behind them.
pub(super) fn weights(list: &Element, record: &Record) -> BTreeMap<TargetGroupArn, u32> {
    let sets = list
        .children
        .iter()
        .filter_map(|it| Some((set_of(it)?, weight_of(it)?)));
    dns::weights(record, sets.collect())
}

/// What the records have to be for `edit` with `blue` as the slot that traffic comes from;
/// `None` where they are so.
pub(super) fn edit(
    list: &Element,
    record: &Record,
    blue: SlotName,
    edit: Edit,
) -> Result<Option<Edited>, Refusal> {
    let now = |slot: SlotName| {
        let set = &record.ends[slot].set;
        let own = list
            .children
            .iter()
            .find(|it| set_of(it).as_ref() == Some(set));
        own.and_then(weight_of)
    };
    let named = |slot: SlotName| record.ends[slot].set.to_string();
    let (Some(of_blue), Some(of_green)) = (now(blue), now(blue.other())) else {
        return Err(Refusal::NotOurs {
            blue: named(blue),
            green: named(blue.other()),
        });
    };
    let shows = |share: Weight| {
        let (blue, green) = (u64::from(of_blue), u64::from(of_green));
        integers(share).is_some_and(|(to_blue, to_green)| {
            blue + green > 0 && green * u64::from(to_blue) == blue * u64::from(to_green)
        })
    };
    let to = match edit {
        Edit::AddGreen | Edit::DropBlue => return Ok(None),
        Edit::AllBlue { .. } => Weight::ZERO,
        Edit::Raise { from, to } => {
            refuse_foreign(list, record)?;
            if shows(to) {
                return Ok(None);
            }
            if !from.is_none_or(shows) {
                return Err(Refusal::Moved {
                    blue: named(blue),
                    of_blue,
                    green: named(blue.other()),
                    of_green,
                });
            }
            to
        }
    };
    let (to_blue, to_green) = integers(to).ok_or(Refusal::NoWeights(to))?;
    let wanted = |set: &Element| {
        let id = set_of(set);
        let is = |slot: SlotName| id.as_ref() == Some(&record.ends[slot].set);
        match (is(blue), is(blue.other())) {
            (true, _) => Some(to_blue),
            (_, true) => Some(to_green),
            // With everything on blue nobody else has any.
            _ => weight_of(set).filter(|weight| *weight > 0).map(|_| 0),
        }
    };
    let (mut after, mut changed) = (list.clone(), Vec::new());
    for set in &mut after.children {
        if let Some(weight) = wanted(set) {
            set.set("Weight", weight.to_string());
            changed.push(set.clone());
        }
    }
    let list = after;
    Ok(Some(Edited { changed, list }))
}

fn refuse_foreign(list: &Element, record: &Record) -> Result<(), Refusal> {
    let ours = |set: &SetId| SlotName::BOTH.iter().any(|it| record.ends[*it].set == *set);
    let foreign = list.children.iter().find_map(|it| {
        let set = set_of(it).filter(|set| !ours(set))?;
        weight_of(it).filter(|weight| *weight > 0).map(|_| set)
    });
    foreign.map_or(Ok(()), |set| Err(Refusal::Foreign(format!("record {set}"))))
}

pub(super) fn set_of(set: &Element) -> Option<SetId> {
    set.text_of("SetIdentifier").map(SetId::new)
}

pub(super) fn weight_of(set: &Element) -> Option<u32> {
    set.text_of("Weight")?.parse().ok()
}

/// The body of a ChangeResourceRecordSets that writes records as they stand here.
pub(super) fn body(changed: &[Element], comment: &str) -> String {
    let changes = changed.iter().map(|set| {
        Element::node(
            "Change",
            vec![Element::leaf("Action", "UPSERT"), set.clone()],
        )
    });
    let batch = vec![
        Element::leaf("Comment", comment),
        Element::node("Changes", changes.collect()),
    ];
    let batch = Element::node("ChangeBatch", batch).to_xml();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ChangeResourceRecordSetsRequest \
         xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">{batch}\
         </ChangeResourceRecordSetsRequest>"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::aws::forward::Leftover;
    use crate::deployment::dns::{End, RecordType};
    use crate::deployment::ids::{HostedZoneId, LoadBalancerArn, RecordName, Slots};

    fn record() -> Record {
        let end = |name: &str| End {
            set: SetId::new(name),
            load_balancer: LoadBalancerArn::new(name),
            group: TargetGroupArn::new(format!("group-{name}")),
        };
        Record {
            zone: HostedZoneId::new("Z1"),
            name: RecordName::new("shop.example.com"),
            kind: RecordType::A,
            ttl: Duration::from_secs(60),
            ends: Slots {
                a: end("one"),
                b: end("two"),
            },
            is_in_two_zones: false,
        }
    }

    fn list(weights: &[(&str, u32)]) -> Element {
        let set = |(id, weight): &(&str, u32)| {
            format!(
                "<ResourceRecordSet><Name>shop.example.com.</Name><Type>A</Type>\
                 <SetIdentifier>{id}</SetIdentifier><Weight>{weight}</Weight><AliasTarget>\
                 <HostedZoneId>Z2</HostedZoneId><DNSName>{id}.elb.amazonaws.com.</DNSName>\
                 <EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>\
                 <HealthCheckId>h-{id}</HealthCheckId><Later a=\"b\">1 &lt; 2</Later>\
                 </ResourceRecordSet>"
            )
        };
        let sets: String = weights.iter().map(set).collect();
        Element::parse(format!("<{SETS}>{sets}</{SETS}>").as_bytes()).expect("a tree")
    }

    fn percent(percent: u16) -> Weight {
        Weight::of_percent(percent).expect("at most 100")
    }

    fn raise(from: u16, to: u16) -> Edit {
        Edit::Raise {
            from: Some(percent(from)),
            to: percent(to),
        }
    }

    fn of(edited: &Edited) -> Vec<u32> {
        edited.changed.iter().filter_map(weight_of).collect()
    }

    const BACK: Edit = Edit::AllBlue {
        green: Leftover::Named,
    };

    #[test]
    fn a_raise_changes_both_weights_and_nothing_else() {
        let before = list(&[("one", 255), ("two", 0)]);
        let edited = edit(&before, &record(), SlotName::A, raise(0, 10));
        let edited = edited.expect("it may").expect("it changes");
        assert_eq!(edited.list, list(&[("one", 9), ("two", 1)]));
        assert_eq!(of(&edited), [9, 1]);
        let body = body(&edited.changed, "x & y");
        let wanted = "<Action>UPSERT</Action><ResourceRecordSet><Name>shop.example.com.</Name>";
        assert!(body.contains(wanted), "{body}");
        assert!(
            body.contains("<HealthCheckId>h-two</HealthCheckId>"),
            "{body}"
        );
        assert!(body.contains("1 &lt; 2"), "{body}");
        assert!(body.contains("<Comment>x &amp; y</Comment>"), "{body}");
    }

    #[test]
    fn a_raise_is_refused_where_somebody_else_was() {
        let of = |weights: &[(&str, u32)], edit| {
            super::edit(&list(weights), &record(), SlotName::A, edit)
        };
        let moved = of(&[("one", 255), ("two", 0)], raise(10, 50));
        assert!(matches!(moved, Err(Refusal::Moved { .. })), "{moved:?}");
        let all_alike = of(&[("one", 0), ("two", 0)], raise(0, 50));
        assert!(
            matches!(all_alike, Err(Refusal::Moved { .. })),
            "{all_alike:?}"
        );
        let third = of(&[("one", 9), ("two", 1), ("three", 1)], raise(10, 50));
        assert_eq!(third, Err(Refusal::Foreign("record three".to_owned())));
        let gone = of(&[("one", 9)], raise(10, 50));
        assert!(matches!(gone, Err(Refusal::NotOurs { .. })), "{gone:?}");
        let done = of(&[("one", 50), ("two", 50)], raise(10, 50));
        assert_eq!(done, Ok(None), "an earlier try has done it");
    }

    #[test]
    fn a_revert_gives_blue_everything_whatever_there_was() {
        let before = list(&[("three", 7), ("one", 1), ("two", 99), ("idle", 0)]);
        let edited = edit(&before, &record(), SlotName::B, BACK);
        let edited = edited.expect("it may").expect("it is written");
        let after = [("three", 0), ("one", 0), ("two", 255), ("idle", 0)];
        assert_eq!(edited.list, list(&after));
        assert_eq!(
            of(&edited),
            [0, 0, 255],
            "the one that had nothing is left alone"
        );
    }

    #[test]
    fn weights_that_are_all_zero_are_equal_shares() {
        let weights = weights(&list(&[("one", 0), ("two", 0)]), &record());
        let weights: Vec<_> = weights
            .iter()
            .map(|(it, weight)| (it.as_str(), *weight))
            .collect();
        assert_eq!(weights, [("group-one", 1), ("group-two", 1)]);
    }
}
