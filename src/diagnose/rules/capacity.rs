//! Nowhere to run: instances, Fargate, Spot, quotas, placement.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::{clock, has};

pub(super) const RULES: &[Rule] = &[
    Rule::said("spot-interruption", spot),
    Rule::said("instance-ended", instance_ended),
    Rule::said("host-port-taken", host_port),
    Rule::said("placement-constraint", constraint),
    Rule::said("no-instances", no_instances),
    Rule::said("instances-full", instances_full),
    Rule::said("instance-attribute", attribute),
    Rule::said("agent-disconnected", agent),
    Rule::said("quota", quota),
    Rule::said("no-capacity", no_capacity),
    Rule::otherwise("not-placed", any),
];

fn about(evidence: &Evidence, words: &[&str]) -> Option<Vec<String>> {
    Some(evidence.said(|text| has(text, words))?.lines())
}

fn no_capacity(evidence: &Evidence) -> Vec<Found> {
    let found = about(evidence, &["capacity is unavailable at this time"]).map(|lines| {
        let providers = evidence.service.iter().flat_map(|it| &it.capacity_providers);
        let spot = providers.into_iter().any(|it| it == "FARGATE_SPOT");
        let (what, fix) = match spot {
            true => (
                "Fargate Spot has no capacity",
                "add FARGATE with a base or a weight to the service's capacity provider strategy",
            ),
            false => (
                "AWS has no capacity in these zones at the moment",
                "wait, or give the service subnets in more zones; a smaller or larger task size may \
                 find room",
            ),
        };
        Found::new(what)
            .shown_by(lines)
            .because("the zones' capacity for this size is used up, which passes")
            .mended_by(fix)
    });
    found.into_iter().collect()
}

fn quota(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "reached the limit on the number of",
        "configuration is above your limit",
        "vcpulimitexceeded",
    ];
    let found = about(evidence, &words).map(|lines| {
        Found::new("a quota of the account is used up")
            .shown_by(lines)
            .because(
                "all tasks of the account in this region count, and a deployment doubles its own",
            )
            .mended_by(
                "ask for more: Service Quotas, AWS Fargate, \"Fargate On-Demand vCPU resource \
                 count\" (or Spot's); or stop what isn't needed",
            )
    });
    found.into_iter().collect()
}

fn no_instances(evidence: &Evidence) -> Vec<Found> {
    let words = ["no container instances were found"];
    let found = about(evidence, &words).map(|lines| {
        Found::new(format!(
            "cluster {} has no container instances",
            evidence.cluster
        ))
        .shown_by(lines)
        .because(
            "the service is of launch type EC2 and no instance has registered: none is there, \
                 its agent names another cluster, or its role or network keeps it from ECS",
        )
        .mended_by(
            "look: aws ecs list-container-instances; put ECS_CLUSTER into /etc/ecs/ecs.config \
                 of the instances, or use Fargate",
        )
    });
    found.into_iter().collect()
}

fn instances_full(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "insufficient memory",
        "insufficient cpu",
        "insufficient gpu",
        "resource:memory",
        "resource:cpu",
    ];
    let Some(lines) = about(evidence, &words) else {
        return Vec::new();
    };
    let memory = lines.iter().any(|line| has(line, &["memory"]));
    let (what, key) = if memory {
        ("memory", "memory")
    } else {
        ("CPU", "cpu")
    };
    let asks = evidence.definition.as_ref().map(|definition| {
        let own: u64 = definition
            .containers()
            .filter_map(|it| it.memory_reservation().or(it.memory()))
            .sum();
        match (definition.text(key), memory, own) {
            ("", true, own) => format!("its containers reserve {own} MiB together"),
            (task, ..) => format!("the task asks for {key} {task}"),
        }
    });
    let found = Found::new(format!("no instance of the cluster has enough {what} left"))
        .shown_by(lines)
        .shown_by(asks)
        .because("a rolling deployment needs room for new tasks beside the old ones")
        .mended_by(format!(
            "add instances (a capacity provider with managed scaling does so by itself), lower \
             {key} of the task, or let ECS stop old tasks first: {}",
            evidence.update_service("--deployment-configuration minimumHealthyPercent=50")
        ));
    vec![found]
}

