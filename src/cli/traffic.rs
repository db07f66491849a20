//! Which slot serves, and what to write so that the other does: from ELBv2 (and Route 53) alone, or
//! without a load balancer from ECS.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::CliError;
use super::request;
use super::session::Session;
use crate::aws::{RecordsAsk, RouteWrite};
use crate::deployment::bare;
use crate::deployment::dns::Record;
use crate::deployment::ids::{ServiceName, SlotName, Slots, TargetGroupArn};
use crate::deployment::plan::RouteKind;
use crate::deployment::preflight::{RouteWanted, SlotWanted, mixed_up, refusals};
use crate::deployment::problem::Problem;
use crate::deployment::surroundings::{Carried, Forward, GroupFound, live};

/// What ELBv2 alone shows, and Route 53 where records are routes; without a load balancer, what
/// ECS does.
pub(super) struct Traffic {
    /// Each slot's target groups in the config's order; `None` for one that doesn't exist.
    groups: Slots<Vec<Option<TargetGroupArn>>>,
    /// The routes.
    pub(super) forwards: Vec<Forward>,
    /// The test routes, which say nothing of who serves.
    pub(super) tests: Vec<Forward>,
    /// Both services, where no load balancer tells.
    bare: Option<Slots<Option<Value>>>,
    /// Why records that the config lists are not among them.
    missing: Vec<Problem>,
    /// That the config gives the slots each other's groups, so that no weight says who serves.
    mixed_up: Option<Problem>,
}

/// What break glass has to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Writes {
    /// The routes to write.
    pub(super) routes: Vec<RouteWrite>,
    /// The routes that can't be written, and why.
    pub(super) impossible: Vec<String>,
}

impl Traffic {
    /// Looks at nothing but ELBv2, and at Route 53 where the config lists records. Where that can't
    /// be read, the routes of load balancers are there all the same. Without a load balancer it
    /// looks at nothing but both services.
    pub(super) async fn look(session: &Session) -> Result<Traffic, CliError> {
        let wanted = request::slots(&session.config);
        if session.config.is_bare() {
            let names = [&wanted.a.service, &wanted.b.service];
            let found = session.cloud.services(&session.cluster(), &names).await;
            let mut found = found
                .map_err(|error| session.cant_look(&error))?
                .into_iter();
            let services = Slots::from_fn(|_| found.next().flatten());
            return Ok(Traffic::of(
                &wanted,
                &BTreeMap::new(),
                Vec::new(),
                &[],
                &services,
            ));
        }
        let targets = SlotName::BOTH
            .iter()
            .flat_map(|slot| &wanted[*slot].targets);
        let names: Vec<String> = targets.map(|target| target.group.clone()).collect();
        let (groups, forwards) = session
            .cloud
            .forwards_of(&names)
            .await
            .map_err(|error| session.cant_look(&error))?;
        let ask = RecordsAsk::of(&wanted, &request::routes(&session.config));
        let cloud = &session.cloud;
        let (forwards, missing) = match cloud.with_records(&ask, &groups, forwards.clone()).await {
            Ok(joined) => (joined.routes, joined.problems),
            Err(error) => {
                // One that names a single group may stand behind a record.
                let pairs = forwards.into_iter().filter(|it| it.weights.len() > 1);
                let fix = "restore access to Route 53: `bg iam-policy` prints what it takes";
                (pairs.collect(), vec![Problem::new(error.to_string(), fix)])
            }
        };
        let tests = request::test_routes(&session.config);
        let services = Slots::default();
        Ok(Traffic::of(&wanted, &groups, forwards, &tests, &services).without(missing))
    }

    /// A slot's service, where no load balancer tells.
    pub(super) fn service(&self, slot: SlotName) -> Option<&Value> {
        self.bare.as_ref()?[slot].as_ref()
    }

    /// Of what was found for the config's slots.
    pub(super) fn of(
        wanted: &Slots<SlotWanted>,
        groups: &BTreeMap<String, Option<GroupFound>>,
        forwards: Vec<Forward>,
        tests: &[RouteWanted],
        services: &Slots<Option<Value>>,
    ) -> Traffic {
        let is_bare = SlotName::BOTH
            .iter()
            .all(|slot| wanted[*slot].targets.is_empty());
        let is_test = |forward: &Forward| tests.iter().any(|it| it.is(forward));
        let (tests, forwards) = forwards.into_iter().partition(is_test);
        let arn = |name| Some(groups.get(name)?.as_ref()?.arn.clone());
        let of_slot = |slot: SlotName| {
            let targets = wanted[slot].targets.iter();
            targets.map(|target| arn(&target.group)).collect()
        };
        let mut traffic = Traffic {
            groups: Slots::from_fn(of_slot),
            forwards,
            tests,
            bare: is_bare.then(|| services.clone()),
            missing: Vec::new(),
            mixed_up: None,
        };
        traffic.know(wanted, services);
        traffic
    }

