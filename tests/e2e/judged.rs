//! `guards.metrics` through the binary: CloudWatch's own figures, minute by minute.

use super::support::Scene;

#[test]
fn a_bad_version_is_reverted_by_its_figures_and_the_words_say_which() {
    let scene = Scene::at_speed(100);
    let alarms = "alarms: [\"shop-{slot}-5xx\", \"shop-{slot}-latency\"]";
    let by_metrics = (alarms, "metrics: { errors: default }");
    scene.configure(&[by_metrics]);
    let plan = scene.bg(&["plan", "--image", "shop:bad"]).exits(0);
    plan.says("guards.metrics can't compare green with blue: the longest bake beside it, 1m,");
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

#[test]
fn the_load_balancers_own_5xx_are_judged_by_themselves_and_can_be_switched_off() {
    let scene = Scene::at_speed(100);
    let alarms = "alarms: [\"shop-{slot}-5xx\", \"shop-{slot}-latency\"]";
    let own = "the load balancer's own 5xx";
    let long = ("bake: 1m }", "bake: 10m }");
    let plan = || scene.bg(&["plan", "--image", "shop:v2"]).exits(0).stdout;
    scene.configure(&[long]);
    assert!(plan().contains(own));
    assert!(!plan().contains("failed requests"));
    // What lasts a minute or two is over before any of it is judged.
    scene.configure(&[]);
    assert!(!plan().contains(own));
    for off in [
        "metrics: off",
        "metrics: { errors: off, load_balancer: off }",
    ] {
        scene.configure(&[(alarms, off), long]);
        let plan = plan();
        assert!(!plan.contains(own) && !plan.contains("failed requests"));
    }
}

#[test]
fn a_plan_shows_every_metric_with_the_figures_that_blues_last_hour_gives() {
    let scene = Scene::at_speed(100);
    let metrics = "metrics:
    latency: default
    threshold:
      - name: cpu
        metric: { namespace: AWS/ECS, name: CPUUtilization, dimensions: { ServiceName: '{service}' }, stat: Average }
        above: 90
    compare:
      metrics:
        - name: response time
          metric: { namespace: AWS/ApplicationELB, name: TargetResponseTime, dimensions: { LoadBalancer: '{load_balancer}', TargetGroup: '{target_group}' }, stat: p50 }
          worse: increase";
    let alarms = "alarms: [\"shop-{slot}-5xx\", \"shop-{slot}-latency\"]";
    scene.configure(&[(alarms, metrics)]);
    let plan = scene.bg(&["plan", "--image", "shop:v2"]).exits(0);
    plan.says("failed requests: no more than 25 % above blue's")
        .says("(p95 of blue's last hour): no more than 25 % above blue's")
        .says("the load balancer's own 5xx: 0.05 % of all requests at most")
        .says("cpu: above 90 in 3 of 3 minutes reverts; missing data holds")
        .says("response time: more is worse; 98 % confidence, from 5 values of 1m a side on")
        .says("CloudWatch has no value of guards.metrics.threshold \"cpu\"")
        .says("If none comes, it holds and reverts after")
        .says("takes 30 minutes with traffic in two zones");
}
