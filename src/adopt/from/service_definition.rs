//! ecspresso's service definition. The live service has what it says: green is cloned from that.

use super::hooks::{self, Hook};
use super::tree::Map;
use crate::strategy::{InputError, Reader};

/// What one should know of a service definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceDefinition {
    /// What ECS's own deployments ask on the way.
    pub hooks: Vec<Hook>,
    /// The rules and listeners that ECS's own deployments move for testers.
    pub test_routes: Vec<String>,
    /// What is not taken over, and why.
    pub left: Vec<String>,
}

/// Reads a service definition.
///
/// # Errors
/// For what is no YAML or JSON.
pub fn service_definition(text: &str, origin: &str) -> Result<ServiceDefinition, InputError> {
    let reader = Reader { text, origin };
    let node = reader.parse()?;
    let map = Map::of(reader, &node, "a mapping")?;
    let mut words = vec![format!(
        "{origin}: not read by deploys; green is cloned from the live service, which has these \
         settings; change them there, and --service-from takes them over"
    )];
    let controller = map.map("deploymentController")?;
    let controller = controller.map(|it| it.text("type")).transpose()?.flatten();
    if let Some(controller) = controller.filter(|it| it != "ECS") {
        words.push(format!(
            "{origin}: its deployment controller is {controller}; bg deploys services with the \
             controller ECS"
        ));
    }
    let deployment = map.map("deploymentConfiguration")?;
    let (hooks, left) = match &deployment {
        Some(deployment) => hooks::of_service(deployment, origin)?,
        None => Default::default(),
    };
    let strategy = deployment
        .map(|it| it.text("strategy"))
        .transpose()?
        .flatten();
    if let Some(strategy) = strategy.filter(|it| it != "ROLLING") {
        words.push(format!(
            "{origin}: its deployment strategy is ECS's own {strategy}; bg shifts the weights \
             itself and needs ROLLING"
        ));
    }
    if map.text("schedulingStrategy")?.as_deref() == Some("DAEMON") {
        words.push(format!(
            "{origin}: a daemon service can't be deployed beside itself"
        ));
    }
    if map.node("desiredCount").is_some() {
        words.push(format!(
            "{origin}: desiredCount is not taken: green gets as many tasks as blue has; `bg scale N` \
             sets them"
        ));
    }
    words.extend(left);
    let mut test_routes = Vec::new();
    for balancer in map.maps("loadBalancers")? {
        let advanced = balancer.map("advancedConfiguration")?;
        let test = advanced.map(|it| it.text("testListenerRule"));
        test_routes.extend(test.transpose()?.flatten());
    }
    Ok(ServiceDefinition {
        hooks,
        test_routes,
        left: words,
    })
}
