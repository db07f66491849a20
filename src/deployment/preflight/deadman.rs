//! Whether the dead-man switch can be armed, and what earlier ones left behind.

use super::{Planning, Request};
use crate::deployment::deadman::Deadman;
use crate::deployment::ids::ScheduleName;
use crate::deployment::plan::{Kind, Route};
use crate::deployment::surroundings::Surroundings;

/// Whether its role may be used at all.
pub(super) fn check_role(request: &Request, found: &Surroundings, planning: &mut Planning) {
    let Some(role) = request.deadman.as_ref().map(|wanted| &wanted.role) else {
        return;
    };
    if role.account() != found.account {
        planning.problem(
            format!(
                "the dead-man switch's role {role} is of account {}, the credentials are for {}",
                role.account(),
                found.account
            ),
            "set `deadman.role` to a role of this account: EventBridge Scheduler takes no other",
        );
    }
}

/// The switch as it can be planned; what stands in its way is a problem.
pub(super) fn check(
    request: &Request,
    found: &Surroundings,
    routes: &[Route],
    planning: &mut Planning,
) -> Option<Deadman> {
    let wanted = request.deadman.as_ref()?;
    for route in routes {
        if found.deadman.with_secrets.contains(&route.arn) {
            planning.problem(
                format!(
                    "the dead-man switch can't be armed on {}: its action signs users in with \
                     OpenID Connect, and ELBv2 doesn't show the client secret that a whole action \
                     has",
                    route.label
                ),
                "take `deadman` out of bg.yaml for this service",
            );
        }
    }
    if !found.deadman.leftovers.is_empty() {
        let names: Vec<&str> = found
            .deadman
            .leftovers
            .iter()
            .map(ScheduleName::as_str)
            .collect();
        planning.warn(format!(
            "an earlier deployment left its dead-man switch behind, which is taken away first: {}",
            names.join(", ")
        ));
    }
    if !matches!(request.kind, Kind::Deploy) {
        planning.note(
            "the dead-man switch is not armed: it would put traffic back on a version that is \
             known to be bad",
        );
    }
    Some(Deadman {
        leftovers: found.deadman.leftovers.clone(),
        ..wanted.clone()
    })
}
