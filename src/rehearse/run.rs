//! One deployment from its start to its end: the real decisions, folded and recorded as the loop
//! does it, on the region's world itself.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::act;
use super::failing::Failing;
use super::look::look;
use super::metrics::Reads;
use super::trouble::Trouble;
use crate::deployment::action::{Action, WeightWrite};
use crate::deployment::decide::{Decision, decide};
use crate::deployment::event::{Event, Record};
use crate::deployment::handover::Drive;
use crate::deployment::plan::Plan;
use crate::deployment::state::{Deployment, IllegalRecord, Phase};
use crate::sandbox::world::World;

/// How far into the first bake a process dies that is to.
const DIES_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// What a run may take beyond its strategy; a hold ends by itself long before.
const AT_MOST: SignedDuration = SignedDuration::from_hours(24);

/// Drives a deployment of `plan` from now to its end, and tells its journal. `body` is what is
/// registered. The world stands at the end's moment afterwards.
///
/// # Errors
/// Never in practice: what is decided can always follow what came before.
pub fn run(
    world: &mut World,
    plan: &Plan,
    body: Option<&Value>,
    trouble: Trouble,
) -> Result<Vec<Record>, IllegalRecord> {
    watched(world, plan, body, trouble, None)
}

/// The same, and `failing` is what there was to be seen when green had failed, if it did.
pub(super) fn watched(
    world: &mut World,
    plan: &Plan,
    body: Option<&Value>,
    trouble: Trouble,
    failing: Option<&mut Option<Failing>>,
) -> Result<Vec<Record>, IllegalRecord> {
    let started = Record {
        v: Record::VERSION,
        seq: 0,
        at: world.now,
        deployment: plan.id.clone(),
        event: Event::Started {
            plan: Box::new(plan.clone()),
        },
    };
    let run = Run {
        now: world.now,
        deployment: Some(Deployment::apply(None, &started)?),
        world,
        body,
        reads: Reads::of(plan),
        trouble,
        records: vec![started],
        first_bake: None,
        deadman: None,
        failing,
    };
    run.drive(plan)
}

struct Run<'a> {
    world: &'a mut World,
    body: Option<&'a Value>,
    reads: Option<Reads>,
    trouble: Trouble,
    now: Timestamp,
    /// `None` only while a record is folded.
    deployment: Option<Deployment>,
    records: Vec<Record>,
    first_bake: Option<Timestamp>,
    /// When the dead-man switch puts everything back.
    deadman: Option<Timestamp>,
    /// Where to keep what tells why green failed.
    failing: Option<&'a mut Option<Failing>>,
}

