//! What is truly so in the region, past faults and lag, and whether a deployment may have left it
//! like that.

use bg::cli::exit::ExitCode;
use bg::deployment::outcome::Outcome;
use bg::deployment::state::{Deployment, Phase};
use bg::sandbox::{Region, demo};
use serde_json::{Value, json};

use crate::harness::{Stage, elb};

/// What a deployment of the demo service is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Truth {
    /// Slot a's and slot b's weight.
    pub(crate) weights: (u64, u64),
    /// Desired and running count of slot a's service.
    pub(crate) blue: Option<(u64, u64)>,
    /// The same of slot b's.
    pub(crate) green: Option<(u64, u64)>,
    /// Revisions of the task definition.
    pub(crate) revisions: usize,
    /// Services in the cluster.
    pub(crate) services: usize,
}

impl Stage {
    /// What is so now.
    pub(crate) fn truth(&self) -> Truth {
        let count = |answer: &Value, key: &str| answer[key].as_array().map_or(0, Vec::len);
        let revisions = self.ecs("ListTaskDefinitions", &json!({ "familyPrefix": "shop" }));
        let services = self.ecs("ListServices", &json!({ "cluster": demo::CLUSTER }));
        Truth {
            weights: self.weights(),
            blue: self.counts("shop"),
            green: self.counts("shop-b"),
            revisions: count(&revisions, "taskDefinitionArns"),
            services: count(&services, "serviceArns"),
        }
    }

    fn described(&self, service: &str) -> Value {
        let input = json!({
            "cluster": demo::CLUSTER, "services": [service], "include": ["TAGS"],
        });
        self.ecs("DescribeServices", &input)["services"][0].clone()
    }

    pub(crate) fn tag(&self, service: &str, key: &str) -> Option<String> {
        let described = self.described(service);
        let mut tags = described["tags"].as_array()?.iter();
        let tag = tags.find(|tag| tag["key"] == key)?;
        tag["value"].as_str().map(str::to_owned)
    }

    /// Whether ECS's own rollback is on, as it is outside of deployments.
    fn rolls_back(&self, service: &str) -> bool {
        let breaker = "/deploymentConfiguration/deploymentCircuitBreaker/rollback";
        self.described(service).pointer(breaker) == Some(&Value::Bool(true))
    }

    /// What is wrong with how a deployment from slot a to slot b has left everything: it must be
    /// whole, on exactly one side, and as its outcome and its exit code say.
    pub(crate) fn wrong_with(&self, ended: &Deployment) -> Option<String> {
        let truth = self.truth();
        let wrong = |what: &str| Some(format!("{what} ({truth:?}, {:?})", ended.phase));
        if truth.revisions > 2 {
            return wrong("a second revision was registered");
        }
        if truth.services > 2 {
            return wrong("a second green service was created");
        }
        if truth.blue != Some((2, 2)) {
            return wrong("blue is not what it was");
        }
        let Some(outcome) = ended.outcome() else {
            return wrong("it has not ended");
        };
        if truth.green.is_some() {
            if !self.rolls_back("shop-b") {
                return wrong("green did not get its own settings back");
            }
            if self.tag("shop-b", "bg:deployment").as_deref() != Some(ended.plan.id.as_str()) {
                return wrong("green's service does not name the deployment");
            }
        }
        match (outcome, ExitCode::from(outcome).code()) {
            (Outcome::Promoted, 0) if truth.weights != (0, 100) => wrong("not all is on green"),
            (Outcome::Promoted, 0) if truth.green != Some((2, 2)) => wrong("green is not whole"),
            (Outcome::Promoted, 0) => self.wrong_with_retiring(ended).and_then(|it| wrong(&it)),
            (Outcome::Reverted { .. }, 4) if truth.weights != (100, 0) => {
                wrong("not all is on blue")
            }
            (Outcome::Reverted { .. }, 4) if truth.green.is_some_and(|it| it.0 > 0) => {
                wrong("green is not put away")
            }
            (Outcome::Reverted { .. }, 4) => None,
            _ => wrong("it stands on neither side"),
        }
    }

    /// Whoever comes to retire blue finds when, and what it served.
    fn wrong_with_retiring(&self, ended: &Deployment) -> Option<String> {
        let Phase::Ended { retire_at, .. } = &ended.phase else {
            return Some("it has not ended".to_owned());
        };
        let due = self.tag("shop", "bg:retire-at");
        let told = retire_at.is_none_or(|at| due.is_some_and(|due| due.contains(&at.to_string())));
        if !told {
            return Some("nobody would find when blue is to be retired".to_owned());
        }
        if self.tag("shop", "bg:last-served").is_none() {
            return Some("blue does not say what it served".to_owned());
        }
        let green_s = self.tag("shop-b", "bg:retire-at");
        green_s.map(|_| "green is still to be retired".to_owned())
    }
}

/// Healthy targets of a group.
pub(crate) fn healthy(region: &Region, group: &str) -> usize {
    let input = json!({ "TargetGroupArn": group });
    let shown = elb(region, "DescribeTargetHealth", &input);
    let targets = shown["TargetHealthDescriptions"].as_array();
    let healthy = |target: &&Value| target["TargetHealth"]["State"] == "healthy";
    targets.map_or(0, |targets| targets.iter().filter(healthy).count())
}
