//! Targets of a slot's group that are no tasks of its service: they count as the slot's health and
//! get its traffic, whoever they are. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use aws_sdk_elasticloadbalancingv2::types::{TargetHealthDescription, TargetHealthStateEnum};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::ecs::{count, list, text};
use super::error::AwsError;
use crate::deployment::ids::{ClusterName, EcsServiceName, TargetGroupArn};
use crate::deployment::surroundings::{Stranger, Target};

/// As many as DescribeTasks takes.
const AT_ONCE: usize = 100;
/// Of a service with more tasks than these pages have, nothing is said.
const PAGES: usize = 10;
/// Among so many tasks of the cluster it is looked for whose a target is.
const PAGES_TO_NAME: usize = 3;

/// What is registered in each of some groups.
pub(super) type Registered = BTreeMap<TargetGroupArn, BTreeSet<Target>>;

/// Where tasks can be reached.
#[derive(Debug, Default)]
struct Reached {
    /// Those with an interface of their own.
    addresses: BTreeSet<IpAddr>,
    /// Those by a port of their container instance. The instance's id is left aside: it is not
    /// worth another call, and ports of instances are mostly dynamic.
    ports: BTreeSet<u16>,
    /// Whether one runs and doesn't show where.
    some_unknown: bool,
}

impl Reached {
    fn of(tasks: &[Value]) -> Reached {
        let mut reached = Reached::default();
        for task in tasks {
            let (addresses, ports) = (addresses(task), ports(task));
            reached.some_unknown |=
                addresses.is_empty() && ports.is_empty() && text(task, "lastStatus") == "RUNNING";
            reached.addresses.extend(addresses);
            reached.ports.extend(ports);
        }
        reached
    }

    fn has(&self, target: &Target) -> bool {
        self.some_unknown
            || match target.id.parse::<IpAddr>() {
                Ok(address) => self.addresses.contains(&address),
                Err(_) => self.ports.contains(&target.port),
            }
    }
}

/// What may get requests: targets that are draining don't, and go by themselves.
pub(super) fn registered(targets: &[TargetHealthDescription]) -> BTreeSet<Target> {
    let stays = |it: &&TargetHealthDescription| {
        let state = it.target_health().and_then(|health| health.state());
        state != Some(&TargetHealthStateEnum::Draining)
    };
    let targets = targets.iter().filter(stays);
    let targets = targets.filter_map(|it| {
        let target = it.target()?;
        Some(Target {
            id: target.id()?.to_owned(),
            port: target.port()?.try_into().ok()?,
        })
    });
    targets.collect()
}

impl Cloud {
    /// The targets among `registered` that are no tasks of `service`, and whose they are where they
    /// are some other service's of the cluster. `tasks` are those of its tasks that were described
    /// already.
    ///
    /// Where all targets are among those nothing is asked. Else everything is looked at a second
    /// time, the tasks that stop together with those that run: tasks come and go between two calls,
    /// and ECS and ELBv2 don't show it at the same moment.
    pub(super) async fn strangers(
        &self,
        cluster: &ClusterName,
        service: Option<&EcsServiceName>,
        registered: &Registered,
        tasks: &[Value],
    ) -> Result<BTreeMap<TargetGroupArn, Vec<Stranger>>, AwsError> {
        let suspects = beside(registered, &Reached::of(tasks));
        if suspects.is_empty() {
            return Ok(BTreeMap::new());
        }
        let tasks = match service {
            Some(service) => self.every_task(cluster, service).await?,
            None => Some(Vec::new()),
        };
        let Some(tasks) = tasks else {
            return Ok(BTreeMap::new());
        };
        let mut still = Registered::new();
        for (group, suspects) in suspects {
            let now = self::registered(&self.targets_of(&group).await?);
            still.insert(group, &suspects & &now);
        }
        let strangers = beside(&still, &Reached::of(&tasks));
        match strangers.is_empty() {
            true => Ok(BTreeMap::new()),
            false => self.with_names(cluster, strangers).await,
        }
    }

    /// A service's tasks, those that stopped lately among them; `None` where there are too many.
    async fn every_task(
        &self,
        cluster: &ClusterName,
        service: &EcsServiceName,
    ) -> Result<Option<Vec<Value>>, AwsError> {
        let mut tasks = Vec::new();
        for status in ["RUNNING", "STOPPED"] {
            let ask = json!({
                "cluster": cluster.as_str(),
                "serviceName": service.as_str(),
                "desiredStatus": status,
                "maxResults": AT_ONCE,
            });
            let found = self.some_tasks(cluster, ask, PAGES).await?;
            if found.len() == PAGES * AT_ONCE {
                return Ok(None);
            }
            tasks.extend(found);
        }
        Ok(Some(tasks))
    }

