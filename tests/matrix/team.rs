//! What a team without bg has made: a plain service on Fargate behind a load balancer, and what a
//! variant has otherwise.
//!
//! All of it is the input of AWS's own calls. `@NAME` stands for the ARN of what was made under
//! that name, `#NAME` for the last part of it, as metrics name it, `%NAME` for a load balancer's DNS
//! name.

use serde_json::{Value, json};

use crate::found::record_name;
use crate::look::{Look, items, note};
use crate::made::Made;
use crate::parts::{balancer, container, group, listener, registered};
use crate::support::{Scene, until};
use crate::wire::{borrowed, query};

/// Everything that a team has made, in the order of its making.
pub(crate) struct Team {
    pub(crate) cluster: Value,
    pub(crate) definition: Value,
    pub(crate) balancers: Vec<Value>,
    /// With their `Attributes`, which are set afterwards.
    pub(crate) groups: Vec<Value>,
    /// With the name that rules call each by, as `Called`, and their `Attributes`.
    pub(crate) listeners: Vec<Value>,
    pub(crate) rules: Vec<Value>,
    pub(crate) service: Value,
    /// How many container instances the cluster has; the region's own one where nothing is said.
    pub(crate) instances: u32,
    /// RegisterScalableTarget; null without autoscaling.
    pub(crate) scaling: Value,
    /// Under the names that alarms call them by.
    pub(crate) policies: Vec<Value>,
    pub(crate) schedules: Vec<Value>,
    pub(crate) alarms: Vec<Value>,
    /// Cloud Map's services, all in one namespace.
    pub(crate) registries: Vec<Value>,
    /// Route 53's records, all in one hosted zone.
    pub(crate) records: Vec<Value>,
    /// Words in the bg.yaml that `bg init` wrote, and what people write in their place.
    pub(crate) edits: Vec<(&'static str, &'static str)>,
    /// A bg.yaml that people write by hand instead of `bg init`.
    pub(crate) config: Option<&'static str>,
}

impl Team {
    /// A service `shop` of two tasks, behind port 80 of a load balancer.
    pub(crate) fn plain() -> Team {
        Team {
            cluster: json!({ "clusterName": "demo" }),
            definition: json!({
                "family": "shop", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
                "requiresCompatibilities": ["FARGATE"],
                "containerDefinitions": [container("app", 8080)],
            }),
            balancers: vec![balancer("web", "application")],
            groups: vec![group("shop", 8080)],
            listeners: vec![listener("web", 80, "HTTP", "shop")],
            rules: Vec::new(),
            service: json!({
                "cluster": "demo", "serviceName": "shop", "taskDefinition": "shop",
                "desiredCount": 2, "launchType": "FARGATE",
                "loadBalancers": [registered("shop", "app", 8080)],
                "networkConfiguration": { "awsvpcConfiguration": {
                    "subnets": ["subnet-0a000000000000001", "subnet-0b000000000000002"],
                    "securityGroups": ["sg-0b0b0b0b0b0b0b0b0"],
                } },
            }),
            instances: 0,
            scaling: Value::Null,
            policies: Vec::new(),
            schedules: Vec::new(),
            alarms: Vec::new(),
            registries: Vec::new(),
            records: Vec::new(),
            edits: Vec::new(),
            config: None,
        }
    }

    /// Takes it from behind the load balancer, and that away.
    pub(crate) fn bare(&mut self) {
        self.without("loadBalancers");
        self.balancers.clear();
        self.groups.clear();
        self.listeners.clear();
    }

    /// The first container's definition.
    pub(crate) fn app(&mut self) -> &mut Value {
        &mut self.definition["containerDefinitions"][0]
    }

    /// Leaves a field of the service out.
    pub(crate) fn without(&mut self, field: &str) {
        if let Some(fields) = self.service.as_object_mut() {
            fields.remove(field);
        }
    }

    /// Puts it on container instances instead of Fargate.
    pub(crate) fn on_instances(&mut self, mode: &str) {
        self.service["launchType"] = json!("EC2");
        self.definition["requiresCompatibilities"] = json!(["EC2"]);
        self.definition["networkMode"] = json!(mode);
        if mode != "awsvpc" {
            self.without("networkConfiguration");
            self.groups[0]["TargetType"] = json!("instance");
        }
    }

