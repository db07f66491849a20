//! Evidence for the rules' own tests: a healthy service to break.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    Definition, Deployment, Evidence, Group, LogLine, LogRead, LogTail, Network, Registration,
    Service, ServiceEvent, Target, Task, TaskContainer, diagnose,
};
use crate::deployment::health_check::HealthCheck;
use crate::deployment::ids::{ClusterName, LoadBalancerArn, TargetGroupArn, TaskDefinitionArn};

pub(super) const DEFINITION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7";
pub(super) const GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop-a/0123456789abcdef";

fn now() -> Timestamp {
    Timestamp::constant(1_767_603_600, 0)
}

/// One Fargate task behind a target group, all well since an hour.
pub(super) fn healthy() -> Evidence {
    let now = now();
    let began = now - SignedDuration::from_hours(1);
    let mut evidence = Evidence::new(ClusterName::new("prod"), now);
    evidence.service = Some(Service {
        name: "shop".to_owned(),
        status: "ACTIVE".to_owned(),
        desired: 1,
        running: 1,
        created_at: Some(began),
        launch_type: "FARGATE".to_owned(),
        grace: Duration::from_secs(60),
        min_percent: 100,
        max_percent: 200,
        deployments: vec![Deployment {
            id: "ecs-svc/1".to_owned(),
            status: "PRIMARY".to_owned(),
            definition: DEFINITION.to_owned(),
            rollout: "COMPLETED".to_owned(),
            created_at: Some(began),
            ..Deployment::default()
        }],
        events: vec![ServiceEvent {
            at: began + SignedDuration::from_mins(2),
            text: "(service shop) has reached a steady state.".to_owned(),
        }],
        registrations: vec![Registration {
            group: TargetGroupArn::new(GROUP),
            container: "app".to_owned(),
            port: 8080,
        }],
        network: Some(Network {
            subnets: vec!["subnet-1".to_owned()],
            security_groups: vec!["sg-1".to_owned()],
            public_ip: false,
        }),
        ..Service::default()
    });
    evidence.definition = Some(Definition {
        arn: TaskDefinitionArn::new(DEFINITION),
        body: json!({
            "family": "shop",
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
            "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
            "containerDefinitions": [{
                "name": "app",
                "image": "shop:v7",
                "essential": true,
                "portMappings": [{ "containerPort": 8080 }],
            }],
        }),
    });
    evidence.groups = vec![Group {
        exists: Some(true),
        check: Some(HealthCheck {
            protocol: "HTTP".to_owned(),
            path: Some("/health".to_owned()),
            port: None,
            wanted: Some("200".to_owned()),
            timeout: Duration::from_secs(5),
        }),
        interval: Duration::from_secs(10),
        load_balancer: Some(LoadBalancerArn::new("arn:lb/app/shop/1")),
        zones: vec!["eu-west-1a".to_owned()],
        forwards: Some(vec![("shop:80".to_owned(), 100)]),
        targets: Some(vec![Target {
            id: "10.0.0.4".to_owned(),
            port: 8080,
            state: "healthy".to_owned(),
            ..Target::default()
        }]),
        ..Group::unknown(TargetGroupArn::new(GROUP))
    }];
    evidence.tasks = vec![Task {
        id: "aaaa".to_owned(),
        last_status: "RUNNING".to_owned(),
        wanted: true,
        health: "UNKNOWN".to_owned(),
        stop_code: String::new(),
        stopped_reason: String::new(),
        started_at: Some(began),
        stopping_at: None,
        stopped_at: None,
        ..stopped("", "")
    }];
    evidence
}

/// A task of the service that stopped a minute ago after it had run for one.
pub(super) fn stopped(code: &str, reason: &str) -> Task {
    let ended = now() - SignedDuration::from_mins(1);
    Task {
        id: "bbbb".to_owned(),
        definition: Some(TaskDefinitionArn::new(DEFINITION)),
        started_by: "ecs-svc/1".to_owned(),
        last_status: "STOPPED".to_owned(),
        stop_code: code.to_owned(),
        stopped_reason: reason.to_owned(),
        started_at: Some(ended - SignedDuration::from_mins(1)),
        stopping_at: Some(ended),
        stopped_at: Some(ended),
        launch_type: "FARGATE".to_owned(),
        containers: vec![TaskContainer {
            name: "app".to_owned(),
            ..TaskContainer::default()
        }],
        ..Task::default()
    }
}

/// The healthy service with a task that stopped like this, and none that runs.
pub(super) fn with_stopped(code: &str, reason: &str) -> Evidence {
    let mut evidence = healthy();
    evidence.tasks = vec![stopped(code, reason)];
    if let Some(service) = &mut evidence.service {
        service.running = 0;
    }
    evidence.groups[0].targets = Some(Vec::new());
    evidence
}

/// The same where a task could not start.
pub(super) fn not_started(reason: &str) -> Evidence {
    with_stopped("TaskFailedToStart", reason)
}

/// The same where its container exited.
pub(super) fn exited(code: i32, reason: &str, lines: &[&str]) -> Evidence {
    let mut evidence = with_stopped(
        "EssentialContainerExited",
        "Essential container in task exited",
    );
    let task = &mut evidence.tasks[0];
    task.containers[0].exit_code = Some(code);
    task.containers[0].reason = reason.to_owned();
    let task = task.clone();
    if !lines.is_empty() {
        evidence.logs = vec![LogTail {
            read: LogRead::Lines(lines.iter().map(|line| line_at(now(), line)).collect()),
            ..tail(&task, now(), "")
        }];
    }
    evidence
}

/// The healthy service of which ECS has just said this, and which lacks a task.
pub(super) fn told(text: &str) -> Evidence {
    let mut evidence = healthy();
    let (at, text) = (evidence.now, format!("(service shop) {text}"));
    if let Some(service) = &mut evidence.service {
        service.running = 0;
        service.events.insert(0, ServiceEvent { at, text });
    }
    evidence.tasks.clear();
    evidence.groups[0].targets = Some(Vec::new());
    evidence
}

/// A log of one line.
pub(super) fn tail(task: &Task, at: Timestamp, line: &str) -> LogTail {
    LogTail {
        task: task.id.clone(),
        container: "app".to_owned(),
        read: LogRead::Lines(vec![line_at(at, line)]),
    }
}

fn line_at(at: Timestamp, line: &str) -> LogLine {
    LogLine {
        at: Some(at),
        text: line.to_owned(),
    }
}

/// The name of the first finding.
pub(super) fn first(evidence: &Evidence) -> String {
    let found = diagnose(evidence).into_iter().next();
    found.map_or_else(|| "nothing".to_owned(), |it| it.rule)
}

/// Each text as the reason of a task that could not start is explained by its rule.
#[track_caller]
pub(super) fn explains(table: &[(&str, &str)]) {
    for (reason, rule) in table {
        assert_eq!(first(&not_started(reason)), *rule, "{reason}");
    }
}
