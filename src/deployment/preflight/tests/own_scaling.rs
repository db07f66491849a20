//! Autoscaling that the idle slot's service has of its own.

use super::*;
use crate::deployment::scaling::{Suspended, Whose};

fn target(slot: SlotName, max: u32) -> ScalableTarget {
    let name = ["shop", "shop-b"][usize::from(slot == SlotName::B)];
    ScalableTarget {
        resource: format!("service/prod/{name}"),
        min: 2,
        max,
        ..ScalableTarget::default()
    }
}

/// Blue, in slot a, has nine tasks at most, if it has autoscaling; slot b's service has four.
fn both(request: &mut Request, found: &mut Surroundings) {
    request.source = Some(SlotName::B);
    found.services.b = Some(service("shop-b", "shop-b"));
    found.scaling = Seen::Value(Slots {
        a: Some(target(SlotName::A, 9)),
        b: Some(target(SlotName::B, 4)),
    });
}

fn only_green(request: &mut Request, found: &mut Surroundings) {
    both(request, found);
    let Seen::Value(targets) = &mut found.scaling else {
        panic!("it was just given");
    };
    targets.a = None;
}

fn of_green(found: &mut Surroundings) -> &mut ScalableTarget {
    match &mut found.scaling {
        Seen::Value(targets) => targets.b.as_mut().expect("slot b has it"),
        Seen::Unreadable(why) => panic!("{why}"),
    }
}

fn whose(planning: &Planning) -> Whose {
    let scaling = planning.plan.as_ref().and_then(|it| it.scaling.as_ref());
    scaling.expect("green scales").whose
}

#[track_caller]
fn notes(planning: &Planning, part: &str) {
    let found = planning.notes.iter().any(|it| it.contains(part));
    assert!(found, "{part}: {:?}", planning.notes);
}

#[test]
fn green_keeps_its_own_where_blue_has_none_and_its_settings_are_asked_for() {
    let planning = planned(only_green);
    assert_eq!(problems(&planning), [] as [String; 0]);
    assert_eq!(whose(&planning), Whose::Own { blue: None });
    let scaling = planning.plan.as_ref().unwrap().scaling.as_ref().unwrap();
    assert_eq!((scaling.min, scaling.max), (2, 4));
    notes(
        &planning,
        "green keeps slot b's own autoscaling (2 to 4 tasks), slot a has none",
    );
    notes(&planning, "a revert puts green's to sleep");
}

#[test]
fn what_slept_and_got_its_minimum_back_is_awake_as_green() {
    let planning = planned(|request, found| {
        only_green(request, found);
        of_green(found).suspended = Suspended::ALL;
    });
    let scaling = planning.plan.unwrap().scaling.unwrap();
    assert_eq!(scaling.suspended, Suspended::default());
}

#[test]
fn where_both_have_some_green_keeps_its_own_and_blue_s_is_only_held() {
    let planning = planned(both);
    let blue = Some(Suspended::default());
    assert_eq!(whose(&planning), Whose::Own { blue });
    assert_eq!(
        planning.differences,
        ["autoscaling maximum: stays at 4, slot a has 9"]
    );
    notes(&planning, "slot a keeps its own until it is retired");
}

#[test]
fn what_green_loses_to_blue_s_is_shown_with_the_way_to_keep_it() {
    let planning = planned(|request, found| {
        both(request, found);
        request.source = None;
        of_green(found).policies =
            vec![json!({ "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling" })];
    });
    assert_eq!(whose(&planning), Whose::Blue);
    assert_eq!(
        planning.differences,
        [
            "autoscaling maximum: 4 becomes 9",
            "autoscaling policy cpu: its own is taken out",
        ]
    );
    notes(&planning, "--service-from b keeps its own");
}

fn asleep(request: &mut Request, found: &mut Surroundings) {
    both(request, found);
    let own = of_green(found);
    (own.min, own.suspended) = (0, Suspended::ALL);
}

#[test]
fn one_that_sleeps_is_kept_awake_with_blue_s_minimum() {
    let planning = planned(asleep);
    let blue = Some(Suspended::default());
    assert_eq!(whose(&planning), Whose::Own { blue });
    let scaling = planning.plan.as_ref().unwrap().scaling.as_ref().unwrap();
    assert_eq!((scaling.min, scaling.max), (2, 4));
    assert_eq!(scaling.suspended, Suspended::default());
    notes(&planning, "green gets the minimum of slot a's: 2");
    assert_eq!(
        planning.differences,
        ["autoscaling maximum: stays at 4, slot a has 9"]
    );
}

