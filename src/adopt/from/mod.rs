//! What another tool's files say of a service, as far as it means the same here. What isn't taken
//! over is said, key by key.

mod codedeploy;
mod ecspresso;
mod hooks;
mod service_definition;
mod topics;
mod tree;

use std::time::Duration;

use crate::strategy::{InputError, Reader, format_duration};
use tree::Map;

pub(super) use hooks::gates;
pub use hooks::{Asks, Hook};
pub use service_definition::service_definition;
#[cfg(test)]
pub(super) use tests::{hooks as hooks_of_tests, topics as topics_of_tests};
pub use topics::Topic;
pub(super) use topics::notify;

/// Keys of a service definition, some of which each has.
const OF_A_SERVICE: [&str; 5] = [
    "deploymentConfiguration",
    "networkConfiguration",
    "loadBalancers",
    "launchType",
    "schedulingStrategy",
];

/// What files of other tools hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// The AWS region.
    pub region: Option<String>,
    /// The cluster, by name or ARN.
    pub cluster: Option<String>,
    /// The ECS service.
    pub service: Option<String>,
    /// The file that holds the task definition, as it is named there.
    pub definition: Option<String>,
    /// Whether this file holds the task definition itself.
    pub is_definition: bool,
    /// Whether it is an AppSpec file, which leaves the task definition to each deployment.
    pub is_appspec: bool,
    /// The file that holds the service's settings, as it is named there.
    pub service_definition: Option<String>,
    /// Whether this file holds those settings itself.
    pub is_service: bool,
    /// Why the file that holds them could not be read.
    pub unread_service: Option<String>,
    /// How traffic is shifted: a name or a short form.
    pub strategy: Option<String>,
    /// How long both versions are watched once all traffic has moved.
    pub bake: Option<Duration>,
    /// A deployment config of which only the name is known.
    pub unknown_config: Option<String>,
    /// For green to become healthy.
    pub timeout: Option<Duration>,
    /// How long the old version stays, and what then: `scale-to-zero` or `keep`.
    pub retire: Option<(Duration, &'static str)>,
    /// Alarms that stop a deployment.
    pub alarms: Vec<String>,
    /// What is asked on the way.
    pub hooks: Vec<Hook>,
    /// Whom to tell what.
    pub topics: Vec<Topic>,
    /// The ARNs of listeners and rules for testers alone.
    pub test_routes: Vec<String>,
    /// The names of the service's target groups, two for each of its ports.
    pub groups: Vec<(String, String)>,
    /// The container and port that take the traffic.
    pub endpoint: Option<(String, u16)>,
    /// What is not taken over, and why.
    pub left: Vec<String>,
}

impl Taken {
    /// Reads a file: of ecspresso, an AppSpec file for ECS, a task or service definition, or what
    /// CodeDeploy says of a deployment group or config.
    ///
    /// # Errors
    /// For what is no YAML or JSON, is none of these, or says something that can't be meant.
    pub fn read(text: &str, origin: &str) -> Result<Taken, InputError> {
        let reader = Reader { text, origin };
        let node = reader.parse()?;
        let map = Map::of(reader, &node, "a mapping")?;
        let mut taken = Taken::default();
        if let Some(group) = map.map("deploymentGroupInfo")? {
            codedeploy::group(&group, &mut taken)?;
        } else if let Some(config) = map.map("deploymentConfigInfo")? {
            codedeploy::config(&config, &mut taken)?;
        } else if map.has("Resources") {
            codedeploy::appspec(&map, &mut taken)?;
            taken.is_appspec = true;
        } else if map.has("containerDefinitions") || map.has("taskDefinition") {
            taken.is_definition = true;
        } else if map.has("task_definition") || map.has("service_definition") {
            ecspresso::config(&map, &mut taken)?;
        } else if OF_A_SERVICE.iter().any(|key| map.has(key)) {
            taken = service_definition(text, origin)?;
            taken.is_service = true;
        } else {
            let what = "this is neither ecspresso's config, nor an AppSpec file for ECS, nor a task \
                        definition, nor a service definition, nor what CodeDeploy says of a \
                        deployment group or config";
            return Err(InputError::new(origin, what).with_hint(
                "for CodeDeploy's: aws deploy get-deployment-group … > group.json, and aws deploy \
                 get-deployment-config … > config.json",
            ));
        }
        Ok(taken)
    }

