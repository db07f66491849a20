//! What CloudWatch shows of the last hour, before anything is judged.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::MetricDataQuery;
use jiff::{SignedDuration, Timestamp};

use super::queries::{by_zone, query};
use super::{Cloud, datapoints};
use crate::aws::error::AwsError;
use crate::aws::metrics::MetricsAsk;
use crate::aws::retry::Effect;
use crate::deployment::ids::{LoadBalancerArn, SlotName, TargetGroupArn};
use crate::deployment::metrics::{Balancer, Day, History, MetricGuards, minute_of};
use crate::judge::guards::{Line, Over};
use crate::judge::sequential::{Count, Pair};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// How long is lately.
const LATELY: SignedDuration = SignedDuration::from_mins(15);
/// Minutes that may not be complete yet.
const LAG: SignedDuration = SignedDuration::from_mins(3);

/// The live slot's groups, each with its load balancer.
pub(in crate::aws) type Groups = BTreeSet<(LoadBalancerArn, TargetGroupArn)>;

/// One side's datapoints of a metric.
type Points = BTreeMap<Timestamp, f64>;

impl Cloud {
    /// The last hour of a slot with these groups.
    pub(in crate::aws) async fn history(
        &self,
        slot: SlotName,
        groups: &Groups,
        ask: &MetricsAsk,
        now: Timestamp,
    ) -> Result<History, AwsError> {
        let guards = &ask.guards;
        let hour = LastHour::ending(now);
        if !guards.judges_requests() && !ask.day {
            return Ok(History {
                balancer: self.balancers(groups, hour).await?,
                ..History::of(slot)
            });
        }
        // Without them only the noise isn't measured, and the plan says so.
        let zones = match self.zones(groups).await {
            Err(error) if error.is_for_good() => BTreeMap::new(),
            zones => zones?,
        };
        let (line, minutes, zones, balancer, day) = tokio::join!(
            self.line(groups, guards, hour),
            self.by_minutes(groups, hour),
            self.by_zones(groups, &zones, hour),
            self.balancers(groups, hour),
            self.day(groups, ask.day, now),
        );
        Ok(History {
            slot,
            line: line?,
            minutes: minutes?,
            zones: zones?,
            balancer: balancer?,
            day: day?,
        })
    }

    /// The zones of each load balancer.
    async fn zones(
        &self,
        groups: &Groups,
    ) -> Result<BTreeMap<LoadBalancerArn, Vec<String>>, AwsError> {
        let arns: BTreeSet<&LoadBalancerArn> = groups.iter().map(|(it, _)| it).collect();
        if arns.is_empty() {
            return Ok(BTreeMap::new());
        }
        let arns: Vec<String> = arns.iter().map(|arn| arn.as_str().to_owned()).collect();
        let described = self
            .call(
                "elasticloadbalancing:DescribeLoadBalancers",
                Effect::Reads,
                || {
                    let request = self.elb().describe_load_balancers();
                    request.set_load_balancer_arns(Some(arns.clone())).send()
                },
            )
            .await?;
        let described = described.load_balancers().iter();
        let zones = described.filter_map(|it| {
            let zones = it.availability_zones().iter();
            let names = zones.filter_map(|zone| zone.zone_name().map(str::to_owned));
            Some((
                LoadBalancerArn::new(it.load_balancer_arn()?),
                names.collect(),
            ))
        });
        Ok(zones.collect())
    }

    /// Where slow begins, and how often the slot was over it.
    async fn line(
        &self,
        groups: &Groups,
        guards: &MetricGuards,
        hour: LastHour,
    ) -> Result<Option<Line>, AwsError> {
        let Some(latency) = &guards.latency else {
            return Ok(None);
        };
        let micros = match latency.over {
            Over::Micros(micros) => Some(micros),
            Over::Percentile(percentile) => self.percentile(groups, percentile, hour).await?,
        };
        let Some(micros) = micros else {
            return Ok(None);
        };
        let line = Line {
            micros,
            exceeded: 0,
        };
        let mut ask = Ask::default();
        for (balancer, group) in groups {
            ask.put(|id| query(id, RESPONSE_TIME, balancer, Some(group), "SampleCount"));
            ask.put(|id| query(id, RESPONSE_TIME, balancer, Some(group), &line.statistic()));
        }
        let answers = self.answers(&ask, hour.start, hour.end).await?;
        let sum = |first| -> f64 {
            let answers = answers.iter().skip(first).step_by(2);
            answers.flat_map(BTreeMap::values).sum()
        };
        let (all, slow) = (sum(0), sum(1));
        let exceeded = (slow / all * 1e6).round() as u32;
        Ok((all > 0.0).then_some(Line { exceeded, ..line }))
    }

