//! Services that nobody built with bg in mind, adopted and deployed.

use serde_json::json;

use super::routes::{HTTP, TCP};
use super::support::{Ended, Scene, between};

const INIT: [&str; 3] = ["init", "--region", "eu-west-1"];

/// The demo account without anything of slot b, and without a config.
pub(crate) fn alone(speed: u32) -> Scene {
    let scene = Scene::at_speed(speed).adopting();
    std::fs::remove_file(scene.folder().join("bg.yaml")).expect("it was written");
    let (listener, a, b) = (
        scene.listener(),
        scene.group("shop-a"),
        scene.group("shop-b"),
    );
    let forward = [
        ("ListenerArn", listener.as_str()),
        ("DefaultActions.member.1.Type", "forward"),
        ("DefaultActions.member.1.TargetGroupArn", &a),
    ];
    scene.elb("ModifyListener", &forward);
    scene.elb("DeleteTargetGroup", &[("TargetGroupArn", &b)]);
    scene
}

impl Scene {
    fn config(&self) -> Option<String> {
        std::fs::read_to_string(self.folder().join("bg.yaml")).ok()
    }

    /// A group's settings and attributes, without what is its own alone.
    fn settings(&self, name: &str) -> (String, String) {
        let arn = self.group(name);
        let shown = self.elb("DescribeTargetGroups", &[("Names.member.1", name)]);
        let shown = between(&shown, "<TargetGroups>", "</TargetGroups>").expect("it is there");
        let attributes = self.elb("DescribeTargetGroupAttributes", &[("TargetGroupArn", &arn)]);
        let attributes =
            between(&attributes, "<Attributes>", "</Attributes>").expect("it has some");
        let own = |text: &str| {
            text.replace(&arn, "ARN")
                .replace(&format!(">{name}<"), ">NAME<")
        };
        (own(shown), attributes.to_owned())
    }

    /// A listener that forwards to one group, as most begin.
    fn plain_listener(&self, balancer: &str, protocol: &str, port: &str, group: &str) -> String {
        let parameters = [
            ("LoadBalancerArn", balancer),
            ("Protocol", protocol),
            ("Port", port),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", group),
        ];
        self.made("CreateListener", &parameters, "ListenerArn")
    }
}

#[test]
fn a_plain_service_is_looked_at_adopted_and_deployed_both_ways() {
    let scene = alone(200);
    let before = scene.footprint();
    let shown = scene
        .bg(&[&INIT[..], &["--service", "shop"]].concat())
        .exits(0);
    let shown = shown
        .says("slot b   service shop-b, target group shop-b")
        .says("+ target group shop-b like shop-a")
        .says("+ shop-b at weight 0 in the forward action of shop:80")
        .says("Nothing was changed in AWS.")
        .says("Next: bg init --cluster demo --service shop --apply, then bg plan --image REF");
    shown.says("bg.yaml is written");
    assert_eq!(scene.footprint(), before);
    let config = scene.config().expect("it is written");
    scene
        .bg(&["plan", "--image", "shop:v2"])
        .exits(3)
        .says("slot b's target group shop-b does not exist")
        .says("`bg init --cluster demo --service shop --apply`");

    let apply = [&INIT[..], &["--service", "shop", "--apply"]].concat();
    scene
        .bg(&apply)
        .exits(0)
        .says("added target group shop-b")
        .says("added shop-b at weight 0 in shop:80")
        .says("Next: bg plan --image REF");
    assert_eq!(scene.config().as_ref(), Some(&config), "it is kept");
    assert_eq!(scene.settings("shop-b"), scene.settings("shop-a"));
    let adopted = scene.footprint();
    scene
        .bg(&apply)
        .exits(0)
        .says("Nothing is missing")
        .says("Nothing was changed in AWS.");
    assert_eq!(
        scene.footprint(),
        adopted,
        "a second time nothing is changed"
    );

    let deploy = |image| scene.bg(&["deploy", "--image", image, "--no-wait-retire"]);
    deploy("shop:unhealthy").exits(4).says("Reverted");
    deploy("shop:v2").exits(0).says("Promoted");
    assert_eq!(scene.weights(), (0, 100), "weights of slots a and b");
    // Slot b is live now: that is no reason to propose anything else. The config says which service.
    scene
        .bg(&["init", "--apply"])
        .exits(0)
        .says("Nothing is missing");
    assert_eq!(scene.weights(), (0, 100), "weights of slots a and b");
}

