//! A deployment whose process died, driven on by `bg tick` under cron.

use jiff::Timestamp;

use super::Scene;
use crate::deployment::action::{ActName, FailureClass};
use crate::deployment::event::Event;
use crate::deployment::ids::SlotName;
use crate::deployment::observation::Seen;
use crate::deployment::outcome::{Outcome, Stuck};
use crate::deployment::state::Phase;
use crate::deployment::trip::Trip;

/// Ticks every so many seconds, until `there` or for so many rounds.
fn tick(scene: &mut Scene, every: i64, rounds: usize, there: impl Fn(&Scene) -> bool) {
    for _ in 0..rounds {
        scene.round_after(every);
        scene.rest();
        if there(scene) {
            return;
        }
    }
    panic!("not after {rounds} rounds: {:?}", scene.deployment.phase);
}

fn ended(scene: &Scene) -> bool {
    scene.deployment.outcome().is_some()
}

fn bakes_until(scene: &Scene) -> Timestamp {
    match scene.deployment.phase {
        Phase::Baking { until, .. } => until,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn every_interval_of_cron_brings_a_deployment_to_its_end() {
    for minutes in [1_u16, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 60] {
        let mut scene = Scene::new();
        scene.run_to_baking(0);
        let died_at = scene.seen.now;
        // Two bakes of five minutes; the first begins anew with the first round.
        let rounds = 2 * (5_u16.div_ceil(minutes) + 1);
        tick(&mut scene, 60 * i64::from(minutes), rounds.into(), ended);
        assert_eq!(scene.deployment.outcome(), Some(&Outcome::Promoted));
        let took = scene.seen.now.duration_since(died_at).as_mins();
        assert!(took >= 10, "every {minutes} min: it took {took} min");
    }
}

#[test]
fn the_first_round_gives_a_bake_back_what_nobody_watched_and_later_ones_only_a_hole() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    let planned = bakes_until(&scene);
    scene.round_after(200);
    scene.rest();
    let given_back = bakes_until(&scene).duration_since(planned);
    assert_eq!(given_back.as_secs(), 200);

    scene.round_after(200);
    assert_eq!(bakes_until(&scene).duration_since(planned), given_back);
    scene.rest();

    // Cron itself was down.
    scene.round_after(3600);
    let for_the_hole = bakes_until(&scene).duration_since(planned) - given_back;
    assert_eq!(for_the_hole.as_secs(), 3600 - 600);
}

#[test]
fn a_hold_runs_out_from_round_to_round() {
    let patience = std::time::Duration::from_secs(60);
    let mut scene = Scene::with(|plan| plan.limits.patience = patience);
    scene.run_to_baking(0);
    scene.weights(1, 50, 50);
    tick(&mut scene, 33, 4, ended);
    let stuck = |outcome: &Outcome| {
        matches!(
            outcome,
            Outcome::Stuck {
                why: Stuck::PatienceOver { .. }
            }
        )
    };
    assert!(scene.deployment.outcome().is_some_and(stuck));
    let holds = |event: &&Event| matches!(event, Event::Holding { .. });
    assert_eq!(scene.events.iter().filter(holds).count(), 1);
}

#[test]
fn what_can_t_be_read_in_round_after_round_reverts() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    for seen in scene.seen.groups.values_mut() {
        *seen = Seen::Unreadable("Rate exceeded".to_owned());
    }
    tick(&mut scene, 60, 4, |scene| scene.trip().is_some());
    assert!(matches!(scene.trip(), Some(Trip::Blind { .. })));
}

#[test]
fn green_that_never_becomes_healthy_is_given_up_at_the_deadline() {
    let mut scene = Scene::new();
    scene.healthy(SlotName::B, 0);
    scene.look();
    scene.round_after(30);
    scene.rest();
    let first_round = scene.seen.now;
    tick(&mut scene, 180, 4, |scene| scene.trip().is_some());
    assert!(matches!(scene.trip(), Some(Trip::NotHealthyInTime { .. })));
    assert_eq!(scene.seen.now.duration_since(first_round).as_mins(), 12);
}

#[test]
fn green_that_is_healthy_when_a_late_round_comes_is_not_given_up() {
    for minutes in [5, 10, 30] {
        let mut scene = Scene::new();
        scene.healthy(SlotName::B, 0);
        scene.look();
        scene.round_after(30);
        scene.rest();
        scene.healthy(SlotName::B, 2);
        tick(&mut scene, 60 * minutes, 3, |scene| {
            matches!(scene.deployment.phase, Phase::Baking { .. })
        });
    }
}

#[test]
fn an_act_that_failed_in_one_round_is_tried_again_in_the_next_and_not_for_ever() {
    let refuse = |scene: &mut Scene| {
        let act = ActName::RegisterTaskDefinition;
        scene.failing.insert(act, FailureClass::Throttled);
        scene.round_after(600);
        scene.rest();
    };
    let mut scene = Scene::new();
    refuse(&mut scene);
    scene.failing.clear();
    scene.round_after(600);
    scene.rest();
    assert!(matches!(scene.deployment.phase, Phase::Provisioning { .. }));

    let mut scene = Scene::new();
    refuse(&mut scene);
    tick(&mut scene, 600, 4, |scene| scene.trip().is_some());
    assert!(matches!(scene.trip(), Some(Trip::Refused { .. })));
}

#[test]
fn who_goes_on_after_the_rounds_begins_the_deadlines_anew() {
    let mut scene = Scene::new();
    scene.run_to_baking(0);
    scene.weights(1, 50, 50);
    scene.round_after(60);
    scene.rest();
    let rested_at = scene.seen.now;
    scene.pass(500);
    scene.resume(rested_at);
    assert_eq!(scene.deployment.hold, None);
}
