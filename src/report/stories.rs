//! Whole deployments as records, for the tests of the renderers.

mod kinds;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::deployment::action::{ActName, FailureClass};
use crate::deployment::event::{Counts, Event, Look, Record};
use crate::deployment::ids::*;
use crate::deployment::observation::{StoppedContainer, StoppedTask};
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::plan::*;
use crate::deployment::trip::{Hold, Trip};
use crate::judge::alarms::{AlarmState, InsufficientData};
use crate::judge::targets::Share;
use crate::strategy::Weight;

pub(super) use self::kinds::{approval, approval_at, paused, rollback, worker};

pub(super) fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-01-05T07:14:00Z".parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}

pub(super) fn percent(percent: u16) -> Weight {
    Weight::of_per_mille(percent * 10).unwrap()
}

fn arn(kind: &str, rest: &str) -> String {
    format!("arn:aws:{kind}:eu-west-1:123456789012:{rest}")
}

pub(super) fn group(slot: SlotName) -> TargetGroupArn {
    let rest = format!("targetgroup/shop-{slot}/0123456789abcde{slot}");
    TargetGroupArn::new(arn("elasticloadbalancing", &rest))
}

pub(super) fn definition(revision: u32) -> TaskDefinitionArn {
    TaskDefinitionArn::new(arn("ecs", &format!("task-definition/shop:{revision}")))
}

fn slot(name: SlotName, service: &str) -> SlotPlan {
    let target = TargetPlan {
        group: group(name),
        container: "app".into(),
        port: 8080,
        deregistration_delay: Duration::from_secs(300),
        health_check: None,
    };
    SlotPlan {
        service: EcsServiceName::new(service),
        targets: vec![target],
    }
}

pub(super) fn route(label: &str) -> Route {
    Route {
        arn: RouteArn::new(arn(
            "elasticloadbalancing",
            "listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2",
        )),
        kind: RouteKind::Listener,
        label: label.into(),
        load_balancer: LoadBalancerArn::new(arn(
            "elasticloadbalancing",
            "loadbalancer/app/shop/50dc6c495c0c9188",
        )),
        groups: Slots::from_fn(group),
        sticky: None,
    }
}

fn alarm(name: &str) -> AlarmGuard {
    AlarmGuard {
        name: AlarmName::new(name),
        insufficient_data: InsufficientData::Ok,
        weight: AlarmWeight::Guards,
    }
}

pub(super) fn plan() -> Plan {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    Plan {
        id: DeploymentId::new("20260105-071400-k3v9"),
        kind: Kind::Deploy,
        service: ServiceName::new("shop"),
        cluster: ClusterName::new("prod"),
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        created_at: at(0),
        blue: SlotName::A,
        slots: Slots {
            a: slot(SlotName::A, "shop"),
            b: slot(SlotName::B, "shop-b"),
        },
        tasks: None,
        task_definition: NewTaskDefinition::Register {
            family: "shop".into(),
            images: vec![("app".into(), "registry.example/shop:v2".into())],
            from: None,
        },
        blue_task_definition: definition(7),
        green: GreenService::Update {
            source: SlotName::A,
        },
        desired: 2,
        settings: serde_json::Value::Null,
        warnings: Vec::new(),
        notes: Vec::new(),
        changes: Vec::new(),
        routes: vec![route("shop:443")],
        test_routes: Vec::new(),
        strategy: "canary".into(),
        steps: vec![
            StepPlan::new(percent(10), minutes(5)),
            StepPlan::new(percent(100), minutes(5)),
        ],
        guards: Guards {
            metrics: None,
            ready: Share::ALL,
            min: Share::of_percent(75).unwrap(),
            healthy_for: Duration::from_secs(30),
            alarms: vec![alarm("shop-latency"), alarm("shop-b-5xx")],
        },
        gates: Vec::new(),
        limits: Limits {
            poll: Duration::from_secs(5),
            healthy_within: minutes(10),
            patience: minutes(10),
            blind_after: minutes(2),
        },
        green_capacity: GreenCapacity::Full,
        retire: Retire {
            after: minutes(10),
            then: RetireHow::ScaleToZero,
            at_most: minutes(60),
        },
        scaling: None,
        deadman: None,
        traceparent: None,
    }
}

