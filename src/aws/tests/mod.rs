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
    AlarmGuard, AlarmWeight, GreenCapacity, GreenService, Guards, Kind, Limits, NewTaskDefinition,
    Plan, Retire, RetireHow, Route, RouteKind, SlotPlan, StepPlan, TargetPlan,
};
use crate::deployment::scaling::ScalableTarget;
use crate::deployment::surroundings::Forward;
use crate::judge::alarms::{AlarmState, InsufficientData};
use crate::judge::targets::Share;
use crate::sandbox::demo::{self, Balancer};
use crate::sandbox::faults::{FaultKind, FaultRule, When};
use crate::sandbox::wire::{ecs, elbv2, scaling};
use crate::sandbox::{Region, RegionOptions};
use crate::strategy::Weight;

mod acts;
mod adopt;
mod deadman;
mod lambda;
mod looks;
mod raw;
mod routes;
mod scaling_acts;
mod surveys;
mod verify;

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
                "ListenerArn": self.balancer.listener, "Priority": 6 + self.plan.routes.len(),
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
        let within = std::time::Duration::from_secs(30);
        self.cloud
            .observe(&self.plan, within, || self.region.now())
            .await
    }

    async fn act(&self, action: Action) -> Result<Done, super::AwsError> {
        let body = demo::task_definition("shop:v2");
        self.cloud.perform(&self.plan, &action, Some(&body)).await
    }

    async fn raise(&self, percent: u16) {
        self.climb(0, percent).await.unwrap();
    }

    /// Raises from one share to another.
    async fn climb(&self, from: u16, to: u16) -> Result<Done, super::AwsError> {
        let [from, to] = [from, to].map(|percent| Weight::of_per_mille(percent * 10).unwrap());
        let raise = Action::WriteWeights(WeightWrite::Raise { from, to });
        self.cloud.perform(&self.plan, &raise, None).await
    }

    async fn register(&self) -> TaskDefinitionArn {
        match self.act(Action::RegisterTaskDefinition).await.unwrap() {
            Done::TaskDefinition(arn) => arn,
            Done::Nothing | Done::NothingToRegister => panic!("no revision"),
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
            deadman: None,
            metrics: None,
            functions: Vec::new(),
            test_requests: Default::default(),
            test_routes: Vec::new(),
            version: None,
            records: Default::default(),
            owned: Default::default(),
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
            health_check: None,
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
        tasks: None,
        task_definition: NewTaskDefinition::Register {
            family: "shop".to_owned(),
            images: vec![("app".to_owned(), "shop:v2".to_owned())],
            from: None,
        },
        blue_task_definition: TaskDefinitionArn::new("shop:1"),
        green: GreenService::Create {
            source: SlotName::A,
        },
        green_capacity: GreenCapacity::Full,
        desired: demo::TASKS,
        warnings: Vec::new(),
        notes: Vec::new(),
        changes: Vec::new(),
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
        test_routes: Vec::new(),
        strategy: "all-at-once".to_owned(),
        steps: vec![StepPlan::new(Weight::FULL, Duration::from_secs(60))],
        guards: Guards {
            metrics: None,
            ready: Share::ALL,
            min: Share::ALL,
            healthy_for: Duration::ZERO,
            alarms: vec![AlarmGuard {
                name: AlarmName::new("shop-b-5xx"),
                insufficient_data: InsufficientData::Ok,
                weight: AlarmWeight::Guards,
            }],
        },
        gates: Vec::new(),
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
        scaling: None,
        deadman: None,
        traceparent: None,
    }
}
