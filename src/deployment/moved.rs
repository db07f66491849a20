//! Traffic that somebody has moved since a deployment made the other slot the live one: a stack
//! update that writes its template's weights, for example. Pure.

use serde_json::Value;

use super::bare::{LIVE_TAG, tag};
use super::ids::{DeploymentId, SlotName, Slots};

/// The deployment that made the slot beside the live one live, where none has made the live one
/// that since. The services are as DescribeServices prints them, with their tags.
pub fn since(services: &Slots<Option<Value>>, live: SlotName) -> Option<DeploymentId> {
    let made_live = |slot: SlotName| tag(services[slot].as_ref()?, LIVE_TAG).map(DeploymentId::new);
    // Ids sort by time.
    let beside = made_live(live.other())?;
    (made_live(live).as_ref() < Some(&beside)).then_some(beside)
}

/// What happened, and what puts it right.
pub fn in_words(id: &DeploymentId, live: SlotName) -> [String; 2] {
    let beside = live.other();
    [
        format!(
            "deployment {id} made slot {beside} live, and somebody has moved its traffic to slot \
             {live} since"
        ),
        format!("if that was a slip: `bg rollback --to {beside} --force` moves it back at once"),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(live: Option<&str>) -> Option<Value> {
        let tags: Vec<Value> = live
            .map(|id| json!({ "key": LIVE_TAG, "value": id }))
            .into_iter()
            .collect();
        Some(json!({ "tags": tags }))
    }

    #[test]
    fn traffic_that_left_the_slot_that_a_deployment_made_live_was_moved() {
        let (old, new) = (Some("20261120-070000-aaaa"), Some("20261121-070000-aaaa"));
        let moved = |a, b| {
            let services = Slots {
                a: service(a),
                b: service(b),
            };
            since(&services, SlotName::A).map(|id| id.to_string())
        };
        assert_eq!(moved(None, new).as_deref(), new);
        assert_eq!(moved(old, new).as_deref(), new);
        assert_eq!(moved(new, old), None);
        assert_eq!(moved(new, None), None);
        assert_eq!(moved(None, None), None);
    }
}
