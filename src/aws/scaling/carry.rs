//! Carries blue's autoscaling over to green, holds back what takes tasks away, and puts that back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::{is_stepped, of, resource, state_of};
use crate::aws::cloud::Cloud;
use crate::aws::ecs::{last_part, list, tag, text};
use crate::aws::error::AwsError;
use crate::deployment::ids::{ClusterName, EcsServiceName, SlotName, Slots};
use crate::deployment::plan::{Plan, RetireHow};
use crate::deployment::scaling::{HELD_TAG, ScalableTarget, Scaling, Suspended, Whose};

/// Just after registering, calls may not see a target yet: so many tries, a second apart.
const TRIES: u32 = 5;

impl Cloud {
    /// From here on blue keeps its tasks, whatever its load. `blue` is its service.
    pub(in crate::aws) async fn hold_scale_in(
        &self,
        plan: &Plan,
        scaling: &Scaling,
        blue: &Value,
    ) -> Result<(), AwsError> {
        let Some(suspended) = scaling.of_blue().filter(|it| !it.scale_in) else {
            return Ok(());
        };
        if tag(list(blue, "tags"), HELD_TAG).is_none() {
            let tags = [held_by(plan)];
            let body = json!({ "resourceArn": text(blue, "serviceArn"), "tags": tags });
            self.tag_resource(body).await?;
        }
        let resource = resource(&plan.cluster, &plan.slots[plan.blue].service);
        let held = suspended.without_scale_in();
        let body = of(&resource, json!({ "SuspendedState": state_of(held) }));
        self.register_scalable_target(body).await.map(|_| ())
    }

    /// Gives green all that blue has, or wakes what it has of its own; scale-in stays off. Its
    /// service is there, with its tasks.
    pub(in crate::aws) async fn carry_scaling(
        &self,
        plan: &Plan,
        scaling: &Scaling,
    ) -> Result<(), AwsError> {
        let service = &plan.slots[plan.green_slot()].service;
        let resource = resource(&plan.cluster, service);
        let held = scaling.suspended.without_scale_in();
        let mut target = json!({
            "MinCapacity": scaling.min,
            "MaxCapacity": scaling.max,
            "SuspendedState": state_of(held),
        });
        if !scaling.tags.is_empty() {
            // Only a new target takes them.
            let there = self.scalable_targets(&plan.cluster, &[service]).await?;
            if there.iter().all(Option::is_none) {
                target["Tags"] = json!(scaling.tags);
            }
        }
        self.register_scalable_target(of(&resource, target)).await?;
        let names = (last_part(plan.cluster.as_str()), service.as_str());
        if scaling.whose != Whose::Blue {
            if scaling.alarms.is_empty() {
                return Ok(());
            }
            let own = self.policies(&resource).await?;
            let arn = |it: &Value| {
                (
                    text(it, "PolicyName").to_owned(),
                    text(it, "PolicyARN").to_owned(),
                )
            };
            let arns = own.iter().map(arn).collect();
            return self.put_step_alarms(names, &scaling.alarms, &arns).await;
        }
        let (before, schedules) =
            tokio::try_join!(self.policies(&resource), self.schedules_of(&resource))?;
        let mut arns = BTreeMap::new();
        for policy in &scaling.policies {
            let body = of(&resource, policy.clone());
            let put = self.soon(|| self.put_scaling_policy(body.clone())).await?;
            let name = text(policy, "PolicyName").to_owned();
            arns.insert(name, text(&put, "PolicyARN").to_owned());
        }
        for schedule in &scaling.schedules {
            let body = of(&resource, schedule.clone());
            self.soon(|| self.put_scheduled_action(body.clone()))
                .await?;
        }
        for name in outdated(&before, &scaling.policies, "PolicyName") {
            let body = of(&resource, json!({ "PolicyName": name }));
            self.delete_scaling_policy(body).await?;
        }
        for name in outdated(&schedules, &scaling.schedules, "ScheduledActionName") {
            let body = of(&resource, json!({ "ScheduledActionName": name }));
            self.delete_scheduled_action(body).await?;
        }
        if scaling.alarms.is_empty() && !before.iter().any(is_stepped) {
            return Ok(());
        }
        self.put_step_alarms(names, &scaling.alarms, &arns).await
    }

