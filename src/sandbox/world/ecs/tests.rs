//! How tasks and services behave over time, told through the wire handlers.

use super::{
    services::{RolloutState, Service, ServiceStatus},
    tasks::{StopCode, Task, TaskStatus},
};
use crate::sandbox::{
    demo::{self, CLUSTER},
    wire::ecs::handle,
    world::{World, elb::TargetState},
};
use jiff::Timestamp;
use serde_json::{Value, json};

struct Scene {
    world: World,
    group: String,
}

impl Scene {
    /// The service `shop` with these many tasks of `image`, just created.
    fn new(image: &str, desired: u32) -> Self {
        Self::changed(image, desired, |_| {})
    }

    fn changed(image: &str, desired: u32, change: impl FnOnce(&mut Value)) -> Self {
        let start = Timestamp::constant(1_767_603_600, 0);
        let mut world = World::new("123456789012", "eu-west-1", start, 11);
        let group = demo::balancer(&mut world).unwrap().group_a;
        let mut request = demo::service("shop", &group, desired);
        change(&mut request);
        let mut scene = Self { world, group };
        scene.call("CreateCluster", json!({ "clusterName": CLUSTER }));
        scene.register(image);
        scene.call("CreateService", request);
        scene
    }

    fn call(&mut self, operation: &str, input: impl std::borrow::Borrow<Value>) -> Value {
        handle(&mut self.world, operation, input.borrow()).unwrap()
    }

    fn register(&mut self, image: &str) -> String {
        let made = self.call("RegisterTaskDefinition", demo::task_definition(image));
        let arn = made.pointer("/taskDefinition/taskDefinitionArn").unwrap();
        arn.as_str().unwrap().to_owned()
    }

    fn update(&mut self, mut input: Value) -> Value {
        input["cluster"] = json!(CLUSTER);
        input["service"] = json!("shop");
        self.world.ecs.wake();
        self.call("UpdateService", input)
    }

    fn deploy(&mut self, image: &str) {
        let definition = self.register(image);
        self.update(json!({ "taskDefinition": definition }));
    }

    fn shop(&self) -> &Service {
        self.world.ecs.service(CLUSTER, "shop").unwrap()
    }

    fn tasks(&self) -> Vec<&Task> {
        self.world.ecs.clusters[CLUSTER].tasks.values().collect()
    }

    fn running(&self) -> Vec<&Task> {
        let mut tasks = self.tasks();
        tasks.retain(|task| task.is_running());
        tasks
    }

    /// Runs until `done`, for an hour at most, and returns how many seconds that took.
    fn until(&mut self, done: impl Fn(&Self) -> bool) -> u32 {
        for second in 0..3_600 {
            if done(self) {
                return second;
            }
            self.world.advance(1);
        }
        panic!("not within an hour; {:#?}", self.messages());
    }

    fn steady(&mut self) -> u32 {
        self.until(|scene| scene.shop().steady_since.is_some())
    }

    fn messages(&self) -> Vec<&str> {
        let events = self.shop().events.iter();
        events.map(|event| event.message.as_str()).collect()
    }

    fn said(&self, part: &str) -> bool {
        self.messages().iter().any(|message| message.contains(part))
    }

    fn stopped(&self) -> Option<&Task> {
        let mut tasks = self.tasks();
        tasks.sort_by_key(|task| task.stopped_at);
        tasks
            .into_iter()
            .find(|task| task.status == TaskStatus::Stopped)
    }
}

