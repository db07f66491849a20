//! Everything about a service that adopting it has to know. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::{TargetHealthDescription, TargetHealthStateEnum};
use serde_json::Value;

use super::alarms::PAGES_OF_ALARMS;
use crate::adopt::{
    Across, Facts, Group, Limits, RouteFound, Wanted, groups_of_twin, service_stems,
};
use crate::aws::cloud::Cloud;
use crate::aws::ecs::{last_part, own_groups, text};
use crate::aws::error::AwsError;
use crate::aws::forward;
use crate::aws::retry::{Effect, patiently};
use crate::aws::strangers::{Registered, registered};
use crate::aws::together::some;
use crate::deployment::ids::{ClusterName, EcsServiceName, LoadBalancerArn, TargetGroupArn};
use crate::deployment::observation::Seen;
use crate::deployment::scaling::ScalableTarget;
use crate::deployment::surroundings::Forward;

const LIMITS: &str = "elasticloadbalancing:DescribeAccountLimits";
/// Calls at once, out of a bucket of 40 that refills by 10 a second and isn't only ours.
const AT_ONCE: usize = 8;
/// How long a look waits for an account that others keep busy.
const THROTTLED_AT_MOST: Duration = Duration::from_secs(30);
/// Names of limits, with ELBv2's own figures for where the account's can't be asked for. For network
/// load balancers the first one dates from before they took weights.
const GROUPS_PER_ACTION: (&str, usize) =
    ("target-groups-per-action-on-application-load-balancer", 5);
const GROUPS_PER_APPLICATION: (&str, usize) = ("target-groups-per-application-load-balancer", 100);
const GROUPS_PER_NETWORK: (&str, usize) = ("target-groups-per-network-load-balancer", 3000);

impl Cloud {
    /// Looks at a service and everything that its traffic goes through; `None` where there is no
    /// such service or cluster. What can be done without and isn't allowed is a note.
    ///
    /// # Errors
    /// When anything else can't be read; what is throttled only after half a minute.
    pub async fn look_to_adopt(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
        wanted: &Wanted,
    ) -> Result<Option<Facts>, AwsError> {
        patiently(THROTTLED_AT_MOST, self.look_at(cluster, service, wanted)).await
    }

    async fn look_at(
        &self,
        cluster: &ClusterName,
        name: &EcsServiceName,
        wanted: &Wanted,
    ) -> Result<Option<Facts>, AwsError> {
        let names = [name];
        let (account, found) = tokio::join!(self.account(), self.services(cluster, &names));
        let service = match found {
            Err(error) if error.is_not_found() => None,
            found => found?.into_iter().next().flatten(),
        };
        let Some(mut service) = service else {
            return Ok(None);
        };
        let mut notes = Vec::new();
        self.add_connectors([&mut service], &mut notes).await?;
        let own: Vec<String> = own_groups(&service)
            .map(|it| it.as_str().to_owned())
            .collect();
        let of_slots = slot_names(name, wanted);
        let others = self.other_slots(cluster, name, wanted).await?;
        let theirs = groups_of_twin(&service, &others, wanted);
        let theirs = theirs.into_iter().filter(|it| !own.iter().any(|a| a == it));
        let theirs: Vec<String> = theirs.map(str::to_owned).collect();
        let (mut groups, routes, across, limits) =
            self.traffic(&own, &theirs, wanted, &mut notes).await?;
        let (scaling, alarms) = tokio::join!(
            self.scaling_to_adopt(cluster, &of_slots),
            self.alarms_naming(&groups, cluster, &of_slots),
        );
        let scaling = match scaling {
            Err(error) if error.is_for_good() => Seen::Unreadable(error.to_string()),
            found => Seen::Value(found?),
        };
        let alarms = match alarms {
            Err(error) if error.is_for_good() => {
                notes.push(format!("alarms can't be looked for: {error}"));
                Vec::new()
            }
            alarms => {
                let (alarms, all_seen) = alarms?;
                if !all_seen {
                    notes.push(format!(
                        "the account has more than {} alarms: some were not looked at",
                        PAGES_OF_ALARMS * 100
                    ));
                }
                alarms
            }
        };
        let known = || others.values().chain([&service]);
        let names = own_groups(&service).map(|it| it.name().to_owned());
        let names = names.flat_map(|it| [wanted.group_names(&it), vec![it]].concat());
        let names: BTreeSet<String> = names.collect();
        let matter = groups.iter_mut().filter(|it| names.contains(&it.name));
        let marked = self.mark_strangers(cluster, known(), matter).await;
        if let Err(error) = marked {
            if !error.is_for_good() {
                return Err(error);
            }
            notes.push(format!(
                "whether target groups have targets that are no tasks of theirs is not known: {error}"
            ));
        }
        Ok(Some(Facts {
            account: account?,
            region: self.region().to_owned(),
            cluster: ClusterName::new(last_part(cluster.as_str())),
            service,
            others,
            groups,
            routes,
            across,
            limits,
            scaling,
            alarms,
            wanted: wanted.clone(),
            notes,
        }))
    }

