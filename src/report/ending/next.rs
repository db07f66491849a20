//! What to do after a deployment that did not succeed.

use super::super::view::{Role, View};
use crate::deployment::ids::SlotName;
use crate::deployment::metrics::Subject;
use crate::deployment::observation::StoppedTask;
use crate::deployment::outcome::Stuck;
use crate::deployment::plan::Plan;
use crate::deployment::trip::{Hold, ITSELF, Trip};

fn force(slot: SlotName, does: &str) -> String {
    format!("`bg rollback --to {slot} --force` {does} (slot {slot})")
}

/// The service's group or container port that a person should look at first.
fn port_hint(plan: Option<&Plan>) -> String {
    let target = plan.and_then(|plan| plan.slots[plan.green_slot()].targets.first());
    target.map_or_else(String::new, |target| {
        format!(" on port {} of container {}", target.port, target.container)
    })
}

pub(super) fn after_trip(trip: &Trip, view: &View) -> String {
    match trip {
        Trip::NotHealthyInTime { stopped, .. } if stopped.is_empty() => format!(
            "see that the health check is answered{}, or give it longer with --timeout; then deploy again",
            port_hint(view.plan.as_ref())
        ),
        Trip::CrashLoop {
            target_reason: Some(_),
            stopped,
            ..
        }
        | Trip::RolloutFailed {
            target_reason: Some(_),
            stopped,
            ..
        } if stopped.iter().all(StoppedTask::was_stopped_by_ecs) => format!(
            "see that the health check is answered{}, or give tasks longer to start \
             (healthCheckGracePeriodSeconds of the service); then deploy again",
            port_hint(view.plan.as_ref())
        ),
        Trip::NotHealthyInTime { .. } | Trip::CrashLoop { .. } | Trip::RolloutFailed { .. } => {
            "mend what stopped the tasks (their reasons are above, the rest is in the containers' \
             logs); then deploy again"
                .into()
        }
        Trip::TooFewHealthyTargets { group: None, .. } => {
            "find out why green's tasks stop, or fail their containers' health checks; then deploy \
             again"
                .into()
        }
        Trip::TooFewHealthyTargets { .. } => format!(
            "find out why the health check fails under traffic{}; then deploy again",
            port_hint(view.plan.as_ref())
        ),
        Trip::Alarm { name, .. } => {
            format!("look at what alarm {name} measures and at green's logs; then deploy again")
        }
        Trip::Worse(worse) if worse.subject == Subject::LoadBalancer => {
            "see which target groups behind the load balancer are empty or break off (its \
             HTTPCode_ELB_503, 502 and 504 counts tell which it is); then deploy again"
                .into()
        }
        Trip::Worse(worse) => match worse.metric.strip_prefix("over ") {
            Some(line) => format!(
                "find out from green's logs of these minutes what took longer than {line}; then \
                 deploy again"
            ),
            None => format!(
                "look for {} in green's logs of these minutes; then deploy again",
                worse.metric
            ),
        },
        Trip::TooFewRequests { .. } => {
            "deploy when more requests come, or ask for fewer in the strategy".into()
        }
        Trip::GateFailed(failed) if failed.looked_at_green => format!(
            "see what gate {} found, and green's logs of that time; then deploy again",
            failed.gate
        ),
        Trip::GateFailed(_) => "deploy again when it may go on".into(),
        Trip::OverLimit(crossed) => format!(
            "look at {} and at green's logs of these minutes; then deploy again",
            crossed.name
        ),
        Trip::Compared(_) => {
            "look at these metrics on both sides, and at green's logs; then deploy again".into()
        }
        Trip::Blind { .. } => {
            "restore access to AWS (credentials, network, permissions); then deploy again".into()
        }
        Trip::PatienceOver { waited_for } => after_hold(waited_for).into(),
        Trip::Refused { .. } => {
            "mend what AWS refused (`bg plan` shows the rest of what is asked for); then deploy \
             again"
                .into()
        }
        Trip::DefinitionLost => "deploy that file again; nothing was changed".into(),
        Trip::Interrupted { .. } => "deploy again when you are ready".into(),
        Trip::Aborted { by } if by.starts_with(ITSELF) => {
            "mend the store (room on the disk, network, permissions); then deploy again".into()
        }
        Trip::Aborted { .. } if trip.is_put_back() => {
            "deploy again; where nobody ended its process on purpose, see what did (a time limit, a lost \
             machine)"
                .into()
        }
        Trip::Aborted { by } => format!("ask {by} why; then deploy again"),
        Trip::DeadmanDue { .. } => {
            "find out why the deploying process was cut off or frozen; then deploy again".into()
        }
        Trip::LockLost { .. } => {
            "green is left to the process that has the lock; `bg status` shows what it does".into()
        }
        Trip::SteppedInByHand { .. } => {
            "find out who moved the weights and why; `bg status` shows where it stands".into()
        }
    }
}

