//! A version that needs one of everything.

use serde_json::{Value, json};

use super::subject::Subject;
use crate::deployment::task_definition::Launch;
use crate::deployment::verification::Check;

pub(super) const IMAGE: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:v2";

pub(super) fn subject() -> Subject {
    Subject {
        definition: json!({
            "family": "shop",
            "executionRoleArn": "arn:aws:iam::123456789012:role/service/exec",
            "containerDefinitions": [{
                "name": "app",
                "image": IMAGE,
                "secrets": [{ "name": "DB", "valueFrom": "/shop/db" }],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": { "awslogs-group": "/ecs/shop", "awslogs-region": "eu-west-1" },
                },
            }],
        }),
        launch: Launch::Fargate,
        service: Value::Null,
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        alarms: Vec::new(),
        switch: None,
    }
}

/// The check of that name.
#[track_caller]
pub(super) fn judged(checks: &[Check], what: &str) -> Check {
    let found = checks.iter().find(|check| check.what == what);
    found
        .unwrap_or_else(|| panic!("no {what} in {checks:?}"))
        .clone()
}
