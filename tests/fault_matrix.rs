//! Every operation of a whole deployment × every kind of fault × when it strikes: the deployment
//! ends promoted or reverted, never in between, and says so honestly.
//!
//! `BG_CASE='ModifyListener TimeoutAfter'` plays only the cases whose name contains that, with
//! every record shown.

#[path = "virtual/harness.rs"]
mod harness;
#[path = "virtual/matrix.rs"]
mod matrix;
#[path = "virtual/services.rs"]
mod services;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use bg::sandbox::faults::FaultKind;
use matrix::{Account, Case, Course, operations, play};

/// How many at once; each has a runtime of its own.
const THREADS: usize = 2;

/// Every case of a course: each spell × the operations that are used then × all kinds.
fn cases(account: Account, course: Course) -> Vec<Case> {
    let mut cases = Vec::new();
    for (spell, operations) in operations(account, course) {
        for operation in operations {
            for kind in FaultKind::ALL {
                cases.push(Case {
                    account,
                    course,
                    operation: operation.clone(),
                    kind,
                    spell,
                });
            }
        }
    }
    cases
}

/// What came of the cases, and what was wrong with them.
#[derive(Default)]
struct Report {
    ends: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

fn play_all(cases: &[Case]) -> Report {
    let next = AtomicUsize::new(0);
    let report = Mutex::new(Report::default());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let played = catch_unwind(AssertUnwindSafe(|| play(case)));
                    let played = played.unwrap_or_else(|_| Err("it panicked".to_owned()));
                    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    match played {
                        Ok(end) => *report.ends.entry(end).or_default() += 1,
                        Err(why) => report.wrong.push(format!("{case}: {why}")),
                    }
                }
            });
        }
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn check(mut cases: Vec<Case>, at_least: usize) {
    let wanted = std::env::var("BG_CASE").ok();
    if let Some(wanted) = &wanted {
        cases.retain(|case| case.to_string().contains(wanted));
    }
    let mut report = play_all(&cases);
    report.wrong.sort();
    println!("{} cases", cases.len());
    for (end, count) in &report.ends {
        println!("  {count:4} {end}");
    }
    assert!(
        report.wrong.is_empty(),
        "{} of {} cases went wrong:\n{}",
        report.wrong.len(),
        cases.len(),
        report.wrong.join("\n")
    );
    assert!(wanted.is_some() || cases.len() >= at_least, "too few cases");
}

#[test]
fn a_first_deployment_ends_on_one_side_whatever_fails() {
    check(cases(Account::OneSlot, Course::Good), 300);
}

#[test]
fn a_deployment_into_an_idle_slot_ends_on_one_side_whatever_fails() {
    let mut cases = cases(Account::IdleSlot, Course::Good);
    // The rest goes as it does in the first deployment.
    cases.retain(|case| ["TagResource", "UpdateService"].contains(&case.operation.as_str()));
    check(cases, 50);
}

#[test]
fn a_deployment_with_a_dead_man_switch_ends_on_one_side_whatever_fails_of_that() {
    let courses = [Course::Good, Course::Aborted];
    let mut cases: Vec<Case> = courses
        .into_iter()
        .flat_map(|course| cases(Account::Deadman, course))
        .collect();
    cases.retain(|case| case.operation.ends_with("Schedule") || case.operation == "ListSchedules");
    check(cases, 100);
}

#[test]
fn a_revert_puts_everything_back_to_blue_whatever_fails() {
    check(cases(Account::OneSlot, Course::Aborted), 100);
}
