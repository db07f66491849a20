//! Everything that planning has to know, collected once, before the first change.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::ecs::{count, last_part, list, own_groups, tag, text};
use super::error::AwsError;
use super::groups::counts;
use super::images::body;
use super::retry::{Effect, patiently};
use super::services::task_definition;
use super::strangers::{Registered, registered};
use super::survey_ask::SurveyAsk;
use super::together::{all, some};
use crate::deployment::bare;
use crate::deployment::clone::DEPLOYMENT_TAG;
use crate::deployment::dns::DnsFound;
use crate::deployment::ids::{ClusterName, SlotName, Slots, TargetGroupArn, TaskDefinitionArn};
use crate::deployment::metrics::MetricsFound;
use crate::deployment::observation::Seen;
use crate::deployment::preflight::launch;
use crate::deployment::retire::SERVED_TAG;
use crate::deployment::surroundings::{
    self, Carried, DeadmanFound, Forward, GroupFound, Stranger, Surroundings,
};

/// Enough names for "did you mean".
const PAGES_OF_NAMES: usize = 3;
/// Calls at once, out of a bucket of 40 that refills by 10 a second and isn't only ours.
const AT_ONCE: usize = 8;

/// How long a survey waits for an account that others keep busy.
const THROTTLED_AT_MOST: Duration = Duration::from_secs(30);

impl Cloud {
    /// Looks at everything that `ask` names. What doesn't exist is `None` in the answer; what can
    /// be done without and isn't allowed is a note; anything else that can't be read fails, what
    /// is throttled only after half a minute.
    pub async fn survey(&self, ask: &SurveyAsk, now: Timestamp) -> Result<Surroundings, AwsError> {
        patiently(THROTTLED_AT_MOST, self.look_around(ask, now)).await
    }

