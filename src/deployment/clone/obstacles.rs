//! Services that can't have a twin, or not without consent, or that something else deploys.

use serde_json::Value;

use crate::deployment::problem::Problem;

use super::fields::{has_items, shared, text};

/// Everything about `source` (as DescribeServices prints it) that forbids cloning or deploying
/// it. Empty for an ordinary service.
pub fn obstacles(source: &Value) -> Vec<Problem> {
    let found = [
        scheduling(source),
        controller(source),
        native_strategy(source),
        express(source),
        classic_load_balancer(source),
        service_connect(source),
        lattice(source),
        gateway(source),
    ];
    found.into_iter().flatten().collect()
}

fn scheduling(source: &Value) -> Option<Problem> {
    let daemon = text(source, "/schedulingStrategy") == Some("DAEMON");
    daemon.then(|| Problem {
        what: "its scheduling strategy is DAEMON: one task on each instance, so there is no \
               desired count to give to a second service"
            .to_owned(),
        fix: "use a service with scheduling strategy REPLICA".to_owned(),
    })
}

fn controller(source: &Value) -> Option<Problem> {
    let controller = text(source, "/deploymentController/type").unwrap_or("ECS");
    let fix = match controller {
        "ECS" => return None,
        "CODE_DEPLOY" => {
            "CodeDeploy alone may change its task definition: create a service with deployment \
             controller ECS beside it, move traffic there, and name that one in `slots`"
        }
        _ => {
            "create a service with deployment controller ECS beside it, move traffic there, and \
             name that one in `slots`"
        }
    };
    Some(Problem {
        what: format!("its deployment controller is {controller}"),
        fix: fix.to_owned(),
    })
}

fn native_strategy(source: &Value) -> Option<Problem> {
    let strategy = text(source, "/deploymentConfiguration/strategy").unwrap_or("ROLLING");
    (strategy != "ROLLING").then(|| Problem {
        what: format!("its deployment strategy is ECS's own {strategy}, which shifts weights too"),
        fix: "set its deploymentConfiguration.strategy to ROLLING, or go on deploying it with ECS"
            .to_owned(),
    })
}

fn express(source: &Value) -> Option<Problem> {
    let managed = text(source, "/resourceManagementType") == Some("ECS");
    managed.then(|| Problem {
        what: "ECS manages its load balancer and target groups (Express Mode)".to_owned(),
        fix: "use a service whose load balancer is your own, or go on deploying it with ECS"
            .to_owned(),
    })
}

fn classic_load_balancer(source: &Value) -> Option<Problem> {
    let balancers = source.get("loadBalancers")?.as_array()?;
    let classic = balancers
        .iter()
        .find_map(|balancer| text(balancer, "/loadBalancerName"))?;
    Some(Problem {
        what: format!("it is behind the Classic Load Balancer {classic}, which knows no weights"),
        fix: "move it behind an Application or Network Load Balancer".to_owned(),
    })
}

fn service_connect(source: &Value) -> Option<Problem> {
    let settings = shared(source);
    let configuration = settings.get("serviceConnectConfiguration")?;
    let enabled = configuration.get("enabled") != Some(&Value::Bool(false));
    if !enabled || !has_items(configuration.get("services")) {
        return None;
    }
    let names = configuration.get("services")?.as_array()?.iter();
    let names: Vec<&str> = names
        .filter_map(|service| {
            text(service, "/discoveryName").or_else(|| text(service, "/portName"))
        })
        .collect();
    Some(Problem {
        what: format!(
            "it serves {} by Service Connect, and two services can't serve the same name",
            names.join(", ")
        ),
        fix: "use ECS's own blue/green deployments, which know Service Connect \
              (deploymentConfiguration.strategy BLUE_GREEN); a service that is only a client of \
              Service Connect can be deployed here"
            .to_owned(),
    })
}

/// The Cloud Map services that `source` is registered in.
pub fn registries(source: &Value) -> Vec<String> {
    let registries = source.get("serviceRegistries").and_then(Value::as_array);
    let arns = registries.into_iter().flatten();
    arns.filter_map(|registry| text(registry, "/registryArn").map(str::to_owned))
        .collect()
}

fn lattice(source: &Value) -> Option<Problem> {
    let settings = shared(source);
    has_items(settings.get("vpcLatticeConfigurations")).then(|| Problem {
        what: "it is registered with VPC Lattice: two services in one of its target groups get \
               its traffic by their task counts, whatever the weights are"
            .to_owned(),
        fix: "take the VPC Lattice configuration out of it, and let its clients come through the \
              load balancer"
            .to_owned(),
    })
}

fn gateway(source: &Value) -> Option<Problem> {
    let settings = shared(source);
    has_items(settings.get("gatewayConnectors")).then(|| Problem {
        what: "it gets traffic through a gateway connector, which knows no weights: green would \
               get what the gateway sends it, whatever they are, and promotion takes blue's tasks \
               away"
            .to_owned(),
        fix: "take the gateway connector out of it, and let its clients come through the load \
              balancer"
            .to_owned(),
    })
}
