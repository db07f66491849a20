//! What an idle slot's autoscaling has otherwise than what is carried over to it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::carry::parts;
use super::{ScalableTarget, Scaling};

/// Something in which they differ; `None` where one of them has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingDifference {
    /// What: `autoscaling maximum`, `autoscaling policy cpu`.
    pub field: String,
    /// What the idle slot has.
    pub own: Option<String>,
    /// What is carried over.
    pub carried: Option<String>,
}

/// In what `own` differs from `carried`. `another` stands for a policy or schedule that is
/// carried. The minimum of one that sleeps is this program's doing.
pub fn differences(
    carried: &Scaling,
    own: &ScalableTarget,
    another: &str,
) -> Vec<ScalingDifference> {
    let bound = |name: &str, own: u32, carried: u32| {
        (own != carried).then(|| ScalingDifference {
            field: format!("autoscaling {name}"),
            own: Some(own.to_string()),
            carried: Some(carried.to_string()),
        })
    };
    let min = bound("minimum", own.min, carried.min).filter(|_| !own.is_asleep());
    let bounds = min
        .into_iter()
        .chain(bound("maximum", own.max, carried.max));
    let (policies, schedules) = parts(own);
    let named = |kind, key, own: &[Value], carried: &[Value]| {
        let words = |there: bool, words: &str| there.then(|| words.to_owned());
        let of = |all: &[Value], name: &str| all.iter().find(|it| it[key] == name).cloned();
        let names = own.iter().chain(carried).filter_map(|it| it[key].as_str());
        let names: BTreeSet<&str> = names.collect();
        let differing = names.into_iter().filter_map(|name| {
            let (own, carried) = (of(own, name), of(carried, name));
            (own != carried).then(|| ScalingDifference {
                field: format!("autoscaling {kind} {name}"),
                own: words(own.is_some(), "its own"),
                carried: words(carried.is_some(), another),
            })
        });
        differing.collect::<Vec<_>>()
    };
    bounds
        .chain(named("policy", "PolicyName", &policies, &carried.policies))
        .chain(named(
            "schedule",
            "ScheduledActionName",
            &schedules,
            &carried.schedules,
        ))
        .collect()
}
