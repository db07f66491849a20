//! What the config names in front of the services: target groups, and records in Route 53.

use crate::aws::{Cloud, RecordsAsk};
use crate::cli::request;
use crate::config::Config;
use crate::deployment::diagnosis::Finding;
use crate::deployment::dns::Record;
use crate::deployment::ids::{SlotName, Slots};
use crate::deployment::plan::RouteKind;
use crate::deployment::problem::Problem;

/// What was found.
pub(super) struct Balancers {
    /// See [`crate::aws::CollectAsk::records`].
    pub(super) records: Option<Vec<Record>>,
    /// What each slot lacks.
    pub(super) findings: Slots<Vec<Finding>>,
}

impl Balancers {
    /// Of a config's slots. What can't be read makes no finding here, but for records: without
    /// them nothing tells which slot has traffic.
    pub(super) async fn look(cloud: &Cloud, config: &Config) -> Balancers {
        let wanted = request::slots(config);
        let ask = RecordsAsk::of(&wanted, &request::routes(config));
        let unread = || Balancers {
            records: ask.records.is_empty().then(Vec::new),
            findings: Slots::default(),
        };
        let names = |slot: SlotName| wanted[slot].targets.iter().map(|it| it.group.clone());
        let all: Vec<String> = SlotName::BOTH.into_iter().flat_map(names).collect();
        let Ok((groups, forwards)) = cloud.forwards_of(&all).await else {
            return unread();
        };
        let mut findings: Slots<Vec<Finding>> = Slots::from_fn(|slot| {
            let missing = names(slot).filter(|it| groups.get(it).is_some_and(Option::is_none));
            let region = cloud.region();
            missing.map(|it| no_group(slot, &it, region)).collect()
        });
        match cloud.with_records(&ask, &groups, forwards).await {
            Ok(joined) => {
                let kinds = joined.routes.iter().map(|it| &it.kind);
                let records: Vec<Record> = kinds.filter_map(RouteKind::record).cloned().collect();
                // Without a target group its load balancer isn't known either.
                let told = findings.a.is_empty() && findings.b.is_empty();
                let problems = joined.problems.into_iter().filter(|_| told);
                findings.a.extend(problems.map(no_route));
                let known = ask.records.is_empty() || !records.is_empty();
                Balancers {
                    records: known.then_some(records),
                    findings,
                }
            }
            Err(error) => {
                findings.a.push(no_route(Problem::new(
                    format!("the records of `routes` can't be read: {error}"),
                    "bg iam-policy prints what bg needs of Route 53",
                )));
                Balancers {
                    findings,
                    ..unread()
                }
            }
        }
    }
}

fn no_route(problem: Problem) -> Finding {
    Finding {
        rule: "no-record-pair".to_owned(),
        what: problem.what,
        evidence: vec!["bg.yaml lists it in `routes`".to_owned()],
        cause: "which slot has traffic is read from its weights".to_owned(),
        fix: problem.fix,
    }
}

fn no_group(slot: SlotName, group: &str, region: &str) -> Finding {
    Finding {
        rule: "no-target-group".to_owned(),
        what: format!("slot {slot}'s target group {group} doesn't exist"),
        evidence: vec![format!(
            "bg.yaml names it, and {region} has none of that name"
        )],
        cause: "its name is misspelt, or it was never made or was deleted".to_owned(),
        fix: format!(
            "correct `slots.{slot}.target_group` in bg.yaml, or create it like the other slot's; \
             those there are: aws elbv2 describe-target-groups --query \
             'TargetGroups[].TargetGroupName'"
        ),
    }
}