    /// Registers the first container's port with one more group.
    pub(crate) fn also_with(&mut self, group: Value) {
        let entry = registered(text(&group, "Name"), "app", 8080);
        self.groups.push(group);
        let entries = self.service["loadBalancers"].as_array_mut();
        entries.expect("a list").push(entry);
    }

    /// Puts it behind a network load balancer's port.
    pub(crate) fn on_network(&mut self, listener: Value, protocol: &str) {
        self.balancers = vec![balancer("net", "network")];
        self.listeners = vec![listener];
        self.groups[0]["Protocol"] = json!(protocol);
        self.groups[0]["HealthCheckProtocol"] = json!("HTTP");
    }

    /// The first container's name.
    pub(crate) fn container(&self) -> &str {
        text(&self.definition["containerDefinitions"][0], "name")
    }

    /// Whether a route keeps clients with the group that they came to.
    pub(crate) fn is_sticky(&self) -> bool {
        let config = |action: &Value| {
            action["ForwardConfig"]["TargetGroupStickinessConfig"]["Enabled"] == true
        };
        let of_listeners = self.listeners.iter().map(|it| items(&it["DefaultActions"]));
        let of_rules = self.rules.iter().map(|it| items(&it["Actions"]));
        of_listeners.chain(of_rules).flatten().any(config)
    }

    /// Makes all of it in the region and waits until it runs. What of it has to be shown.
    pub(crate) fn make(&self, scene: &Scene) -> Look {
        let mut made = Made::nothing(scene);
        scene.ecs("CreateCluster", &self.cluster);
        for at in 0..self.instances {
            let document = json!({ "instanceId": format!("i-{at:017x}"), "region": "eu-west-1" });
            let input =
                json!({ "cluster": "demo", "instanceIdentityDocument": document.to_string() });
            scene.ecs("RegisterContainerInstance", &input);
        }
        scene.ecs("RegisterTaskDefinition", &self.definition);
        for balancer in &self.balancers {
            made.elb("CreateLoadBalancer", balancer, "LoadBalancers", "Name");
        }
        for group in &self.groups {
            let arn = made.elb("CreateTargetGroup", group, "TargetGroups", "Name");
            made.attributes("ModifyTargetGroupAttributes", "TargetGroupArn", &arn, group);
        }
        for listener in &self.listeners {
            let arn = made.elb("CreateListener", listener, "Listeners", "Called");
            made.attributes("ModifyListenerAttributes", "ListenerArn", &arn, listener);
        }
        for rule in &self.rules {
            made.elb("CreateRule", rule, "Rules", "Called");
        }
        made.in_cloud_map(&self.registries);
        scene.ecs("CreateService", &made.resolved(&self.service));
        if self.scaling.is_object() {
            scene.scaling("RegisterScalableTarget", &made.of_scaling(&self.scaling));
        }
        for policy in &self.policies {
            let put = scene.scaling("PutScalingPolicy", &made.of_scaling(policy));
            let arn = text(&put, "PolicyARN").to_owned();
            made.called(text(policy, "PolicyName"), arn);
        }
        for schedule in &self.schedules {
            scene.scaling("PutScheduledAction", &made.of_scaling(schedule));
        }
        for alarm in &self.alarms {
            let parameters = query(&made.resolved(alarm));
            scene.cloudwatch("PutMetricAlarm", &borrowed(&parameters));
        }
        made.in_dns(&self.records);
        self.until_it_runs(&made);
        self.asked(&made)
    }