    async fn look_around(&self, ask: &SurveyAsk, now: Timestamp) -> Result<Surroundings, AwsError> {
        let names = [&ask.services.a, &ask.services.b];
        let (account, cluster_exists, services, forwards, alarms, asked, registry, functions) = tokio::join!(
            self.account(),
            self.cluster_exists(&ask.cluster),
            self.services(&ask.cluster, &names),
            self.forwards_of(&ask.groups),
            self.alarms(&ask.alarms),
            self.asked_definition(ask.definition.as_deref()),
            self.registry_digests(&ask.images),
            self.functions(&ask.functions),
        );
        let (cluster_exists, (groups, forwards)) = (cluster_exists?, forwards?);
        let joined = self.with_records(&ask.records, &groups, forwards).await?;
        let unlisted = self.unlisted(&ask.records, &joined).await;
        let forwards = joined.routes;
        let mut services = match services {
            Err(error) if error.is_not_found() => Slots::default(),
            services => {
                let mut services = services?.into_iter();
                Slots::from_fn(|_| services.next().flatten())
            }
        };
        let (asked, (registry_digests, mut notes)) = (asked?, registry);
        let not_known = "which other names lead to the slots' load balancers is not known";
        let (beside, is_all) = optional(unlisted, not_known, &mut notes)?;
        if !is_all {
            notes.push(format!("{not_known}: the zone has too many records"));
        }
        let both = [&mut services.a, &mut services.b].into_iter().flatten();
        self.add_connectors(both, &mut notes).await?;
        let live = live(&services, &forwards);
        let (targets, definitions, scaling, tasks, clusters, service_names) = tokio::join!(
            self.targets(&groups),
            self.definitions(&services, live),
            self.autoscaling(&ask.cluster, &names),
            self.running_tasks(&ask.cluster, live.and_then(|slot| services[slot].as_ref())),
            self.cluster_names(cluster_exists),
            self.service_names(&ask.cluster, cluster_exists, &services),
        );
        let mut task_definitions = definitions?;
        let asked_definition = asked.map(|(arn, definition)| {
            task_definitions.insert(arn.clone(), definition);
            arn
        });
        let images = match &ask.version {
            Some((wanted, scans)) => {
                let live = live.and_then(|slot| services[slot].as_ref());
                let asked = asked_definition.as_ref();
                match body(wanted, live, asked, &task_definitions) {
                    Some(body) => Some(self.images_of(&body, launch(live), *scans).await),
                    None => None,
                }
            }
            None => None,
        };
        let mut untaken = BTreeMap::new();
        for (gate, asked) in &ask.test_requests {
            let why = self.untaken(asked, &ask.test_routes, &forwards).await;
            untaken.extend(why.map(|why| (gate.clone(), why)));
        }
        let deadman = self.deadman_found(ask, &forwards).await?;
        let scaling = match scaling {
            Err(error) if error.is_for_good() => Seen::Unreadable(error.to_string()),
            targets => {
                let mut targets = targets?.into_iter();
                Seen::Value(Slots::from_fn(|_| targets.next().flatten()))
            }
        };
        let (metrics, before) = match &ask.metrics {
            Some(metrics) => {
                let names = (&ask.cluster, &ask.services);
                self.metrics_found(metrics, names, &groups, &forwards, &mut notes, now)
                    .await?
            }
            None => (MetricsFound::default(), Vec::new()),
        };
        let targets = targets?;
        let seen = Slots::from_fn(|slot| match live == Some(slot) {
            true => tasks.as_ref().ok().map(Vec::as_slice),
            false => Some(&[][..]),
        });
        let strangers = self.all_strangers(ask, (&services, seen), &groups, &targets);
        let strangers = optional(
            strangers.await,
            "whether the slots' target groups have targets that are no tasks of theirs is not known",
            &mut notes,
        )?;
        let tasks = optional(tasks, "which digests run is not known", &mut notes)?;
        let live_one = live.and_then(|slot| services[slot].as_ref());
        let running_digests = live_one.map_or_else(BTreeMap::new, |it| digests(it, &tasks));
        Ok(Surroundings {
            now,
            account: account?,
            region: self.region().to_owned(),
            credentials_from: self.credentials().which(),
            credentials_end: self.credentials().end(),
            clock_ahead: self.clock_ahead(),
            cluster_exists,
            clusters: optional(clusters, "other clusters can't be listed", &mut notes)?,
            services,
            service_names: optional(
                service_names,
                "the cluster's services can't be listed",
                &mut notes,
            )?,
            groups,
            forwards,
            dns: DnsFound {
                fixed: joined.fixed,
                problems: joined.problems,
                beside,
            },
            task_definitions,
            asked_definition,
            alarms: alarms?,
            scaling,
            running_digests,
            registry_digests,
            healthy: (targets.iter())
                .map(|(group, targets)| (group.clone(), counts(targets, None).healthy))
                .collect(),
            strangers,
            deadman,
            metrics,
            before,
            functions: functions.into_iter().collect(),
            untaken,
            images,
            notes,
        })
    }

    async fn deadman_found(
        &self,
        ask: &SurveyAsk,
        forwards: &[Forward],
    ) -> Result<DeadmanFound, AwsError> {
        let Some(prefix) = &ask.deadman else {
            return Ok(DeadmanFound::default());
        };
        let (leftovers, with_secrets) =
            tokio::join!(self.schedules(prefix), self.with_secrets(forwards));
        Ok(DeadmanFound {
            leftovers: leftovers?,
            with_secrets: with_secrets?,
        })
    }

    /// The account of the credentials.
    pub(crate) async fn account(&self) -> Result<String, AwsError> {
        let identity = self
            .call("sts:GetCallerIdentity", Effect::Reads, || {
                self.sts().get_caller_identity().send()
            })
            .await?;
        Ok(identity.account().unwrap_or_default().to_owned())
    }

    async fn cluster_exists(&self, cluster: &ClusterName) -> Result<bool, AwsError> {
        let body = json!({ "clusters": [cluster.as_str()] });
        let described = self.describe_clusters(body).await?;
        let clusters = list(&described, "clusters");
        Ok(clusters
            .iter()
            .any(|cluster| text(cluster, "status") == "ACTIVE"))
    }

