//! Clusters, services, tasks and task definitions, and how they move.

mod addresses;
mod blueprint;
pub mod definitions;
mod dependencies;
pub mod events;
pub mod health;
pub mod images;
pub mod json;
mod obstacles;
mod rollout;
mod scheduler;
pub mod services;
pub mod tasks;
#[cfg(test)]
mod tests;

use super::{World, app::Behaviour, elb::Elb, traffic::Pace};
use addresses::Addresses;
pub use addresses::Instance;
use blueprint::Blueprint;
use definitions::{Definition, Definitions};
use fastrand::Rng;
use images::Images;
use jiff::{SignedDuration, Timestamp};
pub use rollout::DEPLOYMENT_FIELDS;
use serde_json::{Map, Value};
use services::{Deployment, RolloutState, Service, ServiceStatus};
use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};
use tasks::{Owner, StopCode, Task};

/// The scheduler looks at every service at least this often (target health has no other bell).
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// The same in a world that moves in leaps, where every service is steady: a target whose health
/// changes rings the bell there.
const LOOK_WHEN_STEADY: SignedDuration = SignedDuration::from_secs(60);

/// A cluster with what runs in it.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Fields that were asked for and are shown again.
    pub settings: Map<String, Value>,
    /// Tags, as `{key, value}`.
    pub tags: Vec<Value>,
    /// By name, inactive ones included.
    pub services: BTreeMap<String, Service>,
    /// By id, also those that stopped less than an hour ago.
    pub tasks: BTreeMap<String, Task>,
}

/// The ECS half of the world.
#[derive(Debug, Clone, Default)]
pub struct Ecs {
    /// By name.
    pub clusters: BTreeMap<String, Cluster>,
    /// Task definitions.
    pub definitions: Definitions,
    /// What image references stand for.
    pub images: Images,
    /// Application Auto Scaling.
    /// Why a service's tasks can't be placed, in ECS's words after `(service NAME)`, by cluster
    /// and service: planted by scenes.
    pub refusals: BTreeMap<(String, String), String>,
    /// Applications that no task stands behind, by address and port: for scenes without ECS.
    pub planted: BTreeMap<(String, u16), (Behaviour, Timestamp)>,
    addresses: Addresses,
    /// Nothing moves before this; `None` where anything may.
    wake_at: Option<Timestamp>,
}

/// An application that listens.
#[derive(Debug, Clone, Copy)]
pub struct RunningApp<'a> {
    /// How it behaves.
    pub behaviour: &'a Behaviour,
    /// Since when.
    pub started_at: Timestamp,
    /// Its task.
    pub task_arn: &'a str,
    /// The image that its container runs.
    pub image: &'a str,
    /// The service that its task belongs to.
    pub service: Option<&'a str>,
    /// The zone that it runs in.
    pub zone: Option<&'a str>,
}

/// What a step of ECS needs of the rest of the world.
struct Ctx<'a> {
    now: Timestamp,
    rng: &'a mut Rng,
    elb: &'a mut Elb,
    addresses: &'a mut Addresses,
    images: &'a Images,
    refusals: &'a BTreeMap<(String, String), String>,
    account: &'a str,
    region: &'a str,
}

impl Ctx<'_> {
    /// A moment some seconds from now.
    fn within(&mut self, seconds: RangeInclusive<i64>) -> Timestamp {
        self.now + SignedDuration::from_secs(self.rng.i64(seconds))
    }
}

impl Ecs {
    /// The application that listens there: of a task that runs, or drains or got its SIGTERM
    /// but was not killed yet.
    pub fn application_at(&self, target_id: &str, port: u16) -> Option<RunningApp<'_>> {
        let Some(occupant) = self.addresses.at(target_id, port) else {
            return self.planted_at(target_id, port);
        };
        let task = self
            .clusters
            .get(&occupant.cluster)?
            .tasks
            .get(&occupant.task)?;
        let container = task.containers.get(occupant.container)?;
        container.exit_code.is_none().then_some(RunningApp {
            behaviour: &container.behaviour,
            started_at: task.started_at?,
            task_arn: &task.arn,
            image: &container.image,
            service: match &task.owner {
                Owner::Service { service, .. } => Some(service),
                Owner::Nobody { .. } => None,
            },
            zone: Some(&task.zone),
        })
    }

    fn planted_at(&self, target_id: &str, port: u16) -> Option<RunningApp<'_>> {
        if self.planted.is_empty() {
            return None;
        }
        let (behaviour, started_at) = self.planted.get(&(target_id.to_owned(), port))?;
        Some(RunningApp {
            behaviour,
            started_at: *started_at,
            task_arn: "",
            image: "",
            service: None,
            zone: None,
        })
    }

    /// A service by cluster and name.
    pub fn service(&self, cluster: &str, name: &str) -> Option<&Service> {
        self.clusters.get(cluster)?.services.get(name)
    }

    /// A service by cluster and name, to change it; the scheduler looks at the next second.
    pub fn service_mut(&mut self, cluster: &str, name: &str) -> Option<&mut Service> {
        self.wake();
        self.clusters.get_mut(cluster)?.services.get_mut(name)
    }

    /// Adds a container instance to a cluster.
    pub fn add_instance(&mut self, cluster: &str, instance: Instance) {
        self.addresses.add(cluster, instance);
        self.wake();
    }

    /// A cluster's container instances.
    pub fn instances(&self, cluster: &str, region: &str) -> Vec<Instance> {
        self.addresses.instances(cluster, region)
    }

    /// The container instances of all clusters.
    pub fn all_instances(&self, region: &str) -> impl Iterator<Item = Instance> {
        let clusters = self.clusters.keys();
        clusters.flat_map(|cluster| self.addresses.instances(cluster, region))
    }

    /// Lets the scheduler look at the next second, because something was changed from outside.
    pub fn wake(&mut self) {
        self.wake_at = None;
    }
}

