//! What somebody has changed in the idle slot: shown, and said what becomes of it.

use super::*;
use crate::deployment::preflight::UnlikeSetting;
use crate::deployment::task_definition;

const SERVED: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:5";
const SET: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:8";

/// Slot b is idle: it served `shop:5` last and is set to `shop:8`, whose tags these are.
fn set_anew(found: &mut Surroundings, tags: Value) {
    let mut idle = service("shop-b", "shop-b");
    idle["taskDefinition"] = json!(SET);
    idle["tags"] = json!([{ "key": "bg:last-served", "value": SERVED }]);
    found.services.b = Some(idle);
    for (arn, image, tags) in [(SERVED, "shop:v0", json!([])), (SET, "shop:iac", tags)] {
        let mut definition = healthy::definition(image);
        definition["taskDefinition"]["taskDefinitionArn"] = json!(arn);
        definition["tags"] = tags;
        let arn = TaskDefinitionArn::new(arn);
        found.task_definitions.insert(arn, definition);
    }
}

#[test]
fn a_task_definition_that_somebody_set_in_the_idle_slot_is_shown_with_what_it_changes() {
    let planning = planned(|_, found| set_anew(found, json!([])));
    let idle = planning.idle_definition.unwrap();
    assert_eq!((idle.slot, idle.is_deployed), (SlotName::B, false));
    assert_eq!(
        (idle.set.short(), idle.served.short()),
        ("shop:8", "shop:5")
    );
    let changes = idle.changes.unwrap();
    assert_eq!(changes[0].path, "containers.app.image");
    assert_eq!(changes[0].after.as_deref(), Some("shop:iac"));
    assert_eq!(changes.len(), 1);
}

#[test]
fn what_a_reverted_deployment_left_there_was_set_by_nobody_else() {
    let own = json!([{ "key": "bg:deployment", "value": "20260101-080000-gone" }]);
    let planning = planned(|_, found| set_anew(found, own));
    assert_eq!(planning.idle_definition, None);
    let planning = planned(|_, found| {
        found.services.b = Some(service("shop-b", "shop-b"));
    });
    assert_eq!(planning.idle_definition, None, "nothing has served there");
}

#[test]
fn one_that_green_is_to_run_is_said_to_be_run_and_one_that_is_gone_leaves_the_changes_open() {
    let planning = planned(|request, found| {
        set_anew(found, json!([]));
        found
            .task_definitions
            .remove(&TaskDefinitionArn::new(SERVED));
        found.asked_definition = Some(TaskDefinitionArn::new(SET));
        request.definition = DefinitionWanted::Existing("shop:8".to_owned());
    });
    let idle = planning.idle_definition.unwrap();
    assert!(idle.is_deployed);
    assert_eq!(idle.changes, None);
    let planning = planned(|request, found| {
        set_anew(found, json!([]));
        let body = task_definition::from_describe(&healthy::definition("shop:iac"));
        request.definition = DefinitionWanted::Body(body);
    });
    assert!(
        planning.idle_definition.unwrap().is_deployed,
        "it is the same"
    );
}

/// Slot b's service as somebody left it.
fn edited() -> Value {
    let mut idle = service("shop-b", "shop-b");
    idle["platformVersion"] = json!("1.3.0");
    idle["launchType"] = json!("EC2");
    idle["tags"] = json!([
        { "key": "team", "value": "web" }, { "key": "aws:cloudformation:stack-name", "value": "x" },
        { "key": "bg:deployment", "value": "20260101-080000-gone" },
    ]);
    idle
}

#[test]
fn what_the_idle_slot_keeps_is_shown_where_its_settings_are_asked_for() {
    let planning = planned(|request, found| {
        request.source = Some(SlotName::B);
        found.services.b = Some(edited());
    });
    assert_eq!(problems(&planning), [] as [String; 0]);
    assert_eq!(
        planning.differences,
        [
            "launchType: stays at EC2, slot a has FARGATE",
            "platformVersion: stays at 1.3.0, slot a has 1.4.0",
            "tags.team: stays at web, slot a has nothing",
        ]
    );
    let said = planning.notes.join("\n");
    assert!(!said.contains("--service-from"), "{said}");
}

/// What a plan says where the live slot has tags `cost` and `team`, and the idle one another `team`.
fn planned_with_tags(source: Option<SlotName>) -> Planning {
    planned(|request, found| {
        request.source = source;
        let blue = found.services.a.as_mut().expect("it is there");
        blue["tags"] = json!([
            { "key": "cost", "value": "42" },
            { "key": "team", "value": "shop" },
            { "key": "bg:live", "value": "x" },
        ]);
        let mut idle = service("shop-b", "shop-b");
        idle["tags"] = json!([{ "key": "team", "value": "web" }]);
        found.services.b = Some(idle);
    })
}

