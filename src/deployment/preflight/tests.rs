//! What planning refuses, warns of and plans.

mod bare;
mod deadman;
mod dns;
mod fits;
mod gates;
mod healthy;
mod idle;
mod metrics;
mod own_scaling;
mod routes;
mod scaling;
mod size;
mod strangers;
mod watching;

use serde_json::{Value, json};

use super::{
    DefinitionWanted, Planning, Request, RouteWanted, RoutesWanted, WhenUnchanged, missing, plan,
};
use crate::deployment::ids::{AlarmName, SlotName, Slots, TaskDefinitionArn};
use crate::deployment::observation::Seen;
use crate::deployment::plan::{GreenService, Kind, NewTaskDefinition};
use crate::deployment::scaling::ScalableTarget;
use crate::deployment::surroundings::Surroundings;
use crate::deployment::task_definition::parse_image_flags;
use crate::judge::alarms::AlarmState;
use crate::strategy::Weight;
use healthy::{forward, group, group_arn, request, service, shop};

type Change = fn(&mut Request, &mut Surroundings);

fn planned(change: impl FnOnce(&mut Request, &mut Surroundings)) -> Planning {
    let (mut request, mut found) = (request(), shop());
    change(&mut request, &mut found);
    plan(&request, &found)
}

fn problems(planning: &Planning) -> Vec<String> {
    planning.problems.iter().map(ToString::to_string).collect()
}

/// Each change alone is one problem whose words and whose fix say what is expected, and there is
/// no plan.
fn each_is_refused(table: &[(&str, &str, Change)]) {
    for (what, fix, change) in table {
        let planning = planned(change);
        let [problem] = &planning.problems[..] else {
            panic!("{what}: {:#?}", planning.problems);
        };
        assert!(problem.what.contains(what), "{what}: {}", problem.what);
        assert!(problem.fix.contains(fix), "{what}: {}", problem.fix);
        assert!(planning.plan.is_none(), "{what}");
    }
}

#[test]
fn a_healthy_shop_gets_a_plan_without_a_word_against_it() {
    let planning = planned(|_, _| {});
    assert_eq!(problems(&planning), [] as [String; 0]);
    assert_eq!(planning.warnings, [] as [String; 0]);
    assert!(!planning.unchanged);
    let plan = planning.plan.unwrap();
    assert_eq!((plan.blue, plan.desired), (SlotName::A, 4));
    assert_eq!(
        plan.green,
        GreenService::Create {
            source: SlotName::A
        }
    );
    assert_eq!(plan.routes.len(), 1);
    assert_eq!(plan.routes[0].label, "shop:443");
    let target = &plan.slots.b.targets[0];
    assert_eq!((target.container.as_str(), target.port), ("app", 8080));
    let NewTaskDefinition::Register { family, images, .. } = &plan.task_definition else {
        panic!("{:?}", plan.task_definition);
    };
    assert_eq!(family, "shop");
    assert_eq!(images[0], ("app".to_owned(), "shop:v2".to_owned()));
    let body = planning.body.unwrap();
    assert_eq!(body["containerDefinitions"][0]["image"], "shop:v2");
}

#[test]
fn the_plan_holds_no_task_definition_body() {
    let plan = planned(|_, _| {}).plan.unwrap();
    let journal = serde_json::to_string(&plan).unwrap();
    assert!(!journal.contains("hunter2"), "{journal}");
}

#[test]
fn the_slot_that_carries_the_weights_is_blue() {
    let plan = planned(|_, found| {
        found.services.b = Some(service("shop-b", "shop-b"));
        found.healthy.insert(group_arn("shop-b"), 4);
        found.forwards = vec![forward(443, 0, 100)];
    });
    let plan = plan.plan.unwrap();
    assert_eq!(plan.blue, SlotName::B);
    assert_eq!(
        plan.green,
        GreenService::Update {
            source: SlotName::B
        }
    );
}

#[test]
fn the_wrong_place_is_refused() {
    each_is_refused(&[
        (
            "the credentials are for account 123456789012, the config says 999999999999",
            "--profile",
            |request, _| request.account = Some("999999999999".to_owned()),
        ),
        (
            "is in region us-east-1, and bg works in eu-west-1",
            "--region us-east-1",
            |request, found| {
                let arn = group_arn("shop-b")
                    .as_str()
                    .replace("eu-west-1", "us-east-1");
                let found_group = found.groups["shop-b"].clone();
                found.groups.insert(arn.clone(), found_group);
                request.slots.b.targets[0].group = arn;
            },
        ),
        (
            "is of account 999999999999",
            "--profile",
            |request, found| {
                let arn = group_arn("shop-b")
                    .as_str()
                    .replace("123456789012", "999999999999");
                let found_group = found.groups["shop-b"].clone();
                found.groups.insert(arn.clone(), found_group);
                request.slots.b.targets[0].group = arn;
            },
        ),
    ]);
}