    /// The same with what another file says.
    ///
    /// # Errors
    /// Where the two disagree: what they say, and of what.
    pub fn and(mut self, other: Taken) -> Result<Taken, String> {
        one("the region", &mut self.region, other.region)?;
        one("the cluster", &mut self.cluster, other.cluster)?;
        one("the service", &mut self.service, other.service)?;
        one(
            "the task definition",
            &mut self.definition,
            other.definition,
        )?;
        one("the strategy", &mut self.strategy, other.strategy)?;
        self.bake = self.bake.or(other.bake);
        self.service_definition = self.service_definition.or(other.service_definition);
        self.unknown_config = self.unknown_config.or(other.unknown_config);
        self.timeout = self.timeout.or(other.timeout);
        self.retire = self.retire.or(other.retire);
        self.alarms.extend(other.alarms);
        self.hooks.extend(other.hooks);
        self.topics.extend(other.topics);
        self.test_routes.extend(other.test_routes);
        if self.groups.is_empty() {
            self.groups = other.groups;
        }
        self.endpoint = self.endpoint.or(other.endpoint);
        self.is_definition |= other.is_definition;
        self.is_service |= other.is_service;
        self.unread_service = self.unread_service.or(other.unread_service);
        self.is_appspec |= other.is_appspec;
        self.left.extend(other.left);
        Ok(self)
    }

    /// What is taken over, a line each.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut say = |what: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("{what} {value}")));
        };
        say("region", self.region.clone());
        say("cluster", self.cluster.clone());
        say("service", self.service.clone());
        say("task definition", self.definition.clone());
        say("strategy", self.strategy.clone());
        let bake = self.bake.map(format_duration);
        say(
            "bake",
            bake.map(|bake| format!("{bake} after the last step")),
        );
        say("timeout", self.timeout.map(format_duration));
        let retire = self.retire.map(|(after, then)| match then {
            "keep" => "keep the old version".to_owned(),
            then => format!("the old version after {}: {then}", format_duration(after)),
        });
        say("retire", retire);
        for (a, b) in &self.groups {
            say("target groups", Some(format!("{a} and {b}")));
        }
        let alarms = (!self.alarms.is_empty()).then(|| self.alarms.join(", "));
        say("alarms", alarms);
        let tests = (!self.test_routes.is_empty()).then(|| self.test_routes.join(", "));
        say("test route", tests);
        let hooks = self.hooks.iter().filter(|hook| hook.is_taken());
        words.extend(hooks.map(Hook::told));
        words.extend(self.topics.iter().map(Topic::told));
        words
    }

    /// What is not, a line each.
    pub fn left(&self) -> Vec<String> {
        let unknown = self.unknown_config.iter();
        let unknown = unknown.filter(|_| self.strategy.is_none()).map(|name| {
            format!(
                "deploymentConfigName {name}: it is your own; add what it does: aws deploy \
                 get-deployment-config --deployment-config-name {name} > config.json, then --from \
                 config.json too"
            )
        });
        let unread = self.unread_service.iter().filter(|_| !self.is_service);
        let left = unread.chain(&self.left).cloned();
        left.chain(hooks::untaken(&self.hooks))
            .chain(unknown)
            .collect()
    }
}

/// One thing that two files may say.
fn one(what: &str, first: &mut Option<String>, second: Option<String>) -> Result<(), String> {
    match (&first, second) {
        (Some(first), Some(second)) if *first != second => Err(format!(
            "{what} is {first} in one file, and {second} in another"
        )),
        (None, second) => {
            *first = second;
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
