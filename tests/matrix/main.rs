//! Differently built services, each made as a team without bg would have made it, adopted with
//! `bg init --apply`, and deployed bad and good. What AWS shows before and after is compared field
//! by field: nothing is lost and nothing is left over but what `expected.rs` lists.
//!
//! A new variant is a few lines in one of the tables: a name, and what its team made otherwise than
//! the plain service in `team.rs`. `BG_CASE=sticky` plays only those whose name contains
//! that, and shows what each run said.

mod bare;
mod compare;
mod containers;
mod expected;
mod found;
mod groups;
mod launch;
mod look;
mod made;
mod network;
mod parts;
mod play;
mod records;
mod refused;
mod routes;
mod scaled;
mod settings;
#[path = "../e2e/support.rs"]
#[expect(
    dead_code,
    reason = "the scenes of the whole program do more than these"
)]
mod support;
mod team;
mod testers;
mod visitor;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use team::Team;

/// How many are played at once. They mostly wait for the regions' clocks.
const THREADS: usize = 12;

/// One way to build a service, and what becomes of it.
struct Variant {
    name: &'static str,
    /// What its team made otherwise than the plain service.
    built: fn(&mut Team),
    end: End,
}

/// What bg makes of a service.
#[derive(Clone, Copy)]
enum End {
    /// It is adopted, and deployed both ways; images with the first tag are bad.
    Deployed(&'static str),
    /// It is refused with these words, and nothing is changed.
    Refused(&'static str),
    /// It is adopted, but not deployed: that is refused with these words, and nothing is changed.
    Unwilling(&'static str),
}

/// One whose bad version fails its health check, as most do.
const fn variant(name: &'static str, built: fn(&mut Team)) -> Variant {
    fails_with(name, "unhealthy", built)
}

/// One whose bad version fails in another way.
const fn fails_with(name: &'static str, bad: &'static str, built: fn(&mut Team)) -> Variant {
    let end = End::Deployed(bad);
    Variant { name, built, end }
}

/// One that bg refuses.
const fn refused(name: &'static str, words: &'static str, built: fn(&mut Team)) -> Variant {
    let end = End::Refused(words);
    Variant { name, built, end }
}

/// One that bg adopts and doesn't deploy as it is.
const fn unwilling(name: &'static str, words: &'static str, built: fn(&mut Team)) -> Variant {
    let end = End::Unwilling(words);
    Variant { name, built, end }
}

/// Plays all variants that are asked for; what went wrong, by their names.
fn play_all(variants: &[&Variant]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(variant) = variants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let played = catch_unwind(AssertUnwindSafe(|| play::play(variant)));
                    let told = match played {
                        Ok(Ok(())) => continue,
                        Ok(Err(told)) => told,
                        Err(panic) => in_words(panic.as_ref()),
                    };
                    let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                    wrong.push(format!("{}: {told}", variant.name));
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    wrong.sort();
    wrong
}

fn in_words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "it panicked".to_owned())
}

#[test]
fn every_service_is_adopted_and_deployed_both_ways_with_nothing_lost_or_left_over() {
    let tables = [
        launch::VARIANTS,
        settings::VARIANTS,
        containers::VARIANTS,
        groups::VARIANTS,
        routes::VARIANTS,
        network::VARIANTS,
        scaled::VARIANTS,
        refused::VARIANTS,
        bare::VARIANTS,
        testers::VARIANTS,
        records::VARIANTS,
    ];
    let wanted = std::env::var("BG_CASE").unwrap_or_default();
    let all = tables.into_iter().flatten();
    let variants: Vec<&Variant> = all.filter(|it| it.name.contains(&wanted)).collect();
    println!("{} variants", variants.len());
    let wrong = play_all(&variants);
    assert!(
        wrong.is_empty(),
        "{} of {} variants went wrong:\n{}",
        wrong.len(),
        variants.len(),
        wrong.join("\n")
    );
    assert!(
        !wanted.is_empty() || variants.len() >= 30,
        "too few variants"
    );
}
