//! What every store has to keep, whatever it is made of: one suite for all of them.
#![allow(clippy::unwrap_used, reason = "a test ends where a surprise begins")]

mod agree;
mod contract;
#[path = "../support/dynamodb_local.rs"]
mod dynamodb_local;
mod made;
mod parity;
mod table;

use made::{in_a_folder, in_amazons_dynamodb, in_memory, in_the_regions_dynamodb};

/// Runs the suite; each test gets a store of its own.
macro_rules! contract {
    ($kind:ident, $make:expr) => {
        mod $kind {
            use super::*;
            contract!(@tests $make;
                a_journal_reads_as_it_was_written,
                a_record_is_written_once_however_often_it_is_tried,
                of_two_writers_of_one_position_one_wins,
                a_journal_never_has_a_gap,
                a_long_journal_reads_whole,
                deployments_and_services_are_listed_in_order,
                a_lock_is_one_holder_s_until_its_lease_is_over_and_its_fence_grows,
                a_lease_is_renewed_late_but_never_after_somebody_else_held_the_lock,
                a_lock_that_was_taken_over_is_lost_to_its_holder,
                a_lock_that_nobody_has_can_be_taken_over,
                who_lost_the_lock_or_let_the_lease_run_out_writes_no_journal,
                after_the_end_a_record_needs_no_lock,
                of_many_that_take_the_lock_at_once_one_gets_it,
                of_many_that_take_the_lock_over_at_once_the_last_keeps_it,
                a_request_stays_with_its_deployment_until_it_is_removed,
                many_can_remove_a_request_at_once,
                a_request_waits_for_whoever_goes_on_with_a_deployment,
                nothing_is_there_before_it_was_written,
            );
        }
    };
    (@tests $make:expr; $($name:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(made) = $make.await {
                    contract::$name(made.store()).await;
                }
            }
        )*
    };
}

contract!(memory, in_memory());
contract!(folder, in_a_folder());
contract!(region, in_the_regions_dynamodb());
contract!(amazon, in_amazons_dynamodb());