#[test]
fn a_missing_cluster_names_those_that_exist() {
    let planning = planned(|_, found| {
        found.cluster_exists = false;
        found.clusters = vec!["production".to_owned(), "staging".to_owned()];
        found.services.a = None;
    });
    let problems = problems(&planning);
    assert!(
        problems[0].contains("no cluster prod in eu-west-1")
            && problems[0].contains("production, staging"),
        "{problems:#?}"
    );
}

#[test]
fn what_is_named_and_is_not_there_is_told_apart_from_other_problems() {
    let (mut request, mut found) = (request(), shop());
    ring(&mut found);
    assert_eq!(missing(&request, &found), []);
    found.alarms.insert(AlarmName::new("shop-latency"), None);
    let place = RouteWanted::Place {
        load_balancer: "shop".to_owned(),
        port: 8443,
        host: None,
        path: None,
        header: None,
    };
    request.routes = RoutesWanted::Listed(vec![place]);
    let told = |request: &Request, found: &Surroundings| -> Vec<String> {
        let problems = missing(request, found).into_iter();
        problems.map(|it| it.what).collect()
    };
    assert_eq!(
        told(&request, &found),
        [
            "route shop:8443 does not exist or names none of the slots' groups",
            "alarm shop-latency does not exist in eu-west-1",
        ]
    );
    found.alarms.clear();
    found.groups.insert("shop-b".to_owned(), None);
    let unread = "an alarm that was not asked about isn't missing";
    let group = "slot b's target group shop-b does not exist";
    assert_eq!(told(&request, &found), [group], "{unread}");
}

#[test]
fn services_that_cannot_be_deployed_to_are_refused() {
    each_is_refused(&[
        (
            "slot a's service shop does not exist in cluster prod",
            "did you mean `service: shop-web` in slot a?",
            |_, found| {
                found.services.a = None;
                found.service_names = vec!["billing".to_owned(), "shop-web".to_owned()];
            },
        ),
        (
            "slot a's service shop does not exist",
            "the cluster has: billing",
            |_, found| {
                found.services.a = None;
                found.service_names = vec!["billing".to_owned()];
            },
        ),
        (
            "its deployment controller is CODE_DEPLOY",
            "create a service with deployment controller ECS",
            |_, found| {
                set(
                    found,
                    "deploymentController",
                    json!({ "type": "CODE_DEPLOY" }),
                );
            },
        ),
        (
            "ECS is already deploying service shop by itself",
            "aws ecs wait services-stable --cluster prod --services shop",
            |_, found| {
                let two = json!([
                    { "status": "PRIMARY", "rolloutState": "IN_PROGRESS" },
                    { "status": "ACTIVE", "rolloutState": "COMPLETED" },
                ]);
                set(found, "deployments", two);
            },
        ),
        (
            "the live service shop has desired count 0",
            "scale it up first",
            |_, found| set(found, "desiredCount", json!(0)),
        ),
        (
            "blue has 2 of 4 healthy targets in shop-a",
            "--hotfix --reason TEXT",
            |_, found| {
                found.healthy.insert(group_arn("shop-a"), 2);
            },
        ),
        (
            "service shop does not register its tasks with target group shop-a",
            "slots.a.target_group",
            |_, found| set(found, "loadBalancers", json!([])),
        ),
        (
            "the slots are mixed up: service shop of slot a registers its tasks with target group \
             shop-b, which `slots` gives slot b",
            "swap the target groups",
            |_, found| {
                let entry = json!({ "targetGroupArn": group_arn("shop-b") });
                set(found, "loadBalancers", json!([entry]));
            },
        ),
        (
            "--service-from b: slot b's service does not exist",
            "--service-from a",
            |request, _| request.source = Some(SlotName::B),
        ),
        (
            "slot b's service shop-b is still draining",
            "in a few minutes",
            |_, found| {
                let mut draining = service("shop-b", "shop-b");
                draining["status"] = json!("DRAINING");
                found.services.b = Some(draining);
            },
        ),
        (
            "slot b's service shop-b has launchType EC2",
            "--service-from",
            |_, found| {
                let mut other = service("shop-b", "shop-b");
                other["launchType"] = json!("EC2");
                found.services.b = Some(other);
            },
        ),
    ]);
}

fn set(found: &mut Surroundings, field: &str, value: Value) {
    let service = found.services.a.as_mut().expect("the shop has slot a");
    service[field] = value;
}

#[test]
fn what_an_update_mends_is_listed_and_no_problem() {
    let planning = planned(|_, found| {
        let mut idle = service("shop-b", "shop-b");
        idle["platformVersion"] = json!("1.3.0");
        found.services.b = Some(idle);
    });
    assert_eq!(problems(&planning), [] as [String; 0]);
    assert_eq!(
        planning.differences,
        ["platformVersion: 1.3.0 becomes 1.4.0"]
    );
}

