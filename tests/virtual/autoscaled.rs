//! A service whose desired count autoscaling owns: deployed well, badly, and with its process
//! killed in the middle. What AWS has of it before and after is compared field by field.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bg::deployment::action::Action;
use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{EcsServiceName, SlotName};
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::Request;
use bg::deployment::retire::{Due, Retirement, TAG};
use bg::deployment::state::Deployment;
use bg::runner::{Asks, Log, Retired, Retiring, Round};
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::wire::{cloudwatch, ecs, scaling};
use bg::sandbox::world::traffic::{Flow, Shape};
use bg::sandbox::{Region, RegionOptions, demo};
use serde_json::{Value, json};

use crate::harness::{Scene, Stage, elb, request};
use crate::kills::{Sample, die_everywhere, in_virtual_time, locked};

/// Long enough for a policy to act on what a split does to its metric, and a little to go on with.
const STRATEGY: &str = "canary:10%:20m";
const POLICIES: [&str; 3] = ["busy", "cpu", "requests"];

/// Blue scales in as soon as less traffic comes: by CPU, by requests, and out by steps. It has a
/// night, too.
fn autoscale(scene: &mut Scene) {
    let (balancer, world) = (scene.balancer.clone(), &mut scene.world);
    let mut ask = |operation: &str, more: Value| {
        let mut input = json!({
            "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount",
            "ResourceId": "service/demo/shop",
        });
        let fields = input.as_object_mut().expect("it has fields");
        fields.extend(more.as_object().expect("it has fields").clone());
        scaling::handle(world, operation, &input).expect("it is a sound request")
    };
    ask(
        "RegisterScalableTarget",
        json!({ "MinCapacity": 1, "MaxCapacity": 6 }),
    );
    let last = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
    let label = format!(
        "{}/{}",
        last(&balancer.arn).trim_start_matches("loadbalancer/"),
        last(&balancer.group_a)
    );
    // Ten requests a second and task are 12 % of its CPU here.
    let cpu = json!({ "PredefinedMetricType": "ECSServiceAverageCPUUtilization" });
    let requests = json!({
        "PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label,
    });
    for (name, target, metric) in [("cpu", 13.0, cpu), ("requests", 650.0, requests)] {
        let policy = json!({
            "PolicyName": name, "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration":
                { "TargetValue": target, "PredefinedMetricSpecification": metric },
        });
        ask("PutScalingPolicy", policy);
    }
    let steps = [json!({ "MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1 })];
    let policy = json!({
        "PolicyName": "busy", "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration":
            { "AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps, "Cooldown": 60 },
    });
    let busy = ask("PutScalingPolicy", policy)["PolicyARN"].clone();
    let night = json!({
        "ScheduledActionName": "night", "Schedule": "cron(0 22 * * ? *)",
        "ScalableTargetAction": { "MinCapacity": 1 },
    });
    ask("PutScheduledAction", night);
    let alarm = json!({
        "AlarmName": "shop-busy", "Namespace": "AWS/ECS", "MetricName": "CPUUtilization",
        "Statistic": "Average", "Period": 60, "EvaluationPeriods": 2, "Threshold": 60.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [busy, "arn:aws:sns:eu-west-1:123456789012:people"],
        "Dimensions": [{ "Name": "ClusterName", "Value": "demo" },
            { "Name": "ServiceName", "Value": "shop" }],
    });
    cloudwatch::handle(world, "PutMetricAlarm", &alarm).expect("it is a sound alarm");
    world.advance(1_800);
}

/// What AWS has of a service's autoscaling.
#[derive(Debug, Clone, PartialEq)]
struct Autoscaling {
    target: Value,
    policies: Vec<Value>,
    schedules: Vec<Value>,
    /// Every metric alarm that calls one of the policies, without its state.
    alarms: Vec<Value>,
}

fn list(of: &Value, key: &str) -> Vec<Value> {
    of[key].as_array().cloned().unwrap_or_default()
}

impl Autoscaling {
    fn of(region: &Region, service: &str) -> Autoscaling {
        region.with_world(|world| {
            let id = format!("service/demo/{service}");
            let input = json!({ "ServiceNamespace": "ecs", "ResourceId": id, "ResourceIds": [id] });
            let mut shown = |operation: &str, key: &str| {
                let answer = scaling::handle(world, operation, &input);
                list(&answer.expect("it is a sound request"), key)
            };
            let target = shown("DescribeScalableTargets", "ScalableTargets").pop();
            let policies = shown("DescribeScalingPolicies", "ScalingPolicies");
            let schedules = shown("DescribeScheduledActions", "ScheduledActions");
            let alarms = cloudwatch::handle(world, "DescribeAlarms", &json!({}));
            let mut alarms = list(&alarms.expect("it is a sound request"), "MetricAlarms");
            let called = |action: &Value| policies.iter().any(|it| it["PolicyARN"] == *action);
            alarms.retain(|alarm| list(alarm, "AlarmActions").iter().any(called));
            for alarm in alarms.iter_mut().filter_map(Value::as_object_mut) {
                alarm.retain(|field, _| !(field.starts_with("State") || field.ends_with("stamp")));
            }
            Autoscaling {
                target: target.unwrap_or_default(),
                policies,
                schedules,
                alarms,
            }
        })
    }

    fn suspended(&self) -> [bool; 3] {
        ["In", "Out"]
            .map(|way| format!("DynamicScaling{way}Suspended"))
            .into_iter()
            .chain(["ScheduledScalingSuspended".to_owned()])
            .map(|field| self.target["SuspendedState"][field] == true)
            .collect::<Vec<_>>()
            .try_into()
            .expect("there are three")
    }

    fn is_asleep(&self) -> bool {
        self.target["MinCapacity"] == 0 && self.suspended() == [true; 3]
    }

    /// Without what AWS gives each of them, and with slot a's names in the place of slot b's: two
    /// that scale alike are equal.
    fn settings(&self, stage: &Stage) -> Autoscaling {
        let id = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
        let balancer = &stage.balancer;
        let (a, b) = (id(&balancer.group_a), id(&balancer.group_b));
        let same = |value: &Value| {
            let text = value.to_string();
            let text = text
                .replace("bg/demo/shop-b/", "")
                .replace(&b, &a)
                .replace("demo/shop-b", "demo/shop")
                .replace("\"shop-b\"", "\"shop\"");
            let mut value: Value = serde_json::from_str(&text).expect("it still is JSON");
            let fields = value.as_object_mut().expect("it has fields");
            let own = ["CreationTime", "Alarms", "AlarmArn", "AlarmDescription"];
            fields.retain(|field, _| !(own.contains(&field.as_str()) || field.ends_with("ARN")));
            let name = fields.get("AlarmName").and_then(Value::as_str);
            if let Some((name, _)) = name.and_then(|it| it.split_once("AlarmLow-")) {
                fields["AlarmName"] = json!(format!("{name}low"));
            } else if let Some((name, _)) = name.and_then(|it| it.split_once("AlarmHigh-")) {
                fields["AlarmName"] = json!(format!("{name}high"));
            }
            let actions = fields.get_mut("AlarmActions").and_then(Value::as_array_mut);
            for action in actions.into_iter().flatten() {
                let last = action.as_str().and_then(|it| it.rsplit(':').next());
                *action = json!(last);
            }
            value
        };
        let all = |values: &[Value]| {
            let mut all: Vec<Value> = values.iter().map(same).collect();
            all.sort_by_key(Value::to_string);
            all
        };
        Autoscaling {
            target: same(&self.target),
            policies: all(&self.policies),
            schedules: all(&self.schedules),
            alarms: all(&self.alarms),
        }
    }
}

fn stage() -> Stage {
    Stage::open(RegionOptions::default(), autoscale)
}

fn asked(image: &str) -> Request {
    let mut request = request(image, STRATEGY);
    request.limits.poll = Duration::from_secs(20);
    request
}

async fn deployed(stage: &Stage, request: &Request) -> Outcome {
    let mut asks = Asks::default();
    stage.deploy_asked(request, &mut asks, |_, _| {}).await
}

/// What is wrong with both slots' autoscaling after a deployment from slot a to slot b.
fn wrong_with(stage: &Stage, before: &Autoscaling, outcome: Option<&Outcome>) -> Option<String> {
    let [blue, green] = ["shop", "shop-b"].map(|it| Autoscaling::of(&stage.region, it));
    let held = |service: &str| stage.tag(service, "bg:scale-in-held").is_some();
    match outcome {
        Some(Outcome::Promoted) => {
            if green.settings(stage) != before.settings(stage) {
                return Some(format!("green scales otherwise: {green:#?}"));
            }
            let mut kept = before.clone();
            kept.target["SuspendedState"]["DynamicScalingInSuspended"] = json!(true);
            if blue != kept || !held("shop") {
                return Some(format!("blue does not keep its tasks: {blue:#?}"));
            }
        }
        Some(Outcome::Reverted { .. }) => {
            if blue != *before || held("shop") {
                return Some(format!("blue is not what it was: {blue:#?}"));
            }
            let gone = green.target.is_null();
            let own = green.alarms.iter().any(|it| {
                let name = it["AlarmName"].as_str().unwrap_or_default();
                name.starts_with("bg/")
            });
            if !(gone || green.is_asleep()) || own {
                return Some(format!("green could start tasks again: {green:#?}"));
            }
        }
        other => return Some(format!("it ended as {other:?}")),
    }
    held("shop-b").then(|| "green's scale-in is still held".to_owned())
}

#[test]
fn a_good_version_scales_as_the_one_before_it() {
    in_virtual_time(async {
        let stage = stage();
        let before = Autoscaling::of(&stage.region, "shop");
        let names = before.policies.iter().map(|it| it["PolicyName"].as_str());
        assert_eq!(names.collect::<Vec<_>>(), POLICIES.map(Some));
        assert_eq!((before.alarms.len(), before.schedules.len()), (5, 1));
        assert_eq!(stage.counts("shop"), Some((2, 2)), "it is steady at first");

        let outcome = deployed(&stage, &asked("shop:v2")).await;
        assert_eq!(outcome, Outcome::Promoted);
        assert_eq!(wrong_with(&stage, &before, Some(&outcome)), None);
        assert_eq!(stage.counts("shop"), Some((2, 2)), "blue is kept warm");
        assert_eq!(stage.counts("shop-b"), Some((2, 2)));

        retired(&stage, SlotName::A).await;
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let idle = Autoscaling::of(&stage.region, "shop");
        assert!(idle.is_asleep(), "{idle:#?}");
        assert_eq!(stage.counts("shop"), Some((0, 0)), "nothing wakes it");
        assert_eq!(stage.counts("shop-b"), Some((2, 2)));

        // Many more requests come: green has to scale by each of its policies.
        stage.region.with_world(|world| {
            let many = Flow::new(&stage.balancer.listener, Shape::Steady(150.0));
            world.traffic.flows.push(many);
        });
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(stage.counts("shop-b").map(|it| it.0), Some(6));
        let told = stage.region.with_world(|world| {
            let activities = &world.scaling.activities;
            format!("{:?}", activities.get("service/demo/shop-b"))
        });
        for policy in ["busy", "cpu"] {
            let caused = format!("triggered policy {policy}");
            assert!(told.contains(&caused), "{told}");
        }
        assert_eq!(stage.counts("shop"), Some((0, 0)), "it still sleeps");
    });
}

#[test]
fn a_bad_version_leaves_autoscaling_as_it_was() {
    for image in ["shop:bad", "shop:unhealthy"] {
        in_virtual_time(async {
            let stage = stage();
            let before = Autoscaling::of(&stage.region, "shop");
            let outcome = deployed(&stage, &asked(image)).await;
            assert_eq!(wrong_with(&stage, &before, Some(&outcome)), None, "{image}");
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            assert_eq!(stage.counts("shop"), Some((2, 2)), "{image}");
            let green = stage.counts("shop-b");
            assert_eq!(green, Some((0, 0)), "{image}: nothing wakes it");
        });
    }
}

#[test]
fn slots_that_take_turns_end_with_what_they_began_with() {
    in_virtual_time(async {
        let stage = stage();
        let before = Autoscaling::of(&stage.region, "shop");
        for (image, idle) in [("shop:v2", SlotName::A), ("shop:v3", SlotName::B)] {
            let outcome = deployed(&stage, &asked(image)).await;
            assert_eq!(outcome, Outcome::Promoted, "{image}");
            retired(&stage, idle).await;
        }
        assert_eq!(Autoscaling::of(&stage.region, "shop"), before);
        let idle = Autoscaling::of(&stage.region, "shop-b");
        assert!(idle.is_asleep(), "{idle:#?}");
        let by_steps = |alarm: &Value| alarm["AlarmName"].to_string().contains("busy");
        assert!(!idle.alarms.iter().any(by_steps), "{idle:#?}");
        assert_eq!(stage.counts("shop-b"), Some((0, 0)));
    });
}

#[test]
fn green_grows_with_blue_and_keeps_the_bounds_that_somebody_sets_meanwhile() {
    in_virtual_time(async {
        let stage = stage();
        let sized = Mutex::new(Vec::new());
        let mut asks = Asks::default();
        let request = asked("shop:v2");
        let run = stage.deploy_asked(&request, &mut asks, |stage, record| match &record.event {
            Event::Baking { step: 0, .. } => {
                let more = json!({ "ServiceNamespace": "ecs", "ResourceId": "service/demo/shop",
                    "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 4 });
                stage.region.with_world(|world| {
                    scaling::handle(world, "RegisterScalableTarget", &more).expect("it is there");
                });
            }
            Event::SizingGreen { desired } => locked(&sized).push(*desired),
            Event::Shifting { step: 1, .. } => {
                assert_eq!(stage.counts("shop-b"), Some((4, 4)), "ahead of its traffic");
            }
            _ => {}
        });
        assert_eq!(run.await, Outcome::Promoted);
        assert_eq!(*locked(&sized), [4]);
        let green = Autoscaling::of(&stage.region, "shop-b");
        assert_eq!(
            (&green.target["MinCapacity"], green.suspended()),
            (&json!(4), [false; 3])
        );
    });
}

/// It can die before and after each write, and with each record written or lost.
#[test]
fn autoscaling_is_put_back_wherever_the_process_dies() {
    let before = Autoscaling::of(&stage().region, "shop");
    for (image, is_good) in [("shop:v2", true), ("shop:bad", false)] {
        let remains = Arc::new(Mutex::new(Vec::new()));
        let left = Arc::clone(&remains);
        let sample = Sample {
            looks: 20,
            named: Box::new(|_| true),
        };
        let undisturbed = die_everywhere(&asked(image), autoscale, sample, move |it| {
            locked(&left).push(it);
        });
        let promoted = |it: &Deployment| it.outcome() == Some(&Outcome::Promoted);
        assert_eq!(promoted(&undisturbed.ended), is_good);
        let remains = std::mem::take(&mut *locked(&remains));
        println!("{image}: {} points", remains.len());
        assert!(remains.len() > 40, "{image}: too few points");
        let mut wrong = Vec::new();
        for remains in remains {
            let at = remains.at.clone();
            let end = remains.go_on(Duration::from_secs(70));
            let why = match end {
                Err(why) => Some(why),
                Ok(resumed) if promoted(&resumed.ended) != is_good => {
                    Some("it ended on the other side".to_owned())
                }
                Ok(resumed) => (resumed.broken.first().cloned())
                    .or_else(|| resumed.stage.wrong_with(&resumed.ended))
                    .or_else(|| wrong_with(&resumed.stage, &before, resumed.ended.outcome())),
            };
            wrong.extend(why.map(|why| format!("{image}, {at}: {why}")));
        }
        assert!(
            wrong.is_empty(),
            "{} points:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

/// The duty to retire a slot, by its tag and beside the journal where that is given.
fn retiring<'a>(stage: &'a Stage, slot: SlotName, log: Option<Log<'a>>) -> Retiring<'a> {
    let (service, group) = match slot {
        SlotName::A => ("shop", &stage.balancer.group_a),
        SlotName::B => ("shop-b", &stage.balancer.group_b),
    };
    let plan = ended(stage).plan;
    let due: Due = stage
        .tag(service, TAG)
        .and_then(|tag| tag.parse().ok())
        .expect("it is due");
    Retiring {
        cloud: &stage.cloud,
        store: &stage.store,
        holder: stage.holder(&plan.id),
        clock: stage.clock(),
        service: plan.service.clone(),
        cluster: plan.cluster.clone(),
        retirement: Retirement {
            slot,
            service: plan.slots[slot].service.clone(),
            groups: vec![bg::deployment::ids::TargetGroupArn::new(group)],
            other: plan.slots[slot.other()].service.clone(),
            is_bare: false,
            due,
            at_most: plan.retire.at_most,
            deadman: None,
            records: Vec::new(),
        },
        log,
    }
}

fn ended(stage: &Stage) -> Deployment {
    let ended = Deployment::replay(&*stage.records.borrow()).expect("it is legal");
    ended.expect("it has records")
}

/// Waits until a slot that is due is retired.
async fn retired(stage: &Stage, slot: SlotName) {
    let mut retiring = retiring(stage, slot, None);
    assert_eq!(retiring.wait(&mut Asks::default()).await, Retired::Done);
    assert_eq!(demo::CLUSTER, retiring.cluster.as_str());
}

/// Somebody gives the slots these weights.
fn move_by_hand(stage: &Stage, a: u32, b: u32) {
    let groups = json!([
        { "TargetGroupArn": stage.balancer.group_a, "Weight": a },
        { "TargetGroupArn": stage.balancer.group_b, "Weight": b },
    ]);
    let forward = json!({ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } });
    let input = json!({ "ListenerArn": stage.balancer.listener, "DefaultActions": [forward] });
    elb(&stage.region, "ModifyListener", &input);
}

/// Both slots scale as blue did before, and nothing says any more that they don't.
fn is_put_back(stage: &Stage, before: &Autoscaling, at: &str) {
    let [blue, green] = ["shop", "shop-b"].map(|it| Autoscaling::of(&stage.region, it));
    assert_eq!(blue, *before, "{at}");
    assert_eq!(green.settings(stage), before.settings(stage), "{at}");
    for service in ["shop", "shop-b"] {
        for tag in ["bg:scale-in-held", TAG] {
            assert_eq!(stage.tag(service, tag), None, "{at}: {service}, {tag}");
        }
    }
}

#[test]
fn a_blue_that_got_traffic_back_by_hand_scales_as_before() {
    for (a, b) in [(100, 0), (10, 90)] {
        for (has_journal, is_asleep) in [(true, false), (false, false), (true, true), (false, true)]
        {
            in_virtual_time(async {
                let at = format!("{a}/{b}, journal: {has_journal}, asleep: {is_asleep}");
                let stage = stage();
                let before = Autoscaling::of(&stage.region, "shop");
                assert_eq!(deployed(&stage, &asked("shop:v2")).await, Outcome::Promoted);
                if is_asleep {
                    let sleep = Action::SleepScaling { slot: SlotName::A };
                    let service = EcsServiceName::new("shop");
                    let cluster = ended(&stage).plan.cluster;
                    let slept = stage.cloud.act_on_service(&cluster, &service, &sleep);
                    slept.await.expect("it can be put to sleep");
                }
                move_by_hand(&stage, a, b);
                let told = Mutex::new(Vec::new());
                let mut show = |record: &Record| locked(&told).push(record.event.clone());
                let log = Log::of(&stage.store, ended(&stage), &mut show);
                let mut retiring = retiring(&stage, SlotName::A, Some(log).filter(|_| has_journal));
                let Retired::Cancelled(why) = retiring.wait(&mut Asks::default()).await else {
                    panic!("{at}: it is retired");
                };
                assert!(why.contains("the autoscaling of shop is put back"), "{why}");
                drop(retiring);
                is_put_back(&stage, &before, &at);
                let cancelled = Event::RetireCancelled { why };
                assert_eq!(locked(&told).contains(&cancelled), has_journal, "{at}");
                assert_eq!(stage.counts("shop"), Some((2, 2)), "{at}");
            });
        }
    }
}

#[test]
fn a_slot_that_slept_already_gets_the_alarms_of_its_steps_back() {
    in_virtual_time(async {
        let stage = stage();
        assert_eq!(deployed(&stage, &asked("shop:v2")).await, Outcome::Promoted);
        retired(&stage, SlotName::A).await;
        let before = Autoscaling::of(&stage.region, "shop-b");
        let by_steps = |it: &Value| it["AlarmName"].to_string().contains("bg/demo/shop-b/");
        assert!(before.alarms.iter().any(by_steps), "{before:#?}");
        assert_eq!(deployed(&stage, &asked("shop:v3")).await, Outcome::Promoted);
        let mut show = |_: &Record| {};
        let log = Log::of(&stage.store, ended(&stage), &mut show);
        let mut retiring = retiring(&stage, SlotName::B, Some(log));
        // Two ticks: the next one would take its tasks away.
        while !Autoscaling::of(&stage.region, "shop-b").is_asleep() {
            retiring.round().await;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        let idle = Autoscaling::of(&stage.region, "shop-b");
        assert!(!idle.alarms.iter().any(by_steps), "{idle:#?}");
        move_by_hand(&stage, 0, 100);
        let kept = retiring.round().await;
        assert!(
            matches!(kept, Round::Over(Retired::Cancelled(_))),
            "{kept:?}"
        );
        assert_eq!(Autoscaling::of(&stage.region, "shop-b"), before);
        assert_eq!(stage.counts("shop-b"), Some((2, 2)));
    });
}

#[test]
fn what_was_moved_right_after_a_promotion_scales_as_before_once_it_is_due() {
    in_virtual_time(async {
        let stage = stage();
        let before = Autoscaling::of(&stage.region, "shop");
        let (request, mut asks) = (asked("shop:v2"), Asks::default());
        let moved = stage.deploy_asked(&request, &mut asks, |stage, record| {
            if matches!(record.event, Event::Promoted { .. }) {
                move_by_hand(stage, 100, 0);
            }
        });
        let outcome = moved.await;
        assert!(matches!(outcome, Outcome::Stuck { .. }), "{outcome:?}");
        let kept = retiring(&stage, SlotName::A, None)
            .wait(&mut Asks::default())
            .await;
        assert!(matches!(kept, Retired::Cancelled(_)), "{kept:?}");
        is_put_back(&stage, &before, "right after");
    });
}

#[test]
fn the_duty_stands_until_autoscaling_is_put_back() {
    in_virtual_time(async {
        let stage = stage();
        let before = Autoscaling::of(&stage.region, "shop");
        assert_eq!(deployed(&stage, &asked("shop:v2")).await, Outcome::Promoted);
        move_by_hand(&stage, 100, 0);
        let mut retiring = retiring(&stage, SlotName::A, None);
        stage.clock().sleep_until(retiring.retirement.due.at).await;
        let register = |kind| FaultRule::new("RegisterScalableTarget", kind, When::Always);
        stage.region.fault(register(FaultKind::InternalError));
        let Round::Again { why, .. } = retiring.round().await else {
            panic!("it is over");
        };
        assert!(why.contains("can't be put back yet"), "{why}");
        assert!(stage.tag("shop", TAG).is_some(), "whoever comes next tries");
        stage.region.clear_faults();
        let kept = retiring.round().await;
        assert!(matches!(kept, Round::Over(Retired::Cancelled(_))));
        is_put_back(&stage, &before, "in the end");
    });
}

#[test]
fn where_autoscaling_may_not_be_put_back_that_is_told_and_its_mark_stays() {
    in_virtual_time(async {
        let stage = stage();
        assert_eq!(deployed(&stage, &asked("shop:v2")).await, Outcome::Promoted);
        move_by_hand(&stage, 100, 0);
        let denied = FaultRule::new("RegisterScalableTarget", FaultKind::Denied, When::Always);
        stage.region.fault(denied);
        let mut retiring = retiring(&stage, SlotName::A, None);
        let Retired::Cancelled(why) = retiring.wait(&mut Asks::default()).await else {
            panic!("it is retired");
        };
        assert!(why.contains("its autoscaling can't be put back"), "{why}");
        assert_eq!(stage.tag("shop", TAG), None, "it has traffic");
        let held = stage.tag("shop", "bg:scale-in-held");
        assert!(held.is_some(), "status goes by it");
    });
}

/// What the next deployment holds is its own, though a slot waits to be retired for an earlier one.
#[test]
fn what_a_later_deployment_holds_stays_held() {
    in_virtual_time(async {
        let stage = stage();
        assert_eq!(deployed(&stage, &asked("shop:v2")).await, Outcome::Promoted);
        move_by_hand(&stage, 10, 90);
        let later = json!([{ "key": "bg:scale-in-held", "value": "20991231-000000-zzzz" }]);
        stage.region.with_world(|world| {
            let described = json!({ "cluster": "demo", "services": ["shop-b"] });
            let described =
                ecs::handle(world, "DescribeServices", &described).expect("it is there");
            let arn = &described["services"][0]["serviceArn"];
            let tag = json!({ "resourceArn": arn, "tags": later });
            ecs::handle(world, "TagResource", &tag).expect("it is there");
        });
        let kept = retiring(&stage, SlotName::A, None)
            .wait(&mut Asks::default())
            .await;
        assert!(matches!(kept, Retired::Cancelled(_)), "{kept:?}");
        assert_eq!(stage.tag("shop", "bg:scale-in-held"), None);
        assert!(stage.tag("shop-b", "bg:scale-in-held").is_some());
    });
}