const TAG_COMMAND: &str = "aws ecs tag-resource --resource-arn \
                           arn:aws:ecs:eu-west-1:123456789012:service/prod/shop-b --tags ";

#[test]
fn tags_that_the_idle_slot_lacks_are_put_in_and_those_it_has_stay() {
    let planning = planned_with_tags(None);
    assert_eq!(
        planning.differences,
        [
            "tags.cost: 42 is put in",
            "tags.team: stays at web, slot a has shop"
        ]
    );
    let notes = planning.notes.join("\n");
    let command = format!("{TAG_COMMAND}'key=team,value=shop' gives it");
    assert!(notes.contains(&command), "{notes}");
}

#[test]
fn a_service_needs_room_for_bg_s_own_tags() {
    let planned = |kind: Kind, count: usize| {
        planned(|request, found| {
            request.kind = kind;
            let blue = found.services.a.as_mut().expect("it is there");
            let tag = |at: usize| json!({ "key": format!("k{at}"), "value": "" });
            blue["tags"] = (0..count).map(tag).collect();
        })
    };
    let told = |count: usize| planned(Kind::Deploy, count).problems;
    assert!(told(46).is_empty(), "{:?}", told(46));
    let [problem] = &told(47)[..] else {
        panic!("{:?}", told(47));
    };
    let words = "shop has 47 tags, and bg needs 4 of the 50";
    assert!(problem.what.contains(words), "{}", problem.what);
    let back = planned(Kind::Rollback, 47);
    assert!(back.problems.is_empty(), "{:?}", back.problems);
    assert!(back.warnings.join("; ").contains(words));
}

#[test]
fn tags_that_have_no_room_beside_those_that_are_there_stay_away() {
    let planning = planned(|_, found| {
        let tags = |of: &str| -> Value {
            let tag = |at: usize| json!({ "key": format!("{of}{at:02}"), "value": "v" });
            (0..30).map(tag).collect()
        };
        found.services.a.as_mut().expect("it is there")["tags"] = tags("live");
        let mut idle = service("shop-b", "shop-b");
        idle["tags"] = tags("idle");
        found.services.b = Some(idle);
    });
    assert_eq!(problems(&planning), [""; 0]);
    let count = |words: &str| {
        let told = planning.differences.iter();
        told.filter(|it| it.starts_with("tags.live") && it.contains(words))
            .count()
    };
    assert_eq!((count("is put in"), count("stays at nothing")), (15, 15));
}

#[test]
fn a_slot_that_keeps_its_own_settings_keeps_its_tags_too() {
    let planning = planned_with_tags(Some(SlotName::B));
    let differences = &planning.differences;
    assert!(differences.contains(&"tags.cost: stays at nothing, slot a has 42".to_owned()));
    let notes = planning.notes.join("\n");
    let command = format!("{TAG_COMMAND}'key=cost,value=42' 'key=team,value=shop' gives it");
    assert!(notes.contains(&command), "{notes}");
}

#[test]
fn what_the_idle_slot_loses_is_shown_with_the_way_to_keep_it() {
    let planning = planned(|_, found| {
        let mut idle = edited();
        idle["launchType"] = json!("FARGATE");
        found.services.b = Some(idle);
    });
    assert_eq!(
        planning.differences,
        [
            "platformVersion: 1.3.0 becomes 1.4.0",
            "tags.team: stays at web, slot a has nothing",
        ]
    );
    let note = "--service-from b has it keep its own";
    assert!(
        planning.notes.iter().any(|it| it.contains(note)),
        "{:?}",
        planning.notes
    );
}

#[test]
fn target_groups_that_differ_are_shown_whoever_s_settings_green_gets() {
    for source in [None, Some(SlotName::A)] {
        let planning = planned(|request, found| {
            request.source = source;
            for (name, path, delay) in [("shop-a", "/", "60"), ("shop-b", "/health", "60")] {
                let found = found.groups.get_mut(name).and_then(Option::as_mut).unwrap();
                let delay = ("deregistration_delay.timeout_seconds", delay);
                let settings = [("HealthCheckPath", path), delay];
                let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
                found.settings = settings.into();
            }
        });
        let [pair] = &planning.groups[..] else {
            panic!("{:?}", planning.groups);
        };
        assert_eq!((pair.green.name(), pair.blue.name()), ("shop-b", "shop-a"));
        let path = UnlikeSetting {
            name: "HealthCheckPath".to_owned(),
            green: Some("/health".to_owned()),
            blue: Some("/".to_owned()),
        };
        assert_eq!(pair.settings, [path]);
        assert!(planning.plan.is_some());
    }
}