    /// What ECS says of both services tells whose groups they are.
    pub(super) fn know(&mut self, wanted: &Slots<SlotWanted>, services: &Slots<Option<Value>>) {
        let names = Slots::from_fn(|slot| wanted[slot].service.clone());
        let groups = Slots::from_fn(|slot| self.groups(slot));
        self.mixed_up = mixed_up(services, &names, &groups);
    }

    /// That the config gives the slots each other's groups, as far as the services are known.
    pub(super) fn mixed_up(&self) -> Option<&Problem> {
        self.mixed_up.as_ref()
    }

    /// Weights would take users to the other version than the one that is named.
    ///
    /// # Errors
    /// Where the slots are mixed up.
    pub(super) fn refuse_mixed_up(&self) -> Result<(), CliError> {
        let told = |it: &Problem| CliError::refused(&it.what).hint(&it.fix);
        self.mixed_up().map_or(Ok(()), |it| Err(told(it)))
    }

    /// Whether the service has no load balancer.
    pub(super) fn is_bare(&self) -> bool {
        self.bare.is_some()
    }

    /// How many tasks a slot is set to run, where no load balancer tells who serves.
    pub(super) fn desired(&self, slot: SlotName) -> Option<u32> {
        let service = self.bare.as_ref()?[slot].as_ref()?;
        u32::try_from(service.get("desiredCount")?.as_u64()?).ok()
    }

    /// Whether nothing is anywhere else: each route gives the slot everything, or only its tasks
    /// work.
    pub(super) fn is_all_on(&self, slot: SlotName) -> bool {
        if let Some(services) = &self.bare {
            let works = |slot: SlotName| bare::works(services[slot].as_ref());
            return works(slot) && !works(slot.other());
        }
        let carried = self.carried();
        let alone = |it: &Carried| it.alone() == Some(slot);
        !carried.is_empty() && carried.iter().all(alone)
    }

    /// Whether a slot serves everything. Without a load balancer the other may be kept warm.
    pub(super) fn serves_everything(&self, slot: SlotName) -> bool {
        match &self.bare {
            Some(services) => bare::splits(services).is_none() && self.live() == Some(slot),
            None => self.is_all_on(slot),
        }
    }

    /// Whether nothing leads to the other slot: no route, and no test route either.
    pub(super) fn leads_only_to(&self, slot: SlotName) -> bool {
        let tests = self.carried_by(&self.tests);
        self.is_all_on(slot) && tests.iter().all(|it| it.slots[slot.other()] == 0)
    }

    /// Whether both slots serve.
    pub(super) fn is_split(&self) -> bool {
        match &self.bare {
            Some(services) => bare::splits(services).is_some(),
            None => {
                let some_route = !self.forwards.is_empty();
                some_route && !SlotName::BOTH.iter().any(|it| self.is_all_on(*it))
            }
        }
    }

    /// The target groups of a slot that exist.
    pub(super) fn groups(&self, slot: SlotName) -> Vec<TargetGroupArn> {
        self.groups[slot].iter().flatten().cloned().collect()
    }

    /// The record pairs among the routes.
    pub(super) fn records(&self) -> Vec<Record> {
        let kinds = self.forwards.iter().map(|forward| &forward.kind);
        kinds.filter_map(RouteKind::record).cloned().collect()
    }

    /// What each route gives each slot, in the order of `forwards`.
    pub(super) fn carried(&self) -> Vec<Carried> {
        self.carried_by(&self.forwards)
    }

    /// What each of some forward actions gives each slot.
    pub(super) fn carried_by(&self, forwards: &[Forward]) -> Vec<Carried> {
        let groups = Slots::from_fn(|slot| self.groups(slot));
        let forwards = forwards.iter();
        forwards
            .map(|forward| Carried::of(&forward.weights, &groups))
            .collect()
    }

