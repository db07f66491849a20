//! Where a service stands, from AWS alone, with what the store knows beside it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::error::{CliError, ErrorKind};
use super::missing;
use super::request;
use super::session::Session;
use super::traffic::Traffic;
use crate::deployment::bare::{LIVE_TAG, tag};
use crate::deployment::clone::DEPLOYMENT_TAG;
use crate::deployment::deadman;
use crate::deployment::ids::{
    DeploymentId, EcsServiceName, SlotName, Slots, TargetGroupArn, TaskDefinitionArn,
};
use crate::deployment::moved;
use crate::deployment::observation::Seen;
use crate::deployment::outcome::Outcome;
use crate::deployment::preflight::{refusals, under_way};
use crate::deployment::problem::Problem;
use crate::deployment::retire::{Due, Retirement, SERVED_TAG, TAG};
use crate::deployment::scaling::{HELD_TAG, ScalableTarget};
use crate::deployment::surroundings::Forward;
use crate::deployment::task_definition;
use crate::diagnose::Definition;
use crate::report::status::{
    DeploymentStatus, ProblemKind, ProblemStatus, RetireStatus, RouteStatus, SlotStatus,
    StatusReport, StoreStatus, UnknownStatus,
};
use crate::report::view::View;
use crate::report::words;

/// How a deployment ended of which only tags tell.
pub(super) enum Over {
    /// The slot that was its green has nothing any more, and never had everything.
    PutBack(SlotName),
    /// The revision that it brought to a slot has served there, and no longer does.
    Served(SlotName, TaskDefinitionArn),
}

/// What AWS shows of a service.
pub(super) struct Situation {
    services: Slots<Option<Value>>,
    definitions: BTreeMap<TaskDefinitionArn, Value>,
    healthy: BTreeMap<TargetGroupArn, u32>,
    scaling: Seen<Slots<Option<ScalableTarget>>>,
    traffic: Traffic,
}

impl Situation {
    /// Looks at everything that a status shows.
    pub(super) async fn look(session: &Session) -> Result<Situation, CliError> {
        let found = session.survey_for_status().await?;
        if !found.cluster_exists {
            return Err(missing::no_cluster(&session.cloud, &session.cluster()).await);
        }
        let wanted = request::slots(&session.config);
        let traffic = Traffic::of(
            &wanted,
            &found.groups,
            found.forwards,
            &request::test_routes(&session.config),
            &found.services,
        )
        .without(found.dns.problems);
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
        let services = found.services;
        Ok(Situation {
            services,
            definitions: found.task_definitions,
            healthy: found.healthy,
            scaling: found.scaling,
            traffic,
        })
    }

    /// A slot's name says nothing of who serves.
    ///
    /// # Errors
    /// Where the slots are mixed up.
    pub(super) fn refuse_mixed_up(&self) -> Result<(), CliError> {
        self.traffic.refuse_mixed_up()
    }

    /// What ELBv2 shows.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Each slot's autoscaling.
    pub(super) fn scaling(&self) -> &Seen<Slots<Option<ScalableTarget>>> {
        &self.scaling
    }

    /// Healthy targets of a slot, in the group with the fewest; running tasks without any group.
    pub(super) fn healthy(&self, slot: SlotName) -> Option<u32> {
        if self.traffic.is_bare() {
            // What runs is what one knows without asking for each task.
            return self.number(slot, "runningCount");
        }
        let groups = self.traffic.groups(slot);
        let healthy = groups.iter().map(|group| self.healthy.get(group).copied());
        healthy.flatten().min()
    }

    /// How many tasks a slot's service is set to run.
    pub(super) fn desired(&self, slot: SlotName) -> Option<u32> {
        self.number(slot, "desiredCount")
    }

    /// What tasks of that definition run, where a slot's service names it.
    pub(super) fn described(&self, arn: &TaskDefinitionArn) -> Option<Definition> {
        let body = self.definitions.get(arn)?.get("taskDefinition")?.clone();
        let arn = arn.clone();
        Some(Definition { arn, body })
    }

