//! Records: nothing counts before it is answered everywhere, and nobody is left behind by a TTL.

use std::time::Duration;

use super::Scene;
use crate::deployment::action::Action;
use crate::deployment::dns::{End, Record, RecordType};
use crate::deployment::event::Event;
use crate::deployment::ids::{HostedZoneId, RecordName, SetId, SlotName, Slots};
use crate::deployment::observation::{Seen, Spread};
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::RouteKind;
use crate::deployment::state::Phase;
use crate::judge::alarms::AlarmState;

const TTL: u64 = 300;

fn over_dns() -> Scene {
    Scene::with(|plan| {
        for route in &mut plan.routes {
            let end = |slot: SlotName| End {
                set: SetId::new(slot.as_str()),
                load_balancer: route.load_balancer.clone(),
                group: route.groups[slot].clone(),
            };
            route.kind = RouteKind::Record(Box::new(Record {
                zone: HostedZoneId::new("Z1"),
                name: RecordName::new("shop.example.com"),
                kind: RecordType::A,
                ttl: Duration::from_secs(TTL),
                ends: Slots::from_fn(end),
                is_in_two_zones: false,
            }));
        }
    })
}

fn spread(scene: &mut Scene, to: Spread) {
    for seen in scene.seen.routes.values_mut() {
        if let Seen::Value(seen) = seen {
            seen.spread = to;
        }
    }
}

fn shifting(scene: &mut Scene) {
    scene.run_until(|it| matches!(it.phase, Phase::Shifting { .. }));
}

fn begins_to_bake(scene: &mut Scene, after: i64) -> bool {
    let events = scene.look_after(after).events;
    events.iter().any(|it| matches!(it, Event::Baking { .. }))
}

#[test]
fn a_bake_begins_when_the_change_is_everywhere_and_lasts_a_ttl_longer() {
    let mut scene = over_dns();
    shifting(&mut scene);
    spread(&mut scene, Spread::Pending);
    assert!(!begins_to_bake(&mut scene, 5));
    assert!(scene.deployment.hold.is_none(), "that is as usual");
    spread(&mut scene, Spread::Everywhere);
    assert!(begins_to_bake(&mut scene, 5));
    let Phase::Baking { step, until } = scene.deployment.phase else {
        panic!("{:?}", scene.deployment.phase)
    };
    let bake = scene.plan().steps[step].bake.as_secs() + TTL;
    assert_eq!(until.duration_since(scene.seen.now).as_secs(), bake as i64);
}

#[test]
fn a_change_that_is_not_known_of_gets_two_minutes() {
    let mut scene = over_dns();
    shifting(&mut scene);
    spread(&mut scene, Spread::Unknown);
    assert!(!begins_to_bake(&mut scene, 100));
    assert!(begins_to_bake(&mut scene, 21));
}

#[test]
fn one_that_stays_pending_holds_and_is_taken_back_when_patience_is_over() {
    let mut scene = over_dns();
    shifting(&mut scene);
    spread(&mut scene, Spread::Pending);
    scene.look_after(121);
    assert!(scene.deployment.hold.is_some());
    let patience = scene.plan().limits.patience.as_secs() as i64;
    let decision = scene.look_after(patience + 1);
    assert!(
        matches!(decision.events[..], [Event::Reverting { .. }, ..]),
        "{:?}",
        decision.events
    );
}

#[test]
fn a_look_that_fails_while_a_change_spreads_takes_nothing_back() {
    let mut scene = over_dns();
    shifting(&mut scene);
    spread(&mut scene, Spread::Unknown);
    assert!(!begins_to_bake(&mut scene, 70));
    let shown = scene.seen.routes.clone();
    for seen in scene.seen.routes.values_mut() {
        *seen = Seen::Unreadable("Rate exceeded".to_owned());
    }
    assert!(!begins_to_bake(&mut scene, 5));
    assert!(scene.trip().is_none(), "{:?}", scene.trip());
    scene.seen.routes = shown;
    assert!(begins_to_bake(&mut scene, 60));
}

#[test]
fn a_guard_trips_while_a_change_spreads() {
    let mut scene = over_dns();
    shifting(&mut scene);
    spread(&mut scene, Spread::Pending);
    scene.alarm(AlarmState::Alarm);
    scene.look_after(5);
    assert!(scene.trip().is_some());
}

#[test]
fn green_keeps_its_tasks_until_nobody_is_sent_there_any_more() {
    let mut scene = over_dns();
    scene.run_to_baking(0);
    scene.alarm(AlarmState::Alarm);
    scene.look_after(1);
    spread(&mut scene, Spread::Pending);
    scene.look_after(5);
    assert!(
        !scene.events.contains(&Event::TrafficReverted),
        "not everywhere yet"
    );
    spread(&mut scene, Spread::Everywhere);
    scene.look_after(5);
    assert!(scene.events.contains(&Event::TrafficReverted));
    let back = scene.seen.now;
    let put_away = |actions: &[Action]| actions.iter().any(|it| matches!(it, Action::Scale { .. }));
    while !put_away(&scene.look_after(10).actions) {
        let waited = scene.seen.now.duration_since(back).as_secs();
        assert!(waited < TTL as i64 + 60, "it never goes");
    }
    let waited = scene.seen.now.duration_since(back).as_secs();
    assert!(waited >= TTL as i64, "after {waited} s");
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
}
