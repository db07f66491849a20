//! Services that bg can't deploy: refused with the reason, and nothing is changed.

use serde_json::{Value, json};

use crate::parts::{group, rule};
use crate::{Variant, refused};

pub(crate) const VARIANTS: &[Variant] = &[
    refused("a daemon", "its scheduling strategy is DAEMON", |team| {
        team.on_instances("bridge");
        team.service["schedulingStrategy"] = json!("DAEMON");
        team.without("desiredCount");
    }),
    refused(
        "CodeDeploy's",
        "its deployment controller is CODE_DEPLOY",
        |team| {
            team.service["deploymentController"] = json!({ "type": "CODE_DEPLOY" });
        },
    ),
    refused(
        "another controller's",
        "its deployment controller is EXTERNAL",
        |team| {
            team.service["deploymentController"] = json!({ "type": "EXTERNAL" });
            team.service["desiredCount"] = json!(0);
            for field in [
                "taskDefinition",
                "launchType",
                "loadBalancers",
                "networkConfiguration",
            ] {
                team.without(field);
            }
        },
    ),
    refused(
        "ECS's own blue/green",
        "its deployment strategy is ECS's own BLUE_GREEN",
        |team| {
            team.service["deploymentConfiguration"] = json!({ "strategy": "BLUE_GREEN" });
        },
    ),
    refused(
        "ECS's own canary",
        "its deployment strategy is ECS's own CANARY",
        |team| {
            team.service["deploymentConfiguration"] = json!({
                "strategy": "CANARY",
                "canaryConfiguration": { "canaryPercent": 10.0, "canaryBakeTimeInMinutes": 5 },
            });
        },
    ),
    refused(
        "a server of service connect",
        "it serves shop by Service Connect",
        |team| {
            team.app()["portMappings"][0]["name"] = json!("web");
            team.service["serviceConnectConfiguration"] = json!({
                "enabled": true, "namespace": "internal",
                "services": [{ "portName": "web", "discoveryName": "shop",
                               "clientAliases": [{ "port": 80, "dnsName": "shop" }] }],
            });
        },
    ),
    refused(
        "registered with VPC Lattice",
        "it is registered with VPC Lattice",
        |team| {
            team.app()["portMappings"][0]["name"] = json!("web");
            team.service["vpcLatticeConfigurations"] = json!([{
                "portName": "web", "roleArn": "arn:aws:iam::123456789012:role/infrastructure",
                "targetGroupArn":
                    "arn:aws:vpc-lattice:eu-west-1:123456789012:targetgroup/tg-0123456789abcdef0",
            }]);
        },
    ),
    refused(
        "a third group with weight",
        "also sends traffic to ",
        |team| {
            team.groups
                .extend(["other", "another"].map(|name| group(name, 80)));
            team.listeners[0]["DefaultActions"] = json!([all_to(&["shop", "other", "another"], 1)]);
        },
    ),
    refused(
        "a forward that is full",
        "a forward action takes 5 at most",
        |team| {
            let others = ["one", "two", "three", "four"];
            team.groups.extend(others.map(|name| group(name, 80)));
            let mut action = all_to(&["shop", "one", "two", "three", "four"], 0);
            action["ForwardConfig"]["TargetGroups"][0]["Weight"] = json!(1);
            team.listeners[0]["DefaultActions"] = json!([action]);
        },
    ),
    refused(
        "a load balancer that is full",
        "there is no room for 1 more",
        |team| {
            let names: Vec<String> = (1..100).map(|at| format!("other-{at}")).collect();
            team.groups.extend(names.iter().map(|name| group(name, 80)));
            for (at, names) in names.chunks(5).enumerate() {
                let path = json!([{ "Field": "path-pattern", "PathPatternConfig": { "Values": [format!("/{at}/*")] } }]);
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                team.rules
                    .push(rule(80, at as u32 + 1, path, json!([all_to(&names, 1)])));
            }
        },
    ),
    refused(
        "a sticky group alone",
        "has stickiness of its own",
        |team| {
            team.groups[0]["Attributes"]["stickiness.enabled"] = json!("true");
        },
    ),
    refused(
        "one action for two ports",
        "forwards to several of a slot's target groups",
        |team| {
            team.app()["portMappings"] = json!([
                { "containerPort": 8080, "protocol": "tcp" }, { "containerPort": 8081, "protocol": "tcp" },
            ]);
            team.groups.push(group("more", 8081));
            team.listeners[0]["DefaultActions"] = json!([all_to(&["shop", "more"], 1)]);
            let more =
                json!({ "targetGroupArn": "@more", "containerName": "app", "containerPort": 8081 });
            team.service["loadBalancers"]
                .as_array_mut()
                .expect("a list")
                .push(more);
        },
    ),
];

fn all_to(names: &[&str], weight: u32) -> Value {
    let groups = names
        .iter()
        .map(|name| json!({ "TargetGroupArn": format!("@{name}"), "Weight": weight }));
    json!({ "Type": "forward", "ForwardConfig": { "TargetGroups": groups.collect::<Vec<_>>() } })
}
