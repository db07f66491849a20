//! `bg rollback` where a deployment is under way of which no store knows: from what AWS shows.

use jiff::SignedDuration;

use super::{break_glass, say};
use crate::cli::args::Global;
use crate::cli::error::{CliError, ErrorKind, locked};
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::session::Session;
use crate::cli::situation::Situation;
use crate::deployment::action::Action;
use crate::deployment::ids::SlotName;

/// How long green keeps its tasks after the read-back: load-balancer nodes lag behind.
const SETTLE: SignedDuration = SignedDuration::from_secs(10);

/// Puts all traffic back on the slot that served before, then scales `green` to zero.
pub(super) async fn put_back(
    global: &Global,
    session: &Session,
    situation: &Situation,
    green: SlotName,
) -> Result<ExitCode, CliError> {
    session.refuse_another_account().await?;
    let blue = green.other();
    if situation.healthy(blue) == Some(0) {
        return Err(CliError::refused(format!(
            "slot {blue}, which served before, has no healthy target to go back to"
        ))
        .hint(format!(
            "`bg rollback --to {blue} --force` gives it all traffic all the same"
        )));
    }
    let (store, service) = (&session.store, session.service());
    let holder = session.holder(&session.new_id());
    let held = store.lock(&service, &holder).await;
    let held = held.map_err(|error| locked(&error))?;
    let put = async {
        break_glass::write(global, session, situation.traffic(), blue).await?;
        session
            .clock
            .sleep_until(session.clock.now() + SETTLE)
            .await;
        let ecs = &request::slots(&session.config)[green].service;
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
        Ok(ExitCode::Stands)
    };
    let exit = put.await;
    // A lock that can't be given back runs out by itself.
    let _ = store.unlock(&service, &held).await;
    exit
}