    /// The slot with more traffic on every route; `None` where they disagree or the slots are mixed
    /// up. Without a load balancer, the one that its tags and counts show.
    pub(super) fn live(&self) -> Option<SlotName> {
        match &self.bare {
            _ if self.mixed_up.is_some() => None,
            Some(services) => bare::live(services),
            None => live(&self.carried()),
        }
    }

    /// The same, with what keeps records from being routes.
    pub(super) fn without(self, missing: Vec<Problem>) -> Traffic {
        Traffic { missing, ..self }
    }

    /// What keeps records from being routes, in the words of a plan.
    pub(super) fn missing(&self) -> &[Problem] {
        &self.missing
    }

    /// What is wrong where no deployment has made it so: routes that are not one slot's alone, or not
    /// all the same one's. In the words of a plan.
    pub(super) fn unsettled(&self, service: &ServiceName, fix: &str) -> Vec<Problem> {
        let carried = self.carried();
        let routes = || self.forwards.iter().zip(&carried);
        let split = routes().filter(|(_, it)| it.slots.a > 0 && it.slots.b > 0);
        let split = split.map(|(route, it)| refusals::split(&route.label(), &it.slots, fix));
        let split: Vec<Problem> = split.collect();
        let stands = routes().filter_map(|(route, it)| {
            let slot = it.alone()?;
            let has_it = |group: &&TargetGroupArn| route.weights.get(*group) > Some(&0);
            let group = self.groups[slot].iter().flatten().find(has_it)?;
            Some((route.label(), slot, group))
        });
        let stands: Vec<_> = stands.collect();
        let agree = stands.windows(2).all(|both| both[0].1 == both[1].1);
        match agree || !split.is_empty() {
            true => split,
            false => vec![refusals::disagree(service, &stands, fix)],
        }
    }