    /// The tasks on the first pages of a list.
    async fn some_tasks(
        &self,
        cluster: &ClusterName,
        ask: Value,
        pages: usize,
    ) -> Result<Vec<Value>, AwsError> {
        let arns = self
            .listed(ask, "taskArns", pages, |body| self.list_tasks(body))
            .await?;
        let mut tasks = Vec::new();
        for arns in arns.chunks(AT_ONCE) {
            let body = json!({ "cluster": cluster.as_str(), "tasks": arns });
            tasks.extend_from_slice(list(&self.describe_tasks(body).await?, "tasks"));
        }
        Ok(tasks)
    }

    /// Says whose they are. A container instance's id doesn't tell.
    async fn with_names(
        &self,
        cluster: &ClusterName,
        strangers: Registered,
    ) -> Result<BTreeMap<TargetGroupArn, Vec<Stranger>>, AwsError> {
        let ask = json!({ "cluster": cluster.as_str(), "maxResults": AT_ONCE });
        let mut owners: BTreeMap<IpAddr, EcsServiceName> = BTreeMap::new();
        for task in self.some_tasks(cluster, ask, PAGES_TO_NAME).await? {
            if let Some(service) = text(&task, "group").strip_prefix("service:") {
                let own = addresses(&task).into_iter();
                owners.extend(own.map(|address| (address, EcsServiceName::new(service))));
            }
        }
        let owner = |target: &Target| owners.get(&target.id.parse().ok()?).cloned();
        let named = |target: Target| Stranger {
            service: owner(&target),
            target,
        };
        let groups = strangers.into_iter();
        Ok(groups
            .map(|(group, targets)| (group, targets.into_iter().map(named).collect()))
            .collect())
    }
}

/// The targets that are not there, by their groups; groups without any are left out.
fn beside(registered: &Registered, reached: &Reached) -> Registered {
    let groups = registered.iter().map(|(group, targets)| {
        let strangers = targets.iter().filter(|it| !reached.has(it)).cloned();
        (group.clone(), strangers.collect::<BTreeSet<_>>())
    });
    groups.filter(|(_, targets)| !targets.is_empty()).collect()
}

/// The addresses of a task's own interface. Those of one that stopped stand in its attachment.
fn addresses(task: &Value) -> BTreeSet<IpAddr> {
    let attachments = list(task, "attachments").iter();
    let attached = attachments.flat_map(|it| list(it, "details"));
    let attached = attached.map(|it| text(it, "value"));
    let containers = list(task, "containers").iter();
    let interfaces = containers.flat_map(|it| list(it, "networkInterfaces"));
    let interfaces =
        interfaces.flat_map(|it| ["privateIpv4Address", "ipv6Address"].map(|key| text(it, key)));
    let all = attached.chain(interfaces);
    all.filter_map(|text| text.parse().ok()).collect()
}

/// The ports of its container instance that lead to a task.
fn ports(task: &Value) -> BTreeSet<u16> {
    let containers = list(task, "containers").iter();
    let bindings = containers.flat_map(|it| list(it, "networkBindings"));
    let ports = bindings.filter_map(|it| count(it, "hostPort").try_into().ok());
    ports.filter(|port| *port > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(id: &str, port: u16) -> Target {
        Target {
            id: id.to_owned(),
            port,
        }
    }

    #[test]
    fn tasks_are_known_by_the_addresses_of_their_interfaces_and_by_ports_of_their_instances() {
        let attached = json!({ "attachments": [{ "details": [
            { "name": "subnetId", "value": "subnet-1" },
            { "name": "privateIPv4Address", "value": "10.0.0.1" },
        ] }] });
        let six = json!({ "containers": [{ "networkInterfaces": [
            { "privateIpv4Address": "10.0.0.2", "ipv6Address": "2001:db8:0:0::1" },
        ] }] });
        let bound = json!({ "containers": [{ "networkBindings": [
            { "containerPort": 80, "hostPort": 32768 },
        ] }] });
        let reached = Reached::of(&[attached, six, bound]);
        for own in ["10.0.0.1", "10.0.0.2", "2001:db8::1"] {
            assert!(reached.has(&target(own, 8080)), "{own}");
        }
        assert!(!reached.has(&target("10.0.0.3", 8080)));
        assert!(reached.has(&target("i-0a", 32768)));
        assert!(!reached.has(&target("i-0a", 32769)));
    }

    #[test]
    fn a_running_task_that_hides_where_it_is_may_be_any_target() {
        let hides = |status: &str| Reached::of(&[json!({ "lastStatus": status })]);
        assert!(hides("RUNNING").has(&target("10.0.0.1", 80)));
        // One that only comes is registered nowhere.
        assert!(!hides("PROVISIONING").has(&target("10.0.0.1", 80)));
    }
}
