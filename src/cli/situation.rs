//! Where a service stands, from AWS alone, with what the store knows beside it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{CliError, ErrorKind};
use super::request;
use super::session::Session;
use crate::aws::{DEPLOYMENT_TAG, RouteWrite};
use crate::deployment::ids::{EcsServiceName, SlotName, Slots, TargetGroupArn, TaskDefinitionArn};
use crate::deployment::retire::{Due, Retirement, SERVED_TAG, TAG};
use crate::deployment::surroundings::{Forward, GroupFound};
use crate::deployment::task_definition;
use crate::report::status::{
    DeploymentStatus, RetireStatus, RouteStatus, SlotStatus, StatusReport,
};
use crate::report::view::View;
use crate::strategy::Weight;

/// What AWS shows of a service.
pub(super) struct Situation {
    services: Slots<Option<Value>>,
    definitions: BTreeMap<TaskDefinitionArn, Value>,
    healthy: BTreeMap<TargetGroupArn, u32>,
    traffic: Traffic,
}

/// What ELBv2 alone shows.
pub(super) struct Traffic {
    pub(super) groups: Slots<Vec<TargetGroupArn>>,
    pub(super) forwards: Vec<Forward>,
}

impl Traffic {
    /// Looks at nothing but ELBv2.
    pub(super) async fn look(session: &Session) -> Result<Traffic, CliError> {
        let wanted = request::slots(&session.config);
        let targets = SlotName::BOTH
            .iter()
            .flat_map(|slot| &wanted[*slot].targets);
        let names: Vec<String> = targets.map(|target| target.group.clone()).collect();
        let (groups, forwards) = session
            .cloud
            .forwards_of(&names)
            .await
            .map_err(|error| session.cant_look(&error))?;
        Ok(Traffic::of(session, &groups, forwards))
    }

    fn of(
        session: &Session,
        groups: &BTreeMap<String, Option<GroupFound>>,
        forwards: Vec<Forward>,
    ) -> Traffic {
        let wanted = request::slots(&session.config);
        let of_slot = |slot: SlotName| {
            let targets = wanted[slot].targets.iter();
            let found = targets.filter_map(|target| groups.get(&target.group)?.as_ref());
            found.map(|group| group.arn.clone()).collect()
        };
        Traffic {
            groups: Slots::from_fn(of_slot),
            forwards,
        }
    }

    fn weight(&self, forward: &Forward, slot: SlotName) -> u32 {
        let groups = self.groups[slot].iter();
        groups.filter_map(|group| forward.weights.get(group)).sum()
    }

    /// A slot's share of a route; `None` where it forwards nowhere.
    fn share(&self, forward: &Forward, slot: SlotName) -> Option<Weight> {
        let (own, other) = (
            self.weight(forward, slot),
            self.weight(forward, slot.other()),
        );
        let all = own + other;
        (all > 0).then(|| Weight::of_per_mille(((1000 * own + all / 2) / all) as u16))?
    }

    /// The slot with more traffic on every route; `None` where they disagree.
    pub(super) fn live(&self) -> Option<SlotName> {
        let leads = |slot: SlotName| {
            !self.forwards.is_empty()
                && self
                    .forwards
                    .iter()
                    .all(|it| self.weight(it, slot) > self.weight(it, slot.other()))
        };
        SlotName::BOTH.into_iter().find(|slot| leads(*slot))
    }

    /// What break glass has to write to give `to` everything.
    pub(super) fn writes(&self, to: SlotName) -> Vec<RouteWrite> {
        let pairs = |forward: &Forward| {
            let named = |slot: SlotName| {
                self.groups[slot]
                    .iter()
                    .position(|group| forward.weights.contains_key(group))
            };
            let at = named(to).or_else(|| named(to.other()))?;
            Some((
                self.groups[to].get(at)?.clone(),
                self.groups[to.other()].get(at)?.clone(),
            ))
        };
        self.forwards
            .iter()
            .filter_map(|forward| {
                let (to, from) = pairs(forward)?;
                let (arn, label) = (forward.arn.clone(), forward.label());
                Some(RouteWrite {
                    arn,
                    kind: forward.kind,
                    label,
                    to,
                    from,
                })
            })
            .collect()
    }
}

impl Situation {
    /// Looks at everything that a status shows.
    pub(super) async fn look(session: &Session) -> Result<Situation, CliError> {
        let found = session.survey_for_status().await?;
        let traffic = Traffic::of(session, &found.groups, found.forwards);
        if traffic.forwards.is_empty() && found.services.a.is_none() && found.services.b.is_none() {
            let (a, b) = (
                &session.config.slots.a.service,
                &session.config.slots.b.service,
            );
            return Err(CliError::refused(format!(
                "neither {a} nor {b} exists in cluster {}, and no route forwards to their groups",
                session.cluster()
            ))
            .hint("check `cluster`, `slots` and the region in bg.yaml"));
        }
        Ok(Situation {
            services: found.services,
            definitions: found.task_definitions,
            healthy: found.healthy,
            traffic,
        })
    }

