//! What the judge promises, played out with seeded traffic.

use super::*;

/// How many of `trials` requests are bad at a rate: one draw each, or the normal approximation
/// where there are many.
fn bad(random: &mut fastrand::Rng, trials: u64, rate: f64) -> u64 {
    (0..trials).filter(|_| random.f64() < rate).count() as u64
}

/// A deployment of 30 minutes at a tenth of `per_minute` requests; the minute of its revert.
fn reverted_at(seed: u64, per_minute: u64, blue: f64, green: impl Fn(u32) -> f64) -> Option<u32> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut judge = Judge::new(Settings::of(vec![MetricSettings::errors("errors", 1.0)]));
    (1..=30).find(|minute| {
        let mut count = |requests, rate| Count {
            requests,
            bad: bad(&mut random, requests, rate),
        };
        let pair = Pair {
            blue: count(per_minute * 9 / 10, blue),
            green: count(per_minute / 10, green(*minute)),
        };
        judge.consume(&[pair]);
        judge.reverts().is_some()
    })
}

#[test]
fn a_good_version_is_hardly_ever_reverted_however_often_it_is_looked_at() {
    for (rate, limit) in [(0.001, 6), (0.02, 6), (0.0, 0)] {
        let false_reverts = (0..600)
            .filter(|seed| reverted_at(*seed, 600, rate, |_| rate).is_some())
            .count();
        assert!(false_reverts <= limit, "{false_reverts} of 600 at {rate}");
    }
}

#[test]
fn a_bad_version_is_reverted_within_minutes() {
    let found = |seed| reverted_at(seed, 3000, 0.001, |_| 0.05);
    assert!((0..50).all(|seed| found(seed).is_some_and(|minute| minute <= 3)));
}

#[test]
fn a_late_fault_is_found_soon_after_it_began() {
    let found = |seed| {
        reverted_at(
            seed,
            3000,
            0.001,
            |minute| {
                if minute <= 20 { 0.001 } else { 0.05 }
            },
        )
    };
    assert!((0..50).all(|seed| found(seed).is_some_and(|at| (21..=25).contains(&at))));
}

#[test]
fn nothing_on_green_alone_is_needed_to_say_what_is_not_known() {
    let settings = Settings::of(vec![MetricSettings::errors("errors", 1.0)]);
    let mut judge = Judge::new(settings);
    assert_eq!(judge.doubt(), Doubt::NoData);
    let count = |requests| Count { requests, bad: 0 };
    let pair = Pair {
        blue: count(90),
        green: count(10),
    };
    judge.consume(&[pair]);
    assert_eq!(judge.doubt(), Doubt::LowInformation);
    let busy = Pair {
        blue: count(90_000),
        green: count(10_000),
    };
    judge.consume(&[busy]);
    assert_eq!(judge.answer(), Answer::Continue);
    assert_eq!(judge.doubt(), Doubt::GreyZone);
    judge.at_step(1);
    assert_eq!(judge.doubt(), Doubt::NoData);
}

#[test]
fn with_green_alone_only_a_fixed_limit_reverts() {
    let settings = Settings::of(vec![MetricSettings::limit("errors", 1.0, 0.01)]);
    let mut judge = Judge::new(settings);
    let minute = |bad| Pair {
        blue: Count::default(),
        green: Count {
            requests: 1000,
            bad,
        },
    };
    let mut reverts_after = |bad| {
        judge.consume(&[minute(bad)]);
        judge.reverts().is_some()
    };
    assert!(!(0..30).any(|_| reverts_after(9)));
    assert!((0..5).any(|_| reverts_after(50)));
}
