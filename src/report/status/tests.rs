//! `status` in words and as a document.

use jiff::SignedDuration;

use super::*;
use crate::deployment::event::{Event, Record};
use crate::deployment::metrics::{Figures, Served};
use crate::judge::minute::Quality;
use crate::report::stories;
use crate::strategy::Until;

fn slot(slot: SlotName, service: &str, weight: Weight) -> SlotStatus {
    SlotStatus {
        slot,
        service: EcsServiceName::new(service),
        task_definition: Some(stories::definition(7)),
        images: [("app".into(), "registry.example/shop:v1".into())].into(),
        desired: Some(2),
        running: Some(2),
        healthy: Some(2),
        weight: Some(weight),
    }
}

fn status() -> StatusReport {
    let route = stories::route("shop:443");
    let (blue, green) = (stories::percent(90), stories::percent(10));
    StatusReport {
        at: stories::at(460),
        service: ServiceName::new("shop"),
        cluster: ClusterName::new("prod"),
        problems: Vec::new(),
        live: Some(slot(SlotName::A, "shop", blue)),
        undecided: Vec::new(),
        idle: Some(slot(SlotName::B, "shop-b", green)),
        test_routes: Vec::new(),
        routes: vec![RouteStatus {
            label: route.label,
            arn: route.arn,
            weights: Slots {
                a: Some(blue),
                b: Some(green),
            },
        }],
        deployment: DeploymentStatus::of(&View::of(&stories::holding())),
        unknown: None,
        retire: Some(RetireStatus {
            slot: SlotName::A,
            at: stories::at(1000),
        }),
        store: None,
        by_journal: None,
        moved: None,
    }
}

fn told(status: &StatusReport) -> String {
    text(status)
        .iter()
        .map(|line| line.to_string() + "\n")
        .collect()
}

#[test]
fn a_running_deployment_and_an_unclear_one() {
    let mut unclear = status();
    (unclear.live, unclear.idle, unclear.deployment) = (None, None, None);
    unclear.routes[0].weights.b = None;
    unclear.retire = Some(RetireStatus {
        slot: SlotName::A,
        at: stories::at(0),
    });
    insta::assert_snapshot!("status", [told(&status()), told(&unclear)].join("\n"));
}

#[test]
fn how_old_the_newest_figures_are_is_shown() {
    let mut status = status();
    assert!(!told(&status).contains("metrics"));
    let baking = status.deployment.as_mut().expect("there is one");
    baking.metrics = Some(ReadTo {
        revised: 0,
        at: stories::at(360),
        blue: Quality::Zero,
        green: Quality::NoTraffic,
    });
    let told = told(&status);
    let line = "metrics   CloudWatch's newest figures are 1m 40s old (07:20:00): green no traffic, blue no errors";
    assert!(told.contains(line), "{told}");
}

#[test]
fn a_step_that_waits_for_requests_says_how_many_came() {
    let mut records = stories::holding();
    let Event::Started { plan } = &mut records[0].event else {
        panic!("a story begins with its plan");
    };
    plan.steps[0].until = Some(Until {
        requests: 500,
        at_most: std::time::Duration::from_secs(1800),
        too_few: TooFew::Revert,
    });
    let mut view = View::of(&records);
    view.apply(&Record {
        event: Event::MinuteJudged {
            minute: stories::at(400),
            step: 0,
            served: Served {
                green: Figures {
                    requests: 120,
                    ..Figures::default()
                },
                ..Served::default()
            },
        },
        ..records[0].clone()
    });
    let told =
        |view: &View, second| how_far(&DeploymentStatus::of(view).unwrap(), stories::at(second));
    let baking = told(&view, 400);
    let said = "until 07:20:41 and until 500 requests: 120 so far";
    assert!(baking.ends_with(said), "{baking}");
    // As it is where somebody has paused it.
    let late = told(&view, 2000);
    let said = "10% green, the bake over since 07:20:41 and until 500 requests: 120 so far";
    assert!(late.ends_with(said), "{late}");
    view.apply(&Record {
        event: Event::WaitingForRequests {
            step: 0,
            requests: 120,
            wanted: 500,
            until: stories::at(2200),
            then: TooFew::Revert,
        },
        ..records[0].clone()
    });
    let waiting = told(&view, 2000);
    let said = "10% green, until 500 requests: 120 so far, 07:50:40 at the latest, then revert";
    assert!(waiting.ends_with(said), "{waiting}");
}

