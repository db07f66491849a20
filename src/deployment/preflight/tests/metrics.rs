//! Metric guards: limits that blue itself would cross, and metrics without a value.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{planned, problems};
use crate::deployment::ids::SlotName;
use crate::deployment::metrics::{Balancer, History, Tried};
use crate::deployment::preflight::Planning;
use crate::deployment::surroundings::Before;
use crate::judge::guards::{
    CompareGuard, Compared, Handling, LatencyGuard, Limit, Line, MetricGuards, MetricStat,
    MissingData, Number, Period, Source, ThresholdGuard,
};
use crate::judge::sequential::{Count, Pair};

/// What is said of `guards` after an hour of blue in which 3 of 100 requests failed, 5 of 100 were
/// slow, and the load balancer answered 1 of 100 itself.
fn warnings_of(guards: MetricGuards) -> String {
    let side = Count {
        requests: 50_000,
        bad: 1_500,
    };
    let pair = Pair {
        blue: side,
        green: side,
    };
    let history = History {
        slot: SlotName::A,
        line: Some(Line {
            micros: 500_000,
            exceeded: 50_000,
        }),
        zones: vec![pair; 60],
        minutes: vec![side; 60],
        balancer: Balancer {
            requests: 99_000,
            own_5xx: 1_000,
        },
        day: None,
    };
    let planning = planned(|request, found| {
        request.guards.metrics = Some(guards);
        found.metrics.history = Some(history);
    });
    assert_eq!(problems(&planning), [] as [String; 0]);
    planning.warnings.join("\n")
}

#[test]
fn a_limit_under_blues_own_level_is_told_with_both_figures_and_what_to_set() {
    let with = |errors: Option<u32>, latency: Option<u32>, balancer: Option<u32>| {
        let mut guards = MetricGuards {
            latency: Some(LatencyGuard {
                limit: latency,
                ..LatencyGuard::default()
            }),
            ..MetricGuards::default()
        };
        guards.errors.as_mut().unwrap().limit = errors;
        guards.load_balancer.as_mut().unwrap().limit = balancer;
        warnings_of(guards)
    };
    assert!(!with(Some(30_000), None, None).contains("in the last hour"));
    let said = with(Some(10_000), None, None);
    let failed = "3 % of blue's requests failed in the last hour, over guards.metrics.errors.limit \
                  (1%): every good version would be reverted; set it to 6% or so";
    assert!(said.contains(failed), "{said}");
    let said = with(Some(50_000), Some(20_000), None);
    let slow = "5 % of blue's requests were slow in the last hour, over guards.metrics.latency.limit \
                (2%): every good version would be reverted; set it to 20% or so";
    assert!(said.contains(slow), "{said}");
    let said = with(Some(50_000), Some(60_000), Some(5_000));
    let own = "1 % of all requests got the load balancer's own 5xx in the last hour, over \
               guards.metrics.load_balancer.limit (0.5%): every good version would be reverted; set \
               it to 3% or so";
    assert!(said.contains(own), "{said}");
    assert!(!said.contains("slow"), "{said}");
}

fn source() -> Source {
    Source::of(MetricStat {
        namespace: "Shop".to_owned(),
        name: "Orders".to_owned(),
        dimensions: [("Slot".to_owned(), "{slot}".to_owned())].into(),
        stat: "Sum".to_owned(),
    })
}

/// What is said of metrics that CloudWatch has so many values of.
fn tried(guards: MetricGuards, values: &[usize]) -> Planning {
    let tried = |values: &usize| Tried {
        refused: None,
        values: *values,
    };
    planned(|request, found| {
        request.guards.metrics = Some(guards);
        found.metrics.tried = values.iter().map(tried).collect();
    })
}

#[test]
fn a_limit_on_a_metric_without_values_says_what_comes_of_it() {
    let said = |missing| {
        let guard = ThresholdGuard {
            name: "orders".to_owned(),
            source: source(),
            limit: Limit::Below("1".parse().unwrap()),
            crossed: 3,
            of: 5,
            missing,
        };
        let guards = MetricGuards {
            thresholds: vec![guard],
            ..MetricGuards::default()
        };
        tried(guards, &[0]).warnings.join("\n")
    };
    let holds = "If none comes, it holds and reverts after 10m (`patience`); `missing: ok` goes on";
    assert!(
        said(MissingData::Hold).contains(holds),
        "{}",
        said(MissingData::Hold)
    );
    let reverts = "it reverts after 3 of 5 minutes (`missing: hold`";
    assert!(
        said(MissingData::Revert).contains(reverts),
        "{}",
        said(MissingData::Revert)
    );
    assert!(!said(MissingData::Ok).contains("no value"));
}