    async fn cluster_names(&self, exists: bool) -> Result<Vec<String>, AwsError> {
        if exists {
            return Ok(Vec::new());
        }
        self.names_of_clusters().await
    }

    async fn service_names(
        &self,
        cluster: &ClusterName,
        exists: bool,
        services: &Slots<Option<Value>>,
    ) -> Result<Vec<String>, AwsError> {
        if !exists || (services.a.is_some() && services.b.is_some()) {
            return Ok(Vec::new());
        }
        let body = json!({ "cluster": cluster.as_str(), "maxResults": 100 });
        let list = |body| self.list_services(body);
        let arns = self
            .listed(body, "serviceArns", PAGES_OF_NAMES, list)
            .await?;
        Ok(arns.iter().map(|arn| last_part(arn).to_owned()).collect())
    }

    /// The task definitions that the services run, and the one that served in the idle slot last
    /// where that is set to run one that no deployment registered.
    async fn definitions(
        &self,
        services: &Slots<Option<Value>>,
        live: Option<SlotName>,
    ) -> Result<BTreeMap<TaskDefinitionArn, Value>, AwsError> {
        let arns: BTreeSet<TaskDefinitionArn> = [&services.a, &services.b]
            .into_iter()
            .flatten()
            .map(task_definition)
            .filter(|arn| !arn.as_str().is_empty())
            .collect();
        let described = all(arns.iter().map(|arn| self.definition(arn.as_str()))).await;
        let mut definitions = BTreeMap::new();
        for found in described {
            definitions.extend(found?);
        }
        let idle = live.and_then(|live| services[live.other()].as_ref());
        if let Some(served) = idle.and_then(|idle| another_served(idle, &definitions)) {
            definitions.extend(self.definition(&served).await?);
        }
        Ok(definitions)
    }

    async fn asked_definition(
        &self,
        definition: Option<&str>,
    ) -> Result<Option<(TaskDefinitionArn, Value)>, AwsError> {
        match definition {
            Some(definition) => self.definition(definition).await,
            None => Ok(None),
        }
    }

