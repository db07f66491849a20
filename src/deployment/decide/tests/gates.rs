//! Gates: where they are asked, what comes of their answers, and what goes on meanwhile.

use std::time::Duration;

use super::Scene;
use super::scene::{ALL_BLUE, percent, raise};
use crate::deployment::action::Action;
use crate::deployment::event::Event;
use crate::deployment::gate::{Gate, Point};
use crate::deployment::observation::Ask;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::StepPlan;
use crate::deployment::state::Phase;
use crate::deployment::trip::Trip;
use crate::gate::{
    ApprovalCheck, Check, CommandCheck, GateAnswer, HookDetails, Opening, WindowCheck,
};
use crate::judge::alarms::AlarmState;

fn gate(name: &str, at: &[Point], check: Check) -> Gate {
    Gate {
        name: name.to_owned(),
        at: at.to_vec(),
        within: Duration::from_secs(600),
        check,
    }
}

fn command(name: &str, at: &[Point]) -> Gate {
    let argv = vec!["./check".to_owned()];
    gate(name, at, Check::Command(CommandCheck { argv }))
}

fn approval(at: &[Point], approvers: &[&str]) -> Gate {
    let approvers = approvers.iter().map(|it| (*it).to_owned()).collect();
    gate("approve", at, Check::Approval(ApprovalCheck { approvers }))
}

fn with(gates: Vec<Gate>) -> Scene {
    Scene::with(|plan| plan.gates = gates)
}

fn answer(scene: &mut Scene, gate: usize, asked: u32, answer: GateAnswer) {
    scene.seen.asks.push(Ask::Gate {
        gate,
        asked,
        answer,
    });
    scene.look();
}

fn passed() -> GateAnswer {
    let what = "exit code 0".to_owned();
    GateAnswer::Passed { what }
}

fn failed() -> GateAnswer {
    let why = "exit code 3".to_owned();
    GateAnswer::Failed { why }
}

/// Looks until nothing is recorded any more; the last action of these looks.
fn settle(scene: &mut Scene) -> Option<Action> {
    let mut last = None;
    for _ in 0..5 {
        let mut actions = scene.look().actions;
        last = actions.pop().or(last);
    }
    last
}

const BEFORE: Point = Point::BeforeTraffic;

fn ask(gate: usize, point: Point, asked: u32) -> Option<Action> {
    Some(Action::AskGate { gate, point, asked })
}

