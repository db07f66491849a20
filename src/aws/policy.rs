//! The IAM policy that a config needs, from the table of permissions. Asks nothing of AWS.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::permissions::{Access, On, PERMISSIONS, When};
use crate::deployment::clone::DEPLOYMENT_TAG;
use crate::deployment::deadman::{self, Deadman};
use crate::deployment::dns::RecordType;
use crate::deployment::ids::{ClusterName, ServiceName, Slots};
use crate::deployment::plan::RetireHow;
use crate::deployment::preflight::{RouteWanted, RoutesWanted, SlotWanted};
use crate::deployment::scaling::alarm_prefix;
use crate::gate::FunctionName;
use crate::notify::{EventBus, TopicArn};

/// What stands for an account or a region that nothing tells. AWS accepts neither in a policy.
const ACCOUNT: &str = "${account}";
const REGION: &str = "${region}";

/// What a config says of the things that are read and written.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Twelve digits; where there are none the config's ARNs may tell.
    pub account: Option<String>,
    /// The AWS region; where there is none the config's ARNs may tell.
    pub region: Option<String>,
    /// The logical service.
    pub service: ServiceName,
    /// By name or ARN.
    pub cluster: ClusterName,
    /// Services and target groups, by name or ARN.
    pub slots: Slots<SlotWanted>,
    /// What may be written to.
    pub routes: RoutesWanted,
    /// What becomes of blue.
    pub retire: RetireHow,
    /// The dead-man switch.
    pub deadman: Option<Deadman>,
    /// The functions that gates call.
    pub functions: Vec<FunctionName>,
    /// The topics that are told what happens.
    pub topics: Vec<TopicArn>,
    /// The buses that are.
    pub buses: Vec<EventBus>,
    /// Whether a gate looks at scans of images.
    pub scans: bool,
    /// Whether a gate asks each of green's targets.
    pub asks_targets: bool,
    /// The Cognito user pools by which routes authenticate, as ARNs.
    pub user_pools: Vec<String>,
    /// The table of journals and locks.
    pub table: Option<String>,
}

impl Scope {
    /// Whether the config names no target group: a service without a load balancer.
    fn is_bare(&self) -> bool {
        self.slots.a.targets.is_empty() && self.slots.b.targets.is_empty()
    }
}

/// A policy, and what the config leaves open in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The document, as IAM takes it.
    pub document: Value,
    /// What is wider than it could be, or missing, and what to do about it.
    pub open: Vec<String>,
}

impl Policy {
    /// What only reads, or only writes, as a document of its own.
    #[must_use]
    pub fn part(&self, access: Access) -> Policy {
        let mut part = self.clone();
        let names = format!("{access:?}");
        let is_of_part = |statement: &Value| {
            let name = statement.get("Sid").and_then(Value::as_str);
            name.is_some_and(|it| it.starts_with(&names))
        };
        let statements = part.document.get_mut("Statement");
        if let Some(statements) = statements.and_then(Value::as_array_mut) {
            statements.retain(is_of_part);
        }
        part
    }

    /// Its length as AWS counts it: white space is left out.
    pub fn length(&self) -> usize {
        let text = self.document.to_string();
        text.chars().filter(|c| !c.is_whitespace()).count()
    }
}

/// The policy for everything that this program does with a config.
pub fn policy(scope: &Scope) -> Policy {
    let place = Place::of(scope);
    let mut actions: BTreeMap<(Access, On), Vec<&str>> = BTreeMap::new();
    for it in PERMISSIONS.iter().filter(|it| is_needed(it.when, scope)) {
        actions
            .entry((it.access, it.on))
            .or_default()
            .extend(it.actions);
    }
    let statements = actions.iter().filter_map(|((access, on), actions)| {
        let resources = place.resources(*on, scope);
        if resources.is_empty() {
            return None;
        }
        let mut statement = json!({
            "Sid": format!("{access:?}{on:?}"),
            "Effect": "Allow",
            "Action": actions,
            "Resource": resources,
        });
        if let Some(condition) = place.condition(*on, scope) {
            statement["Condition"] = condition;
        }
        Some(statement)
    });
    Policy {
        document: json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() }),
        open: place.open(scope),
    }
}

