//! ecspresso's service definition. The live service has what it says: green is cloned from that.
//! How ECS's own deployments are to go is taken over, as far as it means the same here.

use std::time::Duration;

use super::Taken;
use super::hooks;
use super::tree::Map;
use crate::deployment::ids::TargetGroupArn;
use crate::strategy::{InputError, Reader};

/// One of ECS's own strategies that moves a share at a time: where it stands, its keys, and ECS's
/// figures for where they are left out.
struct Shifts {
    form: &'static str,
    key: &'static str,
    percent: (&'static str, &'static str),
    minutes: (&'static str, u64),
}

const CANARY: Shifts = Shifts {
    form: "canary",
    key: "canaryConfiguration",
    percent: ("canaryPercent", "5%"),
    minutes: ("canaryBakeTimeInMinutes", 10),
};
const LINEAR: Shifts = Shifts {
    form: "linear",
    key: "linearConfiguration",
    percent: ("stepPercent", "10%"),
    minutes: ("stepBakeTimeInMinutes", 6),
};

impl Shifts {
    /// The short form that does the same.
    fn taken(&self, deployment: &Map<'_, '_>) -> Result<String, InputError> {
        let (mut percent, mut minutes) = (None, None);
        if let Some(of) = deployment.map(self.key)? {
            percent = of.percent(self.percent.0)?;
            minutes = of.number(self.minutes.0)?;
        }
        let percent = percent.map_or_else(|| self.percent.1.to_owned(), |it| it.to_string());
        let minutes = minutes.unwrap_or(self.minutes.1);
        Ok(format!("{}:{percent}:{minutes}m", self.form))
    }
}

/// Reads a service definition, as `aws ecs create-service` takes it or CloudFormation writes it.
///
/// # Errors
/// For what is no YAML or JSON.
pub fn service_definition(text: &str, origin: &str) -> Result<Taken, InputError> {
    let reader = Reader { text, origin };
    let node = reader.parse()?;
    let map = Map::of(reader, &node, "a mapping")?;
    let mut taken = Taken::default();
    taken.left.push(format!(
        "{origin}: not read by deploys; green is cloned from the live service, which has these \
         settings; change them there, and --service-from takes them over"
    ));
    let controller = map.map("deploymentController")?;
    let controller = controller.map(|it| it.text("type")).transpose()?.flatten();
    if let Some(controller) = controller.filter(|it| it != "ECS") {
        taken.left.push(format!(
            "{origin}: its deployment controller is {controller}; bg deploys services with the \
             controller ECS"
        ));
    }
    if let Some(deployment) = map.map("deploymentConfiguration")? {
        shifting(&deployment, origin, &mut taken)?;
        alarms(&deployment, origin, &mut taken)?;
        let (hooks, left) = hooks::of_service(&deployment, origin)?;
        taken.hooks = hooks;
        taken.left.extend(left);
    }
    if map.text("schedulingStrategy")?.as_deref() == Some("DAEMON") {
        taken.left.push(format!(
            "{origin}: a daemon service can't be deployed beside itself"
        ));
    }
    if map.node("desiredCount").is_some() {
        taken.left.push(format!(
            "{origin}: desiredCount is not taken: green gets as many tasks as blue has; `bg scale N` \
             sets them"
        ));
    }
    for balancer in map.maps("loadBalancers")? {
        slots(&balancer, &mut taken)?;
    }
    Ok(taken)
}

/// How ECS's own strategy moves traffic, and how long it watches afterwards.
fn shifting(deployment: &Map<'_, '_>, origin: &str, taken: &mut Taken) -> Result<(), InputError> {
    let strategy = deployment.text("strategy")?;
    let strategy = strategy.as_deref().unwrap_or("ROLLING");
    let bake = deployment.number("bakeTimeInMinutes")?;
    let form = match strategy {
        "ROLLING" => {
            if let Some(minutes) = bake.filter(|minutes| *minutes > 0) {
                taken.left.push(format!(
                    "{origin}: bakeTimeInMinutes {minutes} is a rolling update's; how long guards \
                     watch after the last step is `bake` of a strategy"
                ));
            }
            return Ok(());
        }
        "BLUE_GREEN" => Some("all-at-once".to_owned()),
        "CANARY" => Some(CANARY.taken(deployment)?),
        "LINEAR" => Some(LINEAR.taken(deployment)?),
        _ => None,
    };
    taken.left.push(format!(
        "{origin}: its deployment strategy is ECS's own {strategy}; bg shifts the weights itself \
         and needs ROLLING"
    ));
    let bake = bake.filter(|_| form.is_some());
    taken.bake = bake.map(|minutes| Duration::from_secs(minutes * 60));
    taken.strategy = form;
    Ok(())
}

/// Alarms that stop ECS's own deployments.
fn alarms(deployment: &Map<'_, '_>, origin: &str, taken: &mut Taken) -> Result<(), InputError> {
    let Some(alarms) = deployment.map("alarms")? else {
        return Ok(());
    };
    let names = alarms.texts("alarmNames")?;
    if names.is_empty() {
        return Ok(());
    }
    if !alarms.flag("enable") {
        let names = names.join(", ");
        taken.left.push(format!(
            "{origin}: alarms {names}: they are not enabled there; `guards.alarms` names those that \
             watch"
        ));
        return Ok(());
    }
    if !alarms.flag("rollback") {
        taken.left.push(format!(
            "{origin}: alarms.rollback is off: bg always puts traffic back when something trips"
        ));
    }
    taken.alarms = names;
    Ok(())
}

/// The two target groups that ECS has take turns, and what testers go through.
fn slots(balancer: &Map<'_, '_>, taken: &mut Taken) -> Result<(), InputError> {
    let Some(advanced) = balancer.map("advancedConfiguration")? else {
        return Ok(());
    };
    let name = |arn: String| TargetGroupArn::new(arn).name().to_owned();
    let own = balancer.text("targetGroupArn")?.map(name);
    let other = advanced.text("alternateTargetGroupArn")?.map(name);
    taken.groups.extend(own.zip(other));
    taken.test_routes.extend(advanced.text("testListenerRule")?);
    Ok(())
}
