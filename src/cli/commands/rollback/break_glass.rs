//! `bg rollback --to SLOT --force`: weights only (without a load balancer, tasks). No store, no
//! lock, no health, nothing but ELBv2 is needed; ECS is asked whose tasks the groups have, and what
//! would undo it is taken away afterwards, as far as that goes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::say;
use crate::aws::{AwsError, RouteWrite};
use crate::cli::abandoned::{Abandoned, Stands};
use crate::cli::args::Global;
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::session::Session;
use crate::cli::traffic::Traffic;
use crate::deployment::action::Action;
use crate::deployment::clone::DEPLOYMENT_TAG;
use crate::deployment::ids::{DeploymentId, SlotName, Slots, TargetGroupArn};
use crate::deployment::{bare, deadman, retire};
use crate::judge::words::plural;

/// How long ECS may take to tell whose tasks the groups have: traffic waits for it.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// How long ECS may take to lose a tag: what mattered is done by then.
const UNTAG_WITHIN: Duration = Duration::from_secs(5);
/// How long EventBridge Scheduler may take to lose what would undo it.
const UNSCHEDULE_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn run(
    global: &Global,
    session: &Session,
    to: SlotName,
) -> Result<ExitCode, CliError> {
    let traffic = Traffic::look(session).await?;
    session.refuse_routes_of_another_account(&traffic)?;
    let (traffic, services) = refuse_mixed_up(session, traffic).await?;
    write(global, session, &traffic, to).await?;
    if !traffic.leads_only_to(to) {
        let of = |slot: SlotName| bare::tag(services[slot].as_ref()?, DEPLOYMENT_TAG);
        // The later one is what this goes back from; ids are in the order of time.
        if let Some(id) = of(to.other()).filter(|id| of(to).is_none_or(|it| it < *id)) {
            global.story.put_back(DeploymentId::new(id));
        }
    } else if !traffic.is_bare() {
        global.story.nothing_moved();
    }
    if session.config.deadman.is_some() {
        take_switch_away(session).await;
    }
    if !name_what_is_open(session).await {
        let_scale_in_again(session).await;
    }
    wake(session, to).await;
    Ok(ExitCode::Stands)
}

/// Whose tasks a slot's groups have, ECS alone knows: with the groups swapped in the config, users
/// would be taken to the version that they are to be taken from. Where ECS can't tell, nothing holds
/// this up. Answers with both services, as far as it did.
async fn refuse_mixed_up(
    session: &Session,
    mut traffic: Traffic,
) -> Result<(Traffic, Slots<Option<Value>>), CliError> {
    if traffic.is_bare() {
        let services = Slots::from_fn(|slot| traffic.service(slot).cloned());
        return Ok((traffic, services));
    }
    let asked = tokio::time::timeout(TOLD_WITHIN, both_services(session)).await;
    let services = asked.map(Result::unwrap_or_default).unwrap_or_default();
    traffic.know(&request::slots(&session.config), &services);
    let refused = traffic.refuse_mixed_up();
    refused.map_err(|error| {
        error.hint(
            "nothing was moved, as users would have come to the other slot's tasks: mend it, then run \
             this again",
        )
    })?;
    Ok((traffic, services))
}

/// Both slots' services, as ECS describes them.
async fn both_services(session: &Session) -> Result<Slots<Option<Value>>, AwsError> {
    let slots = request::slots(&session.config);
    let names = [&slots.a.service, &slots.b.service];
    let found = session.cloud.services(&session.cluster(), &names).await?;
    let mut found = found.into_iter();
    Ok(Slots::from_fn(|_| found.next().flatten()))
}

/// What a dead deployment holds back stays so until somebody ends it. Whether there is one is not
/// worth waiting for. True where one is known, or a process drives one.
async fn name_what_is_open(session: &Session) -> bool {
    let look = async {
        let runs = session.running_holder().await.ok()?.is_some();
        let open = Abandoned::find(session).await.ok()?;
        let traffic = Traffic::look(session).await.ok()?;
        let open = open.filter(|open| !runs && open.stands(&traffic) == Stands::Open);
        Some((runs, open))
    };
    match tokio::time::timeout(UNTAG_WITHIN, look).await {
        Ok(Some((_, Some(open)))) => {
            let held = match &open.plan().scaling {
                Some(_) => ", and until then autoscaling takes no tasks away on either side",
                None => "",
            };
            note!("Note: {}: `bg resume` ends it{held}", open.told());
            true
        }
        Ok(Some((runs, None))) => runs,
        // The store can't be read: nobody can go on by it.
        Ok(None) => false,
        Err(_) => true,
    }
}

