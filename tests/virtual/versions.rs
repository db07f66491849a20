//! Good and bad versions.

use bg::deployment::event::Event;
use bg::deployment::outcome::Outcome;
use bg::deployment::trip::Trip;

use crate::harness::request;
use crate::stage;

#[tokio::test(start_paused = true)]
async fn a_good_version_is_promoted_in_its_own_time() {
    let stage = stage();
    let began = stage.region.now();
    let outcome = stage.deploy(&request("shop:v2", "canary"), |_, _| {}).await;
    assert_eq!(outcome, Outcome::Promoted);
    assert_eq!(stage.weights(), (0, 100));
    assert_eq!(stage.counts("shop-b"), Some((2, 2)));
    assert_eq!(stage.counts("shop"), Some((2, 2)), "blue is kept warm");
    let took = stage.region.now().duration_since(began).as_secs();
    // Two bakes of five minutes, about a minute to become healthy and half a one to stay so.
    assert!((630..720).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn an_hour_s_canary_bakes_for_its_hour() {
    let stage = stage();
    let began = stage.region.now();
    let request = request("shop:v2", "canary:5%:1h");
    assert_eq!(stage.deploy(&request, |_, _| {}).await, Outcome::Promoted);
    let took = stage.region.now().duration_since(began).as_secs();
    assert!(took > 3_600, "{took} s");
}

#[tokio::test(start_paused = true)]
async fn every_bad_version_is_reverted_and_the_cause_is_named() {
    let table = [
        ("shop:bad", "shop-b-5xx"),
        ("shop:slow", "shop-b-latency"),
        ("shop:crash", "Essential container in task exited"),
        (
            "shop:unhealthy",
            "green's targets fail their health check: GET /health on port 8080 answers 503, 200 is \
             wanted; ECS",
        ),
        ("shop:missing", "CannotPullContainerError"),
        ("shop:oom", "OutOfMemoryError"),
    ];
    for (image, cause) in table {
        let stage = stage();
        let request = request(image, "canary");
        let Outcome::Reverted { trip } = stage.deploy(&request, |_, _| {}).await else {
            panic!("{image} was not reverted");
        };
        let words = format!("{trip} {:?}", trip.stopped());
        assert!(words.contains(cause), "{image}: {words}");
        assert_eq!(stage.weights(), (100, 0), "{image}");
        assert_eq!(stage.counts("shop"), Some((2, 2)), "{image}");
        let (desired, _) = stage.counts("shop-b").expect("it was created");
        assert_eq!(desired, 0, "{image}: green is put away");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_never_gets_healthy_never_gets_traffic() {
    for image in ["shop:unhealthy", "shop:missing", "shop:oom"] {
        let stage = stage();
        stage.deploy(&request(image, "canary"), |_, _| {}).await;
        let records = stage.records.borrow();
        let shifted = |event: &Event| matches!(event, Event::Shifting { .. });
        assert!(!records.iter().any(|it| shifted(&it.event)), "{image}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_slots_take_turns() {
    let stage = stage();
    for (image, weights) in [
        ("shop:v2", (0, 100)),
        ("shop:v3", (100, 0)),
        ("shop:v4", (0, 100)),
    ] {
        let request = request(image, "canary:10%:1m");
        let outcome = stage.deploy(&request, |_, _| {}).await;
        assert_eq!(outcome, Outcome::Promoted, "{image}");
        assert_eq!(stage.weights(), weights, "{image}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_alarm_left_over_from_a_reverted_version_delays_the_mended_one_only() {
    for (image, alarm) in [("shop:bad", "shop-b-5xx"), ("shop:slow", "shop-b-latency")] {
        let stage = stage();
        let bad = stage.deploy(&request(image, "canary"), |_, _| {}).await;
        assert!(matches!(bad, Outcome::Reverted { .. }), "{bad:?}");
        let mended = request("shop:v3", "canary");
        let planning = stage.plan(&mended).await;
        let warned = planning.warnings.iter().any(|it| it.contains(alarm));
        assert!(warned, "{:?}", planning.warnings);
        assert_eq!(stage.deploy(&mended, |_, _| {}).await, Outcome::Promoted);
        let records = stage.records.borrow();
        let waits = |event: &Event| matches!(event, Event::Holding { .. });
        assert!(records.iter().any(|record| waits(&record.event)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reverted_version_leaves_the_way_free_for_the_next_one() {
    let stage = stage();
    let bad = stage
        .deploy(&request("shop:missing", "canary"), |_, _| {})
        .await;
    assert!(matches!(
        bad,
        Outcome::Reverted {
            trip: Trip::CrashLoop { .. } | Trip::RolloutFailed { .. }
        }
    ));
    let good = stage
        .deploy(&request("shop:v3", "canary:10%:1m"), |_, _| {})
        .await;
    assert_eq!(good, Outcome::Promoted);
    assert_eq!(stage.weights(), (0, 100));
}
