//! CodeDeploy's files: an AppSpec file for ECS, and what it says of a deployment group and a
//! deployment config.

use std::time::Duration;

use super::Taken;
use super::hooks::{Asks, Hook, of_codedeploy};
use super::topics;
use super::tree::Map;
use crate::strategy::{InputError, Strategy};

/// What of a deployment group is about CodeDeploy alone.
const OWN: [&str; 12] = [
    "applicationName",
    "computePlatform",
    "deploymentGroupId",
    "deploymentGroupName",
    "deploymentStyle",
    "serviceRoleArn",
    "lastSuccessfulDeployment",
    "lastAttemptedDeployment",
    "targetRevision",
    "outdatedInstancesStrategy",
    "terminationHookEnabled",
    "ec2TagFilters",
];
/// And of services that aren't on ECS.
const OTHER_PLATFORMS: [&str; 4] = [
    "onPremisesInstanceTagFilters",
    "autoScalingGroups",
    "ec2TagSet",
    "onPremisesTagSet",
];

/// `version`, `Resources`, `Hooks`.
pub(super) fn appspec(map: &Map<'_, '_>, taken: &mut Taken) -> Result<(), InputError> {
    map.node("version");
    for resource in map.maps("Resources")? {
        // Its name is free: TargetService in every example.
        for (name, _) in resource.pairs() {
            if let Some(service) = resource.map(name)? {
                target(&service, taken)?;
            }
        }
    }
    hooks(map, taken)?;
    taken.left.extend(map.unasked());
    Ok(())
}

fn target(service: &Map<'_, '_>, taken: &mut Taken) -> Result<(), InputError> {
    let kind = service.text("Type")?;
    if let Some(kind) = kind.filter(|kind| kind != "AWS::ECS::Service") {
        let what = format!("this is for {kind}, not for AWS::ECS::Service");
        return Err(service.error("Type", what));
    }
    let Some(properties) = service.map("Properties")? else {
        return Ok(());
    };
    // A placeholder is filled in by each deployment, as here.
    let definition = properties.text("TaskDefinition")?;
    taken.definition = definition.filter(|it| !it.starts_with('<'));
    if let Some(balancer) = properties.map("LoadBalancerInfo")? {
        let container = balancer.text("ContainerName")?;
        let port = balancer.number("ContainerPort")?;
        let port = port.and_then(|port| u16::try_from(port).ok());
        taken.endpoint = container.zip(port);
    }
    for setting in [
        "PlatformVersion",
        "NetworkConfiguration",
        "CapacityProviderStrategy",
    ] {
        if properties.node(setting).is_some() {
            taken.left.push(format!(
                "{setting}: green is cloned from the live service, and has that one's"
            ));
        }
    }
    taken.left.extend(properties.unasked());
    Ok(())
}

/// Functions that CodeDeploy calls on the way.
pub(super) fn hooks(map: &Map<'_, '_>, taken: &mut Taken) -> Result<(), InputError> {
    for hook in map.maps("Hooks")? {
        for (stage, function) in hook.pairs() {
            let function = function.unwrap_or("?");
            match of_codedeploy(stage, function) {
                Ok(hook) => taken.hooks.push(hook),
                Err(why) => taken.left.push(why),
            }
        }
    }
    Ok(())
}

/// `aws deploy get-deployment-group`.
pub(super) fn group(map: &Map<'_, '_>, taken: &mut Taken) -> Result<(), InputError> {
    for own in OWN.iter().chain(&OTHER_PLATFORMS) {
        map.node(own);
    }
    if let Some(service) = map.maps("ecsServices")?.first() {
        taken.cluster = service.text("clusterName")?;
        taken.service = service.text("serviceName")?;
    }
    if let Some(name) = map.text("deploymentConfigName")? {
        match Strategy::named(&name) {
            Ok(strategy) => taken.strategy = Some(strategy.name().to_owned()),
            Err(_) => taken.unknown_config = Some(name),
        }
    }
    if let Some(balancer) = map.map("loadBalancerInfo")? {
        pair(&balancer, taken)?;
    }
    if let Some(alarms) = map.map("alarmConfiguration")?
        && alarms.flag("enabled")
    {
        for alarm in alarms.maps("alarms")? {
            taken.alarms.extend(alarm.text("name")?);
        }
        if alarms.flag("ignorePollAlarmFailure") {
            taken.left.push(
                "ignorePollAlarmFailure: an alarm that can't be read holds a deployment here"
                    .to_owned(),
            );
        }
    }
    if let Some(rollback) = map.map("autoRollbackConfiguration")?
        && !rollback.flag("enabled")
    {
        taken.left.push(
            "autoRollbackConfiguration is off: bg always puts traffic back when something trips"
                .to_owned(),
        );
    }
    if let Some(blue_green) = map.map("blueGreenDeploymentConfiguration")? {
        endings(&blue_green, taken)?;
    }
    let (topics, left) = topics::of_codedeploy(map)?;
    taken.topics.extend(topics);
    taken.left.extend(left);
    taken.left.extend(map.unasked());
    Ok(())
}

