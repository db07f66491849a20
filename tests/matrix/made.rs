//! What a team has made so far, and the names in its inputs that stand for it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Scene, between};
use crate::team::text;
use crate::wire::{borrowed, parsed, query, xml};

/// What was made so far.
pub(crate) struct Made<'s> {
    pub(crate) scene: &'s Scene,
    arns: BTreeMap<String, String>,
    /// The DNS names of load balancers.
    addresses: BTreeMap<String, String>,
}

impl<'s> Made<'s> {
    pub(crate) fn nothing(scene: &'s Scene) -> Made<'s> {
        Made {
            scene,
            arns: BTreeMap::new(),
            addresses: BTreeMap::new(),
        }
    }

    /// Remembers an ARN under a name.
    pub(crate) fn called(&mut self, name: &str, arn: String) {
        self.arns.insert(name.to_owned(), arn);
    }

    pub(crate) fn in_cloud_map(&mut self, registries: &[Value]) {
        if registries.is_empty() {
            return;
        }
        let space = json!({ "Name": "shop.local", "Vpc": "vpc-1" });
        let made = self.scene.cloud_map("CreatePrivateDnsNamespace", &space);
        let operation = json!({ "OperationId": made["OperationId"] });
        let made = self.scene.cloud_map("GetOperation", &operation);
        let id = &made["Operation"]["Targets"]["NAMESPACE"];
        for registry in registries {
            let mut registry = registry.clone();
            registry["NamespaceId"] = id.clone();
            let made = self.scene.cloud_map("CreateService", &registry);
            let arn = text(&made["Service"], "Arn").to_owned();
            self.arns.insert(text(&registry, "Name").to_owned(), arn);
        }
    }

    pub(crate) fn in_dns(&self, records: &[Value]) {
        if records.is_empty() {
            return;
        }
        let zone = json!({ "Name": "example.com", "CallerReference": "1" });
        let zone = xml(&json!({ "CreateHostedZoneRequest": zone }));
        let made = self.scene.dns("POST", "hostedzone", &zone);
        let id = between(&made, "<Id>/hostedzone/", "<").expect("an id");
        let change = |it| json!({ "Action": "CREATE", "ResourceRecordSet": self.resolved(it) });
        let changes: Vec<Value> = records.iter().map(change).collect();
        let batch = json!({ "ChangeResourceRecordSetsRequest": {
            "ChangeBatch": { "Changes": changes },
        } });
        self.scene
            .dns("POST", &format!("hostedzone/{id}/rrset"), &xml(&batch));
    }

    /// Makes something of the load balancers' and remembers its ARN under its name.
    pub(crate) fn elb(&mut self, operation: &str, input: &Value, list: &str, name: &str) -> String {
        let mut asked = self.resolved(input);
        if let Some(fields) = asked.as_object_mut() {
            fields.retain(|field, _| field != "Called" && field != "Attributes");
        }
        let answer = parsed(&self.scene.elb(operation, &borrowed(&query(&asked))));
        let made = &answer[list][0];
        let arns = made.as_object().into_iter().flatten();
        let own = [
            "LoadBalancerArn",
            "TargetGroupArn",
            "ListenerArn",
            "RuleArn",
        ];
        let mut arns = arns.filter(|(field, _)| own.contains(&field.as_str()));
        let of_listener = list == "Listeners";
        let arn = match of_listener {
            true => made["ListenerArn"].as_str(),
            false => arns.next().and_then(|(_, arn)| arn.as_str()),
        };
        let arn = arn
            .unwrap_or_else(|| panic!("{operation}: {answer}"))
            .to_owned();
        if let Some(address) = made["DNSName"].as_str() {
            let name = text(input, name).to_owned();
            self.addresses.insert(name, address.to_owned());
        }
        self.arns.insert(text(input, name).to_owned(), arn.clone());
        arn
    }

    pub(crate) fn attributes(&self, operation: &str, key: &str, arn: &str, of: &Value) {
        let Some(attributes) = of["Attributes"].as_object() else {
            return;
        };
        let attributes = attributes
            .iter()
            .map(|(key, value)| json!({ "Key": key, "Value": value }));
        let input = json!({ key: arn, "Attributes": attributes.collect::<Vec<_>>() });
        self.scene.elb(operation, &borrowed(&query(&input)));
    }

    pub(crate) fn of_scaling(&self, input: &Value) -> Value {
        let mut input = self.resolved(input);
        input["ServiceNamespace"] = json!("ecs");
        input["ScalableDimension"] = json!("ecs:service:DesiredCount");
        input["ResourceId"] = json!("service/demo/shop");
        input
    }

    /// With ARNs in the places of the names.
    pub(crate) fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => json!(self.named(text)),
            Value::Array(items) => items.iter().map(|item| self.resolved(item)).collect(),
            Value::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), self.resolved(value)));
                Value::Object(fields.collect())
            }
            plain => plain.clone(),
        }
    }

    fn named(&self, text: &str) -> String {
        let arn = |name: &str| {
            let arn = self.arns.get(name);
            arn.unwrap_or_else(|| panic!("nothing was made under the name {name}"))
                .clone()
        };
        let dimension = |name: &str| {
            let arn = arn(name);
            let last = arn.rsplit(':').next().unwrap_or_default();
            last.trim_start_matches("loadbalancer/").to_owned()
        };
        if let Some(name) = text.strip_prefix('@') {
            return arn(name);
        }
        if let Some((before, name)) = text.split_once('%') {
            let address = self.addresses.get(name.trim_end_matches('.'));
            return address.map_or_else(|| text.to_owned(), |it| format!("{before}{it}."));
        }
        // `#web/#shop` is a resource label.
        let parts = text.split('/').map(|part| match part.strip_prefix('#') {
            Some(name) => dimension(name),
            None => part.to_owned(),
        });
        match text.starts_with('#') {
            true => parts.collect::<Vec<_>>().join("/"),
            false => text.to_owned(),
        }
    }
}