#[test]
fn a_good_service_becomes_steady_within_two_minutes() {
    let mut scene = Scene::new("shop:v1", 3);
    let to_running = scene.until(|scene| !scene.running().is_empty());
    assert!((20..=31).contains(&to_running), "{to_running} s");
    assert!(scene.steady() < 90);
    let shop = scene.shop();
    assert_eq!(shop.deployments.len(), 1);
    assert_eq!(shop.deployments[0].rollout, RolloutState::Completed);
    assert!(scene.said("(service shop) has started 3 tasks: (task "));
    assert!(scene.said("has reached a steady state."));
    for task in scene.running() {
        let state = scene.world.elb.health(&scene.group, &task.targets[0].id);
        assert_eq!(state, Some(TargetState::Healthy));
        let app = scene.world.ecs.application_at(&task.address, 8080).unwrap();
        assert_eq!(app.task_arn, task.arn);
        assert!(scene.world.ecs.application_at(&task.address, 81).is_none());
    }
}

#[test]
fn a_rollout_never_has_fewer_healthy_tasks_than_its_minimum() {
    let mut scene = Scene::new("shop:v1", 2);
    scene.steady();
    scene.deploy("shop:v2");
    assert_eq!(scene.shop().deployments.len(), 2);
    for _ in 0..600 {
        scene.world.advance(1);
        let serving = scene.running().iter().filter(|task| task.proven).count();
        assert!(serving >= 2);
        assert!(scene.tasks().iter().filter(|task| task.is_wanted()).count() <= 4);
    }
    assert_eq!(scene.shop().deployments[0].rollout, RolloutState::Completed);
    assert_eq!(scene.shop().deployments.len(), 1);
    assert!(
        scene
            .running()
            .iter()
            .all(|task| task.containers[0].image == "shop:v2")
    );
}

#[test]
fn scaling_in_lets_targets_drain_before_their_tasks_end() {
    let mut scene = Scene::new("shop:v1", 2);
    scene.steady();
    scene.update(json!({ "desiredCount": 0 }));
    assert_eq!(
        scene.shop().deployments.len(),
        1,
        "scaling is no deployment"
    );
    scene.until(|scene| scene.running().is_empty());
    let draining = scene.tasks()[0].clone();
    assert_eq!(draining.status, TaskStatus::Deactivating);
    scene.world.advance(30);
    let app = scene.world.ecs.application_at(&draining.address, 8080);
    assert!(app.is_some(), "it still serves what is in flight");
    let to_end = scene.until(|scene| {
        scene
            .tasks()
            .iter()
            .all(|task| task.status == TaskStatus::Stopped)
    });
    assert!(to_end > 20, "{to_end} s");
    let task = scene.stopped().unwrap();
    let stop = task.stop.as_ref().unwrap();
    assert_eq!(stop.code, StopCode::ServiceSchedulerInitiated);
    assert!(
        stop.reason
            .starts_with("Scaling activity initiated by (deployment ecs-svc/")
    );
    assert_eq!(task.containers[0].exit_code, Some(0));
    assert!(scene.said("has begun draining connections on 2 tasks."));
    scene.world.advance(3_605);
    assert!(
        scene.tasks().is_empty(),
        "stopped tasks are shown for an hour"
    );
}

#[test]
fn a_crashing_version_becomes_healthy_first_and_is_replaced_then() {
    let mut scene = Scene::new("shop:crash", 1);
    scene.steady();
    scene.until(|scene| scene.stopped().is_some());
    let task = scene.stopped().unwrap();
    let age = task.execution_stopped_at.unwrap() - task.started_at.unwrap();
    assert!((40.0..=90.0).contains(&age.total(jiff::Unit::Second).unwrap()));
    assert_eq!(
        task.stop.as_ref().unwrap().reason,
        "Essential container in task exited"
    );
    assert_eq!(task.containers[0].exit_code, Some(1));
    let gone = scene.world.ecs.application_at(&task.address, 8080);
    assert!(gone.is_none());
    assert_eq!(scene.shop().deployments[0].failed_tasks, 0);
    scene.until(|scene| !scene.running().is_empty());
}

#[test]
fn a_version_that_runs_out_of_memory_says_so() {
    let mut scene = Scene::new("shop:oom", 1);
    scene.until(|scene| scene.stopped().is_some());
    let container = &scene.stopped().unwrap().containers[0];
    assert_eq!(container.exit_code, Some(137));
    assert_eq!(
        container.reason.as_deref(),
        Some("OutOfMemoryError: Container killed due to memory usage")
    );
}

