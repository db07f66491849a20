//! A green that grows with its weight: what the plan says of it.

use super::*;
use crate::deployment::plan::GreenCapacity;

#[test]
fn a_green_that_grows_with_its_weight_says_what_it_saves() {
    let note = |capacity: GreenCapacity, strategy: &str| {
        let planning = planned(|request, _| {
            request.green_capacity = capacity;
            request.strategy = crate::strategy::Strategy::named(strategy).expect("it is built in");
        });
        let plan = planning.plan.expect("nothing forbids it");
        assert_eq!(plan.green_capacity, capacity);
        let mut notes = plan.notes.iter().chain(&planning.notes);
        notes.find(|it| it.contains("grows")).cloned()
    };
    assert_eq!(
        note(GreenCapacity::Proportional, "canary").as_deref(),
        Some(
            "green grows with its weight, ahead of each raise (1 task at 10%, 4 tasks at 100%): \
             its tasks take 25 instead of 40 task-minutes"
        )
    );
    assert_eq!(note(GreenCapacity::Proportional, "all-at-once"), None);
    assert_eq!(note(GreenCapacity::Full, "canary"), None);
}
