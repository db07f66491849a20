//! Steps that ask for requests, and not for time alone.

use bg::deployment::event::{Event, Record};
use bg::deployment::observation::Ask;
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::Request;
use bg::deployment::trip::{Hold, Trip};
use bg::runner::Asks;
use bg::sandbox::RegionOptions;
use bg::sandbox::world::traffic::{Flow, Shape};
use bg::strategy::Strategy;
use jiff::Timestamp;

use super::harness::{Scene, Stage, request};

/// A tenth for a minute, and until so many requests were served.
fn asking(requests: u64, and: &str) -> Request {
    let mut request = request("shop:v2", "canary");
    request.guards.alarms.clear();
    let strategy = format!(
        "steps:\n- {{ weight: 10%, bake: 1m, until: {{ requests: {requests} }}, {and} }}\n- {{ weight: 100% }}\n\
         bake: 1m\n"
    );
    request.strategy = Strategy::from_yaml(&strategy, "asking").expect("it is well formed");
    request
}

/// With so many requests a second.
fn stage(rate: f64) -> Stage {
    Stage::open(RegionOptions::default(), |scene: &mut Scene| {
        let flow = Flow::new(&scene.balancer.listener, Shape::Steady(rate));
        scene.world.traffic.flows = vec![flow];
    })
}

fn at(records: &[Record], is: impl Fn(&Event) -> bool) -> Option<Timestamp> {
    records.iter().find(|it| is(&it.event)).map(|it| it.at)
}

/// How often it said that it waits, and when it went on to everything.
fn waits(stage: &Stage) -> (usize, Option<Timestamp>) {
    let records = stage.records.borrow();
    let waiting = |it: &&Record| matches!(it.event, Event::WaitingForRequests { .. });
    let on = at(&records, |it| matches!(it, Event::Shifting { step: 1, .. }));
    (records.iter().filter(waiting).count(), on)
}

#[tokio::test(start_paused = true)]
async fn a_step_ends_when_its_requests_were_seen() {
    let stage = stage(20.0);
    let outcome = stage.deploy(&asking(500, "at_most: 30m"), |_, _| {}).await;
    assert_eq!(outcome, Outcome::Promoted);
    let (said, on) = waits(&stage);
    let on = on.expect("it went on");
    assert_eq!(said, 1);
    let records = stage.records.borrow();
    let before = records.iter().filter(|it| it.at <= on);
    let served = before.filter_map(|it| match &it.event {
        Event::MinuteJudged {
            step: 0, served, ..
        } => Some(served.green.requests),
        _ => None,
    });
    let served: u64 = served.sum();
    // A minute's requests are 120.
    assert!((500..=640).contains(&served), "{served}");
}

#[tokio::test(start_paused = true)]
async fn too_few_requests_revert_where_that_is_wanted() {
    let stage = stage(0.1);
    let outcome = stage
        .deploy(&asking(500, "at_most: 10m, too_few: revert"), |_, _| {})
        .await;
    let Outcome::Reverted { trip } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(trip, Trip::TooFewRequests { wanted: 500, .. }));
    let said = trip.to_string();
    assert!(said.contains("of the 500 requests"), "{said}");
    let records = stage.records.borrow();
    let baking = at(&records, |it| matches!(it, Event::Baking { .. }));
    let reverting = at(&records, |it| matches!(it, Event::Reverting { .. }));
    let took = reverting.unwrap().duration_since(baking.unwrap()).as_secs();
    assert!((600..=606).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn too_few_requests_hold_until_somebody_promotes_or_patience_is_over() {
    let stage = stage(0.1);
    let outcome = stage.deploy(&asking(500, "at_most: 10m"), |_, _| {}).await;
    let Outcome::Reverted {
        trip: Trip::PatienceOver { waited_for },
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(matches!(
        waited_for[..],
        [Hold::TooFewRequests { wanted: 500, .. }]
    ));

    let stage = self::stage(0.1);
    let mut asks = Asks::default();
    let sender = asks.sender();
    let outcome = stage
        .deploy_asked(&asking(500, "at_most: 10m"), &mut asks, |_, record| {
            if matches!(record.event, Event::Holding { .. }) {
                let by = "ada".to_owned();
                sender
                    .send(Ask::GoOn { by, full: false })
                    .expect("it listens");
            }
        })
        .await;
    assert_eq!(outcome, Outcome::Promoted);
}

#[tokio::test(start_paused = true)]
async fn too_few_requests_are_waited_for_as_long_again_where_that_is_wanted() {
    let stage = stage(0.5);
    let outcome = stage
        .deploy(&asking(60, "at_most: 6m, too_few: extend"), |_, _| {})
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    let (said, on) = waits(&stage);
    assert!((3..=6).contains(&said) && on.is_some(), "{said}");
}

#[tokio::test(start_paused = true)]
async fn too_few_requests_are_gone_on_without_where_that_is_wanted() {
    let stage = stage(0.1);
    let asking = asking(500, "at_most: 10m, too_few: proceed");
    let outcome = stage.deploy(&asking, |_, _| {}).await;
    assert_eq!(outcome, Outcome::Promoted);
    let (said, on) = waits(&stage);
    let records = stage.records.borrow();
    let baking = at(&records, |it| matches!(it, Event::Baking { .. }));
    let took = on.unwrap().duration_since(baking.unwrap()).as_secs();
    assert!(said == 1 && (600..=606).contains(&took), "{took} s");
}