    /// The autoscaling of those services that have any.
    async fn scaling_to_adopt(
        &self,
        cluster: &ClusterName,
        services: &BTreeSet<String>,
    ) -> Result<BTreeMap<EcsServiceName, ScalableTarget>, AwsError> {
        let names: Vec<EcsServiceName> = services.iter().map(EcsServiceName::new).collect();
        let asked: Vec<&EcsServiceName> = names.iter().collect();
        let targets = self.scalable_targets(cluster, &asked).await?;
        let found = names.into_iter().zip(targets);
        Ok(found.filter_map(|(name, it)| Some((name, it?))).collect())
    }

    /// Finds out which targets of `groups` are no tasks of the services that are registered there.
    async fn mark_strangers(
        &self,
        cluster: &ClusterName,
        services: impl Iterator<Item = &Value> + Clone,
        groups: impl Iterator<Item = &mut Group>,
    ) -> Result<(), AwsError> {
        for group in groups.filter(|group| group.targets > 0) {
            let id = group.id();
            let owns = |service: &&Value| own_groups(service).any(|own| own == id);
            let owner = services.clone().find(owns);
            let owner = owner.map(|it| EcsServiceName::new(text(it, "serviceName")));
            let own = registered(&self.targets_of(&id).await?);
            let own = Registered::from([(id.clone(), own)]);
            let mut found = self.strangers(cluster, owner.as_ref(), &own, &[]).await?;
            group.strangers = found.remove(&id).unwrap_or_default();
        }
        Ok(())
    }

    /// The services that exist among those that could be this one's other slot.
    async fn other_slots(
        &self,
        cluster: &ClusterName,
        name: &EcsServiceName,
        wanted: &Wanted,
    ) -> Result<BTreeMap<EcsServiceName, Value>, AwsError> {
        let firsts = service_stems(name.as_str()).into_iter();
        // Where slot b of such a one has another name, this one isn't it.
        let twins = firsts.flat_map(|first| Wanted::default().service_names(&first));
        let mut names: BTreeSet<String> = twins.chain(other_names(name, wanted)).collect();
        names.remove(name.as_str());
        let names = names.into_iter();
        let names: Vec<EcsServiceName> = names.map(EcsServiceName::new).collect();
        let asked: Vec<&EcsServiceName> = names.iter().collect();
        let found = self.services(cluster, &asked).await?;
        let found = found.into_iter().flatten();
        let named = |service: Value| (EcsServiceName::new(text(&service, "serviceName")), service);
        Ok(found.map(named).collect())
    }

