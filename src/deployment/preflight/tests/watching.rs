//! Alarms, and whether the times fit together.

use std::time::Duration;

use super::healthy::{group_arn, service};
use super::{Change, each_is_refused, planned, problems, ring};
use crate::deployment::ids::{AlarmName, SlotName};
use crate::deployment::plan::{AlarmGuard, AlarmWeight, Kind};
use crate::deployment::surroundings::Surroundings;
use crate::judge::alarms::{AlarmState, InsufficientData};
use crate::strategy::Strategy;

#[test]
fn alarms_that_cannot_guard_are_refused() {
    each_is_refused(&[
        (
            "alarm shop-latency does not exist in eu-west-1",
            "`guards.alarms`",
            |_, found| {
                found.alarms.insert(AlarmName::new("shop-latency"), None);
            },
        ),
        (
            "alarm shop-latency is already in ALARM: it rings",
            "--ignore-alarm shop-latency",
            |_, found| ring(found),
        ),
    ]);
}

#[test]
fn an_alarm_left_over_in_an_idle_slot_is_waited_for() {
    let idle: Change = |_, found| {
        ring_in_green(found);
        let mut idle = service("shop-b", "shop-b");
        idle["desiredCount"] = 0.into();
        found.services[SlotName::B] = Some(idle);
    };
    let missing: Change = |_, found| {
        ring_in_green(found);
        found.services[SlotName::B] = None;
    };
    for change in [idle, missing] {
        let planning = planned(change);
        assert_eq!(problems(&planning), [] as [String; 0]);
        let warnings = planning.warnings.join("\n");
        assert!(
            warnings.contains("waits until it has cleared"),
            "{warnings}"
        );
        let alarms = planning.plan.unwrap().guards.alarms;
        let left_over = |it: &&AlarmGuard| it.weight == AlarmWeight::GuardsOnceClear;
        let names: Vec<_> = alarms.iter().filter(left_over).collect();
        assert_eq!(names[0].name.as_str(), "shop-b-5xx");
        assert_eq!(names.len(), 1);
    }
    each_is_refused(&[(
        "alarm shop-b-5xx is already in ALARM",
        "--ignore-alarm shop-b-5xx",
        |_, found| {
            ring_in_green(found);
            found.services[SlotName::B] = Some(service("shop-b", "shop-b"));
        },
    )]);
}

fn ring_in_green(found: &mut Surroundings) {
    let alarm = found.alarms.get_mut(&AlarmName::new("shop-b-5xx"));
    alarm.unwrap().as_mut().unwrap().state = AlarmState::Alarm;
}

#[test]
fn an_alarm_to_ignore_that_nobody_watches_is_named_with_the_one_that_was_meant() {
    let planning = planned(|request, _| {
        request.ignore_alarms.insert(AlarmName::new("shop-latncy"));
    });
    let warnings = planning.warnings.join("\n");
    assert!(
        warnings.contains("did you mean shop-latency?"),
        "{warnings}"
    );
}

#[test]
fn an_alarm_that_rings_is_shown_and_lifted_where_that_is_asked_for() {
    let ignored: Change = |request, found| {
        ring(found);
        request.ignore_alarms.insert(AlarmName::new("shop-latency"));
    };
    let hotfix: Change = |request, found| {
        ring(found);
        found.healthy.insert(group_arn("shop-a"), 0);
        request.kind = Kind::Hotfix {
            reason: "it burns".to_owned(),
        };
    };
    for change in [ignored, hotfix] {
        let planning = planned(change);
        assert_eq!(problems(&planning), [] as [String; 0]);
        let warnings = planning.warnings.join("\n");
        assert!(warnings.contains("can't revert"), "{warnings}");
        let guards = planning.plan.unwrap().guards;
        let of = |name: &str| {
            let mut alarms = guards.alarms.iter();
            alarms.find(|it| it.name.as_str() == name).unwrap().weight
        };
        assert_eq!(of("shop-latency"), AlarmWeight::LiftedAtStart);
        assert_eq!(of("shop-b-5xx"), AlarmWeight::Guards);
    }
}

#[test]
fn alarms_for_missing_data_follow_the_config_or_the_metric() {
    let plan = planned(|request, _| {
        request.guards.alarms[0].insufficient_data = Some(InsufficientData::Revert);
    });
    let alarms = plan.plan.unwrap().guards.alarms;
    let policies: Vec<_> = alarms
        .iter()
        .map(|alarm| (alarm.name.as_str(), alarm.insufficient_data))
        .collect();
    assert_eq!(
        policies,
        [
            ("shop-latency", InsufficientData::Revert),
            ("shop-b-5xx", InsufficientData::Ok)
        ],
        "a count that is published only when it isn't zero"
    );
}

#[test]
fn times_that_do_not_fit_together_are_told() {
    let planning = planned(|request, found| {
        let short = Strategy::shorthand("canary:10%:1m").unwrap();
        request.strategy = short;
        found.credentials_end = Some(found.now + jiff::SignedDuration::from_mins(5));
    });
    assert_eq!(problems(&planning), [] as [String; 0]);
    let warnings = planning.warnings.join("\n");
    let needed = "needs about 5m to notice anything, the bake at 10% is 1m";
    assert!(warnings.contains(needed), "{warnings}");
    assert!(warnings.contains("the credentials end in 5m"), "{warnings}");
    each_is_refused(&[(
        "green can't be healthy within 30s: health checks and `guards.targets.for` take 50s",
        "raise --timeout",
        |request, _| request.limits.healthy_within = Duration::from_secs(30),
    )]);
}

#[test]
fn an_alarm_may_notice_while_requests_are_waited_for() {
    let with = |wait: &str| {
        let text = format!(
            "steps: [{{ weight: 10%, bake: 2m, until: {{ requests: 500 }}, at_most: {wait} }}, \
             {{ weight: 100% }}]"
        );
        let strategy = Strategy::from_yaml(&text, "s.yaml").unwrap();
        planned(|request, _| request.strategy = strategy)
    };
    let planning = with("10m");
    let warnings = planning.warnings.join("\n");
    assert!(!warnings.contains("can't stop that step"), "{warnings}");
    let notes = planning.notes.join("\n");
    let said = "the step at 10% can be over after 2m, where its 500 requests come sooner";
    assert!(notes.contains(said), "{notes}");
    let warnings = with("4m").warnings.join("\n");
    let said = "the bake at 10% is 2m, and the wait for requests ends after 4m: it can't stop";
    assert!(warnings.contains(said), "{warnings}");
}

#[test]
fn blue_is_kept_until_its_targets_have_deregistered() {
    let planning = planned(|request, _| request.retire.after = Duration::from_secs(10));
    let notes = planning.notes.join("\n");
    assert!(notes.contains("blue is kept for 1m at least"), "{notes}");
}
