//! Deployments in bad weather: throttling, errors, time-outs on either side of the effect, stale
//! reads, killed processes, lost leases, races for the lock, and weights that somebody moves.
//! Whatever happens, the deployment ends on one side and says so honestly.
//!
//! Everything is drawn from a seed. `BG_MORE=10000` plays so many seeds instead of 500;
//! `BG_CASE=17` plays seed 17 alone, with every write and record shown.

#[path = "virtual/harness.rs"]
#[expect(dead_code, reason = "deployments are driven by hand here")]
mod harness;
#[path = "virtual/services.rs"]
mod services;
#[path = "virtual/truth.rs"]
#[expect(dead_code, reason = "the weather excuses some of what is judged there")]
mod truth;
#[path = "virtual/watched.rs"]
mod watched;
#[path = "virtual/weather.rs"]
mod weather;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use weather::{Played, Weather, play};

/// How many at once; each has a runtime of its own.
const THREADS: usize = 2;
/// How many in the test run.
const SEEDS: u64 = 500;
/// One in so many is played twice, to the same bytes.
const TWICE: u64 = 25;

fn in_virtual_time(seed: u64, aloud: bool) -> Result<Played, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("it needs nothing from the machine");
    let played = AssertUnwindSafe(|| runtime.block_on(play(&Weather::of(seed), aloud)));
    catch_unwind(played).unwrap_or_else(|_| Err("it panicked".to_owned()))
}

fn check(seed: u64) -> Result<&'static str, String> {
    let played = in_virtual_time(seed, false)?;
    if seed.is_multiple_of(TWICE) && in_virtual_time(seed, false).as_ref() != Ok(&played) {
        return Err("played again, it gave other bytes".to_owned());
    }
    Ok(played.end)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn a_deployment_ends_on_one_side_in_any_weather() {
    if let Some(seed) = number("BG_CASE") {
        println!("{:#?}", Weather::of(seed));
        println!("{:?}", in_virtual_time(seed, true).expect("it ends well"));
        return;
    }
    let seeds = number("BG_MORE").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let ends = Mutex::new(BTreeMap::<_, usize>::new());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed))
                    && seed < seeds
                {
                    match check(seed) {
                        Ok(end) => {
                            let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
                            *ends.entry(end).or_default() += 1;
                        }
                        Err(why) => {
                            let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                            wrong.push((seed, why));
                        }
                    }
                }
            });
        }
    });
    println!("{seeds} seeds");
    for (end, count) in ends.into_inner().unwrap_or_else(PoisonError::into_inner) {
        println!("  {count:5} {end}");
    }
    let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    let told = wrong.iter().map(|(seed, why)| {
        format!("seed {seed}: {why}\n  BG_CASE={seed} cargo test --test soak -- --nocapture")
    });
    let told: Vec<String> = told.collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}
