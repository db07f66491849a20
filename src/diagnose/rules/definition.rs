//! Task definitions that can't be run as they are.

use super::super::evidence::{Evidence, Service};
use super::super::found::{Found, Rule};
use super::super::recent::has;
use super::service::had_time;
use crate::deployment::task_definition::{Launch, check, from_describe};

pub(super) const RULES: &[Rule] = &[
    Rule::said("fargate-size", fargate_size),
    Rule::said("size-at-container-level", size_at_container_level),
    Rule::said("definition-gone", gone),
    Rule::otherwise("definition-invalid", invalid),
];

/// What stands at the task's level.
fn sizes(evidence: &Evidence) -> Option<String> {
    let definition = evidence.definition.as_ref()?;
    let of = |key| match definition.text(key) {
        "" => format!("no {key}"),
        value => format!("{key} {value}"),
    };
    Some(format!(
        "the definition has {} and {} at the task's level",
        of("cpu"),
        of("memory")
    ))
}

fn fargate_size(evidence: &Evidence) -> Vec<Found> {
    let said = evidence.said(|text| has(text, &["no fargate configuration exists"]));
    let found = said.map(|said| {
        let problems = evidence.definition.as_ref().map(|definition| {
            let body = from_describe(&serde_json::json!({ "taskDefinition": definition.body }));
            check(&body, Launch::Fargate)
        });
        let fix = problems
            .into_iter()
            .flatten()
            .find(|it| has(&it.what, &["size"]));
        let fix = fix.map_or_else(
            || "set a pair that Fargate has, for example cpu 256 with memory 512".to_owned(),
            |problem| problem.fix,
        );
        Found::new("Fargate has no size with the task's cpu and memory")
            .shown_by(said.lines())
            .shown_by(sizes(evidence))
            .because("only certain pairs of cpu and memory exist")
            .mended_by(fix)
    });
    found.into_iter().collect()
}

fn size_at_container_level(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "be defined at the task level",
        "be provided at the task level",
    ];
    let said = evidence.said(|text| has(text, &words));
    let found = said.map(|said| {
        Found::new("the task definition has cpu or memory inside the container only")
            .shown_by(said.lines())
            .shown_by(sizes(evidence))
            .because("Fargate sizes the task, not its containers")
            .mended_by("set cpu and memory beside \"family\", for example 256 and 512")
    });
    found.into_iter().collect()
}

fn gone(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "taskdefinition is inactive",
        "unable to describe task definition",
    ];
    let said = evidence.said(|text| has(text, &words));
    let found = said.map(|said| {
        Found::new("the task definition was deregistered or deleted")
            .shown_by(said.lines())
            .because("somebody, or a clean-up, took away a revision that is still in use")
            .mended_by("register it again and set the service to that revision")
    });
    found.into_iter().collect()
}

/// What ECS would refuse, where nothing else explains why a service lacks tasks.
fn invalid(evidence: &Evidence) -> Vec<Found> {
    let lacks = |it: &&Service| it.running < it.desired && had_time(evidence, it);
    let service = evidence.service.as_ref().filter(lacks);
    let Some((definition, _)) = evidence.definition.as_ref().zip(service) else {
        return Vec::new();
    };
    let launch = match evidence.is_fargate() {
        true => Launch::Fargate,
        false => Launch::Ec2,
    };
    let body = from_describe(&serde_json::json!({ "taskDefinition": definition.body }));
    let problems = check(&body, launch).into_iter();
    problems
        .map(|problem| {
            Found::new(problem.what)
                .shown_by([format!("in {}", definition.arn.short())])
                .because("the task definition doesn't fit where it is to run")
                .mended_by(problem.fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::diagnose;
    use super::super::super::testing::{first, healthy, told};

    #[test]
    fn a_size_that_fargate_lacks_is_told_with_those_that_it_has() {
        let text = "was unable to place a task. Reason: No Fargate configuration exists for given \
                    values: 256 CPU, 4096 memory.";
        let mut evidence = told(text);
        evidence.definition.as_mut().unwrap().body["memory"] = json!("4096");
        let found = diagnose(&evidence).remove(0);
        assert_eq!(found.rule, "fargate-size");
        assert!(found.fix.contains("512, 1024 or 2048"), "{found:?}");
    }

    #[test]
    fn sizes_inside_the_container_only_are_told() {
        let text = "was unable to place a task. Reason: Fargate requires that 'cpu' be defined at \
                    the task level.";
        assert_eq!(first(&told(text)), "size-at-container-level");
        let text = "was unable to place a task. Reason: TaskDefinition is inactive.";
        assert_eq!(first(&told(text)), "definition-gone");
    }

    #[test]
    fn a_doubtful_definition_is_told_only_of_a_service_that_is_unwell() {
        let mut evidence = healthy();
        evidence.definition.as_mut().unwrap().body["memory"] = json!("700");
        assert_eq!(diagnose(&evidence), []);
        evidence.service.as_mut().unwrap().running = 0;
        evidence.tasks.clear();
        assert_eq!(first(&evidence), "definition-invalid");
    }
}
