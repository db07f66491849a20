//! What others find a service by: Cloud Map's services with their instances, and Route 53's zones
//! with their records.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::look::{Look, items, note, remove};
use crate::support::Scene;
use crate::team::text;
use crate::wire::document;

/// What of an instance is its task's alone.
const PASSING_OF_INSTANCES: [&str; 2] = ["AVAILABILITY_ZONE", "AWS_INSTANCE_IPV4"];

impl Scene {
    /// Asks the region's Cloud Map.
    #[track_caller]
    pub(crate) fn cloud_map(&self, operation: &str, input: &Value) -> Value {
        let target = format!("Route53AutoNaming_v20170314.{operation}");
        self.json("servicediscovery", &target, input)
    }
}

/// Notes namespaces, services, and for each ECS service in them how many instances it has and what
/// one of them is like.
pub(crate) fn registries(scene: &Scene, look: &mut Look) {
    let spaces = scene.cloud_map("ListNamespaces", &json!({}));
    for space in items(&spaces["Namespaces"]) {
        note(look, &["namespace", text(space, "Name")], space);
    }
    let services = scene.cloud_map("ListServices", &json!({}));
    for service in items(&services["Services"]) {
        let shown = scene.cloud_map("GetService", &json!({ "Id": service["Id"] }));
        let (name, mut own) = (text(service, "Name"), shown["Service"].clone());
        remove(&mut own, |field| field == "InstanceCount");
        note(look, &["registry", name], &own);
        let listed = scene.cloud_map("ListInstances", &json!({ "ServiceId": service["Id"] }));
        let mut counts = BTreeMap::new();
        for instance in items(&listed["Instances"]) {
            let mut own = instance["Attributes"].clone();
            remove(&mut own, |field| PASSING_OF_INSTANCES.contains(&field));
            let of = text(&own, "ECS_SERVICE_NAME").to_owned();
            note(look, &["found", &of, name], &own);
            *counts.entry(of).or_insert(0) += 1;
        }
        for (of, count) in counts {
            note(look, &["found", &of, name, "instances"], &json!(count));
        }
    }
}

/// Notes hosted zones and every record in them.
pub(crate) fn records(scene: &Scene, look: &mut Look) {
    let zones = document(&scene.dns("GET", "hostedzone", ""));
    for zone in items(&zones["HostedZones"]) {
        note(look, &["zone", text(zone, "Name")], zone);
        let id = text(zone, "Id").trim_start_matches("/hostedzone/");
        let shown = document(&scene.dns("GET", &format!("hostedzone/{id}/rrset"), ""));
        for record in items(&shown["ResourceRecordSets"]) {
            note(look, &["record", &record_name(record)], record);
        }
    }
}

/// A record by its name, its type and, where it is one of several, its set.
pub(crate) fn record_name(record: &Value) -> String {
    let parts = ["Name", "Type", "SetIdentifier"].map(|field| text(record, field));
    parts.join(" ").trim_end().to_owned()
}