    /// A percentile of the hour that was last complete and the one that runs, in microseconds:
    /// CloudWatch's periods of an hour begin on the hour. Over several groups their mean by their
    /// requests: what counts is how many are over it, and that is counted.
    async fn percentile(
        &self,
        groups: &Groups,
        percentile: u8,
        hour: LastHour,
    ) -> Result<Option<u64>, AwsError> {
        let mut ask = Ask::default();
        let statistic = format!("p{percentile}");
        for (balancer, group) in groups {
            for statistic in ["SampleCount", &statistic] {
                let (name, group) = (RESPONSE_TIME, Some(group));
                ask.put(|id| by_zone(id, name, balancer, group, None, statistic, 3600));
            }
        }
        let answers = self.answers(&ask, hour.on_the_hour, hour.end).await?;
        let (mut all, mut sum) = (0.0, 0.0);
        for pair in answers.chunks(2) {
            let [counts, times] = pair else { continue };
            for (at, count) in counts {
                if let Some(time) = times.get(at) {
                    all += count;
                    sum += count * time;
                }
            }
        }
        Ok((all > 0.0).then(|| three_figures(sum / all * 1e6)))
    }

    /// Two parts of the slot by the minute: its busiest zone, and the others. Whether CloudWatch's
    /// zone is the target's or that of the load balancer's node is not documented; in either case
    /// the parts run the same version, and what they differ by is noise.
    async fn by_zones(
        &self,
        groups: &Groups,
        zones: &BTreeMap<LoadBalancerArn, Vec<String>>,
        hour: LastHour,
    ) -> Result<Vec<Pair>, AwsError> {
        let mut ask = Ask::default();
        let mut of = Vec::new();
        for (balancer, group) in groups {
            for zone in zones.get(balancer).into_iter().flatten() {
                for metric in ["RequestCount", "HTTPCode_Target_5XX_Count"] {
                    let (group, zone) = (Some(group), Some(zone.as_str()));
                    ask.put(|id| by_zone(id, metric, balancer, group, zone, "Sum", 60));
                }
                of.push(zone.as_str());
            }
        }
        let answers = self.answers(&ask, hour.start, hour.end).await?;
        Ok(busiest_against_others(&of, &answers))
    }

    /// What the slot served and failed at by the minute.
    async fn by_minutes(&self, groups: &Groups, hour: LastHour) -> Result<Vec<Count>, AwsError> {
        const METRICS: [&str; 3] = [
            "RequestCount",
            "HTTPCode_Target_5XX_Count",
            "TargetConnectionErrorCount",
        ];
        let mut ask = Ask::default();
        for (balancer, group) in groups {
            for metric in METRICS {
                ask.put(|id| query(id, metric, balancer, Some(group), "Sum"));
            }
        }
        let answers = self.answers(&ask, hour.start, hour.end).await?;
        let mut minutes: BTreeMap<Timestamp, Count> = BTreeMap::new();
        for (index, points) in answers.iter().enumerate() {
            for (at, value) in points {
                let count = minutes.entry(*at).or_default();
                let counted = value.round() as u64;
                match index % METRICS.len() {
                    0 => count.requests += counted,
                    _ => count.bad += counted,
                }
            }
        }
        let served = minutes.into_values().filter(|it| it.requests > 0);
        Ok(served.collect())
    }

