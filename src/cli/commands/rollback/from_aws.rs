//! Putting back what no store knows of, or where none can be read: from what AWS shows.

use std::time::Duration;

use jiff::SignedDuration;

use super::{break_glass, say};
use crate::cli::args::Global;
use crate::cli::error::{CliError, ErrorKind, locked};
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::session::Session;
use crate::cli::situation::{Over, Situation};
use crate::cli::traffic::Traffic;
use crate::deployment::action::Action;
use crate::deployment::dns;
use crate::deployment::ids::{DeploymentId, SlotName};
use crate::report::words;
use crate::store::{Holder, StoreError};

/// How long green keeps its tasks after the read-back: load-balancer nodes lag behind.
const SETTLE: SignedDuration = SignedDuration::from_secs(10);

/// How long the store gets to give its lock: traffic waits for it.
const LOCKS_WITHIN: Duration = Duration::from_secs(2);

/// How the lock is taken. A store that can't give it is no obstacle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::commands) enum Locking {
    /// Only where nobody has it.
    Free,
    /// From whoever has it: nobody can be asked.
    FromAnybody,
}

/// `bg resume --revert` without a store: puts back what AWS shows to be under way.
///
/// # Errors
/// Where traffic stays split.
pub(in crate::cli::commands) async fn settle(
    global: &Global,
    session: &Session,
    id: Option<&str>,
    trouble: &CliError,
) -> Result<ExitCode, CliError> {
    warn(trouble);
    match session.outlive_holder().await {
        Err(error) if error.kind == ErrorKind::Locked => return Err(error),
        _ => {}
    }
    let situation = Situation::look(session).await?;
    situation.refuse_mixed_up()?;
    if let Some((green, other)) = situation.under_way() {
        if id.is_some_and(|id| id != other.as_str()) {
            return Err(CliError::refused(format!(
                "slot {green}'s tasks are of deployment {other}, and not of the one that is to be put \
                 back"
            ))
            .hint(format!("is that one meant? `bg resume {other} --revert`")));
        }
        return put_back(global, session, &situation, green, Locking::Free).await;
    }
    if let Some(id) = id.map(DeploymentId::new)
        && let Some(over) = situation.over(&id)
    {
        say_over(global, &id, &over);
        return Ok(ExitCode::Stands);
    }
    refuse_split(&situation)?;
    note!("nothing to put back: AWS shows no deployment that was left in the middle");
    Ok(ExitCode::Stands)
}

/// `bg rollback` without a store: puts back what is under way, or gives the idle slot everything
/// where it is warm.
///
/// # Errors
/// Where that would take traffic to a side that can't serve it.
pub(super) async fn without_store(
    global: &Global,
    session: &Session,
    to: Option<SlotName>,
    trouble: &CliError,
) -> Result<ExitCode, CliError> {
    warn(trouble);
    let situation = Situation::look(session).await?;
    situation.refuse_mixed_up()?;
    if let Some((green, id)) = situation.under_way() {
        if to == Some(green) {
            return Err(super::only_back(&id, green));
        }
        return put_back(global, session, &situation, green, Locking::FromAnybody).await;
    }
    let Some(live) = situation.live() else {
        return Err(super::unclear());
    };
    let to = to.unwrap_or(live.other());
    if situation.serves_everything(to) {
        say(global, "unchanged", &super::serves_already(to));
        return Ok(ExitCode::Stands);
    }
    let (healthy, needed) = (situation.healthy(to), situation.desired(live));
    if healthy.is_none_or(|healthy| healthy == 0 || needed.is_none_or(|it| healthy < it)) {
        let (healthy, needed) = (words::count(healthy), words::count(needed));
        return Err(CliError::refused(format!(
            "healthy targets of slot {to}: {healthy}, tasks of slot {live}: {needed}; without the \
             store nothing is brought up"
        ))
        .hint("mend the store (above), then run it again")
        .hint(format!(
            "`bg rollback --to {to} --force` gives it all traffic all the same"
        )));
    }
    session.refuse_routes_of_another_account(situation.traffic())?;
    break_glass::write(global, session, situation.traffic(), to).await?;
    if let Some(id) = situation.deployment_of(live) {
        global.story.put_back(id);
    }
    Ok(ExitCode::Stands)
}

fn warn(trouble: &CliError) {
    note!(
        "Warning: the store can't be used ({}): going by what AWS shows",
        trouble.message
    );
    for hint in &trouble.hints {
        note!("Hint: {hint}");
    }
}

/// How a deployment of which no store knows ended, as far as AWS shows it.
pub(in crate::cli::commands) fn say_over(global: &Global, id: &DeploymentId, over: &Over) {
    match over {
        Over::PutBack(green) => {
            let text =
                format!("deployment {id} is put back already: slot {green} is scaled to zero");
            say(global, "put_away", &text);
            global.story.put_back(id.clone());
        }
        Over::Served(green, definition) => {
            let text = format!(
                "nothing of deployment {id} is under way: AWS shows that its version ({}) has served \
                 in slot {green}, and no longer does",
                definition.short()
            );
            say(global, "served", &text);
        }
    }
}

