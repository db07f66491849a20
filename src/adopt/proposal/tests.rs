//! What is proposed, and what is refused.

use serde_json::{Value, json};

use super::*;
use crate::adopt::names::service_names;
use crate::adopt::testing::{
    balancer, facts, group, listener, owned, registers, rule, shop_a, twin,
};
use crate::adopt::{Taken, Wanted, cloudformation, config, terraform};
use crate::config::{Config, SlotConfig};
use crate::deployment::ids::LoadBalancerArn;
use crate::deployment::scaling::{ScalableTarget, Suspended};

fn refusals(facts: &Facts) -> String {
    let problems = propose(facts).unwrap_err();
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    problems.join("\n")
}

fn additions(facts: &Facts) -> Vec<String> {
    let proposal = propose(facts).unwrap();
    proposal
        .additions()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_service_that_is_set_up_lacks_nothing_whichever_slot_is_live() {
    let mut facts = facts();
    let b = Group {
        load_balancer: Some(balancer()),
        targets: 2,
        ..twin()
    };
    facts.routes = vec![
        listener(&[(&shop_a(), 0), (&b, 100)]),
        rule(&[(&shop_a(), 0), (&b, 100)]),
    ];
    let entry = json!([{ "targetGroupArn": b.arn }]);
    let service = json!({ "serviceName": "shop-b", "loadBalancers": entry });
    facts.others.insert(EcsServiceName::new("shop-b"), service);
    facts.groups.push(b);
    assert_eq!(additions(&facts), [""; 0]);
    assert_eq!(propose(&facts).unwrap().services.b.as_str(), "shop-b");
}

#[test]
fn a_group_that_somebody_set_up_by_hand_is_slot_b_s_under_its_own_name() {
    let mut facts = facts();
    let green = group("green-shop", "0d");
    facts.routes = vec![listener(&[(&shop_a(), 100), (&green, 0)])];
    facts.groups.push(green);
    assert_eq!(additions(&facts), [""; 0]);
    let proposal = propose(&facts).unwrap();
    assert_eq!(proposal.pairs[0].b_name(), "green-shop");
}

/// `shop-b` serves with a group that isn't named like slot a's.
fn twin_under_a_name_of_its_own() -> Facts {
    let mut facts = facts();
    let blue = Group {
        load_balancer: Some(balancer()),
        targets: 2,
        ..group("shop-blue", "0d")
    };
    facts.routes = vec![listener(&[(&shop_a(), 0), (&blue, 100)])];
    let entry = json!([{ "targetGroupArn": blue.arn }]);
    let service = json!({ "serviceName": "shop-b", "loadBalancers": entry });
    facts.others.insert(EcsServiceName::new("shop-b"), service);
    facts.groups.push(blue);
    facts
}

#[test]
fn a_service_that_is_named_like_slot_b_s_brings_its_group_which_may_serve() {
    let mut facts = twin_under_a_name_of_its_own();
    // One that is free is not the twin's.
    let spare = group("spare", "0e");
    let weights = &mut facts.routes[0].forward.weights;
    weights.insert(spare.id(), 0);
    facts.groups.push(spare);
    assert_eq!(additions(&facts), [""; 0]);
    let proposal = propose(&facts).unwrap();
    assert_eq!(proposal.pairs[0].b_name(), "shop-blue");
    assert_eq!(proposal.services.b.as_str(), "shop-b");
    let text = config(&proposal, &Taken::default());
    let slot_b = "  b: { service: shop-b, target_group: shop-blue }";
    assert!(text.contains(slot_b), "{text}");
}

#[test]
fn nobody_is_told_to_take_the_weight_off_what_serves() {
    let mut facts = twin_under_a_name_of_its_own();
    facts.others.clear();
    let said = refusals(&facts);
    assert!(
        said.contains(
            "shop:80 sends its traffic to shop-blue (weight 100), and none to the slots'"
        ),
        "{said}"
    );
    assert!(said.contains("leave its weight"), "{said}");
    assert!(!said.contains("set its weight to 0"), "{said}");
}

#[test]
fn a_group_that_is_in_the_way_is_said_to_be_so_for_its_own_reason_alone() {
    let mut facts = facts();
    facts.wanted.groups.extend(owned(&[("shop-a", "shop-b")]));
    facts.groups.push(Group {
        load_balancer: Some(balancer()),
        targets: 2,
        draining: 2,
        ..twin()
    });
    let in_words = |facts: &Facts, why: &str| {
        let said = refusals(facts);
        let what = "shop-b can't be slot b's target group beside shop-a: ";
        assert!(said.starts_with(&format!("{what}{why}")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!said.contains("delete"), "{said}");
    };
    in_words(
        &facts,
        "its last targets (2) are still draining; wait until they are gone, 60 s at most, and run \
         the same again",
    );
    facts.groups[1].draining = 1;
    in_words(
        &facts,
        "it is in use: it has targets (2); see whose they are",
    );
    facts.groups[1]
        .settings
        .extend(owned(&[("VpcId", "vpc-other")]));
    in_words(
        &facts,
        "its VpcId is vpc-other, not vpc-0a0a0a0a0a0a0a0a0; ",
    );
    facts.groups[1] = twin();
    assert!(propose(&facts).is_ok());
}

#[test]
fn what_was_left_half_done_is_taken_up() {
    let mut facts = facts();
    facts.groups.push(Group {
        load_balancer: Some(balancer()),
        ..twin()
    });
    facts.routes = vec![
        listener(&[(&shop_a(), 1), (&twin(), 0)]),
        rule(&[(&shop_a(), 100)]),
    ];
    let missing = "shop-b at weight 0 in the forward action of shop:80 api.example.com/v1/*";
    assert_eq!(additions(&facts), [missing]);
}

#[test]
fn a_name_that_is_taken_is_left_to_its_owner() {
    let mut facts = facts();
    let mut other = twin();
    other.settings.extend(owned(&[("VpcId", "vpc-other")]));
    facts.groups.push(other);
    let service = json!({ "serviceName": "shop-b", "loadBalancers": [] });
    facts.others.insert(EcsServiceName::new("shop-b"), service);
    let proposal = propose(&facts).unwrap();
    for name in [proposal.pairs[0].b_name(), proposal.services.b.as_str()] {
        assert!(
            name != "shop-b" && name.starts_with("shop-") && name.ends_with("-b"),
            "{name}"
        );
    }
    // A group with targets that no route of ours names is in use elsewhere.
    facts.groups[1] = Group {
        targets: 1,
        ..twin()
    };
    assert_ne!(propose(&facts).unwrap().pairs[0].b_name(), "shop-b");
}

#[test]
fn a_group_that_serves_another_action_is_another_service_s_though_it_has_no_task_now() {
    let mut facts = facts();
    facts.groups.push(Group {
        elsewhere: vec!["shop:81".to_owned()],
        ..twin()
    });
    let added = additions(&facts).join("\n");
    assert!(added.contains("target group shop-"), "{added}");
    assert!(!added.contains("target group shop-b"), "{added}");
}

#[test]
fn slot_b_of_another_service_is_no_service_to_adopt() {
    let mut facts = facts();
    let b = Group {
        load_balancer: Some(balancer()),
        ..twin()
    };
    facts.service["serviceName"] = json!("shop-b");
    facts.service["loadBalancers"][0]["targetGroupArn"] = json!(b.arn);
    facts.routes = vec![listener(&[(&shop_a(), 100), (&b, 0)])];
    let entry = json!([{ "targetGroupArn": shop_a().arn }]);
    let first = json!({ "serviceName": "shop", "loadBalancers": entry });
    facts.others.insert(EcsServiceName::new("shop"), first);
    facts.groups.push(b);
    let said = refusals(&facts);
    assert!(said.contains("seems to be slot b of shop"), "{said}");
    assert!(
        said.contains("bg init --cluster prod --service shop"),
        "{said}"
    );
}

#[test]
fn a_live_slot_b_that_got_a_group_more_is_no_other_service() {
    let mut facts = facts();
    let b = twin();
    let admin = group("admin", "0d");
    facts.routes = vec![listener(&[(&shop_a(), 0), (&b, 100)])];
    facts.groups.extend([b.clone(), admin.clone()]);
    let entries = json!([{ "targetGroupArn": b.arn }, { "targetGroupArn": admin.arn }]);
    let second = json!({ "serviceName": "shop-b", "loadBalancers": entries });
    facts.others.insert(EcsServiceName::new("shop-b"), second);
    facts.wanted.service = Some(EcsServiceName::new("shop-b"));
    let said = refusals(&facts);
    let what = "slot b's service shop-b registers its tasks with target group admin too, and slot \
                a's shop with none beside it; make a target group for slot a like";
    assert!(said.contains(what), "{said}");
    assert!(!said.contains("another name"), "{said}");
    facts.wanted.groups = owned(&[("shop-a", "shop-b"), ("admin-a", "admin")]);
    let said = refusals(&facts);
    let way = "`bg plan` shows how the next deployment to shop registers it with its own";
    assert!(said.contains(way), "{said}");
    // One that has none of slot b's groups is somebody else's.
    facts.wanted = Wanted::default();
    let entries = json!([{ "targetGroupArn": admin.arn }]);
    let others = facts.others.values_mut();
    others.for_each(|it| it["loadBalancers"] = entries.clone());
    assert!(propose(&facts).is_ok(), "under a name with a hash");
    facts.wanted.service = Some(EcsServiceName::new("shop-b"));
    assert!(refusals(&facts).contains("another name"));
}

#[test]
fn a_slot_b_that_was_deployed_before_slot_a_got_a_port_is_slot_b() {
    let mut facts = facts();
    let (b, admin, admin_b) = (twin(), group("admin", "0d"), group("admin-b", "0e"));
    registers(&mut facts, &admin, "app", 9000);
    facts.routes = vec![
        listener(&[(&shop_a(), 100), (&b, 0)]),
        rule(&[(&admin, 100), (&admin_b, 0)]),
    ];
    facts.groups.extend([b.clone(), admin, admin_b]);
    let entries = json!([{ "targetGroupArn": b.arn }]);
    let second = json!({ "serviceName": "shop-b", "loadBalancers": entries });
    facts.others.insert(EcsServiceName::new("shop-b"), second);
    let proposal = propose(&facts).unwrap();
    assert_eq!(proposal.services.b.as_str(), "shop-b");
    assert_eq!(proposal.additions(), []);
}

#[test]
fn what_plan_refuses_is_refused_in_its_words() {
    let mut facts = facts();
    facts.service["schedulingStrategy"] = json!("DAEMON");
    let third = group("shop-canary", "0e");
    facts.routes = vec![listener(&[(&shop_a(), 90), (&third, 10)])];
    facts.groups.push(Group {
        targets: 1,
        ..third
    });
    let said = refusals(&facts);
    for words in [
        "service shop: its scheduling strategy is DAEMON",
        "shop:80 also sends traffic to shop-canary (weight 10)",
    ] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn autoscaling_is_no_obstacle_and_is_told() {
    let mut facts = facts();
    facts.scaling = Seen::Value([scales("shop", 2, 8)].into());
    let proposal = propose(&facts).expect("nothing stands in the way");
    let notes = proposal.notes.join("\n");
    assert!(
        notes.contains("its autoscaling (2 to 8 tasks) is carried over"),
        "{notes}"
    );
    assert!(proposal.scales);
}

fn scales(service: &str, min: u32, max: u32) -> (EcsServiceName, ScalableTarget) {
    let target = ScalableTarget {
        min,
        max,
        ..ScalableTarget::default()
    };
    (EcsServiceName::new(service), target)
}

#[test]
fn the_autoscaling_that_is_told_is_the_live_slot_s_where_the_named_one_sleeps() {
    let mut facts = facts();
    let (name, target) = scales("shop", 0, 20);
    let asleep = ScalableTarget {
        suspended: Suspended::ALL,
        ..target
    };
    let awake = scales("shop-b", 2, 20);
    facts.scaling = Seen::Value([(name, asleep), awake].into());
    let notes = propose(&facts).expect("it can be adopted").notes.join("\n");
    assert!(
        notes.contains("the autoscaling of shop-b (2 to 20 tasks) is carried over"),
        "{notes}"
    );
    assert!(!notes.contains("0 to 20"), "{notes}");
}

#[test]
fn a_service_without_a_way_for_traffic_is_refused() {
    let mut facts = facts();
    facts.routes.clear();
    let said = refusals(&facts);
    assert!(
        said.contains("no listener and no rule forwards to target group shop-a"),
        "{said}"
    );
}

#[test]
fn a_service_without_a_load_balancer_lacks_nothing() {
    let mut facts = facts();
    facts.routes.clear();
    facts.service["loadBalancers"] = json!([]);
    let proposal = propose(&facts).expect("nothing stands in the way");
    assert!(proposal.pairs.is_empty() && proposal.additions().is_empty());
    let notes = proposal.notes.join("\n");
    assert!(notes.contains("no traffic to shift"), "{notes}");
}

/// The service's port behind a second load balancer, which nothing but `internal` is behind.
fn inside(name: &str) -> (Group, RouteFound) {
    let inner = LoadBalancerArn::new(format!("{}0", balancer()));
    let group = Group {
        load_balancer: Some(inner.clone()),
        targets: 2,
        ..group(name, "0f")
    };
    let mut route = listener(&[(&group, 1)]);
    route.forward.load_balancer = inner;
    (group, route)
}

#[test]
fn one_port_behind_two_load_balancers_gets_a_second_group_behind_each() {
    let mut facts = facts();
    let (internal, route) = inside("internal");
    registers(&mut facts, &internal, "app", 8080);
    facts.routes = vec![listener(&[(&shop_a(), 1)]), route];
    facts.groups.push(internal.clone());
    let added = additions(&facts);
    assert_eq!(added.len(), 4, "{added:#?}");
    assert!(added[0].starts_with("target group shop-b like shop-a"));
    assert!(added[1].starts_with("target group internal-b like internal"));
    assert!(added[2].starts_with("shop-b at weight 0 in the forward action of shop:80"));
    assert!(added[3].starts_with("internal-b at weight 0 in the forward action of shop:80"));
    let proposal = propose(&facts).unwrap();
    let placed = proposal.routes.iter().filter_map(|it| proposal.pair_of(it));
    let placed: Vec<_> = placed
        .map(|it| (&it.a.load_balancer, it.b_name()))
        .collect();
    let first = (&Some(balancer()), "shop-b");
    assert_eq!(placed, [first, (&internal.load_balancer, "internal-b")]);

    let text = config(&proposal, &Taken::default());
    let read = Config::parse(&text, "bg.yaml", &|_| None);
    let slots = read.unwrap_or_else(|error| panic!("{error}\n{text}")).slots;
    let groups = |slot: SlotConfig| slot.targets.into_iter().map(|it| it.group);
    assert_eq!(groups(slots.a).collect::<Vec<_>>(), ["shop-a", "internal"]);
    assert_eq!(
        groups(slots.b).collect::<Vec<_>>(),
        ["shop-b", "internal-b"]
    );

    let template = cloudformation(&proposal);
    for (a, b) in [(shop_a(), "ShopB"), (internal, "InternalB")] {
        let both = format!(
            "TargetGroupArn: {:?}, Weight: 1 }}\n#         - {{ TargetGroupArn: {{ Ref: \
             {b}TargetGroup }}, Weight: 0 }}",
            a.arn
        );
        assert!(template.contains(&both), "{template}");
    }
    let terraform = terraform(&proposal);
    for name in ["shop_b", "internal_b"] {
        let resource = format!("resource \"aws_lb_target_group\" \"{name}\"");
        assert!(terraform.contains(&resource), "{terraform}");
    }
}

#[test]
fn a_group_of_the_service_itself_is_never_slot_b_s() {
    let mut facts = facts();
    let (second, route) = inside("shop-b");
    registers(&mut facts, &second, "app", 8080);
    facts.routes = vec![listener(&[(&shop_a(), 1)]), route];
    facts.groups.push(Group {
        targets: 0,
        ..second
    });
    let proposal = propose(&facts).unwrap();
    let names: Vec<&str> = proposal.pairs.iter().map(Pair::b_name).collect();
    assert!(!names.contains(&"shop-b"), "{names:?}");
    assert_eq!(proposal.notes, [""; 0]);
}

#[test]
fn two_groups_never_get_the_same_one_beside_them() {
    let mut facts = facts();
    let (plain, route) = inside("shop");
    registers(&mut facts, &plain, "app", 8080);
    facts.routes = vec![listener(&[(&shop_a(), 1)]), route];
    facts.groups.push(plain);
    let said = refusals(&facts);
    let words = "shop-b would be slot b's target group beside shop-a and beside shop";
    assert!(said.contains(words), "{said}");
    facts.wanted.groups.extend(owned(&[("shop", "inner-b")]));
    assert_eq!(additions(&facts).len(), 4);
}

#[test]
fn the_load_balancer_s_limits_are_seen_before_anything_is_added() {
    let mut facts = facts();
    let others: Vec<Group> = (0..4).map(|at| group(&format!("old-{at}"), "1")).collect();
    let mut weights: Vec<(&Group, u32)> = others.iter().map(|group| (group, 0)).collect();
    let a = shop_a();
    weights.push((&a, 1));
    facts.routes = vec![listener(&weights)];
    facts.limits.per_balancer.insert(balancer(), (100, 100));
    let said = refusals(&facts);
    assert!(
        said.contains("shop:80 names 5 target groups already"),
        "{said}"
    );
    assert!(
        said.contains("load balancer shop uses 100 target groups"),
        "{said}"
    );
}

#[test]
fn a_sticky_group_needs_a_sticky_action() {
    let mut facts = facts();
    facts.groups[0]
        .attributes
        .extend(owned(&[("stickiness.enabled", "true")]));
    let said = refusals(&facts);
    assert!(
        said.contains("so shop:80 takes a second group only where"),
        "{said}"
    );
    assert_eq!(
        said.lines().count(),
        1,
        "the rule's action is sticky: {said}"
    );
}

#[test]
fn slot_b_of_a_worker_is_told_by_the_tags_that_bg_left() {
    let mut facts = facts();
    facts.groups.clear();
    facts.routes.clear();
    facts.service = json!({ "serviceName": "worker-b", "desiredCount": 2 });
    let worker = json!({ "serviceName": "worker", "desiredCount": 2 });
    facts.others.insert(EcsServiceName::new("worker"), worker);
    assert!(propose(&facts).is_ok(), "of nobody's making");
    for tag in ["bg:deployment", "bg:live", "bg:last-served"] {
        facts.service["tags"] = json!([{ "key": tag, "value": "x" }]);
        let said = refusals(&facts);
        assert!(
            said.contains("worker-b seems to be slot b of worker"),
            "{said}"
        );
        assert!(said.contains("--service worker;"), "{said}");
    }
    // What has a slot b of its own is a slot a, whatever it is called.
    let own = json!({ "serviceName": "worker-b-b", "tags": facts.service["tags"] });
    facts.others.insert(EcsServiceName::new("worker-b-b"), own);
    assert!(propose(&facts).is_ok());
    facts.others.remove(&EcsServiceName::new("worker-b-b"));
    facts.wanted.service = Some(EcsServiceName::new("worker-c"));
    assert!(propose(&facts).is_ok(), "a config says so");
}

fn worker(name: &str, tag: &str) -> (EcsServiceName, Value) {
    let tags = json!([{ "key": tag, "value": "x" }]);
    let service = json!({ "serviceName": name, "desiredCount": 2, "tags": tags });
    (EcsServiceName::new(name), service)
}

#[test]
fn slot_b_under_a_name_with_a_hash_is_slot_b_and_the_plain_name_is_its_owner_s() {
    let hashed = service_names("worker")[1].clone();
    let look = |name: &str, others: &[(EcsServiceName, Value)]| {
        let mut facts = facts();
        facts.groups.clear();
        facts.routes.clear();
        facts.service = worker(name, "bg:live").1;
        facts.others.extend(others.iter().cloned());
        facts
    };
    let first = worker("worker", "team");
    // The tags may have gone: the name alone tells.
    for tag in ["bg:deployment", "team"] {
        let mut facts = look(&hashed, std::slice::from_ref(&first));
        facts.service["tags"][0]["key"] = json!(tag);
        let said = refusals(&facts);
        let seems = format!("{hashed} seems to be slot b of worker");
        assert!(said.contains(&seems), "{said}");
        facts.wanted.service = Some(EcsServiceName::new("worker-c"));
        assert!(propose(&facts).is_ok(), "a config says so");
    }
    // What has the plain name may be bg's too, as another service's slot a.
    let (twin, plain) = (
        worker(&hashed, "bg:deployment"),
        worker("worker-b", "bg:live"),
    );
    let facts = look("worker-b", &[first, twin.clone()]);
    assert!(propose(&facts).is_ok());
    let facts = look("worker", &[twin, plain]);
    assert_eq!(propose(&facts).unwrap().services.b.as_str(), hashed);
}

#[test]
fn names_that_a_config_gives_slot_b_are_kept() {
    let mut facts = facts();
    facts.wanted.service = Some(EcsServiceName::new("shop-two"));
    facts.wanted.groups.extend(owned(&[("shop-a", "second")]));
    // One that would do is not the one that is named.
    facts.routes = vec![listener(&[(&shop_a(), 100), (&twin(), 0)])];
    facts.groups.push(twin());
    let proposal = propose(&facts).unwrap();
    assert_eq!(proposal.pairs[0].b_name(), "second");
    assert_eq!(proposal.services.b.as_str(), "shop-two");
    assert_eq!(proposal.additions().len(), 2);
    facts.groups[1].name = "second".to_owned();
    facts.groups[1].targets = 1;
    facts.routes = vec![listener(&[(&shop_a(), 100)])];
    let said = refusals(&facts);
    assert!(
        said.contains("second can't be slot b's target group beside shop-a"),
        "{said}"
    );
}

#[test]
fn a_group_behind_a_load_balancer_of_its_own_is_told_with_what_splits_traffic_there() {
    let mut facts = facts();
    let elsewhere = LoadBalancerArn::new(format!("{}0", balancer()));
    facts.groups.push(Group {
        load_balancer: Some(elsewhere),
        ..twin()
    });
    let proposal = propose(&facts).unwrap();
    let note = proposal
        .notes
        .iter()
        .find(|it| it.contains("{ record: NAME }"));
    let note = note.expect("a note");
    assert!(note.starts_with("target group shop-b is behind another load balancer"));
    let added = format!("; else {} is added", proposal.pairs[0].b_name());
    assert!(note.ends_with(&added), "{note}");

    facts.wanted.groups.extend(owned(&[("shop-a", "shop-b")]));
    let said = refusals(&facts);
    assert!(said.contains("{ record: NAME }"), "{said}");
}