fn host_port(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "already using a port required by your task",
        "resource:ports",
    ];
    let found = about(evidence, &words).map(|lines| {
        let containers = evidence.containers();
        let fixed = containers.flat_map(|container| {
            let name = container.name();
            container.ports().filter_map(move |(port, host)| {
                Some(format!(
                    "container {name} wants host port {} for {port}",
                    host?
                ))
            })
        });
        Found::new("every instance already has a task on the fixed host port")
            .shown_by(lines)
            .shown_by(fixed)
            .because(
                "with a fixed host port only one such task fits on an instance, old ones counted",
            )
            .mended_by(
                "set hostPort to 0 (bridge mode) or use awsvpc; otherwise green, which starts beside \
                 blue, needs as many free instances as it has tasks",
            )
    });
    found.into_iter().collect()
}

fn attribute(evidence: &Evidence) -> Vec<Found> {
    let found = about(evidence, &["missing an attribute required by your task"]).map(|lines| {
        let needs = evidence.definition.as_ref().and_then(|definition| {
            let needs = definition.body.get("requiresAttributes")?.as_array()?;
            let names = needs.iter().filter_map(|it| it.get("name")?.as_str());
            let names: Vec<&str> = names.collect();
            (!names.is_empty()).then(|| format!("the definition asks for {}", names.join(", ")))
        });
        Found::new("no instance has what the task definition asks for")
            .shown_by(lines)
            .shown_by(needs)
            .because(
                "a log driver, network mode or feature that the agent doesn't offer, an agent that \
                 is too old, or no instance in the service's subnets",
            )
            .mended_by(
                "look: ecs-cli check-attributes; update the agent, or set \
                 ECS_AVAILABLE_LOGGING_DRIVERS on the instances",
            )
    });
    found.into_iter().collect()
}

fn agent(evidence: &Evidence) -> Vec<Found> {
    let found = about(evidence, &["encountered error \"agent\""]).map(|lines| {
        Found::new("the ECS agent on the instances is not connected")
            .shown_by(lines)
            .because("it has crashed, or the instance has no way to ECS")
            .mended_by("on the instance: sudo systemctl restart ecs; then read /var/log/ecs")
    });
    found.into_iter().collect()
}

fn constraint(evidence: &Evidence) -> Vec<Found> {
    let words = ["placement constraint unsatisfied", "placement constraint"];
    let Some(lines) = about(evidence, &words) else {
        return Vec::new();
    };
    let distinct = lines.iter().any(|line| has(line, &["distinctinstance"]));
    let constraints = evidence
        .service
        .iter()
        .flat_map(|it| it.constraints.clone());
    let constraints: Vec<String> = constraints.collect();
    let own = (!constraints.is_empty()).then(|| format!("it asks for {}", constraints.join(", ")));
    let (cause, fix) = match distinct {
        true => (
            "distinctInstance wants an instance for each task, and a rolling deployment more",
            "add instances, take the constraint out, or lower minimumHealthyPercent",
        ),
        false => (
            "no instance has the attributes that memberOf asks for",
            "give instances that attribute (ECS_INSTANCE_ATTRIBUTES), or correct the expression",
        ),
    };
    let found = Found::new("no instance satisfies the placement constraints")
        .shown_by(lines)
        .shown_by(own)
        .because(cause)
        .mended_by(fix);
    vec![found]
}

fn spot(evidence: &Evidence) -> Vec<Found> {
    let tasks = evidence.failed_tasks();
    let is = |code: &str, reason: &str| {
        code == "SpotInterruption"
            || has(reason, &["spot task was interrupted", "spot interruption"])
    };
    let taken: Vec<_> = tasks
        .into_iter()
        .filter(|task| is(&task.stop_code, &task.stopped_reason))
        .collect();
    let found = taken.first().map(|task| {
        let at = task.ended_at().map(clock).unwrap_or_default();
        Found::new("AWS took Spot capacity back")
            .shown_by([format!("task {} at {at}: {}", task.id, task.stopped_reason)])
            .shown_by((taken.len() > 1).then(|| format!("{} tasks were taken", taken.len())))
            .because(
                "Spot tasks get two minutes' notice (SIGTERM) and are replaced if there is room",
            )
            .mended_by(
                "keep a base on FARGATE in the capacity provider strategy, and finish within two \
                 minutes of SIGTERM (stopTimeout 120)",
            )
    });
    found.into_iter().collect()
}