#[test]
fn the_circuit_breaker_goes_back_to_the_version_that_completed() {
    let mut scene = Scene::new("shop:v1", 2);
    scene.steady();
    let first = scene.shop().deployments[0].id.clone();
    scene.deploy("shop:missing");
    scene.until(|scene| scene.shop().deployments[0].id == first);
    assert_eq!(
        scene.shop().settings["taskDefinition"],
        scene.shop().deployments[0].definition.arn
    );
    assert!(scene.said("deployment failed: tasks failed to start."));
    assert!(scene.said(&format!("rolling back to deployment {first}.")));
    scene.until(|scene| scene.shop().deployments.len() == 1);
    scene.steady();
    let failed = scene.shop().retired.last().unwrap();
    assert_eq!(failed.rollout, RolloutState::Failed);
    assert_eq!(failed.failed_tasks, 3);
    let task = scene.stopped().unwrap();
    let stop = task.stop.as_ref().unwrap();
    assert_eq!(stop.code, StopCode::TaskFailedToStart);
    assert!(stop.reason.starts_with("CannotPullContainerError: "));
    assert!(task.started_at.is_none());
}

#[test]
fn without_a_circuit_breaker_failing_starts_slow_down() {
    let mut scene = Scene::changed("shop:missing", 1, |request| {
        request["deploymentConfiguration"] = json!({});
    });
    scene.world.advance(3_600);
    let shop = scene.shop();
    assert_eq!(shop.deployments[0].rollout, RolloutState::InProgress);
    assert!(scene.said("is unable to consistently start tasks successfully."));
    let tries = shop.deployments[0].failed_tasks;
    assert!((8..20).contains(&tries), "{tries} tries in an hour");
}

#[test]
fn an_unhealthy_version_is_replaced_and_never_completes() {
    let mut scene = Scene::new("shop:v1", 2);
    scene.steady();
    scene.update(json!({ "deploymentConfiguration": {
        "deploymentCircuitBreaker": { "enable": false, "rollback": false } } }));
    scene.deploy("shop:unhealthy");
    scene.until(|scene| scene.stopped().is_some());
    let stop = scene.stopped().unwrap().stop.clone().unwrap();
    assert_eq!(stop.code, StopCode::ServiceSchedulerInitiated);
    assert_eq!(
        stop.reason,
        format!(
            "Task failed ELB health checks in (target-group {})",
            scene.group
        )
    );
    assert!(scene.said("due to (reason Health checks failed with these codes: [503])."));
    scene.world.advance(1_800);
    assert_eq!(scene.shop().deployments.len(), 2);
    assert_eq!(
        scene.shop().deployments[0].rollout,
        RolloutState::InProgress
    );
    let old = scene.running();
    let old = old.iter().filter(|task| task.proven).count();
    assert_eq!(old, 2, "the old version goes on serving");
}

#[test]
fn a_deleted_service_drains_and_frees_its_name() {
    let mut scene = Scene::new("shop:v1", 1);
    scene.steady();
    let group = scene.group.clone();
    let named = json!({ "cluster": CLUSTER, "service": "shop" });
    let refused = handle(&mut scene.world, "DeleteService", &named).unwrap_err();
    assert_eq!(
        refused.message,
        "The service cannot be stopped while it is scaled above 0."
    );
    scene.call(
        "DeleteService",
        json!({ "cluster": CLUSTER, "service": "shop", "force": true }),
    );
    assert_eq!(scene.shop().status, ServiceStatus::Draining);
    let again = demo::service("shop", &group, 1);
    let refused = handle(&mut scene.world, "CreateService", &again).unwrap_err();
    assert_eq!(
        refused.message,
        "Unable to Start a service that is still Draining."
    );
    scene.until(|scene| scene.shop().status == ServiceStatus::Inactive);
    scene.call("CreateService", again);
    scene.steady();
}

