//! What stands between users and targets: listeners, rules, zones, ports.

use super::super::definition::Container;
use super::super::evidence::{Evidence, Group, Registration, Service};
use super::super::found::{Found, Rule};
use super::super::recent::has;
use super::service::had_time;

pub(super) const RULES: &[Rule] = &[
    Rule::shown("group-missing", group_missing),
    Rule::shown("group-without-listener", without_listener),
    Rule::shown("zone-not-enabled", zone_not_enabled),
    Rule::shown("container-port", container_port),
    Rule::shown("discovery-without-traffic", discovery_without_traffic),
];

/// Whether the service is to have targets.
fn is_wanted(evidence: &Evidence) -> bool {
    evidence.service.as_ref().is_some_and(|it| it.desired > 0)
}

fn group_missing(evidence: &Evidence) -> Vec<Found> {
    let missing = evidence.groups.iter().filter(|it| it.exists == Some(false));
    let found = missing.map(|group| {
        Found::new(format!("target group {} doesn't exist", group.arn.name()))
            .shown_by([format!(
                "the service registers its tasks with {}",
                group.arn
            )])
            .because("it was deleted, or is of another account or region")
            .mended_by(evidence.update_service(
                "--load-balancers 'targetGroupArn=…,containerName=…,containerPort=…'",
            ))
    });
    found.collect()
}

fn without_listener(evidence: &Evidence) -> Vec<Found> {
    let said = evidence.said(|text| has(text, &["does not have an associated load balancer"]));
    let lonely = |group: &&Group| {
        let nobody = group.forwards.as_ref().is_none_or(Vec::is_empty);
        let unused = |it: &Group| {
            let zone = |text: &str| has(text, &["availability zone"]);
            it.in_state("unused")
                .any(|target| !zone(&target.description))
        };
        let no_balancer = group.load_balancer.is_none() && nobody;
        group.exists == Some(true) && (no_balancer || unused(group))
    };
    let Some(group) = evidence
        .groups
        .iter()
        .find(lonely)
        .filter(|_| is_wanted(evidence))
    else {
        let found = said.map(|said| {
            Found::new("no listener or rule forwards to the target group")
                .shown_by(said.lines())
                .because("ECS takes only groups that a load balancer uses")
                .mended_by("aws elbv2 create-rule (or modify-listener) with a forward to the group")
        });
        return found.into_iter().collect();
    };
    let words = group.in_state("unused").map(|target| {
        format!(
            "target {}:{} is unused: {}",
            target.id, target.port, target.description
        )
    });
    let found = Found::new(format!(
        "no listener or rule forwards to target group {}",
        group.arn.name()
    ))
    .shown_by(words.take(2))
    .shown_by(
        group
            .load_balancer
            .is_none()
            .then(|| "no load balancer uses it".to_owned()),
    )
    .because("its listener or rule was deleted, or names another group")
    .mended_by(format!(
        "aws elbv2 create-rule --listener-arn LISTENER --priority N --conditions \
             Field=path-pattern,Values='/*' --actions Type=forward,TargetGroupArn={}",
        group.arn
    ));
    vec![found]
}

fn zone_not_enabled(evidence: &Evidence) -> Vec<Found> {
    let found = evidence.groups.iter().find_map(|group| {
        let mut targets = group.in_state("unused");
        let target = targets.find(|it| has(&it.description, &["availability zone"]))?;
        let balancer = group.load_balancer.as_ref();
        let name = balancer.map_or("the load balancer", |it| it.name());
        let zone = match target.zone.as_str() {
            "" => "a zone",
            zone => zone,
        };
        let enabled = (!group.zones.is_empty())
            .then(|| format!("{name} is enabled in {}", group.zones.join(", ")));
        let arn = balancer.map_or("LOAD_BALANCER", |it| it.as_str());
        let found = Found::new(format!(
            "tasks run in {zone}, which isn't enabled on {name}"
        ))
        .shown_by([format!(
            "target {}:{}: {}",
            target.id, target.port, target.description
        )])
        .shown_by(enabled)
        .because("the service's subnets cover more zones than the load balancer's")
        .mended_by(format!(
            "aws elbv2 set-subnets --load-balancer-arn {arn} --subnets …, with one in {zone}; \
                 or take that subnet from the service"
        ));
        Some(found)
    });
    found.into_iter().collect()
}

fn container_port(evidence: &Evidence) -> Vec<Found> {
    let (Some(definition), Some(service)) = (&evidence.definition, &evidence.service) else {
        return Vec::new();
    };
    let before = |at: usize, it: &Registration| {
        let mut earlier = service.registrations[..at].iter();
        earlier.any(|other| other.container == it.container && other.port == it.port)
    };
    let wrong = service.registrations.iter().enumerate();
    let wrong = wrong
        .filter(|(at, it)| !before(*at, it))
        .filter_map(|(_, it)| {
            let container = definition.container(&it.container);
            let ports: Vec<u16> = container
                .iter()
                .flat_map(Container::ports)
                .map(|it| it.0)
                .collect();
            let has = match &container {
                None => "the definition has no such container".to_owned(),
                Some(_) if ports.contains(&it.port) => return None,
                Some(_) if ports.is_empty() => "it publishes no port".to_owned(),
                Some(_) => format!("it publishes {ports:?}"),
            };
            let found = Found::new(format!(
                "the load balancer is to reach container {} on port {}, which it doesn't publish",
                it.container, it.port
            ))
            .shown_by([has])
            .because("the definition and the service's loadBalancers don't fit each other")
            .mended_by(format!(
                "add {{\"containerPort\": {}}} to portMappings of {}, or correct the service's \
             loadBalancers",
                it.port, it.container
            ));
            Some(found)
        });
    wrong.collect()
}

