//! Autoscaling: what is carried over, what is refused, what is said of it.

use super::*;
use crate::deployment::scaling::{HELD_TAG, Suspended};

fn blue(found: &mut Surroundings) -> &mut ScalableTarget {
    if found.scaling.value().is_none_or(|it| it.a.is_none()) {
        scale(found, SlotName::A, "service/prod/shop");
    }
    match &mut found.scaling {
        Seen::Value(targets) => targets.a.as_mut().expect("it was just given"),
        Seen::Unreadable(why) => panic!("{why}"),
    }
}

#[test]
fn blue_s_autoscaling_is_planned_for_green_and_told() {
    let planning = planned(|_, found| {
        let blue = blue(found);
        blue.max = 9;
        blue.schedules = vec![
            json!({ "ScheduledActionName": "night", "Schedule": "rate(1 day)",
            "ScalableTargetAction": { "MaxCapacity": 2 } }),
        ];
        blue.policies = vec![
            json!({ "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling" }),
            json!({ "PolicyName": "ahead", "PolicyType": "PredictiveScaling" }),
        ];
    });
    let scaling = planning.plan.unwrap().scaling.unwrap();
    assert_eq!((scaling.min, scaling.max), (1, 9));
    assert_eq!(scaling.policies.len(), 1);
    let note = "autoscaling (1 to 9 tasks, 1 policy, 1 schedule) is carried over to green";
    assert!(
        planning.notes.iter().any(|it| it.contains(note)),
        "{:?}",
        planning.notes
    );
    let [forecast, schedule] = &planning.warnings[..] else {
        panic!("{:?}", planning.warnings);
    };
    assert!(
        forecast.contains("predictive scaling (ahead)"),
        "{forecast}"
    );
    assert!(
        schedule.contains("the scheduled action night"),
        "{schedule}"
    );
}

#[test]
fn what_would_take_tasks_away_or_cannot_be_carried_is_refused() {
    each_is_refused(&[
        (
            "service shop is set to 4 tasks, and its autoscaling (service/prod/shop) allows 3",
            "raise its maximum",
            |_, found| blue(found).max = 3,
        ),
        (
            "can't be carried over to green: DescribeScalingPolicies: not allowed",
            "bg iam-policy",
            |_, found| {
                let why = "DescribeScalingPolicies: not allowed";
                blue(found).unreadable = Some(why.to_owned());
            },
        ),
        (
            "service shop-b (slot b) has autoscaling (service/prod/shop-b), and shop",
            "deregister-scalable-target",
            |_, found| scale(found, SlotName::B, "service/prod/shop-b"),
        ),
    ]);
}

#[test]
fn an_idle_slot_s_autoscaling_that_sleeps_is_in_nobody_s_way() {
    let planning = planned(|_, found| {
        scale(found, SlotName::B, "service/prod/shop-b");
        let Seen::Value(targets) = &mut found.scaling else {
            panic!("it was just given");
        };
        let target = targets.b.as_mut().unwrap();
        (target.min, target.suspended) = (0, Suspended::ALL);
    });
    assert_eq!(planning.plan.unwrap().scaling, None);
}

#[test]
fn scale_in_that_an_earlier_deployment_suspended_is_not_taken_for_somebody_s_wish() {
    let suspended = |held: bool| {
        let planning = planned(|_, found| {
            blue(found).suspended = Suspended::default().without_scale_in();
            if held {
                let tags = json!([{ "key": HELD_TAG, "value": "20260101-080000-gone" }]);
                set(found, "tags", tags);
            }
        });
        planning.plan.unwrap().scaling.unwrap().suspended.scale_in
    };
    assert!(suspended(false), "somebody wants it so");
    assert!(!suspended(true), "its process died");
}

#[test]
fn autoscaling_that_cannot_be_asked_about_is_a_warning_that_says_what_it_risks() {
    let planning = planned(|_, found| {
        found.scaling = Seen::Unreadable("DescribeScalableTargets: not allowed".to_owned());
    });
    assert!(planning.plan.is_some());
    let [warning] = &planning.warnings[..] else {
        panic!("{:?}", planning.warnings);
    };
    for part in [
        "not allowed",
        "in mid-shift",
        "allow application-autoscaling:",
    ] {
        assert!(warning.contains(part), "{warning}");
    }
}

#[test]
fn a_rollback_that_autoscaling_forbids_names_the_way_without_it() {
    let planning = planned(|request, found| {
        request.kind = Kind::Rollback;
        scale(found, SlotName::B, "service/prod/shop-b");
    });
    let fix = &planning.problems[0].fix;
    assert!(fix.contains("bg rollback --to b --force"), "{fix}");
}

#[test]
fn a_green_that_grows_is_never_planned_below_the_minimum() {
    let planning = planned(|request, found| {
        request.green_capacity = crate::deployment::plan::GreenCapacity::Proportional;
        blue(found).min = 2;
    });
    let mut notes = planning.notes.iter();
    let note = notes
        .find(|it| it.contains("grows"))
        .expect("it saves something");
    assert!(note.contains("(2 tasks at 10%, 4 tasks at 100%)"), "{note}");
}
