//! Several routes, several containers, and a network load balancer, in accounts set up for it.

use serde_json::json;

use super::support::{Scene, between, get, until};

/// What the target groups of slots a and b have in common on one route.
pub(super) const HTTP: [(&str, &str); 4] = [
    ("Protocol", "HTTP"),
    ("HealthCheckIntervalSeconds", "10"),
    ("HealthyThresholdCount", "2"),
    ("UnhealthyThresholdCount", "2"),
];
pub(super) const TCP: [(&str, &str); 6] = [
    ("Protocol", "TCP"),
    ("HealthCheckProtocol", "HTTP"),
    ("HealthCheckIntervalSeconds", "10"),
    ("HealthCheckTimeoutSeconds", "5"),
    ("HealthyThresholdCount", "2"),
    ("UnhealthyThresholdCount", "2"),
];

/// Two containers, each behind a group of its own; the admin's route is a sticky rule.
const TWO_ROUTES: &str = "
service: shop
cluster: demo
region: eu-west-1
slots:
  a:
    service: shop
    targets:
      - { container: app, port: 8080, group: app-a }
      - { container: admin, port: 9000, group: admin-a }
  b:
    service: shop-b
    targets:
      - { container: app, port: 8080, group: app-b }
      - { container: admin, port: 9000, group: admin-b }
strategy: { steps: [{ weight: 10%, bake: 1m }, { weight: 100% }], bake: 1m }
guards: { targets: { for: 10s } }
retire: { after: 2m }
patience: 60m
blind_after: 30m
";

const NETWORK: &str = "
service: shop
cluster: demo
region: eu-west-1
slots:
  a: { service: shop,   target_group: app-a }
  b: { service: shop-b, target_group: app-b }
strategy: { steps: [{ weight: 10%, bake: 1m }, { weight: 100% }], bake: 1m }
guards: { targets: { for: 10s } }
retire: { after: 2m }
patience: 60m
blind_after: 30m
";

impl Scene {
    pub(super) fn made(&self, operation: &str, parameters: &[(&str, &str)], mark: &str) -> String {
        let answer = self.elb(operation, parameters);
        let arn = between(&answer, &format!("<{mark}>"), "<");
        arn.expect("it was created").to_owned()
    }

    pub(super) fn balancer(&self, kind: &str) -> String {
        let subnets = [
            ("Subnets.member.1", "subnet-0a000000000000001"),
            ("Subnets.member.2", "subnet-0b000000000000002"),
        ];
        let parameters = [&[("Name", "shop"), ("Type", kind)], &subnets[..]].concat();
        self.made("CreateLoadBalancer", &parameters, "LoadBalancerArn")
    }

    pub(super) fn new_group(&self, name: &str, port: &str, settings: &[(&str, &str)]) -> String {
        let own = [
            ("Name", name),
            ("Port", port),
            ("VpcId", "vpc-1"),
            ("TargetType", "ip"),
        ];
        let group = self.made(
            "CreateTargetGroup",
            &[&own, settings].concat(),
            "TargetGroupArn",
        );
        let delay = [
            ("TargetGroupArn", group.as_str()),
            (
                "Attributes.member.1.Key",
                "deregistration_delay.timeout_seconds",
            ),
            ("Attributes.member.1.Value", "60"),
        ];
        self.elb("ModifyTargetGroupAttributes", &delay);
        group
    }

    /// A listener that forwards to `a` only, with `b` beside it.
    fn new_listener(
        &self,
        balancer: &str,
        protocol: &str,
        port: &str,
        [a, b]: [&str; 2],
    ) -> String {
        let own = [
            ("LoadBalancerArn", balancer),
            ("Protocol", protocol),
            ("Port", port),
        ];
        let forward = forward("DefaultActions", [a, b]);
        let forward: Vec<_> = forward.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        self.made(
            "CreateListener",
            &[&own, &forward[..]].concat(),
            "ListenerArn",
        )
    }