fn is_needed(when: When, scope: &Scope) -> bool {
    match when {
        When::Always => true,
        When::Deadman => scope.deadman.is_some(),
        When::Table => scope.table.is_some(),
        When::Scans => scope.scans,
        When::Targets => scope.asks_targets,
        When::Functions => !scope.functions.is_empty(),
        When::Topics => !scope.topics.is_empty(),
        When::Buses => !scope.buses.is_empty(),
        When::Deletes => scope.retire == RetireHow::Delete,
        When::Balanced => !scope.is_bare(),
        When::Records => scope.routes.records().next().is_some(),
        When::FindsZones => scope.routes.records().any(|it| it.zone_id().is_none()),
    }
}

/// Where things are, as ARNs say it.
struct Place {
    partition: String,
    region: String,
    account: String,
    cluster: String,
}

impl Place {
    fn of(scope: &Scope) -> Place {
        let arns = arns(scope);
        let told = |at: usize| {
            let parts = arns.iter().filter_map(|arn| arn.split(':').nth(at));
            parts
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .next()
        };
        let region = scope.region.clone().or_else(|| told(3));
        let by_region = || match region.as_deref() {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Place {
            partition: told(1).unwrap_or_else(|| by_region().to_owned()),
            region: region.unwrap_or_else(|| REGION.to_owned()),
            account: (scope.account.clone().or_else(|| told(4)))
                .unwrap_or_else(|| ACCOUNT.to_owned()),
            cluster: last(scope.cluster.as_str()).to_owned(),
        }
    }

    /// An ARN in this account and region.
    fn arn(&self, service: &str, resource: &str) -> String {
        let (region, account) = (&self.region, &self.account);
        format!(
            "arn:{}:{service}:{region}:{account}:{resource}",
            self.partition
        )
    }

    fn resources(&self, on: On, scope: &Scope) -> Vec<String> {
        let ecs = |resource: &str| self.arn("ecs", resource);
        let services = || {
            let names = [&scope.slots.a, &scope.slots.b].map(|slot| last(slot.service.as_str()));
            names.map(|name| ecs(&format!("service/{}/{name}", self.cluster)))
        };
        match on {
            On::Anything | On::InCluster => vec!["*".to_owned()],
            On::Cluster => vec![ecs(&format!("cluster/{}", self.cluster))],
            On::Services | On::Marks => services().to_vec(),
            On::Revisions => services()
                .map(|service| service.replacen(":service/", ":service-revision/", 1) + "/*")
                .to_vec(),
            On::Tasks => vec![ecs(&format!("task/{}/*", self.cluster))],
            On::TaskDefinitions | On::Registered => vec![ecs("task-definition/*")],
            On::Listeners => self.routes(scope, "listener"),
            On::Rules => self.routes(scope, "listener-rule"),
            On::TaskRoles | On::Roles => vec![format!(
                "arn:{}:iam::{}:role/*",
                self.partition, self.account
            )],
            On::SwitchRole => (scope.deadman.iter())
                .map(|it| it.role.to_string())
                .collect(),
            On::Schedules => {
                let prefix = deadman::prefix(&scope.cluster, &scope.service);
                vec![self.arn("scheduler", &format!("schedule/default/{prefix}*"))]
            }
            On::Functions => (scope.functions.iter())
                .map(|it| match it.arn() {
                    Ok(arn) => arn.to_owned(),
                    Err(resource) => self.arn("lambda", &resource),
                })
                .collect(),
            On::Topics => {
                let topics: BTreeSet<&str> = scope.topics.iter().map(TopicArn::as_str).collect();
                topics.into_iter().map(str::to_owned).collect()
            }
            On::Buses => {
                let arn = |bus: &EventBus| match bus.arn() {
                    Ok(arn) => arn.to_owned(),
                    Err(resource) => self.arn("events", &resource),
                };
                let buses: BTreeSet<String> = scope.buses.iter().map(arn).collect();
                buses.into_iter().collect()
            }
            On::Table => (scope.table.iter())
                .map(|table| self.arn("dynamodb", &format!("table/{table}")))
                .collect(),
            // Images and logs may be another region's, and images another account's.
            On::Repositories => vec![format!("arn:{}:ecr:*:*:repository/*", self.partition)],
            On::ScalableTargets | On::ScalingTags => {
                vec![self.arn("application-autoscaling", "scalable-target/*")]
            }
            On::ScalingAlarms => {
                let cluster = &self.cluster;
                let names = [&scope.slots.a, &scope.slots.b].map(|it| last(it.service.as_str()));
                let prefixes = names.iter().flat_map(|name| {
                    let tracking = format!("TargetTracking-service/{cluster}/{name}-");
                    [alarm_prefix(cluster, name), tracking]
                });
                prefixes
                    .map(|prefix| self.arn("cloudwatch", &format!("alarm:{prefix}*")))
                    .collect()
            }
            On::Zones | On::Records => {
                let zones = scope.routes.records().map(|it| it.zone_id().unwrap_or("*"));
                let zones: BTreeSet<&str> = zones.collect();
                let arn = |id| format!("arn:{}:route53:::hostedzone/{id}", self.partition);
                zones.into_iter().map(arn).collect()
            }
            On::UserPools => scope.user_pools.clone(),
            On::Changes => vec![format!("arn:{}:route53:::change/*", self.partition)],
            On::LogStreams => vec![format!(
                "arn:{}:logs:*:{}:log-group:*:log-stream:*",
                self.partition, self.account
            )],
            On::LogGroups => vec![format!(
                "arn:{}:logs:*:{}:log-group:*",
                self.partition, self.account
            )],
            // Those of another account may be shared with this one.
            On::Secrets => vec![format!(
                "arn:{}:secretsmanager:*:*:secret:*",
                self.partition
            )],
        }
    }

    /// The routes of a kind, `listener` or `listener-rule`, that may be written to.
    fn routes(&self, scope: &Scope, kind: &str) -> Vec<String> {
        let elb = |of: &str| self.arn("elasticloadbalancing", &format!("{kind}/{of}"));
        let RoutesWanted::Listed(routes) = &scope.routes else {
            return match kind {
                "listener" => vec![elb("app/*"), elb("net/*")],
                _ => vec![elb("app/*")],
            };
        };
        let mut resources = Vec::new();
        for route in routes {
            match route {
                RouteWanted::Arn(arn) if arn.contains(&format!(":{kind}/")) => {
                    resources.push(arn.clone());
                }
                RouteWanted::Arn(_) | RouteWanted::Record(_) => {}
                RouteWanted::Place {
                    load_balancer,
                    host,
                    path,
                    header,
                    ..
                } => {
                    let is_rule = [host, path, header].iter().any(|it| it.is_some());
                    if is_rule != (kind == "listener-rule") {
                        continue;
                    }
                    resources.extend(match load_balancer.split_once(":loadbalancer/") {
                        Some((_, whole)) => vec![elb(&format!("{whole}/*"))],
                        None if is_rule => vec![elb(&format!("app/{load_balancer}/*"))],
                        None => {
                            let kinds = ["app", "net"];
                            kinds
                                .map(|it| elb(&format!("{it}/{load_balancer}/*")))
                                .to_vec()
                        }
                    });
                }
            }
        }
        resources.sort();
        resources.dedup();
        resources
    }

    fn condition(&self, on: On, scope: &Scope) -> Option<Value> {
        Some(match on {
            On::InCluster => {
                let cluster = self.arn("ecs", &format!("cluster/{}", self.cluster));
                json!({ "ArnEquals": { "ecs:cluster": cluster } })
            }
            On::Registered => json!({ "StringEquals": {
                "ecs:CreateAction": "RegisterTaskDefinition",
            } }),
            On::Marks => {
                let own = DEPLOYMENT_TAG.split(':').next().unwrap_or_default();
                json!({ "ForAllValues:StringLike": { "aws:TagKeys": format!("{own}:*") } })
            }
            // The second takes the role that manages a service's EBS volumes.
            On::TaskRoles => json!({ "StringEquals": {
                "iam:PassedToService": ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"],
            } }),
            On::ScalableTargets => json!({ "StringEquals": {
                "application-autoscaling:service-namespace": "ecs",
                "application-autoscaling:scalable-dimension": "ecs:service:DesiredCount",
            } }),
            On::Records => {
                let records = || scope.routes.records();
                let names = records().map(|it| it.name.as_str().replace('*', "\\052"));
                let names: BTreeSet<String> = names.collect();
                let types = records().flat_map(|it| match it.kind {
                    Some(kind) => vec![kind.as_str()],
                    None => RecordType::ALL.map(RecordType::as_str).to_vec(),
                });
                let types: BTreeSet<&str> = types.collect();
                let key = |name: &str| format!("route53:ChangeResourceRecordSets{name}");
                json!({ "ForAllValues:StringEquals": {
                    key("NormalizedRecordNames"): names, key("RecordTypes"): types,
                    key("Actions"): ["UPSERT"],
                } })
            }
            On::SwitchRole => json!({ "StringEquals": {
                "iam:PassedToService": "scheduler.amazonaws.com",
            } }),
            _ => return None,
        })
    }

    fn open(&self, scope: &Scope) -> Vec<String> {
        let mut open = Vec::new();
        if self.account == ACCOUNT {
            open.push(format!(
                "put the account for {ACCOUNT}, or `account` into bg.yaml"
            ));
        }
        if self.region == REGION {
            open.push(format!(
                "put the region for {REGION}, or `region` into bg.yaml, or give --region"
            ));
        }
        if matches!(scope.routes, RoutesWanted::Auto) && !scope.is_bare() {
            open.push(
                "WriteListeners and WriteRules take in every load balancer of the region: \
                 list `routes` in bg.yaml to restrict them"
                    .to_owned(),
            );
        }
        if is_needed(When::FindsZones, scope) {
            open.push(
                "ReadZones and WriteRecords take in every hosted zone: set `zone` of each record \
                 to its zone's id to restrict them"
                    .to_owned(),
            );
        }
        open.push(
            "WriteTaskRoles, WriteTaskDefinitions, ReadRoles, ReadRepositories, ReadSecrets, \
             ReadLogStreams and ReadLogGroups take in what any task definition may name: put your \
             roles', families', repositories', secrets' and log groups' ARNs there to restrict them"
                .to_owned(),
        );
        open.push(
            "WriteScalableTargets, WriteScalingTags and WriteScalingAlarms are for services with \
             autoscaling: leave them out where neither slot has any"
                .to_owned(),
        );
        open
    }
}

/// Everything in it that is an ARN.
fn arns(scope: &Scope) -> Vec<&str> {
    let slots = [&scope.slots.a, &scope.slots.b];
    let services = slots.iter().map(|slot| slot.service.as_str());
    let groups = slots.iter().flat_map(|slot| &slot.targets);
    let groups = groups.map(|target| target.group.as_str());
    let routes = match &scope.routes {
        RoutesWanted::Auto => &[][..],
        RoutesWanted::Listed(routes) => routes,
    };
    let routes = routes.iter().filter_map(|route| match route {
        RouteWanted::Arn(arn) => Some(arn.as_str()),
        RouteWanted::Place { load_balancer, .. } => Some(load_balancer.as_str()),
        RouteWanted::Record(_) => None,
    });
    let role = scope.deadman.iter().map(|it| it.role.as_str());
    let all = [scope.cluster.as_str()].into_iter();
    let all = all.chain(services).chain(groups).chain(routes).chain(role);
    all.filter(|name| name.starts_with("arn:")).collect()
}

/// The name at the end of an ARN, or the text itself where it is none.
fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}
