//! Services behind weighted records of Route 53, over a load balancer for each slot: both slots'
//! groups are their team's. `bg init` finds the records; one bg.yaml is written by hand.

use serde_json::{Value, json};

use crate::parts::{balancer, group, listener, registered};
use crate::team::Team;
use crate::{Variant, fails_with, variant};

const BY_RECORD: &str = "
service: shop
cluster: demo
region: eu-west-1

slots:
  a: { service: shop, target_group: shop }
  b: { service: shop-b, target_group: shop-b }

routes: [{ record: shop.example.com, zone: example.com }]
guards: { targets: { for: 10s } }
retire: { after: 2m, at_most: 3m }
";

pub(crate) const VARIANTS: &[Variant] = &[
    variant("a pair of aliases", |team| {
        two_balancers(team, "shop");
        team.records = vec![alias("A", "a", 255, "web"), alias("A", "b", 0, "web-b")];
        let sixes = [
            alias("AAAA", "a", 255, "web"),
            alias("AAAA", "b", 0, "web-b"),
        ];
        team.records.extend(sixes);
    }),
    fails_with("a pair of CNAMEs with health checks", "crash", |team| {
        two_balancers(team, "shop");
        team.records = vec![cname("a", 255, "web"), cname("b", 0, "web-b")];
        // Not theirs.
        team.records.push(json!({
            "Name": "example.com.", "Type": "TXT", "TTL": 300,
            "ResourceRecords": [{ "Value": "\"v=spf1 -all\"" }],
        }));
        team.config = Some(BY_RECORD);
    }),
    variant("a listener and a pair of records", |team| {
        two_balancers(team, "admin");
        team.groups = ["shop", "shop-b"].map(|name| group(name, 8080)).into();
        team.groups
            .extend(["admin", "admin-b"].map(|name| group(name, 9000)));
        team.balancers.push(balancer("front", "application"));
        let mut front = listener("front", 80, "HTTP", "shop");
        front["Called"] = json!("front:80");
        front["DefaultActions"] = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": [
            { "TargetGroupArn": "@shop", "Weight": 100 },
            { "TargetGroupArn": "@shop-b", "Weight": 0 },
        ] } }]);
        team.listeners.push(front);
        team.app()["portMappings"] = json!([
            { "containerPort": 8080, "protocol": "tcp" },
            { "containerPort": 9000, "protocol": "tcp" },
        ]);
        team.service["loadBalancers"] = json!([
            registered("shop", "app", 8080),
            registered("admin", "app", 9000)
        ]);
        team.records = vec![alias("A", "a", 255, "web"), alias("A", "b", 0, "web-b")];
        for record in &mut team.records {
            record["Name"] = json!("admin.example.com.");
        }
    }),
];

/// A load balancer `web` for a group, and `web-b` for slot b's.
fn two_balancers(team: &mut Team, name: &str) {
    let other = format!("{name}-b");
    team.groups = vec![group(name, 8080), group(&other, 8080)];
    team.balancers = ["web", "web-b"]
        .map(|name| balancer(name, "application"))
        .into();
    team.listeners = vec![
        listener("web", 80, "HTTP", name),
        listener("web-b", 80, "HTTP", &other),
    ];
    team.listeners[1]["Called"] = json!("80b");
}

fn alias(kind: &str, set: &str, weight: u32, balancer: &str) -> Value {
    json!({
        "Name": "shop.example.com.", "Type": kind, "SetIdentifier": set, "Weight": weight,
        "AliasTarget": {
            "HostedZoneId": "Z32O12XQLNTSW2", "DNSName": format!("dualstack.%{balancer}"),
            "EvaluateTargetHealth": true,
        },
    })
}

fn cname(set: &str, weight: u32, balancer: &str) -> Value {
    json!({
        "Name": "shop.example.com.", "Type": "CNAME", "SetIdentifier": set, "Weight": weight,
        "TTL": 30, "ResourceRecords": [{ "Value": format!("%{balancer}") }],
        "HealthCheckId": format!("0a1b2c3d-{set}"),
    })
}
