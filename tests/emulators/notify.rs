//! What is published arrives at those who subscribed to it, by a filter of their own.

use super::*;

#[tokio::test]
async fn topics_and_buses_pass_on_what_they_are_told() {
    let Some(stage) = Stage::set("told", "0").await else {
        return;
    };
    let places = stage.scene("subscribe", &[]).await;
    let place = |key: &str| places[key].as_str().expect("an ARN");
    let notify = format!(
        "notify:\n  - sns: {}\n  - sns: {}\n  - event_bus: {}\n  - event_bus: told\n    on: [started]\n",
        place("topic"),
        place("ordered"),
        place("bus"),
    );
    let ended = stage
        .deploy_with(["2s", "1s"], &notify)
        .end(DEPLOYMENT)
        .await;
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert!(!ended.stderr.contains("was not told"), "{}", ended.told());

    let told = stage.scene("told", &[]).await;
    let all = |kind: &str| told[kind].as_array().expect("a list").clone();
    let [promoted] = all("topic").try_into().expect("the promotion alone");
    assert_eq!(promoted["Subject"], "told promoted: shop:v2");
    assert_eq!(promoted["MessageAttributes"]["service"]["Value"], "told");
    let ordered = all("ordered");
    let subjects: Vec<_> = ordered.iter().map(|it| it["Subject"].clone()).collect();
    assert_eq!(
        subjects,
        ["told started: shop:v2", "told promoted: shop:v2"]
    );
    let [event] = all("events").try_into().expect("the promotion alone");
    assert_eq!(
        (&event["source"], &event["detail"]["weight"]),
        (&json!("bg"), &json!("100%"))
    );
    assert_eq!(event["detail"]["service"], "told");
}