#[test]
fn no_traffic_moves_before_the_gates_of_a_point_have_passed_in_their_order() {
    let mut scene = with(vec![command("one", &[BEFORE]), command("two", &[BEFORE])]);
    scene.run_to_ready();
    assert_eq!(settle(&mut scene), ask(0, BEFORE, 1));
    answer(&mut scene, 0, 1, passed());
    assert_eq!(settle(&mut scene), ask(1, BEFORE, 1));
    answer(&mut scene, 1, 1, passed());
    assert_eq!(settle(&mut scene), Some(raise(0, 10)));
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn a_gate_that_says_no_reverts_with_its_words() {
    let mut scene = with(vec![command("smoke", &[Point::AfterStep(0)])]);
    scene.run_to_baking(0);
    scene.look_after(300);
    assert_eq!(settle(&mut scene), ask(0, Point::AfterStep(0), 1));
    answer(&mut scene, 0, 1, failed());
    let trip = scene.trip().expect("it reverts").to_string();
    assert_eq!(trip, "gate smoke said no: exit code 3");
    assert!(matches!(scene.run_to_the_end(), Outcome::Reverted { .. }));
}

#[test]
fn an_answer_to_another_question_is_none() {
    let mut scene = with(vec![command("smoke", &[BEFORE])]);
    scene.run_to_ready();
    settle(&mut scene);
    answer(&mut scene, 0, 2, failed());
    answer(&mut scene, 1, 1, failed());
    assert_eq!(scene.trip(), None);
    assert!(matches!(scene.deployment.phase, Phase::Ready));
}

#[test]
fn one_that_wants_to_be_asked_again_is_when_it_says() {
    let mut scene = with(vec![command("smoke", &[BEFORE])]);
    scene.run_to_ready();
    settle(&mut scene);
    let why = "it runs".to_owned();
    let after = Duration::from_secs(60);
    let details = HookDetails::from_iter([("asked".to_owned(), 1.into())]);
    let again = GateAnswer::Again {
        why,
        after,
        details: details.clone(),
    };
    answer(&mut scene, 0, 1, again);
    let trial = scene.deployment.gates.trial().expect("it is asked");
    assert_eq!(trial.details, details);
    assert_eq!(scene.look_after(59).actions, []);
    assert_eq!(scene.look_after(1).actions.pop(), ask(0, BEFORE, 2));
}

#[test]
fn one_that_doesnt_answer_in_time_says_no() {
    let mut scene = with(vec![command("smoke", &[BEFORE])]);
    scene.run_to_ready();
    settle(&mut scene);
    // Who runs it ends it after ten minutes and says what it printed: that is waited for.
    scene.look_after(629);
    assert_eq!(scene.trip(), None);
    scene.look_after(1);
    let trip = scene.trip().expect("it reverts").to_string();
    assert_eq!(trip, "gate smoke said no: it did not answer within 10m");
}

#[test]
fn the_guards_watch_while_a_gate_is_asked() {
    let mut scene = with(vec![command("smoke", &[Point::AfterStep(0)])]);
    scene.run_to_baking(0);
    scene.look_after(300);
    settle(&mut scene);
    scene.alarm(AlarmState::Alarm);
    scene.look_after(5);
    assert!(matches!(scene.trip(), Some(Trip::Alarm { .. })));
}

#[test]
fn only_those_who_may_can_approve() {
    let mut scene = with(vec![approval(&[BEFORE], &["kim"])]);
    scene.run_to_ready();
    settle(&mut scene);
    let approve = |by: &str| Ask::Approve { by: by.to_owned() };
    scene.seen.asks.push(approve("lee@desk"));
    assert_eq!(settle(&mut scene), None);
    scene.seen.asks.push(approve("kim@desk"));
    assert_eq!(settle(&mut scene), Some(raise(0, 10)));
    let told = scene.events.iter().find_map(|event| match event {
        Event::GateAnswered {
            answer: GateAnswer::Passed { what },
            ..
        } => Some(what.as_str()),
        _ => None,
    });
    assert_eq!(told, Some("approved by kim@desk"));
}

#[test]
fn a_rejection_reverts_with_who_and_why_and_nobody_s_yes_comes_too_late() {
    let mut scene = with(vec![approval(&[BEFORE], &[])]);
    scene.run_to_ready();
    settle(&mut scene);
    scene.seen.asks.push(Ask::Reject {
        by: "kim@desk".to_owned(),
        why: Some("wrong day".to_owned()),
    });
    scene.look();
    let trip = scene.trip().expect("it reverts").to_string();
    assert_eq!(
        trip,
        "gate approve said no: kim@desk rejected it: wrong day"
    );
    let mut scene = with(vec![approval(&[BEFORE], &[])]);
    scene.run_to_ready();
    settle(&mut scene);
    scene.look_after(600);
    let trip = scene.trip().expect("it reverts").to_string();
    assert_eq!(trip, "gate approve said no: nobody approved within 10m");
}

#[test]
fn it_wakes_exactly_when_a_window_opens() {
    let mut scene = with(Vec::new());
    let from = scene.seen.now + Duration::from_secs(400);
    let opening = Opening {
        from,
        until: from + Duration::from_secs(60),
    };
    let window = WindowCheck {
        told: "Mon".to_owned(),
        openings: vec![opening],
    };
    scene = with(vec![gate("office", &[BEFORE], Check::Window(window))]);
    scene.run_to_ready();
    settle(&mut scene);
    scene.seen.now = from - Duration::from_secs(2);
    let decision = scene.look();
    assert_eq!((decision.actions, decision.wake_at), (Vec::new(), from));
    scene.seen.now = from;
    assert_eq!(settle(&mut scene), Some(raise(0, 10)));
}

#[test]
fn whoever_goes_straight_to_full_passes_the_gates_of_the_steps_between() {
    let at = [Point::AfterStep(0), Point::AfterStep(1)];
    let mut scene = Scene::with(|plan| {
        let step = |weight| StepPlan::new(percent(weight), Duration::from_secs(300));
        plan.steps = vec![step(10), step(50), step(100)];
        plan.gates = vec![approval(&at, &[])];
    });
    scene.run_to_baking(0);
    scene.seen.asks.push(Ask::GoOn {
        by: "kim".to_owned(),
        full: true,
    });
    for _ in 0..2 {
        assert_eq!(settle(&mut scene), None);
        let by = "kim".to_owned();
        scene.seen.asks.push(Ask::Approve { by });
    }
    assert_eq!(settle(&mut scene), Some(raise(10, 100)));
}

#[test]
fn a_gate_after_promotion_tells_and_changes_nothing() {
    let mut scene = with(vec![command("smoke", &[Point::AfterPromotion])]);
    let promoted = |it: &crate::deployment::state::Deployment| {
        it.gates.trial().is_some_and(|trial| trial.under_way)
    };
    scene.run_until(promoted);
    assert!(matches!(scene.deployment.phase, Phase::Promoted { .. }));
    answer(&mut scene, 0, 1, failed());
    assert_eq!(scene.run_to_the_end(), Outcome::Promoted);
}

#[test]
fn who_goes_on_asks_again_what_had_no_answer() {
    let mut scene = with(vec![command("smoke", &[BEFORE])]);
    scene.run_to_ready();
    assert_eq!(settle(&mut scene), ask(0, BEFORE, 1));
    let since = scene.seen.now;
    scene.resume(since);
    assert_eq!(settle(&mut scene), ask(0, BEFORE, 2));
    // The first one's answer may still come.
    answer(&mut scene, 0, 1, failed());
    assert_eq!(scene.trip(), None);
}

#[test]
fn a_no_whose_revert_a_dying_process_did_not_record_reverts_all_the_same() {
    let mut scene = with(vec![command("smoke", &[Point::AfterStep(0)])]);
    scene.run_to_baking(0);
    scene.run_until(|it| it.gates.trial().is_some_and(|trial| trial.under_way));
    scene.record(Event::GateAnswered {
        gate: 0,
        point: Point::AfterStep(0),
        answer: failed(),
    });
    scene.resume(scene.seen.now);
    assert_eq!(settle(&mut scene), Some(ALL_BLUE));
    let trip = scene.trip().expect("it reverts");
    assert!(matches!(trip, Trip::GateFailed(failed) if failed.why == "exit code 3"));
}
