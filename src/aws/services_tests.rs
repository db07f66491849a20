use super::*;

#[test]
fn counts_are_those_of_the_primary_deployment() {
    let seen = service_seen(&json!({
        "serviceName": "shop-b", "status": "ACTIVE", "desiredCount": 4, "runningCount": 5,
        "taskDefinition": "arn:old",
        "deployments": [
            { "status": "PRIMARY", "taskDefinition": "arn:new", "runningCount": 2,
              "pendingCount": 1, "failedTasks": 3, "rolloutState": "FAILED",
              "rolloutStateReason": "circuit breaker" },
            { "status": "ACTIVE", "taskDefinition": "arn:old", "runningCount": 3 },
        ],
        "tags": [{ "key": "bg:deployment", "value": "d1" }],
    }));
    assert_eq!(
        (seen.desired, seen.running, seen.pending, seen.failed),
        (4, 2, 1, 3)
    );
    assert_eq!(seen.deployments, 2);
    assert_eq!(seen.task_definition, TaskDefinitionArn::new("arn:new"));
    assert_eq!(seen.rollout, Rollout::Failed);
    assert_eq!(seen.deployment, Some(DeploymentId::new("d1")));
}

#[test]
fn a_task_that_was_replaced_while_nobody_looked_shows_in_the_events() {
    let event = |at: f64, message: &str| json!({ "createdAt": at, "message": message });
    let started = "(service shop-b) has started 2 tasks: (task 1) (task 2).";
    let earlier = "(service shop-b) has started 1 tasks: (task 0).";
    let mut service = json!({
        "desiredCount": 2,
        "deployments": [{ "status": "PRIMARY", "createdAt": 100.0 }],
        "events": [event(101.0, started), event(99.0, earlier)],
    });
    assert!(!tasks_were_replaced(&service));
    let again = event(160.0, "(service shop-b) has started 1 tasks: (task 3).");
    service["events"].as_array_mut().unwrap().push(again);
    assert!(tasks_were_replaced(&service));
}

#[test]
fn a_rollout_that_is_not_reported_is_not_completed() {
    let seen = service_seen(&json!({ "status": "DRAINING", "taskDefinition": "arn:old" }));
    assert_eq!(seen.rollout, Rollout::InProgress);
    assert_eq!(seen.status, ServiceStatus::Draining);
    assert_eq!(seen.task_definition, TaskDefinitionArn::new("arn:old"));
}

fn task(id: &str, stopped_at: f64, code: &str, reason: &str) -> Value {
    json!({
        "taskArn": format!("arn:aws:ecs:eu-west-1:1:task/prod/{id}"), "stoppedAt": stopped_at,
        "startedBy": "ecs-svc/1", "stopCode": code, "stoppedReason": reason,
        "containers": [{ "name": "app", "exitCode": 137, "reason": "OutOfMemoryError: killed" },
                       { "name": "sidecar" }],
    })
}

#[test]
fn failed_tasks_come_first_newest_first() {
    let mut other = task(
        "other",
        900.0,
        "EssentialContainerExited",
        "of another rollout",
    );
    other["startedBy"] = "ecs-svc/0".into();
    let scaling = "Scaling activity initiated by (deployment ecs-svc/1)";
    let health = "Task failed ELB health checks in (target-group arn:x)";
    let tasks = [
        task(
            "old",
            100.5,
            "EssentialContainerExited",
            "Essential container in task exited",
        ),
        task("by-hand", 500.0, "UserInitiated", "Task stopped by user"),
        task("scaled-in", 400.0, "ServiceSchedulerInitiated", scaling),
        task("unhealthy", 300.0, "ServiceSchedulerInitiated", health),
        task(
            "new",
            200.0,
            "TaskFailedToStart",
            "CannotPullContainerError: no such tag",
        ),
        other,
    ];
    let stopped = newest_failed(&tasks, "ecs-svc/1");
    let ids: Vec<&str> = stopped.iter().map(|task| task.task.as_str()).collect();
    assert_eq!(ids, ["unhealthy", "new", "old", "by-hand"]);
    assert_eq!(stopped[2].at.unwrap().as_millisecond(), 100_500);
    assert_eq!(stopped[2].containers.len(), 1);
    assert_eq!(stopped[2].containers[0].exit_code, Some(137));
}

fn counted(health: TaskHealth) -> TargetCounts {
    let service = service_seen(&json!({
        "status": "ACTIVE", "desiredCount": 4, "taskDefinition": "worker:8",
    }));
    let task = |definition: &str, last: &str, health: &str| json!({ "taskDefinitionArn": definition, "lastStatus": last, "healthStatus": health });
    let tasks = [
        task("worker:8", "RUNNING", "HEALTHY"),
        task("worker:8", "RUNNING", "UNKNOWN"),
        task("worker:8", "RUNNING", "UNHEALTHY"),
        task("worker:8", "PENDING", "UNKNOWN"),
        task("worker:8", "DEACTIVATING", "HEALTHY"),
        // What ECS still replaces is no sign of the new version.
        task("worker:7", "RUNNING", "HEALTHY"),
    ];
    let mut counts = TargetCounts::default();
    count_tasks(&tasks, &service, health, &mut counts);
    counts
}

#[test]
fn a_task_whose_checks_have_not_passed_yet_is_not_healthy() {
    let checked = counted(TaskHealth::Checked);
    assert_eq!((checked.healthy, checked.unhealthy), (1, 1));
    assert_eq!((checked.initial, checked.draining), (2, 1));
}

#[test]
fn without_checks_a_task_that_runs_is_healthy() {
    let running = counted(TaskHealth::Running);
    assert_eq!((running.healthy, running.unhealthy), (2, 1));
    assert_eq!((running.initial, running.draining), (1, 1));
}