impl Run<'_> {
    fn drive(mut self, plan: &Plan) -> Result<Vec<Record>, IllegalRecord> {
        let length = SignedDuration::try_from(plan.shift_length()).unwrap_or_default();
        let until = self.now + length + AT_MOST;
        let poll = SignedDuration::try_from(plan.limits.poll).unwrap_or_default();
        while self.now < until {
            self.world.advance_to(self.now);
            if let Some(away) = self.dies() {
                self.go_on_after(away, plan)?;
            }
            let going = self.deployment.as_ref().filter(|it| it.outcome().is_none());
            let Some(deployment) = going else {
                break;
            };
            let seen = look(
                self.world,
                deployment,
                self.reads.as_mut(),
                &mut self.trouble,
                self.now,
            );
            let moves = self.world.moves();
            let decision = decide(deployment, &seen);
            let idle = decision.events.is_empty() && decision.actions.is_empty();
            let (from, wake_at) = (self.now, decision.wake_at);
            self.carry_out(decision, plan)?;
            self.keep_failing();
            self.now = from.max(wake_at);
            if idle && wake_at.duration_since(from) == poll {
                self.rest(moves, poll);
            }
        }
        Ok(self.records)
    }

    /// Traffic is back, and green's tasks are still there: the loop finds out why at this moment.
    fn keep_failing(&mut self) {
        let Some(kept @ None) = self.failing.as_deref_mut() else {
            return;
        };
        let deployment = self.deployment.as_ref();
        let due = deployment.filter(|it| it.is_to_be_diagnosed());
        *kept = due.map(|deployment| Failing {
            world: self.world.clone(),
            deployment: deployment.clone(),
            after: self.records.len(),
        });
    }

    /// Leaves out the looks that would show what the last one did and decide nothing, as it did:
    /// while a step bakes with nothing against it, only a move of the world, a read of the
    /// metrics, the age of a minute (which changes its meaning on the full minute) and the end of
    /// the bake make a difference.
    fn rest(&mut self, moves: u64, poll: SignedDuration) {
        let Some(deployment) = &self.deployment else {
            return;
        };
        let Phase::Baking { until, .. } = deployment.phase else {
            return;
        };
        let ends = [Some(until), deployment.waiting.map(|it| it.until)];
        let ends = ends.into_iter().flatten().filter(|at| *at >= self.now);
        let ends = ends.min().unwrap_or(Timestamp::MAX);
        let plain = deployment.hold.is_none()
            && deployment.paused.is_none()
            && deployment.plan.deadman.is_none()
            && self.trouble.is_none()
            && self
                .reads
                .as_ref()
                .is_none_or(|it| it.are_by_the_minute(poll));
        let minute = |at: Timestamp| at.as_second().div_euclid(60);
        let looked = minute(self.now - poll);
        while plain
            && self.now < ends
            && minute(self.now) == looked
            && !self
                .reads
                .as_ref()
                .is_some_and(|it| it.are_due(deployment, self.now))
        {
            self.world.advance_to(self.now);
            if self.world.moves() != moves {
                return;
            }
            self.now = ends.min(self.now + poll);
        }
    }

    /// Records, then acts; only a write of all weights to blue goes ahead of its record.
    fn carry_out(&mut self, decision: Decision, plan: &Plan) -> Result<(), IllegalRecord> {
        let urgent = |it: &Action| *it == Action::WriteWeights(WeightWrite::AllBlue);
        let (urgent, others): (Vec<_>, Vec<_>) = decision.actions.into_iter().partition(urgent);
        let facts = urgent.iter().filter_map(|it| self.act(it, plan));
        let facts: Vec<Event> = facts.collect();
        for event in decision.events.into_iter().chain(facts) {
            self.record(event)?;
        }
        for action in others {
            if self
                .deployment
                .as_ref()
                .is_none_or(|it| it.outcome().is_some())
            {
                break;
            }
            if let Some(fact) = self.act(&action, plan) {
                self.record(fact)?;
            }
        }
        Ok(())
    }

    fn act(&mut self, action: &Action, plan: &Plan) -> Option<Event> {
        if let Some(why) = self.trouble.strikes() {
            return Some(Event::ActFailed {
                act: action.name(),
                class: crate::deployment::action::FailureClass::Throttled,
                message: why,
            });
        }
        match action {
            Action::ArmDeadman { until } => self.deadman = Some(*until),
            Action::DisarmDeadman => self.deadman = None,
            _ => {}
        }
        act::perform(self.world, plan, action, self.body)
    }

    fn record(&mut self, event: Event) -> Result<(), IllegalRecord> {
        let Some(deployment) = self.deployment.take() else {
            return Ok(());
        };
        if matches!(event, Event::Baking { .. }) {
            self.first_bake.get_or_insert(self.now);
        }
        let record = Record {
            v: Record::VERSION,
            seq: deployment.next_seq,
            at: self.now,
            deployment: deployment.plan.id.clone(),
            event,
        };
        self.deployment = Some(Deployment::apply(Some(deployment), &record)?);
        self.records.push(record);
        Ok(())
    }

    /// For how long nobody drives the deployment from now on, once.
    fn dies(&mut self) -> Option<SignedDuration> {
        let due = self
            .first_bake
            .is_some_and(|at| self.now >= at + DIES_AFTER);
        self.trouble.dies_for.take_if(|_| due)
    }

    /// The dead-man switch may strike meanwhile.
    fn go_on_after(&mut self, away: SignedDuration, plan: &Plan) -> Result<(), IllegalRecord> {
        let unwatched_since = self.now;
        let back = self.now + away;
        if let Some(strikes) = self.deadman.filter(|at| *at < back) {
            self.world.advance_to(strikes);
            self.world.settle();
            // A switch that fails leaves things as they are, as no switch does.
            let _ = act::all_blue(self.world, plan);
            self.deadman = None;
        }
        self.now = back;
        self.world.advance_to(back);
        self.record(Event::Resumed {
            by: "another process".to_owned(),
            unwatched_since,
            drive: Drive::Through,
        })
    }
}