#[test]
fn only_a_slot_without_traffic_is_idle() {
    let mut status = status();
    let second = |status: &StatusReport| {
        let told = told(status);
        let line = told.lines().find(|line| line.contains("service shop-b"));
        line.unwrap_or_default().trim_start().to_owned()
    };
    assert!(second(&status).starts_with("green "), "{}", second(&status));
    status.deployment = None;
    assert!(second(&status).starts_with("other "), "{}", second(&status));
    status.idle.as_mut().unwrap().weight = Some(Weight::ZERO);
    assert!(second(&status).starts_with("idle "), "{}", second(&status));
}

#[test]
fn one_that_was_left_in_the_middle_says_what_to_run() {
    let mut status = status();
    let kept = status.deployment.as_mut().expect("there is one");
    kept.outcome = Some(Outcome::Kept {
        signal: "SIGTERM".to_owned(),
    });
    kept.phase = Phase::Ended;
    let told = told(&status);
    assert!(told.contains("left as it is on SIGTERM"), "{told}");
    assert!(told.contains("`bg resume` goes on"), "{told}");
    assert!(told.contains("`bg resume --revert`"), "{told}");
}

#[test]
fn a_dead_deployment_s_switch_is_shown_before_and_after_it_was_due() {
    let mut status = status();
    let at = status.at;
    let dead = status.deployment.as_mut().expect("there is one");
    dead.deadman = Some(at + SignedDuration::from_mins(2));
    assert!(
        !told(&status).contains("dead-man"),
        "its process pushes it out"
    );
    let dead = status.deployment.as_mut().expect("there is one");
    dead.abandoned = true;
    let armed = told(&status);
    assert!(
        armed.contains("armed: puts everything on slot a"),
        "{armed}"
    );
    status.at = at + SignedDuration::from_mins(3);
    let split = told(&status);
    assert!(split.contains("slot a has not everything"), "{split}");
    status.routes[0].weights.a = Some(Weight::FULL);
    let fired = told(&status);
    assert!(
        fired.contains("slot a has everything: `bg resume`"),
        "{fired}"
    );
}

#[test]
fn what_only_aws_shows_and_a_store_that_is_gone_are_told_with_what_to_run() {
    let mut status = status();
    status.unknown = Some(UnknownStatus {
        id: DeploymentId::new("d7"),
        slot: SlotName::B,
    });
    status.store = Some(StoreStatus {
        trouble: "table bg-state doesn't exist".to_owned(),
        next: vec!["create it: bg init --state".to_owned()],
    });
    let told = told(&status);
    assert!(
        told.contains("`bg rollback` puts everything back on slot a"),
        "{told}"
    );
    assert!(told.contains("can't be read: table bg-state"), "{told}");
    assert!(told.contains("bg init --state"), "{told}");
}

#[test]
fn mixed_up_slots_are_said_first_and_none_is_called_live() {
    let mut status = status();
    (status.live, status.idle, status.deployment) = (None, None, None);
    status.retire = None;
    status.routes[0].weights = Slots::default();
    let problem = Problem::new("the slots are mixed up: so and so", "swap them");
    status.problems = vec![ProblemStatus::new(ProblemKind::MixedUp, problem)];
    insta::assert_snapshot!("mixed_up", told(&status));
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(json["problems"][0]["kind"], "mixed_up");
    assert_eq!(json["live"]["service"], serde_json::Value::Null);
}

#[test]
fn a_split_that_no_deployment_has_made_is_a_problem_with_a_way_out() {
    let mut status = status();
    (status.deployment, status.retire) = (None, None);
    let problem = Problem::new("shop:443 is split", "`bg rollback --to a --force`");
    status.problems = vec![ProblemStatus::new(ProblemKind::Split, problem)];
    insta::assert_snapshot!("split", told(&status));
}

#[test]
fn scripts_find_the_live_service_where_it_is_documented() {
    let json = serde_json::to_value(status()).unwrap();
    assert_eq!(json["live"]["service"], "shop");
    assert_eq!(json["live"]["slot"], "a");
    assert_eq!(json["deployment"]["phase"], "baking");
    assert_eq!(json["deployment"]["step"], 1);
    assert_eq!(
        serde_json::from_value::<StatusReport>(json).unwrap(),
        status()
    );
}