    /// Everything that AWS shows as it was asked for; actions are shown in a form of their own.
    fn asked(&self, made: &Made<'_>) -> Look {
        let mut look = Look::new();
        let mut asked = |path: &[&str], input: &Value, otherwise: &[&str]| {
            let mut input = made.resolved(input);
            if let Some(fields) = input.as_object_mut() {
                fields.retain(|field, _| !otherwise.contains(&field.as_str()));
                if let Some(attributes) = fields.remove("Attributes") {
                    fields.insert("attributes".to_owned(), attributes);
                }
                if let Some(tags) = fields.remove("Tags") {
                    fields.insert("tags".to_owned(), tags);
                }
            }
            note(&mut look, path, &input);
        };
        let in_deployments = [
            "serviceConnectConfiguration",
            "volumeConfigurations",
            "vpcLatticeConfigurations",
        ];
        for field in in_deployments {
            asked(
                &["service", "shop", "deployment", field],
                &self.service[field],
                &[],
            );
        }
        let monitoring = &self.service["monitoring"];
        let monitored = ["service", "shop", "revision", "monitoring"];
        asked(&monitored, monitoring, &[]);
        let others = ["cluster", "taskDefinition", "monitoring"];
        let otherwise = [&in_deployments[..], &others].concat();
        asked(&["service", "shop"], &self.service, &otherwise);
        asked(&["definition", "shop:1"], &self.definition, &[]);
        for group in &self.groups {
            asked(&["group", text(group, "Name")], group, &["Name"]);
        }
        for balancer in &self.balancers {
            asked(
                &["balancer", text(balancer, "Name")],
                balancer,
                &["Name", "Subnets"],
            );
        }
        for listener in &self.listeners {
            let balancer = text(listener, "LoadBalancerArn").trim_start_matches('@');
            let name = format!("{balancer}:{}", listener["Port"]);
            asked(
                &["listener", &name],
                listener,
                &["Called", "DefaultActions"],
            );
        }
        for rule in &self.rules {
            let listener = text(rule, "ListenerArn").trim_start_matches('@');
            let name = format!(
                "{}:{listener}:{}",
                self.balancer_of(listener),
                rule["Priority"]
            );
            asked(&["rule", &name], rule, &["ListenerArn", "Actions"]);
        }
        asked(
            &["scaling", "shop", "ecs:service:DesiredCount"],
            &self.scaling,
            &["Tags"],
        );
        asked(&["scaling", "shop", "tags"], &self.scaling["Tags"], &[]);
        for policy in &self.policies {
            asked(&["policy", "shop", text(policy, "PolicyName")], policy, &[]);
        }
        for schedule in &self.schedules {
            asked(
                &["schedule", "shop", text(schedule, "ScheduledActionName")],
                schedule,
                &[],
            );
        }
        for alarm in &self.alarms {
            asked(&["alarm", text(alarm, "AlarmName")], alarm, &[]);
        }
        for registry in &self.registries {
            asked(&["registry", text(registry, "Name")], registry, &[]);
        }
        for record in &self.records {
            asked(&["record", &record_name(record)], record, &[]);
        }
        look
    }

    /// The load balancer of a listener, by its port.
    fn balancer_of(&self, port: &str) -> &str {
        let mut listeners = self
            .listeners
            .iter()
            .filter(|it| text(it, "Called") == port);
        let listener = listeners.next().expect("there is such a listener");
        text(listener, "LoadBalancerArn").trim_start_matches('@')
    }

    /// The load balancers that have a listener and count requests.
    pub(crate) fn counted(&self) -> Vec<&str> {
        // What comes to a load balancer goes to its one slot, whatever records say.
        let counts = |it: &&Value| {
            self.records.is_empty() && it["Type"] == "application" && self.listens(it)
        };
        let counted = self.balancers.iter().filter(counts);
        counted.map(|it| text(it, "Name")).collect()
    }

    fn listens(&self, balancer: &Value) -> bool {
        let named = format!("@{}", text(balancer, "Name"));
        let mut listeners = self.listeners.iter();
        listeners.any(|it| text(it, "LoadBalancerArn") == named)
    }

    fn until_it_runs(&self, made: &Made<'_>) {
        if self.service["deploymentController"]["type"] == "EXTERNAL" {
            return;
        }
        let (name, wanted) = (
            text(&self.service, "serviceName"),
            &self.service["desiredCount"],
        );
        until("its tasks to run", || {
            let service = made.scene.service(name)?;
            let runs = wanted.is_null() || service["runningCount"] == *wanted;
            (runs && service["deployments"][0]["rolloutState"] == "COMPLETED").then_some(())
        });
    }
}

pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