    /// The groups that matter, the forward actions that name `own` or those that a deployed slot b
    /// is registered with, and what is allowed.
    async fn traffic(
        &self,
        own: &[String],
        theirs: &[String],
        wanted: &Wanted,
        notes: &mut Vec<String>,
    ) -> Result<(Vec<Group>, Vec<RouteFound>, Across, Limits), AwsError> {
        if own.is_empty() {
            return Ok(Default::default());
        }
        let mut groups = self.groups_by_arn(own).await?;
        let theirs = self.groups_of_slot_b(&groups, theirs).await?;
        let ids = own.iter().map(TargetGroupArn::new);
        let ids: Vec<TargetGroupArn> = ids.chain(theirs.iter().map(Group::id)).collect();
        groups.extend(theirs);
        let balancers = groups
            .iter()
            .filter_map(|group| group.load_balancer.clone());
        let balancers: BTreeSet<LoadBalancerArn> = balancers.collect();
        let mut routes = Vec::new();
        let mut beside = Vec::new();
        let mut elsewhere: Vec<(TargetGroupArn, String)> = Vec::new();
        let allowed = self.account_limits(notes).await?;
        let mut per_balancer = BTreeMap::new();
        for balancer in &balancers {
            let (of_balancer, forwards) =
                tokio::join!(self.groups_of(balancer), self.forwards(balancer));
            let of_balancer = of_balancer?;
            let at_most = groups_per_balancer(&allowed, balancer);
            per_balancer.insert(balancer.clone(), (of_balancer.len(), at_most));
            beside.extend(of_balancer);
            let ids: Vec<&TargetGroupArn> = ids.iter().collect();
            let forwards = forwards?;
            for (found, list) in &forwards {
                let weights = forward::weights(list, &ids);
                let others = weights.iter().filter(|(_, weight)| **weight > 0);
                if !ids.iter().any(|group| weights.contains_key(*group)) {
                    let label = || found.label();
                    elsewhere.extend(others.map(|(group, _)| (group.clone(), label())));
                }
            }
            routes.extend(forwards.into_iter().filter_map(|(found, list)| {
                let weights = forward::weights(&list, &ids);
                let ours = ids.iter().any(|group| weights.contains_key(*group));
                let types = list
                    .children
                    .iter()
                    .filter_map(|action| action.text_of("Type"));
                let beside = types.filter(|kind| *kind != "forward").map(str::to_owned);
                ours.then(|| RouteFound {
                    forward: Forward {
                        weights,
                        sticky: forward::stickiness(&list),
                        user_pools: forward::user_pools(&list),
                        ..found
                    },
                    beside: beside.collect(),
                })
            }));
        }
        let candidates = groups
            .iter()
            .filter(|group| own.contains(&group.arn))
            .flat_map(|group| wanted.group_names(&group.name));
        let candidates: BTreeSet<String> = candidates.collect();
        beside.retain(|group| {
            let named = |it: &RouteFound| it.forward.weights.contains_key(&group.id());
            routes.iter().any(named) || candidates.contains(&group.name)
        });
        let known = |name: &String| beside.iter().any(|group| group.name == *name);
        let unknown: Vec<String> = candidates.iter().filter(|it| !known(it)).cloned().collect();
        beside.extend(self.groups_named(&unknown).await?);
        let hosts = routes.iter().flat_map(|it| it.forward.hosts.clone());
        let (across, at_other_ends) = self.across(&balancers, &hosts.collect(), notes).await;
        for group in beside.into_iter().chain(at_other_ends) {
            if !groups.iter().any(|known| known.arn == group.arn) {
                groups.push(group);
            }
        }
        for group in &mut groups {
            let here = elsewhere.iter().filter(|(arn, _)| *arn == group.id());
            group.elsewhere = here.map(|(_, label)| label.clone()).collect();
        }
        self.fill(&mut groups, own, notes).await?;
        let per_action = allowed.get(GROUPS_PER_ACTION.0).copied();
        let limits = Limits {
            per_action: per_action.unwrap_or(GROUPS_PER_ACTION.1),
            per_balancer,
        };
        Ok((groups, routes, across, limits))
    }

