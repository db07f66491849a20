use super::*;
use crate::sandbox::demo::{self, Balancer};
use crate::sandbox::faults::{FaultKind, FaultRule, When};
use crate::sandbox::wire::elbv2;
use crate::sandbox::{Region, RegionOptions};
use std::time::Duration;

fn world() -> (World, Balancer) {
    let options = RegionOptions::default();
    let mut world = World::new(options.account, options.region, options.start, 1);
    let balancer = demo::build(&mut world).unwrap();
    (world, balancer)
}

/// A one-shot that writes both groups' weights so many seconds from now.
fn one_shot(world: &World, balancer: &Balancer, seconds: i64, weights: [i64; 2]) -> Value {
    let at = (world.now + SignedDuration::from_secs(seconds)).strftime("at(%Y-%m-%dT%H:%M:%S)");
    let groups = [&balancer.group_a, &balancer.group_b];
    let tuple = |(group, weight)| json!({ "TargetGroupArn": group, "Weight": weight });
    let tuples: Vec<Value> = groups.into_iter().zip(weights).map(tuple).collect();
    let call = json!({
        "ListenerArn": balancer.listener,
        "DefaultActions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": tuples } }],
    });
    json!({
        "Name": "back", "ScheduleExpression": at.to_string(), "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": { "Mode": "OFF" }, "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": "arn:aws:scheduler:::aws-sdk:elasticloadbalancingv2:modifyListener",
            "RoleArn": "arn:aws:iam::123456789012:role/deadman",
            "Input": call.to_string(),
            "RetryPolicy": { "MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60 },
        },
    })
}

fn weights(world: &mut World, balancer: &Balancer) -> Vec<i64> {
    let input = json!({ "ListenerArns": [balancer.listener] });
    let shown = elbv2::handle(world, "DescribeListeners", &input).unwrap();
    let action = &shown["Listeners"][0]["DefaultActions"][0];
    let tuples = action["ForwardConfig"]["TargetGroups"].as_array().unwrap();
    tuples
        .iter()
        .map(|it| it["Weight"].as_i64().unwrap())
        .collect()
}

#[test]
fn a_one_shot_makes_its_call_within_the_minute_after_its_time_and_is_gone() {
    let (mut world, balancer) = world();
    let schedule = one_shot(&world, &balancer, 120, [60, 40]);
    handle(&mut world, "CreateSchedule", &schedule).unwrap();
    world.advance(119);
    assert_eq!(weights(&mut world, &balancer), [100, 0]);
    assert_eq!(world.scheduler.schedules.len(), 1);
    world.advance(61);
    assert_eq!(weights(&mut world, &balancer), [60, 40]);
    let gone = handle(&mut world, "GetSchedule", &json!({ "Name": "back" }));
    assert_eq!(gone.unwrap_err().code, "ResourceNotFoundException");
}

#[test]
fn an_update_replaces_every_field_and_moves_its_time() {
    let (mut world, balancer) = world();
    let mut schedule = one_shot(&world, &balancer, 60, [60, 40]);
    handle(&mut world, "CreateSchedule", &schedule).unwrap();
    let again = handle(&mut world, "CreateSchedule", &schedule);
    assert_eq!(again.unwrap_err().code, "ConflictException");
    schedule = one_shot(&world, &balancer, 600, [60, 40]);
    schedule["ActionAfterCompletion"] = Value::Null;
    handle(&mut world, "UpdateSchedule", &schedule).unwrap();
    world.advance(300);
    assert_eq!(weights(&mut world, &balancer), [100, 0]);
    let shown = handle(&mut world, "GetSchedule", &json!({ "Name": "back" })).unwrap();
    assert_eq!(shown["ActionAfterCompletion"], "NONE");
    world.advance(400);
    assert_eq!(weights(&mut world, &balancer), [60, 40]);
    assert!(
        world.scheduler.schedules["back"].over,
        "it stays, and is over"
    );
}

#[test]
fn a_call_that_is_refused_is_tried_no_oftener_than_its_policy_says() {
    let (mut world, balancer) = world();
    let mut schedule = one_shot(&world, &balancer, 60, [60, 40]);
    let call = json!({ "ListenerArn": format!("{}0", balancer.listener) });
    schedule["Target"]["Input"] = json!(call.to_string());
    handle(&mut world, "CreateSchedule", &schedule).unwrap();
    world.advance(300);
    assert_eq!(world.scheduler.calls, 2);
    assert!(world.scheduler.schedules.is_empty());
}