#[test]
fn a_comparison_of_a_metric_without_values_says_what_comes_of_it() {
    let said = |values: &[usize], change: fn(&mut Compared)| {
        let mut metric = Compared::of("orders", source());
        change(&mut metric);
        let compare = CompareGuard {
            every: None,
            pass: 95,
            marginal: 75,
            weights: [].into(),
            metrics: values.iter().map(|_| metric.clone()).collect(),
        };
        let guards = MetricGuards {
            compare: Some(compare),
            ..MetricGuards::default()
        };
        tried(guards, values).warnings.join("\n")
    };
    for (values, change, says) in [
        (
            &[0][..],
            (|_| {}) as fn(&mut Compared),
            "the first step holds and reverts after 10m",
        ),
        (
            &[0, 9, 9],
            |_| {},
            "it is left out of the score after 10 periods",
        ),
        (
            &[0],
            |it| it.must_have_data = true,
            "it fails after 10 periods",
        ),
        (&[0], |it| it.critical = true, "it reverts after 10 periods"),
    ] {
        let said = said(values, change);
        assert!(said.contains(says), "{says}: {said}");
    }
    let zero = |it: &mut Compared| {
        it.values = Handling {
            missing_is_zero: true,
            ..it.values
        };
    };
    assert!(!said(&[0], zero).contains("no value"));
}

#[test]
fn periods_under_a_minute_of_what_aws_publishes_are_told_with_what_comes_of_them() {
    let said = |namespace: &str, period: u64, missing: MissingData, values: usize| {
        let mut source = source();
        source.period = Period::of_seconds(period).unwrap();
        let metric = source.metrics.values_mut().next().unwrap();
        metric.namespace = namespace.to_owned();
        let guard = ThresholdGuard {
            name: "orders".to_owned(),
            source,
            limit: Limit::Below("1".parse().unwrap()),
            crossed: 3,
            of: 5,
            missing,
        };
        let guards = MetricGuards {
            thresholds: vec![guard],
            ..MetricGuards::default()
        };
        tried(guards, &[values]).warnings.join("\n")
    };
    let alb = "AWS/ApplicationELB";
    for (missing, then) in [
        (
            MissingData::Hold,
            "may revert a good version when `patience` (10m) is over; set",
        ),
        (
            MissingData::Revert,
            "so that it reverts a good version; set",
        ),
        (MissingData::Ok, "and count as good; set"),
    ] {
        let told = said(alb, 10, missing, 15);
        assert!(told.contains("what AWS's own services publish"), "{told}");
        assert!(told.contains(then), "{then}: {told}");
    }
    let fine = "has periods of";
    assert!(said("Shop", 30, MissingData::Hold, 15).contains("none, and count as good; set"));
    assert!(!said("Shop", 10, MissingData::Ok, 15).contains(fine));
    assert!(!said("Shop", 10, MissingData::Hold, 90).contains(fine));
    assert!(!said(alb, 60, MissingData::Hold, 15).contains(fine));
}

#[test]
fn a_limit_that_blue_crossed_in_the_last_hour_is_told_with_its_values() {
    let said = |crossed: u32, of: u32, live: &[(i64, f64)]| {
        let guard = ThresholdGuard {
            name: "cpu".to_owned(),
            source: source(),
            limit: Limit::Above("80".parse().unwrap()),
            crossed,
            of,
            missing: MissingData::Revert,
        };
        let values = live.iter().map(|(minute, value)| {
            let at = Timestamp::from_second(1_767_600_000 + 60 * minute).unwrap();
            (at, Number::of(*value).unwrap())
        });
        let before = Before {
            a: values.collect(),
            b: BTreeMap::new(),
        };
        let planning = planned(|request, found| {
            request.guards.metrics = Some(MetricGuards {
                thresholds: vec![guard],
                ..MetricGuards::default()
            });
            found.before = vec![before];
        });
        planning.warnings.join("\n")
    };
    let busy = [(0, 20.0), (1, 91.0), (2, 70.0), (3, 95.5), (9, 30.0)];
    let told = "blue itself crossed guards.metrics.threshold \"cpu\" in the last hour: above 80 in 2 \
                of 3 minutes (91, 70, 95.5); a version as good as blue may be reverted";
    assert!(said(2, 3, &busy).contains(told), "{}", said(2, 3, &busy));
    assert!(!said(2, 2, &busy).contains("blue itself"));
    assert!(!said(3, 3, &[(0, 90.0), (1, 90.0)]).contains("blue itself"));
}
