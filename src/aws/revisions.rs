//! What DescribeServices leaves out of a service's settings: its revisions show it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cloud::Cloud;
use super::ecs::{list, text};
use super::error::AwsError;

const CONNECTORS: &str = "gatewayConnectors";

impl Cloud {
    /// A service with its metrics' resolution, if that may be looked at.
    pub(super) async fn with_monitoring(&self, service: &Value) -> Result<Value, AwsError> {
        let mut service = service.clone();
        let Some(revision) = list(&service, "currentServiceRevisions").first() else {
            return Ok(service);
        };
        let body = json!({ "serviceRevisionArns": [text(revision, "arn")] });
        match self.describe_service_revisions(body).await {
            Err(error) if error.is_for_good() => {}
            described => {
                service["monitoring"] = described?["serviceRevisions"][0]["monitoring"].take();
            }
        }
        Ok(service)
    }

    /// Puts the gateway connectors of their revisions into those services that have any; what
    /// can't be looked at for good is a note.
    pub(super) async fn add_connectors(
        &self,
        services: impl IntoIterator<Item = &mut Value>,
        notes: &mut Vec<String>,
    ) -> Result<(), AwsError> {
        let mut services: Vec<&mut Value> = services.into_iter().collect();
        // Several, while a deployment of it goes on.
        let revisions = services.iter().enumerate().flat_map(|(at, service)| {
            let revisions = list(service, "currentServiceRevisions").iter();
            revisions.map(move |it| (text(it, "arn").to_owned(), at))
        });
        let of_service: BTreeMap<String, usize> = revisions.collect();
        if of_service.is_empty() {
            return Ok(());
        }
        let arns: Vec<&String> = of_service.keys().collect();
        let body = json!({ "serviceRevisionArns": arns });
        let described = match self.describe_service_revisions(body).await {
            Err(error) if error.is_for_good() => {
                notes.push(format!("gateway connectors can't be looked for: {error}"));
                return Ok(());
            }
            described => described?,
        };
        for revision in list(&described, "serviceRevisions") {
            let connectors = list(revision, CONNECTORS);
            let at = of_service.get(text(revision, "serviceRevisionArn"));
            if let (Some(at), false) = (at, connectors.is_empty()) {
                services[*at][CONNECTORS] = json!(connectors);
            }
        }
        Ok(())
    }
}