#[test]
fn a_tag_is_resolved_once_per_deployment() {
    let mut scene = Scene::new("shop:v1", 1);
    scene.steady();
    let before = scene.world.ecs.images.digest("shop:v1");
    let after = scene.world.ecs.images.push("shop:v1");
    scene.update(json!({ "desiredCount": 2 }));
    scene.until(|scene| scene.running().len() == 2);
    let digests = |scene: &Scene| -> Vec<String> {
        let running = scene.running();
        running
            .iter()
            .map(|task| task.containers[0].digest.clone())
            .collect()
    };
    assert_eq!(digests(&scene), [before.clone(), before]);
    scene.update(json!({ "forceNewDeployment": true }));
    scene.until(|scene| scene.shop().deployments.len() == 2);
    scene.until(|scene| scene.shop().deployments.len() == 1);
    assert_eq!(digests(&scene), [after.clone(), after]);
}

#[test]
fn a_failing_container_health_check_replaces_the_task() {
    let start = Timestamp::constant(1_767_603_600, 0);
    let mut world = World::new("123456789012", "eu-west-1", start, 11);
    let call = |world: &mut World, operation: &str, input: &Value| {
        handle(world, operation, input).unwrap()
    };
    let mut definition = demo::task_definition("shop:unhealthy");
    definition["containerDefinitions"][0]["healthCheck"] =
        json!({ "command": ["CMD", "true"], "interval": 10, "retries": 2 });
    let mut service = demo::service("shop", "", 1);
    service["loadBalancers"] = json!([]);
    service["healthCheckGracePeriodSeconds"] = json!(null);
    call(
        &mut world,
        "CreateCluster",
        &json!({ "clusterName": CLUSTER }),
    );
    call(&mut world, "RegisterTaskDefinition", &definition);
    call(&mut world, "CreateService", &service);
    world.advance(120);
    let reasons: Vec<&str> = world.ecs.clusters[CLUSTER]
        .tasks
        .values()
        .filter_map(|task| Some(task.stop.as_ref()?.reason.as_str()))
        .collect();
    assert!(
        reasons.contains(&"Task failed container health checks"),
        "{reasons:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let run = || {
        let mut scene = Scene::new("shop:crash", 3);
        scene.world.advance(1_200);
        format!("{:?}", scene.world.ecs)
    };
    assert_eq!(run(), run());
}

#[test]
fn tasks_on_instances_share_an_address_and_get_ports_of_their_own() {
    let start = Timestamp::constant(1_767_603_600, 0);
    let mut world = World::new("123456789012", "eu-west-1", start, 11);
    let mut call = |operation: &str, input: &Value| handle(&mut world, operation, input).unwrap();
    let mut definition = demo::task_definition("shop:v1");
    definition["networkMode"] = json!("bridge");
    definition["requiresCompatibilities"] = json!(["EC2"]);
    let mut service = demo::service("shop", "", 2);
    for field in ["loadBalancers", "networkConfiguration", "launchType"] {
        service[field] = json!(null);
    }
    service["healthCheckGracePeriodSeconds"] = json!(null);
    call("CreateCluster", &json!({ "clusterName": CLUSTER }));
    call("RegisterTaskDefinition", &definition);
    call("CreateService", &service);
    world.advance(120);
    let tasks: Vec<&Task> = world.ecs.clusters[CLUSTER].tasks.values().collect();
    assert_eq!(tasks[0].address, tasks[1].address);
    let ports: Vec<u16> = tasks
        .iter()
        .map(|task| task.containers[0].ports[0].1)
        .collect();
    assert_ne!(ports[0], ports[1]);
    for (task, port) in tasks.iter().zip(ports) {
        let app = world.ecs.application_at(&task.address, port).unwrap();
        assert_eq!(app.task_arn, task.arn);
    }
}
