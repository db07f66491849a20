//! What one run came to.

use jiff::{SignedDuration, Timestamp};

use crate::deployment::event::{Event, Record};
use crate::deployment::ids::TargetGroupArn;
use crate::deployment::outcome::Outcome;
use crate::deployment::plan::Plan;
use crate::sandbox::world::World;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Green serves everything.
    Promoted,
    /// Blue does.
    Reverted,
    /// An operator is needed, or it never ended.
    Stuck,
}

impl End {
    /// Of a run's journal.
    pub(super) fn of(records: &[Record]) -> End {
        match records.last().map(|it| &it.event) {
            Some(Event::Ended { outcome }) => match outcome {
                Outcome::Promoted => End::Promoted,
                Outcome::Reverted { .. } => End::Reverted,
                _ => End::Stuck,
            },
            _ => End::Stuck,
        }
    }
}

/// What one run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// How it ended.
    pub end: End,
    /// From its beginning to its end.
    pub took: SignedDuration,
    /// From the first shift, or the beginning where none came, until something tripped.
    pub noticed: Option<SignedDuration>,
    /// The same until all traffic was back on blue.
    pub back: Option<SignedDuration>,
    /// Requests that went to green.
    pub to_green: u64,
    /// Of them, those that failed.
    pub failed: u64,
}

/// Green's requests and the failed ones among them, since the beginning.
pub(super) fn served(world: &mut World, plan: &Plan) -> (u64, u64) {
    world.settle();
    let groups = plan.slots[plan.green_slot()].targets.iter();
    let groups = groups.map(|it| TargetGroupArn::as_str(&it.group));
    let ledger = &world.traffic.ledger;
    let totals = groups.filter_map(|group| ledger.groups.get(group));
    let own = ledger
        .load_balancers
        .values()
        .map(|it| it.unavailable)
        .sum();
    totals.fold((0, own), |(requests, failed), it| {
        (
            requests + it.requests,
            failed + it.target_5xx + it.unanswered,
        )
    })
}

/// The moment of the first shift.
pub(super) fn first_shift(records: &[Record]) -> Option<Timestamp> {
    at(records, |it| matches!(it, Event::Shifting { .. }))
}

fn at(records: &[Record], is: fn(&Event) -> bool) -> Option<Timestamp> {
    let mut found = records.iter().filter(|it| is(&it.event));
    found.next().map(|it| it.at)
}

impl Tally {
    /// Of a run's journal, and of what green served in it.
    pub(super) fn of(records: &[Record], (to_green, failed): (u64, u64)) -> Tally {
        let began = at(records, |it| matches!(it, Event::Started { .. }));
        let from = first_shift(records).or(began);
        let since = |at: Option<Timestamp>| Some(at?.duration_since(from?));
        let took = records
            .last()
            .and_then(|it| Some(it.at.duration_since(began?)));
        Tally {
            end: End::of(records),
            took: took.unwrap_or_default(),
            noticed: since(at(records, |it| matches!(it, Event::Reverting { .. }))),
            back: since(at(records, |it| matches!(it, Event::TrafficReverted))),
            to_green,
            failed,
        }
    }
}
