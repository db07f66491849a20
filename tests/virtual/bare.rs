//! A worker without any load balancer: green works beside blue, its tasks and alarms decide.

use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{DeploymentId, EcsServiceName, SlotName};
use bg::deployment::observation::Ask;
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::Request;
use bg::deployment::retire::{Retirement, due};
use bg::deployment::state::{Deployment, Phase};
use bg::deployment::trip::Trip;
use bg::judge::guards::MissingData;
use bg::runner::{Asks, Retired, Retiring};
use bg::sandbox::wire::{cloudwatch, ecs};
use bg::sandbox::world::World;
use bg::sandbox::{RegionOptions, demo};
use jiff::SignedDuration;
use serde_json::json;

use crate::harness::{Stage, request};
use crate::values::{publish, with_threshold};
use crate::{first_bake, in_first_bake};

const TASKS: u64 = 2;

/// A worker with a container health check, and an alarm on its own metric.
fn build(world: &mut World) {
    let mut definition = demo::task_definition("worker:v1");
    definition["family"] = json!("worker");
    definition["containerDefinitions"][0]["healthCheck"] =
        json!({ "command": ["CMD-SHELL", "true"], "interval": 10, "retries": 2 });
    let mut service = demo::service("worker", "none", 2);
    service["taskDefinition"] = json!("worker");
    let fields = service.as_object_mut().expect("it is a mapping");
    fields.remove("loadBalancers");
    fields.remove("healthCheckGracePeriodSeconds");
    let alarm = json!({
        "AlarmName": "worker-failures", "Namespace": "Worker", "MetricName": "Failed",
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
    });
    ecs::handle(world, "RegisterTaskDefinition", &definition).expect("it is well formed");
    ecs::handle(world, "CreateService", &service).expect("it is well formed");
    cloudwatch::handle(world, "PutMetricAlarm", &alarm).expect("it is well formed");
    world.advance(180);
}

fn stage() -> Stage {
    Stage::open(RegionOptions::default(), |scene| build(&mut scene.world))
}

fn worker(image: &str, strategy: &str) -> Request {
    let mut request = request(image, strategy);
    request.service = bg::deployment::ids::ServiceName::new("worker");
    for (slot, name) in [(SlotName::A, "worker"), (SlotName::B, "worker-b")] {
        request.slots[slot].service = EcsServiceName::new(name);
        request.slots[slot].targets.clear();
    }
    request.guards.alarms.truncate(1);
    request.guards.alarms[0].name = "worker-failures".to_owned();
    request
}

fn tag(stage: &Stage, service: &str, key: &str) -> Option<String> {
    let ask = json!({ "cluster": demo::CLUSTER, "services": [service], "include": ["TAGS"] });
    let shown = stage.ecs("DescribeServices", &ask);
    let tags = shown["services"][0]["tags"].as_array()?;
    let tag = tags.iter().find(|tag| tag["key"] == key)?;
    tag["value"].as_str().map(str::to_owned)
}

/// The duty to retire blue after the deployment on record, by its own journal.
fn retiring<'a>(stage: &'a Stage, ended: &Deployment) -> Retiring<'a> {
    let plan = &ended.plan;
    let Phase::Ended { retire_at, .. } = &ended.phase else {
        panic!("it goes on: {:?}", ended.phase);
    };
    let mut due = due(plan, plan.created_at).expect("blue isn't kept");
    due.at = retire_at.expect("blue is to be retired");
    Retiring {
        cloud: &stage.cloud,
        store: &stage.store,
        holder: stage.holder(&plan.id),
        clock: stage.clock(),
        service: plan.service.clone(),
        cluster: plan.cluster.clone(),
        retirement: Retirement {
            slot: plan.blue,
            service: plan.slots[plan.blue].service.clone(),
            groups: Vec::new(),
            records: Vec::new(),
            other: plan.slots[plan.green_slot()].service.clone(),
            is_bare: true,
            due,
            at_most: plan.retire.at_most,
            deadman: None,
        },
        log: None,
    }
}

fn ended(stage: &Stage) -> Deployment {
    let records = stage.records.borrow();
    Deployment::replay(records.as_slice())
        .expect("it is legal")
        .expect("it has begun")
}

/// Whatever is asked of AWS, it is nothing of a load balancer.
fn asks_no_load_balancer(stage: &Stage) {
    let needs = stage.region.needs();
    let elb = needs
        .iter()
        .find(|need| need.action.starts_with("elasticloadbalancing:"));
    assert_eq!(elb, None);
}

