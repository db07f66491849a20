//! Where tasks run: launch types, capacity providers, instances and placement.

use serde_json::{Value, json};

use crate::team::Team;
use crate::{Variant, fails_with, variant};

pub(crate) const VARIANTS: &[Variant] = &[
    variant("fargate", |_| {}),
    variant("fargate platform version 1.4.0", |team| {
        team.service["platformVersion"] = json!("1.4.0");
    }),
    variant("mostly fargate spot", |team| {
        let on_demand = json!({ "capacityProvider": "FARGATE", "base": 1, "weight": 1 });
        let spot = json!({ "capacityProvider": "FARGATE_SPOT", "weight": 3 });
        provided(team, json!([on_demand, spot]));
    }),
    variant("on the cluster's default capacity providers", |team| {
        team.cluster["capacityProviders"] = json!(["FARGATE", "FARGATE_SPOT"]);
        team.cluster["defaultCapacityProviderStrategy"] = json!([
            { "capacityProvider": "FARGATE", "base": 1, "weight": 1 },
            { "capacityProvider": "FARGATE_SPOT", "base": 0, "weight": 3 },
        ]);
        team.without("launchType");
    }),
    fails_with(
        "an auto scaling group's capacity provider",
        "crash",
        |team| {
            team.on_instances("bridge");
            let own = json!({ "capacityProvider": "shop-instances", "base": 2, "weight": 100 });
            provided(team, json!([own]));
            any_port(team);
        },
    ),
    fails_with("instances with awsvpc", "missing", |team| {
        team.on_instances("awsvpc");
    }),
    variant("instances with dynamic ports in bridge mode", |team| {
        team.on_instances("bridge");
        any_port(team);
    }),
    variant("instances in host mode", |team| {
        team.on_instances("host");
        team.instances = 4;
        team.app()["portMappings"][0]["hostPort"] = json!(8080);
    }),
    fails_with(
        "instances with fixed ports in bridge mode",
        "crash",
        |team| {
            team.on_instances("bridge");
            team.instances = 4;
            team.app()["portMappings"][0]["hostPort"] = json!(80);
        },
    ),
    variant("placement constraints and strategies", |team| {
        team.on_instances("bridge");
        any_port(team);
        team.service["placementConstraints"] = json!([
            { "type": "memberOf", "expression": "attribute:ecs.instance-type =~ m6i.*" },
        ]);
        team.service["placementStrategy"] = json!([
            { "type": "spread", "field": "attribute:ecs.availability-zone" },
            { "type": "binpack", "field": "memory" },
        ]);
        team.definition["placementConstraints"] =
            json!([{ "type": "memberOf", "expression": "attribute:ecs.os-type == linux" }]);
    }),
];

fn provided(team: &mut Team, strategy: Value) {
    team.without("launchType");
    team.service["capacityProviderStrategy"] = strategy;
}

/// The instance's next free one.
fn any_port(team: &mut Team) {
    team.app()["portMappings"][0]["hostPort"] = json!(0);
}