fn instance_ended(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "host ec2 (instance",
        "instance terminated",
        "stopped/terminated",
    ];
    let tasks = evidence.failed_tasks().into_iter();
    let mut tasks = tasks.filter(|task| {
        let code = task.stop_code.as_str();
        let taken = matches!(code, "TerminationNotice" | "InfrastructureHealth");
        (taken && !has(&task.stopped_reason, &["spot"])) || has(&task.stopped_reason, &words)
    });
    let found = tasks.next().map(|task| {
        let at = task.ended_at().map(clock).unwrap_or_default();
        Found::new("the machine under a task went away")
            .shown_by([format!("task {} at {at}: {}", task.id, task.stopped_reason)])
            .because("its instance was terminated or failed, or AWS retired the host")
            .mended_by(
                "drain instances before they end (managed draining of the capacity provider), and \
                 run at least two tasks in two zones",
            )
    });
    found.into_iter().collect()
}

fn any(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "was unable to place a task",
        "unable to reach steady state",
        "failed to launch a task",
    ];
    let found = about(evidence, &words).map(|lines| {
        Found::new("ECS can't place a task")
            .shown_by(lines)
            .because("the words above are ECS's")
            .mended_by(
                "look them up in \"Service event messages\" of the Amazon ECS developer guide",
            )
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::diagnose;
    use super::super::super::testing::{first, told, with_stopped};

    const CLOSEST: &str = "was unable to place a task because no container instance met all of its \
                           requirements. The closest matching (container-instance 0a1b) ";

    #[test]
    fn each_way_of_finding_no_place_is_told_apart() {
        let table = [
            (
                "was unable to place a task. Reason: Capacity is unavailable at this time. Please \
                 try again later or in a different availability zone."
                    .to_owned(),
                "no-capacity",
            ),
            (
                "was unable to place a task. Reason: You've reached the limit on the number of \
                 vCPUs you can run concurrently."
                    .to_owned(),
                "quota",
            ),
            (
                "was unable to place a task. Reason: The requested MEMORY configuration is above \
                 your limit."
                    .to_owned(),
                "quota",
            ),
            (
                "was unable to place a task because no container instance met all of its \
                 requirements. Reason: No Container Instances were found in your cluster."
                    .to_owned(),
                "no-instances",
            ),
            (
                format!("{CLOSEST}has insufficient memory available."),
                "instances-full",
            ),
            (
                format!("{CLOSEST}has insufficient CPU units available."),
                "instances-full",
            ),
            (
                format!("{CLOSEST}is already using a port required by your task."),
                "host-port-taken",
            ),
            (
                format!("{CLOSEST}is missing an attribute required by your task."),
                "instance-attribute",
            ),
            (
                format!("{CLOSEST}encountered error \"AGENT\"."),
                "agent-disconnected",
            ),
            (
                format!(
                    "{CLOSEST}encountered error \"DistinctInstance placement constraint \
                     unsatisfied.\"."
                ),
                "placement-constraint",
            ),
            (
                "was unable to place a task. Reason: news.".to_owned(),
                "not-placed",
            ),
        ];
        for (text, rule) in &table {
            assert_eq!(first(&told(text)), *rule, "{text}");
        }
    }

    #[test]
    fn machines_that_are_taken_away_are_no_fault_of_the_version() {
        let evidence = with_stopped("SpotInterruption", "Your Spot Task was interrupted.");
        assert_eq!(first(&evidence), "spot-interruption");
        let reason = "Host EC2 (instance i-0a1b) terminated.";
        assert_eq!(
            first(&with_stopped("TerminationNotice", reason)),
            "instance-ended"
        );
    }

    #[test]
    fn a_service_on_spot_alone_is_told_to_mix() {
        let mut evidence =
            told("was unable to place a task. Reason: Capacity is unavailable at this time.");
        let service = evidence.service.as_mut().unwrap();
        service.capacity_providers = vec!["FARGATE_SPOT".to_owned()];
        let found = diagnose(&evidence).remove(0);
        assert_eq!(found.what, "Fargate Spot has no capacity");
    }
}
