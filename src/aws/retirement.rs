//! Whether anybody still asks blue: the load balancers' request counts.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::MetricDataQuery;
use jiff::Timestamp;
use serde_json::Value;

use super::cloud::Cloud;
use super::ecs::{count, list, own_groups, tag};
use super::error::AwsError;
use super::metrics::{datapoints, query};
use super::records;
use crate::deployment::action::Action;
use crate::deployment::bare;
use crate::deployment::ids::{
    ClusterName, EcsServiceName, LoadBalancerArn, ScheduleName, SlotName, Slots, TargetGroupArn,
};
use crate::deployment::metrics::{MINUTE, minute_of};
use crate::deployment::observation::Seen;
use crate::deployment::retire::{self, Instead, RetireLook, Retirement};
use crate::deployment::surroundings::Forward;

const REQUESTS: &str = "RequestCount";
/// How far back to look: metrics are up to three minutes late, and two complete minutes are
/// needed.
const MINUTES: i32 = 8;
/// So many complete minutes without a request count as none.
const QUIET_MINUTES: usize = 2;

/// A group to look at, with the load balancer that uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The target group.
    pub group: TargetGroupArn,
    /// Its load balancer. Network load balancers have no request count: left out of the answer.
    pub load_balancer: LoadBalancerArn,
}

/// The requests of the last whole minutes, by the minute's beginning. A minute that CloudWatch
/// has nothing for is missing: for a group that is no traffic or no data yet, and only the load
/// balancer's count of the same minute tells which.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Requests {
    /// The group's.
    pub group: BTreeMap<Timestamp, f64>,
    /// Its load balancer's.
    pub load_balancer: BTreeMap<Timestamp, f64>,
}

impl Cloud {
    /// Looks at a slot that is to be retired: its service and tag, every forward action that
    /// names its groups, and what they were sent lately.
    pub async fn look_at_retirement(
        &self,
        cluster: &ClusterName,
        retirement: &Retirement,
        now: Timestamp,
    ) -> RetireLook {
        let own = [&retirement.service];
        let other = retirement.is_bare.then_some(&retirement.other);
        let names: Vec<_> = own.into_iter().chain(other).collect();
        let (services, scaling) = tokio::join!(
            self.services(cluster, &names),
            self.scalable_targets(cluster, &own),
        );
        let instead = retirement.is_bare.then(|| match &services {
            Ok(found) => Seen::Value(instead(retirement.slot, found)),
            Err(error) => Seen::Unreadable(error.to_string()),
        });
        let scaling = match scaling {
            Ok(targets) => Seen::Value(targets.into_iter().next().flatten()),
            // Who may not ask was warned before the deployment.
            Err(error) if error.is_for_good() => Seen::Value(None),
            Err(error) => Seen::Unreadable(error.to_string()),
        };
        let mut groups = retirement.groups.clone();
        let (desired, due) = match services {
            Ok(services) => {
                let service = services.into_iter().next().flatten();
                groups.extend(service.iter().flat_map(own_groups));
                let due = service
                    .as_ref()
                    .and_then(|it| tag(list(it, "tags"), retire::TAG));
                let due = due.and_then(|text| text.parse().ok());
                (
                    Seen::Value(service.map(|it| count(&it, "desiredCount"))),
                    due,
                )
            }
            Err(error) => (Seen::Unreadable(error.to_string()), None),
        };
        groups.sort();
        groups.dedup();
        let names: Vec<String> = groups.iter().map(ToString::to_string).collect();
        let forwards = self.forwards_of(&names).await;
        let forwards = match forwards {
            Ok((_, forwards)) => Seen::Value(forwards),
            Err(error) => Seen::Unreadable(error.to_string()),
        };
        let requests = match forwards.value() {
            Some(forwards) => self.requests_of(&groups, forwards, now).await,
            None => Seen::Value(retire::Requests::NoData),
        };
        let by_other_names = match forwards.value() {
            Some(forwards) if now >= retirement.gives_up_at() => {
                self.other_names(retirement, forwards).await
            }
            _ => Seen::Value(Vec::new()),
        };
        let forwards = match forwards {
            Seen::Value(forwards) => self.before_records(retirement, forwards).await,
            unreadable @ Seen::Unreadable(_) => unreadable,
        };
        RetireLook {
            now,
            forwards,
            desired,
            due,
            requests,
            by_other_names,
            groups,
            scaling,
            armed: self.armed(retirement.deadman.as_deref()).await,
            instead,
        }
    }

    /// The names that lead to a slot's load balancer beside its records.
    async fn other_names(
        &self,
        retirement: &Retirement,
        forwards: &[Forward],
    ) -> Seen<Vec<String>> {
        if retirement.records.is_empty() {
            return Seen::Value(Vec::new());
        }
        match self
            .names_beside(&retirement.records, retirement.slot)
            .await
        {
            Ok(found) => {
                let ours = found.into_iter().filter(|it| it.is_answered_by(forwards));
                Seen::Value(ours.map(|it| it.label()).collect())
            }
            Err(error) => Seen::Unreadable(error.to_string()),
        }
    }

