//! What a look at a live service found: plain data.

use std::collections::BTreeMap;

use serde_json::Value;

use super::names::{group_names, service_names};
use crate::deployment::dns::RecordFound;
use crate::deployment::ids::{
    AlarmName, ClusterName, EcsServiceName, LoadBalancerArn, TargetGroupArn,
};
use crate::deployment::observation::Seen;
use crate::deployment::scaling::ScalableTarget;
use crate::deployment::surroundings::{Forward, Stranger};

/// Everything that adopting a service has to know of AWS.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The account that the credentials belong to.
    pub account: String,
    /// The region that was asked.
    pub region: String,
    /// The cluster.
    pub cluster: ClusterName,
    /// The service, as DescribeServices prints it.
    pub service: Value,
    /// The services that exist among those that could be its other slot, the same way.
    pub others: BTreeMap<EcsServiceName, Value>,
    /// Every target group that matters: the service's own, those that the same forward actions
    /// name, and those that have a name which a new one could get.
    pub groups: Vec<Group>,
    /// Every forward action that names one of the service's own groups.
    pub routes: Vec<RouteFound>,
    /// The weighted records that lead to the load balancers of its groups, and what stands behind
    /// the other ends.
    pub across: Across,
    /// How many target groups are allowed.
    pub limits: Limits,
    /// The autoscaling of the service and of those that could be its other slot, where they have
    /// any; unreadable where it may not be asked for.
    pub scaling: Seen<BTreeMap<EcsServiceName, ScalableTarget>>,
    /// The alarms that name any of those groups, their load balancers or any of those services,
    /// and those that are made of such.
    pub alarms: Vec<AlarmNamed>,
    /// The names that a config gives slot b already.
    pub wanted: Wanted,
    /// What could not be looked at, though the rest can do without.
    pub notes: Vec<String>,
}

/// Names that slot b has to have; others are made up from slot a's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its service's.
    pub service: Option<EcsServiceName>,
    /// Its target groups', by the names of slot a's.
    pub groups: BTreeMap<String, String>,
}

impl Wanted {
    /// The names that slot b's target group could have, the best first.
    pub fn group_names(&self, a: &str) -> Vec<String> {
        match self.groups.get(a) {
            Some(name) => vec![name.clone()],
            None => group_names(a).to_vec(),
        }
    }

    /// The same for its service.
    pub fn service_names(&self, a: &str) -> Vec<String> {
        match &self.service {
            Some(name) => vec![name.as_str().to_owned()],
            None => service_names(a).to_vec(),
        }
    }

    /// The same, where these services are there: one whose name has a hash was made because the
    /// plain name was somebody else's.
    pub(super) fn service_names_beside(
        &self,
        a: &str,
        others: &BTreeMap<EcsServiceName, Value>,
    ) -> Vec<String> {
        let mut names = self.service_names(a);
        let is_there = |it: &String| others.contains_key(&EcsServiceName::new(it));
        if names.last().is_some_and(is_there) {
            names.reverse();
        }
        names
    }

    /// The service that has slot b's name, of those that are there.
    pub(super) fn twin<'v>(
        &self,
        a: &str,
        others: &'v BTreeMap<EcsServiceName, Value>,
    ) -> Option<&'v Value> {
        let names = self.service_names_beside(a, others).into_iter();
        let mut names = names.map(EcsServiceName::new);
        names.find_map(|name| others.get(&name))
    }
}

/// A target group with everything that a clone of it needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its settings by their names in CreateTargetGroup, also those that this program doesn't
    /// know: `HealthCheckPath`, `Matcher.HttpCode`. What is not set is not there.
    pub settings: BTreeMap<String, String>,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its tags, without those that AWS keeps for itself (`aws:`).
    pub tags: BTreeMap<String, String>,
    /// The load balancer that uses it, if any.
    pub load_balancer: Option<LoadBalancerArn>,
    /// How many targets are registered with it.
    pub targets: usize,
    /// How many of them are draining: they leave by themselves.
    pub draining: usize,
    /// Those of them that are no tasks of the service that it belongs to, and not draining.
    pub strangers: Vec<Stranger>,
    /// The labels of forward actions that give it traffic and don't name the service's groups.
    pub elsewhere: Vec<String>,
}

impl Group {
    /// Its ARN.
    pub fn id(&self) -> TargetGroupArn {
        TargetGroupArn::new(&self.arn)
    }

    /// A setting; empty where it is not set.
    pub fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map_or("", String::as_str)
    }
}

/// A forward action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteFound {
    /// Where it stands, and what it forwards to.
    pub forward: Forward,
    /// The types of the other actions in its list, such as `authenticate-oidc`.
    pub beside: Vec<String>,
}

/// Weighted Route 53 records over two load balancers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Across {
    /// Every name of which one weighted record leads to a load balancer of the service's groups,
    /// and another one elsewhere; each with the id of its zone.
    pub records: Vec<RecordFound>,
    /// The DNS names of the load balancers at their ends.
    pub names: BTreeMap<LoadBalancerArn, String>,
    /// The forward actions of those that aren't the service's own.
    pub forwards: Vec<Forward>,
}

/// How many target groups a load balancer and an action take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// In one forward action.
    pub per_action: usize,
    /// Of each load balancer that is concerned: how many it uses, and how many it may.
    pub per_balancer: BTreeMap<LoadBalancerArn, (usize, usize)>,
}

/// An alarm, with what its metrics' dimensions name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmNamed {
    /// Its name.
    pub name: AlarmName,
    /// `TargetGroup` dimensions: `targetgroup/NAME/ID`.
    pub groups: Vec<String>,
    /// `LoadBalancer` dimensions: `app/NAME/ID`.
    pub balancers: Vec<String>,
    /// `ServiceName` dimensions, where the cluster is this one.
    pub services: Vec<String>,
    /// The alarms that it is made of, whose dimensions it has then; none for most.
    pub made_of: Vec<AlarmName>,
}

impl AlarmNamed {
    /// Whether it goes by a service's own figures and no load balancer's.
    pub fn is_of_service(&self) -> bool {
        !self.services.is_empty() && self.groups.is_empty() && self.balancers.is_empty()
    }
}
