use super::super::app::Probe;
use super::super::cloudwatch::store::{Metric, Statistic, Window};
use super::super::elb::testing::{Scene, behaviour, empty_world};
use super::*;
use std::collections::BTreeMap;

fn scene(rate: f64) -> Scene {
    let mut scene = Scene::new(&["a", "b"]);
    scene.healthy("a", 1);
    scene.healthy("b", 2);
    scene.forward(&[("a", 90), ("b", 10)]);
    // Start on a full minute.
    let rest = 60 - scene.world.now.as_second() % 60;
    scene.pass(rest);
    scene.world.traffic.flows = vec![Flow::new(&scene.listener, Shape::Steady(rate))];
    scene.world.traffic.mode = Mode::On;
    scene
}

/// One metric's values per minute since the beginning; with the group's dimension where named.
fn values(scene: &Scene, group: Option<&str>, name: &str, statistic: &str) -> Vec<f64> {
    let lb = scene.world.elb.load_balancers.values().next().unwrap();
    let mut dimensions = vec![("LoadBalancer".to_owned(), lb.dimension().to_owned())];
    if let Some(group) = group {
        let dimension = scene
            .world
            .elb
            .group(&scene.arn(group))
            .unwrap()
            .dimension()
            .to_owned();
        dimensions.push(("TargetGroup".to_owned(), dimension));
    }
    let metric = Metric::new("AWS/ApplicationELB", name, dimensions);
    let window = Window {
        start: 0,
        end: i64::MAX,
        period: 60,
    };
    let store = &scene.world.cloudwatch.store;
    let statistic = Statistic::parse(statistic).unwrap();
    store
        .values(&metric, statistic, window, scene.world.now)
        .into_values()
        .collect()
}

#[test]
fn requests_follow_the_weights_and_show_up_as_metrics() {
    for rate in [20.0, 2_000.0] {
        let mut scene = scene(rate);
        scene.pass(60 + 90);
        let count = |group: &str| values(&scene, Some(group), "RequestCount", "Sum")[0];
        let (a, b) = (count("a"), count("b"));
        assert!(
            ((a + b) / (60.0 * rate) - 1.0).abs() < 0.15,
            "{a} + {b} at {rate}"
        );
        assert!((b / (a + b) - 0.1).abs() < 0.04, "{b} of {}", a + b);
        assert_eq!(values(&scene, None, "RequestCount", "Sum")[0], a + b);
        assert_eq!(
            values(&scene, Some("a"), "HTTPCode_Target_2XX_Count", "Sum")[0],
            a
        );
        let p90 = values(&scene, Some("a"), "TargetResponseTime", "p90")[0];
        assert!((0.02..0.03).contains(&p90), "{p90}");
        assert_eq!(
            values(&scene, Some("a"), "HealthyHostCount", "Minimum")[0],
            1.0
        );
        assert_eq!(scene.world.traffic.ledger.failed(), 0);
    }
}

#[test]
fn what_is_published_is_known_by_its_name() {
    let mut scene = scene(20.0);
    scene.set_behaviour(2, behaviour(0.5, Probe::Status(200)));
    scene.pass(300);
    let metrics = scene.world.cloudwatch.store.metrics();
    let names: std::collections::BTreeSet<_> = metrics.map(|it| it.name.clone()).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in &names {
        assert!(publishes("AWS/ApplicationELB", name), "{name}");
    }
    assert!(!publishes("AWS/ECS", "RequestCount"));
    assert!(!publishes(
        "AWS/ApplicationELB",
        "HTTPCode_Target_500_Count"
    ));
}

#[test]
fn sparse_metrics_are_absent_rather_than_zero() {
    let mut scene = scene(20.0);
    scene.forward(&[("a", 1), ("b", 0)]);
    scene.pass(300);
    for (group, name) in [
        (Some("a"), "HTTPCode_Target_5XX_Count"),
        (Some("a"), "TargetConnectionErrorCount"),
        (None, "HTTPCode_ELB_5XX_Count"),
        (Some("b"), "RequestCount"),
        (Some("b"), "TargetResponseTime"),
    ] {
        assert!(values(&scene, group, name, "Sum").is_empty(), "{name}");
    }
}

#[test]
fn metrics_come_late_by_the_lag() {
    let mut scene = scene(20.0);
    scene.pass(60 + 89);
    assert!(values(&scene, Some("a"), "RequestCount", "Sum").is_empty());
    scene.pass(1);
    assert_eq!(values(&scene, Some("a"), "RequestCount", "Sum").len(), 1);
}

#[test]
fn failing_targets_are_counted_by_group() {
    let mut scene = scene(200.0);
    scene.set_behaviour(2, behaviour(0.2, Probe::Status(200)));
    scene.pass(150);
    let errors = values(&scene, Some("b"), "HTTPCode_Target_5XX_Count", "Sum")[0];
    let requests = values(&scene, Some("b"), "RequestCount", "Sum")[0];
    assert!(
        (errors / requests - 0.2).abs() < 0.08,
        "{errors} of {requests}"
    );
    assert!(values(&scene, Some("a"), "HTTPCode_Target_5XX_Count", "Sum").is_empty());
    let ledger = &scene.world.traffic.ledger;
    assert_eq!(ledger.failed(), ledger.groups[&scene.arn("b")].target_5xx);
}

