use super::*;
use crate::deployment::deadman::{Deadman, prefix};
use crate::deployment::ids::RoleArn;
use crate::sandbox::wire::scheduler;

fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.plan.deadman = Some(Deadman {
        after: Duration::from_secs(300),
        role: RoleArn::new("arn:aws:iam::123456789012:role/deadman"),
        leftovers: Vec::new(),
    });
    scene
}

fn arm(scene: &Scene, seconds: i64) -> Action {
    let until = scene.region.now() + jiff::SignedDuration::from_secs(seconds);
    Action::ArmDeadman { until }
}

/// Every schedule of the region, by name.
fn schedules(scene: &Scene) -> Vec<Value> {
    let names = scene.region.with_world(|world| {
        let names = world.scheduler.schedules.keys();
        names.cloned().collect::<Vec<_>>()
    });
    let get = |name: &String| {
        let input = json!({ "Name": name });
        scene
            .region
            .with_world(|world| scheduler::handle(world, "GetSchedule", &input).unwrap())
    };
    names.iter().map(get).collect()
}

async fn wait(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn each_route_gets_a_one_shot_that_brings_everything_back() {
    let scene = scene().with_rule(Some(600));
    scene.raise(10).await;
    scene.observe().await;
    scene.act(arm(&scene, 300)).await.unwrap();
    let made = schedules(&scene);
    assert_eq!(made.len(), 2);
    for schedule in &made {
        assert_eq!(schedule["FlexibleTimeWindow"], json!({ "Mode": "OFF" }));
        assert_eq!(schedule["ActionAfterCompletion"], "DELETE");
        assert_eq!(schedule["ScheduleExpressionTimezone"], "UTC");
        let policy = json!({ "MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60 });
        assert_eq!(schedule["Target"]["RetryPolicy"], policy);
    }
    wait(299).await;
    assert_eq!(scene.splits().await, [green_at(10), green_at(10)]);
    wait(62).await;
    assert_eq!(scene.splits().await, [green_at(0), green_at(0)]);
    assert_eq!(schedules(&scene), [] as [Value; 0]);
    let green = TargetGroupArn::new(&scene.balancer.group_b);
    let seen = scene.observe().await.routes;
    let names = |route: &Route| seen[&route.arn].value().unwrap().names(&green);
    let named: Vec<bool> = scene.plan.routes.iter().map(names).collect();
    assert_eq!(named, [true, false], "pinned clients would stay on green");
}

#[tokio::test(start_paused = true)]
async fn arming_again_pushes_it_out() {
    let scene = scene();
    scene.raise(10).await;
    scene.act(arm(&scene, 300)).await.unwrap();
    wait(200).await;
    scene.act(arm(&scene, 300)).await.unwrap();
    assert_eq!(schedules(&scene).len(), 1);
    wait(200).await;
    assert_eq!(scene.splits().await, [green_at(10)]);
    wait(160).await;
    assert_eq!(scene.splits().await, [green_at(0)]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_no_reason_to_fail_the_next_time() {
    let scene = scene();
    scene.raise(10).await;
    scene.fault("CreateSchedule", FaultKind::ResetAfter, When::Nth(1));
    let lost = scene.act(arm(&scene, 300)).await.unwrap_err();
    assert_eq!(lost.class, ErrorClass::Ambiguous);
    scene.act(arm(&scene, 300)).await.unwrap();
    assert_eq!(schedules(&scene).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn disarming_takes_away_what_earlier_deployments_left_too_and_nothing_else() {
    let mut scene = scene();
    scene.raise(10).await;
    scene.act(arm(&scene, 300)).await.unwrap();
    let mine = std::mem::replace(
        &mut scene.plan.id,
        DeploymentId::new("20261121-081405-efgh"),
    );
    scene.act(arm(&scene, 300)).await.unwrap();
    let service = std::mem::replace(&mut scene.plan.service, ServiceName::new("other"));
    scene.act(arm(&scene, 300)).await.unwrap();
    assert_eq!(schedules(&scene).len(), 3);
    scene.plan.service = service;
    scene.plan.id = mine;
    let all = prefix(&scene.plan.cluster, &scene.plan.service);
    assert_eq!(scene.cloud.schedules(&all).await.unwrap().len(), 2);
    scene.act(Action::DisarmDeadman).await.unwrap();
    assert_eq!(scene.cloud.schedules(&all).await.unwrap(), []);
    assert_eq!(schedules(&scene).len(), 1, "the other service's stays");
    scene.act(Action::DisarmDeadman).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_retirement_shows_what_is_still_armed() {
    use crate::deployment::retire::{Due, Retirement};
    let scene = scene();
    scene.act(arm(&scene, 300)).await.unwrap();
    let mut retirement = Retirement {
        slot: SlotName::A,
        service: EcsServiceName::new("shop"),
        groups: vec![],
        other: EcsServiceName::new("shop-b"),
        is_bare: false,
        due: Due {
            at: Timestamp::UNIX_EPOCH,
            then: RetireHow::ScaleToZero,
        },
        at_most: Duration::ZERO,
        deadman: Some(prefix(&scene.plan.cluster, &scene.plan.service)),
        records: Vec::new(),
    };
    let (cluster, now) = (&scene.plan.cluster, scene.region.now());
    let cloud = &scene.cloud;
    let look = |retirement: Retirement| async move {
        let look = cloud.look_at_retirement(cluster, &retirement, now);
        look.await.armed
    };
    assert!(matches!(look(retirement.clone()).await, Seen::Value(armed) if armed.len() == 1));
    retirement.deadman = None;
    assert_eq!(look(retirement).await, Seen::Value(vec![]));
}

#[tokio::test(start_paused = true)]
async fn what_scheduler_does_not_let_us_do_is_told() {
    let scene = scene();
    scene.fault("scheduler:*", FaultKind::Denied, When::Always);
    let error = scene.act(arm(&scene, 300)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Denied);
    assert!(
        error.to_string().contains("scheduler:UpdateSchedule"),
        "{error}"
    );
}
