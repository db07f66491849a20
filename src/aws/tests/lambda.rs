//! Functions: how they are called, what they are told of a deployment, and what is tried of them
//! beforehand.

use super::super::canned::{Answer, Canned};
use super::*;
use crate::deployment::surroundings::FunctionFound;
use crate::gate::FunctionName;

fn function(name: &str) -> FunctionName {
    FunctionName::parse(name).expect("it is sound")
}

#[tokio::test(start_paused = true)]
async fn a_function_gets_the_event_and_its_answer_comes_back_as_it_is() {
    let scene = Scene::new();
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop-smoke:live";
    let event = json!({ "lifecycleStage": "POST_SCALE_UP" });
    let invoked = scene.cloud.invoke(&function(arn), &event).await.unwrap();
    assert_eq!(invoked.answer, br#"{"hookStatus":"SUCCEEDED"}"#);
    assert_eq!(invoked.error, None);
    let events = scene.region.with_world(|world| world.lambda.events.clone());
    assert_eq!(events, [(arn.to_owned(), event)]);
    let invoked = scene.cloud.invoke(&function("mute"), &json!({})).await;
    assert_eq!(invoked.unwrap().answer, b"null");
    let failed = scene.cloud.invoke(&function("error"), &json!({})).await;
    let failed = failed.unwrap();
    assert_eq!(failed.error.as_deref(), Some("Unhandled"));
    assert!(failed.log.contains("[ERROR]"), "{}", failed.log);
}

#[tokio::test(start_paused = true)]
async fn a_function_in_another_region_is_called_there_and_signed_for_it() {
    let canned = Canned::new(|_| Answer::ok("{}"));
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:shop";
    let cloud = canned.cloud();
    cloud.invoke(&function(arn), &json!({})).await.unwrap();
    let asked = canned.asked();
    assert_eq!(
        asked[0].url,
        "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/\
         arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Ashop/invocations"
    );
    let signed = &asked[0].authorization;
    assert!(
        signed.contains("/us-east-1/lambda/aws4_request"),
        "{signed}"
    );
}

#[tokio::test(start_paused = true)]
async fn trying_a_function_runs_nothing_and_says_what_is_in_the_way() {
    let scene = Scene::new();
    let functions = ["shop", "shop-missing", "shop-denied"].map(function);
    let found = scene.cloud.functions(&functions).await;
    assert_eq!(found[0].1, FunctionFound::Ready);
    let FunctionFound::Refused(why) = &found[1].1 else {
        panic!("{found:?}");
    };
    assert!(why.contains("Function not found"), "{why}");
    let FunctionFound::Refused(why) = &found[2].1 else {
        panic!("{found:?}");
    };
    assert!(
        why.starts_with("not allowed: lambda:InvokeFunction on arn"),
        "{why}"
    );
    assert!(
        scene
            .region
            .with_world(|world| world.lambda.events.is_empty())
    );
    scene.fault("lambda:*", FaultKind::InternalError, When::Always);
    let found = scene.cloud.functions(&functions[..1]).await;
    assert!(matches!(found[0].1, FunctionFound::Unknown(_)), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn the_newest_deployment_of_each_side_is_what_a_function_is_told_of() {
    let scene = Scene::new();
    let releases = scene.cloud.releases(&scene.plan).await.unwrap();
    assert_eq!(releases.green, None, "nobody has made it yet");
    let blue = releases.blue.unwrap();
    let of = |kind: &str| format!("arn:aws:ecs:eu-west-1:123456789012:{kind}/demo/shop");
    assert_eq!(blue.service, of("service"));
    let (deployment, revision) = (of("service-deployment"), of("service-revision"));
    assert!(
        blue.deployment.starts_with(&format!("{deployment}/")),
        "{blue:?}"
    );
    assert!(
        blue.revision.starts_with(&format!("{revision}/")),
        "{blue:?}"
    );
}