    /// Those of `theirs` that may stand in the same actions as `own`: one behind a load balancer of
    /// its own is led to by records.
    async fn groups_of_slot_b(
        &self,
        own: &[Group],
        theirs: &[String],
    ) -> Result<Vec<Group>, AwsError> {
        if theirs.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = match self.groups_by_arn(theirs).await {
            Err(error) if error.is_not_found() => Vec::new(),
            found => found?,
        };
        let is_out = own.iter().any(|it| it.load_balancer.is_none());
        found.retain(|b| {
            let shared = |a: &Group| a.load_balancer == b.load_balancer;
            is_out || b.load_balancer.is_none() || own.iter().any(shared)
        });
        Ok(found)
    }

    /// Attributes, tags and numbers of targets.
    async fn fill(
        &self,
        groups: &mut [Group],
        own: &[String],
        notes: &mut Vec<String>,
    ) -> Result<(), AwsError> {
        let arns: Vec<String> = groups.iter().map(|group| group.arn.clone()).collect();
        let ids: Vec<TargetGroupArn> = arns.iter().map(TargetGroupArn::new).collect();
        let asked = arns.iter().zip(&ids).map(|(arn, id)| async move {
            let (attributes, targets) = tokio::join!(self.attributes_of(arn), self.targets_of(id));
            let targets = targets?;
            let state = |it: &TargetHealthDescription| it.target_health()?.state().cloned();
            let drains =
                |it: &&TargetHealthDescription| state(it) == Some(TargetHealthStateEnum::Draining);
            let draining = targets.iter().filter(drains).count();
            Ok::<_, AwsError>((attributes?, targets.len(), draining))
        });
        let asked = some(AT_ONCE / 2, asked.collect()).await;
        let tags = match self.tags_of(own).await {
            Err(error) if error.is_for_good() => {
                notes.push(format!("tags can't be read, and are not copied: {error}"));
                BTreeMap::new()
            }
            tags => tags?,
        };
        for (group, found) in groups.iter_mut().zip(asked) {
            (group.attributes, group.targets, group.draining) = found?;
            group.tags = tags.get(&group.arn).cloned().unwrap_or_default();
        }
        Ok(())
    }

    /// The account's limits by their names; none where they may not be asked for.
    async fn account_limits(
        &self,
        notes: &mut Vec<String>,
    ) -> Result<BTreeMap<String, usize>, AwsError> {
        let described = self
            .call(LIMITS, Effect::Reads, || {
                self.elb().describe_account_limits().send()
            })
            .await;
        let described = match described {
            Err(error) if error.is_for_good() => {
                notes.push(format!("the account's limits can't be asked for: {error}"));
                return Ok(BTreeMap::new());
            }
            described => described?,
        };
        let limits = described.limits().iter();
        let limit = |name: &str, max: &str| Some((name.to_owned(), max.parse().ok()?));
        Ok(limits
            .filter_map(|found| limit(found.name()?, found.max()?))
            .collect())
    }
}

fn groups_per_balancer(allowed: &BTreeMap<String, usize>, balancer: &LoadBalancerArn) -> usize {
    let (name, otherwise) = match balancer.is_network() {
        true => GROUPS_PER_NETWORK,
        false => GROUPS_PER_APPLICATION,
    };
    allowed.get(name).copied().unwrap_or(otherwise)
}

/// The names that its other slot could have.
fn other_names(name: &EcsServiceName, wanted: &Wanted) -> BTreeSet<String> {
    let names = wanted.service_names(name.as_str()).into_iter();
    names.chain(service_stems(name.as_str())).collect()
}

/// And its own.
fn slot_names(name: &EcsServiceName, wanted: &Wanted) -> BTreeSet<String> {
    let mut names = other_names(name, wanted);
    names.insert(name.as_str().to_owned());
    names
}
