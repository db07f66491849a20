//! The autoscaling of a slot that was to be retired and is kept.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{of, state_of};
use crate::aws::cloud::Cloud;
use crate::aws::ecs::{last_part, list, tag, text};
use crate::aws::error::AwsError;
use crate::deployment::bare::LIVE_TAG;
use crate::deployment::ids::{ClusterName, EcsServiceName, SlotName};
use crate::deployment::plan::Plan;
use crate::deployment::retire::Retirement;
use crate::deployment::scaling::{From, HELD_TAG, ScalableTarget, Scaling, Suspended, Whose};

impl Cloud {
    /// Gives the autoscaling of a slot that is not retired after all back what it was before its
    /// deployment: `plan` tells that where the journal is at hand, tags otherwise. The other slot
    /// may scale in again where that deployment kept it from it. Answers whose was changed.
    ///
    /// # Errors
    /// When it can't be read or changed.
    pub async fn give_scaling_back(
        &self,
        cluster: &ClusterName,
        retirement: &Retirement,
        plan: Option<&Plan>,
    ) -> Result<Vec<EcsServiceName>, AwsError> {
        let names = [&retirement.service, &retirement.other];
        let found = self.services(cluster, &names).await?;
        let service = |at: usize| found.get(at).and_then(Option::as_ref);
        let held = [holder(service(0)), holder(service(1))];
        let is_over = |id: &&str| {
            let known = [
                held[0],
                live_since(service(1)),
                plan.map(|it| it.id.as_str()),
            ];
            known.contains(&Some(*id))
        };
        let held = [held[0].is_some(), held[1].filter(is_over).is_some()];
        let targets = match self.scalable_targets(cluster, &names).await {
            // Who may not ask was warned before the deployment, and held nothing.
            Err(error) if error.is_for_good() && held == [false; 2] => return Ok(Vec::new()),
            targets => targets?,
        };
        let target = |at: usize| targets.get(at).and_then(Option::as_ref);
        let scaling = plan.and_then(|it| it.scaling.as_ref());
        let own = target(0).map(|own| match own.is_asleep() {
            true => awake(own, target(1), scaling),
            false => (own.min, released(own, held[0], scaling)),
        });
        let other = target(1).map(|it| (it.min, released(it, held[1], None)));
        // Before it wakes: while it sleeps, whoever comes next tries again.
        if let (Some(true), Some(plan)) = (target(0).map(ScalableTarget::is_asleep), plan) {
            match self.call_steps_again(plan, retirement.slot).await {
                // Who may not ask for alarms has made none.
                Err(error) if error.is_for_good() => {}
                called => called?,
            }
        }
        let mut changed = Vec::new();
        for (at, wanted) in [own, other].into_iter().enumerate() {
            let was_set = match (target(at), wanted) {
                (Some(target), Some(wanted)) => self.set_scaling(target, wanted).await?,
                _ => false,
            };
            if held[at] {
                let tags = BTreeMap::from([(HELD_TAG.to_owned(), None)]);
                self.tag(cluster, names[at], &tags).await?;
            }
            if was_set || held[at] {
                changed.push(names[at].clone());
            }
        }
        Ok(changed)
    }

    /// Wakes the autoscaling of a service that sleeps, as that of the `other` slot is set. Answers whether
    /// it slept.
    ///
    /// # Errors
    /// When it can't be read or changed.
    pub async fn wake_scaling(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
        other: &EcsServiceName,
    ) -> Result<bool, AwsError> {
        let targets = match self.scalable_targets(cluster, &[service, other]).await {
            // Who may not ask has put nothing to sleep.
            Err(error) if error.is_for_good() => return Ok(false),
            targets => targets?,
        };
        let target = |at: usize| targets.get(at).and_then(Option::as_ref);
        match target(0).filter(|it| it.is_asleep()) {
            Some(own) => self.set_scaling(own, awake(own, target(1), None)).await,
            None => Ok(false),
        }
    }

    /// Makes the alarms of a slot's step policies anew that went when it was put to sleep.
    async fn call_steps_again(&self, plan: &Plan, slot: SlotName) -> Result<(), AwsError> {
        let service = &plan.slots[slot].service;
        let names = [service, &plan.slots[slot.other()].service];
        let mut found = self.autoscaling(&plan.cluster, &names).await?.into_iter();
        let (Some(Some(own)), Some(Some(other))) = (found.next(), found.next()) else {
            return Ok(());
        };
        let from = From {
            cluster: &plan.cluster,
            slots: &plan.slots,
            blue: slot.other(),
            now: plan.created_at,
        };
        let (carried, _) = Scaling::carried(&from, &other, Some(&own));
        let arn = |it: &Value| {
            let of = |key| text(it, key).to_owned();
            (of("PolicyName"), of("PolicyARN"))
        };
        let arns = own.policies.iter().map(arn).collect();
        let names = (last_part(plan.cluster.as_str()), service.as_str());
        self.put_step_alarms(names, &carried.alarms, &arns).await
    }

    /// Answers whether there was anything to change.
    async fn set_scaling(
        &self,
        target: &ScalableTarget,
        (min, suspended): (u32, Suspended),
    ) -> Result<bool, AwsError> {
        if (min, suspended) == (target.min, target.suspended) {
            return Ok(false);
        }
        let fields = json!({
            "MinCapacity": min,
            "MaxCapacity": target.max,
            "SuspendedState": state_of(suspended),
        });
        let body = of(&target.resource, fields);
        self.register_scalable_target(body).await.map(|_| true)
    }
}

/// The deployment that keeps a service from scaling in.
fn holder(service: Option<&Value>) -> Option<&str> {
    tag(list(service?, "tags"), HELD_TAG)
}

/// The deployment by which a service became the live one: that is over.
fn live_since(service: Option<&Value>) -> Option<&str> {
    tag(list(service?, "tags"), LIVE_TAG)
}

/// What is suspended once nobody keeps it from scaling in any more; the rest is as somebody may
/// have set it meanwhile.
fn released(target: &ScalableTarget, is_held: bool, scaling: Option<&Scaling>) -> Suspended {
    let was_on = scaling
        .and_then(Scaling::of_blue)
        .is_some_and(|before| !before.scale_in);
    match is_held || was_on {
        true => Suspended {
            scale_in: false,
            ..target.suspended
        },
        false => target.suspended,
    }
}

/// What was put to sleep before its traffic came back: as planned, and where no plan is at hand as
/// the other slot, which got it from this one.
fn awake(
    own: &ScalableTarget,
    other: Option<&ScalableTarget>,
    scaling: Option<&Scaling>,
) -> (u32, Suspended) {
    let other = other.filter(|it| !it.is_asleep());
    let planned = scaling.filter(|it| it.whose == Whose::Blue);
    let min = planned.map(|it| it.min).or(other.map(|it| it.min));
    let before = scaling.and_then(Scaling::of_blue);
    let suspended = before.or(other.map(|it| it.suspended));
    (
        // Who knows no better keeps one task.
        min.unwrap_or(own.min.max(1)).min(own.max),
        suspended.unwrap_or_default(),
    )
}
