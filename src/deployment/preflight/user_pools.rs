//! Logins by Cognito before a route: who writes such an action needs a right to its user pool.

use std::collections::BTreeSet;

use super::{Planning, Request, routes};
use crate::deployment::ids::Slots;
use crate::deployment::plan::SlotPlan;
use crate::deployment::surroundings::Surroundings;

/// Says which user pools the config doesn't name: what `bg iam-policy` prints lacks them.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    slots: &Slots<SlotPlan>,
    planning: &mut Planning,
) {
    for forward in routes::naming(found, slots) {
        let pools: BTreeSet<&String> = forward.user_pools.iter().collect();
        for pool in pools
            .into_iter()
            .filter(|it| !request.user_pools.contains(it))
        {
            planning.note(format!(
                "{} authenticates users with Cognito, and whoever writes it needs a right to its user \
                 pool: add {pool} to `user_pools` in bg.yaml, and to your role what `bg iam-policy` \
                 prints then",
                forward.label()
            ));
        }
    }
}