fn discovery_without_traffic(evidence: &Evidence) -> Vec<Found> {
    let Some(service) = &evidence.service else {
        return Vec::new();
    };
    let silent = |group: &&Group| {
        let forwards = group.forwards.as_ref();
        forwards.is_some_and(|it| it.iter().all(|(_, weight)| *weight == 0))
    };
    let silent = evidence.groups.iter().find(silent);
    let Some(group) = silent.filter(|_| !service.registries.is_empty() && service.running > 0)
    else {
        return Vec::new();
    };
    let found = Found::new(format!(
        "service discovery answers with {} that the load balancer sends nothing to",
        tasks(service.running)
    ))
    .shown_by([
        format!("every forward to {} has weight 0", group.arn.name()),
        format!("the service is in {}", service.registries.join(", ")),
    ])
    .because("discovery gives each task its share of callers, whatever the weights are")
    .mended_by("take the service out of that registry, or scale it to zero");
    vec![found]
}

/// `1 task`, `2 tasks`.
pub(super) fn tasks(count: u32) -> String {
    format!("{count} task{}", if count == 1 { "" } else { "s" })
}

pub(super) fn traffic_to_nobody(evidence: &Evidence) -> Vec<Found> {
    let service = evidence.service.as_ref();
    let starts = |it: &Service| it.desired > 0 && !had_time(evidence, it);
    if service.is_some_and(starts) {
        return Vec::new();
    }
    let empty = evidence.groups.iter().filter_map(|group| {
        let targets = group.targets.as_ref()?;
        let serving = |state: &str| matches!(state, "healthy" | "initial" | "unhealthy");
        if targets.iter().any(|it| serving(&it.state)) {
            return None;
        }
        let forwards = group.forwards.iter().flatten();
        let (route, _) = forwards.into_iter().find(|(_, weight)| *weight > 0)?;
        let desired = evidence.service.as_ref().map_or(0, |it| it.desired);
        let running = evidence.service.as_ref().map_or(0, |it| it.running);
        let fix = match (desired, running) {
            (0, _) => evidence.update_service("--desired-count 1"),
            (_, 0) => "mend what keeps its tasks from running".to_owned(),
            _ => "register the tasks that run, or let ECS start new ones".to_owned(),
        };
        let found = Found::new(format!(
            "{route} sends users to target group {}, which has no targets: they get 503",
            group.arn.name()
        ))
        .shown_by([format!("the service's desired count is {desired}")])
        .because("a forward action has no failover: an empty group with weight answers 503")
        .mended_by(fix);
        Some(found)
    });
    empty.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::testing::{first, healthy};
    use super::super::super::{Evidence, diagnose};

    fn unused(description: &str) -> Evidence {
        let mut evidence = healthy();
        let target = &mut evidence.groups[0].targets.as_mut().unwrap()[0];
        target.state = "unused".to_owned();
        target.reason = "Target.NotInUse".to_owned();
        target.zone = "eu-west-1c".to_owned();
        target.description = description.to_owned();
        evidence
    }

    #[test]
    fn unused_targets_are_told_apart_by_the_load_balancer_s_words() {
        let zone = "Target is in an Availability Zone that is not enabled for the load balancer";
        assert_eq!(first(&unused(zone)), "zone-not-enabled");
        let group = "Target group is not configured to receive traffic from the load balancer";
        assert_eq!(first(&unused(group)), "group-without-listener");
    }

    #[test]
    fn groups_that_are_gone_or_reached_on_a_wrong_port_are_told() {
        let mut evidence = healthy();
        evidence.groups[0].exists = Some(false);
        assert_eq!(first(&evidence), "group-missing");
        let mut evidence = healthy();
        let body = &mut evidence.definition.as_mut().unwrap().body;
        body["containerDefinitions"][0]["portMappings"] = json!([{ "containerPort": 3000 }]);
        assert_eq!(first(&evidence), "container-port");
    }

    #[test]
    fn an_idle_slot_is_no_trouble_and_an_empty_group_with_weight_is() {
        let mut evidence = healthy();
        let service = evidence.service.as_mut().unwrap();
        (service.desired, service.running) = (0, 0);
        evidence.tasks.clear();
        evidence.groups[0].targets = Some(Vec::new());
        assert_eq!(first(&evidence), "traffic-to-nobody");
        evidence.groups[0].forwards = Some(vec![("shop:80".to_owned(), 0)]);
        assert_eq!(diagnose(&evidence), []);
    }

    #[test]
    fn discovery_is_told_where_weights_say_otherwise() {
        let mut evidence = healthy();
        evidence.service.as_mut().unwrap().registries = vec!["arn:registry".to_owned()];
        assert_eq!(diagnose(&evidence), []);
        evidence.groups[0].forwards = Some(vec![("shop:80".to_owned(), 0)]);
        assert_eq!(first(&evidence), "discovery-without-traffic");
    }
}
