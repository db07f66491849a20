//! `guards.metrics` through the binary: CloudWatch's own figures, minute by minute.

use super::support::Scene;

#[test]
fn a_bad_version_is_reverted_by_its_figures_and_the_words_say_which() {
    let scene = Scene::at_speed(100);
    let alarms = "alarms: [\"shop-{slot}-5xx\", \"shop-{slot}-latency\"]";
    let by_metrics = (alarms, "metrics: { errors: default }");
    scene.configure(&[by_metrics]);
    let plan = scene.bg(&["plan", "--image", "shop:bad"]).exits(0);
    plan.says("are over before any of their minutes is judged");
    scene.configure(&[by_metrics, ("bake: 1m }", "bake: 10m }")]);
    let plan = scene.bg(&["plan", "--image", "shop:bad"]).exits(0);
    plan.says("failed requests: no more than 25 % above blue's");
    scene
        .bg(&["deploy", "--image", "shop:bad"])
        .exits(4)
        .says("5xx")
        .says("against blue 0 %")
        .says("worse by more than 25 %");
    scene.stands_on_blue();
    let shown = scene.bg(&["show", "--output", "json"]).exits(0);
    assert!(shown.stdout.contains("minute_judged"), "{}", shown.stdout);
}
