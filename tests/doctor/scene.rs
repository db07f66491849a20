//! A service of one's own in an empty account, built through the wire, then asked about.

use std::sync::LazyLock;

use bg::aws::{Cloud, CollectAsk};
use bg::deployment::diagnosis::Finding;
use bg::deployment::ids::{ClusterName, EcsServiceName};
use bg::diagnose::{Evidence, diagnose};
use bg::sandbox::demo::{self, Balancer, CLUSTER};
use bg::sandbox::faults::FaultRule;
use bg::sandbox::wire::needs::Need;
use bg::sandbox::wire::{ecs, elbv2};
use bg::sandbox::world::World;
use bg::sandbox::{Region, RegionOptions};
use serde_json::{Value, json};

use crate::allowed;

/// The service that is asked about.
pub(crate) const SHOP: &str = "shop";

/// A diagnosis leaves most of AWS's budgets to others.
const MOST_CALLS: usize = 24;

/// What the one who asks was given rights for.
const CONFIG: &str = "\
service: shop
cluster: demo
region: eu-west-1
slots:
  a: { service: shop, target_group: shop-a }
  b: { service: shop-b, target_group: shop-b }
";

/// One service and what becomes of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    image: &'static str,
    definition: Box<dyn Fn(&mut Value)>,
    service: Box<dyn Fn(&mut Value)>,
    before: Box<dyn Fn(&mut Scene)>,
    then: Box<dyn Fn(&mut Scene)>,
    wait: u32,
    fault: Option<FaultRule>,
}

/// A case that begins as the demo's service does, with these tasks' image.
pub(crate) fn case(name: &'static str, image: &'static str) -> Case {
    Case {
        name,
        image,
        definition: Box::new(|_| {}),
        service: Box::new(|_| {}),
        before: Box::new(|_| {}),
        then: Box::new(|_| {}),
        wait: 300,
        fault: None,
    }
}

impl Case {
    /// With another task definition.
    pub(crate) fn defined(mut self, change: impl Fn(&mut Value) + 'static) -> Case {
        self.definition = Box::new(change);
        self
    }

    /// With something in its container.
    pub(crate) fn container(self, key: &'static str, value: Value) -> Case {
        self.defined(move |it| it["containerDefinitions"][0][key] = value.clone())
    }

    /// With another service.
    pub(crate) fn served(mut self, change: impl Fn(&mut Value) + 'static) -> Case {
        self.service = Box::new(change);
        self
    }

    /// With something done before the service is made.
    pub(crate) fn before(mut self, act: impl Fn(&mut Scene) + 'static) -> Case {
        self.before = Box::new(act);
        self
    }

    /// With something done once it had its five minutes, and then some more seconds.
    pub(crate) fn then(mut self, wait: u32, act: impl Fn(&mut Scene) + 'static) -> Case {
        self.then = Box::new(move |scene| {
            act(scene);
            scene.world.advance(wait);
        });
        self
    }

    /// With another wait than five minutes.
    pub(crate) fn after(mut self, seconds: u32) -> Case {
        self.wait = seconds;
        self
    }

    /// With calls that fail for the one who asks.
    pub(crate) fn where_(mut self, fault: FaultRule) -> Case {
        self.fault = Some(fault);
        self
    }

    /// What is found, and on what evidence.
    pub(crate) async fn ask(&self) -> (Vec<Finding>, Evidence) {
        let options = RegionOptions::default();
        fastrand::seed(options.seed);
        let mut world = World::new(
            options.account.clone(),
            options.region.clone(),
            options.start,
            options.seed,
        );
        let balancer = demo::balancer(&mut world).expect("the world is empty");
        let mut scene = Scene { world, balancer };
        scene.ecs("CreateCluster", &json!({ "clusterName": CLUSTER }));
        let mut definition = demo::task_definition(self.image);
        (self.definition)(&mut definition);
        scene.ecs("RegisterTaskDefinition", &definition);
        (self.before)(&mut scene);
        let mut service = demo::service(SHOP, &scene.balancer.group_a, 2);
        service["deploymentConfiguration"]["deploymentCircuitBreaker"] = json!(null);
        (self.service)(&mut service);
        scene.ecs("CreateService", &service);
        scene.world.advance(self.wait);
        (self.then)(&mut scene);
        let region = Region::with(scene.world, options);
        if let Some(fault) = &self.fault {
            region.fault(fault.clone());
        }
        let cloud = Cloud::with_config(&region.sdk_config());
        let ask = CollectAsk {
            cluster: ClusterName::new(CLUSTER),
            service: Some(EcsServiceName::new(SHOP)),
            task: None,
            suspected_since: None,
            records: Some(Vec::new()),
        };
        let evidence = cloud.collect(&ask, region.now()).await;
        let calls = region.calls();
        for call in &calls {
            let reads = ["Describe", "List", "Get"].iter();
            let mut reads = reads.filter(|verb| call.operation.starts_with(**verb));
            assert!(reads.next().is_some(), "{}: {call:?}", self.name);
        }
        assert!(calls.len() <= MOST_CALLS, "{}: {calls:#?}", self.name);
        let needs: Vec<Value> = region.needs().iter().map(Need::to_json).collect();
        allowed::is_all_of(policy(), &needs);
        (diagnose(&evidence), evidence)
    }
}