/// Where nobody can say to which side a split belongs.
pub(in crate::cli::commands) fn refuse_split(situation: &Situation) -> Result<(), CliError> {
    if !situation.is_split() {
        return Ok(());
    }
    Err(CliError::new(
        ErrorKind::Stuck,
        "traffic is split between the slots, and neither the store nor a tag says why",
    )
    .hint("`bg status` shows it; `bg rollback --to a --force` or `--to b --force` ends it"))
}

/// How long somebody may still be led to green: its own change of records has no id here that
/// could be asked for, and then one TTL passes.
fn settles(traffic: &Traffic) -> SignedDuration {
    let records = traffic.forwards.iter().filter_map(|it| it.kind.record());
    let ttl = records.map(|record| record.ttl).max();
    let ttl = ttl.map(|ttl| dns::SPREADS_WITHIN + ttl);
    ttl.and_then(|ttl| SignedDuration::try_from(ttl).ok())
        .map_or(SETTLE, |ttl| ttl.max(SETTLE))
}

/// Autoscaling must not start green's tasks again, and blue's may take some away again.
async fn put_to_sleep(session: &Session, green: SlotName) {
    let slots = request::slots(&session.config);
    let cluster = session.cluster();
    let (blue, green_service) = (&slots[green.other()].service, &slots[green].service);
    let sleep = Action::SleepScaling { slot: green };
    let slept = session
        .cloud
        .act_on_service(&cluster, green_service, &sleep)
        .await;
    if let Err(error) = slept {
        note!("Warning: the autoscaling of {green_service} was not put to sleep: {error}");
    }
    match session.cloud.release_scale_in(&cluster, blue).await {
        Ok(true) => note!("{blue} may scale in again"),
        Ok(false) => {}
        Err(error) => note!("Warning: {blue} may still be kept from scaling in: {error}"),
    }
}

/// Puts all traffic back on the slot that served before, then scales `green` to zero.
///
/// # Errors
/// Where that slot has no healthy target, or the lock or a write is refused.
pub(in crate::cli::commands) async fn put_back(
    global: &Global,
    session: &Session,
    situation: &Situation,
    green: SlotName,
    locking: Locking,
) -> Result<ExitCode, CliError> {
    session.refuse_another_account().await?;
    let blue = green.other();
    if situation.healthy(blue) == Some(0) {
        return Err(CliError::refused(format!(
            "slot {blue}, which served before, has no healthy {} to go back to",
            if situation.traffic().is_bare() {
                "task"
            } else {
                "target"
            }
        ))
        .hint(format!(
            "`bg rollback --to {blue} --force` gives it all traffic all the same"
        )));
    }
    let held = lock(session, locking).await?;
    let exit = move_and_scale(global, session, situation, green).await;
    if let Some(held) = held {
        // A lock that can't be given back runs out by itself.
        let service = session.service();
        let unlock = session.store.unlock(&service, &held);
        let _ = tokio::time::timeout(LOCKS_WITHIN, unlock).await;
    }
    exit
}

async fn lock(session: &Session, locking: Locking) -> Result<Option<Holder>, CliError> {
    let (store, service) = (&session.store, session.service());
    let holder = session.holder(&session.new_id());
    let taken = async {
        match locking {
            Locking::Free => store.lock(&service, &holder).await,
            Locking::FromAnybody => store.take_over(&service, &holder).await,
        }
    };
    let taken = tokio::time::timeout(LOCKS_WITHIN, taken).await;
    match taken.unwrap_or(Err(StoreError::TimedOut)) {
        Ok(held) => Ok(Some(held)),
        Err(error @ StoreError::Locked(_)) => Err(locked(&error)),
        Err(error) => {
            note!("Warning: going on without the lock: {error}");
            Ok(None)
        }
    }
}

async fn move_and_scale(
    global: &Global,
    session: &Session,
    situation: &Situation,
    green: SlotName,
) -> Result<ExitCode, CliError> {
    let blue = green.other();
    break_glass::write(global, session, situation.traffic(), blue).await?;
    let settle = settles(situation.traffic());
    if settle > SETTLE {
        note!(
            "slot {green} keeps its tasks for another {}: so long some may still be led there by DNS",
            words::length(settle.unsigned_abs())
        );
    }
    session
        .clock
        .sleep_until(session.clock.now() + settle)
        .await;
    let ecs = &request::slots(&session.config)[green].service;
    put_to_sleep(session, green).await;
    let scale = Action::Scale {
        slot: green,
        desired: 0,
    };
    let cluster = session.cluster();
    let scaled = session.cloud.act_on_service(&cluster, ecs, &scale).await;
    scaled.map_err(|error| {
        CliError::from_error(ErrorKind::Stuck, &error).hint(format!(
            "traffic is on slot {blue}; {ecs} still has its tasks"
        ))
    })?;
    say(
        global,
        "put_away",
        &format!("slot {green} ({ecs}) is scaled to zero"),
    );
    if let Some((_, id)) = situation.under_way() {
        global.story.put_back(id);
    }
    Ok(ExitCode::Stands)
}
