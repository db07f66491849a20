//! Targets in a slot's group that are no tasks of its service.

use serde_json::{Value, json};

use super::support::{Scene, until};

const PLAN: [&str; 3] = ["plan", "--image", "shop:v2"];
const DEPLOY: [&str; 3] = ["deploy", "--image", "shop:v2"];

impl Scene {
    /// A service like the shop's, registered with that group; it runs.
    fn leftover(&self, group: &str) {
        let shop = self.service("shop").expect("the demo's");
        let mut leftover = json!({
            "cluster": "demo", "serviceName": "leftover", "desiredCount": 1,
            "loadBalancers": shop["loadBalancers"],
        });
        for field in ["taskDefinition", "launchType", "networkConfiguration"] {
            leftover[field] = shop[field].clone();
        }
        leftover["loadBalancers"][0]["targetGroupArn"] = json!(self.group(group));
        self.ecs("CreateService", &leftover);
        until("its target to be healthy", || {
            let service = self.service("leftover")?;
            (service["deployments"][0]["rolloutState"] == "COMPLETED").then_some(())
        });
    }

    fn targets(&self, group: &str) -> usize {
        let arn = self.group(group);
        let shown = self.elb("DescribeTargetHealth", &[("TargetGroupArn", &arn)]);
        shown.matches("<TargetHealth>").count()
    }
}

#[test]
fn a_leftover_service_in_the_idle_slot_s_group_is_refused_until_it_is_gone() {
    let scene = Scene::at_speed(200);
    scene.leftover("shop-b");
    let before = scene.footprint();
    let words = "target group shop-b of slot b has 1 target that is no task of shop-b: ";
    scene
        .bg(&PLAN)
        .exits(3)
        .says(words)
        .says("(service leftover)")
        .says("take the group out of service leftover");
    let document = scene.bg(&[&PLAN[..], &["--output", "json"]].concat());
    assert_eq!(document.exits(3).json()["plan"], Value::Null);
    scene.bg(&DEPLOY).exits(3).complains(words);
    assert_eq!(scene.footprint(), before);
    assert_eq!(scene.service("shop-b"), None);

    let leave = json!({ "cluster": "demo", "service": "leftover", "desiredCount": 0 });
    scene.ecs("UpdateService", &leave);
    until("its target to leave", || {
        (scene.targets("shop-b") == 0).then_some(())
    });
    scene.bg(&DEPLOY).exits(0).says("Promoted");
}

#[test]
fn somebody_who_serves_beside_blue_is_warned_of_and_told_by_init() {
    let scene = Scene::at_speed(200).adopting();
    scene.leftover("shop-a");
    let words = "target group shop-a of slot a has 1 target that is no task of shop: ";
    scene.bg(&PLAN).exits(0).says(words);
    let init = ["init", "--cluster", "demo", "--service", "shop"];
    scene
        .bg(&init)
        .exits(0)
        .says("target group shop-a has 1 target that is no task of shop: ")
        .says("(service leftover)");
}

#[test]
fn tasks_that_are_kept_warm_and_tasks_that_stop_are_no_strangers() {
    let scene = Scene::at_speed(200);
    scene
        .bg(&[&DEPLOY[..], &["--no-wait-retire"]].concat())
        .exits(0);
    let plan = ["plan", "--image", "shop:v3"];
    let told = |ended: &super::support::Ended| {
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!all.contains("no task"), "{all}");
    };
    told(&scene.bg(&plan).exits(0));
    // Blue is on its way out: its tasks stop, and its targets drain.
    let leave = json!({ "cluster": "demo", "service": "shop", "desiredCount": 0 });
    scene.ecs("UpdateService", &leave);
    let mut looks = 0;
    while scene.targets("shop-a") > 0 {
        told(&scene.bg(&plan).exits(0));
        looks += 1;
    }
    assert!(looks > 0, "it was gone at once");
}