    /// What break glass has to write to give `to` everything.
    pub(super) fn writes(&self, to: SlotName) -> Writes {
        let mut writes = Writes {
            impossible: self.missing.iter().map(|it| it.what.clone()).collect(),
            ..Writes::default()
        };
        for forward in self.forwards.iter().chain(&self.tests) {
            let named = |slot: SlotName| {
                let names = |group: &TargetGroupArn| forward.weights.contains_key(group);
                let mut groups = self.groups[slot].iter();
                groups.position(|group| group.as_ref().is_some_and(names))
            };
            let Some(at) = named(to).or_else(|| named(to.other())) else {
                continue;
            };
            // What the action names comes before what the config's order makes of it.
            let group = |slot: SlotName| {
                let groups = &self.groups[slot];
                groups.get(named(slot).unwrap_or(at)).cloned().flatten()
            };
            match group(to) {
                Some(gets) => writes.routes.push(RouteWrite {
                    arn: forward.arn.clone(),
                    kind: forward.kind.clone(),
                    label: forward.label(),
                    to: gets,
                    from: group(to.other()),
                }),
                None => writes.impossible.push(format!(
                    "{}: slot {to} has no target group for it that exists",
                    forward.label()
                )),
            }
        }
        writes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deployment::ids::{EcsServiceName, LoadBalancerArn, RouteArn};
    use crate::deployment::preflight::TargetWanted;

    fn wanted(service: &str, groups: [&str; 2]) -> SlotWanted {
        let target = |group: &str| TargetWanted {
            group: group.to_owned(),
            container: None,
            port: None,
        };
        SlotWanted {
            service: EcsServiceName::new(service),
            targets: groups.map(target).to_vec(),
        }
    }

    fn found(name: &str) -> GroupFound {
        GroupFound {
            arn: TargetGroupArn::new(name),
            target_type: "ip".to_owned(),
            protocol: "HTTP".to_owned(),
            protocol_version: "HTTP1".to_owned(),
            vpc: "vpc-1".to_owned(),
            load_balancer: None,
            deregistration_delay: Duration::ZERO,
            healthy_after: Duration::ZERO,
            health_check: None,
            sticky: false,
            settings: std::collections::BTreeMap::new(),
        }
    }

    fn forward(port: u16, weights: &[(&str, u32)]) -> Forward {
        let weights = weights.iter();
        Forward {
            arn: RouteArn::new(format!("listener-{port}")),
            kind: RouteKind::Listener,
            load_balancer: LoadBalancerArn::new("x:loadbalancer/app/shop/1"),
            port,
            priority: None,
            hosts: Vec::new(),
            paths: Vec::new(),
            headers: Vec::new(),
            weights: weights
                .map(|(group, weight)| (TargetGroupArn::new(*group), *weight))
                .collect(),
            sticky: None,
            user_pools: Vec::new(),
        }
    }

    /// Two ports: web and admin; `there` are the groups that exist.
    fn traffic(there: &[&str], forwards: Vec<Forward>) -> Traffic {
        let slots = Slots {
            a: wanted("shop", ["web-a", "admin-a"]),
            b: wanted("shop-b", ["web-b", "admin-b"]),
        };
        let groups = ["web-a", "admin-a", "web-b", "admin-b"].map(|name| {
            let group = there.contains(&name).then(|| found(name));
            (name.to_owned(), group)
        });
        let services = Slots::default();
        Traffic::of(&slots, &groups.into(), forwards, &[], &services)
    }

    fn moves(writes: &Writes) -> Vec<(&str, &str, Option<&str>)> {
        let routes = writes.routes.iter();
        routes
            .map(|write| {
                let from = write.from.as_ref().map(TargetGroupArn::as_str);
                (write.label.as_str(), write.to.as_str(), from)
            })
            .collect()
    }

    #[test]
    fn a_missing_group_does_not_mix_up_the_ports() {
        let traffic = traffic(
            &["admin-a", "web-b", "admin-b"],
            vec![
                forward(80, &[("web-b", 100)]),
                forward(9000, &[("admin-a", 0), ("admin-b", 100)]),
            ],
        );
        let writes = traffic.writes(SlotName::A);
        assert_eq!(
            moves(&writes),
            [("shop:9000", "admin-a", Some("admin-b"))],
            "the web's traffic must not go to the admin port"
        );
        assert_eq!(writes.impossible.len(), 1);
        assert!(writes.impossible[0].starts_with("shop:80: slot a"));
    }

    #[test]
    fn what_a_route_names_counts_before_the_order_of_the_config() {
        let forwards = vec![forward(80, &[("web-a", 0), ("admin-b", 100)])];
        let traffic = traffic(&["web-a", "admin-a", "web-b", "admin-b"], forwards);
        let expected = [("shop:80", "web-a", Some("admin-b"))];
        assert_eq!(moves(&traffic.writes(SlotName::A)), expected);
    }

    #[test]
    fn a_route_whose_other_group_is_missing_is_still_written() {
        let traffic = traffic(
            &["web-a", "admin-a", "web-b"],
            vec![
                forward(80, &[("web-a", 0), ("web-b", 100)]),
                forward(9000, &[("admin-a", 1)]),
            ],
        );
        let writes = traffic.writes(SlotName::A);
        let expected = [
            ("shop:80", "web-a", Some("web-b")),
            ("shop:9000", "admin-a", None),
        ];
        assert_eq!(moves(&writes), expected);
        assert_eq!(writes.impossible, [] as [String; 0]);
    }
    fn unsettled(forwards: Vec<Forward>) -> Vec<String> {
        let traffic = traffic(&["web-a", "admin-a", "web-b", "admin-b"], forwards);
        let problems = traffic.unsettled(&ServiceName::new("shop"), "put it right");
        problems.into_iter().map(|it| it.what).collect()
    }

    #[test]
    fn what_no_deployment_has_made_so_is_told_in_the_words_of_a_plan() {
        let all_on_a = || forward(80, &[("web-a", 100), ("web-b", 0)]);
        assert_eq!(unsettled(vec![all_on_a()]), [] as [String; 0]);
        let split = forward(9000, &[("admin-a", 30), ("admin-b", 70)]);
        assert_eq!(
            unsettled(vec![all_on_a(), split]),
            ["shop:9000 is split: slot a has weight 30, slot b 70"]
        );
        let all_on_b = forward(9000, &[("admin-a", 0), ("admin-b", 1)]);
        assert_eq!(
            unsettled(vec![all_on_a(), all_on_b]),
            [
                "the routes don't agree on which slot is live: shop:80 is on slot a (web-a), \
              shop:9000 is on slot b (admin-b)"
            ]
        );
        let nobody_s = forward(9000, &[("admin-a", 0), ("admin-b", 0)]);
        assert_eq!(unsettled(vec![all_on_a(), nobody_s]), [] as [String; 0]);
    }
}