#[test]
fn where_blue_has_none_one_that_sleeps_is_told_to_scale_nothing() {
    let planning = planned(|request, found| {
        asleep(request, found);
        only_green(request, found);
        let own = of_green(found);
        (own.min, own.suspended) = (0, Suspended::ALL);
    });
    assert!(planning.plan.unwrap().scaling.is_none());
    let words = "slot a has none, and green will not scale: set its minimum and maximum again";
    assert!(
        planning.warnings.iter().any(|it| it.contains(words)),
        "{:?}",
        planning.warnings
    );
}

#[test]
fn step_policies_of_one_that_slept_are_called_by_blue_s_alarms_again() {
    let step =
        |arn: &str| json!({ "PolicyName": "busy", "PolicyType": "StepScaling", "PolicyARN": arn });
    let with = |blue_has_it: bool| {
        planned(|request, found| {
            asleep(request, found);
            let Seen::Value(targets) = &mut found.scaling else {
                panic!("it was just given");
            };
            targets.b.as_mut().unwrap().policies = vec![step("arn:own")];
            if blue_has_it {
                let blue = targets.a.as_mut().unwrap();
                blue.policies = vec![step("arn:blue")];
                blue.alarms = vec![json!({
                    "AlarmName": "busy", "AlarmActions": ["arn:blue"], "Namespace": "AWS/ECS",
                    "MetricName": "CPUUtilization", "Threshold": 90.0,
                })];
            }
        })
    };
    let called = with(true);
    let scaling = called.plan.as_ref().unwrap().scaling.as_ref().unwrap();
    let alarms: Vec<&str> = scaling.alarms.iter().map(|it| it.policy.as_str()).collect();
    assert_eq!(alarms, ["busy"]);
    let uncalled = |planning: &Planning| {
        let mut warnings = planning.warnings.iter();
        warnings.any(|it| it.contains("no alarm calls the step policy busy"))
    };
    assert!(!uncalled(&called), "{:?}", called.warnings);
    assert!(uncalled(&with(false)));
}

#[test]
fn a_rollback_gets_what_scales_production_unless_nothing_does() {
    let of_rollback = |change: fn(&mut Request, &mut Surroundings)| {
        planned(|request, found| {
            change(request, found);
            request.kind = Kind::Rollback;
        })
    };
    assert_eq!(whose(&of_rollback(both)), Whose::Blue);
    assert_eq!(whose(&of_rollback(only_green)), Whose::Own { blue: None });
}

#[test]
fn one_that_allows_fewer_tasks_than_blue_has_is_refused() {
    each_is_refused(&[
        (
            "service shop is set to 4 tasks, and green's autoscaling (service/prod/shop-b) allows 3",
            "raise its maximum",
            |request, found| {
                only_green(request, found);
                of_green(found).max = 3;
            },
        ),
        (
            "service shop-b (slot b) has autoscaling (service/prod/shop-b), and shop",
            "have green keep it: --service-from b",
            |request, found| {
                only_green(request, found);
                request.source = None;
            },
        ),
    ]);
}

#[test]
fn a_minimum_over_blue_s_count_and_a_step_policy_that_nothing_calls_are_told() {
    let planning = planned(|request, found| {
        only_green(request, found);
        let own = of_green(found);
        (own.min, own.max) = (6, 8);
        own.policies = vec![
            json!({ "PolicyName": "steps", "PolicyType": "StepScaling", "PolicyARN": "arn:steps" }),
            json!({ "PolicyName": "busy", "PolicyType": "StepScaling", "PolicyARN": "arn:busy" }),
        ];
        own.alarms = vec![json!({ "AlarmActions": ["arn:busy"] })];
    });
    notes(&planning, "gives green 6 tasks, blue has 4");
    let [warning] = &planning.warnings[..] else {
        panic!("{:?}", planning.warnings);
    };
    assert!(
        warning.contains("no alarm calls the step policy steps"),
        "{warning}"
    );
}
