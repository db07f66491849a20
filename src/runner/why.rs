//! Why green failed, found out once its users are safe.

use std::time::Duration;

use super::deploy::{Loop, RunError};
use crate::aws::CollectAsk;
use crate::deployment::diagnosis::Diagnosis;
use crate::deployment::event::Event;
use crate::diagnose::diagnose;

/// How long green may keep its tasks for the diagnosis.
const COLLECTS_AT_MOST: Duration = Duration::from_secs(5);

impl Loop<'_> {
    /// Collects what tells why green failed, before its tasks are gone. Traffic is back by then,
    /// and an ask cuts it short.
    pub(super) async fn find_out_why(&mut self) -> Result<(), RunError> {
        let is_due = self.log.deployment.is_to_be_diagnosed();
        if !is_due || self.has_asked_why || self.lock_lost_to.is_some() {
            return Ok(());
        }
        self.has_asked_why = true;
        let Loop { means, log, .. } = self;
        let ask = CollectAsk::of_green(&log.deployment);
        let collect = means.cloud.collect_now(&ask, means.clock.now());
        let collect = tokio::time::timeout(COLLECTS_AT_MOST, Box::pin(collect));
        let evidence = tokio::select! {
            biased;
            ask = means.asks.next() => {
                let _ = means.asks.sender().send(ask);
                return Ok(());
            }
            evidence = collect => evidence,
        };
        let findings = evidence.map(|it| diagnose(&it)).unwrap_or_default();
        if !findings.is_empty() {
            let diagnosis = Diagnosis::of(findings);
            self.record(Event::Diagnosed { diagnosis }).await?;
        }
        Ok(())
    }
}