/// The two target groups, and their routes.
fn pair(balancer: &Map<'_, '_>, taken: &mut Taken) -> Result<(), InputError> {
    for pair in balancer.maps("targetGroupPairInfoList")? {
        let mut names = Vec::new();
        for group in pair.maps("targetGroups")? {
            names.extend(group.text("name")?);
        }
        if let [a, b] = &names[..] {
            taken.groups.push((a.clone(), b.clone()));
        }
        // Which listeners forward to them is found by looking.
        pair.node("prodTrafficRoute");
        if let Some(test) = pair.map("testTrafficRoute")? {
            taken.test_routes.extend(test.texts("listenerArns")?);
        }
        taken.left.extend(pair.unasked());
    }
    for own in ["elbInfoList", "targetGroupInfoList"] {
        balancer.node(own);
    }
    taken.left.extend(balancer.unasked());
    Ok(())
}

/// When traffic moves, and what becomes of the old version.
fn endings(blue_green: &Map<'_, '_>, taken: &mut Taken) -> Result<(), InputError> {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    if let Some(ready) = blue_green.map("deploymentReadyOption")?
        && ready.text("actionOnTimeout")?.as_deref() == Some("STOP_DEPLOYMENT")
    {
        let wait = ready.number("waitTimeInMinutes")?.unwrap_or_default();
        taken.hooks.push(Hook {
            stage: "STOP_DEPLOYMENT".to_owned(),
            at: "before-traffic",
            asks: Asks::Approval,
            timeout: (wait > 0).then(|| minutes(wait)),
        });
    }
    if let Some(end) = blue_green.map("terminateBlueInstancesOnDeploymentSuccess")? {
        let wait = end
            .number("terminationWaitTimeInMinutes")?
            .unwrap_or_default();
        taken.retire = match end.text("action")?.as_deref() {
            Some("KEEP_ALIVE") => Some((minutes(wait), "keep")),
            _ => Some((minutes(wait), "scale-to-zero")),
        };
    }
    blue_green.node("greenFleetProvisioningOption");
    taken.left.extend(blue_green.unasked());
    Ok(())
}

/// `aws deploy get-deployment-config`.
pub(super) fn config(map: &Map<'_, '_>, taken: &mut Taken) -> Result<(), InputError> {
    let platform = map.text("computePlatform")?;
    if let Some(platform) = platform.filter(|it| it != "ECS") {
        let what = format!("this deployment config is for {platform}, not for ECS");
        return Err(map.error("computePlatform", what));
    }
    let routing = map.map("trafficRoutingConfig")?;
    let routing = routing.ok_or_else(|| map.error("trafficRoutingConfig", "there is none"))?;
    let shifts = |key: &str, form: &str, percent: &str, every: &str| {
        let Some(shift) = routing.map(key)? else {
            return Ok(None);
        };
        let percentage = shift.number(percent)?.unwrap_or(100);
        let interval = shift.number(every)?.unwrap_or_default();
        Ok::<_, InputError>(Some(format!("{form}:{percentage}%:{interval}m")))
    };
    let name = map.text("deploymentConfigName")?.unwrap_or_default();
    let strategy = match routing.text("type")?.as_deref() {
        Some("TimeBasedCanary") => shifts(
            "timeBasedCanary",
            "canary",
            "canaryPercentage",
            "canaryInterval",
        )?,
        Some("TimeBasedLinear") => shifts(
            "timeBasedLinear",
            "linear",
            "linearPercentage",
            "linearInterval",
        )?,
        _ => Some("all-at-once".to_owned()),
    };
    // One of CodeDeploy's own has a name here.
    let named = Strategy::named(&name).ok();
    taken.strategy = named.map(|it| it.name().to_owned()).or(strategy);
    for own in [
        "deploymentConfigId",
        "createTime",
        "minimumHealthyHosts",
        "zonalConfig",
    ] {
        map.node(own);
    }
    taken.left.extend(map.unasked());
    Ok(())
}
