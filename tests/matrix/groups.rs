//! Target groups: protocols, health checks, attributes, names, several of them.

use serde_json::json;

use crate::parts::{balancer, container, forward, group, listener, registered, rule};
use crate::{Variant, fails_with, variant};

pub(crate) const VARIANTS: &[Variant] = &[
    variant("a health check of its own", |team| {
        let group = &mut team.groups[0];
        group["HealthCheckPath"] = json!("/health?deep=no");
        group["HealthCheckPort"] = json!("8080");
        group["Matcher"] = json!({ "HttpCode": "200-299,301" });
        group["HealthyThresholdCount"] = json!(3);
        group["HealthCheckIntervalSeconds"] = json!(7);
        group["HealthCheckTimeoutSeconds"] = json!(3);
    }),
    variant("attributes of its own", |team| {
        team.groups[0]["Attributes"] = json!({
            "deregistration_delay.timeout_seconds": "45",
            "load_balancing.algorithm.type": "weighted_random",
            "load_balancing.algorithm.anomaly_mitigation": "on",
            "load_balancing.cross_zone.enabled": "false",
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "2",
        });
    }),
    variant("slow start", |team| {
        team.groups[0]["Attributes"]["slow_start.duration_seconds"] = json!("60");
    }),
    variant("HTTPS to the targets", |team| {
        team.groups[0]["Protocol"] = json!("HTTPS");
        team.groups[0]["HealthCheckProtocol"] = json!("HTTPS");
    }),
    variant("HTTP2 to the targets", |team| {
        team.groups[0]["ProtocolVersion"] = json!("HTTP2");
    }),
    variant("gRPC to the targets", |team| {
        let group = &mut team.groups[0];
        group["ProtocolVersion"] = json!("GRPC");
        group["HealthCheckPath"] = json!("/grpc.health.v1.Health/Check");
        group["Matcher"] = json!({ "GrpcCode": "0" });
    }),
    fails_with("gRPC to the targets with its defaults", "crash", |team| {
        team.groups[0]["ProtocolVersion"] = json!("GRPC");
    }),
    variant("IPv6 targets behind a dual stack", |team| {
        team.balancers[0]["IpAddressType"] = json!("dualstack");
        team.groups[0]["IpAddressType"] = json!("ipv6");
    }),
    variant("tags on everything", |team| {
        let tags = json!([{ "Key": "team", "Value": "checkout" }, { "Key": "empty", "Value": "" }]);
        team.balancers[0]["Tags"] = tags.clone();
        team.groups[0]["Tags"] = tags.clone();
        team.listeners[0]["Tags"] = tags.clone();
        let path =
            json!([{ "Field": "path-pattern", "PathPatternConfig": { "Values": ["/a/*"] } }]);
        let mut rule = rule(80, 10, path, json!([forward("shop")]));
        rule["Tags"] = tags;
        team.rules.push(rule);
    }),
    variant("a group's name of 32 characters", |team| {
        let long = "checkout-shop-in-production-blue";
        assert_eq!(long.len(), 32);
        team.groups = vec![group(long, 8080)];
        team.listeners = vec![listener("web", 80, "HTTP", long)];
        team.service["loadBalancers"] = json!([registered(long, "app", 8080)]);
    }),
    fails_with("two ports with a group each", "crash", |team| {
        let all = team.definition["containerDefinitions"].as_array_mut();
        all.expect("a list").push(container("admin", 9000));
        team.groups.push(group("admin", 9000));
        let host = json!([{ "Field": "host-header", "HostHeaderConfig": { "Values": ["admin.example.com"] } }]);
        team.rules
            .push(rule(80, 10, host, json!([forward("admin")])));
        let both = [
            registered("shop", "app", 8080),
            registered("admin", "admin", 9000),
        ];
        team.service["loadBalancers"] = json!(both);
    }),
    variant("two ports of one container on two listeners", |team| {
        let ports = json!([
            { "containerPort": 8080, "protocol": "tcp" }, { "containerPort": 8081, "protocol": "tcp" },
        ]);
        team.app()["portMappings"] = ports;
        team.groups.push(group("shop-internal", 8081));
        team.listeners
            .push(listener("web", 8081, "HTTP", "shop-internal"));
        let both = [
            registered("shop", "app", 8080),
            registered("shop-internal", "app", 8081),
        ];
        team.service["loadBalancers"] = json!(both);
    }),
    variant("one port behind two load balancers", |team| {
        team.also_with(group("internal", 8080));
        team.balancers.push(balancer("inner", "application"));
        team.listeners
            .push(listener("inner", 8081, "HTTP", "internal"));
    }),
    fails_with("one port behind HTTP and TCP", "crash", |team| {
        let mut internal = group("internal", 8080);
        internal["Protocol"] = json!("TCP");
        internal["HealthCheckProtocol"] = json!("HTTP");
        team.also_with(internal);
        team.balancers.push(balancer("net", "network"));
        team.listeners
            .push(listener("net", 8081, "TCP", "internal"));
    }),
    variant("one port with two groups of one load balancer", |team| {
        let mut more = group("more", 8080);
        more["HealthCheckPath"] = json!("/more");
        team.also_with(more);
        let path =
            json!([{ "Field": "path-pattern", "PathPatternConfig": { "Values": ["/more"] } }]);
        team.rules.push(rule(80, 1, path, json!([forward("more")])));
    }),
    variant(
        "one port behind two load balancers, the other first",
        |team| {
            team.also_with(group("internal", 8080));
            team.balancers.push(balancer("inner", "application"));
            team.listeners
                .push(listener("inner", 8081, "HTTP", "internal"));
            let entries = team.service["loadBalancers"].as_array_mut();
            entries.expect("a list").reverse();
        },
    ),
];
