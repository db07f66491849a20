//! When a slot is retired, and when it is not.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::*;
use crate::deployment::ids::{LoadBalancerArn, RouteArn};
use crate::deployment::plan::RouteKind;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn retirement(then: RetireHow) -> Retirement {
    Retirement {
        slot: SlotName::A,
        service: EcsServiceName::new("shop"),
        groups: vec![TargetGroupArn::new("a")],
        due: Due { at: at(600), then },
        at_most: Duration::from_secs(3600),
    }
}

fn look(seconds: i64, weight: u32, requests: Requests) -> RetireLook {
    RetireLook {
        now: at(seconds),
        groups: vec![TargetGroupArn::new("a")],
        forwards: Seen::Value(vec![Forward {
            arn: RouteArn::new("listener"),
            kind: RouteKind::Listener,
            load_balancer: LoadBalancerArn::new("x:loadbalancer/app/shop/1"),
            port: 80,
            priority: None,
            hosts: vec![],
            paths: vec![],
            weights: BTreeMap::from([(TargetGroupArn::new("a"), weight)]),
            sticky: None,
        }]),
        desired: Seen::Value(Some(2)),
        due: Some(Due {
            at: at(600),
            then: RetireHow::ScaleToZero,
        }),
        requests: Seen::Value(requests),
        scaling: Seen::Value(None),
    }
}

#[test]
fn nothing_happens_before_it_is_due() {
    let step = decide(
        &retirement(RetireHow::ScaleToZero),
        &look(599, 0, Requests::Counted(0)),
    );
    assert!(matches!(step, RetireStep::Wait { until, .. } if until == at(600)));
}

#[test]
fn a_slot_with_weight_is_never_retired() {
    for seconds in [600, 100_000] {
        let look = look(seconds, 1, Requests::Counted(0));
        let step = decide(&retirement(RetireHow::ScaleToZero), &look);
        assert!(matches!(step, RetireStep::Revoke { .. }), "{step:?}");
    }
}

#[test]
fn what_autoscaling_would_undo_is_not_done() {
    let mut look = look(700, 0, Requests::Counted(0));
    let mut step = |min| {
        let resource = "service/prod/shop".to_owned();
        look.scaling = Seen::Value(Some(ScalableTarget { resource, min }));
        decide(&retirement(RetireHow::ScaleToZero), &look)
    };
    let RetireStep::Cancel { why } = step(2) else {
        panic!("it goes on");
    };
    assert!(why.contains("at least 2"), "{why}");
    assert!(matches!(step(0), RetireStep::Act(_)));
    look.scaling = Seen::Unreadable("throttled".to_owned());
    let step = decide(&retirement(RetireHow::ScaleToZero), &look);
    assert!(matches!(step, RetireStep::Wait { .. }), "{step:?}");
}

#[test]
fn requests_that_still_come_are_waited_out_but_not_for_ever() {
    let retirement = retirement(RetireHow::ScaleToZero);
    let busy = decide(&retirement, &look(700, 0, Requests::Counted(3)));
    assert!(matches!(busy, RetireStep::Wait { .. }));
    let silent = decide(&retirement, &look(700, 0, Requests::NoData));
    assert!(matches!(silent, RetireStep::Wait { .. }));
    let over = decide(&retirement, &look(600 + 3600, 0, Requests::Counted(3)));
    assert_eq!(over, scale_to_zero(&retirement));
    assert_eq!(
        decide(&retirement, &look(700, 0, Requests::Counted(0))),
        over
    );
}

#[test]
fn a_duty_that_was_taken_away_is_not_performed() {
    let mut changed = look(700, 0, Requests::Counted(0));
    changed.due = None;
    let step = decide(&retirement(RetireHow::ScaleToZero), &changed);
    assert!(matches!(step, RetireStep::Cancel { .. }));
}

#[test]
fn deleting_comes_after_scaling_to_zero() {
    let retirement = retirement(RetireHow::Delete);
    let mut look = look(700, 0, Requests::Counted(0));
    look.due = Some(retirement.due);
    assert_eq!(decide(&retirement, &look), scale_to_zero(&retirement));
    look.desired = Seen::Value(Some(0));
    assert_eq!(
        decide(&retirement, &look),
        RetireStep::Act(Action::Delete { slot: SlotName::A })
    );
    look.desired = Seen::Value(None);
    assert_eq!(decide(&retirement, &look), RetireStep::Done);
}

#[test]
fn the_tag_reads_back_as_written() {
    let due = Due {
        at: at(1_700_000_000),
        then: RetireHow::Delete,
    };
    assert_eq!(due.to_string().parse(), Ok(due));
    assert!("tomorrow".parse::<Due>().is_err());
}