/// A deployment of which no store knows would keep both sides from scaling in for good.
async fn let_scale_in_again(session: &Session) {
    let slots = request::slots(&session.config);
    let cluster = session.cluster();
    for service in [&slots.a.service, &slots.b.service] {
        let release = session.cloud.release_scale_in(&cluster, service);
        match tokio::time::timeout(UNTAG_WITHIN, release).await {
            Ok(Ok(true)) => note!("{service} may scale in again"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => note!("Warning: {service} may be kept from scaling in: {error}"),
            Err(_) => note!("Warning: {service} may be kept from scaling in: ECS does not answer"),
        }
    }
}

/// A slot whose retirement had begun, or was over, would have everything and not scale out.
async fn wake(session: &Session, to: SlotName) {
    let slots = request::slots(&session.config);
    let (service, other) = (&slots[to].service, &slots[to.other()].service);
    let cluster = session.cluster();
    let wake = session.cloud.wake_scaling(&cluster, service, other);
    match tokio::time::timeout(UNTAG_WITHIN, wake).await {
        Ok(Ok(true)) => note!("the autoscaling of {service} is awake again"),
        Ok(Ok(false)) => {}
        Ok(Err(error)) => note!("Warning: the autoscaling of {service} may be asleep: {error}"),
        Err(_) => note!(
            "Warning: the autoscaling of {service} may be asleep: Application Auto Scaling does not answer"
        ),
    }
}

/// A dead-man switch that an earlier deployment left armed would undo what was just written.
/// Where Scheduler can't be asked, a person has to know.
async fn take_switch_away(session: &Session) {
    let prefix = deadman::prefix(&session.cluster(), &session.service());
    let take = async {
        let names = session.cloud.schedules(&prefix).await?;
        for name in &names {
            session.cloud.remove_schedule(name).await?;
            note!("{name}: the dead-man switch's schedule is deleted: it would have undone this");
        }
        Ok::<_, AwsError>(())
    };
    let trouble = match tokio::time::timeout(UNSCHEDULE_WITHIN, take).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "EventBridge Scheduler does not answer".to_owned(),
    };
    note!(
        "Warning: a dead-man switch that a deployment left armed undoes this when it fires, and \
         could not be taken away ({trouble})"
    );
    note!(
        "Hint: `aws scheduler list-schedules --name-prefix {prefix}` shows it; delete it with \
         `aws scheduler delete-schedule --name NAME`"
    );
}

/// Gives `to` everything, and reads it back.
///
/// # Errors
/// When a route did not move.
pub(super) async fn write(
    global: &Global,
    session: &Session,
    traffic: &Traffic,
    to: SlotName,
) -> Result<(), CliError> {
    if traffic.is_bare() {
        return put_all_on(global, session, traffic, to).await;
    }
    let writes = traffic.writes(to);
    let count = writes.routes.len() + writes.impossible.len();
    if count == 0 {
        return Err(
            CliError::refused("no listener and no rule forwards to the slots' groups")
                .hint("check `slots` and the region in bg.yaml"),
        );
    }
    let mut failed = writes.impossible.len();
    let written = session.cloud.write_routes(&writes.routes).await;
    for (write, result) in writes.routes.iter().zip(written) {
        match result {
            Ok(seen) if carries_everything(&seen.weights, write) => {
                let (label, group) = (&write.label, write.to.name());
                say(
                    global,
                    "route_written",
                    &format!("{label}: slot {to} ({group}) has everything"),
                );
            }
            Ok(seen) => {
                failed += 1;
                note!("{}: written, but it shows {:?}", write.label, seen.weights);
            }
            Err(error) => {
                failed += 1;
                note!("{}: {error}", write.label);
            }
        }
    }
    for why in &writes.impossible {
        note!("{why}");
    }
    if failed < count {
        forget_retirement(session, to).await;
        mark_live(session, to).await;
    }
    if failed == 0 {
        return Ok(());
    }
    let error = CliError::new(
        ErrorKind::Stuck,
        format!("{failed} of {count} routes did not move"),
    );
    Err(if writes.impossible.is_empty() {
        error.hint("run it again; each route is written on its own")
    } else {
        error.hint(
            "create the missing target group or correct `slots` in bg.yaml, then run it again",
        )
    })
}

