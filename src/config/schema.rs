//! The JSON Schema of `bg.yaml`, for editors.

/// The JSON Schema (draft 2020-12) of `bg.yaml`; `$defs.strategy` is that of a strategy file.
pub fn schema() -> serde_json::Value {
    let text = include_str!("schema.json");
    serde_json::from_str(text).expect("a test reads the schema")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::config::{deadman, gates, guards, metrics, notify, read, routes, slots};

    fn keys<'k>(keys: impl IntoIterator<Item = &'k str>) -> BTreeSet<String> {
        keys.into_iter().map(str::to_owned).collect()
    }

    fn at(pointer: &str) -> Value {
        let schema = schema();
        let found = schema.pointer(pointer);
        found
            .unwrap_or_else(|| panic!("nothing at {pointer}"))
            .clone()
    }

    #[test]
    fn every_mapping_has_the_keys_that_are_read_and_no_others() {
        let same = |pointer: &str, known: &[&str]| {
            let mapping = at(pointer);
            let properties = mapping["properties"].as_object().unwrap();
            assert_eq!(
                keys(properties.keys().map(String::as_str)),
                keys(known.iter().copied())
            );
            assert_eq!(mapping["additionalProperties"], false, "{pointer}");
        };
        same("", &read::CONFIG_KEYS);
        same("/properties/slots", &slots::SLOTS_KEYS);
        same("/$defs/slot", &slots::SLOT_KEYS);
        same("/$defs/target", &slots::TARGET_KEYS);
        same("/$defs/route", &routes::ROUTE_KEYS);
        same("/$defs/record", &routes::RECORD_KEYS);
        same("/properties/guards", &guards::GUARDS_KEYS);
        same(
            "/properties/guards/properties/targets",
            &guards::TARGET_GUARD_KEYS,
        );
        same("/$defs/alarm", &guards::ALARM_KEYS);
        same(
            "/properties/guards/properties/metrics",
            &metrics::METRICS_KEYS,
        );
        same("/$defs/errors", &metrics::ERRORS_KEYS);
        same("/$defs/latency", &metrics::LATENCY_KEYS);
        same("/$defs/load_balancer", &metrics::LOAD_BALANCER_KEYS);
        same("/$defs/metric", &metrics::METRIC_KEYS);
        same("/$defs/threshold", &metrics::THRESHOLD_KEYS);
        same("/$defs/compare", &metrics::COMPARE_KEYS);
        same("/$defs/compared", &metrics::COMPARED_KEYS);
        same("/$defs/bounds", &metrics::BOUNDS_KEYS);
        same("/$defs/gate", &gates::GATE_KEYS);
        same("/$defs/http", &gates::HTTP_KEYS);
        same("/$defs/lambda", &gates::LAMBDA_KEYS);
        same("/$defs/image", &gates::IMAGE_KEYS);
        same("/$defs/window", &gates::WINDOW_KEYS);
        same("/$defs/freeze", &gates::FREEZE_KEYS);
        same("/properties/retire", &read::RETIRE_KEYS);
        same("/properties/deadman", &deadman::DEADMAN_KEYS);
        same("/properties/signals", &read::SIGNALS_KEYS);
        same("/$defs/channel", &notify::NOTIFY_KEYS);
        same("/$defs/webhook", &notify::WEBHOOK_KEYS);
        same("/$defs/github_deployment", &notify::GITHUB_KEYS);
    }

    #[test]
    fn every_choice_has_the_words_that_are_read() {
        let words = |pointer: &str| {
            let list = at(pointer);
            keys(
                list.as_array()
                    .unwrap()
                    .iter()
                    .map(|word| word.as_str().unwrap()),
            )
        };
        assert_eq!(
            words("/properties/retire/properties/then/enum"),
            keys(read::RETIRE_THEN.map(|c| c.0))
        );
        assert_eq!(
            words("/$defs/channel/properties/on/items/enum"),
            keys(crate::notify::Occasion::ALL.map(|it| it.0))
        );
        assert_eq!(
            words("/properties/discovery/enum"),
            keys(read::DISCOVERY.map(|c| c.0))
        );
        assert_eq!(
            words("/properties/green_capacity/enum"),
            keys(read::GREEN_CAPACITY.map(|c| c.0))
        );
        assert_eq!(
            words("/$defs/on_signal/enum"),
            keys(read::ON_SIGNAL.map(|c| c.0))
        );
        assert_eq!(
            words("/$defs/alarm/properties/side/enum"),
            keys(guards::SIDES.map(|c| c.0))
        );
        let policies = words("/$defs/alarm/properties/insufficient_data/enum");
        assert_eq!(policies, keys(guards::INSUFFICIENT_DATA.map(|c| c.0)));
        let missing = words("/$defs/threshold/properties/missing/enum");
        assert_eq!(missing, keys(metrics::MISSING.map(|c| c.0)));
        let compared = |key: &str| words(&format!("/$defs/compared/properties/{key}/enum"));
        assert_eq!(compared("worse"), keys(metrics::WORSE.map(|c| c.0)));
        assert_eq!(compared("effect"), keys(metrics::EFFECTS.map(|c| c.0)));
        assert_eq!(compared("outliers"), keys(metrics::OUTLIERS.map(|c| c.0)));
        let missing = keys(metrics::MISSING_VALUES.map(|c| c.0));
        assert_eq!(compared("missing"), missing);
    }
}
