use super::*;

/// Values around `middle`, one apart.
fn around(middle: f64, count: usize) -> Vec<f64> {
    (0..count)
        .map(|at| middle + at as f64 - (count as f64 - 1.0) / 2.0)
        .collect()
}

#[test]
fn two_values_a_side_are_no_verdict_however_far_apart() {
    let verdict = Comparison::default().judge(&[100.0, 101.0], &[1.0, 2.0]);
    assert_eq!(verdict.class, Class::NoData);
    assert!(verdict.reason.unwrap().contains("too few"));
    let enough = Comparison::default().judge(&around(100.0, 5), &around(1.5, 5));
    assert_eq!(enough.class, Class::High);
}

#[test]
fn a_verdict_does_not_change_with_the_unit() {
    let (green, blue) = (around(26.0, 20), around(16.0, 20));
    let scaled = |values: &[f64], by: f64| values.iter().map(|it| it * by).collect::<Vec<_>>();
    for by in [1e-9, 1e-3, 1.0, 1e6] {
        let verdict = Comparison::default().judge(&scaled(&green, by), &scaled(&blue, by));
        assert_eq!(verdict.class, Class::High, "times {by}");
        let verdict = Comparison::default().judge(&scaled(&blue, by), &scaled(&blue, by));
        assert_eq!(verdict.class, Class::Pass, "times {by}");
    }
}

#[test]
fn an_error_fails_a_critical_metric() {
    let critical = Comparison {
        critical: true,
        ..Comparison::default()
    };
    let mut broken = around(5.0, 10);
    broken[3] = f64::INFINITY;
    let verdict = critical.judge(&broken, &around(5.0, 10));
    assert_eq!((verdict.class, verdict.critical), (Class::Error, true));
}

#[test]
fn a_metric_that_must_have_data_fails_without() {
    let must = Comparison {
        must_have_data: true,
        ..Comparison::default()
    };
    let verdict = must.judge(&[f64::NAN; 9], &around(5.0, 9));
    assert_eq!(verdict.class, Class::NoDataFails);
}

#[test]
fn how_many_values_are_needed_follows_from_the_confidence() {
    let needed = |confidence| {
        let comparison = Comparison {
            confidence,
            ..Comparison::default()
        };
        comparison.values_needed()
    };
    assert_eq!((needed(0.95), needed(0.98)), (4, 5));
}
