//! Task definitions: families and their revisions, kept as the JSON that was registered.

use super::json::{list, text};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// Whether new tasks may use a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionStatus {
    /// Registered.
    Active,
    /// Deregistered: what runs goes on, nothing new may name it.
    Inactive,
}

impl DefinitionStatus {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
        }
    }
}

/// How tasks of a definition reach the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkMode {
    /// An own network interface and address per task.
    Awsvpc,
    /// Ports of the container instance (`bridge`, `host`, `none`).
    Instance,
}

/// One revision of a task definition.
#[derive(Debug, Clone)]
pub struct Definition {
    /// ARN with revision.
    pub arn: String,
    /// Family.
    pub family: String,
    /// Revision, from 1.
    pub revision: u32,
    /// What was registered, with AWS's defaults filled in; all fields, known or not.
    pub body: Map<String, Value>,
    /// Tags, as `{key, value}`.
    pub tags: Vec<Value>,
    /// Whether new tasks may use it.
    pub status: DefinitionStatus,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// When it was deregistered.
    pub deregistered_at: Option<Timestamp>,
}

/// One port mapping of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortMapping {
    /// The port that the process listens on.
    pub container: u16,
    /// The instance's port; 0 or absent where ECS chooses.
    pub host: Option<u16>,
}

impl Definition {
    /// The container definitions.
    pub fn containers(&self) -> &[Value] {
        self.body
            .get("containerDefinitions")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// The container definition of that name.
    pub fn container(&self, name: &str) -> Option<&Value> {
        self.containers()
            .iter()
            .find(|container| text(container, "name") == Some(name))
    }

    /// How its tasks reach the network.
    pub fn network_mode(&self) -> NetworkMode {
        match self.body.get("networkMode").and_then(Value::as_str) {
            Some("awsvpc") => NetworkMode::Awsvpc,
            _ => NetworkMode::Instance,
        }
    }

    /// Whether it can run on Fargate.
    pub fn runs_on_fargate(&self) -> bool {
        self.body
            .get("compatibilities")
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().any(|one| one == "FARGATE"))
    }
}

/// The port mappings of a container definition.
pub fn port_mappings(container: &Value) -> impl Iterator<Item = PortMapping> + '_ {
    list(container, "portMappings")
        .iter()
        .filter_map(|mapping| {
            let port = |name: &str| mapping.get(name)?.as_u64()?.try_into().ok();
            Some(PortMapping {
                container: port("containerPort")?,
                host: port("hostPort"),
            })
        })
}

/// All families.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    families: BTreeMap<String, Vec<Arc<Definition>>>,
}

impl Definitions {
    /// The revision number that the family's next registration gets.
    pub fn next_revision(&self, family: &str) -> u32 {
        self.families
            .get(family)
            .and_then(|all| all.last())
            .map_or(1, |last| last.revision + 1)
    }

    /// Keeps a new revision.
    pub fn add(&mut self, definition: Definition) -> Arc<Definition> {
        let definition = Arc::new(definition);
        self.families
            .entry(definition.family.clone())
            .or_default()
            .push(Arc::clone(&definition));
        definition
    }

    /// Finds `FAMILY` (its newest active revision), `FAMILY:REVISION`, or an ARN of either.
    pub fn find(&self, reference: &str) -> Option<&Arc<Definition>> {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        let Some((family, revision)) = name.split_once(':') else {
            return self
                .families
                .get(name)?
                .iter()
                .rev()
                .find(|one| one.status == DefinitionStatus::Active);
        };
        let revision: u32 = revision.parse().ok()?;
        self.families
            .get(family)?
            .iter()
            .find(|one| one.revision == revision)
    }

    /// The same, to change it.
    pub fn find_mut(&mut self, reference: &str) -> Option<&mut Definition> {
        let (family, revision) = self
            .find(reference)
            .map(|found| (found.family.clone(), found.revision))?;
        self.families
            .get_mut(&family)?
            .iter_mut()
            .find(|one| one.revision == revision)
            .map(Arc::make_mut)
    }

    /// All revisions, by family and revision.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.families.values().flatten()
    }

    /// The families' names, and whether any revision is active.
    pub fn families(&self) -> impl Iterator<Item = (&str, DefinitionStatus)> {
        self.families.iter().map(|(name, all)| {
            let active = all.iter().any(|one| one.status == DefinitionStatus::Active);
            (
                name.as_str(),
                if active {
                    DefinitionStatus::Active
                } else {
                    DefinitionStatus::Inactive
                },
            )
        })
    }
}
