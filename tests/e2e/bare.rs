//! A worker without any load balancer, by the binary.

use serde_json::json;

use super::support::{Scene, until};

const WORKER: &str = r#"
service: worker
cluster: demo
region: eu-west-1
slots:
  a: { service: worker }
  b: { service: worker-b }
strategy: { steps: [{ weight: 100% }], bake: 2m }
guards:
  targets: { for: 10s }
retire: { after: 2m }
patience: 60m
blind_after: 30m
"#;
const LONG: &str = "bake: 30m";

impl Scene {
    /// A region with a worker of two tasks, and a config for it.
    fn with_worker(speed: u32, config: &str) -> Scene {
        let scene = Scene::empty_at_speed(speed, config);
        scene.ecs("CreateCluster", &json!({ "clusterName": "demo" }));
        scene.make_worker(Some("FARGATE"));
        scene
    }

    /// Makes the worker in its cluster, with a launch type or as the cluster has it.
    fn make_worker(&self, launch: Option<&str>) {
        let definition = json!({
            "family": "worker",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [{ "name": "app", "image": "worker:v1", "essential": true }],
        });
        self.ecs("RegisterTaskDefinition", &definition);
        let service = json!({
            "cluster": "demo",
            "serviceName": "worker",
            "taskDefinition": "worker",
            "desiredCount": 2,
            "launchType": launch,
            "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": ["subnet-0a000000000000001"],
            } },
        });
        self.ecs("CreateService", &service);
        until("the worker's tasks", || {
            let worker = self.service("worker")?;
            (worker["runningCount"] == 2).then_some(())
        });
    }

    /// The desired counts of both slots.
    fn counts(&self) -> (u64, u64) {
        (self.desired("worker"), self.desired("worker-b"))
    }
}

fn deploy(image: &str) -> [&str; 4] {
    ["deploy", "--image", image, "--no-wait-retire"]
}

#[test]
fn a_worker_is_adopted_deployed_retired_and_rolled_back() {
    let scene = Scene::with_worker(100, "").adopting();
    std::fs::remove_file(scene.folder().join("bg.yaml")).expect("it was written");
    let init = [
        "init",
        "--cluster",
        "demo",
        "--service",
        "worker",
        "--region",
        "eu-west-1",
    ];
    scene
        .bg(&init)
        .exits(0)
        .says("no traffic to shift")
        .says("Nothing is missing");
    scene
        .bg(&["plan", "--image", "worker:v2"])
        .exits(0)
        .says("green works beside blue, for 10m");
    let told = scene.bg(&deploy("worker:v2")).exits(0);
    told.says("both versions work, for 10m")
        .says("slot b, worker:2) is the live one");
    assert_eq!(scene.counts(), (2, 2));
    let second = [&init[..4], &["worker-b"], &init[5..]].concat();
    scene
        .bg(&second)
        .exits(3)
        .complains("worker-b is slot b of service worker: the config that is there names both");
    // Without it, the tags tell.
    scene
        .without_config(&second)
        .exits(3)
        .complains("worker-b seems to be slot b of worker: bg made or deployed it")
        .complains("adopt that one: bg init --cluster demo --service worker");
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["live"]["slot"], "b");
    assert_eq!(status["retire"]["slot"], "a");
    until("blue to be due", || {
        scene.bg(&["tick"]).exits(0);
        (scene.counts() == (0, 2)).then_some(())
    });
    scene.bg(&["scale", "3"]).exits(0).says("2 -> 3 tasks");
    scene.bg(&["tasks"]).exits(0).says("slot b");
    scene
        .bg(&["rollback"])
        .exits(0)
        .says("slot a, worker:1) is the live one");
    assert_eq!(scene.counts(), (3, 0), "the bad version goes at once");
    let status = scene.bg(&["status"]).exits(0);
    status.says("live").says("slot a, service worker");
    let policy = scene.bg(&["iam-policy"]).exits(0);
    assert!(!policy.stdout.contains("elasticloadbalancing"));
}

#[test]
fn slot_b_of_a_worker_under_a_name_with_a_hash_is_no_service_of_its_own() {
    let scene = Scene::with_worker(100, "").adopting();
    std::fs::remove_file(scene.folder().join("bg.yaml")).expect("it was written");
    let unrelated = json!({
        "cluster": "demo", "serviceName": "worker-b", "taskDefinition": "worker",
        "desiredCount": 1, "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": {
            "subnets": ["subnet-0a000000000000001"],
        } },
    });
    scene.ecs("CreateService", &unrelated);
    let place = ["init", "--region", "eu-west-1", "--cluster", "demo"];
    let init = |service| [&place[..], &["--apply", "--service", service]].concat();
    scene.bg(&init("worker")).exits(0);
    scene.bg(&deploy("worker:v2")).exits(0);
    assert_eq!(scene.desired("worker-95ce37-b"), 2);
    scene
        .without_config(&init("worker-95ce37-b"))
        .exits(3)
        .complains("worker-95ce37-b seems to be slot b of worker: bg gave it its name, with a hash")
        .complains("adopt that one: bg init --cluster demo --service worker");
    scene
        .without_config(&init("worker"))
        .exits(0)
        .says("worker-95ce37-b");
}

#[test]
fn a_bad_version_goes_and_blue_works_on() {
    let scene = Scene::with_worker(100, WORKER);
    scene
        .bg(&deploy("worker:crash"))
        .exits(4)
        .says("works alone, as before");
    assert_eq!(scene.counts(), (2, 0));
    scene.bg(&deploy("worker:v2")).exits(0);
}

