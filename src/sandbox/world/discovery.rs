//! Cloud Map's namespaces and services. Their instances are no state of their own: they are the
//! running tasks of every ECS service that is registered in one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::World;
use super::ecs::json::{list, text};
use super::ecs::tasks::Task;

/// Everything in Cloud Map.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// Namespaces by id.
    pub namespaces: BTreeMap<String, Namespace>,
    /// Services by id.
    pub services: BTreeMap<String, DiscoveryService>,
    /// What each operation made, by its id: all are over at once.
    pub operations: BTreeMap<String, String>,
}

/// A namespace.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Its name, such as `prod.local`.
    pub name: String,
    /// `HTTP` or `DNS_PRIVATE`.
    pub kind: &'static str,
    /// When it was made.
    pub created: Timestamp,
}

/// A service in a namespace.
#[derive(Debug, Clone)]
pub struct DiscoveryService {
    /// Its name.
    pub name: String,
    /// Its namespace's id.
    pub namespace: String,
    /// What CreateService was sent, all of it.
    pub input: Value,
    /// When it was made.
    pub created: Timestamp,
}

/// A task as an instance of a service.
#[derive(Debug, Clone, Copy)]
pub struct Instance<'a> {
    /// The task.
    pub task: &'a Task,
    /// The ECS service's name.
    pub service: &'a str,
    /// The port that the registry's entry names, if any.
    pub port: Option<u64>,
}

impl World {
    /// The ARN of a Cloud Map service.
    pub fn registry_arn(&self, id: &str) -> String {
        let (region, account) = (&self.region, &self.account);
        format!("arn:aws:servicediscovery:{region}:{account}:service/{id}")
    }

    /// What is registered in a Cloud Map service: ECS registers a task when it runs, and takes it
    /// out before it stops.
    pub fn instances(&self, registry: &str) -> Vec<Instance<'_>> {
        let arn = self.registry_arn(registry);
        let mut found = Vec::new();
        for cluster in self.ecs.clusters.values() {
            for service in cluster.services.values() {
                let entries = service.settings.get("serviceRegistries");
                let entry = entries
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .find(|entry| text(entry, "registryArn") == Some(&arn));
                let Some(entry) = entry else { continue };
                let port = entry.get("containerPort").or_else(|| entry.get("port"));
                let port = port.and_then(Value::as_u64);
                let tasks = cluster.tasks.values();
                let own =
                    tasks.filter(|task| task.is_running() && task.service() == Some(&service.name));
                found.extend(own.map(|task| Instance {
                    task,
                    service: &service.name,
                    port,
                }));
            }
        }
        found
    }
}

/// The type of a service's first DNS record, such as `A` or `SRV`.
pub fn record_type(service: &DiscoveryService) -> Option<&str> {
    let dns = service.input.get("DnsConfig")?;
    text(list(dns, "DnsRecords").first()?, "Type")
}