    /// The document of `bg status`.
    pub(super) async fn report(&self, session: &Session) -> Result<StatusReport, CliError> {
        let live = self.traffic.live();
        let routes = self.traffic.forwards.iter().map(|forward| RouteStatus {
            label: forward.label(),
            arn: forward.arn.clone(),
            weights: Slots::from_fn(|slot| self.traffic.share(forward, slot)),
        });
        Ok(StatusReport {
            at: session.clock.now(),
            service: session.service(),
            cluster: session.cluster(),
            live: live.map(|slot| self.slot(session, slot)),
            idle: live.map(|slot| self.slot(session, slot.other())),
            routes: routes.collect(),
            deployment: running_deployment(session).await?,
            retire: live.and_then(|slot| {
                let due = self.due(slot.other())?;
                Some(RetireStatus {
                    slot: slot.other(),
                    at: due.at,
                })
            }),
        })
    }

    fn slot(&self, session: &Session, slot: SlotName) -> SlotStatus {
        let service = self.services[slot].as_ref();
        let number = |key: &str| {
            let value = service?.get(key)?.as_u64()?;
            u32::try_from(value).ok()
        };
        let definition = self.definition(slot);
        let images = definition
            .as_ref()
            .and_then(|arn| self.definitions.get(arn))
            .map(|described| task_definition::images(&task_definition::from_describe(described)));
        let shares = self
            .traffic
            .forwards
            .iter()
            .map(|it| self.traffic.share(it, slot));
        let shares: Vec<_> = shares.collect();
        let agreed = shares
            .first()
            .filter(|first| shares.iter().all(|it| it == *first));
        SlotStatus {
            slot,
            service: self.service(session, slot),
            task_definition: definition,
            images: images.unwrap_or_default().into_iter().collect(),
            desired: number("desiredCount"),
            running: number("runningCount"),
            healthy: self.traffic.groups[slot]
                .iter()
                .filter_map(|group| self.healthy.get(group).copied())
                .min(),
            weight: agreed.copied().flatten(),
        }
    }

    fn service(&self, session: &Session, slot: SlotName) -> EcsServiceName {
        request::slots(&session.config)[slot].service.clone()
    }

    /// What a slot's service is set to run.
    fn definition(&self, slot: SlotName) -> Option<TaskDefinitionArn> {
        let arn = self.services[slot]
            .as_ref()?
            .get("taskDefinition")?
            .as_str()?;
        Some(TaskDefinitionArn::new(arn))
    }

    fn tag(&self, slot: SlotName, key: &str) -> Option<&str> {
        let tags = self.services[slot].as_ref()?.get("tags")?.as_array()?;
        let tag = tags
            .iter()
            .find(|tag| tag.get("key").and_then(Value::as_str) == Some(key))?;
        tag.get("value")?.as_str()
    }

    /// When a slot is to be retired, by its tag.
    fn due(&self, slot: SlotName) -> Option<Due> {
        self.tag(slot, TAG)?.parse().ok()
    }

    /// The revision that served in a slot last, as far as AWS shows it. What the service is set
    /// to run is no answer once a deployment has touched it: that may have been reverted.
    pub(super) fn last_served(&self, slot: SlotName) -> Option<TaskDefinitionArn> {
        let by_tag = self.tag(slot, SERVED_TAG).map(TaskDefinitionArn::new);
        let untouched = self.due(slot).is_some() || self.tag(slot, DEPLOYMENT_TAG).is_none();
        by_tag.or_else(|| self.definition(slot).filter(|_| untouched))
    }

    /// Whether every route gives a slot everything.
    pub(super) fn serves_everything(&self, slot: SlotName) -> bool {
        let other = slot.other();
        let routes = &self.traffic.forwards;
        self.live() == Some(slot) && routes.iter().all(|it| self.traffic.weight(it, other) == 0)
    }

    /// The retirements that the tags ask for.
    pub(super) fn retirements(&self, session: &Session) -> Vec<Retirement> {
        let of_slot = |slot| {
            let due = self.due(slot)?;
            Some(Retirement {
                slot,
                service: self.service(session, slot),
                groups: self.traffic.groups[slot].clone(),
                due,
                at_most: session.config.retire.at_most,
            })
        };
        SlotName::BOTH.into_iter().filter_map(of_slot).collect()
    }

    /// The slot that carries production.
    pub(super) fn live(&self) -> Option<SlotName> {
        self.traffic.live()
    }

    /// Whether a slot's service exists.
    pub(super) fn exists(&self, slot: SlotName) -> bool {
        self.services[slot].is_some()
    }
}

/// The deployment that has not ended, whether or not its process is still there.
async fn running_deployment(session: &Session) -> Result<Option<DeploymentStatus>, CliError> {
    let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
    let service = session.service();
    let holder = session.store.holder(&service).await.map_err(unreadable)?;
    let now = session.clock.now();
    let held = holder.filter(|holder| holder.lease_until > now);
    let records = match &held {
        Some(holder) => session
            .store
            .journal(&service, &holder.deployment)
            .await
            .map_err(unreadable)?,
        None => session.unfinished().await?.unwrap_or_default(),
    };
    let mut view = View::new();
    for record in &records {
        view.apply(record);
    }
    Ok(DeploymentStatus::of(&view).map(|status| DeploymentStatus {
        abandoned: held.is_none(),
        ..status
    }))
}