#[test]
fn a_call_that_fails_once_is_made_again_and_then_has_its_effect() {
    for kind in FaultKind::ALL {
        let (mut world, balancer) = world();
        let rule = FaultRule::new("ModifyListener", kind, When::First(1)).of_schedules();
        world.scheduler.faults.add(rule);
        let schedule = one_shot(&world, &balancer, 60, [60, 40]);
        handle(&mut world, "CreateSchedule", &schedule).unwrap();
        while world.scheduler.calls == 0 {
            world.advance(1);
        }
        let shown = match kind.takes_effect() {
            true => [60, 40],
            false => [100, 0],
        };
        assert_eq!(weights(&mut world, &balancer), shown, "{kind:?}");
        assert_eq!(world.scheduler.schedules.len(), 1, "{kind:?}");
        world.advance(30);
        assert_eq!(weights(&mut world, &balancer), [60, 40], "{kind:?}");
        assert_eq!(world.scheduler.calls, 2, "{kind:?}");
        assert!(world.scheduler.schedules.is_empty(), "{kind:?}");
    }
}

#[test]
fn what_scheduler_would_refuse_is_refused() {
    let (mut world, balancer) = world();
    let good = one_shot(&world, &balancer, 60, [60, 40]);
    let refused = |world: &mut World, field: &str, value: Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(field).unwrap() = value;
        let error = handle(world, "CreateSchedule", &bad).unwrap_err();
        assert_eq!(error.code, "ValidationException", "{field}");
    };
    for (field, value) in [
        ("/Name", json!("a name with blanks")),
        ("/Name", json!("x".repeat(65))),
        ("/ScheduleExpression", json!("at(yesterday)")),
        ("/ScheduleExpression", json!("at(2001-01-01T00:00:00)")),
        ("/FlexibleTimeWindow/Mode", json!("SOMETIMES")),
        ("/Target/RoleArn", json!("deadman")),
        (
            "/Target/Arn",
            json!("arn:aws:scheduler:::aws-sdk:s3:deleteBucket"),
        ),
        ("/Target/Input", json!("{")),
    ] {
        refused(&mut world, field, value);
    }
}

#[tokio::test(start_paused = true)]
async fn the_sdk_reaches_the_scheduler() {
    use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
    let (world, balancer) = world();
    let input = one_shot(&world, &balancer, 0, [60, 40])["Target"]["Input"].clone();
    let region = Region::with(world, RegionOptions::default());
    let client = aws_sdk_scheduler::Client::new(&region.sdk_config());
    let at = region.now() + SignedDuration::from_secs(120);
    for name in ["bg.one", "bg.two", "other"] {
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
        let target = Target::builder()
            .arn("arn:aws:scheduler:::aws-sdk:elasticloadbalancingv2:modifyListener")
            .role_arn("arn:aws:iam::123456789012:role/deadman")
            .input(input.as_str().unwrap());
        let created = client
            .create_schedule()
            .name(name)
            .schedule_expression(at.strftime("at(%Y-%m-%dT%H:%M:%S)").to_string())
            .flexible_time_window(window.build().unwrap())
            .target(target.build().unwrap());
        let arn = created.send().await.unwrap().schedule_arn;
        assert!(arn.ends_with(&format!(":schedule/default/{name}")), "{arn}");
    }
    let page = |token| {
        let list = client.list_schedules().name_prefix("bg.").max_results(1);
        list.set_next_token(token).send()
    };
    let first = page(None).await.unwrap();
    let second = page(first.next_token.clone()).await.unwrap();
    let names = [&first, &second].map(|page| page.schedules()[0].name().unwrap());
    assert_eq!((names, second.next_token()), (["bg.one", "bg.two"], None));
    client
        .delete_schedule()
        .name("bg.one")
        .send()
        .await
        .unwrap();
    let gone = client
        .get_schedule()
        .name("bg.one")
        .send()
        .await
        .unwrap_err();
    assert!(gone.into_service_error().is_resource_not_found_exception());
    tokio::time::sleep(Duration::from_secs(181)).await;
    let (shown, _) = (
        client.get_schedule().name("bg.two").send().await.unwrap(),
        (),
    );
    assert_eq!(
        shown.target().unwrap().role_arn(),
        "arn:aws:iam::123456789012:role/deadman"
    );
    let weights = region.with_world(|world| weights(world, &balancer));
    assert_eq!(weights, [60, 40]);
}
