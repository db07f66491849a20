//! Services without any load balancer: green works as soon as its tasks run, whatever the strategy.

use super::{Planning, Request, RoutesWanted};
use crate::deployment::bare::{live, splits};
use crate::deployment::ids::SlotName;
use crate::deployment::plan::{Kind, RetireHow, StepPlan};
use crate::deployment::surroundings::Surroundings;
use crate::gate::Address;
use crate::judge::words::plural;
use crate::strategy::{Weight, format_duration};

/// The slot that works; where both do, or none does, that has to be settled first.
pub(super) fn live_slot(
    request: &Request,
    found: &Surroundings,
    planning: &mut Planning,
) -> Option<SlotName> {
    let tasks = |slot: SlotName| {
        let service = found.services[slot].as_ref();
        let desired = service.and_then(|it| it.get("desiredCount")?.as_u64());
        plural(desired.unwrap_or_default() as u32, "task")
    };
    let service = |slot: SlotName| &request.slots[slot].service;
    let (a, b) = (SlotName::A, SlotName::B);
    match splits(&found.services) {
        Some((Some(slot), Some(id))) => {
            planning.problem(
                format!(
                    "slot {slot}'s service {} runs {} of deployment {id}, of which AWS shows no \
                     end: both versions are at work",
                    service(slot),
                    tasks(slot)
                ),
                format!(
                    "is that deployment under way (`bg status`)? If its process died, `bg \
                     rollback` puts slot {slot} away; else say which slot stays: `bg rollback --to \
                     a --force` or `--to b --force`"
                ),
            );
            return None;
        }
        Some(_) => {
            planning.problem(
                format!(
                    "both slots are at work ({} runs {}, {} {}), and no deployment by bg says \
                     which of them is the live one",
                    service(a),
                    tasks(a),
                    service(b),
                    tasks(b)
                ),
                "say which one stays: `bg rollback --to a --force` or `--to b --force` scales the \
                 other to zero; or correct `slots` in bg.yaml, if one is another service",
            );
            return None;
        }
        None => {}
    }
    let live = live(&found.services);
    if live.is_none() && found.services.a.is_some() && found.services.b.is_some() {
        planning.problem(
            format!(
                "neither {} nor {} is set to run a task, and nothing says which of them is the \
                 live one",
                service(a),
                service(b)
            ),
            format!(
                "scale the live one up: aws ecs update-service --cluster {} --service {} \
                 --desired-count N",
                request.cluster,
                service(a)
            ),
        );
    }
    live
}

/// What of the config means nothing without a load balancer, and what happens instead.
pub(super) fn check(request: &Request, steps: &[StepPlan], planning: &mut Planning) {
    if !request.is_bare() {
        return;
    }
    if matches!(&request.routes, RoutesWanted::Listed(listed) if !listed.is_empty()) {
        planning.problem(
            "`routes` are listed, and the slots have no target groups that they could forward to",
            "give each slot its `target_group`, or take `routes` out of bg.yaml",
        );
    }
    if request.deadman.is_some() {
        planning.problem(
            "the dead-man switch puts weights back, and without a load balancer there are none",
            "take `deadman` out of bg.yaml; `bg tick`, run by the clock, goes on with a deployment \
             whose process died",
        );
    }
    for gate in &request.gates {
        if let Some(Address::Targets(path)) = gate.http().map(|check| &check.to) {
            planning.problem(
                format!(
                    "gate {} asks green's targets for {path}, and without a load balancer there are \
                     none",
                    gate.name
                ),
                "give it a whole `url`, or use a `command`",
            );
        }
    }
    if request.retire.then == RetireHow::Keep {
        planning.problem(
            "`retire.then: keep` would leave both versions at work for good: without a load \
             balancer every task works",
            "set `retire.then` to scale-to-zero or delete",
        );
    }
    planning.note(both_at_work(request, steps));
}

fn both_at_work(request: &Request, steps: &[StepPlan]) -> String {
    let bake = steps.iter().map(|step| step.bake).sum();
    let own = request.strategy.steps();
    let ladder = own.iter().any(|step| step.weight < Weight::FULL);
    let ladder = match ladder {
        true => format!(
            " (the weights of {} mean nothing here; its bakes are one)",
            request.strategy.name()
        ),
        false => String::new(),
    };
    let beside = match request.kind {
        Kind::Deploy => format!(
            "for {} while the guards watch{ladder}, and on until blue is retired, {} later",
            format_duration(bake),
            format_duration(request.retire.after)
        ),
        Kind::Hotfix { .. } | Kind::Rollback => {
            format!("for {}, then blue goes at once", format_duration(bake))
        }
    };
    format!(
        "there is no load balancer, so there is no traffic to shift: green works as soon as its \
         tasks run, both versions at once {beside}"
    )
}