    /// A task definition as DescribeTaskDefinition prints it; `None` where there is none.
    pub(super) async fn definition(
        &self,
        definition: &str,
    ) -> Result<Option<(TaskDefinitionArn, Value)>, AwsError> {
        let body = json!({ "taskDefinition": definition, "include": ["TAGS"] });
        match self.describe_task_definition(body).await {
            Ok(found) => {
                let described = found.get("taskDefinition").unwrap_or(&Value::Null);
                let arn = TaskDefinitionArn::new(text(described, "taskDefinitionArn"));
                Ok(Some((arn, found)))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The targets of each group.
    async fn targets(
        &self,
        groups: &BTreeMap<String, Option<GroupFound>>,
    ) -> Result<BTreeMap<TargetGroupArn, Vec<TargetHealthDescription>>, AwsError> {
        let groups: BTreeSet<&TargetGroupArn> =
            groups.values().flatten().map(|group| &group.arn).collect();
        let asked = groups.iter().map(|group| self.targets_of(group)).collect();
        let mut targets = BTreeMap::new();
        for (group, found) in groups.iter().zip(some(AT_ONCE, asked).await) {
            targets.insert((*group).clone(), found?);
        }
        Ok(targets)
    }

    /// The targets of each slot's groups that are no tasks of its service. `seen` are those of its
    /// tasks that were described; `None` where they can't be.
    async fn all_strangers(
        &self,
        ask: &SurveyAsk,
        (services, seen): (&Slots<Option<Value>>, Slots<Option<&[Value]>>),
        groups: &BTreeMap<String, Option<GroupFound>>,
        targets: &BTreeMap<TargetGroupArn, Vec<TargetHealthDescription>>,
    ) -> Result<BTreeMap<TargetGroupArn, Vec<Stranger>>, AwsError> {
        let mut strangers = BTreeMap::new();
        if SlotName::BOTH.iter().all(|slot| services[*slot].is_none()) {
            // Another cluster, or none: that is what there is to say.
            return Ok(strangers);
        }
        for slot in SlotName::BOTH {
            let names = ask.owned[slot].iter();
            let own = names.filter_map(|name| Some(&groups.get(name)?.as_ref()?.arn));
            let own: Registered = own
                .filter_map(|group| Some((group.clone(), registered(targets.get(group)?))))
                .collect();
            let service = services[slot].as_ref().map(|_| &ask.services[slot]);
            if let Some(tasks) = seen[slot] {
                let found = self.strangers(&ask.cluster, service, &own, tasks);
                strangers.extend(found.await?);
            }
        }
        Ok(strangers)
    }

    /// The first hundred tasks of a service.
    async fn running_tasks(
        &self,
        cluster: &ClusterName,
        service: Option<&Value>,
    ) -> Result<Vec<Value>, AwsError> {
        let Some(service) = service else {
            return Ok(Vec::new());
        };
        let listed = self
            .list_tasks(json!({
                "cluster": cluster.as_str(),
                "serviceName": text(service, "serviceName"),
                "desiredStatus": "RUNNING",
                "maxResults": 100,
            }))
            .await?;
        let arns = list(&listed, "taskArns");
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let body = json!({ "cluster": cluster.as_str(), "tasks": arns });
        Ok(list(&self.describe_tasks(body).await?, "tasks").to_vec())
    }
}

/// The digest that each container of `service` runs. Where its tasks disagree none is given.
fn digests(service: &Value, tasks: &[Value]) -> BTreeMap<String, String> {
    let definition = task_definition(service);
    let tasks = tasks
        .iter()
        .filter(|task| text(task, "taskDefinitionArn") == definition.as_str());
    let mut digests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in tasks.flat_map(|task| list(task, "containers")) {
        let digest = text(container, "imageDigest");
        if !digest.is_empty() {
            let seen = digests.entry(text(container, "name")).or_default();
            seen.insert(digest);
        }
    }
    let agreed = digests.into_iter().filter(|(_, seen)| seen.len() == 1);
    agreed
        .flat_map(|(name, seen)| seen.into_iter().map(move |digest| (name, digest)))
        .map(|(name, digest)| (name.to_owned(), digest.to_owned()))
        .collect()
}

/// What an idle service served last, where it is set to run something else that no deployment
/// registered.
fn another_served(
    idle: &Value,
    definitions: &BTreeMap<TaskDefinitionArn, Value>,
) -> Option<String> {
    let served = tag(list(idle, "tags"), SERVED_TAG)?;
    let set = definitions.get(&task_definition(idle))?;
    let is_another = task_definition(idle).as_str() != served;
    let registered = tag(list(set, "tags"), DEPLOYMENT_TAG).is_some();
    (is_another && !registered).then(|| served.to_owned())
}

/// What isn't allowed and can be done without becomes a note.
fn optional<T: Default>(
    result: Result<T, AwsError>,
    otherwise: &str,
    notes: &mut Vec<String>,
) -> Result<T, AwsError> {
    match result {
        Err(error) if error.is_for_good() => {
            notes.push(format!("{otherwise}: {error}"));
            Ok(T::default())
        }
        result => result,
    }
}

/// The slot that the forward actions show to be live; without any, the one that runs tasks.
fn live(services: &Slots<Option<Value>>, forwards: &[Forward]) -> Option<SlotName> {
    let groups = Slots::from_fn(|slot| {
        let service = services[slot].iter();
        service.flat_map(own_groups).collect::<Vec<_>>()
    });
    let carried = forwards.iter().map(|it| Carried::of(&it.weights, &groups));
    let carried: Vec<Carried> = carried.collect();
    let marked = || bare::live(services).filter(|_| carried.is_empty());
    surroundings::live(&carried).or_else(marked).or_else(|| {
        let running = |slot: SlotName| {
            let service = services[slot].as_ref();
            service.map_or(0, |it| count(it, "runningCount"))
        };
        let runs_more = |slot: &SlotName| running(*slot) > running(slot.other());
        SlotName::BOTH.into_iter().find(runs_more)
    })
}