    /// Two tasks of `shop` in slot a, healthy in `groups` (each with its container and port).
    pub(super) fn run_shop(&self, groups: &[(&str, u16, &str)]) {
        let is_first = |at: &usize| groups[..*at].iter().all(|it| it.0 != groups[*at].0);
        let containers: Vec<_> = (0..groups.len())
            .filter(is_first)
            .map(|at| {
                let (name, port, _) = groups[at];
                json!({
                    "name": name, "image": format!("{name}:v1"), "essential": true,
                    "portMappings": [{ "containerPort": port, "protocol": "tcp" }],
                })
            })
            .collect();
        let definition = json!({
            "family": "shop", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "cpu": "256", "memory": "512", "containerDefinitions": containers,
        });
        let targets: Vec<_> = groups
            .iter()
            .map(|(name, port, group)| {
                json!({ "targetGroupArn": group, "containerName": name, "containerPort": port })
            })
            .collect();
        self.ecs("CreateCluster", &json!({ "clusterName": "demo" }));
        self.ecs("RegisterTaskDefinition", &definition);
        let service = json!({
            "cluster": "demo", "serviceName": "shop", "taskDefinition": "shop", "desiredCount": 2,
            "launchType": "FARGATE", "loadBalancers": targets,
            "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": ["subnet-0a000000000000001", "subnet-0b000000000000002"],
                "securityGroups": ["sg-0b0b0b0b0b0b0b0b0"], "assignPublicIp": "ENABLED",
            } },
        });
        self.ecs("CreateService", &service);
        for (_, _, group) in groups {
            super::support::until("its targets to be healthy", || {
                let health = self.elb("DescribeTargetHealth", &[("TargetGroupArn", group)]);
                (health.matches("<State>healthy<").count() == 2).then_some(())
            });
        }
    }

    /// All listeners and rules as they are described.
    pub(super) fn routes(&self, balancer: &str, listener: &str) -> String {
        let listeners = self.elb("DescribeListeners", &[("LoadBalancerArn", balancer)]);
        let rules = match balancer.contains("/net/") {
            true => String::new(),
            false => self.elb("DescribeRules", &[("ListenerArn", listener)]),
        };
        let of = |text: &str, list: &str| {
            let inner = between(text, &format!("<{list}>"), &format!("</{list}>"));
            inner.unwrap_or_default().to_owned()
        };
        of(&listeners, "Listeners") + &of(&rules, "Rules")
    }
}

/// A forward action to two groups with all weight on the first, as parameters.
fn forward<'a>(list: &str, groups: [&'a str; 2]) -> Vec<(String, &'a str)> {
    let action = format!("{list}.member.1");
    let member = |at: usize| format!("{action}.ForwardConfig.TargetGroups.member.{at}");
    vec![
        (format!("{action}.Type"), "forward"),
        (format!("{}.TargetGroupArn", member(1)), groups[0]),
        (format!("{}.Weight", member(1)), "100"),
        (format!("{}.TargetGroupArn", member(2)), groups[1]),
        (format!("{}.Weight", member(2)), "0"),
    ]
}

/// The weights of a described forward's groups whose names end with `-a` and `-b`, wherever one
/// is described.
fn weights(routes: &str) -> Vec<(String, u64)> {
    let members = routes.split("<member>").filter_map(|part| {
        let group = between(part, "<TargetGroupArn>", "<")?;
        let weight = between(part, "<Weight>", "<")?.parse().ok()?;
        Some((group.split('/').nth(1)?.to_owned(), weight))
    });
    let mut weights: Vec<_> = members.collect();
    weights.sort();
    weights.dedup();
    weights
}

fn is(weights: &[(String, u64)], expected: &[(&str, u64)]) -> bool {
    let weights: Vec<_> = weights
        .iter()
        .map(|(name, w)| (name.as_str(), *w))
        .collect();
    weights == expected
}

/// The text with every weight taken out.
fn but_weights(routes: &str) -> String {
    let mut parts = routes.split("<Weight>");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once("</Weight>").map_or(part, |(_, rest)| rest)
    })
}

