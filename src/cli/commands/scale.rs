//! `bg scale`

use jiff::SignedDuration;
use serde_json::json;

use crate::cli::abandoned::Abandoned;
use crate::cli::args::{Global, OutputFormat, ScaleArgs};
use crate::cli::display::print_json;
use crate::cli::error::{CliError, ErrorKind, locked};
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::deployment::action::Action;
use crate::deployment::ids::{EcsServiceName, SlotName};
use crate::deployment::observation::Seen;
use crate::deployment::scaling::ScalableTarget;
use crate::store::Holder;

/// Some looks and one act.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How far reads may lag behind writes.
const SHOWN_WITHIN: SignedDuration = SignedDuration::from_secs(30);
/// Between two looks.
const LOOK_EVERY: SignedDuration = SignedDuration::from_secs(2);

/// What was changed.
struct Scaled {
    slot: SlotName,
    service: EcsServiceName,
    before: Option<u32>,
}

/// Sets the live slot's desired count, under the lock.
pub(super) async fn run(global: &Global, args: &ScaleArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global, None).await?;
    session.refuse_another_account().await?;
    // Says who has the lock, and how far that is.
    session.fence().await?;
    if let Some(abandoned) = Abandoned::in_the_way(&session).await? {
        return Err(CliError::refused(abandoned.told())
            .hint("go on with it or put it back first: `bg resume`, `bg resume --revert`"));
    }
    let holder = lock(&session).await?;
    let scaled = scale(&session, args.tasks()).await;
    // A lock that can't be given back runs out by itself.
    let _ = session.store.unlock(&session.service(), &holder).await;
    show(global, &scaled?, args.tasks())
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}

async fn lock(session: &Session) -> Result<Holder, CliError> {
    let holder = session.holder(&session.new_id());
    let holder = Holder {
        lease_until: holder.since + LEASE,
        ..holder
    };
    let taken = session.store.lock(&session.service(), &holder).await;
    taken.map_err(|error| locked(&error))
}

async fn scale(session: &Session, desired: u32) -> Result<Scaled, CliError> {
    let situation = Situation::look(session).await?;
    situation.refuse_mixed_up()?;
    let slot = live(&situation)?;
    refuse_autoscaled(&situation, slot, desired)?;
    let service = request::slots(&session.config)[slot].service.clone();
    let before = situation.desired(slot);
    if before != Some(desired) {
        let act = Action::Scale { slot, desired };
        let cluster = session.cluster();
        let acted = session.cloud.act_on_service(&cluster, &service, &act).await;
        acted.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        read_back(session, slot, desired).await?;
    }
    Ok(Scaled {
        slot,
        service,
        before,
    })
}

/// Looks until AWS shows the count that was set: what is read may lag behind.
async fn read_back(session: &Session, slot: SlotName, desired: u32) -> Result<(), CliError> {
    let give_up_at = session.clock.now() + SHOWN_WITHIN;
    while Situation::look(session).await?.desired(slot) != Some(desired) {
        let now = session.clock.now();
        if now >= give_up_at {
            let words = format!("slot {slot} was set to {desired} tasks, and AWS doesn't show it");
            return Err(CliError::new(ErrorKind::Stuck, words)
                .hint("somebody else may set it too: `bg status`"));
        }
        session.clock.sleep_until(now + LOOK_EVERY).await;
    }
    Ok(())
}

fn live(situation: &Situation) -> Result<SlotName, CliError> {
    let live = situation.live();
    live.filter(|_| !situation.is_split()).ok_or_else(|| {
        CliError::refused("both slots serve, or nothing says which slot is live")
            .hint("`bg status` shows them; `bg rollback` puts everything on one slot")
    })
}

/// What autoscaling owns would be set back, or ahead, by it.
fn refuse_autoscaled(situation: &Situation, slot: SlotName, desired: u32) -> Result<(), CliError> {
    let target = match situation.scaling() {
        Seen::Value(targets) => &targets[slot],
        Seen::Unreadable(why) => {
            return Err(CliError::refused(format!(
                "whether autoscaling owns slot {slot}'s desired count can't be asked: {why}"
            ))
            .hint("`bg iam-policy` prints the permissions that bg needs"));
        }
    };
    let Some(target) = target else { return Ok(()) };
    let resource = &target.resource;
    let limits = limits(target, situation.desired(slot), desired);
    Err(CliError::refused(format!(
        "autoscaling owns the desired count of {resource} ({} to {} tasks): it would undo this",
        target.min, target.max
    ))
    .hint(format!(
        "move its limits instead: aws application-autoscaling register-scalable-target \
         --service-namespace ecs --scalable-dimension ecs:service:DesiredCount \
         --resource-id {resource}{limits}"
    )))
}

/// Which limits bring a service to `wanted` tasks: more are wanted by the lower one, fewer by the
/// upper one, and neither may pass the other.
fn limits(target: &ScalableTarget, now: Option<u32>, wanted: u32) -> String {
    let fewer = now.is_some_and(|now| wanted < now);
    let mut flags = String::new();
    if !fewer || wanted < target.min {
        flags.push_str(&format!(" --min-capacity {wanted}"));
    }
    if fewer || wanted > target.max {
        flags.push_str(&format!(" --max-capacity {wanted}"));
    }
    flags
}

fn show(global: &Global, scaled: &Scaled, desired: u32) -> std::io::Result<()> {
    let Scaled {
        slot,
        service,
        before,
    } = scaled;
    if global.output == OutputFormat::Json {
        return print_json(&json!({
            "slot": slot, "service": service, "before": before, "desired": desired,
        }));
    }
    let before = before.map_or_else(|| "?".to_owned(), |count| count.to_string());
    match before == desired.to_string() {
        true => tell!("unchanged: slot {slot}, service {service}, is set to {desired} tasks"),
        false => tell!("slot {slot}, service {service}: {before} -> {desired} tasks"),
    }
    Ok(())
}
