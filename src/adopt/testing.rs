//! A service with one target group behind one listener and one rule, for tests.

use std::collections::BTreeMap;

use serde_json::json;

use super::facts::{Across, AlarmNamed, Facts, Group, Limits, RouteFound, Wanted};
use crate::deployment::ids::{AlarmName, ClusterName, LoadBalancerArn, RouteArn, TargetGroupArn};
use crate::deployment::observation::Seen;
use crate::deployment::plan::RouteKind;
use crate::deployment::surroundings::Forward;

const ELB: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012";

pub(super) fn balancer() -> LoadBalancerArn {
    LoadBalancerArn::new(format!("{ELB}:loadbalancer/app/shop/50dc6c495c0c9188"))
}

pub(super) fn group(name: &str, id: &str) -> Group {
    let settings = [
        ("HealthCheckEnabled", "true"),
        ("HealthCheckIntervalSeconds", "10"),
        ("HealthCheckPath", "/health?deep=\"1\""),
        ("HealthCheckPort", "traffic-port"),
        ("HealthCheckProtocol", "HTTP"),
        ("HealthCheckTimeoutSeconds", "5"),
        ("HealthyThresholdCount", "2"),
        ("IpAddressType", "ipv4"),
        ("Matcher.HttpCode", "200-299"),
        ("Port", "8080"),
        ("Protocol", "HTTP"),
        ("ProtocolVersion", "HTTP1"),
        ("TargetType", "ip"),
        ("UnhealthyThresholdCount", "2"),
        ("VpcId", "vpc-0a0a0a0a0a0a0a0a0"),
    ];
    let attributes = [
        ("deregistration_delay.timeout_seconds", "60"),
        (
            "load_balancing.algorithm.type",
            "least_outstanding_requests",
        ),
        (
            "load_balancing.cross_zone.enabled",
            "use_load_balancer_configuration",
        ),
        ("slow_start.duration_seconds", "30"),
        ("stickiness.app_cookie.cookie_name", ""),
        ("stickiness.app_cookie.duration_seconds", "86400"),
        ("stickiness.enabled", "false"),
        ("stickiness.lb_cookie.duration_seconds", "3600"),
        ("stickiness.type", "lb_cookie"),
        (
            "target_group_health.dns_failover.minimum_healthy_targets.count",
            "1",
        ),
        (
            "target_group_health.dns_failover.minimum_healthy_targets.percentage",
            "off",
        ),
        ("made.up.later", "yes"),
    ];
    Group {
        arn: format!("{ELB}:targetgroup/{name}/{id}"),
        name: name.to_owned(),
        settings: owned(&settings),
        attributes: owned(&attributes),
        tags: owned(&[("team", "checkout + returns")]),
        load_balancer: None,
        targets: 0,
        draining: 0,
        strangers: Vec::new(),
        elsewhere: Vec::new(),
    }
}

pub(super) fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

pub(super) fn shop_a() -> Group {
    Group {
        load_balancer: Some(balancer()),
        targets: 2,
        ..group("shop-a", "0a")
    }
}

/// Slot b's group as it would be named, free and like slot a's.
pub(super) fn twin() -> Group {
    group("shop-b", "0b")
}

pub(super) fn alarm(name: &str, groups: &[&str]) -> AlarmNamed {
    AlarmNamed {
        name: AlarmName::new(name),
        groups: groups.iter().map(|it| (*it).to_owned()).collect(),
        balancers: vec![balancer().dimension().to_owned()],
        services: Vec::new(),
        made_of: Vec::new(),
    }
}

pub(super) fn listener(weights: &[(&Group, u32)]) -> RouteFound {
    let weights = weights
        .iter()
        .map(|(group, weight)| (TargetGroupArn::new(&group.arn), *weight));
    RouteFound {
        forward: Forward {
            arn: RouteArn::new(format!("{ELB}:listener/app/shop/50dc6c495c0c9188/f2f7")),
            kind: RouteKind::Listener,
            load_balancer: balancer(),
            port: 80,
            priority: None,
            hosts: Vec::new(),
            paths: Vec::new(),
            headers: Vec::new(),
            weights: weights.collect(),
            sticky: None,
            user_pools: Vec::new(),
        },
        beside: Vec::new(),
    }
}

pub(super) fn rule(weights: &[(&Group, u32)]) -> RouteFound {
    let found = listener(weights);
    RouteFound {
        forward: Forward {
            arn: RouteArn::new(format!(
                "{ELB}:listener-rule/app/shop/50dc6c495c0c9188/f2f7/9683"
            )),
            kind: RouteKind::Rule,
            priority: Some("10".to_owned()),
            hosts: vec!["api.example.com".to_owned()],
            paths: vec!["/v1/*".to_owned()],
            headers: Vec::new(),
            sticky: Some(std::time::Duration::from_secs(600)),
            ..found.forward
        },
        beside: vec!["authenticate-oidc".to_owned()],
    }
}

/// One more load-balancer entry of the service.
pub(super) fn registers(facts: &mut Facts, group: &Group, container: &str, port: u16) {
    let entry = json!({
        "targetGroupArn": group.arn, "containerName": container, "containerPort": port,
    });
    if let Some(entries) = facts.service["loadBalancers"].as_array_mut() {
        entries.push(entry);
    }
}

pub(super) fn facts() -> Facts {
    let a = shop_a();
    Facts {
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        cluster: ClusterName::new("prod"),
        service: json!({
            "serviceName": "shop",
            "loadBalancers": [
                { "targetGroupArn": a.arn, "containerName": "app", "containerPort": 8080 },
            ],
        }),
        others: BTreeMap::new(),
        routes: vec![listener(&[(&a, 1)]), rule(&[(&a, 100)])],
        groups: vec![a],
        across: Across::default(),
        limits: Limits {
            per_action: 5,
            per_balancer: BTreeMap::from([(balancer(), (1, 100))]),
        },
        scaling: Seen::Value(BTreeMap::new()),
        alarms: Vec::new(),
        wanted: Wanted::default(),
        notes: Vec::new(),
    }
}
