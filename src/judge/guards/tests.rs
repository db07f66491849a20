use super::*;
use crate::judge::sequential::Count;

fn threshold(crossed: u32, of: u32, missing: MissingData) -> ThresholdGuard {
    let metric = MetricStat {
        namespace: "AWS/ECS".to_owned(),
        name: "CPUUtilization".to_owned(),
        dimensions: [("ServiceName".to_owned(), "{service}".to_owned())].into(),
        stat: "Average".to_owned(),
    };
    ThresholdGuard {
        name: "cpu".to_owned(),
        source: Source::of(metric),
        limit: Limit::Above(Number::of(80.0).unwrap()),
        crossed,
        of,
        missing,
    }
}

fn values(values: &[Option<f64>]) -> Vec<Option<Number>> {
    values.iter().map(|it| it.and_then(Number::of)).collect()
}

#[test]
fn so_many_of_the_newest_periods_trip_a_threshold() {
    let guard = threshold(2, 3, MissingData::Ok);
    let (low, high) = (Some(80.0), Some(80.1));
    assert!(!guard.trips(&values(&[high, high, low, low])));
    assert!(!guard.trips(&values(&[high])));
    assert!(guard.trips(&values(&[low, high, low, high])));
    let below = ThresholdGuard {
        limit: Limit::Below(Number::of(80.0).unwrap()),
        ..guard
    };
    assert!(!below.trips(&values(&[low, high])));
    assert!(below.trips(&values(&[Some(1.0), Some(2.0)])));
}

#[test]
fn what_missing_data_is_for_a_threshold_is_said() {
    let nothing = values(&[Some(1.0), None, None, None]);
    let with = |missing| threshold(3, 3, missing);
    assert!(!with(MissingData::Ok).trips(&nothing));
    assert_eq!(with(MissingData::Ok).unknown_for(&nothing), None);
    assert!(!with(MissingData::Hold).trips(&nothing));
    assert_eq!(with(MissingData::Hold).unknown_for(&nothing), Some(3));
    assert_eq!(with(MissingData::Hold).unknown_for(&nothing[..3]), None);
    assert!(with(MissingData::Revert).trips(&nothing));
}

#[test]
fn each_side_has_its_own_names_in_a_source() {
    let guard = threshold(1, 1, MissingData::Ok);
    assert!(guard.source.differs_by_slot());
    let filled = guard.source.filled(&Filled {
        service: "shop-b".to_owned(),
        ..Filled::default()
    });
    assert_eq!(filled.metrics["m"].dimensions["ServiceName"], "shop-b");
    assert!(!filled.differs_by_slot());
}

#[test]
fn a_journal_gives_the_same_numbers_back() {
    for value in [0.1, 1e-9, 123_456_789.125, -3.0, 1.0 / 3.0] {
        let number = Number::of(value).unwrap();
        let text = serde_json::to_string(&number).unwrap();
        assert_eq!(serde_json::from_str::<Number>(&text).unwrap(), number);
    }
    assert!(Number::of(f64::NAN).is_none());
    assert!(serde_json::from_str::<Number>("\"inf\"").is_err());
    assert_eq!(Number::of(0.25).unwrap().to_string(), "0.25");
    assert_eq!(Number::of(1200.0).unwrap().to_string(), "1200");
}

#[test]
fn only_periods_that_cloudwatch_has_are_taken() {
    let taken = [10, 30, 60, 120, 3600].map(Period::of_seconds);
    assert!(taken.iter().all(Option::is_some));
    let refused = [0, 1, 5, 20, 45, 90, 7200].map(Period::of_seconds);
    assert!(refused.iter().all(Option::is_none));
}

#[test]
fn limits_follow_what_blue_and_the_load_balancer_were_like() {
    let line = |exceeded| Line {
        micros: 200_000,
        exceeded,
    };
    let guard = LatencyGuard::default();
    assert_eq!(guard.limit_at(line(50_000)), 200_000);
    assert_eq!(guard.limit_at(line(0)), 10_000);
    assert_eq!(guard.limit_at(line(400_000)), 950_000);
    assert_eq!(line(0).statistic(), "TC(0.2:)");
    let before = |before| BalancerGuard {
        limit: None,
        before,
    };
    assert_eq!(before(None).tolerated(), 500);
    assert_eq!(before(Some(1_000)).tolerated(), 3_000);
}

#[test]
fn blue_s_level_is_its_mean_or_half_of_its_worst_stretch() {
    let minutes = |bad: &[u64]| -> Vec<Count> {
        let count = |bad: &u64| Count {
            requests: 1_000,
            bad: *bad,
        };
        bad.iter().map(count).collect()
    };
    let limit = |minutes: &[Count]| {
        let before = ErrorGuard::level(minutes);
        ErrorGuard {
            before,
            ..ErrorGuard::default()
        }
        .limit()
    };
    assert_eq!(ErrorGuard::level(&[]), None);
    assert_eq!(limit(&minutes(&[1; 60])), 10_000, "1 % at least");
    assert_eq!(limit(&minutes(&[20; 60])), 60_000, "three times 2 %");
    let mut incident = vec![5; 60];
    incident[20..30].fill(40);
    assert_eq!(
        limit(&minutes(&incident)),
        60_000,
        "one and a half times 4 %"
    );
    incident[20..30].fill(1_000);
    assert_eq!(limit(&minutes(&incident)), 950_000);
    let own = ErrorGuard {
        limit: Some(5_000),
        before: Some(20_000),
        ..ErrorGuard::default()
    };
    assert_eq!(own.limit(), 5_000);
    assert!(
        !own.is_common()
            && ErrorGuard {
                before: Some(100_000),
                ..own
            }
            .is_common()
    );
}

#[test]
fn a_plan_of_an_earlier_version_is_still_read() {
    let earlier = r#"{"errors":{"worse_than":125,"harmless":500,"limit":10000,"noise":100,
        "false_reverts":10000,"early_promote":false}}"#;
    let read: MetricGuards = serde_json::from_str(earlier).unwrap();
    let limited = ErrorGuard {
        limit: Some(10_000),
        ..ErrorGuard::default()
    };
    assert_eq!(read.errors, Some(limited));
    assert_eq!(read.load_balancer, None);
}

#[test]
fn a_comparison_says_what_is_not_as_usual() {
    let source = threshold(1, 1, MissingData::Ok).source;
    let usual = Compared::of("memory", source);
    assert_eq!(
        usual.to_string(),
        "memory: more is worse; 98 % confidence, from 5 values of 1m a side on"
    );
    let bounds = |increase: f64, decrease: Option<f64>| Bounds {
        increase: Number::of(increase),
        decrease: decrease.and_then(Number::of),
    };
    let other = Compared {
        worse: Worse::Either,
        critical: true,
        must_have_data: true,
        tolerance: 100_000,
        effect: EffectSize::CommonLanguage,
        allowed: bounds(0.7, Some(0.3)),
        critical_at: bounds(0.9, None),
        ..usual
    };
    assert_eq!(
        other.to_string(),
        "memory: more and less are worse, critical, must have data; 98 % confidence, from 5 values \
         of 1m a side on; 10 % of the difference doesn't count; sizes are how often green's values \
         are above blue's; a difference counts from 0.7 upwards and 0.3 downwards; it fails the \
         whole from 0.9 upwards"
    );
}
