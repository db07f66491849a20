//! Whole deployments in random worlds, and the invariants on every step of each.
//!
//! A world is plain data: weights, services, targets, alarms, and weather that spoils them. Each
//! run follows from its seed alone; a failing one prints it, and `BG_SEED=… cargo test --test
//! properties` plays just that one again, every step shown. `BG_MORE=10` checks ten times as much.

mod checks;
mod plans;
mod run;
mod weather;
mod world;

use std::collections::BTreeMap;

use bg::deployment::outcome::Outcome;
use run::{Run, Summary};
use weather::Climate;

/// Runs deployments in one climate until `steps` decisions were checked.
fn check(climate: Climate, steps: usize) -> BTreeMap<&'static str, usize> {
    if let Ok(seed) = std::env::var("BG_SEED") {
        let seed = seed.parse().expect("BG_SEED is a number");
        Run::new(seed, climate).aloud().play();
        return BTreeMap::new();
    }
    let more = std::env::var("BG_MORE").map_or(1, |more| more.parse().expect("a number"));
    let steps = steps * more;
    let mut counts = BTreeMap::new();
    let mut done = 0;
    for seed in 0.. {
        if done >= steps {
            break;
        }
        let run = || Run::new(seed, climate).play();
        let summary: Summary = std::panic::catch_unwind(run).unwrap_or_else(|_| {
            panic!("seed {seed} fails in {climate:?} weather; see it with BG_SEED={seed}")
        });
        done += summary.steps;
        *counts.entry("steps").or_default() += summary.steps;
        *counts.entry("raises").or_default() += summary.raises;
        *counts.entry(name(&summary.outcome)).or_default() += 1;
    }
    println!("{climate:?}: {counts:?}");
    counts
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Promoted => "promoted",
        Outcome::Reverted { .. } => "reverted",
        Outcome::Stuck { .. } => "stuck",
        Outcome::Kept { .. } => "kept",
    }
}

/// Without this a model that never gets anywhere would pass.
fn assert_reached(counts: &BTreeMap<&'static str, usize>, outcomes: &[&str]) {
    if std::env::var("BG_SEED").is_err() {
        for outcome in outcomes {
            assert!(counts.get(outcome).is_some_and(|n| *n >= 5), "{counts:?}");
        }
    }
}

#[test]
fn a_good_version_in_fair_weather_is_promoted() {
    let counts = check(Climate::Fair, 12_000);
    assert_reached(&counts, &["promoted", "raises"]);
    assert_eq!(
        counts.keys().filter(|name| **name != "promoted").count(),
        counts.len().saturating_sub(1)
    );
    for outcome in ["reverted", "stuck", "kept"] {
        assert_eq!(counts.get(outcome), None, "{counts:?}");
    }
}

#[test]
fn invariants_hold_while_aws_fails_and_lags() {
    let counts = check(Climate::Faults, 30_000);
    assert_reached(&counts, &["promoted", "reverted", "raises"]);
}

#[test]
fn invariants_hold_for_bad_versions_and_sick_blues() {
    let counts = check(Climate::Sickness, 40_000);
    assert_reached(&counts, &["promoted", "reverted", "stuck", "raises"]);
}

#[test]
fn invariants_hold_in_every_weather_at_once() {
    let counts = check(Climate::Storm, 36_000);
    assert_reached(
        &counts,
        &["promoted", "reverted", "stuck", "kept", "raises"],
    );
}