#[test]
fn slot_b_under_a_name_with_a_hash_is_adopted_as_no_service_of_its_own() {
    let scene = alone(200);
    let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-0a000000000000001"] } });
    let unrelated = json!({
        "cluster": "demo", "serviceName": "shop-b", "taskDefinition": "shop", "desiredCount": 1,
        "launchType": "FARGATE", "networkConfiguration": network,
    });
    scene.ecs("CreateService", &unrelated);
    let init = [&INIT[..], &["--cluster", "demo", "--apply", "--service"]].concat();
    scene.bg(&[&init[..], &["shop"]].concat()).exits(0);
    let deploy = ["deploy", "--image", "shop:v2", "--no-wait-retire"];
    scene.bg(&deploy).exits(0).says("Promoted");
    assert_eq!(scene.desired("shop-a847e0-b"), 2);
    let before = scene.footprint();
    scene
        .without_config(&[&init[..], &["shop-a847e0-b"]].concat())
        .exits(3)
        .complains("shop-a847e0-b seems to be slot b of shop: the same routes lead to both")
        .complains("bg init --cluster demo --service shop");
    scene
        .without_config(&[&init[..], &["shop"]].concat())
        .exits(0)
        .says("slot b   service shop-a847e0-b")
        .says("Nothing is missing");
    assert_eq!(scene.footprint(), before);
}

#[test]
fn without_a_name_and_a_terminal_the_names_are_listed() {
    let scene = alone(10);
    scene
        .bg(&INIT)
        .exits(2)
        .complains("which service? Name it with --service")
        .complains("the services there are: shop");
    scene.ecs("CreateCluster", &json!({ "clusterName": "prod" }));
    let of_two = scene
        .bg(&[&INIT[..], &["--service", "shop"]].concat())
        .exits(2);
    of_two
        .complains("which cluster?")
        .complains("the clusters there are: demo, prod");
    let demo = ["--cluster", "demo", "--service", "shpo"];
    scene
        .bg(&[&INIT[..], &demo].concat())
        .exits(3)
        .complains("there is no service shpo in cluster demo")
        .complains("did you mean shop?");
    let mistyped = ["--cluster", "demoo"];
    for service in [&[][..], &["--service", "shop"]] {
        scene
            .bg(&[&INIT[..], &mistyped, service].concat())
            .exits(3)
            .complains("there is no cluster demoo in eu-west-1")
            .complains("did you mean demo?")
            .complains("clusters there: demo, prod");
    }
    assert_eq!(scene.config(), None);
}

#[test]
fn an_arn_names_the_cluster_too_and_has_to_be_of_this_place() {
    let scene = alone(10);
    scene.ecs("CreateCluster", &json!({ "clusterName": "other" }));
    let before = scene.footprint();
    let look = |more: &[&str]| scene.bg(&[&INIT[..], more].concat());
    let arn = |path: &str| format!("arn:aws:ecs:eu-west-1:123456789012:{path}");
    let (service, there) = (arn("service/other/shop"), arn("service/demo/shop"));
    look(&["--cluster", "demo", "--service", &service])
        .exits(2)
        .complains(&format!(
            "--service {service} is in cluster other, and --cluster says demo"
        ))
        .complains("leave --cluster out");
    look(&["--service", &service, "--apply"])
        .exits(3)
        .complains("there is no service shop in cluster other");
    let elsewhere = "arn:aws:ecs:us-east-1:999999999999:cluster/demo";
    let refused = |ended: Ended| {
        ended
            .exits(3)
            .complains(&format!(
                "{elsewhere} is in region us-east-1, and bg works in"
            ))
            .complains("--region us-east-1, or correct the ARN")
            .complains("is of account 999999999999, the credentials are for 123456789012")
    };
    refused(look(&[
        "--cluster",
        elsewhere,
        "--service",
        "shop",
        "--apply",
    ]));
    let file = format!("cluster: {elsewhere}\nservice: shop\ntask_definition: t.json\n");
    scene.write("ecspresso.yml", &file);
    refused(look(&["--from", "ecspresso.yml"]));
    assert_eq!((scene.footprint(), scene.config()), (before, None));
    look(&["--service", &there])
        .exits(0)
        .says("Adopt service shop in cluster demo, 123456789012 eu-west-1");
    let config = scene.config().expect("it is written");
    assert!(config.contains("\ncluster: demo\n"), "{config}");
}