/// A default action for the app, and a sticky rule with a host and paths for the admin.
fn two_routes() -> (Scene, String, String) {
    let scene = Scene::empty_at_speed(200, TWO_ROUTES);
    let balancer = scene.balancer("application");
    let [app_a, app_b] = ["app-a", "app-b"].map(|name| scene.new_group(name, "8080", &HTTP));
    let [admin_a, admin_b] =
        ["admin-a", "admin-b"].map(|name| scene.new_group(name, "9000", &HTTP));
    let listener = scene.new_listener(&balancer, "HTTP", "80", [&app_a, &app_b]);
    let mut rule = vec![
        ("ListenerArn", listener.as_str()),
        ("Priority", "10"),
        ("Conditions.member.1.Field", "host-header"),
        (
            "Conditions.member.1.HostHeaderConfig.Values.member.1",
            "admin.example.com",
        ),
        ("Conditions.member.2.Field", "path-pattern"),
        (
            "Conditions.member.2.PathPatternConfig.Values.member.1",
            "/admin/*",
        ),
        (
            "Conditions.member.2.PathPatternConfig.Values.member.2",
            "/a?",
        ),
        (
            "Actions.member.1.ForwardConfig.TargetGroupStickinessConfig.Enabled",
            "true",
        ),
        (
            "Actions.member.1.ForwardConfig.TargetGroupStickinessConfig.DurationSeconds",
            "90",
        ),
    ];
    let forward = forward("Actions", [&admin_a, &admin_b]);
    rule.extend(forward.iter().map(|(k, v)| (k.as_str(), *v)));
    scene.elb("CreateRule", &rule);
    scene.run_shop(&[("app", 8080, &app_a), ("admin", 9000, &admin_a)]);
    (scene, balancer, listener)
}

const BLUE: [(&str, u64); 4] = [
    ("admin-a", 100),
    ("admin-b", 0),
    ("app-a", 100),
    ("app-b", 0),
];
const GREEN: [(&str, u64); 4] = [
    ("admin-a", 0),
    ("admin-b", 100),
    ("app-a", 0),
    ("app-b", 100),
];

#[test]
fn several_routes_move_together_and_nothing_but_their_weights() {
    let (scene, balancer, listener) = two_routes();
    let before = scene.routes(&balancer, &listener);
    assert!(is(&weights(&before), &BLUE), "{before}");
    let version = ["--image", "app=app:v2", "--image", "admin=admin:v2"];
    let mut deployment = scene.start(&[&["deploy"], &version[..]].concat());
    deployment.until_it_says("baking");
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    let routes = status["routes"].as_array().map(Vec::len);
    assert_eq!(routes, Some(2), "{status}");
    assert_eq!(
        status["routes"][0]["weights"], status["routes"][1]["weights"],
        "{status}"
    );
    deployment.end().exits(0).says("Promoted");
    let after = scene.routes(&balancer, &listener);
    assert!(is(&weights(&after), &GREEN), "{after}");
    assert_eq!(but_weights(&after), but_weights(&before));
    let shown = scene.definition_of("shop-b");
    let images = [0, 1].map(|at| &shown["taskDefinition"]["containerDefinitions"][at]["image"]);
    assert_eq!(images, ["app:v2", "admin:v2"]);
    let desired = (scene.desired("shop"), scene.desired("shop-b"));
    assert_eq!(desired, (0, 2), "blue is retired");
}

