//! CloudWatch's metrics as it shows them at the moment of a look: what the loop asks for, answered
//! by the region's own evaluation without a call.

use jiff::{SignedDuration, Timestamp};

use super::trouble::Trouble;
use crate::deployment::metrics::{
    Asked, MINUTE, MetricsSeen, Pace, Queries, What, note, note_what_is_new,
};
use crate::deployment::observation::Seen;
use crate::deployment::plan::Plan;
use crate::deployment::state::Deployment;
use crate::sandbox::world::World;
use crate::sandbox::world::cloudwatch::math;
use crate::sandbox::world::cloudwatch::query::{self, Query, Source};
use crate::sandbox::world::cloudwatch::store::{Metric, Statistic};

/// What is read, and what was read last.
pub(super) struct Reads {
    queries: Queries,
    /// The same as the region evaluates them, call by call; or why it can't.
    batches: Result<Vec<Vec<Query>>, String>,
    pace: Pace,
    last: Option<(Timestamp, Seen<MetricsSeen>)>,
}

impl Reads {
    /// Of what a plan judges; nothing where no metric is.
    pub(super) fn of(plan: &Plan) -> Option<Reads> {
        let queries = Queries::of(plan);
        let batch = |batch: &[Asked]| batch.iter().map(as_query).collect();
        let batches = queries.batches().map(batch).collect();
        Some(Reads {
            pace: Pace::of(plan.guards.metrics.as_ref()?),
            queries,
            batches,
            last: None,
        })
    }

    /// The metrics that are read.
    pub(super) fn metrics(&self) -> impl Iterator<Item = &Metric> {
        let queries = self.batches.iter().flatten().flatten();
        queries.filter_map(Query::metric)
    }

    /// Both slots' figures from the first minute that was not judged on.
    pub(super) fn see(
        &mut self,
        world: &World,
        deployment: &Deployment,
        trouble: &mut Trouble,
        now: Timestamp,
    ) -> Option<Seen<MetricsSeen>> {
        // Nothing that this CloudWatch has shown changes later.
        let from = deployment.metrics_wanted()?.from;
        if now < from.checked_add(self.pace.first_after).ok()? {
            return None;
        }
        if let Some((at, seen)) = &self.last
            && now.duration_since(*at) < self.pace.every
        {
            return Some(seen.clone());
        }
        let seen = match trouble.strikes() {
            Some(why) => Seen::Unreadable(why),
            None => self
                .read(world, from, now)
                .map_or_else(Seen::Unreadable, Seen::Value),
        };
        self.last = Some((now, seen.clone()));
        Some(seen)
    }

    /// Whether a look now would read anew.
    pub(super) fn are_due(&self, deployment: &Deployment, now: Timestamp) -> bool {
        let last = self.last.as_ref();
        let read = last.is_none_or(|(at, _)| now.duration_since(*at) >= self.pace.every);
        let first = |from: Timestamp| from.checked_add(self.pace.first_after);
        let from = deployment.metrics_wanted().map(|it| it.from);
        read && from.is_some_and(|from| first(from).is_ok_and(|first| now >= first))
    }

    /// Whether nothing is judged by shorter periods than a minute, so that what was read changes
    /// its meaning on full minutes only, and every read is one of the looks `poll` apart.
    pub(super) fn are_by_the_minute(&self, poll: SignedDuration) -> bool {
        let every = self.pace.every.as_secs();
        self.pace.first_after >= MINUTE && every % poll.as_secs().max(1) == 0
    }

    fn read(&self, world: &World, from: Timestamp, now: Timestamp) -> Result<MetricsSeen, String> {
        let from = self.queries.start_of_period(from);
        let span = (from.as_second(), now.as_second());
        let mut read = MetricsSeen::default();
        for batch in self.batches.as_ref().map_err(String::clone)? {
            let answers = query::run(batch, &world.cloudwatch.store, span, now)?;
            for (id, points) in answers {
                let Some(place) = self.queries.place(&id) else {
                    continue;
                };
                for (at, value) in points {
                    let at = Timestamp::from_second(at).map_err(|error| error.to_string())?;
                    note(&mut read, place, at, value, now);
                }
            }
        }
        let before = self.last.as_ref().and_then(|(_, seen)| seen.value());
        note_what_is_new(&mut read, before, now);
        Ok(read)
    }
}

/// A query as the region has it.
fn as_query(asked: &Asked) -> Result<Query, String> {
    let source = match &asked.what {
        What::Expression(expression, _) => Source::Expression(math::parse(expression)?),
        What::Stat(of, period) => Source::Stat {
            metric: Metric::new(
                &of.namespace,
                &of.name,
                of.dimensions.clone().into_iter().collect(),
            ),
            statistic: Statistic::parse(&of.stat)
                .ok_or_else(|| format!("the region has no statistic {}", of.stat))?,
            period: i64::from(*period),
        },
    };
    Ok(Query {
        id: asked.id.clone(),
        label: None,
        source,
        returns: asked.returns,
    })
}
