//! Tasks, and the targets that stand for them.

use jiff::SignedDuration;

use super::super::evidence::{Evidence, Group, Target};
use super::super::found::{Found, Rule};
use super::super::recent::clock;
use super::super::task::Task;
use super::load_balancer::tasks;

pub(super) const RULES: &[Rule] = &[Rule::shown("tasks-not-registered", not_registered)];

/// How long after its start a task may lack its target: ECS registers it within seconds.
const REGISTERED_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// Whether a target is there to stay.
fn stays(target: &Target) -> bool {
    !target.state.contains("draining")
}

/// Running tasks that none of the group's targets stands for.
fn unregistered<'a>(evidence: &'a Evidence, group: &Group) -> Vec<&'a Task> {
    let Some(targets) = &group.targets else {
        return Vec::new();
    };
    let targets: Vec<&Target> = targets.iter().filter(|it| stays(it)).collect();
    let settled = |task: &&Task| {
        let age = task.started_at.map(|at| evidence.now.duration_since(at));
        task.wanted && age.is_some_and(|age| age > REGISTERED_WITHIN)
    };
    let lacks = |task: &&Task| match &task.address {
        Some(address) => targets.iter().all(|it| it.id != *address),
        // Its instance's address is the target's.
        None => targets.is_empty(),
    };
    evidence.running().filter(settled).filter(lacks).collect()
}

fn not_registered(evidence: &Evidence) -> Vec<Found> {
    let Some(service) = evidence.service.as_ref().filter(|it| it.status == "ACTIVE") else {
        return Vec::new();
    };
    let found = service.registrations.iter().filter_map(|registration| {
        let mut groups = evidence.groups.iter();
        let group = groups.find(|it| it.arn == registration.group && it.exists == Some(true))?;
        let lacking = unregistered(evidence, group);
        let first = lacking.first()?;
        let name = group.arn.name();
        let ids: Vec<String> = lacking
            .iter()
            .filter_map(|task| task.address.as_deref())
            .map(|address| format!("Id={address},Port={}", registration.port))
            .collect();
        let anew = evidence.update_service("--force-new-deployment");
        let fix = match ids.is_empty() {
            true => anew,
            false => format!(
                "aws elbv2 register-targets --target-group-arn {} --targets {}; or new tasks: \
                 {anew}",
                group.arn,
                ids.join(" ")
            ),
        };
        let so_long = first.started_at.map(clock).unwrap_or_default();
        let (count, running) = (lacking.len(), evidence.running().count());
        let found = Found::new(format!(
            "{count} of {} that run get no traffic: they aren't registered in target group {name}",
            tasks(running.try_into().unwrap_or(u32::MAX))
        ))
        .shown_by([format!(
            "task {} runs since {so_long}, and {} isn't among the group's targets",
            first.id,
            first.address.as_deref().unwrap_or("its instance")
        )])
        .because(
            "their targets were deregistered by hand or by another tool (CloudTrail has the call \
             DeregisterTargets): ECS registers a task once, at its start",
        )
        .mended_by(fix);
        Some(found)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::super::diagnose;
    use super::super::super::testing::healthy;

    #[test]
    fn a_task_that_runs_without_its_target_is_told_with_the_command_that_registers_it() {
        let mut evidence = healthy();
        evidence.tasks[0].address = Some("10.0.0.4".to_owned());
        assert_eq!(diagnose(&evidence), []);
        let mut draining = evidence.clone();
        draining.groups[0].targets.as_mut().unwrap()[0].state = "draining".to_owned();
        for groups in [Some(Vec::new()), draining.groups[0].targets.clone()] {
            evidence.groups[0].targets = groups;
            let found = diagnose(&evidence);
            assert_eq!(found[0].rule, "tasks-not-registered");
            assert!(found[0].fix.contains("Id=10.0.0.4,Port=8080"), "{found:?}");
            assert_eq!(found[1].rule, "traffic-to-nobody");
            assert!(found[1].fix.starts_with("register"), "{found:?}");
        }
        evidence.tasks[0].started_at = Some(evidence.now - SignedDuration::from_secs(30));
        evidence.groups[0].forwards = Some(Vec::new());
        assert_eq!(diagnose(&evidence), [], "it has just begun");
    }
}