    async fn balancers(&self, groups: &Groups, hour: LastHour) -> Result<Balancer, AwsError> {
        let balancers: BTreeSet<&LoadBalancerArn> = groups.iter().map(|(it, _)| it).collect();
        let mut ask = Ask::default();
        for balancer in balancers {
            ask.put(|id| query(id, "RequestCount", balancer, None, "Sum"));
            ask.put(|id| query(id, "HTTPCode_ELB_5XX_Count", balancer, None, "Sum"));
        }
        let answers = self.answers(&ask, hour.start, hour.end).await?;
        let sum = |first| -> f64 {
            let answers = answers.iter().skip(first).step_by(2);
            answers.flat_map(BTreeMap::values).sum()
        };
        Ok(Balancer {
            requests: sum(0).round() as u64,
            own_5xx: sum(1).round() as u64,
        })
    }

    /// The requests of the last day and of the last quarter of an hour; none where nobody asks.
    async fn day(
        &self,
        groups: &Groups,
        asked: bool,
        now: Timestamp,
    ) -> Result<Option<Day>, AwsError> {
        if !asked {
            return Ok(None);
        }
        let ask = |period| {
            let mut ask = Ask::default();
            for (balancer, group) in groups {
                let group = Some(group);
                ask.put(|id| by_zone(id, "RequestCount", balancer, group, None, "Sum", period));
            }
            ask
        };
        let second = now.as_second();
        let end = Timestamp::from_second(second - second.rem_euclid(3600)).unwrap_or(now);
        let (by_hour, by_minute) = (ask(3600), ask(60));
        let minute = minute_of(now) - LAG;
        let (hours, minutes) = tokio::join!(
            self.answers(&by_hour, end - HOUR * 24, end),
            self.answers(&by_minute, minute - LATELY, minute),
        );
        let mut day = Day::default();
        for (at, requests) in hours?.into_iter().flatten() {
            *day.hours.entry(at).or_default() += requests.round() as u64;
        }
        let minutes: Points = minutes?.into_iter().fold(Points::new(), |mut all, points| {
            for (at, requests) in points {
                *all.entry(at).or_default() += requests;
            }
            all
        });
        day.lately = lately(&minutes, minute, &day.hours);
        Ok(Some(day))
    }

