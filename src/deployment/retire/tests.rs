//! When a slot is retired, and when it is not.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::*;
use crate::deployment::ids::{LoadBalancerArn, RouteArn};
use crate::deployment::plan::RouteKind;
use crate::deployment::scaling::Suspended;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn retirement(then: RetireHow) -> Retirement {
    Retirement {
        slot: SlotName::A,
        service: EcsServiceName::new("shop"),
        groups: vec![TargetGroupArn::new("a")],
        other: EcsServiceName::new("shop-b"),
        is_bare: false,
        due: Due { at: at(600), then },
        at_most: Duration::from_secs(3600),
        deadman: None,
        records: Vec::new(),
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
            headers: Vec::new(),
            weights: BTreeMap::from([(TargetGroupArn::new("a"), weight)]),
            sticky: None,
            user_pools: Vec::new(),
        }]),
        desired: Seen::Value(Some(2)),
        due: Some(Due {
            at: at(600),
            then: RetireHow::ScaleToZero,
        }),
        requests: Seen::Value(requests),
        by_other_names: Seen::Value(Vec::new()),
        scaling: Seen::Value(None),
        armed: Seen::Value(Vec::new()),
        instead: None,
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
fn what_autoscaling_would_undo_is_put_to_sleep_first() {
    let retirement = retirement(RetireHow::Delete);
    let mut look = look(700, 0, Requests::Counted(0));
    look.due = Some(retirement.due);
    let target = |min, suspended| {
        Seen::Value(Some(ScalableTarget {
            min,
            suspended,
            ..ScalableTarget::default()
        }))
    };
    let sleep = RetireStep::Act(Action::SleepScaling { slot: SlotName::A });
    for (min, suspended) in [(2, Suspended::ALL), (0, Suspended::default())] {
        look.scaling = target(min, suspended);
        for desired in [2, 0] {
            look.desired = Seen::Value(Some(desired));
            assert_eq!(decide(&retirement, &look), sleep, "{min} {desired}");
        }
    }
    look.scaling = target(0, Suspended::ALL);
    look.desired = Seen::Value(Some(2));
    assert_eq!(decide(&retirement, &look), scale_to_zero(&retirement, None));
    look.desired = Seen::Value(Some(0));
    let deletes = RetireStep::Act(Action::Delete { slot: SlotName::A });
    assert_eq!(decide(&retirement, &look), deletes);
    look.scaling = Seen::Unreadable("throttled".to_owned());
    let step = decide(&retirement, &look);
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
    assert_eq!(over, scale_to_zero(&retirement, None));
    assert_eq!(
        decide(&retirement, &look(700, 0, Requests::Counted(0))),
        over
    );
}

#[test]
fn a_slot_is_not_emptied_while_a_dead_man_switch_could_send_it_traffic() {
    let retirement = retirement(RetireHow::ScaleToZero);
    let mut look = look(100_000, 0, Requests::Counted(0));
    look.armed = Seen::Value(vec![ScheduleName::new("bg.shop.0.earlier.0")]);
    let armed = decide(&retirement, &look);
    assert!(matches!(armed, RetireStep::Wait { .. }), "however long");
    look.armed = Seen::Unreadable("Rate exceeded".to_owned());
    assert_eq!(decide(&retirement, &look), scale_to_zero(&retirement, None));
    look.now = at(700);
    let unreadable = decide(&retirement, &look);
    assert!(matches!(unreadable, RetireStep::Wait { .. }));
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
    assert_eq!(decide(&retirement, &look), scale_to_zero(&retirement, None));
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

/// A slot that no load balancer sends anything to, and what the other one does.
fn bare(is_live: bool, running: u32) -> RetireLook {
    RetireLook {
        groups: vec![],
        forwards: Seen::Value(vec![]),
        instead: Some(Seen::Value(Instead {
            is_live,
            running,
            desired: 2,
        })),
        ..look(600, 0, Requests::NotCounted)
    }
}

#[test]
fn without_a_load_balancer_blue_stays_until_the_live_slot_s_tasks_run() {
    let retirement = Retirement {
        groups: vec![],
        is_bare: true,
        ..retirement(RetireHow::ScaleToZero)
    };
    let scale = RetireStep::Act(Action::Scale {
        slot: SlotName::A,
        desired: 0,
    });
    assert_eq!(decide(&retirement, &bare(true, 2)), scale);
    let waits = |look: &RetireLook| matches!(decide(&retirement, look), RetireStep::Wait { .. });
    assert!(waits(&bare(true, 1)));
    let late = |running| RetireLook {
        now: at(600 + 3600),
        ..bare(true, running)
    };
    assert_eq!(decide(&retirement, &late(1)), scale, "it has waited long");
    assert!(waits(&late(0)), "but never for nobody");
    let unreadable = RetireLook {
        instead: Some(Seen::Unreadable("throttled".to_owned())),
        ..late(2)
    };
    assert!(waits(&unreadable));
}

#[test]
fn without_a_load_balancer_the_live_slot_is_never_retired() {
    let retirement = Retirement {
        groups: vec![],
        is_bare: true,
        ..retirement(RetireHow::ScaleToZero)
    };
    let step = decide(&retirement, &bare(false, 2));
    assert!(matches!(step, RetireStep::Revoke { .. }), "{step:?}");
}

#[test]
fn blue_is_not_emptied_while_other_names_lead_users_there() {
    let retirement = retirement(RetireHow::ScaleToZero);
    let late = |requests, names: &[&str]| RetireLook {
        by_other_names: Seen::Value(names.iter().map(|it| (*it).to_owned()).collect()),
        ..look(600 + 3600, 0, requests)
    };
    match decide(
        &retirement,
        &late(Requests::Counted(9), &["www.example.com A"]),
    ) {
        RetireStep::Wait { why, .. } => {
            assert!(
                why.contains("www.example.com A leads to it beside its routes"),
                "{why}"
            );
        }
        step => panic!("{step:?}"),
    }
    let unreadable = RetireLook {
        by_other_names: Seen::Unreadable("throttled".to_owned()),
        ..late(Requests::Counted(9), &[])
    };
    assert!(matches!(
        decide(&retirement, &unreadable),
        RetireStep::Wait { .. }
    ));
    let scale = RetireStep::Act(Action::Scale {
        slot: SlotName::A,
        desired: 0,
    });
    for (requests, names) in [
        (Requests::Counted(0), &["www.example.com A"][..]),
        (Requests::NoData, &["www.example.com A"]),
        // Health checks, and whoever tries addresses.
        (Requests::Counted(9), &[]),
    ] {
        assert_eq!(
            decide(&retirement, &late(requests, names)),
            scale,
            "{requests:?}"
        );
    }
}