#[tokio::test(start_paused = true)]
async fn both_versions_work_for_all_bakes_together_and_then_blue_goes() {
    let stage = stage();
    let began = std::cell::Cell::new(stage.region.now());
    let outcome = stage
        .deploy(&worker("worker:v2", "canary"), |stage, record| {
            if first_bake(record) {
                assert_eq!(stage.counts("worker"), Some((TASKS, TASKS)));
                assert_eq!(stage.counts("worker-b"), Some((TASKS, TASKS)));
                began.set(record.at);
            }
        })
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    let worked = stage.region.now().duration_since(began.get());
    assert!(worked >= SignedDuration::from_mins(10), "5 and 5: {worked}");
    assert_eq!(stage.counts("worker"), Some((TASKS, TASKS)));
    let id = worker("worker:v2", "canary").id.to_string();
    assert_eq!(tag(&stage, "worker-b", "bg:live"), Some(id));
    assert_eq!(tag(&stage, "worker", "bg:live"), None);

    let retired = retiring(&stage, &ended(&stage))
        .wait(&mut Asks::default())
        .await;
    assert_eq!(retired, Retired::Done);
    assert_eq!(stage.counts("worker").map(|it| it.0), Some(0));
    assert_eq!(stage.counts("worker-b"), Some((TASKS, TASKS)));
    asks_no_load_balancer(&stage);
}

