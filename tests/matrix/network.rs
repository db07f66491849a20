//! Network load balancers.

use serde_json::json;

use crate::parts::{group, listener, registered};
use crate::{Variant, fails_with, variant};

pub(crate) const VARIANTS: &[Variant] = &[
    variant("a network load balancer with TCP", |team| {
        team.on_network(listener("net", 443, "TCP", "shop"), "TCP");
    }),
    fails_with("TCP with a TCP health check", "crash", |team| {
        team.on_network(listener("net", 443, "TCP", "shop"), "TCP");
        team.groups[0]["HealthCheckProtocol"] = json!("TCP");
        let attributes = &mut team.groups[0]["Attributes"];
        attributes["preserve_client_ip.enabled"] = json!("true");
        attributes["proxy_protocol_v2.enabled"] = json!("true");
        attributes["deregistration_delay.connection_termination.enabled"] = json!("true");
        attributes["stickiness.enabled"] = json!("true");
    }),
    variant("UDP", |team| {
        team.on_network(listener("net", 53, "UDP", "shop"), "UDP");
        team.app()["portMappings"] = json!([
            { "containerPort": 8080, "protocol": "udp" }, { "containerPort": 8081, "protocol": "tcp" },
        ]);
        team.groups[0]["HealthCheckPort"] = json!("8081");
    }),
    variant("TCP and UDP on one port", |team| {
        team.on_network(listener("net", 53, "TCP_UDP", "shop"), "TCP_UDP");
    }),
    variant("TLS", |team| {
        let mut listener = listener("net", 443, "TLS", "shop");
        listener["Certificates"] =
            json!([{ "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b" }]);
        listener["SslPolicy"] = json!("ELBSecurityPolicy-TLS13-1-2-2021-06");
        listener["AlpnPolicy"] = json!(["HTTP2Preferred"]);
        team.on_network(listener, "TLS");
    }),
    variant("two ports on a network load balancer", |team| {
        team.on_network(listener("net", 80, "TCP", "shop"), "TCP");
        let ports = json!([
            { "containerPort": 8080, "protocol": "tcp" }, { "containerPort": 8443, "protocol": "tcp" },
        ]);
        team.app()["portMappings"] = ports;
        let mut secure = group("shop-tls", 8443);
        secure["Protocol"] = json!("TCP");
        secure["HealthCheckProtocol"] = json!("HTTP");
        team.groups.push(secure);
        team.listeners.push(listener("net", 443, "TCP", "shop-tls"));
        let both = [
            registered("shop", "app", 8080),
            registered("shop-tls", "app", 8443),
        ];
        team.service["loadBalancers"] = json!(both);
    }),
];