#[test]
fn a_config_that_names_something_else_is_never_overwritten() {
    let scene = alone(10);
    let before = scene.footprint();
    for there in ["service: other\n", "not: [yaml"] {
        scene.write("bg.yaml", there);
        let apply = [&INIT[..], &["--service", "shop", "--apply"]].concat();
        scene
            .bg(&apply)
            .exits(2)
            .complains("bg.yaml is there already")
            .complains("move it away");
        assert_eq!(scene.config().as_deref(), Some(there));
    }
    let elsewhere = ["--service", "shop", "--write", "shop.yaml"];
    scene
        .bg(&[&INIT[..], &elsewhere].concat())
        .exits(0)
        .says("shop.yaml is written")
        .says("bg plan --config shop.yaml --image REF");
    assert_eq!(scene.footprint(), before);
}

#[test]
fn a_config_that_was_written_by_hand_keeps_its_names() {
    let scene = alone(10);
    let by_hand = "\
        service: shop\ncluster: demo\nregion: eu-west-1\nslots:\n  \
          a: { service: shop, target_group: shop-a }\n  \
          b: { service: shop-two, target_group: second }\n";
    scene.write("bg.yaml", by_hand);
    scene
        .bg(&["init", "--apply"])
        .exits(0)
        .says("added second at weight 0 in shop:80");
    assert_eq!(scene.config().as_deref(), Some(by_hand));
    assert_eq!(scene.settings("second"), scene.settings("shop-a"));
    scene
        .bg(&["plan", "--image", "shop:v2"])
        .exits(0)
        .says("slot b, service shop-two");
}

#[test]
fn what_cannot_be_deployed_is_refused_in_the_words_of_plan() {
    let scene = alone(10);
    scene.ecs(
        "UpdateService",
        &json!({ "cluster": "demo", "service": "shop",
                 "deploymentConfiguration": { "strategy": "BLUE_GREEN" } }),
    );
    let before = scene.footprint();
    let apply = [&INIT[..], &["--service", "shop", "--apply"]].concat();
    scene
        .bg(&apply)
        .exits(3)
        .complains("service shop: its deployment strategy is ECS's own BLUE_GREEN")
        .complains("nothing was changed");
    assert_eq!((scene.footprint(), scene.config()), (before, None));
}

#[test]
fn other_tools_get_text_and_nothing_is_written() {
    let scene = alone(10);
    let before = scene.footprint();
    let text = |format| {
        let format = ["--service", "shop", "--format", format];
        scene.bg(&[&INIT[..], &format].concat()).exits(0)
    };
    text("terraform")
        .says("resource \"aws_lb_target_group\" \"shop_b\" {")
        .says("first without default_action in ignore_changes")
        .says("ignore_changes = [default_action]")
        .complains("Nothing was changed in AWS.");
    text("cloudformation")
        .says("    Type: AWS::ElasticLoadBalancingV2::TargetGroup")
        .says("exit\n#   code 5");
    let both = ["--service", "shop", "--format", "terraform", "--apply"];
    scene
        .bg(&[&INIT[..], &both].concat())
        .exits(2)
        .complains("exclude each other");
    assert_eq!((scene.footprint(), scene.config()), (before, None));
    let json = ["--service", "shop", "--output", "json"];
    let document = scene.bg(&[&INIT[..], &json].concat()).exits(0).json();
    assert_eq!(document["slots"]["b"]["targets"][0]["group"], "shop-b");
    assert_eq!(document["missing"].as_array().map(Vec::len), Some(2));
    assert_eq!(document["config"]["written"], true);
}

/// Two ports of one service on two load balancers' routes, one of them a rule.
#[test]
fn several_ports_are_adopted_and_deployed_together() {
    let scene = Scene::empty_at_speed(200, "").adopting();
    std::fs::remove_file(scene.folder().join("bg.yaml")).expect("it was written");
    let balancer = scene.balancer("application");
    let long = "a-name-as-long-as-they-may-be-32";
    let [app, admin] = [("app", "8080"), (long, "9000")].map(|(name, port)| {
        let group = scene.new_group(name, port, &HTTP);
        (name, group)
    });
    let listener = scene.plain_listener(&balancer, "HTTP", "80", &app.1);
    let rule = [
        ("ListenerArn", listener.as_str()),
        ("Priority", "10"),
        ("Conditions.member.1.Field", "path-pattern"),
        (
            "Conditions.member.1.PathPatternConfig.Values.member.1",
            "/admin/*",
        ),
        ("Actions.member.1.Type", "forward"),
        ("Actions.member.1.TargetGroupArn", &admin.1),
    ];
    scene.elb("CreateRule", &rule);
    scene.run_shop(&[("app", 8080, &app.1), ("admin", 9000, &admin.1)]);
    let apply = [&INIT[..], &["--service", "shop", "--apply"]].concat();
    let adopted = scene.bg(&apply).exits(0);
    adopted
        .says("added app-b at weight 0 in shop:80")
        .says("/admin/*");
    let config = scene.config().expect("it is written");
    let group_b = between(&config, "container: admin, port: 9000, group: ", " }");
    assert_eq!(group_b, Some(long), "slot a's stands first");
    let rest = config.split_once("  b:").expect("slot b").1;
    let group_b = between(rest, "container: admin, port: 9000, group: ", " }");
    let group_b = group_b.expect("slot b's has a name");
    assert!(group_b.len() <= 32 && group_b.ends_with("-b"), "{group_b}");
    assert_eq!(scene.settings(group_b), scene.settings(long));
    let deploy = [
        "deploy",
        "--image",
        "app=app:v2",
        "--image",
        "admin=admin:v2",
        "--no-wait-retire",
    ];
    scene.bg(&deploy).exits(0).says("Promoted");
    assert_eq!(scene.desired("shop-b"), 2);
}