    /// Puts the records of a slot in the place of what they lead to: that always forwards.
    async fn before_records(
        &self,
        retirement: &Retirement,
        mut forwards: Vec<Forward>,
    ) -> Seen<Vec<Forward>> {
        for record in &retirement.records {
            let behind = &record.ends[retirement.slot].load_balancer;
            forwards.retain(|it| it.load_balancer != *behind);
        }
        for record in &retirement.records {
            match self.pair_of(record).await {
                Ok(list) => forwards.push(Forward::of_record(
                    record.clone(),
                    records::weights(&list, record),
                )),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Seen::Unreadable(error.to_string()),
            }
        }
        Seen::Value(forwards)
    }

    async fn armed(&self, prefix: Option<&str>) -> Seen<Vec<ScheduleName>> {
        let Some(prefix) = prefix else {
            return Seen::Value(Vec::new());
        };
        let armed = self.schedules(prefix).await;
        armed.map_or_else(|error| Seen::Unreadable(error.to_string()), Seen::Value)
    }

    async fn requests_of(
        &self,
        groups: &[TargetGroupArn],
        forwards: &[Forward],
        now: Timestamp,
    ) -> Seen<retire::Requests> {
        let watched: Vec<Watched> = groups
            .iter()
            .filter_map(|group| {
                let forward = forwards.iter().find(|it| it.weights.contains_key(group))?;
                let load_balancer = forward.load_balancer.clone();
                Some(Watched {
                    group: group.clone(),
                    load_balancer,
                })
            })
            .collect();
        match self.observe_retirement(&watched, now).await {
            Ok(counts) => Seen::Value(in_quiet_minutes(&counts)),
            Err(error) => Seen::Unreadable(error.to_string()),
        }
    }

    /// Does to a service what retiring it asks for.
    pub async fn act_on_service(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
        action: &Action,
    ) -> Result<(), AwsError> {
        match action {
            Action::Scale { desired, .. } => self.scale(cluster, service, *desired).await,
            Action::SleepScaling { .. } => self.sleep_scaling(cluster, service).await,
            Action::Delete { .. } => {
                self.drop_scaling(cluster, service).await?;
                self.delete(cluster, service).await
            }
            Action::Tag { tags, .. } => self.tag(cluster, service, tags).await,
            other => Err(AwsError::invalid(
                "ecs:UpdateService",
                format!("could not {} without a plan", other.name()),
            )),
        }
    }

    /// Takes the tag off that says when a service is to be retired.
    pub async fn forget_retirement(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
    ) -> Result<(), AwsError> {
        let tags = BTreeMap::from([(retire::TAG.to_owned(), None)]);
        self.tag(cluster, service, &tags).await
    }

    /// The request counts of each group and of its load balancer, in one call.
    pub async fn observe_retirement(
        &self,
        watched: &[Watched],
        now: Timestamp,
    ) -> Result<BTreeMap<TargetGroupArn, Requests>, AwsError> {
        let countable: Vec<&Watched> = watched
            .iter()
            .filter(|watched| !watched.load_balancer.is_network())
            .collect();
        let mut counts: BTreeMap<_, _> = countable
            .iter()
            .map(|watched| (watched.group.clone(), Requests::default()))
            .collect();
        if countable.is_empty() {
            return Ok(counts);
        }
        let queries: Vec<MetricDataQuery> = countable
            .iter()
            .enumerate()
            .flat_map(|(at, watched)| {
                let count = |id, group| query(id, REQUESTS, &watched.load_balancer, group, "Sum");
                [
                    count(format!("g{at}"), Some(&watched.group)),
                    count(format!("b{at}"), None),
                ]
            })
            .collect();
        let end = minute_of(now);
        let start = end.checked_sub(MINUTE * MINUTES).unwrap_or(end);
        for result in self.metric_data(&queries, start, end).await? {
            let id = result.id().unwrap_or_default();
            let Some(watched) = id.get(1..).and_then(|at| at.parse::<usize>().ok()) else {
                continue;
            };
            let Some(requests) = countable
                .get(watched)
                .and_then(|watched| counts.get_mut(&watched.group))
            else {
                continue;
            };
            let side = match id.starts_with('g') {
                true => &mut requests.group,
                false => &mut requests.load_balancer,
            };
            side.extend(datapoints(&result));
        }
        Ok(counts)
    }
}

/// What the slot does that is not retired: of the services of the one that is, and its own.
fn instead(retired: SlotName, found: &[Option<Value>]) -> Instead {
    let service = |at: usize| found.get(at).cloned().flatten();
    let services = Slots::from_fn(|slot| service(usize::from(slot != retired)));
    let other = services[retired.other()].as_ref();
    let counted = |key| other.map_or(0, |service| count(service, key));
    Instead {
        is_live: bare::live(&services) == Some(retired.other()),
        running: counted("runningCount"),
        desired: counted("desiredCount"),
    }
}

/// What the groups were sent in the last two minutes that their load balancers have counts of.
fn in_quiet_minutes(counts: &BTreeMap<TargetGroupArn, Requests>) -> retire::Requests {
    if counts.is_empty() {
        return retire::Requests::NotCounted;
    }
    let mut sum = 0.0;
    for requests in counts.values() {
        let complete: Vec<_> = requests
            .load_balancer
            .keys()
            .rev()
            .take(QUIET_MINUTES)
            .collect();
        if complete.len() < QUIET_MINUTES {
            return retire::Requests::NoData;
        }
        let of_minute = |minute| requests.group.get(minute).copied().unwrap_or(0.0);
        sum += complete.into_iter().map(of_minute).sum::<f64>();
    }
    retire::Requests::Counted(sum.round() as u64)
}
