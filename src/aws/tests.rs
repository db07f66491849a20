//! The adapters under the real SDK, against the region.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::canned::{Answer, Canned};
use super::{Cloud, Done, ErrorClass, RouteWrite, SurveyAsk, Watched};
use crate::deployment::action::{Action, WeightWrite};
use crate::deployment::clone;
use crate::deployment::ids::{
    AlarmName, ClusterName, DeploymentId, EcsServiceName, LoadBalancerArn, RouteArn, ServiceName,
    SlotName, Slots, TargetGroupArn, TaskDefinitionArn,
};
use crate::deployment::observation::{Observation, Rollout, Seen, Split};
use crate::deployment::plan::{
    AlarmGuard, AlarmWeight, GreenService, Guards, Kind, Limits, NewTaskDefinition, Plan, Retire,
    RetireHow, Route, RouteKind, SlotPlan, StepPlan, TargetPlan,
};
use crate::judge::alarms::{AlarmState, InsufficientData};
use crate::judge::targets::Share;
use crate::sandbox::demo::{self, Balancer};
use crate::sandbox::faults::{FaultKind, FaultRule, When};
use crate::sandbox::wire::{ecs, elbv2, scaling};
use crate::sandbox::{Region, RegionOptions};
use crate::strategy::Weight;

/// The demo account, and a plan to deploy into it.
struct Scene {
    region: Region,
    cloud: Cloud,
    balancer: Balancer,
    plan: Plan,
}

impl Scene {
    fn new() -> Scene {
        let region = Region::new(RegionOptions::default());
        let balancer = region.with_world(|world| demo::build(world).unwrap());
        // The build took its time of the world; let the clock catch up with it.
        let options = RegionOptions::default();
        let world = region.with_world(|world| world.clone());
        let region = Region::with(world, options);
        let cloud = Cloud::with_config(&region.sdk_config());
        let plan = plan(&balancer);
        Scene {
            region,
            cloud,
            balancer,
            plan,
        }
    }

    /// A second route: a rule that forwards to both groups, pinned or not.
    fn with_rule(mut self, sticky: Option<u32>) -> Scene {
        let forward = json!({
            "TargetGroups": [
                { "TargetGroupArn": self.balancer.group_a, "Weight": 100 },
                { "TargetGroupArn": self.balancer.group_b, "Weight": 0 },
            ],
            "TargetGroupStickinessConfig":
                { "Enabled": sticky.is_some(), "DurationSeconds": sticky.unwrap_or(1) },
        });
        let made = self.region.with_world(|world| {
            let input = json!({
                "ListenerArn": self.balancer.listener, "Priority": 7,
                "Conditions": [{ "Field": "path-pattern", "Values": ["/api/*"] }],
                "Actions": [{ "Type": "forward", "ForwardConfig": forward }],
            });
            elbv2::handle(world, "CreateRule", &input).unwrap()
        });
        let arn = made["Rules"][0]["RuleArn"].as_str().unwrap();
        let listener = &self.plan.routes[0];
        self.plan.routes.push(Route {
            arn: RouteArn::new(arn),
            kind: RouteKind::Rule,
            label: "shop:80 /api/*".to_owned(),
            sticky: sticky.map(|seconds| Duration::from_secs(seconds.into())),
            ..listener.clone()
        });
        self
    }

    async fn observe(&self) -> Observation {
        self.cloud.observe(&self.plan, || self.region.now()).await
    }

    async fn act(&self, action: Action) -> Result<Done, super::AwsError> {
        let body = demo::task_definition("shop:v2");
        self.cloud.perform(&self.plan, &action, Some(&body)).await
    }

    async fn raise(&self, percent: u16) {
        let weight = Weight::of_per_mille(percent * 10).unwrap();
        self.act(Action::WriteWeights(WeightWrite::Raise(weight)))
            .await
            .unwrap();
    }

    async fn register(&self) -> TaskDefinitionArn {
        match self.act(Action::RegisterTaskDefinition).await.unwrap() {
            Done::TaskDefinition(arn) => arn,
            Done::Nothing => panic!("no revision"),
        }
    }

