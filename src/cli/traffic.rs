//! Which slot serves, and what to write so that the other does: from ELBv2 (and Route 53) alone.

use std::collections::BTreeMap;

use super::error::CliError;
use super::request;
use super::session::Session;
use crate::aws::{RecordsAsk, RouteWrite};
use crate::deployment::dns::Record;
use crate::deployment::ids::{SlotName, Slots, TargetGroupArn};
use crate::deployment::plan::RouteKind;
use crate::deployment::preflight::SlotWanted;
use crate::deployment::surroundings::{Carried, Forward, GroupFound, live};

/// What ELBv2 alone shows, and Route 53 where records are routes.
pub(super) struct Traffic {
    /// Each slot's target groups in the config's order; `None` for one that doesn't exist.
    groups: Slots<Vec<Option<TargetGroupArn>>>,
    pub(super) forwards: Vec<Forward>,
    /// Why records that the config lists are not among them.
    missing: Vec<String>,
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
    /// be read, the routes of load balancers are there all the same.
    pub(super) async fn look(session: &Session) -> Result<Traffic, CliError> {
        let wanted = request::slots(&session.config);
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
            Ok(joined) => {
                let problems = joined.problems.into_iter().map(|it| it.what);
                (joined.routes, problems.collect())
            }
            Err(error) => {
                // One that names a single group may stand behind a record.
                let pairs = forwards.into_iter().filter(|it| it.weights.len() > 1);
                (pairs.collect(), vec![error.to_string()])
            }
        };
        Ok(Traffic {
            missing,
            ..Traffic::of(&wanted, &groups, forwards)
        })
    }

    /// Of what was found for the config's slots.
    pub(super) fn of(
        wanted: &Slots<SlotWanted>,
        groups: &BTreeMap<String, Option<GroupFound>>,
        forwards: Vec<Forward>,
    ) -> Traffic {
        let arn = |name| Some(groups.get(name)?.as_ref()?.arn.clone());
        let of_slot = |slot: SlotName| {
            let targets = wanted[slot].targets.iter();
            targets.map(|target| arn(&target.group)).collect()
        };
        Traffic {
            groups: Slots::from_fn(of_slot),
            forwards,
            missing: Vec::new(),
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
        let groups = Slots::from_fn(|slot| self.groups(slot));
        let forwards = self.forwards.iter();
        forwards
            .map(|forward| Carried::of(&forward.weights, &groups))
            .collect()
    }

    /// The slot with more traffic on every route; `None` where they disagree.
    pub(super) fn live(&self) -> Option<SlotName> {
        live(&self.carried())
    }

    /// What break glass has to write to give `to` everything.
    pub(super) fn writes(&self, to: SlotName) -> Writes {
        let mut writes = Writes {
            impossible: self.missing.clone(),
            ..Writes::default()
        };
        for forward in &self.forwards {
            let named = |slot: SlotName| {
                let names = |group: &TargetGroupArn| forward.weights.contains_key(group);
                let mut groups = self.groups[slot].iter();
                groups.position(|group| group.as_ref().is_some_and(names))
            };
            let Some(at) = named(to).or_else(|| named(to.other())) else {
                continue;
            };
            let group = |slot: SlotName| self.groups[slot].get(at).cloned().flatten();
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
            weights: weights
                .map(|(group, weight)| (TargetGroupArn::new(*group), *weight))
                .collect(),
            sticky: None,
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
        Traffic::of(&slots, &groups.into(), forwards)
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
}
