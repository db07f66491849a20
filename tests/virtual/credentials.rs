//! Credentials that end in the middle of a deployment, and the store's with them.

use std::time::Duration;

use bg::deployment::event::{Event, Record};
use bg::deployment::outcome::{Outcome, Stuck};
use bg::deployment::trip::{Hold, Trip};
use bg::sandbox::Region;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::region::CallOutcome;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::harness::{Stage, request};
use crate::table::with_table;
use crate::{first_bake, later, stage};

/// From now on, for so many seconds, no service takes the credentials.
fn end_for(region: &Region, seconds: i64) {
    let now = region.now();
    let until = now.saturating_add(SignedDuration::from_secs(seconds));
    let when = When::Between(now, until.unwrap_or(Timestamp::MAX));
    region.fault(FaultRule::new("*", FaultKind::ExpiredToken, when));
}

/// A canary whose credentials end `after` seconds of its first bake, for so many.
async fn ends_in_first_bake(stage: &Stage, after: u64, seconds: i64) -> Outcome {
    let request = request("shop:v2", "canary");
    let outcome = stage.deploy(&request, |stage, record| {
        if first_bake(record) {
            later(stage, after, move |region| end_for(region, seconds));
        }
    });
    outcome.await
}

fn at(stage: &Stage, fits: impl Fn(&Event) -> bool) -> Timestamp {
    let records = stage.records.borrow();
    let record = records.iter().find(|record| fits(&record.event));
    record.expect("it happened").at
}

/// How often it was told that they are over.
fn told(stage: &Stage) -> usize {
    let records = stage.records.borrow();
    let tells = |record: &&Record| match &record.event {
        Event::Holding { reasons, .. } => reasons.iter().any(Hold::is_of_credentials),
        _ => false,
    };
    records.iter().filter(tells).count()
}

fn failures(stage: &Stage) -> usize {
    let records = stage.records.borrow();
    let failed = |record: &&Record| matches!(record.event, Event::ActFailed { .. });
    records.iter().filter(failed).count()
}

/// The two places where a journal may be that ends with the credentials or doesn't.
async fn stages() -> [Stage; 2] {
    [stage(), with_table(stage()).await]
}

#[tokio::test(start_paused = true)]
async fn a_deployment_holds_until_they_are_renewed_and_says_so_once() {
    // The first bake, which is over after 300 s, in its middle and across its end.
    for after in [60, 250] {
        for stage in stages().await {
            let outcome = ends_in_first_bake(&stage, after, 100).await;
            assert_eq!(outcome, Outcome::Promoted, "{after}");
            assert_eq!((told(&stage), failures(&stage)), (1, 0), "{after}");
            let calls = stage.region.calls();
            let struck = |name: &str| {
                let of_it = calls.iter().filter(|call| call.operation == name);
                of_it
                    .filter(|call| matches!(call.outcome, CallOutcome::Struck(_)))
                    .count()
            };
            assert!(struck("DescribeServices") > 10, "it looked");
            assert_eq!(struck("ModifyListener"), 0, "and raised nothing meanwhile");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_says_which_and_what_to_do() {
    let stage = stage();
    ends_in_first_bake(&stage, 60, 30).await;
    let records = stage.records.borrow();
    let words = records.iter().find_map(|record| match &record.event {
        Event::Holding { reasons, .. } => Some(reasons[0].to_string()),
        _ => None,
    });
    assert_eq!(
        words.expect("it held"),
        "the AWS credentials (their source is not known) are over: The security token included \
         in the request is expired; renew them where they come from: bg goes on by itself"
    );
}

#[tokio::test(start_paused = true)]
async fn longer_than_blind_after_traffic_goes_back_as_soon_as_a_write_goes_through() {
    for stage in stages().await {
        let outcome = ends_in_first_bake(&stage, 60, 240).await;
        let Outcome::Reverted { trip } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(matches!(trip, Trip::Blind { .. }), "{trip}");
        assert!(
            trip.to_string().contains("the AWS credentials are over"),
            "{trip}"
        );
        assert_eq!(stage.weights(), (100, 0));
        let held = at(&stage, |event| matches!(event, Event::Holding { .. }));
        let tripped = at(&stage, |event| matches!(event, Event::Reverting { .. }));
        let after = tripped.duration_since(held).as_secs();
        assert!((120..=130).contains(&after), "{after} s blind");
        let back = at(&stage, |event| *event == Event::TrafficReverted);
        let renewed = held + SignedDuration::from_secs(240);
        assert!(
            back.duration_since(renewed).as_secs() < 8,
            "{back} {renewed}"
        );
        assert_eq!((told(&stage), failures(&stage)), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn those_that_never_come_back_end_it_with_the_truth() {
    for stage in stages().await {
        let mut request = request("shop:v2", "canary");
        request.limits.patience = Duration::from_secs(150);
        let outcome = stage.deploy(&request, |stage, record| {
            if first_bake(record) {
                let rule = FaultRule::new(
                    "elasticloadbalancing:*",
                    FaultKind::ExpiredToken,
                    When::Always,
                );
                stage.region.fault(rule);
                let rule = FaultRule::new("ecs:*", FaultKind::ExpiredToken, When::Always);
                stage.region.fault(rule);
            }
        });
        let outcome = outcome.await;
        let Outcome::Stuck { why } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(matches!(why, Stuck::RevertNotConfirmed { .. }), "{why}");
        assert!(why.to_string().contains("renew them"), "{why}");
        assert!(failures(&stage) <= 2, "{}", failures(&stage));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_twice_where_they_end_before_green_is_there() {
    for begins in [
        |event: &Event| matches!(event, Event::Started { .. }),
        |event: &Event| *event == Event::RegisteringTaskDefinition,
        |event: &Event| *event == Event::ProvisioningGreen,
        |event: &Event| *event == Event::GreenHealthy,
    ] {
        let stage = stage();
        let request = request("shop:v2", "canary:10%:1m");
        let mut once = false;
        let outcome = stage.deploy(&request, |stage, record| {
            if begins(&record.event) && !once {
                once = true;
                end_for(&stage.region, 60);
            }
        });
        assert_eq!(outcome.await, Outcome::Promoted);
        assert_eq!(told(&stage), 1);
        let revisions = stage.ecs("ListTaskDefinitions", &json!({ "familyPrefix": "shop" }));
        assert_eq!(
            revisions["taskDefinitionArns"].as_array().map(Vec::len),
            Some(2)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_alone_refuses_them_reverts_while_the_lock_is_still_held() {
    let stage = with_table(stage()).await;
    let request = request("shop:v2", "canary");
    let outcome = stage.deploy(&request, |stage, record| {
        if first_bake(record) {
            let (kind, when) = (FaultKind::ExpiredToken, When::Always);
            stage.region.fault(FaultRule::new("dynamodb:*", kind, when));
        }
        if record.event == Event::TrafficReverted {
            stage.region.clear_faults();
        }
    });
    let outcome = outcome.await;
    assert!(matches!(outcome, Outcome::Reverted { .. }), "{outcome:?}");
    let baked = at(&stage, |event| matches!(event, Event::Baking { .. }));
    let back = at(&stage, |event| *event == Event::TrafficReverted);
    assert!(
        back.duration_since(baked).as_secs() < 60,
        "within the lease"
    );
}