    /// Green's share of each route as the region has it.
    async fn splits(&self) -> Vec<Split> {
        let seen = self.observe().await.routes;
        let split = |route: &Route| seen[&route.arn].value().unwrap().split(route, &self.plan);
        self.plan.routes.iter().map(split).collect()
    }

    /// How often each operation was called since the last time, by its name.
    fn calls(&self) -> BTreeMap<String, u64> {
        let counts = self.region.call_counts();
        self.region.forget_calls();
        counts
            .into_iter()
            .map(|((_, name), count)| (name, count))
            .collect()
    }

    fn fault(&self, pattern: &str, kind: FaultKind, when: When) {
        self.region.fault(FaultRule::new(pattern, kind, when));
    }

    fn ask(&self) -> SurveyAsk {
        SurveyAsk {
            cluster: self.plan.cluster.clone(),
            services: Slots::from_fn(|slot| self.plan.slots[slot].service.clone()),
            groups: vec!["shop-a".to_owned(), self.balancer.group_b.clone()],
            alarms: vec![AlarmName::new("shop-a-5xx"), AlarmName::new("nobody")],
            definition: None,
            images: vec!["shop:v2".to_owned()],
        }
    }
}

fn green_at(percent: u16) -> Split {
    Split::Green(Weight::of_per_mille(percent * 10).unwrap())
}

fn plan(balancer: &Balancer) -> Plan {
    let slot = |service: &str, group: &str| SlotPlan {
        service: EcsServiceName::new(service),
        targets: vec![TargetPlan {
            group: TargetGroupArn::new(group),
            container: demo::CONTAINER.to_owned(),
            port: demo::PORT,
            deregistration_delay: Duration::from_secs(60),
        }],
    };
    let service = demo::service(demo::SERVICE, &balancer.group_a, demo::TASKS);
    Plan {
        id: DeploymentId::new("20261121-071405-abcd"),
        kind: Kind::Deploy,
        service: ServiceName::new("shop"),
        cluster: ClusterName::new(demo::CLUSTER),
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        created_at: Timestamp::UNIX_EPOCH,
        blue: SlotName::A,
        slots: Slots {
            a: slot("shop", &balancer.group_a),
            b: slot("shop-b", &balancer.group_b),
        },
        task_definition: NewTaskDefinition::Register {
            family: "shop".to_owned(),
            images: vec![("app".to_owned(), "shop:v2".to_owned())],
        },
        blue_task_definition: TaskDefinitionArn::new("shop:1"),
        green: GreenService::Create {
            source: SlotName::A,
        },
        desired: demo::TASKS,
        settings: clone::settings(&service),
        routes: vec![Route {
            arn: RouteArn::new(&balancer.listener),
            kind: RouteKind::Listener,
            label: "shop:80".to_owned(),
            load_balancer: LoadBalancerArn::new(&balancer.arn),
            groups: Slots {
                a: TargetGroupArn::new(&balancer.group_a),
                b: TargetGroupArn::new(&balancer.group_b),
            },
            sticky: None,
        }],
        strategy: "all-at-once".to_owned(),
        steps: vec![StepPlan {
            weight: Weight::FULL,
            bake: Duration::from_secs(60),
        }],
        guards: Guards {
            ready: Share::ALL,
            min: Share::ALL,
            healthy_for: Duration::ZERO,
            alarms: vec![AlarmGuard {
                name: AlarmName::new("shop-b-5xx"),
                insufficient_data: InsufficientData::Ok,
                weight: AlarmWeight::Guards,
            }],
        },
        limits: Limits {
            poll: Duration::from_secs(5),
            healthy_within: Duration::from_secs(600),
            patience: Duration::from_secs(600),
            blind_after: Duration::from_secs(120),
        },
        retire: Retire {
            after: Duration::from_secs(600),
            then: RetireHow::ScaleToZero,
            at_most: Duration::from_secs(3600),
        },
    }
}