fn after_hold(holds: &[Hold]) -> &'static str {
    match holds.first() {
        Some(hold) if hold.is_drift() => {
            "find out who changes this service besides bg; then deploy again"
        }
        Some(Hold::BlueNotReady { .. }) => {
            "get blue healthy first, or repair it with `bg deploy --hotfix --reason TEXT`"
        }
        Some(Hold::AlarmUnclear { .. }) => {
            "see why the alarm can't be judged, or set its insufficient_data in bg.yaml; then deploy \
             again"
        }
        Some(Hold::MetricsBlind { .. } | Hold::MetricsLate { .. }) => {
            "see why CloudWatch has no figures of these target groups; then deploy again"
        }
        Some(Hold::NoValues { .. }) => {
            "see why CloudWatch has no values of this metric, or set its `missing` in bg.yaml; then \
             deploy again"
        }
        Some(Hold::NotCompared(_)) => {
            "look at these metrics on both sides, or give the step a longer bake; then deploy again"
        }
        Some(Hold::GreenStarved { .. }) => {
            "find out why no request reaches green (a rule before it, a cache, sticky clients); \
             then deploy again"
        }
        Some(Hold::TooFewRequests { .. }) => {
            "deploy when more requests come, or ask for fewer in the strategy"
        }
        Some(Hold::CredentialsOver { .. }) => "renew the AWS credentials; then deploy again",
        Some(Hold::StillReplacing) => {
            "see what keeps those tasks (task protection, new ones that are not well yet): `bg tasks` \
             lists them; then deploy again"
        }
        Some(Hold::Unreadable { .. }) => "restore access to what can't be read; then deploy again",
        _ => "`bg status` shows where it stands; deploy again once that is mended",
    }
}

pub(super) fn after_stuck(why: &Stuck, view: &View) -> Vec<String> {
    let Some(blue) = view.slot(Role::Blue) else {
        return vec!["`bg status` shows where it stands".into()];
    };
    match why {
        Stuck::GreenNotPutAway { .. } if view.is_bare() => vec![format!(
            "scale slot {}'s service to zero, or deploy again: until then it works beside blue",
            blue.other()
        )],
        Stuck::GreenNotPutAway { .. } => vec![format!(
            "traffic is safe; scale slot {}'s service to zero, or deploy again: it is reused",
            blue.other()
        )],
        Stuck::BlueIsDown { .. } => vec![
            "decide which side is better; nothing moves by itself:".into(),
            force(blue.other(), "puts everything on green"),
            force(blue, "puts everything on blue"),
        ],
        Stuck::TakenOver { .. } => vec![
            "leave it to that process; `bg status` shows where it stands. If it is gone too:"
                .into(),
            force(blue, "puts everything on blue"),
            force(blue.other(), "puts everything on green"),
        ],
        Stuck::PatienceOver { .. } if !view.had_traffic() => {
            vec![
                "find out who changes this service besides bg; green stays as it is".into(),
                format!(
                    "{}; then deploy again",
                    force(blue, "puts everything on blue")
                ),
                "`bg status` shows where it stands".into(),
            ]
        }
        Stuck::RevertNotConfirmed { .. } => vec![
            "`bg resume --revert` tries it once more, and puts green away".into(),
            format!(
                "{}, whatever else is wrong",
                force(blue, "puts everything on blue")
            ),
            force(blue.other(), "puts everything on green"),
            "`bg status` shows where it stands".into(),
        ],
        Stuck::PatienceOver { .. } | Stuck::Moved { .. } => {
            vec![
                force(blue, "puts everything on blue"),
                force(blue.other(), "puts everything on green"),
                "`bg status` shows where it stands".into(),
            ]
        }
    }
}
