//! Minutes of metrics: when their figures are final, and what comes of a change after that.

use jiff::{SignedDuration, Timestamp};

use super::Scene;
use crate::deployment::event::Event;
use crate::deployment::ids::SlotName;
use crate::deployment::metrics::{MetricGuards, MetricsSeen, MinuteSeen, minute_from};
use crate::deployment::observation::Seen;
use crate::deployment::trip::Hold;

/// A canary that is judged by metrics, in its first bake; and the first minute of that.
fn baking() -> (Scene, Timestamp) {
    let mut scene = Scene::with(|plan| plan.guards.metrics = Some(MetricGuards::default()));
    scene.run_to_baking(0);
    let minute = minute_from(scene.seen.now);
    (scene, minute)
}

fn after(minute: Timestamp, seconds: i64) -> Timestamp {
    minute + SignedDuration::from_secs(seconds)
}

/// What a read at `at` showed of a minute, and `since` when reads have shown it.
fn show(scene: &mut Scene, minute: Timestamp, failed: u64, since: Timestamp, at: Timestamp) {
    let mut shown = MinuteSeen {
        load_balancer: Some(1000),
        unchanged_since: since,
        ..MinuteSeen::default()
    };
    shown.slots[SlotName::A].requests = Some(900);
    shown.slots[SlotName::B].requests = Some(100);
    shown.slots[SlotName::B].http_5xx = Some(failed);
    scene.seen.metrics = Some(Seen::Value(MetricsSeen {
        at,
        minutes: [(minute, shown)].into(),
        ..MetricsSeen::default()
    }));
}

fn judged(scene: &Scene) -> usize {
    let judged = |it: &&Event| matches!(it, Event::MinuteJudged { .. });
    scene.events.iter().filter(judged).count()
}

fn revised(scene: &Scene) -> Vec<u64> {
    let revised = scene.events.iter().filter_map(|event| match event {
        Event::MinuteRevised { served, .. } => Some(served.green.http_5xx),
        _ => None,
    });
    revised.collect()
}

#[test]
fn one_read_at_the_beginning_of_a_long_look_is_no_agreement() {
    let (mut scene, minute) = baking();
    let read = after(minute, 125);
    show(&mut scene, minute, 0, read, read);
    scene.seen.now = after(read, 45);
    scene.look();
    assert_eq!(judged(&scene), 0, "it was read once");
    show(&mut scene, minute, 0, read, after(read, 30));
    scene.look();
    assert_eq!(judged(&scene), 1);
}

#[test]
fn a_look_that_took_long_doesnt_make_its_figures_older() {
    let (mut scene, minute) = baking();
    let read = after(minute, 110);
    show(&mut scene, minute, 0, after(read, -30), read);
    scene.seen.now = after(read, 60);
    scene.look();
    assert_eq!(
        judged(&scene),
        0,
        "the minute was 50 s old when it was read"
    );
}

#[test]
fn a_change_after_judgement_is_counted_once_two_reads_agree_and_judges_nothing() {
    let (mut scene, minute) = baking();
    let first = after(minute, 60);
    show(&mut scene, minute, 0, first, after(first, 90));
    scene.seen.now = after(first, 90);
    scene.look();
    assert_eq!(judged(&scene), 1);
    let before = scene.deployment.evidence.clone().expect("it is judged");
    assert_eq!(before.wanted().map(|it| it.read_from), Some(minute));
    let changed = after(first, 105);
    for (seconds, wanted) in [(105, 0), (120, 0), (135, 1), (150, 1)] {
        let now = after(first, seconds);
        show(&mut scene, minute, 40, changed, now);
        scene.seen.now = now;
        scene.look();
        assert_eq!(revised(&scene).len(), wanted, "{seconds} s later");
    }
    assert_eq!(revised(&scene), [40]);
    let evidence = scene.deployment.evidence.as_ref().expect("it is judged");
    assert_eq!((evidence.revised(), evidence.judged()), (1, 1));
    assert_eq!(evidence.worse(), None, "not by what was judged");
}

#[test]
fn minutes_are_read_again_for_ten_minutes() {
    let mut scene = Scene::with(|plan| {
        plan.guards.metrics = Some(MetricGuards::default());
        plan.steps[0].bake = std::time::Duration::from_secs(3600);
    });
    scene.run_to_baking(0);
    let first = minute_from(scene.seen.now);
    for minute in 0..15 {
        let minute = after(first, 60 * minute);
        let read = after(minute, 130);
        show(&mut scene, minute, 0, after(minute, 90), read);
        scene.seen.now = read;
        scene.look();
    }
    assert_eq!(judged(&scene), 15);
    let wanted = scene.deployment.metrics_wanted().expect("the bake goes on");
    assert_eq!(wanted.from, after(first, 15 * 60));
    assert_eq!(wanted.read_from, after(first, 5 * 60));
}

fn holds_for_late_figures(scene: &Scene) -> bool {
    let held = scene.deployment.hold.as_ref();
    let late = |hold: &Hold| matches!(hold, Hold::MetricsLate { .. });
    held.is_some_and(|held| held.reasons.iter().any(late))
}

/// Nothing of any minute was shown by a read at `at`.
fn show_nothing(scene: &mut Scene, at: Timestamp) {
    scene.seen.metrics = Some(Seen::Value(MetricsSeen {
        at,
        ..MetricsSeen::default()
    }));
    scene.seen.now = at;
}

#[test]
fn figures_that_come_late_hold_and_are_judged_when_they_come() {
    let (mut scene, minute) = baking();
    show_nothing(&mut scene, after(minute, 60 + 119));
    scene.look();
    assert!(!holds_for_late_figures(&scene));
    show_nothing(&mut scene, after(minute, 60 + 240));
    scene.look();
    assert!(holds_for_late_figures(&scene));
    let skipped = |it: &&Event| matches!(it, Event::MinuteSkipped { .. });
    assert_eq!(scene.events.iter().filter(skipped).count(), 0);
    let now = after(minute, 60 + 270);
    show(&mut scene, minute, 0, now, now);
    scene.seen.now = now;
    scene.look();
    assert_eq!(judged(&scene), 1);
    // The next one is as late, and the step has one that was judged.
    show_nothing(&mut scene, after(minute, 120 + 270));
    scene.look();
    assert!(!holds_for_late_figures(&scene));
    show_nothing(&mut scene, after(minute, 120 + 360));
    scene.look();
    assert!(holds_for_late_figures(&scene), "three minutes are missing");
}
