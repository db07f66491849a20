//! What the pages are made from: the store's journals, and CloudWatch's figures where it can be
//! asked.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::answer::Part;
use super::figures::Figures;
use crate::aws::Cloud;
use crate::deployment::event::{Event, Record};
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::deployment::outcome::Outcome;
use crate::report::history::Entry;
use crate::report::html::{Driver, HistoryPage, Measured, ServiceRow, ServicesPage};
use crate::report::view::View;
use crate::report::words;
use crate::runner::Clock;
use crate::store::{Duty, Holder, Store, StoreError};

/// How many deployments of a service are listed.
const LISTED: usize = 200;
/// How long CloudWatch's figures are good for: they come by the minute.
const FIGURES_FOR: Duration = Duration::from_secs(60);
/// How long after a deployment's last record some may still come in.
const FIGURES_LATE: Duration = Duration::from_mins(5);

/// The eyes of a server.
#[derive(Debug)]
pub struct Look {
    /// Whose services are shown.
    pub(super) store: Store,
    /// Its time.
    pub(super) clock: Clock,
    figures: Option<Figures>,
    /// Deployments that nothing can change any more.
    over: Mutex<BTreeMap<(ServiceName, DeploymentId), Entry>>,
}

impl Look {
    /// Of a store; without AWS, the pages show the figures that were judged.
    pub fn new(store: Store, clock: Clock, cloud: Option<Cloud>) -> Look {
        Look {
            store,
            clock,
            figures: cloud.map(Figures::new),
            over: Mutex::default(),
        }
    }

    /// Who drives a service's deployment right now, if somebody does.
    pub(super) async fn driver(&self, service: &ServiceName) -> Result<Option<Holder>, StoreError> {
        let holder = self.store.holder(service).await?;
        let now = self.clock.now();
        Ok(holder.filter(|it| it.duty == Duty::Deploy && it.lease_until > now))
    }

    /// The same as the pages say it: of one deployment, or of whichever it is.
    pub(super) async fn driven(&self, service: &ServiceName, id: Option<&DeploymentId>) -> Driver {
        match self.driver(service).await {
            Ok(holder) => holder
                .filter(|it| id.is_none_or(|id| it.deployment == *id))
                .map_or(Driver::Nobody, |it| Driver::Is(told(&it))),
            Err(error) => Driver::Unread(error.to_string()),
        }
    }

    /// All services, each with its last deployment.
    pub(super) async fn services(&self) -> Result<ServicesPage, StoreError> {
        let mut page = ServicesPage::default();
        for service in self.store.services().await? {
            match self.service(&service).await {
                Ok(row) => page.services.extend(row),
                Err(error) => page
                    .problems
                    .push(format!("{service} can't be read: {error}")),
            }
        }
        Ok(page)
    }

    async fn service(&self, service: &ServiceName) -> Result<Option<ServiceRow>, StoreError> {
        let Some(last) = self.store.deployments(service).await?.pop() else {
            return Ok(None);
        };
        let view = View::of(&self.store.journal(service, &last).await?);
        let driver = self.driven(service, None).await;
        Ok(ServiceRow::of(service, &view, &driver, self.clock.now()))
    }

    /// A service's deployments, the newest first.
    pub(super) async fn history(&self, service: &ServiceName) -> Result<HistoryPage, StoreError> {
        let mut page = HistoryPage {
            service: service.clone(),
            entries: Vec::new(),
            problems: Vec::new(),
        };
        let ids = self.store.deployments(service).await?;
        for id in ids.into_iter().rev().take(LISTED) {
            match self.entry(service, &id).await {
                Ok(entry) => page.entries.extend(entry),
                Err(error) => page.problems.push(format!("{id} can't be read: {error}")),
            }
        }
        Ok(page)
    }

    async fn entry(
        &self,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Option<Entry>, StoreError> {
        let key = (service.clone(), id.clone());
        let known = self
            .over
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if known.is_some() {
            return Ok(known);
        }
        let entry = Entry::of(&View::of(&self.store.journal(service, id).await?));
        if let Some(over) = entry.as_ref().filter(|it| is_over(it.outcome.as_ref())) {
            let mut cached = self.over.lock().unwrap_or_else(PoisonError::into_inner);
            cached.insert(key, over.clone());
        }
        Ok(entry)
    }

    /// What CloudWatch counted, asked at most once a minute.
    pub(super) async fn measured(&self, records: &[Record], part: Part) -> Measured {
        let none = Measured::Minutes(BTreeMap::new());
        let plan = records.iter().find_map(|record| match &record.event {
            Event::Started { plan } => Some(plan),
            _ => None,
        });
        let (Some(figures), Some(plan), Some(last)) = (&self.figures, plan, records.last()) else {
            return none;
        };
        let good_for = self.good_for(records, part);
        figures.of(plan, last.at, good_for).await
    }

    /// A page that stays open asks for no figures once none can come in any more: each call costs.
    fn good_for(&self, records: &[Record], part: Part) -> Duration {
        let ended = View::of(records).outcome.is_some();
        let since = records
            .last()
            .map(|it| words::between(it.at, self.clock.now()));
        match part == Part::Main && ended && since > Some(FIGURES_LATE) {
            true => Duration::MAX,
            false => FIGURES_FOR.div_f64(self.clock.speed().max(1.0)),
        }
    }
}

/// `kim@build-7`.
fn told(holder: &Holder) -> String {
    format!("{}@{}", holder.owner, holder.host)
}

/// One that was kept or is stuck may be gone on with.
fn is_over(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Promoted | Outcome::Reverted { .. }))
}