pub(super) fn stopped_task() -> StoppedTask {
    StoppedTask {
        task: "4f1d2c3b".into(),
        at: Some(at(95)),
        code: "EssentialContainerExited".into(),
        reason: "Essential container in task exited".into(),
        containers: vec![StoppedContainer {
            name: "app".into(),
            exit_code: Some(137),
            reason: Some("OutOfMemoryError: Container killed due to memory usage".into()),
        }],
    }
}

fn counts(slot: SlotName, desired: u32, running: u32, healthy: u32) -> Counts {
    Counts {
        reason: None,
        stopped: None,
        slot: Some(slot),
        desired: Some(desired),
        running: Some(running),
        healthy: Some(healthy),
        replacing: false,
        failed: Some(0),
    }
}

/// A look: green's desired, running and healthy tasks, its weight, and the 5xx alarm.
pub(super) fn look(green: [u32; 3], weight: u16, errors: AlarmState) -> Event {
    Event::Looked(Look {
        blue: counts(SlotName::A, 2, 2, 2),
        green: counts(SlotName::B, green[0], green[1], green[2]),
        weights: [("shop:443".into(), Some(percent(weight)))].into(),
        alarms: [
            (AlarmName::new("shop-latency"), Some(AlarmState::Ok)),
            (AlarmName::new("shop-b-5xx"), Some(errors)),
        ]
        .into(),
    })
}

/// Records that grow second by second.
#[derive(Default)]
pub(super) struct Story(Vec<Record>);

impl Story {
    pub(super) fn then(mut self, seconds: i64, event: Event) -> Self {
        let (seq, deployment) = (self.0.len() as u64, plan().id);
        self.0.push(Record {
            v: Record::VERSION,
            seq,
            at: at(seconds),
            deployment,
            event,
        });
        self
    }

    pub(super) fn records(self) -> Vec<Record> {
        self.0
    }

    fn unregistered() -> Self {
        Story::default()
            .then(
                0,
                Event::Started {
                    plan: Box::new(plan()),
                },
            )
            .then(0, look([0, 0, 0], 0, AlarmState::Ok))
            .then(0, Event::RegisteringTaskDefinition)
    }

    fn begun() -> Self {
        Story::unregistered()
            .then(
                1,
                Event::TaskDefinitionReady {
                    task_definition: definition(8),
                },
            )
            .then(1, Event::ProvisioningGreen)
            .then(2, Event::GreenProvisioned)
            .then(20, look([2, 1, 0], 0, AlarmState::Ok))
    }

    fn shifted() -> Self {
        Story::begun()
            .then(70, look([2, 2, 2], 0, AlarmState::Ok))
            .then(70, Event::GreenHealthy)
            .then(100, Event::GreenReady)
            .then(
                100,
                Event::Shifting {
                    step: 0,
                    weight: percent(10),
                },
            )
            .then(101, look([2, 2, 2], 10, AlarmState::Ok))
            .then(
                101,
                Event::Baking {
                    step: 0,
                    weight: percent(10),
                    until: at(401),
                },
            )
    }

    fn promoted() -> Self {
        Story::shifted()
            .then(
                401,
                Event::Shifting {
                    step: 1,
                    weight: percent(100),
                },
            )
            .then(402, look([2, 2, 2], 100, AlarmState::Ok))
            .then(
                402,
                Event::Baking {
                    step: 1,
                    weight: percent(100),
                    until: at(702),
                },
            )
            .then(
                702,
                Event::Promoted {
                    retire_at: Some(at(1302)),
                },
            )
    }

    fn ended(self, seconds: i64, outcome: Outcome) -> Vec<Record> {
        self.then(seconds, Event::Ended { outcome }).0
    }