#[tokio::test(start_paused = true)]
async fn green_is_registered_created_and_seen_to_become_healthy() {
    let scene = Scene::new();
    let task_definition = scene.register().await;
    assert_eq!(task_definition.short(), "shop:2");
    let provision = Action::ProvisionGreen {
        task_definition: task_definition.clone(),
    };
    scene.act(provision).await.unwrap();
    tokio::time::sleep(Duration::from_secs(180)).await;
    let seen = scene.observe().await;
    let green = seen.services.b.value().unwrap().as_ref().unwrap();
    assert_eq!(green.task_definition, task_definition);
    assert_eq!(
        (green.desired, green.running, green.pending, green.failed),
        (2, 2, 0, 0)
    );
    assert_eq!((green.rollout, green.deployments), (Rollout::Completed, 1));
    assert_eq!(green.deployment.as_ref(), Some(&scene.plan.id));
    for group in seen.groups.values() {
        assert_eq!(group.value().unwrap().healthy, 2);
    }
    let alarm = seen.alarms[&AlarmName::new("shop-b-5xx")].value().unwrap();
    assert_ne!(alarm.state, AlarmState::Alarm);
    assert_eq!(scene.splits().await, [green_at(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_makes_no_second_revision_and_no_second_service() {
    let scene = Scene::new();
    let first = scene.register().await;
    assert_eq!(scene.register().await, first);
    let provision = Action::ProvisionGreen {
        task_definition: first,
    };
    scene.act(provision.clone()).await.unwrap();
    scene.calls();
    scene.act(provision).await.unwrap();
    let calls = scene.calls();
    assert_eq!(
        calls.into_iter().collect::<Vec<_>>(),
        [("DescribeServices".to_owned(), 1)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_write_is_found_out_by_the_repeat() {
    let scene = Scene::new();
    scene.fault(
        "RegisterTaskDefinition",
        FaultKind::ResetAfter,
        When::Nth(1),
    );
    scene.fault("CreateService", FaultKind::TimeoutAfter, When::Nth(1));
    let error = scene.act(Action::RegisterTaskDefinition).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Ambiguous);
    let task_definition = scene.register().await;
    assert_eq!(task_definition.short(), "shop:2");
    let provision = Action::ProvisionGreen { task_definition };
    let error = scene.act(provision.clone()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::TimedOut);
    scene.act(provision).await.unwrap();
    let calls = scene.calls();
    assert_eq!(
        (calls["RegisterTaskDefinition"], calls["CreateService"]),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_green_that_exists_is_set_and_tagged() {
    let scene = Scene::new();
    scene.region.with_world(|world| {
        let idle = demo::service("shop-b", &scene.balancer.group_b, 0);
        ecs::handle(world, "CreateService", &idle).unwrap();
    });
    let task_definition = scene.register().await;
    let provision = Action::ProvisionGreen {
        task_definition: task_definition.clone(),
    };
    scene.act(provision).await.unwrap();
    let calls = scene.calls();
    assert_eq!((calls["UpdateService"], calls["TagResource"]), (1, 1));
    let seen = scene.observe().await;
    let green = seen.services.b.value().unwrap().as_ref().unwrap();
    assert_eq!(green.task_definition, task_definition);
    assert_eq!(
        (green.desired, green.deployment.as_ref()),
        (2, Some(&scene.plan.id))
    );
}

#[tokio::test(start_paused = true)]
async fn a_draining_green_is_a_conflict_that_passes() {
    let scene = Scene::new();
    let task_definition = scene.register().await;
    let provision = Action::ProvisionGreen { task_definition };
    scene.act(provision.clone()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    scene
        .act(Action::Scale {
            slot: SlotName::B,
            desired: 0,
        })
        .await
        .unwrap();
    scene
        .act(Action::Delete { slot: SlotName::B })
        .await
        .unwrap();
    let error = scene.act(provision).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_look_while_baking_costs_five_calls() {
    let scene = Scene::new();
    let task_definition = scene.register().await;
    scene
        .act(Action::ProvisionGreen { task_definition })
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(180)).await;
    scene.calls();
    scene.observe().await;
    let expected = [
        ("DescribeAlarms", 1),
        ("DescribeListeners", 1),
        ("DescribeServices", 1),
        ("DescribeTargetHealth", 2),
    ];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(scene.calls(), expected.into());
}

#[tokio::test(start_paused = true)]
async fn weights_move_on_all_routes_and_go_back_in_one_call_each() {
    let scene = Scene::new().with_rule(None);
    scene.observe().await;
    scene.raise(10).await;
    assert_eq!(scene.splits().await, [green_at(10), green_at(10)]);
    scene.calls();
    scene.raise(10).await;
    assert!(!scene.calls().keys().any(|name| name.starts_with("Modify")));
    scene.raise(100).await;
    scene.calls();
    scene
        .act(Action::WriteWeights(WeightWrite::AllBlue))
        .await
        .unwrap();
    let expected = [("ModifyListener", 1), ("ModifyRule", 1)];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(scene.calls(), expected.into());
    assert_eq!(scene.splits().await, [green_at(0), green_at(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_process_without_memory_of_the_routes_reads_them_and_reverts() {
    let scene = Scene::new().with_rule(None);
    scene.raise(50).await;
    let other = Cloud::with_config(&scene.region.sdk_config());
    let all_blue = Action::WriteWeights(WeightWrite::AllBlue);
    other.perform(&scene.plan, &all_blue, None).await.unwrap();
    assert_eq!(scene.splits().await, [green_at(0), green_at(0)]);
}

#[tokio::test(start_paused = true)]
async fn trouble_on_one_route_does_not_keep_the_others_from_going_back() {
    let scene = Scene::new().with_rule(None);
    scene.observe().await;
    scene.raise(50).await;
    scene.fault("ModifyListener", FaultKind::Denied, When::Always);
    scene.fault("ModifyRule", FaultKind::InternalError, When::First(2));
    let all_blue = Action::WriteWeights(WeightWrite::AllBlue);
    let error = scene.act(all_blue.clone()).await.unwrap_err();
    assert_eq!(
        (error.class, &error.routes[..]),
        (ErrorClass::Denied, &["shop:80".to_owned()][..])
    );
    assert!(
        error.to_string().starts_with("route shop:80: not allowed"),
        "{error}"
    );
    assert_eq!(scene.splits().await, [green_at(50), green_at(0)]);
    scene.region.clear_faults();
    scene.act(all_blue).await.unwrap();
    assert_eq!(scene.splits().await, [green_at(0), green_at(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_revert_survives_an_answer_that_is_lost_or_garbled() {
    for kind in [
        FaultKind::ResetAfter,
        FaultKind::TimeoutBefore,
        FaultKind::Garbled,
    ] {
        let scene = Scene::new();
        scene.raise(50).await;
        scene.fault("ModifyListener", kind, When::First(2));
        scene
            .act(Action::WriteWeights(WeightWrite::AllBlue))
            .await
            .unwrap();
        assert_eq!(scene.splits().await, [green_at(0)], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn sticky_routes_lose_green_in_a_revert_and_get_it_back() {
    let scene = Scene::new().with_rule(Some(600));
    let rule = &scene.plan.routes[1];
    let green = &rule.groups.b;
    let named = async || {
        let seen = scene.observe().await;
        seen.routes[&rule.arn].value().unwrap().names(green)
    };
    scene.raise(20).await;
    scene
        .act(Action::WriteWeights(WeightWrite::AllBlue))
        .await
        .unwrap();
    assert!(!named().await);
    scene.act(Action::AddGreenToRoutes).await.unwrap();
    assert!(named().await);
    assert_eq!(scene.splits().await, [green_at(0), green_at(0)]);
    scene.raise(100).await;
    let error = scene
        .act(Action::Unpin { slot: SlotName::B })
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid, "{error}");
    scene
        .act(Action::Unpin { slot: SlotName::A })
        .await
        .unwrap();
    let seen = scene.observe().await;
    assert!(
        !seen.routes[&rule.arn]
            .value()
            .unwrap()
            .names(&rule.groups.a)
    );
    assert!(
        seen.routes[&scene.plan.routes[0].arn]
            .value()
            .unwrap()
            .names(&rule.groups.a)
    );
}

#[tokio::test(start_paused = true)]
async fn a_raise_refuses_where_a_third_group_carries_traffic() {
    let scene = Scene::new();
    scene.region.with_world(|world| {
        let group = json!({ "Name": "old", "Protocol": "HTTP", "Port": 80, "TargetType": "ip",
                            "VpcId": "vpc-0a0a0a0a0a0a0a0a0" });
        let made = elbv2::handle(world, "CreateTargetGroup", &group).unwrap();
        let old = &made["TargetGroups"][0]["TargetGroupArn"];
        let groups = json!([{ "TargetGroupArn": scene.balancer.group_a, "Weight": 90 },
                            { "TargetGroupArn": old, "Weight": 10 }]);
        let input = json!({
            "ListenerArn": scene.balancer.listener,
            "DefaultActions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }],
        });
        elbv2::handle(world, "ModifyListener", &input).unwrap();
    });
    let raise = Action::WriteWeights(WeightWrite::Raise(Weight::FULL));
    let error = scene.act(raise).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(
        error.to_string().contains("old carries traffic too"),
        "{error}"
    );
    scene
        .act(Action::WriteWeights(WeightWrite::AllBlue))
        .await
        .unwrap();
    assert_eq!(scene.splits().await, [green_at(0)]);
}

#[tokio::test(start_paused = true)]
async fn one_thing_that_is_gone_does_not_hide_the_others() {
    let scene = Scene::new().with_rule(None).with_rule(None);
    let gone = &scene.plan.routes[2].arn;
    scene.region.with_world(|world| {
        let rule = json!({ "RuleArn": gone.as_str() });
        elbv2::handle(world, "DeleteRule", &rule).unwrap();
    });
    let seen = scene.observe().await;
    assert!(seen.routes[gone].trouble().is_some());
    assert!(seen.routes[&scene.plan.routes[1].arn].value().is_some());
    assert_eq!(seen.services.b, Seen::Value(None));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_says_why_and_the_rest_is_seen() {
    let scene = Scene::new();
    scene.fault("DescribeAlarms", FaultKind::Denied, When::Always);
    scene.fault("DescribeServices", FaultKind::Throttle, When::Always);
    let seen = scene.observe().await;
    let alarm = &seen.alarms[&AlarmName::new("shop-b-5xx")];
    assert!(
        alarm
            .trouble()
            .unwrap()
            .contains("cloudwatch:DescribeAlarms"),
        "{alarm:?}"
    );
    assert!(seen.services.a.trouble().unwrap().contains("throttled"));
    assert!(seen.groups.values().all(|group| group.value().is_some()));
}

#[tokio::test(start_paused = true)]
async fn failed_tasks_of_green_are_explained() {
    let scene = Scene::new();
    let body = demo::task_definition("shop:missing");
    let register = Action::RegisterTaskDefinition;
    let done = scene
        .cloud
        .perform(&scene.plan, &register, Some(&body))
        .await
        .unwrap();
    let Done::TaskDefinition(task_definition) = done else {
        panic!("{done:?}")
    };
    scene
        .act(Action::ProvisionGreen { task_definition })
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(180)).await;
    let seen = scene.observe().await;
    let green = seen.services.b.value().unwrap().as_ref().unwrap();
    assert!(green.failed > 0);
    assert!(
        green.stopped[0].reason.contains("CannotPullContainerError"),
        "{green:?}"
    );
    assert!(green.stopped.len() <= 5);
}

#[tokio::test(start_paused = true)]
async fn settings_scale_tags_and_deletion_may_be_repeated() {
    let scene = Scene::new();
    let slot = SlotName::B;
    let absent = [
        Action::Scale { slot, desired: 0 },
        Action::RestoreSettings,
        Action::Delete { slot },
        Action::Tag {
            slot,
            tags: [("x".to_owned(), None)].into(),
        },
    ];
    for action in absent {
        assert_eq!(
            scene.act(action.clone()).await,
            Ok(Done::Nothing),
            "{action:?}"
        );
    }
    let task_definition = scene.register().await;
    scene
        .act(Action::ProvisionGreen { task_definition })
        .await
        .unwrap();
    let described = async || {
        let names = [&scene.plan.slots.b.service];
        let found = scene
            .cloud
            .services(&scene.plan.cluster, &names)
            .await
            .unwrap();
        found.into_iter().next().flatten().unwrap()
    };
    let breaker = "/deploymentConfiguration/deploymentCircuitBreaker/rollback";
    assert_eq!(described().await.pointer(breaker), Some(&json!(false)));
    scene.act(Action::RestoreSettings).await.unwrap();
    let restored = described().await;
    assert_eq!(restored.pointer(breaker), Some(&json!(true)));
    assert_eq!(restored["deployments"].as_array().unwrap().len(), 1);
    let tags = |value: Option<&str>| Action::Tag {
        slot,
        tags: [("bg:retire-at".to_owned(), value.map(str::to_owned))].into(),
    };
    let tag = async || {
        let service = described().await;
        super::ecs::tag(super::ecs::list(&service, "tags"), "bg:retire-at").map(str::to_owned)
    };
    scene.act(tags(Some("2026-11-21T07:14:05Z"))).await.unwrap();
    assert_eq!(tag().await.as_deref(), Some("2026-11-21T07:14:05Z"));
    for _ in 0..2 {
        scene.act(tags(None)).await.unwrap();
        assert_eq!(tag().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_survey_finds_what_is_there_and_what_is_not() {
    let scene = Scene::new().with_rule(Some(600));
    let found = scene
        .cloud
        .survey(&scene.ask(), scene.region.now())
        .await
        .unwrap();
    assert_eq!(
        (found.account.as_str(), found.region.as_str()),
        ("123456789012", "eu-west-1")
    );
    assert!(found.cluster_exists);
    assert!(found.services.a.is_some() && found.services.b.is_none());
    assert_eq!(found.service_names, ["shop"]);
    let group = found.groups["shop-a"].as_ref().unwrap();
    assert_eq!(group.arn.as_str(), scene.balancer.group_a);
    assert_eq!(
        group.load_balancer.as_ref().unwrap().as_str(),
        scene.balancer.arn
    );
    assert_eq!(group.deregistration_delay, Duration::from_secs(60));
    assert_eq!(group.healthy_after, Duration::from_secs(20));
    assert_eq!(found.healthy[&group.arn], 2);
    let labels: Vec<String> = found
        .forwards
        .iter()
        .map(|forward| forward.label())
        .collect();
    assert_eq!(labels, ["shop:80", "shop:80 /api/*"]);
    assert_eq!(found.forwards[0].weights.values().sum::<u32>(), 100);
    assert_eq!(found.forwards[1].sticky, Some(Duration::from_secs(600)));
    let definitions: Vec<&str> = found
        .task_definitions
        .keys()
        .map(|arn| arn.short())
        .collect();
    assert_eq!(definitions, ["shop:1"]);
    let alarm = found.alarms[&AlarmName::new("shop-a-5xx")]
        .as_ref()
        .unwrap();
    assert_eq!(alarm.notices_after, Some(Duration::from_secs(180)));
    assert_eq!(alarm.metric.as_deref(), Some("HTTPCode_Target_5XX_Count"));
    assert_eq!(found.alarms[&AlarmName::new("nobody")], None);
    assert_eq!(found.scaling, Slots::default());
    assert!(
        found.running_digests["app"].starts_with("sha256:"),
        "{:?}",
        found.running_digests
    );
    assert!(found.notes.is_empty(), "{:?}", found.notes);
}

#[tokio::test(start_paused = true)]
async fn a_survey_of_a_wrong_cluster_names_the_right_ones() {
    let scene = Scene::new();
    let mut ask = scene.ask();
    ask.cluster = ClusterName::new("prod");
    ask.groups = vec!["shop-x".to_owned()];
    ask.definition = Some("shop:99".to_owned());
    let found = scene.cloud.survey(&ask, scene.region.now()).await.unwrap();
    assert!(!found.cluster_exists);
    assert_eq!(found.clusters, ["demo"]);
    assert_eq!(found.services, Slots::default());
    assert_eq!(found.groups["shop-x"], None);
    assert_eq!(found.asked_definition, None);
}

#[tokio::test(start_paused = true)]
async fn a_survey_resolves_a_family_to_its_newest_revision() {
    let scene = Scene::new();
    let registered = scene.register().await;
    let ask = SurveyAsk {
        definition: Some("shop".to_owned()),
        ..scene.ask()
    };
    let found = scene.cloud.survey(&ask, scene.region.now()).await.unwrap();
    assert_eq!(found.asked_definition.as_ref(), Some(&registered));
    let tags = &found.task_definitions[&registered]["tags"];
    assert_eq!(tags[0]["value"], scene.plan.id.as_str());
}

#[tokio::test(start_paused = true)]
async fn a_survey_does_without_what_it_may_not_see_and_says_so() {
    let scene = Scene::new();
    scene.fault("application-autoscaling:*", FaultKind::Denied, When::Always);
    scene.fault("ListTasks", FaultKind::Denied, When::Always);
    let found = scene
        .cloud
        .survey(&scene.ask(), scene.region.now())
        .await
        .unwrap();
    assert_eq!(found.notes.len(), 2, "{:?}", found.notes);
    assert!(found.notes[0].contains("application-autoscaling:DescribeScalableTargets"));
    scene.fault("DescribeTargetGroups", FaultKind::Denied, When::Always);
    let error = scene
        .cloud
        .survey(&scene.ask(), scene.region.now())
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::Denied);
}

#[tokio::test(start_paused = true)]
async fn a_survey_sees_who_owns_the_desired_count() {
    let scene = Scene::new();
    scene.region.with_world(|world| {
        let input = json!({
            "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount",
            "ResourceId": "service/demo/shop", "MinCapacity": 1, "MaxCapacity": 4,
        });
        scaling::handle(world, "RegisterScalableTarget", &input).unwrap();
    });
    let found = scene
        .cloud
        .survey(&scene.ask(), scene.region.now())
        .await
        .unwrap();
    assert_eq!(found.scaling.a.as_deref(), Some("service/demo/shop"));
    assert_eq!(found.scaling.b, None);
}

#[tokio::test(start_paused = true)]
async fn break_glass_moves_everything_with_elbv2_alone() {
    let scene = Scene::new().with_rule(Some(600));
    scene.fault("ecs:*", FaultKind::InternalError, When::Always);
    scene.fault("sts:*", FaultKind::InternalError, When::Always);
    scene.fault("cloudwatch:*", FaultKind::InternalError, When::Always);
    let names = [
        "shop-a".to_owned(),
        "shop-b".to_owned(),
        "shop-x".to_owned(),
    ];
    let (groups, forwards) = scene.cloud.forwards_of(&names).await.unwrap();
    assert_eq!(groups["shop-x"], None);
    let arn = |name: &str| groups[name].as_ref().unwrap().arn.clone();
    let writes: Vec<RouteWrite> = forwards
        .iter()
        .map(|forward| RouteWrite {
            arn: forward.arn.clone(),
            kind: forward.kind,
            label: forward.label(),
            to: arn("shop-b"),
            from: arn("shop-a"),
        })
        .collect();
    let written = scene.cloud.write_routes(&writes).await;
    let weights = |at: usize| written[at].as_ref().unwrap().weights.clone();
    assert_eq!(
        weights(0),
        [(arn("shop-a"), 0), (arn("shop-b"), 100)].into()
    );
    assert_eq!(weights(1), [(arn("shop-b"), 100)].into());
}

#[tokio::test(start_paused = true)]
async fn request_counts_tell_an_idle_group_from_a_busy_one() {
    let scene = Scene::new();
    let watched = |group: &str, balancer: &str| Watched {
        group: TargetGroupArn::new(group),
        load_balancer: LoadBalancerArn::new(balancer),
    };
    let network = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/shop/1";
    let asked = [
        watched(&scene.balancer.group_a, &scene.balancer.arn),
        watched(&scene.balancer.group_b, &scene.balancer.arn),
        watched("arn:of:an/nlb", network),
    ];
    let counts = scene
        .cloud
        .observe_retirement(&asked, scene.region.now())
        .await
        .unwrap();
    assert_eq!(counts.len(), 2);
    let of = |group: &str| &counts[&TargetGroupArn::new(group)];
    let (busy, idle) = (of(&scene.balancer.group_a), of(&scene.balancer.group_b));
    assert!(busy.load_balancer.len() >= 2, "{busy:?}");
    assert!(busy.group.values().sum::<f64>() > 0.0);
    assert_eq!(idle.group.values().sum::<f64>(), 0.0);
    assert_eq!(idle.load_balancer, busy.load_balancer);
}

#[tokio::test]
async fn fields_that_nobody_knows_reach_ecs_and_come_back() {
    let canned = Canned::new(|asked| match asked.operation.as_str() {
        "ListTaskDefinitions" => Answer::ok(r#"{"taskDefinitionArns":[]}"#),
        _ => Answer::ok(
            r#"{"taskDefinition":{"taskDefinitionArn":"arn:x/shop:1","fromTheFuture":{"é":[]}}}"#,
        ),
    });
    let balancer = Balancer {
        arn: String::new(),
        listener: String::new(),
        group_a: String::new(),
        group_b: String::new(),
    };
    let body = json!({ "family": "shop", "containerDefinitions": [{ "quantum": "é" }], "empty": [],
                       "tags": [{ "key": "team", "value": "shop" }] });
    let cloud = canned.cloud();
    let register = Action::RegisterTaskDefinition;
    cloud
        .perform(&plan(&balancer), &register, Some(&body))
        .await
        .unwrap();
    let sent = canned.asked().pop().unwrap();
    assert_eq!(sent.length, sent.body.len().to_string());
    let mut expected = body;
    expected["tags"] = json!([
        { "key": "team", "value": "shop" },
        { "key": "bg:deployment", "value": "20261121-071405-abcd" },
    ]);
    assert_eq!(serde_json::from_str::<Value>(&sent.body).unwrap(), expected);
    let read = cloud
        .describe_task_definition(json!({ "taskDefinition": "shop" }))
        .await
        .unwrap();
    assert_eq!(read["taskDefinition"]["fromTheFuture"], json!({ "é": [] }));
}

#[tokio::test]
async fn elements_that_nobody_knows_survive_a_write_through_the_sdk() {
    let actions = "<member><Type>authenticate-oidc</Type><Order>1</Order><AuthenticateOidcConfig>\
        <ClientId>id</ClientId></AuthenticateOidcConfig></member>\
        <member><Type>forward</Type><Order>2</Order><Tomorrow><member>x</member></Tomorrow>\
        <ForwardConfig><TargetGroups><member><TargetGroupArn>blue/b/1</TargetGroupArn>\
        <Weight>100</Weight><Zone>z</Zone></member></TargetGroups></ForwardConfig></member>";
    let answer = move |call: &str| {
        format!(
            "<{call}Response><{call}Result><Listeners><member><ListenerArn>l</ListenerArn>\
             <DefaultActions>{actions}</DefaultActions></member></Listeners></{call}Result>\
             </{call}Response>"
        )
    };
    let canned = Canned::new(move |asked| Answer::ok(answer(&asked.operation)));
    let balancer = Balancer {
        arn: "lb".to_owned(),
        listener: "l".to_owned(),
        group_a: "blue/b/1".to_owned(),
        group_b: "green/g/1".to_owned(),
    };
    let raise = WeightWrite::Raise(Weight::of_per_mille(1).unwrap());
    let cloud = canned.cloud();
    let plan = plan(&balancer);
    cloud
        .perform(&plan, &Action::WriteWeights(raise), None)
        .await
        .unwrap();
    let sent = canned.asked().pop().unwrap();
    assert_eq!(
        (sent.operation.as_str(), sent.length),
        ("ModifyListener", sent.body.len().to_string())
    );
    let list = "DefaultActions.member.2.ForwardConfig.TargetGroups.member";
    let expected = [
        ("Action", "ModifyListener"),
        ("Version", "2015-12-01"),
        ("ListenerArn", "l"),
        ("DefaultActions.member.1.Type", "authenticate-oidc"),
        ("DefaultActions.member.1.Order", "1"),
        (
            "DefaultActions.member.1.AuthenticateOidcConfig.ClientId",
            "id",
        ),
        (
            "DefaultActions.member.1.AuthenticateOidcConfig.UseExistingClientSecret",
            "true",
        ),
        ("DefaultActions.member.2.Type", "forward"),
        ("DefaultActions.member.2.Order", "2"),
        ("DefaultActions.member.2.Tomorrow.member.1", "x"),
        (&format!("{list}.1.TargetGroupArn"), "blue/b/1"),
        (&format!("{list}.1.Weight"), "999"),
        (&format!("{list}.1.Zone"), "z"),
        (&format!("{list}.2.TargetGroupArn"), "green/g/1"),
        (&format!("{list}.2.Weight"), "1"),
    ];
    let sent: Vec<(String, String)> = form_urlencoded::parse(sent.body.as_bytes())
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(sent, expected);
}
