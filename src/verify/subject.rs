//! What is to be verified.

use serde_json::Value;

use crate::deployment::ids::{AlarmName, RoleArn};
use crate::deployment::task_definition::Launch;

/// What runs beside the containers where the service has Service Connect.
const PROXY: &str = "Service Connect";

/// A version, and the service that is to run it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The task definition, in the form in which it is registered.
    pub definition: Value,
    /// Where its tasks run.
    pub launch: Launch,
    /// The service's settings; null where there is none yet.
    pub service: Value,
    /// The account of the credentials.
    pub account: String,
    /// The region.
    pub region: String,
    /// The alarms that the config names.
    pub alarms: Vec<AlarmName>,
    /// The dead-man switch's role.
    pub switch: Option<RoleArn>,
}

impl Subject {
    pub(super) fn containers(&self) -> impl Iterator<Item = &Value> {
        list(&self.definition, "containerDefinitions").iter()
    }

    /// Where lines go: those of each container, and of the proxy that Service Connect adds.
    pub(super) fn logs(&self) -> impl Iterator<Item = (&str, &Value)> {
        let of_containers = self
            .containers()
            .filter_map(|it| Some((text(it, "name"), it.get("logConfiguration")?)));
        let connect = self.service.get("serviceConnectConfiguration");
        let connect = connect.filter(|it| it.get("enabled") == Some(&Value::Bool(true)));
        let of_proxy = connect.and_then(|it| it.get("logConfiguration"));
        of_containers.chain(of_proxy.map(|it| (PROXY, it)))
    }

    /// The ARNs of the credential specs with which containers join a domain, each with its
    /// container: `credentialspec:ARN` or `credentialspecdomainless:ARN`.
    pub(super) fn credential_specs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.containers().flat_map(|container| {
            let specs = texts(container.get("credentialSpecs")).into_iter();
            let arns = specs.filter_map(|spec| spec.split_once(':'));
            let arns = arns.filter(|(_, arn)| arn.starts_with("arn:"));
            arns.map(move |(_, arn)| (text(container, "name"), arn))
        })
    }

    /// The ARN of the role that starts the tasks, where one is set.
    pub(super) fn execution_role(&self) -> Option<String> {
        self.role("executionRoleArn")
    }

    /// The ARN of the role that the containers have, where one is set.
    pub(super) fn task_role(&self) -> Option<String> {
        self.role("taskRoleArn")
    }

    /// A definition names a role, or gives its ARN.
    fn role(&self, key: &str) -> Option<String> {
        match text(&self.definition, key) {
            "" => None,
            arn if arn.starts_with("arn:") => Some(arn.to_owned()),
            name => Some(format!(
                "arn:{}:iam::{}:role/{name}",
                self.partition(),
                self.account
            )),
        }
    }

    pub(super) fn partition(&self) -> &'static str {
        match &self.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let list = value.get(key).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// One text, or several.
pub(super) fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