#[test]
fn a_worker_whose_deployment_was_killed_is_gone_on_with_or_put_back() {
    let scene = Scene::with_worker(100, &WORKER.replace("bake: 2m", LONG));
    let killed = || {
        let mut first = scene.start(&["deploy", "--image", "worker:v2"]);
        first.until_it_says("both versions work");
        first.signal("KILL");
        assert_eq!(first.end().code, -1);
    };
    killed();
    assert_eq!(scene.counts(), (2, 2));
    let revert = [
        "resume",
        "--wait-lock",
        "30m",
        "--no-wait-retire",
        "--revert",
    ];
    scene.bg(&revert).exits(0);
    assert_eq!(scene.counts(), (2, 0));
    killed();
    let resume = ["resume", "--wait-lock", "30m", "--no-wait-retire"];
    scene.bg(&resume).exits(0).says("is the live one");
    assert_eq!(scene.counts(), (2, 2));
}

#[test]
fn an_abort_puts_green_away_and_break_glass_works_without_a_store() {
    let scene = Scene::with_worker(60, &WORKER.replace("bake: 2m", LONG));
    let mut deployment = scene.start(&deploy("worker:v2"));
    deployment.until_it_says("both versions work");
    scene.bg(&["abort"]).exits(0);
    deployment.end().exits(4).says("green was gone after");
    assert_eq!(scene.counts(), (2, 0));
    scene
        .bg(&["rollback", "--to", "b", "--force"])
        .exits(0)
        .says("slot b (worker-b) is set to 2 tasks, slot a to none");
    assert_eq!(scene.counts(), (0, 2));
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["live"]["slot"], "b");
}

#[test]
fn green_runs_by_blue_s_capacity_providers_whatever_the_cluster_s_default_is_by_then() {
    let scene = Scene::empty_at_speed(100, WORKER);
    let strategy = |provider: &str| json!([{ "capacityProvider": provider, "weight": 1 }]);
    let providers = ["FARGATE", "FARGATE_SPOT"];
    let cluster = json!({
        "clusterName": "demo",
        "capacityProviders": providers,
        "defaultCapacityProviderStrategy": strategy("FARGATE_SPOT"),
    });
    scene.ecs("CreateCluster", &cluster);
    scene.make_worker(None);
    let worker = scene.service("worker").expect("it runs");
    assert_eq!(worker["capacityProviderStrategy"], strategy("FARGATE_SPOT"));
    assert!(worker["launchType"].is_null(), "{worker:#}");
    let since = json!({
        "cluster": "demo",
        "capacityProviders": providers,
        "defaultCapacityProviderStrategy": strategy("FARGATE"),
    });
    scene.ecs("PutClusterCapacityProviders", &since);
    scene.bg(&deploy("worker:v2")).exits(0);
    let green = scene.service("worker-b").expect("it was made");
    assert_eq!(green["capacityProviderStrategy"], strategy("FARGATE_SPOT"));
    assert!(green["launchType"].is_null(), "{green:#}");
    scene.bg(&["rollback"]).exits(0);
    scene.bg(&deploy("worker:v3")).exits(0);
    let green = scene.service("worker-b").expect("it is there");
    assert_eq!(green["capacityProviderStrategy"], strategy("FARGATE_SPOT"));
}

#[test]
fn cloud_map_takes_the_config_s_consent() {
    let scene = Scene::with_worker(100, WORKER);
    let arn = "arn:aws:servicediscovery:eu-west-1:123456789012:service/srv-1";
    let registered = json!({
        "cluster": "demo",
        "service": "worker",
        "serviceRegistries": [{ "registryArn": arn }],
    });
    scene.ecs("UpdateService", &registered);
    until("the update", || {
        let worker = scene.service("worker")?;
        let steady = worker["deployments"].as_array().map(Vec::len) == Some(1);
        (steady && worker["deployments"][0]["rolloutState"] == "COMPLETED").then_some(())
    });
    scene
        .bg(&deploy("worker:v2"))
        .exits(3)
        .complains("registered in Cloud Map (srv-1)")
        .complains("discovery: shared");
    scene.write("bg.yaml", &format!("{WORKER}discovery: shared\n"));
    scene.bg(&deploy("worker:v2")).exits(0);
    let green = scene.service("worker-b").expect("it exists");
    assert_eq!(green["serviceRegistries"][0]["registryArn"], arn);
}

#[test]
fn a_worker_whose_tags_were_taken_off_is_told_by_its_journal_and_mended() {
    let scene = Scene::with_worker(100, &WORKER.replace("after: 2m", "after: 4h"));
    scene.bg(&deploy("worker:v2")).exits(0);
    for service in ["worker", "worker-b"] {
        let arn = scene.service(service).expect("it is there")["serviceArn"].clone();
        let keys = ["bg:deployment", "bg:live", "bg:last-served", "bg:retire-at"];
        scene.ecs(
            "UntagResource",
            &json!({ "resourceArn": arn, "tagKeys": keys }),
        );
    }
    scene
        .bg(&["status"])
        .exits(0)
        .says("live")
        .says("slot b, service worker-b")
        .says("that slot b is live says the journal of")
        .says("`bg rollback --to b --force` retires slot a");
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["live"]["service"], "worker-b");
    assert!(status["by_journal"].is_string(), "{status:#}");
    scene
        .bg(&["plan", "--image", "worker:v3"])
        .exits(3)
        .says("say which one stays: `bg rollback --to a --force` or `--to b --force`");
    scene.bg(&["rollback", "--to", "b", "--force"]).exits(0);
    assert_eq!(scene.counts(), (0, 2));
    let status = scene.bg(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["live"]["slot"], "b");
    assert!(status["by_journal"].is_null(), "{status:#}");
    scene
        .bg(&deploy("worker:v3"))
        .exits(0)
        .says("slot a, worker:3) is the live one");
}
