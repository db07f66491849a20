//! ECS Exec that is asked for and can't be used.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule::follows("exec-without-role", without_role),
    Rule::follows("exec-platform", platform),
    Rule::follows("exec-agent", agent),
    Rule::follows("exec-set-later", set_later),
];

/// What the agent talks to.
const ALLOW: &str = "ssmmessages:CreateControlChannel, CreateDataChannel, OpenControlChannel and \
                     OpenDataChannel";

fn is_on(evidence: &Evidence) -> bool {
    evidence
        .service
        .as_ref()
        .is_some_and(|it| it.execute_command && it.desired > 0)
}

fn without_role(evidence: &Evidence) -> Vec<Found> {
    let Some(definition) = evidence.definition.as_ref().filter(|_| is_on(evidence)) else {
        return Vec::new();
    };
    if !definition.text("taskRoleArn").is_empty() {
        return Vec::new();
    }
    let found = Found::new("ECS Exec is on, and the task has no task role to use it with")
        .shown_by([format!("{} has no taskRoleArn", definition.arn.short())])
        .because("the agent in the container talks to Systems Manager with the task role")
        .mended_by(format!("set taskRoleArn to a role that allows {ALLOW}"));
    vec![found]
}

/// Fargate has it from platform version 1.4.0 on.
fn platform(evidence: &Evidence) -> Vec<Found> {
    let old = |version: &str| {
        ["1.0.", "1.1.", "1.2.", "1.3."]
            .iter()
            .any(|it| version.starts_with(it))
    };
    let mut running = evidence.running().filter(|_| is_on(evidence));
    let found = running
        .find(|task| old(&task.platform_version))
        .map(|task| {
            Found::new(format!(
                "ECS Exec is on, and platform version {} has none",
                task.platform_version
            ))
            .shown_by([format!("task {} runs on it", task.id)])
            .because("Fargate has ECS Exec from platform version 1.4.0 on")
            .mended_by(evidence.update_service("--platform-version LATEST --force-new-deployment"))
        });
    found.into_iter().collect()
}

fn agent(evidence: &Evidence) -> Vec<Found> {
    if !is_on(evidence) {
        return Vec::new();
    }
    let found = evidence.running().find_map(|task| {
        let mut containers = task.containers.iter();
        let (container, agent) = containers.find_map(|container| {
            let down = |status: &str| !matches!(status, "RUNNING" | "PENDING");
            let mut agents = container.agents.iter();
            let agent = agents.find(|it| it.name == "ExecuteCommandAgent" && down(&it.status))?;
            Some((container, agent))
        })?;
        let found = Found::new(format!(
            "ECS Exec's agent in container {} doesn't run",
            container.name
        ))
        .shown_by([format!(
            "task {}: it is {} {}",
            task.id, agent.status, agent.reason
        )])
        .because(
            "the task role doesn't allow it, the subnets have no way to Systems Manager, or the \
                 container's file system is read-only",
        )
        .mended_by(format!(
            "allow {ALLOW} for the task role; without a NAT gateway make a VPC endpoint for \
                 ssmmessages; then start the task anew"
        ));
        Some(found)
    });
    found.into_iter().collect()
}

fn set_later(evidence: &Evidence) -> Vec<Found> {
    let mut running = evidence.running().peekable();
    if !is_on(evidence) || running.peek().is_none() || running.any(|it| it.execute_command) {
        return Vec::new();
    }
    let found = Found::new("ECS Exec was turned on after the tasks had started")
        .shown_by(["no running task has it".to_owned()])
        .because("only tasks that start after the change have the agent")
        .mended_by(evidence.update_service("--force-new-deployment"));
    vec![found]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::{first, healthy};
    use super::super::super::{Agent, Evidence, diagnose};

    fn on() -> Evidence {
        let mut evidence = healthy();
        evidence.service.as_mut().unwrap().execute_command = true;
        let body = &mut evidence.definition.as_mut().unwrap().body;
        body["taskRoleArn"] = json!("arn:aws:iam::1:role/shop");
        let task = &mut evidence.tasks[0];
        task.execute_command = true;
        task.containers[0].agents = vec![Agent {
            name: "ExecuteCommandAgent".to_owned(),
            status: "RUNNING".to_owned(),
            reason: String::new(),
        }];
        evidence
    }

    #[test]
    fn exec_that_works_is_no_finding_and_each_way_that_it_doesn_t_is() {
        assert_eq!(diagnose(&on()), []);
        let mut evidence = on();
        evidence.definition.as_mut().unwrap().body["taskRoleArn"] = json!(null);
        assert_eq!(first(&evidence), "exec-without-role");
        let mut evidence = on();
        evidence.tasks[0].containers[0].agents[0].status = "STOPPED".to_owned();
        assert_eq!(first(&evidence), "exec-agent");
        let mut evidence = on();
        evidence.tasks[0].platform_version = "1.3.0".to_owned();
        assert_eq!(first(&evidence), "exec-platform");
        let mut evidence = on();
        evidence.tasks[0].execute_command = false;
        assert_eq!(first(&evidence), "exec-set-later");
    }
}