    /// Makes a call again while AWS doesn't see what it has just taken.
    pub(in crate::aws) async fn soon<F>(&self, call: impl Fn() -> F) -> Result<Value, AwsError>
    where
        F: Future<Output = Result<Value, AwsError>>,
    {
        let mut tries = 1;
        loop {
            match call().await {
                Err(error) if error.is_not_found() && tries < TRIES => tries += 1,
                result => return result,
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Gives the side that serves the scaling that blue had before, and puts an idle green to
    /// sleep. A blue that is to be retired keeps its tasks until then.
    pub(in crate::aws) async fn restore_scaling(
        &self,
        plan: &Plan,
        scaling: &Scaling,
        serving: SlotName,
    ) -> Result<(), AwsError> {
        let names = [&plan.slots.a.service, &plan.slots.b.service];
        let mut found = self.scalable_targets(&plan.cluster, &names).await?;
        let mut found = found.iter_mut().map(Option::take);
        let targets = Slots::from_fn(|_| found.next().flatten());
        let mut freed = BTreeSet::from([serving]);
        if plan.retire.then == RetireHow::Keep {
            freed.insert(plan.blue);
        }
        if serving == plan.blue && targets[plan.green_slot()].is_some() {
            let green = &plan.slots[plan.green_slot()].service;
            self.sleep_scaling(&plan.cluster, green).await?;
        }
        // What somebody has set on blue meanwhile holds for green, too.
        let of_blue = targets[plan.blue].as_ref();
        let moved = of_blue.filter(|it| {
            scaling.whose == Whose::Blue && (it.min, it.max) != (scaling.min, scaling.max)
        });
        for slot in &freed {
            let before = match *slot == plan.blue {
                true => scaling.of_blue(),
                false => Some(scaling.suspended),
            };
            if let (Some(target), Some(before)) = (&targets[*slot], before) {
                let bounds = moved.unwrap_or(target);
                self.free(target, bounds, before).await?;
            }
        }
        for slot in freed {
            let service = &plan.slots[slot].service;
            let tags = BTreeMap::from([(HELD_TAG.to_owned(), None)]);
            self.tag(&plan.cluster, service, &tags).await?;
        }
        Ok(())
    }

    /// Lets scale-in be what it was; what else is suspended is as somebody may have set it
    /// meanwhile.
    async fn free(
        &self,
        target: &ScalableTarget,
        bounds: &ScalableTarget,
        before: Suspended,
    ) -> Result<(), AwsError> {
        let suspended = Suspended {
            scale_in: before.scale_in,
            ..target.suspended
        };
        let bounds = (bounds.min, bounds.max);
        if suspended == target.suspended && bounds == (target.min, target.max) {
            return Ok(());
        }
        let fields = json!({
            "MinCapacity": bounds.0,
            "MaxCapacity": bounds.1,
            "SuspendedState": state_of(suspended),
        });
        let body = of(&target.resource, fields);
        self.register_scalable_target(body).await.map(|_| ())
    }

    /// Lets a service scale in again that was kept from it for a deployment of which nothing else
    /// is known: its tag says so, and that scale-in was on before. Answers whether it was.
    ///
    /// # Errors
    /// When it can't be read or changed.
    pub async fn release_scale_in(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
    ) -> Result<bool, AwsError> {
        let found = self.services(cluster, &[service]).await?;
        let held = |service: &Value| tag(list(service, "tags"), HELD_TAG).is_some();
        if !found.iter().flatten().any(held) {
            return Ok(false);
        }
        let targets = self.scalable_targets(cluster, &[service]).await?;
        for target in targets.iter().flatten() {
            let before = Suspended {
                scale_in: false,
                ..target.suspended
            };
            self.free(target, target, before).await?;
        }
        let tags = BTreeMap::from([(HELD_TAG.to_owned(), None)]);
        self.tag(cluster, service, &tags).await?;
        Ok(true)
    }

    /// Keeps autoscaling from starting an idle service's tasks again. The alarms that this program
    /// made for its step policies go: the next deployment makes them anew.
    pub(in crate::aws) async fn sleep_scaling(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
    ) -> Result<(), AwsError> {
        let asleep = json!({ "MinCapacity": 0, "SuspendedState": state_of(Suspended::ALL) });
        let body = of(&resource(cluster, service), asleep);
        match self.register_scalable_target(body).await {
            Err(error) if is_of_no_service(&error) => {}
            // One that doesn't scale has no bounds that could be kept.
            Err(error) if !error.class.may_pass() => {
                let found = self.scalable_targets(cluster, &[service]).await?;
                if found.iter().any(Option::is_some) {
                    return Err(error);
                }
            }
            result => drop(result?),
        }
        self.delete_step_alarms(last_part(cluster.as_str()), service.as_str())
            .await?;
        let tags = BTreeMap::from([(HELD_TAG.to_owned(), None)]);
        self.tag(cluster, service, &tags).await
    }

    /// Takes the autoscaling off a service that is to be deleted, with what belongs to it.
    pub(in crate::aws) async fn drop_scaling(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
    ) -> Result<(), AwsError> {
        let there = match self.scalable_targets(cluster, &[service]).await {
            // Who may not ask was warned before the deployment.
            Err(error) if error.is_for_good() => false,
            found => found?.iter().any(Option::is_some),
        };
        if !there {
            return Ok(());
        }
        let body = of(&resource(cluster, service), Value::Null);
        match self.deregister_scalable_target(body).await {
            Err(error) if error.is_not_found() => Ok(()),
            result => result.map(|_| ()),
        }
    }
}

/// The tag that says on whose behalf scale-in is off.
pub(in crate::aws) fn held_by(plan: &Plan) -> Value {
    json!({ "key": HELD_TAG, "value": plan.id.as_str() })
}

/// The names of what is there and isn't wanted.
fn outdated<'a>(
    there: &'a [Value],
    wanted: &'a [Value],
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    // A forecast is green's own: it is not carried over, and not taken off.
    let there = there
        .iter()
        .filter(|it| it["PolicyType"] != "PredictiveScaling")
        .filter_map(move |it| it[name].as_str());
    there.filter(move |it| !wanted.iter().any(|wanted| wanted[name] == *it))
}

fn is_of_no_service(error: &AwsError) -> bool {
    error.is_not_found() || error.message.contains("ECS service doesn't exist")
}