#[tokio::test(start_paused = true)]
async fn the_slots_take_turns_also_while_the_last_blue_is_still_kept_warm() {
    let stage = stage();
    let first = stage
        .deploy(&worker("worker:v2", "all-at-once"), |_, _| {})
        .await;
    assert_eq!(first, Outcome::Promoted);
    assert_eq!(stage.counts("worker"), Some((TASKS, TASKS)), "kept warm");
    let planning = stage.plan(&worker("worker:v3", "all-at-once")).await;
    let plan = planning.plan.expect("nothing is in the way");
    assert_eq!(plan.blue, SlotName::B);
    let second = stage
        .deploy(&worker("worker:v3", "all-at-once"), |_, _| {})
        .await;
    assert_eq!(second, Outcome::Promoted);
    assert!(tag(&stage, "worker", "bg:live").is_some());
    assert_eq!(tag(&stage, "worker-b", "bg:live"), None);
    asks_no_load_balancer(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_crashes_goes_and_blue_loses_no_task() {
    let stage = stage();
    let request = worker("worker:crash", "canary");
    let outcome = stage.deploy(&request, |stage, _| {
        assert_eq!(stage.counts("worker"), Some((TASKS, TASKS)));
    });
    let Outcome::Reverted { trip } = outcome.await else {
        panic!("{:?}", ended(&stage).phase);
    };
    assert!(
        trip.blames() == bg::deployment::trip::Blames::Green,
        "{trip}"
    );
    assert_eq!(stage.counts("worker"), Some((TASKS, TASKS)));
    assert_eq!(stage.counts("worker-b").map(|it| it.0), Some(0));
    asks_no_load_balancer(&stage);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_its_containers_checks_never_counts_as_healthy() {
    let stage = stage();
    let request = worker("worker:unhealthy", "canary");
    let outcome = stage.deploy(&request, |_, record| {
        assert!(!matches!(record.event, Event::GreenReady));
    });
    let outcome = outcome.await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    assert_eq!(stage.counts("worker"), Some((TASKS, TASKS)));
    assert_eq!(stage.counts("worker-b").map(|it| it.0), Some(0));
}

#[tokio::test(start_paused = true)]
async fn an_alarm_ends_the_time_that_both_work() {
    let stage = stage();
    let rings = in_first_bake(|world: &mut World| {
        let state = json!({
            "AlarmName": "worker-failures", "StateValue": "ALARM", "StateReason": "it failed",
        });
        cloudwatch::handle(world, "SetAlarmState", &state).expect("it exists");
    });
    let outcome = stage.deploy(&worker("worker:v2", "canary"), rings).await;
    let alarm = matches!(
        &outcome,
        Outcome::Reverted {
            trip: Trip::Alarm { .. }
        }
    );
    assert!(alarm, "{outcome:?}");
    let records = stage.records.borrow();
    let at = |is: &dyn Fn(&Event) -> bool| {
        let found = records.iter().find(|record: &&Record| is(&record.event));
        found.expect("it is on record").at
    };
    let tripped = at(&|event| matches!(event, Event::Reverting { .. }));
    let away = at(&|event| matches!(event, Event::PuttingGreenAway));
    assert!(away.duration_since(tripped) < SignedDuration::from_secs(3));
    drop(records);
    assert_eq!(tag(&stage, "worker-b", "bg:live"), None);
    assert_eq!(stage.counts("worker"), Some((TASKS, TASKS)));
}

/// A worker that publishes the depth of its queue; green's is `value` from ten minutes on.
async fn with_a_depth(value: f64) -> (Stage, Outcome) {
    let stage = Stage::open(RegionOptions::default(), |scene| {
        build(&mut scene.world);
        publish(scene, 60, |slot, second| match slot {
            SlotName::B if second > 600 => Some(value),
            _ => Some(50.0),
        });
    });
    let mut request = worker("worker:v2", "canary:10%:40m");
    request.guards.metrics = Some(with_threshold(MissingData::Hold, 60));
    let outcome = stage.deploy(&request, |_, _| {}).await;
    (stage, outcome)
}

#[tokio::test(start_paused = true)]
async fn a_fixed_limit_on_a_metric_of_its_own_judges_green() {
    let (stage, outcome) = with_a_depth(250.0).await;
    let over = matches!(
        &outcome,
        Outcome::Reverted {
            trip: Trip::OverLimit(_)
        }
    );
    assert!(over, "{outcome:?}");
    asks_no_load_balancer(&stage);
    let (_, outcome) = with_a_depth(60.0).await;
    assert_eq!(outcome, Outcome::Promoted);
}

#[tokio::test(start_paused = true)]
async fn nobody_plans_beside_a_deployment_that_has_not_ended() {
    let stage = stage();
    let mut asks = Asks::default();
    let sender = asks.sender();
    let request = worker("worker:v2", "canary");
    let outcome = stage.deploy_asked(&request, &mut asks, |_, record| {
        if first_bake(record) {
            let why = "the terminal is gone".to_owned();
            let _ = sender.send(Ask::Leave { why });
        }
    });
    assert!(matches!(outcome.await, Outcome::Kept { .. }));
    let other = Request {
        id: DeploymentId::new("20260105-100000-other"),
        ..worker("worker:v3", "canary")
    };
    let planning = stage.plan(&other).await;
    assert!(planning.plan.is_none());
    let [problem] = &planning.problems[..] else {
        panic!("{:#?}", planning.problems);
    };
    assert!(
        problem.what.contains("both versions are at work"),
        "{problem:?}"
    );
    assert!(problem.fix.contains("bg rollback"), "{problem:?}");
}

#[tokio::test(start_paused = true)]
async fn two_slots_at_work_that_nobody_marked_are_refused_with_the_way_out() {
    let stage = Stage::open(RegionOptions::default(), |scene| {
        build(&mut scene.world);
        let mut twin = demo::service("worker-b", "none", 2);
        twin["taskDefinition"] = json!("worker");
        let fields = twin.as_object_mut().expect("it is a mapping");
        fields.remove("loadBalancers");
        fields.remove("healthCheckGracePeriodSeconds");
        ecs::handle(&mut scene.world, "CreateService", &twin).expect("it is well formed");
        scene.world.advance(120);
    });
    let planning = stage.plan(&worker("worker:v2", "canary")).await;
    let [problem] = &planning.problems[..] else {
        panic!("{:#?}", planning.problems);
    };
    assert!(
        problem.what.contains("both slots are at work"),
        "{problem:?}"
    );
    assert!(problem.fix.contains("`--to b --force`"), "{problem:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_says_what_the_strategy_means_here_once() {
    let stage = stage();
    let planning = stage.plan(&worker("worker:v2", "canary")).await;
    let told: Vec<&String> = planning
        .notes
        .iter()
        .filter(|note| note.contains("no traffic to shift"))
        .collect();
    let [note] = &told[..] else {
        panic!("{:#?}", planning.notes);
    };
    assert!(note.contains("both versions at once for 10m"), "{note}");
    assert!(
        note.contains("the weights of canary mean nothing"),
        "{note}"
    );
}

/// The problems of a request that was changed.
async fn problems(change: impl FnOnce(&mut Request)) -> String {
    let stage = stage();
    let mut request = worker("worker:v2", "canary");
    change(&mut request);
    let problems = stage.plan(&request).await.problems;
    let told = problems
        .iter()
        .map(|it| format!("{}: {}\n", it.what, it.fix));
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_load_balancer_is_refused_with_the_reason() {
    use bg::deployment::metrics::{LatencyGuard, MetricGuards};
    let kept = problems(|it| it.retire.then = bg::deployment::plan::RetireHow::Keep).await;
    assert!(kept.contains("would leave both versions at work"), "{kept}");
    let latency = problems(|it| {
        it.guards.metrics = Some(MetricGuards {
            latency: Some(LatencyGuard::default()),
            ..MetricGuards::none()
        });
    });
    let latency = latency.await;
    assert!(
        latency.contains("(latency), and the service has none"),
        "{latency}"
    );
    assert!(latency.contains("`threshold`"), "{latency}");
}

#[tokio::test(start_paused = true)]
async fn a_service_behind_a_load_balancer_is_not_taken_for_a_worker() {
    let stage = stage();
    let mut request = worker("shop:v2", "canary");
    request.slots.a.service = EcsServiceName::new("shop");
    request.slots.b.service = EcsServiceName::new("shop-b");
    let planning = stage.plan(&request).await;
    assert!(planning.plan.is_none());
    let told = format!("{:?}", planning.problems);
    assert!(told.contains("shop-a and its twin"), "{told}");
}