/// Whose tasks these are, and what they look like from outside.
pub struct RunTask<'a> {
    /// Cluster name.
    pub cluster: &'a str,
    /// What to run.
    pub definition: &'a Arc<Definition>,
    /// What the caller says it was started by.
    pub started_by: Option<String>,
    /// Launch fields and network configuration.
    pub settings: &'a Map<String, Value>,
    /// Tags.
    pub tags: Vec<Value>,
}

impl World {
    /// The ECS half, and what it needs to move.
    fn ecs_parts(&mut self) -> (&mut BTreeMap<String, Cluster>, Ctx<'_>) {
        let Ecs {
            clusters,
            addresses,
            images,
            refusals,
            ..
        } = &mut self.ecs;
        let ctx = Ctx {
            now: self.now,
            rng: &mut self.rng,
            elb: &mut self.elb,
            addresses,
            images,
            refusals,
            account: &self.account,
            region: &self.region,
        };
        (clusters, ctx)
    }

    /// Starts one task outside any service and returns its id.
    pub fn run_task(&mut self, request: RunTask<'_>) -> Option<String> {
        let (clusters, mut ctx) = self.ecs_parts();
        let cluster = clusters.get_mut(request.cluster)?;
        let task = Blueprint {
            cluster: request.cluster,
            definition: request.definition,
            owner: Owner::Nobody {
                started_by: request.started_by,
            },
            launch: scheduler::launch_fields(request.settings),
            tags: request.tags,
            instances: ctx.addresses.instances(request.cluster, ctx.region),
            subnets: services::subnets(request.settings),
            digests: &BTreeMap::new(),
            load_balancers: Vec::new(),
            settings: request.settings,
        }
        .start(&mut ctx);
        let id = task.id.clone();
        cluster.tasks.insert(id.clone(), task);
        self.ecs.wake();
        Some(id)
    }

    /// Asks a task to stop, as StopTask does.
    pub fn stop_task(&mut self, cluster: &str, id: &str, reason: String) {
        let (clusters, mut ctx) = self.ecs_parts();
        if let Some(task) = clusters
            .get_mut(cluster)
            .and_then(|cluster| cluster.tasks.get_mut(id))
        {
            task.begin_stop(StopCode::UserInitiated, reason, &mut ctx);
        }
        self.ecs.wake();
    }

    /// Takes away the machine under a task.
    pub fn take_task(&mut self, cluster: &str, id: &str, code: StopCode, reason: String) {
        let (clusters, mut ctx) = self.ecs_parts();
        if let Some(task) = clusters
            .get_mut(cluster)
            .and_then(|cluster| cluster.tasks.get_mut(id))
        {
            task.begin_stop(code, reason, &mut ctx);
        }
        self.ecs.wake();
    }

    /// Begins a new deployment of a service with its present settings.
    pub fn begin_deployment(&mut self, cluster: &str, service: &str, definition: &Arc<Definition>) {
        let (clusters, mut ctx) = self.ecs_parts();
        if let Some(service) = clusters
            .get_mut(cluster)
            .and_then(|cluster| cluster.services.get_mut(service))
        {
            rollout::begin(service, definition, &mut ctx);
        }
        self.ecs.wake();
    }
}

/// When anything is due; `None` where that may be at once.
pub(super) fn due(world: &World) -> Option<Timestamp> {
    Some(world.ecs.wake_at.unwrap_or(world.now))
}

/// Whether what is due now may change who answers: not where every service is steady and no task
/// moves.
pub(super) fn may_move(world: &World) -> bool {
    match world.ecs.wake_at {
        // Something was changed from outside, or by a health check.
        None => return true,
        Some(at) if world.now < at => return false,
        Some(_) => {}
    }
    let clusters = || world.ecs.clusters.values();
    let due = |task: &Task| task.due.is_some_and(|due| due <= world.now);
    let moves = clusters().flat_map(|it| it.tasks.values()).any(due);
    moves || !clusters().all(is_steady)
}

/// Whether nothing happens to any service until something happens to its tasks or targets.
fn is_steady(cluster: &Cluster) -> bool {
    let services = cluster.services.values();
    let live = services.filter(|it| it.status != ServiceStatus::Inactive);
    live.into_iter()
        .all(|it| it.steady_since.is_some() && it.deployments.len() == 1)
}

/// One second of ECS: the service scheduler, task life cycles, events.
pub fn tick(world: &mut World) {
    if world.ecs.wake_at.is_some_and(|at| world.now < at) {
        return;
    }
    let now = world.now;
    let rests = world.traffic.pace() == Pace::InLeaps;
    let (clusters, mut ctx) = world.ecs_parts();
    let rests = rests && clusters.values().all(is_steady);
    let mut next = now + if rests { LOOK_WHEN_STEADY } else { LOOK_EVERY };
    let mut quiet = true;
    for cluster in clusters.values_mut() {
        let Cluster {
            name,
            services,
            tasks,
            ..
        } = cluster;
        tasks.retain(|_, task| task.step(&mut ctx));
        for service in services.values_mut() {
            if service.status != ServiceStatus::Inactive {
                quiet = false;
                scheduler::run(name, service, tasks, &mut ctx);
            }
        }
        next = tasks
            .values()
            .filter_map(|task| task.due)
            .fold(next, Timestamp::min);
        quiet &= tasks.is_empty();
    }
    let never = now + SignedDuration::from_hours(24);
    world.ecs.wake_at = Some(if quiet { never } else { next });
}