#[test]
fn an_empty_group_shows_only_at_the_load_balancer() {
    let mut scene = Scene::new(&["a", "b"]);
    scene.healthy("a", 1);
    scene.forward(&[("a", 50), ("b", 50)]);
    scene.world.traffic.flows = vec![Flow::new(&scene.listener, Shape::Steady(20.0))];
    scene.world.traffic.mode = Mode::On;
    scene.pass(240);
    assert!(!values(&scene, None, "HTTPCode_ELB_503_Count", "Sum").is_empty());
    assert!(!values(&scene, None, "HTTPCode_ELB_5XX_Count", "Sum").is_empty());
    assert!(values(&scene, Some("b"), "RequestCount", "Sum").is_empty());
    let ledger = &scene.world.traffic.ledger;
    assert_eq!(
        ledger.failed(),
        ledger
            .load_balancers
            .values()
            .map(|lb| lb.unavailable)
            .sum::<u64>()
    );
    assert!(ledger.failed() > 1_000);
}

#[test]
fn a_dead_app_breaks_connections() {
    let mut scene = scene(20.0);
    scene.forward(&[("b", 1)]);
    scene.world.ecs.planted.clear();
    scene.pass(20);
    let ledger = &scene.world.traffic.ledger;
    assert_eq!(ledger.failed(), ledger.requests());
    scene.pass(130);
    assert!(!values(&scene, Some("b"), "TargetConnectionErrorCount", "Sum").is_empty());
    assert!(!values(&scene, None, "HTTPCode_ELB_502_Count", "Sum").is_empty());
}

#[test]
fn clients_with_cookies_stay_at_a_group_of_weight_zero() {
    let mut scene = scene(20.0);
    let flow = Flow::new(&scene.listener, Shape::Steady(20.0)).from_clients(10);
    scene.world.traffic.flows = vec![flow];
    scene.forward_sticky(&[("a", 100), ("b", 0)], 600);
    scene.pass(60);
    let before: BTreeMap<_, _> = scene.world.traffic.ledger.groups.clone();
    scene.forward_sticky(&[("a", 0), ("b", 100)], 600);
    scene.pass(60);
    let after = &scene.world.traffic.ledger.groups;
    let a = scene.arn("a");
    assert!(after[&a].requests > before[&a].requests + 500);
    assert!(!after.contains_key(&scene.arn("b")));
    scene.forward_sticky(&[("b", 100)], 600);
    scene.pass(60);
    assert!(scene.world.traffic.ledger.groups[&scene.arn("b")].requests > 500);
}

#[test]
fn synthetic_users_step_back_for_real_ones() {
    let mut scene = scene(20.0);
    scene.world.traffic.mode = Mode::WhenQuietFor(SignedDuration::from_secs(5));
    let (lb, now) = (
        scene
            .world
            .elb
            .load_balancers
            .keys()
            .next()
            .unwrap()
            .clone(),
        scene.world.now,
    );
    let answer = Answer::Status(200, std::time::Duration::from_millis(5));
    scene
        .world
        .traffic
        .count_real(&lb, &scene.arn("a"), answer, now);
    scene.pass(4);
    assert_eq!(scene.world.traffic.ledger.requests(), 1);
    scene.pass(10);
    assert!(scene.world.traffic.ledger.requests() > 50);
}

#[test]
fn shapes_give_the_rate_over_time() {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let day = Shape::Daily {
        mean: 10.0,
        swing: 0.5,
    };
    assert!((day.rate(at(15 * 3600)) - 15.0).abs() < 1e-9);
    assert!((day.rate(at(3 * 3600)) - 5.0).abs() < 1e-9);
    let steps = Shape::Steps(vec![(at(100), 5.0), (at(200), 0.0)]);
    assert_eq!(
        [50, 100, 199, 200].map(|s| steps.rate(at(s))),
        [0.0, 5.0, 5.0, 0.0]
    );
}

#[test]
fn the_same_seed_gives_the_same_metrics() {
    let run = || {
        let mut scene = scene(50.0);
        scene.pass(300);
        format!(
            "{:?} {:?}",
            scene.world.cloudwatch.store, scene.world.traffic.ledger
        )
    };
    assert_eq!(run(), run());
}

#[test]
fn a_groups_counts_are_also_there_by_its_targets_zones() {
    let mut world = empty_world();
    let balancer = crate::sandbox::demo::build(&mut world).unwrap();
    world.advance(120);
    let lb = world.elb.load_balancers.values().next().unwrap();
    let group = world.elb.group(&balancer.group_a).unwrap().dimension();
    let by = |zone: Option<&str>| -> f64 {
        let mut dimensions = vec![
            ("LoadBalancer".to_owned(), lb.dimension().to_owned()),
            ("TargetGroup".to_owned(), group.to_owned()),
        ];
        dimensions.extend(zone.map(|zone| ("AvailabilityZone".to_owned(), zone.to_owned())));
        let metric = Metric::new("AWS/ApplicationELB", "RequestCount", dimensions);
        let window = Window {
            start: 0,
            end: i64::MAX,
            period: 60,
        };
        let store = &world.cloudwatch.store;
        let values = store.values(&metric, Statistic::Sum, window, world.now);
        values.into_values().sum()
    };
    let zones: Vec<f64> = lb.zones.iter().map(|(zone, _)| by(Some(zone))).collect();
    assert!(zones.iter().all(|requests| *requests > 0.0), "{zones:?}");
    assert_eq!(zones.iter().sum::<f64>(), by(None));
}
