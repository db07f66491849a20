//! Who answers at which address and port.

use super::tasks::{Task, TaskContainer};
use crate::sandbox::world::ids;
use std::collections::BTreeMap;

/// A container that answers.
#[derive(Debug, Clone)]
pub(super) struct Occupant {
    pub(super) cluster: String,
    pub(super) task: String,
    pub(super) container: usize,
}

/// Where a new task is put.
pub(super) struct Place {
    pub(super) address: String,
    pub(super) zone: String,
    pub(super) subnet: Option<String>,
}

/// The addresses in use, and the next free ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses {
    occupied: BTreeMap<String, BTreeMap<u16, Occupant>>,
    next: u32,
    next_port: u16,
    /// The container instances that were registered, by cluster.
    instances: BTreeMap<String, Vec<Instance>>,
}

/// A container instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The EC2 instance.
    pub id: String,
    /// Its zone.
    pub zone: String,
}

impl Instance {
    /// Its address in the VPC: always the same one.
    pub fn private_address(&self) -> String {
        let [.., high, low] = ids::fingerprint(&self.id).to_be_bytes();
        format!("172.31.{high}.{low}")
    }
}

impl Addresses {
    pub(super) fn at(&self, address: &str, port: u16) -> Option<&Occupant> {
        self.occupied.get(address)?.get(&port)
    }

    /// Adds a container instance to a cluster.
    pub(super) fn add(&mut self, cluster: &str, instance: Instance) {
        let instances = self.instances.entry(cluster.to_owned()).or_default();
        if !instances.contains(&instance) {
            instances.push(instance);
        }
    }

    /// A cluster's container instances: those that were registered, else one.
    pub(super) fn instances(&self, cluster: &str, region: &str) -> Vec<Instance> {
        let registered = self.instances.get(cluster).cloned();
        registered.unwrap_or_else(|| {
            vec![Instance {
                id: format!("i-{:017x}", ids::fingerprint(cluster)),
                zone: format!("{region}a"),
            }]
        })
    }

    /// One of these instances, in turn.
    pub(super) fn on_instance(&mut self, instances: &[Instance]) -> Place {
        let turn = self.next as usize;
        self.next += 1;
        let chosen = instances.get(turn % instances.len().max(1)).cloned();
        let chosen = chosen.unwrap_or(Instance {
            id: String::new(),
            zone: String::new(),
        });
        Place {
            address: chosen.id,
            zone: chosen.zone,
            subnet: None,
        }
    }

    /// An address in one of the subnets, in turn.
    pub(super) fn place(&mut self, subnets: &[&str], region: &str) -> Place {
        let turn = self.next;
        self.next += 1;
        let subnet = turn as usize % subnets.len();
        Place {
            address: format!(
                "10.{}.{}.{}",
                turn / 62_500 % 250,
                turn / 250 % 250,
                turn % 250 + 4
            ),
            zone: format!("{region}{}", ["a", "b", "c"][subnet % 3]),
            subnet: Some(subnets[subnet].to_owned()),
        }
    }

    /// The next of an instance's dynamic host ports.
    pub(super) fn dynamic_port(&mut self) -> u16 {
        let port = 32_768 + self.next_port % 28_000;
        self.next_port = self.next_port.wrapping_add(1);
        port
    }

    pub(super) fn occupy(&mut self, task: &Task) {
        let ports = self.occupied.entry(task.address.clone()).or_default();
        for (container, port) in outside_ports(&task.containers) {
            ports.insert(
                port,
                Occupant {
                    cluster: task.cluster.clone(),
                    task: task.id.clone(),
                    container,
                },
            );
        }
    }

    pub(super) fn leave(&mut self, task: &Task) {
        let Some(ports) = self.occupied.get_mut(&task.address) else {
            return;
        };
        ports.retain(|_, occupant| occupant.task != task.id);
        if ports.is_empty() {
            self.occupied.remove(&task.address);
        }
    }
}

fn outside_ports(containers: &[TaskContainer]) -> impl Iterator<Item = (usize, u16)> {
    containers.iter().enumerate().flat_map(|(at, container)| {
        container
            .ports
            .iter()
            .map(move |(_, outside)| (at, *outside))
    })
}
