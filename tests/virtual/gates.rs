//! Gates that call functions: what a function made for ECS's hooks is told on the way.

use std::time::Duration;

use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::Request;
use bg::gate::{Asks, Check, FunctionName, GateWanted, HookDetails, LambdaCheck, Place};
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::strategy::Weight;
use serde_json::{Value, json};

use crate::harness::{Stage, request};
use crate::stage;

fn calls(function: &str, at: Vec<Place>) -> Request {
    let mut request = request("shop:v2", "canary:2.5%:1m");
    let check = LambdaCheck {
        function: FunctionName::parse(function).expect("it is sound"),
        stage: None,
        details: HookDetails::from_iter([("bucket".to_owned(), "b".into())]),
    };
    request.gates = vec![GateWanted {
        name: "checks".to_owned(),
        at,
        within: Duration::from_secs(3600),
        asks: Asks::Check(Check::Lambda(Box::new(check))),
    }];
    request
}

fn events(stage: &Stage) -> Vec<Value> {
    let events = stage.region.with_world(|world| world.lambda.events.clone());
    events.into_iter().map(|(_, event)| event).collect()
}

fn texts<'a>(events: &'a [Value], pointer: &str) -> Vec<&'a str> {
    let texts = events.iter().filter_map(|it| it.pointer(pointer)?.as_str());
    texts.collect()
}

#[tokio::test(start_paused = true)]
async fn a_function_is_told_where_green_stands_in_the_words_of_ecs() {
    let stage = stage();
    let at = vec![
        Place::BeforeTraffic,
        Place::Weight(Weight::of_percent(50).expect("it is below 100")),
        Place::BeforePromotion,
        Place::AfterPromotion,
    ];
    let outcome = stage
        .deploy(&calls("shop-checks:live", at), |_, _| {})
        .await;
    assert_eq!(outcome, Outcome::Promoted);
    let events = events(&stage);
    assert_eq!(
        texts(&events, "/lifecycleStage"),
        [
            "POST_SCALE_UP",
            "PRE_PRODUCTION_TRAFFIC_SHIFT",
            "POST_PRODUCTION_TRAFFIC_SHIFT",
            "POST_PRODUCTION_TRAFFIC_SHIFT"
        ]
    );
    let service = "arn:aws:ecs:eu-west-1:123456789012:service/demo/shop-b";
    assert_eq!(texts(&events, "/executionDetails/serviceArn"), [service; 4]);
    let green = &events[1]["executionDetails"]["targetServiceRevisionArn"];
    let weights = &events[1]["executionDetails"]["productionTrafficWeights"];
    let weights = weights.as_object().expect("an object");
    assert_eq!(weights.len(), 2, "{weights:?}");
    assert_eq!(weights[green.as_str().expect("a text")], json!(2.5));
    for event in &events {
        assert_eq!(event["hookDetails"], json!({ "bucket": "b" }));
    }
    let mut ids = texts(&events, "/executionId");
    ids.dedup();
    assert_eq!(ids.len(), 4, "each place is an execution of its own");
    // What it was told of can be looked up.
    let named = json!({ "serviceRevisionArns": [green] });
    let shown = stage.region.with_world(|world| {
        bg::sandbox::wire::ecs::handle(world, "DescribeServiceRevisions", &named)
    });
    let shown = shown.expect("it answers");
    assert_eq!(shown["failures"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_not_reached_is_asked_again_with_what_it_has_said() {
    let stage = stage();
    for (fault, when) in [
        (FaultKind::ServiceUnavailable, When::Nth(3)),
        (FaultKind::ResetAfter, When::Nth(4)),
    ] {
        stage
            .region
            .fault(FaultRule::new("lambda:Invoke", fault, when));
    }
    let request = calls("shop-in-progress", vec![Place::BeforeTraffic]);
    let outcome = stage.deploy(&request, |_, _| {}).await;
    assert_eq!(outcome, Outcome::Promoted);
    let events = events(&stage);
    let asked = events.iter().map(|it| it["hookDetails"]["asked"].as_u64());
    // The answer to the second call was lost on the way.
    let asked: Vec<_> = asked.collect();
    assert_eq!(asked, [None, Some(1), Some(1), Some(2)]);
    let mut ids = texts(&events, "/executionId");
    ids.dedup();
    assert_eq!(ids.len(), 1);
}
