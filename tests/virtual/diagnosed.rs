//! A deployment that trips because of green's tasks says why, before they are gone.

use bg::deployment::diagnosis::Diagnosis;
use bg::deployment::event::Event;
use bg::deployment::outcome::Outcome;
use bg::sandbox::faults::{FaultKind, FaultRule, When};

use crate::harness::{Stage, request};
use crate::stage;

impl Stage {
    /// What the latest deployment's journal says was found, and after how many of its records.
    fn diagnosis(&self) -> Option<(usize, Diagnosis)> {
        let records = self.records.borrow();
        records
            .iter()
            .enumerate()
            .find_map(|(at, record)| match &record.event {
                Event::Diagnosed { diagnosis } => Some((at, diagnosis.clone())),
                _ => None,
            })
    }

    fn position(&self, is: impl Fn(&Event) -> bool) -> usize {
        let records = self.records.borrow();
        let found = records.iter().position(|record| is(&record.event));
        found.expect("it is on record")
    }
}

#[tokio::test(start_paused = true)]
async fn the_cause_is_in_the_journal_with_traffic_back_and_green_still_there() {
    for (image, rule) in [
        ("shop:missing", "image-not-found"),
        ("shop:oom", "out-of-memory"),
        ("shop:unhealthy", "health-check-error"),
        ("shop:crash", "exit-error"),
    ] {
        let stage = stage();
        let outcome = stage.deploy(&request(image, "canary"), |_, _| {}).await;
        assert!(matches!(outcome, Outcome::Reverted { .. }), "{image}");
        let (at, diagnosis) = stage.diagnosis().expect("it was found out");
        assert_eq!(diagnosis.findings[0].rule, rule, "{image}: {diagnosis:#?}");
        let back = stage.position(|it| matches!(it, Event::TrafficReverted));
        let away = stage.position(|it| matches!(it, Event::PuttingGreenAway));
        assert!(back < at && at < away, "{image}: {back} {at} {away}");
        let size = serde_json::to_string(&diagnosis)
            .expect("it is plain data")
            .len();
        assert!(size < 16_000, "{image}: {size}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_words_of_a_crash_under_traffic_are_kept() {
    let stage = stage();
    stage
        .deploy(&request("shop:crash", "canary"), |_, _| {})
        .await;
    let (_, diagnosis) = stage.diagnosis().expect("it was found out");
    let words = "app: panic: the cart is empty";
    let evidence = &diagnosis.findings[0].evidence;
    assert!(evidence.iter().any(|it| it == words), "{evidence:?}");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_is_no_reason_to_look_at_tasks() {
    let stage = stage();
    stage
        .deploy(&request("shop:bad", "canary"), |_, _| {})
        .await;
    assert_eq!(stage.diagnosis(), None);
}

#[tokio::test(start_paused = true)]
async fn a_collection_that_hangs_holds_green_for_seconds_and_traffic_not_at_all() {
    let stage = stage();
    let hangs = FaultRule::new("logs:*", FaultKind::TimeoutBefore, When::Always);
    stage.region.fault(hangs);
    let outcome = stage
        .deploy(&request("shop:crash", "canary"), |_, _| {})
        .await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    let records = stage.records.borrow();
    let at = |is: &dyn Fn(&Event) -> bool| {
        let found = records.iter().find(|record| is(&record.event));
        found.expect("it is on record").at
    };
    let back = at(&|it| matches!(it, Event::TrafficReverted));
    let away = at(&|it| matches!(it, Event::PuttingGreenAway));
    let held = away.duration_since(back).as_secs();
    assert!(held <= 16, "{held} s");
}
