//! The alarms that are about a service. Reads only.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm, Dimension, Metric, MetricAlarm};

use crate::adopt::{AlarmNamed, Group};
use crate::aws::cloud::Cloud;
use crate::aws::ecs::last_part;
use crate::aws::error::AwsError;
use crate::aws::retry::Effect;
use crate::deployment::ids::{AlarmName, ClusterName, LoadBalancerArn, TargetGroupArn};

const ALARMS: &str = "cloudwatch:DescribeAlarms";
/// 100 alarms each: beyond that an account's alarms are not all looked at.
pub(super) const PAGES_OF_ALARMS: usize = 50;
/// What a composite alarm's rule asks of another alarm.
const STATES: [&str; 3] = ["ALARM", "OK", "INSUFFICIENT_DATA"];

impl Cloud {
    /// The alarms that name any of those groups, their load balancers or any of those services,
    /// those that are made of such, and whether all alarms of the account were seen.
    pub(super) async fn alarms_naming(
        &self,
        groups: &[Group],
        cluster: &ClusterName,
        services: &BTreeSet<String>,
    ) -> Result<(Vec<AlarmNamed>, bool), AwsError> {
        let balancers: BTreeSet<&LoadBalancerArn> = groups
            .iter()
            .filter_map(|group| group.load_balancer.as_ref())
            .collect();
        let ids: Vec<TargetGroupArn> = groups.iter().map(Group::id).collect();
        let mut found = Vec::new();
        let mut composites = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES_OF_ALARMS {
            let page = self
                .call(ALARMS, Effect::Reads, || {
                    self.cloudwatch()
                        .describe_alarms()
                        .alarm_types(AlarmType::MetricAlarm)
                        .alarm_types(AlarmType::CompositeAlarm)
                        .max_records(100)
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            let alarms = page.metric_alarms().iter();
            found.extend(
                alarms.filter_map(|alarm| named(alarm, &ids, &balancers, (cluster, services))),
            );
            composites.extend(page.composite_alarms().iter().filter_map(composite));
            token = page
                .next_token()
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            if token.is_none() {
                add_composites(&mut found, composites);
                return Ok((found, true));
            }
        }
        add_composites(&mut found, composites);
        Ok((found, false))
    }
}

/// The alarm, where its dimensions name one of the groups, or no group and a load balancer or a
/// service of the cluster.
fn named(
    alarm: &MetricAlarm,
    ids: &[TargetGroupArn],
    balancers: &BTreeSet<&LoadBalancerArn>,
    (cluster, services): (&ClusterName, &BTreeSet<String>),
) -> Option<AlarmNamed> {
    let of_queries = alarm
        .metrics()
        .iter()
        .filter_map(|query| query.metric_stat()?.metric());
    let of_queries = of_queries.flat_map(Metric::dimensions);
    let dimensions: Vec<&Dimension> = alarm.dimensions().iter().chain(of_queries).collect();
    let values = |name: &str| -> Vec<String> {
        let of_name = dimensions.iter().filter(|it| it.name() == Some(name));
        of_name
            .filter_map(|it| it.value().map(str::to_owned))
            .collect()
    };
    let groups = values("TargetGroup");
    let mut of_services = values("ServiceName");
    let of_cluster = |it: &String| it == last_part(cluster.as_str());
    if !values("ClusterName").iter().any(of_cluster) {
        of_services.clear();
    }
    let is_balancers = |value: &String| balancers.iter().any(|it| it.dimension() == value);
    let ours = match groups.is_empty() {
        true => {
            values("LoadBalancer").iter().any(is_balancers)
                || of_services.iter().any(|it| services.contains(it))
        }
        false => groups
            .iter()
            .any(|value| ids.iter().any(|id| id.dimension() == value)),
    };
    ours.then_some(AlarmNamed {
        name: AlarmName::new(alarm.alarm_name()?),
        groups,
        balancers: values("LoadBalancer"),
        services: of_services,
        made_of: Vec::new(),
    })
}

/// A composite alarm, with the names of those that its rule asks about.
fn composite(alarm: &CompositeAlarm) -> Option<(AlarmName, Vec<AlarmName>)> {
    let made_of = asked_about(alarm.alarm_rule().unwrap_or_default());
    Some((AlarmName::new(alarm.alarm_name()?), made_of))
}

/// The alarms that a rule asks about: `ALARM("x") AND NOT (OK(y) OR INSUFFICIENT_DATA(z))`.
fn asked_about(rule: &str) -> Vec<AlarmName> {
    let mut names = Vec::new();
    let mut rest = rule;
    while let Some((before, after)) = rest.split_once('(') {
        rest = after;
        if !STATES
            .iter()
            .any(|state| before.trim_end().ends_with(state))
        {
            continue;
        }
        let inside = after.trim_start();
        let quote = inside.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (inside, end) = match quote {
            Some(quote) => (&inside[1..], quote),
            None => (inside, ')'),
        };
        let Some((name, after)) = inside.split_once(end) else {
            continue;
        };
        // An ARN is `arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME`.
        let name = name.split_once(":alarm:").map_or(name, |(_, name)| name);
        names.push(AlarmName::new(name.trim()));
        rest = after;
    }
    names
}

/// Adds those that are made of what was found, also by way of others: they measure what that does.
fn add_composites(found: &mut Vec<AlarmNamed>, mut composites: Vec<(AlarmName, Vec<AlarmName>)>) {
    loop {
        let known = |name: &AlarmName| found.iter().any(|it| it.name == *name);
        let (ours, others): (Vec<_>, Vec<_>) = composites
            .into_iter()
            .partition(|(_, made_of)| made_of.iter().any(known));
        if ours.is_empty() {
            return;
        }
        for (name, made_of) in ours {
            let parts = found.iter().filter(|it| made_of.contains(&it.name));
            let all = |of: fn(&AlarmNamed) -> &Vec<String>| {
                let values: BTreeSet<String> = parts.clone().flat_map(of).cloned().collect();
                values.into_iter().collect()
            };
            let alarm = AlarmNamed {
                groups: all(|it| &it.groups),
                balancers: all(|it| &it.balancers),
                services: all(|it| &it.services),
                name,
                made_of,
            };
            found.push(alarm);
        }
        composites = others;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<AlarmName> {
        names.iter().map(|it| AlarmName::new(*it)).collect()
    }

    #[test]
    fn a_rule_names_the_alarms_it_asks_about() {
        let rule = "(ALARM(\"shop (5xx)\") OR ALARM(shop-cpu)) AND NOT (OK( 'quiet' ) OR \
                    INSUFFICIENT_DATA(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:far))";
        let asked = names(&["shop (5xx)", "shop-cpu", "quiet", "far"]);
        assert_eq!(asked_about(rule), asked);
        assert_eq!(asked_about("TRUE"), []);
    }

    #[test]
    fn what_is_made_of_alarms_measures_what_they_do_also_by_way_of_others() {
        let cpu = AlarmNamed {
            name: AlarmName::new("cpu"),
            groups: Vec::new(),
            balancers: Vec::new(),
            services: vec!["shop".to_owned()],
            made_of: Vec::new(),
        };
        let mut found = vec![cpu];
        let composite = |name: &str, of: &[&str]| (AlarmName::new(name), names(of));
        let others = vec![
            composite("all", &["ill", "far"]),
            composite("far-and-wide", &["far"]),
            composite("ill", &["cpu"]),
        ];
        add_composites(&mut found, others);
        let told = found.iter().map(|it| (it.name.as_str(), it.services.len()));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [("cpu", 1), ("ill", 1), ("all", 1)]
        );
    }
}