    /// The containers' ports that a slot's service registers, each once.
    pub(super) fn ports(&self, slot: SlotName) -> Vec<u16> {
        let entries = self.services[slot]
            .as_ref()
            .and_then(|it| it.get("loadBalancers"));
        let entries = entries.and_then(Value::as_array).into_iter().flatten();
        let mut ports = Vec::new();
        for port in entries.filter_map(|it| it.get("containerPort")?.as_u64()?.try_into().ok()) {
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        ports
    }

    fn number(&self, slot: SlotName, key: &str) -> Option<u32> {
        let value = self.services[slot].as_ref()?.get(key)?.as_u64()?;
        u32::try_from(value).ok()
    }

    /// The deployment that a slot's service is tagged with.
    pub(super) fn deployment_of(&self, slot: SlotName) -> Option<DeploymentId> {
        tag(self.services[slot].as_ref()?, DEPLOYMENT_TAG).map(DeploymentId::new)
    }

    /// The slot whose tasks are of a deployment of which AWS shows no end.
    pub(super) fn under_way(&self) -> Option<(SlotName, DeploymentId)> {
        let of = |slot: SlotName| Some((slot, under_way(self.services[slot].as_ref())?));
        let mut slots = SlotName::BOTH.into_iter().filter_map(of);
        slots.next().filter(|_| slots.next().is_none())
    }

    /// How a deployment ended that is not under way, where the slot that was its green is its own
    /// still and the other one serves everything.
    pub(super) fn over(&self, id: &DeploymentId) -> Option<Over> {
        let its_own = |slot: &SlotName| {
            self.deployment_of(*slot).as_ref() == Some(id) && self.serves_everything(slot.other())
        };
        let green = SlotName::BOTH.into_iter().find(its_own)?;
        let definition = self.definition(green)?;
        let has_served = self.tag(green, SERVED_TAG) == Some(definition.as_str())
            || self.tag(green, LIVE_TAG) == Some(id.as_str());
        match has_served {
            true => Some(Over::Served(green, definition)),
            false => (self.desired(green) == Some(0)).then_some(Over::PutBack(green)),
        }
    }

    /// The document of `bg status`.
    pub(super) async fn report(&self, session: &Session) -> StatusReport {
        let known = session.unless_silent(self.known(session)).await;
        let ((deployment, unknown), store) = match known {
            Ok(known) => (known, None),
            Err(error) => {
                let trouble = StoreStatus {
                    trouble: error.message,
                    next: error.hints,
                };
                ((None, self.without_end()), Some(trouble))
            }
        };
        // Halfway, or between two routes' writes, only the deployment knows.
        let deployed = deployment.as_ref();
        let blue = deployed.and_then(DeploymentStatus::blue_under_way);
        let blue = blue.or_else(|| Some(unknown.as_ref()?.slot.other()));
        let by_journal = match self.traffic.live().or(blue) {
            None if store.is_none() => session.unless_silent(self.untagged(session)).await,
            _ => Ok(None),
        };
        let by_journal = by_journal.ok().flatten();
        let journals = by_journal.as_ref().map(|(slot, _)| *slot);
        // The config's names may have come after the deployment's.
        let told = self.traffic.mixed_up().is_none();
        let live = self.traffic.live().or(blue).or(journals);
        let live = live.filter(|_| told);
        let shown = |forwards: &[Forward]| {
            let carried = self.traffic.carried_by(forwards);
            let routes = forwards.iter().zip(&carried);
            let routes = routes.map(|(forward, carried)| RouteStatus {
                label: forward.label(),
                arn: forward.arn.clone(),
                weights: Slots::from_fn(|slot| carried.share(slot).filter(|_| told)),
            });
            routes.collect()
        };
        let moved = match (&deployment, &unknown) {
            (None, None) => live.and_then(|slot| moved::since(&self.services, slot)),
            _ => None,
        };
        let problems = match (&deployment, &unknown) {
            (None, None) => self.problems(session, store.as_ref()),
            _ => self.mixed_up(),
        };
        StatusReport {
            at: session.clock.now(),
            service: session.service(),
            cluster: session.cluster(),
            problems,
            live: live.map(|slot| self.slot(session, slot)),
            idle: live.map(|slot| self.slot(session, slot.other())),
            undecided: match live.is_none() && told {
                true => SlotName::BOTH.map(|slot| self.slot(session, slot)).to_vec(),
                false => Vec::new(),
            },
            routes: shown(&self.traffic.forwards),
            test_routes: shown(&self.traffic.tests),
            deployment,
            unknown: unknown.filter(|_| told),
            retire: live.and_then(|slot| {
                let due = self.due(slot.other())?;
                // What has traffic is kept.
                self.carries_nothing(slot.other()).then_some(RetireStatus {
                    slot: slot.other(),
                    at: due.at,
                })
            }),
            store,
            by_journal: by_journal.map(|(_, id)| id),
            moved: moved.filter(|_| !self.traffic.is_bare()),
        }
    }

    /// That the slots are mixed up.
    fn mixed_up(&self) -> Vec<ProblemStatus> {
        let problem = self.traffic.mixed_up().cloned();
        let problem = problem.map(|it| ProblemStatus::new(ProblemKind::MixedUp, it));
        problem.into_iter().collect()
    }

    /// What is wrong with the weights, where no deployment is known.
    fn problems(&self, session: &Session, silent: Option<&StoreStatus>) -> Vec<ProblemStatus> {
        let mixed_up = self.mixed_up();
        if !mixed_up.is_empty() {
            return mixed_up;
        }
        let service = session.service();
        let fix = match silent {
            None => refusals::ON_ONE_SLOT.to_owned(),
            Some(_) => format!("if no deployment is under way, {}", refusals::ON_ONE_SLOT),
        };
        let problems = self.traffic.unsettled(&service, &fix).into_iter();
        let split = |it| ProblemStatus::new(ProblemKind::Split, it);
        let missing = self.traffic.missing().iter().cloned();
        let missing = missing.map(|it| ProblemStatus::new(ProblemKind::NoRoute, it));
        let held = silent
            .is_none()
            .then(|| self.held(session.clock.now()))
            .flatten();
        missing.chain(problems.map(split)).chain(held).collect()
    }

    /// That autoscaling takes no tasks away, where no deployment is known to want that.
    fn held(&self, now: Timestamp) -> Option<ProblemStatus> {
        let live = self.traffic.live();
        let by = |slot: SlotName| {
            let service = self.services[slot].as_ref()?;
            // What waits to be retired without any traffic keeps its tasks until then.
            let waits = tag(service, TAG).is_some();
            if waits && live != Some(slot) && self.carries_nothing(slot) {
                return None;
            }
            let name = service.get("serviceName")?.as_str()?;
            Some((name, tag(service, HELD_TAG)?, self.due(slot)))
        };
        let held: Vec<(&str, &str, Option<Due>)> =
            SlotName::BOTH.into_iter().filter_map(by).collect();
        let (_, id, _) = held.first()?;
        let names: Vec<&str> = held.iter().map(|(name, ..)| *name).collect();
        let due = held.iter().find_map(|(.., due)| *due);
        let problem = Problem::new(
            format!(
                "autoscaling takes no tasks away from {}: deployment {id} held that, and has not \
                 let go of it",
                names.join(" and ")
            ),
            self.lets_go(due, now),
        );
        Some(ProblemStatus::new(ProblemKind::HeldScaleIn, problem))
    }

    /// What lets both sides scale in again, and what that does to traffic.
    fn lets_go(&self, due: Option<Due>, now: Timestamp) -> String {
        let live = self.traffic.live();
        let whole = live.is_some_and(|live| self.serves_everything(live));
        let (to, and) = match live {
            Some(live) if whole => (live.to_string(), "leaves traffic where it is".to_owned()),
            Some(live) => (live.to_string(), format!("gives slot {live} all traffic")),
            None => ("a|b".to_owned(), "gives that slot all traffic".to_owned()),
        };
        let force = format!("`bg rollback --to {to} --force`, which {and}");
        match due {
            Some(due) if due.at <= now => {
                format!("`bg tick`, which moves no traffic; or {force}")
            }
            Some(due) => format!(
                "`bg tick` from {} on, which moves no traffic; at once: {force}",
                words::moment(due.at, now)
            ),
            None if whole => format!("the next deployment does; at once: {force}"),
            None => force,
        }
    }

    /// Whether no route gives a slot anything.
    fn carries_nothing(&self, slot: SlotName) -> bool {
        let carried = self.traffic.carried();
        carried.iter().all(|it| it.slots[slot] == 0)
    }

    /// The deployment that the store shows, and what only AWS does.
    async fn known(
        &self,
        session: &Session,
    ) -> Result<(Option<DeploymentStatus>, Option<UnknownStatus>), CliError> {
        let deployment = self.deployment(session).await?;
        let unknown = match self.without_end() {
            Some(it) if deployment.is_none() && !session.knows_the_end_of(&it.id).await? => {
                Some(it)
            }
            _ => None,
        };
        Ok((deployment, unknown))
    }

    /// Which slot the last deployment left live, where both work and no tag says so.
    async fn untagged(
        &self,
        session: &Session,
    ) -> Result<Option<(SlotName, DeploymentId)>, CliError> {
        let works = |slot| self.desired(slot).is_some_and(|desired| desired > 0);
        if !self.traffic.is_bare() || !SlotName::BOTH.into_iter().all(works) {
            return Ok(None);
        }
        let view = View::of(&session.last_journal().await?);
        let Some(plan) = view.plan.as_ref() else {
            return Ok(None);
        };
        Ok(match &view.outcome {
            Some(Outcome::Promoted) => Some((plan.green_slot(), plan.id.clone())),
            Some(Outcome::Reverted { .. }) => Some((plan.green_slot().other(), plan.id.clone())),
            _ => None,
        })
    }

    fn without_end(&self) -> Option<UnknownStatus> {
        let (slot, id) = self.under_way()?;
        Some(UnknownStatus { id, slot })
    }

    /// The deployment that has not ended, whether or not its process is still there, or the last
    /// one if that was left as it was with traffic split.
    async fn deployment(&self, session: &Session) -> Result<Option<DeploymentStatus>, CliError> {
        let held = session.running_holder().await?;
        let records = match &held {
            Some(holder) => {
                let (service, id) = (session.service(), &holder.deployment);
                let journal = session.store.journal(&service, id).await;
                journal.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?
            }
            None => session.last_journal().await?,
        };
        let view = View::of(&records);
        let shown = match &view.outcome {
            None => true,
            Some(outcome) if outcome.is_in_the_middle() => {
                self.is_split() || self.traffic.forwards.is_empty()
            }
            Some(_) => held.is_some(),
        };
        let Some(status) = DeploymentStatus::of(&view).filter(|_| shown) else {
            return Ok(None);
        };
        let abandoned = held.is_none() && status.outcome.is_none();
        Ok(Some(DeploymentStatus {
            abandoned,
            // A bake whose end nobody waits for gets back the time that nobody watches.
            bake_until: status.bake_until.filter(|_| !abandoned),
            ..status
        }))
    }

    fn slot(&self, session: &Session, slot: SlotName) -> SlotStatus {
        let definition = self.definition(slot);
        let images = definition
            .as_ref()
            .and_then(|arn| self.definitions.get(arn))
            .map(|described| task_definition::images(&task_definition::from_describe(described)));
        let carried = self.traffic.carried();
        let shares: Vec<_> = carried.iter().map(|it| it.share(slot)).collect();
        let agreed = shares
            .first()
            .filter(|first| shares.iter().all(|it| it == *first));
        SlotStatus {
            slot,
            service: self.service(session, slot),
            task_definition: definition,
            images: images.unwrap_or_default().into_iter().collect(),
            desired: self.desired(slot),
            running: self.number(slot, "runningCount"),
            healthy: self.healthy(slot).filter(|_| !self.traffic.is_bare()),
            weight: agreed.copied().flatten(),
        }
    }

    fn service(&self, session: &Session, slot: SlotName) -> EcsServiceName {
        request::slots(&session.config)[slot].service.clone()
    }

    /// What a slot's service is set to run.
    pub(super) fn definition(&self, slot: SlotName) -> Option<TaskDefinitionArn> {
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
        let own = self.tag(slot, DEPLOYMENT_TAG);
        let promoted = own.is_some() && own == self.tag(slot, LIVE_TAG);
        let sound = promoted || self.due(slot).is_some() || own.is_none();
        by_tag
            .filter(|_| !promoted)
            .or_else(|| self.definition(slot).filter(|_| sound))
    }

    /// Whether a slot serves everything.
    pub(super) fn serves_everything(&self, slot: SlotName) -> bool {
        self.traffic.serves_everything(slot)
    }

    /// Whether no slot serves everything.
    pub(super) fn is_split(&self) -> bool {
        self.traffic.is_split()
    }

    /// The retirements that the tags ask for.
    pub(super) fn retirements(&self, session: &Session) -> Vec<Retirement> {
        let of_slot = |slot| {
            let due = self.due(slot)?;
            Some(Retirement {
                slot,
                service: self.service(session, slot),
                groups: self.traffic.groups(slot),
                other: self.service(session, slot.other()),
                is_bare: session.config.is_bare(),
                due,
                at_most: session.config.retire.at_most,
                deadman: session
                    .config
                    .deadman
                    .as_ref()
                    .map(|_| deadman::prefix(&session.cluster(), &session.service())),
                records: self.traffic.records(),
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