/// Without a load balancer what runs works: `to` gets as many tasks as the other has, then the
/// other loses its own. Needs nothing but ECS.
async fn put_all_on(
    global: &Global,
    session: &Session,
    traffic: &Traffic,
    to: SlotName,
) -> Result<(), CliError> {
    session.refuse_another_account().await?;
    let slots = request::slots(&session.config);
    let Some(has) = traffic.desired(to) else {
        let service = &slots[to].service;
        return Err(
            CliError::refused(format!("slot {to}'s service {service} does not exist"))
                .hint("check `cluster`, `slots` and the region in bg.yaml"),
        );
    };
    let other = to.other();
    let wanted = has.max(traffic.desired(other).unwrap_or_default());
    if wanted == 0 {
        return Err(
            CliError::refused("neither slot is set to run a task: how many are wanted?").hint(
                format!(
                    "aws ecs update-service --cluster {} --service {} --desired-count N",
                    session.cluster(),
                    slots[to].service
                ),
            ),
        );
    }
    let scale = |slot, desired| Action::Scale { slot, desired };
    let live = traffic
        .service(to)
        .map(|service| became_live(session, service));
    let tags = BTreeMap::from([
        (bare::LIVE_TAG.to_owned(), live),
        (retire::TAG.to_owned(), None),
    ]);
    let mut acts = vec![scale(to, wanted), Action::Tag { slot: to, tags }];
    if traffic.desired(other).is_some() {
        let sleep = Action::SleepScaling { slot: other };
        let tags = traffic.service(other).map(has_served).unwrap_or_default();
        acts.extend([sleep, scale(other, 0), Action::Tag { slot: other, tags }]);
    }
    let cluster = session.cluster();
    let mut failed = 0;
    for act in &acts {
        let slot = match act {
            Action::Scale { slot, .. } | Action::Tag { slot, .. } => *slot,
            _ => other,
        };
        let service = &slots[slot].service;
        if let Err(error) = session.cloud.act_on_service(&cluster, service, act).await {
            let counts = matches!(act, Action::Scale { .. });
            failed += u32::from(counts);
            note!("slot {slot}, service {service}: {}: {error}", act.name());
            if counts && slot == to {
                // The other one goes on working.
                break;
            }
        }
    }
    if failed > 0 {
        return Err(
            CliError::new(ErrorKind::Stuck, "not everything was scaled as asked")
                .hint("run it again; `bg status` shows what runs"),
        );
    }
    let text = format!(
        "slot {to} ({}) is set to {}, slot {other} to none",
        slots[to].service,
        plural(wanted, "task")
    );
    say(global, "scaled", &text);
    Ok(())
}

/// A slot that serves is not to be retired any more, and a tag from before its traffic came back
/// would be acted on once that goes away again. `bg tick` takes it off where this can't.
async fn forget_retirement(session: &Session, slot: SlotName) {
    let service = &request::slots(&session.config)[slot].service;
    let cluster = session.cluster();
    let forget = session.cloud.forget_retirement(&cluster, service);
    let trouble = match tokio::time::timeout(UNTAG_WITHIN, forget).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "ECS does not answer".to_owned(),
    };
    note!(
        "Note: whether service {service} is still tagged to be retired is not known ({trouble}); \
         `bg tick` takes the tag off while the slot has traffic"
    );
}

/// The tags follow traffic: the one for other tools, and those by which the next look tells what
/// has served from what was left in the middle. Nothing here goes by them where a load balancer
/// tells.
async fn mark_live(session: &Session, to: SlotName) {
    let marked = tokio::time::timeout(UNTAG_WITHIN, tag_both(session, to)).await;
    if !matches!(marked, Ok(Ok(()))) {
        note!(
            "Note: the services' tags {} may not be right; `bg status` goes by the weights",
            bare::LIVE_TAG
        );
    }
}

async fn tag_both(session: &Session, to: SlotName) -> Result<(), AwsError> {
    let cluster = session.cluster();
    let slots = request::slots(&session.config);
    let found = both_services(session).await?;
    for slot in [to, to.other()] {
        let Some(service) = &found[slot] else {
            continue;
        };
        let tags = match slot == to {
            true => BTreeMap::from([(
                bare::LIVE_TAG.to_owned(),
                Some(became_live(session, service)),
            )]),
            false => has_served(service),
        };
        let tag = Action::Tag { slot, tags };
        let name = &slots[slot].service;
        session.cloud.act_on_service(&cluster, name, &tag).await?;
    }
    Ok(())
}

/// The deployment that its tasks are of: so nobody takes it for one without an end.
fn became_live(session: &Session, service: &Value) -> String {
    let own = bare::tag(service, DEPLOYMENT_TAG).map(str::to_owned);
    own.unwrap_or_else(|| session.new_id().to_string())
}

/// A service that was live has served, whatever becomes of it.
fn has_served(service: &Value) -> BTreeMap<String, Option<String>> {
    let mut tags = BTreeMap::from([(bare::LIVE_TAG.to_owned(), None)]);
    let definition = service.get("taskDefinition").and_then(Value::as_str);
    if let Some(definition) = definition.filter(|_| bare::tag(service, bare::LIVE_TAG).is_some()) {
        tags.insert(retire::SERVED_TAG.to_owned(), Some(definition.to_owned()));
    }
    tags
}

fn carries_everything(weights: &BTreeMap<TargetGroupArn, u32>, write: &RouteWrite) -> bool {
    let others = weights.iter().filter(|(group, _)| **group != write.to);
    weights.get(&write.to).is_some_and(|weight| *weight > 0)
        && others.map(|(_, weight)| weight).sum::<u32>() == 0
}
