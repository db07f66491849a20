//! The load balancers' metrics as CloudWatch shows them at the moment of a look.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::trouble::Trouble;
use crate::deployment::ids::{LoadBalancerArn, SlotName, TargetGroupArn};
use crate::deployment::metrics::{FiguresSeen, MINUTE, MetricsSeen, MinuteSeen, minute_of};
use crate::deployment::observation::Seen;
use crate::deployment::plan::Plan;
use crate::deployment::state::Deployment;
use crate::sandbox::world::World;
use crate::sandbox::world::cloudwatch::store::{Metric, Statistic, Window};

const NAMESPACE: &str = "AWS/ApplicationELB";
/// Between two reads, as the loop that reads over the SDK does it.
pub(super) const READ_EVERY: SignedDuration = SignedDuration::from_secs(15);
/// No minute is looked at sooner after its end.
const NOT_BEFORE: SignedDuration = SignedDuration::from_secs(30);

/// Where a datapoint belongs.
#[derive(Debug, Clone, Copy)]
enum Place {
    Requests(SlotName),
    Http5xx(SlotName),
    Unreachable(SlotName),
    LoadBalancer,
    Published,
}

/// What is read, and what was read last.
#[derive(Debug)]
pub(super) struct Reads {
    wanted: Vec<(Place, Metric)>,
    last: Option<(Timestamp, Seen<MetricsSeen>)>,
}

impl Reads {
    /// Of a plan's routes; a network load balancer has no such metrics.
    pub(super) fn of(plan: &Plan) -> Reads {
        let routes = || {
            plan.routes
                .iter()
                .filter(|it| !it.load_balancer.is_network())
        };
        let mut wanted = Vec::new();
        for slot in SlotName::BOTH {
            let groups: BTreeSet<_> = routes()
                .map(|it| (&it.load_balancer, &it.groups[slot]))
                .collect();
            for (balancer, group) in groups {
                for (place, name) in [
                    (Place::Requests(slot), "RequestCount"),
                    (Place::Http5xx(slot), "HTTPCode_Target_5XX_Count"),
                    (Place::Unreachable(slot), "TargetConnectionErrorCount"),
                    (Place::Published, "HealthyHostCount"),
                ] {
                    wanted.push((place, metric(name, balancer, Some(group))));
                }
            }
        }
        let balancers: BTreeSet<_> = routes().map(|it| &it.load_balancer).collect();
        for balancer in balancers {
            wanted.push((Place::LoadBalancer, metric("RequestCount", balancer, None)));
        }
        Reads { wanted, last: None }
    }

    /// Both slots' figures from the first minute that was not judged on.
    pub(super) fn see(
        &mut self,
        world: &World,
        deployment: &Deployment,
        trouble: &mut Trouble,
        now: Timestamp,
    ) -> Option<Seen<MetricsSeen>> {
        let from = deployment.metrics_from()?;
        if now < from.checked_add(MINUTE + NOT_BEFORE).ok()? {
            return None;
        }
        if let Some((at, seen)) = &self.last
            && now.duration_since(*at) < READ_EVERY
        {
            return Some(seen.clone());
        }
        let seen = match trouble.strikes() {
            Some(why) => Seen::Unreadable(why),
            None => Seen::Value(MetricsSeen {
                minutes: self.read(world, from, now),
                ..MetricsSeen::default()
            }),
        };
        self.last = Some((now, seen.clone()));
        Some(seen)
    }

    /// Whether a look now would read anew.
    pub(super) fn are_due(&self, deployment: &Deployment, now: Timestamp) -> bool {
        let last = self.last.as_ref();
        let read = last.is_none_or(|(at, _)| now.duration_since(*at) >= READ_EVERY);
        let first = |from: Timestamp| from.checked_add(MINUTE + NOT_BEFORE);
        let from = deployment.metrics_from();
        read && from.is_some_and(|from| first(from).is_ok_and(|first| now >= first))
    }

    fn read(
        &self,
        world: &World,
        from: Timestamp,
        now: Timestamp,
    ) -> BTreeMap<Timestamp, MinuteSeen> {
        let window = Window {
            start: from.as_second(),
            end: minute_of(now).as_second(),
            period: 60,
        };
        let mut minutes: BTreeMap<Timestamp, MinuteSeen> = BTreeMap::new();
        for (place, metric) in &self.wanted {
            let store = &world.cloudwatch.store;
            for (minute, value) in store.values(metric, Statistic::Sum, window, now) {
                let Ok(minute) = Timestamp::from_second(minute) else {
                    continue;
                };
                note(
                    minutes.entry(minute).or_default(),
                    *place,
                    value.round() as u64,
                );
            }
        }
        let before = self.last.as_ref().and_then(|(_, seen)| seen.value());
        for (minute, seen) in &mut minutes {
            let earlier = before.and_then(|it| it.minutes.get(minute));
            seen.unchanged_since = match earlier {
                Some(earlier) if same(earlier, seen) => earlier.unchanged_since,
                _ => now,
            };
        }
        minutes
    }
}

/// Whether two reads of a minute show the same.
fn same(one: &MinuteSeen, other: &MinuteSeen) -> bool {
    *one == MinuteSeen {
        unchanged_since: one.unchanged_since,
        ..other.clone()
    }
}

fn note(seen: &mut MinuteSeen, place: Place, value: u64) {
    let add = |figure: &mut Option<u64>| *figure = Some(figure.unwrap_or(0) + value);
    let figures = |seen: &mut MinuteSeen, slot, of: fn(&mut FiguresSeen) -> &mut Option<u64>| {
        add(of(&mut seen.slots[slot]));
    };
    match place {
        Place::LoadBalancer => add(&mut seen.load_balancer),
        Place::Published => seen.published = true,
        Place::Requests(slot) => figures(seen, slot, |it| &mut it.requests),
        Place::Http5xx(slot) => figures(seen, slot, |it| &mut it.http_5xx),
        Place::Unreachable(slot) => figures(seen, slot, |it| &mut it.unreachable),
    }
}

fn metric(name: &str, balancer: &LoadBalancerArn, group: Option<&TargetGroupArn>) -> Metric {
    let own = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut dimensions = vec![own("LoadBalancer", balancer.dimension())];
    dimensions.extend(group.map(|it| own("TargetGroup", it.dimension())));
    Metric::new(NAMESPACE, name, dimensions)
}