    /// Each query's datapoints, in the order of the queries.
    async fn answers(
        &self,
        ask: &Ask,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<Points>, AwsError> {
        let mut answers = vec![Points::new(); ask.queries.len()];
        for batch in ask.queries.chunks(AT_ONCE) {
            for result in self.metric_data(batch, start, end).await? {
                let at = result
                    .id()
                    .and_then(|id| id.get(1..)?.parse::<usize>().ok());
                if let Some(points) = at.and_then(|at| answers.get_mut(at)) {
                    points.extend(datapoints(&result));
                }
            }
        }
        Ok(answers)
    }
}

/// The requests of a minute, of those in the quarter of an hour until `end`. What began within it,
/// as the day's `hours` show, had less time, and no whole first minute.
fn lately(minutes: &Points, end: Timestamp, hours: &BTreeMap<Timestamp, u64>) -> f64 {
    let whole_hours = hours.keys().next_back().map(|last| *last + HOUR);
    let in_hours = whole_hours.map_or(0.0, |end| minutes.range(..end).map(|it| it.1).sum());
    let came_before = hours.values().sum::<u64>() as f64 > in_hours.round();
    let began = minutes.keys().next().filter(|_| !came_before);
    let from = began.map_or(end - LATELY, |began| {
        let second = *began + SignedDuration::from_mins(1);
        match minutes.range(second..).next() {
            Some(_) => second,
            None => *began,
        }
    });
    let requests: f64 = minutes.range(from..).map(|it| it.1).sum();
    requests / (end.duration_since(from).as_secs_f64() / 60.0)
}

const RESPONSE_TIME: &str = "TargetResponseTime";
/// What GetMetricData takes in one call.
const AT_ONCE: usize = 500;

/// Queries, each named by its position.
#[derive(Default)]
struct Ask {
    queries: Vec<MetricDataQuery>,
}

impl Ask {
    fn put(&mut self, query: impl FnOnce(String) -> MetricDataQuery) {
        let id = format!("h{}", self.queries.len());
        self.queries.push(query(id));
    }
}

/// The last hour in whole minutes.
#[derive(Clone, Copy)]
struct LastHour {
    on_the_hour: Timestamp,
    start: Timestamp,
    end: Timestamp,
}

impl LastHour {
    fn ending(now: Timestamp) -> LastHour {
        let end = minute_of(now);
        let start = end - HOUR;
        let second = start.as_second();
        let on_the_hour = Timestamp::from_second(second - second.rem_euclid(3600));
        LastHour {
            on_the_hour: on_the_hour.unwrap_or(start),
            start,
            end,
        }
    }
}

/// `answers` are requests and failed ones in turn, those of the zone `of` at half their position.
fn busiest_against_others(of: &[&str], answers: &[Points]) -> Vec<Pair> {
    let mut requests: BTreeMap<&str, f64> = BTreeMap::new();
    for (zone, pair) in of.iter().zip(answers.chunks(2)) {
        *requests.entry(zone).or_default() += pair[0].values().sum::<f64>();
    }
    let busiest = requests
        .iter()
        .max_by(|one, other| one.1.total_cmp(other.1));
    let Some((busiest, _)) = busiest else {
        return Vec::new();
    };
    let mut minutes: BTreeMap<Timestamp, Pair> = BTreeMap::new();
    for (zone, pair) in of.iter().zip(answers.chunks(2)) {
        for (at, requests) in &pair[0] {
            let both = minutes.entry(*at).or_default();
            let side: &mut Count = match zone == busiest {
                true => &mut both.green,
                false => &mut both.blue,
            };
            side.requests += requests.round() as u64;
            side.bad += pair[1].get(at).copied().unwrap_or(0.0).round() as u64;
        }
    }
    let both = |pair: &Pair| pair.green.requests > 0 && pair.blue.requests > 0;
    minutes.into_values().filter(both).collect()
}

/// A number of three figures, so that the line is one that people can say.
fn three_figures(value: f64) -> u64 {
    let unit = 10f64.powf((value.log10().floor() - 2.0).max(0.0));
    ((value / unit).round() * unit) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_three_figures() {
        for (micros, wanted) in [(234_567.8, 235_000), (1_234_567.0, 1_230_000), (87.4, 87)] {
            assert_eq!(three_figures(micros), wanted);
        }
    }

    #[test]
    fn what_has_just_begun_is_counted_since_its_beginning() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        // From 08:55 on, asked at 09:04; the hour from 08:00 on is whole.
        let mut minutes: Points = (536..541).map(|minute| (at(minute), 1_200.0)).collect();
        minutes.insert(at(535), 300.0);
        let hours = |requests| BTreeMap::from([(at(480), requests)]);
        let of = |hours: &BTreeMap<_, _>| lately(&minutes, at(541), hours);
        assert_eq!(of(&hours(5_100)), 1_200.0, "it began in that hour");
        assert_eq!(of(&BTreeMap::new()), 1_200.0, "no hour is whole yet");
        assert_eq!(of(&hours(5_101)), 420.0, "somebody came before");
        assert_eq!(lately(&Points::new(), at(541), &hours(0)), 0.0);
    }

    #[test]
    fn the_busiest_zone_is_held_against_the_others_in_each_minute() {
        let at = |minute| Timestamp::from_second(minute * 60).unwrap();
        let points = |values: &[(i64, f64)]| -> Points {
            values
                .iter()
                .map(|(minute, it)| (at(*minute), *it))
                .collect()
        };
        let zones = ["x", "y", "z"];
        let answers = [
            points(&[(1, 10.0), (2, 10.0), (3, 10.0)]),
            points(&[(1, 1.0)]),
            points(&[(1, 50.0), (2, 50.0)]),
            points(&[(2, 5.0)]),
            points(&[(1, 20.0)]),
            points(&[]),
        ];
        let count = |requests, bad| Count { requests, bad };
        let pair = |green, blue| Pair { blue, green };
        assert_eq!(
            busiest_against_others(&zones, &answers),
            [
                pair(count(50, 0), count(30, 1)),
                pair(count(50, 5), count(10, 0)),
            ]
        );
    }
}