    fn reverted(self, seconds: i64, trip: Trip) -> Vec<Record> {
        self.then(seconds, Event::Reverting { trip: trip.clone() })
            .then(seconds + 1, look([2, 2, 2], 0, AlarmState::Ok))
            .then(seconds + 1, Event::TrafficReverted)
            .then(seconds + 1, Event::PuttingGreenAway)
            .then(seconds + 3, Event::GreenPutAway)
            .ended(seconds + 3, Outcome::Reverted { trip })
    }
}

pub(super) fn good() -> Vec<Record> {
    Story::promoted()
        .then(703, Event::SettingsRestored)
        .ended(703, Outcome::Promoted)
}

pub(super) fn holding() -> Vec<Record> {
    let hold = Hold::GreenNotReady {
        group: Some(group(SlotName::B)),
        healthy: 1,
        needed: 2,
    };
    let look = look([2, 2, 1], 10, AlarmState::Ok);
    let story = Story::shifted().then(380, look);
    story
        .then(
            401,
            Event::Holding {
                reasons: vec![hold],
                until: at(1001),
            },
        )
        .0
}

pub(super) fn alarmed() -> Vec<Record> {
    let name = AlarmName::new("shop-b-5xx");
    let reason = "Threshold Crossed: 2 datapoints were greater than the threshold (10.0)".into();
    let story = Story::shifted().then(225, look([2, 2, 2], 10, AlarmState::Alarm));
    story.reverted(225, Trip::Alarm { name, reason })
}

fn other() -> String {
    "kim@build-7 (pid 4, deployment 20260105-080000-x2b4)".into()
}

fn drift() -> Hold {
    Hold::WeightDrift {
        route: "shop:443".into(),
        set: percent(10),
        seen: "50% green".into(),
    }
}

/// One deployment for each way to revert.
pub(super) fn reverts() -> Vec<(&'static str, Vec<Record>)> {
    let stopped = vec![stopped_task()];
    let before = |trip| Story::begun().reverted(602, trip);
    let during = |trip| Story::shifted().reverted(225, trip);
    let no_time = |target_reason, stopped| Trip::NotHealthyInTime {
        within: Duration::from_secs(600),
        running: 2,
        healthy: 0,
        desired: 2,
        target_reason,
        stopped,
    };
    let lost = || Trip::LockLost { to: other() };
    let mismatch = Some(
        "fail their health check: GET /health on port 8080 answers 503, 200 is wanted".to_owned(),
    );
    vec![
        (
            "not_healthy_in_time",
            before(no_time(mismatch.clone(), vec![])),
        ),
        (
            "not_healthy_in_time_with_failed_tasks",
            before(no_time(None, stopped.clone())),
        ),
        (
            "crash_loop",
            during(Trip::CrashLoop {
                target_reason: None,
                failed: 4,
                limit: 3,
                stopped: stopped.clone(),
            }),
        ),
        (
            "rollout_failed",
            before(Trip::RolloutFailed {
                target_reason: None,
                reason: "ECS deployment circuit breaker: tasks failed to start.".into(),
                stopped,
            }),
        ),
        (
            "too_few_healthy_targets",
            during(Trip::TooFewHealthyTargets {
                group: Some(group(SlotName::B)),
                healthy: 1,
                needed: 2,
                target_reason: mismatch,
                stopped: vec![],
            }),
        ),
        ("alarm", alarmed()),
        (
            "too_few_requests",
            during(Trip::TooFewRequests {
                weight: percent(10),
                requests: 12,
                wanted: 500,
                within: std::time::Duration::from_secs(1800),
            }),
        ),
        (
            "blind",
            during(Trip::Blind {
                since: at(101),
                why: "ExpiredToken".into(),
            }),
        ),
        (
            "patience_over",
            before(Trip::PatienceOver {
                waited_for: vec![Hold::Unreadable {
                    what: "shop:443".into(),
                    why: "Rate exceeded".into(),
                }],
            }),
        ),
        (
            "refused",
            before(Trip::Refused {
                act: ActName::ProvisionGreen,
                message: "AccessDeniedException: not authorized to perform ecs:UpdateService"
                    .into(),
            }),
        ),
        (
            "definition_lost",
            Story::unregistered().reverted(90, Trip::DefinitionLost),
        ),
        (
            "interrupted",
            during(Trip::Interrupted {
                signal: "SIGINT".into(),
            }),
        ),
        (
            "aborted",
            during(Trip::Aborted {
                by: "kim@build-7".into(),
            }),
        ),
        (
            "lock_lost",
            Story::shifted()
                .then(225, Event::Reverting { trip: lost() })
                .then(226, look([2, 2, 2], 0, AlarmState::Ok))
                .then(226, Event::TrafficReverted)
                .ended(226, Outcome::Reverted { trip: lost() }),
        ),
        (
            "stepped_in_by_hand",
            during(Trip::SteppedInByHand { set: percent(10) }),
        ),
        ("deadman_due", during(Trip::DeadmanDue { until: at(400) })),
    ]
}

