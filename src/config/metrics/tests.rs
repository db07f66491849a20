use super::*;
use crate::judge::guards::{Compared, Limit, MissingData, Over, Period, Worse};

fn read(text: &str) -> Result<MetricGuards, String> {
    let reader = Reader { text, origin: "x" };
    let node = reader.parse().map_err(|error| error.headline())?;
    read_metrics(reader, &node).map_err(|error| error.headline())
}

#[test]
fn errors_and_the_load_balancers_own_are_on_where_anything_is() {
    let guards = read("latency: default").unwrap();
    assert_eq!(guards.errors, Some(ErrorGuard::default()));
    assert_eq!(guards.load_balancer, Some(BalancerGuard::default()));
    assert_eq!(guards.latency.unwrap().over, Over::Percentile(95));
    assert_eq!(read("load_balancer: off").unwrap().load_balancer, None);
    let slo = read("latency: { over: 500ms, limit: 5% }").unwrap();
    let slo = slo.latency.unwrap();
    assert_eq!((slo.over, slo.limit), (Over::Micros(500_000), Some(50_000)));
}

#[test]
fn a_threshold_is_read_with_its_defaults() {
    let text = "threshold:\n  - name: cpu\n    metric: { namespace: AWS/ECS, name: CPUUtilization, \
        dimensions: { ServiceName: '{service}' }, stat: Average }\n    above: 80.5\n";
    let guards = read(text).unwrap();
    let cpu = &guards.thresholds[0];
    assert_eq!(cpu.limit, Limit::Above("80.5".parse().unwrap()));
    assert_eq!((cpu.crossed, cpu.of), (3, 3));
    assert_eq!(cpu.missing, MissingData::Hold);
    assert_eq!(cpu.source.period, Period::MINUTE);
    let text = text.to_owned() + "    periods: 2 of 5\n    missing: ok\n    period: 10s\n";
    let cpu = read(&text).unwrap().thresholds.remove(0);
    assert_eq!((cpu.crossed, cpu.of), (2, 5));
    assert_eq!(cpu.missing, MissingData::Ok);
    assert_eq!(cpu.source.period.seconds(), 10);
}

#[test]
fn a_comparison_is_read_with_kayentas_defaults() {
    let text = "compare:\n  metrics:\n    - name: errors\n      expression: 100 * e / n\n      metrics:\n        \
        e: { namespace: N, name: errors, dimensions: { G: '{target_group}' }, stat: Sum }\n        \
        n: { namespace: N, name: all, dimensions: { G: '{target_group}' }, stat: Sum }\n      worse: increase\n";
    let compare = read(text).unwrap().compare.unwrap();
    assert_eq!(
        (compare.pass, compare.marginal, compare.every),
        (95, 75, None)
    );
    let metric = &compare.metrics[0];
    assert_eq!(
        (metric.worse, metric.confidence),
        (Worse::Increase, 980_000)
    );
    assert_eq!(metric.source.metrics.len(), 2);
    assert_eq!(metric.values_needed(), 5);
}

fn compared(more: &str) -> Result<Compared, String> {
    let text = format!(
        "compare:\n  metrics:\n    - name: memory\n      metric: {{ namespace: N, name: M, \
         dimensions: {{ S: '{{service}}' }}, stat: Average }}\n      {more}\n"
    );
    read(&text).map(|guards| guards.compare.unwrap().metrics.remove(0))
}

#[test]
fn a_bound_on_the_way_that_is_not_worse_is_refused() {
    for (worse, bounds, refused) in [
        ("increase", "allowed: { decrease: 0.9 }", Some("allowed")),
        ("decrease", "allowed: { increase: 1.1 }", Some("allowed")),
        (
            "increase",
            "critical_at: { decrease: 0.5 }",
            Some("critical_at"),
        ),
        ("increase", "allowed: { increase: 1.1 }", None),
        ("either", "allowed: { increase: 1.1, decrease: 0.9 }", None),
    ] {
        let read = compared(&format!("worse: {worse}\n      {bounds}"));
        let Some(key) = refused else {
            read.unwrap();
            continue;
        };
        let error = read.unwrap_err();
        let said = format!("has no effect with `worse: {worse}`");
        assert!(error.contains(&said) && error.contains(key), "{error}");
    }
}

#[test]
fn what_is_critical_lies_outside_of_what_is_allowed() {
    for (worse, allowed, critical_at, refused) in [
        ("increase", "increase: 1.5", "increase: 1.2", true),
        ("decrease", "decrease: 0.5", "decrease: 0.8", true),
        ("increase", "increase: 1.5", "increase: 1.5", false),
        ("decrease", "decrease: 0.5", "decrease: 0.4", false),
        ("either", "increase: 1.5", "decrease: 0.4", false),
    ] {
        let bounds = format!("allowed: {{ {allowed} }}\n      critical_at: {{ {critical_at} }}");
        let read = compared(&format!("worse: {worse}\n      {bounds}"));
        match refused {
            true => {
                let error = read.unwrap_err();
                let said = format!("`critical_at: {{ {critical_at} }}` lies within `allowed` (");
                assert!(error.contains(&said), "{error}");
            }
            false => drop(read.unwrap()),
        }
    }
}

#[test]
fn an_expression_names_only_what_it_defines() {
    let with = |expression: &str| {
        read(&format!(
            "threshold:\n  - name: orders\n    expression: {expression}\n    metrics:\n      \
             all: {{ namespace: N, name: M, stat: Sum }}\n    above: 1\n"
        ))
    };
    for sound in [
        "100 * FILL(all, 0) / 1e3",
        "all + SUM(SEARCH('{N,Region} name=\"b\"', 'Sum'))",
        "SELECT AVG(cpu) FROM N WHERE slot = '{slot}'",
    ] {
        with(sound).unwrap_or_else(|error| panic!("{sound}: {error}"));
    }
    for name in ["b", "q0", "v0a_m"] {
        let error = with(&format!("all / {name}")).unwrap_err();
        let said = format!("names \"{name}\", which `metrics` doesn't define");
        assert!(error.contains(&said), "{error}");
    }
    let error = with("SUM(METRICS())").unwrap_err();
    assert!(error.contains("bg's own queries"), "{error}");
}

#[test]
fn a_response_time_without_a_unit_is_offered_in_milliseconds_first() {
    let error = read("latency: { over: 500 }").unwrap_err();
    assert!(error.contains("write \"500ms\" or \"500s\""), "{error}");
    let error = read("errors: { early_promote: often }").unwrap_err();
    assert!(
        error.contains("expected true or false, found \"often\""),
        "{error}"
    );
}
