//! How a new task is made: its place, its interface, its containers, its targets.

use super::{
    Ctx,
    addresses::Instance,
    definitions::{Definition, port_mappings},
    json::text,
    obstacles,
    tasks::{NetworkInterface, Owner, PROVISIONING, Task, TaskContainer, TaskStatus, TaskTarget},
};
use crate::sandbox::world::{elb::TargetId, ids};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// What a new task is made from.
pub(super) struct Blueprint<'a> {
    /// Cluster name.
    pub(super) cluster: &'a str,
    /// What to run.
    pub(super) definition: &'a Arc<Definition>,
    /// For whom.
    pub(super) owner: Owner,
    /// Launch fields as shown.
    pub(super) launch: Map<String, Value>,
    /// Tags.
    pub(super) tags: Vec<Value>,
    /// Container instances that can take it, where it uses their network.
    pub(super) instances: Vec<Instance>,
    /// Subnets to spread over; empty where the task uses its instance's network.
    pub(super) subnets: Vec<&'a str>,
    /// Digests by image, where they were resolved already.
    pub(super) digests: &'a BTreeMap<String, String>,
    /// Load balancers: target group, container name, container port.
    pub(super) load_balancers: Vec<(&'a str, &'a str, u16)>,
    /// The service's or RunTask's own fields.
    pub(super) settings: &'a Map<String, Value>,
}

impl Blueprint<'_> {
    /// A new task, at the beginning of its life.
    pub(super) fn start(self, ctx: &mut Ctx<'_>) -> Task {
        let id = ids::hex(ctx.rng, 32);
        let place = match self.subnets.is_empty() {
            true => ctx.addresses.on_instance(&self.instances),
            false => ctx.addresses.place(&self.subnets, ctx.region),
        };
        let interface = place.subnet.as_ref().map(|subnet| NetworkInterface {
            attachment: ids::uuid(ctx.rng),
            id: format!("eni-{}", ids::hex(ctx.rng, 17)),
            mac: mac_address(&place.address),
            subnet: subnet.clone(),
        });
        let containers = self.containers(interface.is_some(), ctx);
        let exec_agent = self.exec_agent();
        let targets = self
            .load_balancers
            .iter()
            .map(|&(group, container, port)| TaskTarget {
                group: group.to_owned(),
                port,
                id: TargetId {
                    id: place.address.clone(),
                    port: answering_port(&containers, container, port),
                    zone: Some(place.zone.clone()),
                },
            })
            .collect();
        Task {
            arn: format!(
                "arn:aws:ecs:{}:{}:task/{}/{id}",
                ctx.region, ctx.account, self.cluster
            ),
            id,
            cluster: self.cluster.to_owned(),
            definition: Arc::clone(self.definition),
            owner: self.owner,
            launch: self.launch,
            tags: self.tags,
            status: TaskStatus::Provisioning,
            version: 1,
            due: Some(ctx.within(PROVISIONING)),
            stop: None,
            containers,
            address: place.address,
            interface,
            zone: place.zone,
            targets,
            obstacle: obstacles::of_start(self.definition, &self.subnets, self.settings),
            exec_agent,
            proven: false,
            accounted: false,
            created_at: ctx.now,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            execution_stopped_at: None,
            stopped_at: None,
        }
    }

    /// The agent needs a task role that allows it.
    fn exec_agent(&self) -> Option<bool> {
        let asked = self.settings.get("enableExecuteCommand") == Some(&Value::Bool(true));
        let role = self
            .definition
            .body
            .get("taskRoleArn")
            .and_then(Value::as_str);
        asked.then(|| role.is_some_and(|role| !role.contains("denied")))
    }

    fn containers(&self, own_address: bool, ctx: &mut Ctx<'_>) -> Vec<TaskContainer> {
        let definition = Arc::clone(self.definition);
        definition
            .containers()
            .iter()
            .map(|container| {
                let image = text(container, "image").unwrap_or_default().to_owned();
                TaskContainer {
                    name: text(container, "name").unwrap_or_default().to_owned(),
                    digest: self
                        .digests
                        .get(&image)
                        .cloned()
                        .unwrap_or_else(|| ctx.images.digest(&image)),
                    essential: container.get("essential") != Some(&Value::Bool(false)),
                    ports: port_mappings(container)
                        .map(|port| match port.host {
                            _ if own_address => (port.container, port.container),
                            Some(host) if host > 0 => (port.container, host),
                            _ => (port.container, ctx.addresses.dynamic_port()),
                        })
                        .collect(),
                    id: ids::uuid(ctx.rng),
                    exit_code: None,
                    reason: None,
                    behaviour: ctx.images.behaviour(&image),
                    image,
                }
            })
            .collect()
    }
}

fn answering_port(containers: &[TaskContainer], name: &str, port: u16) -> u16 {
    containers
        .iter()
        .find(|container| container.name == name)
        .and_then(|container| container.ports.iter().find(|(inside, _)| *inside == port))
        .map_or(port, |(_, outside)| *outside)
}

fn mac_address(address: &str) -> String {
    let hash = ids::fingerprint(address).to_be_bytes();
    format!(
        "0a:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
        hash[0], hash[1], hash[2], hash[3], hash[4]
    )
}