/// What may be asked, as `bg iam-policy` prints it.
fn policy() -> &'static Value {
    static POLICY: LazyLock<Value> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("bg.yaml"), CONFIG).expect("a file in our own folder");
        allowed::policy(folder.path(), &[])
    });
    &POLICY
}

/// The account while it is built.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) balancer: Balancer,
}

impl Scene {
    /// Asks ECS.
    pub(crate) fn ecs(&mut self, operation: &str, input: &Value) -> Value {
        let answer = ecs::handle(&mut self.world, operation, input);
        self.world.ecs.wake();
        answer.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// Asks ELBv2.
    pub(crate) fn elb(&mut self, operation: &str, input: &Value) -> Value {
        let answer = elbv2::handle(&mut self.world, operation, input);
        answer.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// Changes the service.
    pub(crate) fn update(&mut self, mut input: Value) {
        input["cluster"] = json!(CLUSTER);
        input["service"] = json!(SHOP);
        self.ecs("UpdateService", &input);
    }

    /// Deploys another image, rolling.
    pub(crate) fn roll(&mut self, image: &str) {
        self.ecs("RegisterTaskDefinition", &demo::task_definition(image));
        self.update(json!({ "taskDefinition": "shop" }));
    }

    /// Lets ECS refuse to place the service's tasks, in these words.
    pub(crate) fn refuse(&mut self, words: &str) {
        let key = (CLUSTER.to_owned(), SHOP.to_owned());
        self.world.ecs.refusals.insert(key, words.to_owned());
    }

    /// Gives both groups of the listener these weights; a group without one is left out.
    pub(crate) fn weigh(&mut self, a: Option<u32>, b: Option<u32>) {
        let groups = [(&self.balancer.group_a, a), (&self.balancer.group_b, b)];
        let groups: Vec<Value> = groups
            .into_iter()
            .filter_map(|(arn, weight)| Some(json!({ "TargetGroupArn": arn, "Weight": weight? })))
            .collect();
        let action = json!({ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } });
        let listener = self.balancer.listener.clone();
        let input = json!({ "ListenerArn": listener, "DefaultActions": [action] });
        self.elb("ModifyListener", &input);
    }

    /// Changes the target group that the service uses.
    pub(crate) fn group(&mut self, key: &str, value: Value) {
        let mut input = json!({ "TargetGroupArn": self.balancer.group_a });
        input[key] = value;
        self.elb("ModifyTargetGroup", &input);
    }

    /// Takes all of the service's targets out of its group.
    pub(crate) fn deregister(&mut self) {
        let group = self.balancer.group_a.clone();
        let input = json!({ "TargetGroupArn": group });
        let shown = self.elb("DescribeTargetHealth", &input);
        let targets = shown["TargetHealthDescriptions"].as_array();
        let targets: Vec<Value> = targets
            .expect("it is a list")
            .iter()
            .map(|it| it["Target"].clone())
            .collect();
        let input = json!({ "TargetGroupArn": group, "Targets": targets });
        self.elb("DeregisterTargets", &input);
    }

    /// The id of one of the service's running tasks.
    pub(crate) fn task(&self) -> String {
        let tasks = self.world.ecs.clusters[CLUSTER].tasks.values();
        let mut running = tasks.filter(|task| task.is_running());
        running.next().expect("one runs").id.clone()
    }
}

/// Tasks on instances instead of Fargate, with these port mappings.
pub(crate) fn on_instances(definition: &mut Value, ports: Value) {
    definition["networkMode"] = json!("bridge");
    definition["requiresCompatibilities"] = json!(["EC2"]);
    definition["containerDefinitions"][0]["portMappings"] = ports;
}

/// The service that goes with that.
pub(crate) fn without_network(service: &mut Value) {
    for field in ["loadBalancers", "networkConfiguration", "launchType"] {
        service[field] = json!(null);
    }
    service["healthCheckGracePeriodSeconds"] = json!(null);
}