/// One deployment for each way to get stuck, and one that was left as it is.
pub(super) fn stuck() -> Vec<(&'static str, Vec<Record>)> {
    let trip = || Trip::CrashLoop {
        target_reason: None,
        failed: 4,
        limit: 3,
        stopped: vec![stopped_task()],
    };
    let stuck = |story: Story, why| story.ended(830, Outcome::Stuck { why });
    let failed = |act| Event::ActFailed {
        act,
        class: FailureClass::Throttled,
        message: "Rate exceeded".into(),
    };
    let tripped = || Story::shifted().then(225, Event::Reverting { trip: trip() });
    let trouble = || "Throttling: Rate exceeded".to_owned();
    let waited = Story::shifted().then(230, look([2, 2, 2], 50, AlarmState::Ok));
    vec![
        (
            "patience_over",
            stuck(
                waited,
                Stuck::PatienceOver {
                    waited_for: vec![drift()],
                },
            ),
        ),
        (
            "patience_over_before_traffic",
            stuck(
                Story::begun().then(30, look([2, 2, 2], 50, AlarmState::Ok)),
                Stuck::PatienceOver {
                    waited_for: vec![Hold::WeightDrift {
                        route: "shop:443".into(),
                        set: Weight::ZERO,
                        seen: "50% green".into(),
                    }],
                },
            ),
        ),
        (
            "taken_over",
            stuck(
                Story::shifted().then(230, look([2, 2, 2], 50, AlarmState::Ok)),
                Stuck::TakenOver { by: other() },
            ),
        ),
        (
            "blue_is_down",
            stuck(Story::shifted(), Stuck::BlueIsDown { trip: trip() }),
        ),
        (
            "revert_not_confirmed",
            stuck(
                tripped().then(226, failed(ActName::Revert)),
                Stuck::RevertNotConfirmed {
                    trip: trip(),
                    trouble: trouble(),
                },
            ),
        ),
        (
            "green_not_put_away",
            stuck(
                tripped()
                    .then(226, Event::TrafficReverted)
                    .then(227, failed(ActName::Scale)),
                Stuck::GreenNotPutAway {
                    trip: trip(),
                    trouble: trouble(),
                },
            ),
        ),
        (
            "moved_after_promotion",
            stuck(
                Story::promoted().then(704, look([2, 2, 2], 0, AlarmState::Ok)),
                Stuck::Moved {
                    drift: vec![Hold::WeightDrift {
                        route: "shop:443".into(),
                        set: Weight::FULL,
                        seen: "0% green".into(),
                    }],
                },
            ),
        ),
        (
            "kept",
            Story::shifted().ended(
                230,
                Outcome::Kept {
                    signal: "SIGTERM".into(),
                },
            ),
        ),
        (
            "kept_armed",
            Story::shifted()
                .then(180, Event::DeadmanArmed { until: at(480) })
                .ended(
                    230,
                    Outcome::Kept {
                        signal: "SIGTERM".into(),
                    },
                ),
        ),
    ]
}

/// Every story.
pub(super) fn all() -> Vec<(&'static str, Vec<Record>)> {
    let mut all = vec![("good", good()), ("holding", holding())];
    all.extend(reverts());
    all.extend(stuck());
    all
}