#[test]
fn task_definitions_that_cannot_run_are_refused() {
    each_is_refused(&[
        ("proxy", "--image NAME=REF", |request, _| {
            let images = parse_image_flags(&["proxy=nginx:1"]).unwrap();
            request.definition = DefinitionWanted::Images(images);
        }),
        (
            "there is no task definition shop:99",
            "aws ecs list-task-definitions",
            |request, _| request.definition = DefinitionWanted::Existing("shop:99".to_owned()),
        ),
        (
            "task definition shop:7 is not ACTIVE",
            "choose another revision",
            |request, found| {
                let arn = TaskDefinitionArn::new(healthy::DEFINITION);
                let definition = found.task_definitions.get_mut(&arn).unwrap();
                definition["taskDefinition"]["status"] = json!("INACTIVE");
                found.asked_definition = Some(arn);
                request.definition = DefinitionWanted::Existing("shop:7".to_owned());
                request.when_unchanged = WhenUnchanged::Deploy;
            },
        ),
        (
            "no container app with port 8080, which target group shop-b needs",
            "map that port in the container",
            |request, _| body(request, "/containerDefinitions/0/portMappings", json!([])),
        ),
        (
            "target group shop-b has target type instance, network mode awsvpc needs ip",
            "--target-type ip",
            |_, found| {
                let mut wrong = group("shop-b");
                wrong.target_type = "instance".to_owned();
                found.groups.insert("shop-b".to_owned(), Some(wrong));
            },
        ),
        (
            "Fargate has no size with cpu 256 and memory 1234",
            "512",
            |request, _| body(request, "/memory", json!("1234")),
        ),
    ]);
}

/// Asks for the shop's own definition with one field changed.
fn body(request: &mut Request, pointer: &str, value: Value) {
    let mut body = healthy::definition("shop:v2")["taskDefinition"].clone();
    body.as_object_mut().unwrap().remove("taskDefinitionArn");
    *body.pointer_mut(pointer).unwrap() = value;
    request.definition = DefinitionWanted::Body(body);
}

#[test]
fn what_blue_runs_already_is_unchanged_only_where_the_digest_is_the_same() {
    let same = |running: &str, registry: Option<&str>| {
        let (running, registry) = (running.to_owned(), registry.map(str::to_owned));
        planned(move |request, found| {
            let images = parse_image_flags(&["shop:v1"]).unwrap();
            request.definition = DefinitionWanted::Images(images);
            found.running_digests.insert("app".to_owned(), running);
            if let Some(registry) = registry {
                found
                    .registry_digests
                    .insert("shop:v1".to_owned(), registry);
            }
        })
    };
    assert!(same("sha256:1", Some("sha256:1")).unchanged);
    let moved = same("sha256:1", Some("sha256:2"));
    assert!(!moved.unchanged);
    assert!(moved.notes[0].contains("shop:v1 has a new digest"));
    let unknown = same("sha256:1", None);
    assert!(!unknown.unchanged, "the tag may have moved");
    assert!(unknown.notes[0].contains("its registry can't be asked"));
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    let planning = planned(|request, found| {
        request.account = Some("999999999999".to_owned());
        found.healthy.insert(group_arn("shop-a"), 0);
        scale(found, SlotName::B, "service/prod/shop-b");
        found.forwards[0].weights.insert(group_arn("other"), 5);
        ring(found);
        body(request, "/memory", json!("1234"));
    });
    let problems = problems(&planning);
    assert_eq!(problems.len(), 6, "{problems:#?}");
    assert!(planning.plan.is_none() && planning.body.is_none());
}

#[test]
fn alarms_and_services_are_checked_even_where_no_route_is_found() {
    let planning = planned(|_, found| {
        found.forwards.clear();
        found.services.a = None;
        ring(found);
    });
    let problems = problems(&planning);
    assert_eq!(problems.len(), 3, "{problems:#?}");
}

#[test]
fn the_ladder_is_the_strategy_s_and_ends_with_its_own_bake() {
    let plan = planned(|_, _| {}).plan.unwrap();
    let ladder: Vec<_> = plan
        .steps
        .iter()
        .map(|step| (step.weight, step.bake.as_secs()))
        .collect();
    let percent = |percent| Weight::of_percent(percent).unwrap();
    assert_eq!(ladder, [(percent(10), 300), (percent(100), 300)]);
}

fn scale(found: &mut Surroundings, slot: SlotName, resource: &str) {
    let mut targets = Slots::default();
    targets[slot] = Some(ScalableTarget {
        resource: resource.to_owned(),
        min: 1,
        max: 4,
        ..ScalableTarget::default()
    });
    found.scaling = Seen::Value(targets);
}

fn ring(found: &mut Surroundings) {
    let alarm = found.alarms.get_mut(&AlarmName::new("shop-latency"));
    let alarm = alarm.and_then(Option::as_mut).expect("the shop has it");
    alarm.state = AlarmState::Alarm;
    alarm.reason = "it rings".to_owned();
}