#[test]
fn a_service_behind_a_network_load_balancer_is_adopted_and_deployed() {
    let scene = Scene::empty_at_speed(200, "").adopting();
    std::fs::remove_file(scene.folder().join("bg.yaml")).expect("it was written");
    let balancer = scene.balancer("network");
    let app = scene.new_group("app-blue", "8080", &TCP);
    scene.plain_listener(&balancer, "TCP", "443", &app);
    scene.run_shop(&[("app", 8080, &app)]);
    let apply = [&INIT[..], &["--service", "shop", "--apply"]].concat();
    scene
        .bg(&apply)
        .exits(0)
        .says("added target group app-green");
    assert_eq!(scene.settings("app-green"), scene.settings("app-blue"));
    scene
        .bg(&["deploy", "--image", "app:v2", "--no-wait-retire"])
        .exits(0)
        .says("Promoted");
    assert_eq!(scene.desired("shop-b"), 2);
}

#[test]
fn a_port_that_only_targets_agents_use_is_cloned_too() {
    let scene = Scene::empty_at_speed(200, "").adopting();
    std::fs::remove_file(scene.folder().join("bg.yaml")).expect("it was written");
    let balancer = scene.balancer("application");
    let agents = [&HTTP[..], &[("TargetControlPort", "3000")]].concat();
    let app = scene.new_group("app", "8080", &agents);
    scene.plain_listener(&balancer, "HTTP", "80", &app);
    scene.run_shop(&[("app", 8080, &app)]);
    let init = |more: &[&str]| {
        let arguments = [&INIT[..], &["--service", "shop"], more].concat();
        scene.bg(&arguments).exits(0)
    };
    init(&["--format", "terraform"]).says("target_control_port               = 3000");
    init(&["--format", "cloudformation"]).says("      TargetControlPort: 3000");
    init(&["--apply"]).says("added target group app-b");
    assert_eq!(scene.settings("app-b"), scene.settings("app"));
    assert!(scene.settings("app-b").0.contains("3000"));
}

/// The idle slot's group leaves a sticky route, so that nobody stays pinned to it.
#[test]
fn a_sticky_service_is_looked_at_after_every_way_back() {
    let scene = Scene::at_speed(60).adopting();
    scene.stick();
    scene.deploy_to_b();
    let init = [&INIT[..], &["--service", "shop", "--cluster", "demo"]].concat();
    let format = |it| [&init[..], &["--format", it]].concat();
    for (live, idle) in [("shop-a", "shop-b"), ("shop-b", "shop-a")] {
        scene.bg(&["rollback", "--no-wait-retire"]).exits(0);
        assert_eq!(scene.named(), [live]);
        let note = format!("bg took target group {idle} out of this sticky route");
        let apply = [&init[..], &["--apply"]].concat();
        for ended in [scene.bg(&apply), scene.without_config(&init)] {
            ended
                .exits(0)
                .says("slot b   service shop-b, target group shop-b")
                .says(&note)
                .says("Nothing is missing");
        }
        assert_eq!(scene.named(), [live], "the next deployment's own work");
        let text = scene.bg(&format("terraform")).exits(0);
        text.says("ignore_changes = [default_action]")
            .says(&scene.group(live))
            .says(&scene.group(idle));
        let text = scene.bg(&format("cloudformation")).exits(0);
        text.says(&scene.group(live)).says(&scene.group(idle));
        let of_b = [&INIT[..], &["--service", "shop-b", "--cluster", "demo"]].concat();
        let refused = scene.without_config(&of_b).exits(3);
        let refused = refused.complains("service shop-b seems to be slot b of shop");
        assert!(!refused.stderr.contains("forwards to"), "{refused}");
    }
}