#[test]
fn one_container_that_never_gets_healthy_reverts_all_routes() {
    let (scene, balancer, listener) = two_routes();
    let version = ["--image", "app=app:v2", "--image", "admin=admin:unhealthy"];
    let ended = scene.bg(&[&["deploy"], &version[..]].concat()).exits(4);
    ended.says("Reverted").says("admin-b");
    let after = scene.routes(&balancer, &listener);
    let of_blue = |(name, weight): &(String, u64)| *weight == 100 * u64::from(name.ends_with("-a"));
    assert!(weights(&after).iter().all(of_blue), "{after}");
    let desired = (scene.desired("shop"), scene.desired("shop-b"));
    assert_eq!(desired, (2, 0));
    // The revert of a sticky route takes green's group out; this puts it back.
    let version = ["--image", "app=app:v3", "--image", "admin=admin:v3"];
    let again = scene.bg(&[&["deploy", "--no-wait-retire"], &version[..]].concat());
    again.exits(0).says("Promoted");
    let after = scene.routes(&balancer, &listener);
    assert!(is(&weights(&after), &GREEN), "{after}");
}

/// A TCP listener of a network load balancer before one group of each slot.
fn network() -> (Scene, String, String) {
    let scene = Scene::empty_at_speed(200, NETWORK);
    let balancer = scene.balancer("network");
    let [a, b] = ["app-a", "app-b"].map(|name| scene.new_group(name, "8080", &TCP));
    let listener = scene.new_listener(&balancer, "TCP", "443", [&a, &b]);
    scene.run_shop(&[("app", 8080, &a)]);
    (scene, balancer, listener)
}

#[test]
fn a_network_load_balancer_s_listener_is_shifted_and_blue_retired_by_time() {
    let (scene, balancer, listener) = network();
    let before = scene.routes(&balancer, &listener);
    scene
        .bg(&["plan", "--image", "app:v2"])
        .exits(0)
        .says("Network Load Balancer");
    let ended = scene.bg(&["deploy", "--image", "app:v2"]).exits(0);
    ended.says("Promoted");
    let after = scene.routes(&balancer, &listener);
    let expected = [("app-a", 0), ("app-b", 100)];
    assert!(is(&weights(&after), &expected), "{after}");
    assert_eq!(but_weights(&after), but_weights(&before));
    let desired = (scene.desired("shop"), scene.desired("shop-b"));
    assert_eq!(desired, (0, 2), "blue is retired without a request count");

    scene
        .bg(&["deploy", "--image", "app:unhealthy"])
        .exits(4)
        .says("Reverted: blue (slot b");
    let reverted = scene.routes(&balancer, &listener);
    assert!(is(&weights(&reverted), &expected), "{reverted}");
}

#[test]
fn a_rehearsal_goes_by_bakes_as_the_deployment_does() {
    let (scene, ..) = network();
    let until = "10%, bake: 1m, until: { requests: 1000000 }, at_most: 40m }";
    let alarms = "for: 10s }, metrics: { load_balancer: off } }";
    let config = NETWORK.replace("10%, bake: 1m }", until);
    scene.write("bg.yaml", &config.replace("for: 10s } }", alarms));
    let by_bakes = "a network load balancer counts no requests: steps that ask for some go by";
    scene
        .bg(&["plan", "--image", "app:v2"])
        .exits(0)
        .says(by_bakes);
    let told = scene.bg(&["rehearse", "--seeds", "0"]).exits(0);
    let told = told.says(by_bakes).says("promoted");
    let told = told.says("; a network load balancer counts no requests: 20 requests a second");
    assert!(!told.stdout.contains("waiting"), "{}", told.stdout);
}

#[test]
fn a_listener_that_is_made_later_is_told_where_it_takes_requests() {
    let scene = Scene::empty_at_speed(1, TWO_ROUTES);
    assert!(!scene.announcement().contains("takes requests"));
    let balancer = scene.balancer("application");
    let groups = ["app-a", "app-b"].map(|name| scene.new_group(name, "8080", &HTTP));
    scene.new_listener(&balancer, "HTTP", "80", [&groups[0], &groups[1]]);
    let address = until("the announcement", || {
        let said = scene.announcement();
        let address = between(&said, "# shop:80 takes requests at http://", "/");
        address.map(str::to_owned)
    });
    assert!(
        get(&address).starts_with("HTTP/1.1 503"),
        "nothing runs there"
    );
}
