//! What the judge makes of minutes, one after the other.

use super::*;
use crate::deployment::metrics::{Figures, LatencyGuard};
use crate::judge::guards::Line;

const FIRST: i64 = 1_767_600_000;

/// Judges minutes of so many requests, of which green should have had a tenth; the number of
/// the one that reverts, from 0.
fn reverts_at(minutes: impl IntoIterator<Item = (u64, u64)>) -> Option<usize> {
    let mut evidence = Evidence::new(&MetricGuards::default());
    let tenth = Weight::of_per_mille(100).expect("it is a share");
    let first = Timestamp::from_second(FIRST).expect("it is in range");
    evidence.begin_step(0, tenth, first);
    minutes.into_iter().position(|(requests, own_5xx)| {
        let (minute, window) = evidence.due().expect("the step goes on");
        let mut served = Served::default();
        served.blue.requests = requests - requests / 10;
        served.green.requests = requests / 10;
        served.balancer.requests = requests - own_5xx;
        served.balancer.own_5xx = own_5xx;
        evidence.judge(minute, window.step, &served);
        evidence.worse().is_some()
    })
}

#[test]
fn an_empty_target_group_reverts_in_its_second_minute_however_long_all_was_well() {
    for (requests, own) in [(1200, 120), (300, 12), (30_000, 1500), (300, 300)] {
        for healthy in [0, 3, 200] {
            let well = std::iter::repeat_n((requests, 0), healthy);
            let empty = std::iter::repeat_n((requests, own), 5);
            let at = reverts_at(well.chain(empty));
            assert_eq!(at, Some(healthy + 1), "{own} of {requests} after {healthy}");
        }
    }
}

#[test]
fn bursts_of_one_minute_at_the_load_balancer_never_revert() {
    let minutes = (0..200).map(|minute| match minute % 3 {
        0 => (1000, 900),
        _ => (1000, 0),
    });
    assert_eq!(reverts_at(minutes), None);
}

/// A seeded deployment of 30 minutes at 10 %, 1,200 requests a minute, of which 0.1 % fail, and so
/// many are slow on each side; the minute of its revert.
fn slow_at(seed: u64, on_blue: f64, on_green: f64) -> Option<usize> {
    let line = Line {
        micros: 230_000,
        exceeded: (on_blue * 1e6) as u32,
    };
    let mut evidence = Evidence::new(&MetricGuards {
        latency: Some(LatencyGuard {
            line: Some(line),
            ..LatencyGuard::default()
        }),
        ..MetricGuards::default()
    });
    let tenth = Weight::of_per_mille(100).expect("it is a share");
    let first = Timestamp::from_second(FIRST).expect("it is in range");
    evidence.begin_step(0, tenth, first);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut side = |requests: u64, slow: f64| {
        let mut count = |rate| (0..requests).filter(|_| random.f64() < rate).count() as u64;
        Figures {
            requests,
            http_5xx: count(0.001),
            timed: requests,
            slow: count(slow),
            ..Figures::default()
        }
    };
    (0..30).find(|_| {
        let (minute, window) = evidence.due().expect("the step goes on");
        let served = Served {
            blue: side(1080, on_blue),
            green: side(120, on_green),
            balancer: Balancer {
                requests: 1200,
                own_5xx: 0,
            },
        };
        evidence.judge(minute, window.step, &served);
        evidence.worse().is_some()
    })
}

#[test]
fn a_version_as_quick_as_blue_is_hardly_ever_reverted_and_a_slow_one_soon() {
    // Rarely over the line, and so often that the exact method judges.
    for (on_blue, on_green) in [(0.05, 0.3), (0.3, 0.8)] {
        let reverted = (0..200).filter(|seed| slow_at(*seed, on_blue, on_blue).is_some());
        let reverted = reverted.count();
        assert!(reverted <= 2, "{reverted} of 200 at {on_blue}");
        let soon = |seed| slow_at(seed, on_blue, on_green).is_some_and(|minute| minute < 10);
        assert!((0..50).all(soon), "{on_blue} to {on_green}");
    }
}
