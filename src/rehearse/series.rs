//! Many runs: each strategy against each fault, over many seeds, on two threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use serde_json::Value;

use super::account::{self, LIVE};
use super::calibrate::{self, History};
use super::failing::Failing;
use super::fault::{Fault, Kind, Setting};
use super::run::{run, watched};
use super::scenario::Scenario;
use super::summary::Row;
use super::tally::{End, Tally, first_shift, served};
use super::trouble::Trouble;
use super::unread::leave_out_unread;
use crate::deployment::event::Record;
use crate::deployment::plan::{NewTaskDefinition, Plan};
use crate::deployment::state::IllegalRecord;
use crate::sandbox::world::World;
use crate::sandbox::world::app::Behaviour;
use crate::sandbox::world::traffic::Noise;

/// As many as the smallest machines have processors.
const THREADS: usize = 2;

/// A strategy that is tried, with the plan that it makes.
#[derive(Debug, Clone)]
pub struct Contender {
    /// What it is called in tables.
    pub name: String,
    /// What it is going to do.
    pub plan: Plan,
    /// What it registers.
    pub body: Option<Value>,
}

/// All runs of a rehearsal.
#[derive(Debug)]
pub struct Series<'a> {
    /// The account before anybody deploys.
    pub world: &'a World,
    /// What is rehearsed on.
    pub scenario: &'a Scenario,
    /// The strategies.
    pub contenders: &'a [Contender],
    /// The first seed.
    pub first_seed: u64,
    /// How many.
    pub seeds: u64,
}

/// One line of the table: a fault, or a good version under one.
struct Case<'a> {
    name: String,
    fault: &'a Fault,
    /// What the version does.
    version: Kind,
}

impl Series<'_> {
    /// Every strategy against every fault.
    ///
    /// # Errors
    /// Never in practice, as [`run`].
    pub fn rows(&self) -> Result<Vec<Row>, IllegalRecord> {
        let cases: Vec<Case<'_>> = self.scenario.faults.iter().flat_map(cases).collect();
        let seeds = self.seeds as usize;
        let count = cases.len() * self.contenders.len() * seeds;
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let job = next.fetch_add(1, Ordering::Relaxed);
                if job >= count {
                    return Ok(done);
                }
                let (row, seed) = (job / seeds, job % seeds);
                let case = &cases[row / self.contenders.len()];
                let contender = &self.contenders[row % self.contenders.len()];
                let seed = self.first_seed.wrapping_add(seed as u64);
                done.push((row, self.tally(case, contender, seed)?));
            }
        };
        let results: Vec<Result<Vec<(usize, Tally)>, IllegalRecord>> =
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
                let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
                joined.map(|it| it.expect("a run doesn't panic")).collect()
            });
        let mut tallies = vec![Vec::new(); cases.len() * self.contenders.len()];
        for result in results {
            for (row, tally) in result? {
                tallies[row].push(tally);
            }
        }
        let rows = tallies.iter().enumerate().map(|(row, tallies)| {
            let case = &cases[row / self.contenders.len()];
            let contender = &self.contenders[row % self.contenders.len()];
            Row::of(&case.name, case.version, &contender.name, tallies)
        });
        Ok(rows.collect())
    }

    /// One run whose new version behaves as `version` does beside the live one: its journal, and
    /// what there was to be seen when green had failed.
    ///
    /// # Errors
    /// Never in practice, as [`run`].
    pub fn story(
        &self,
        contender: &Contender,
        version: impl Fn(&Behaviour) -> Behaviour,
    ) -> Result<(Vec<Record>, Option<Failing>), IllegalRecord> {
        let setting = Setting::default();
        let mut world = self.set(contender, &setting, self.first_seed, version);
        let trouble = Trouble::none(self.first_seed);
        let (plan, body) = (&contender.plan, contender.body.as_ref());
        let mut failing = None;
        let records = watched(&mut world, plan, body, trouble, Some(&mut failing))?;
        Ok((records, failing))
    }

    /// How many runs [`rows`](Series::rows) makes.
    pub fn runs(&self) -> usize {
        let cases = self.scenario.faults.iter().flat_map(cases).count();
        (cases * self.contenders.len()).saturating_mul(self.seeds as usize)
    }

    fn tally(
        &self,
        case: &Case<'_>,
        contender: &Contender,
        seed: u64,
    ) -> Result<Tally, IllegalRecord> {
        let (kind, setting) = (case.fault.kind, &case.fault.setting);
        let version = |live: &Behaviour| case.version.behaviour(live);
        let mut world = self.set(contender, setting, seed, version);
        let calibrated = self.calibrated(&contender.plan, setting, seed);
        let plan = calibrated.as_ref().unwrap_or(&contender.plan);
        let mut trouble = Trouble::none(seed);
        match kind {
            Kind::Late(by) => world.cloudwatch.lag += account::length(by),
            Kind::Throttled(share) => trouble.throttled = f64::from(share) / 1e6,
            Kind::Dies(away) => trouble.dies_for = Some(account::length(away)),
            _ => {}
        }
        leave_out_unread(&mut world, plan);
        let before = served(&mut world, plan);
        let records = run(&mut world, plan, contender.body.as_ref(), trouble)?;
        let mut after = served(&mut world, plan);
        // After a revert nothing comes to green any more: nothing to be counted.
        if let Some(shift) = first_shift(&records)
            && End::of(&records) != End::Reverted
        {
            world.advance_to(shift + self.counted());
            after = served(&mut world, plan);
        }
        Ok(Tally::of(
            &records,
            (after.0 - before.0, after.1 - before.1),
        ))
    }

    /// The account as one run finds it: at some second of a minute, with its own chance.
    fn set(
        &self,
        contender: &Contender,
        setting: &Setting,
        seed: u64,
        version: impl Fn(&Behaviour) -> Behaviour,
    ) -> World {
        let mut world = self.world.clone();
        let mut rng = Rng::with_seed(seed);
        world.rng = rng.fork();
        world.traffic.noise.seed = rng.u64(..);
        if let Some(weather) = setting.weather {
            world.traffic.noise.together = weather;
        }
        if let Some(noise) = setting.noise {
            world.traffic.noise.apart = noise;
        }
        if let Some(requests) = setting.requests {
            for flow in &mut world.traffic.flows {
                flow.scale(requests / self.scenario.requests);
            }
        }
        let mut live = account::behaviour(self.scenario);
        if let Some(from) = setting.from {
            live.error_rate = f64::from(from) / 1e6;
            let clusters = world.ecs.clusters.values_mut();
            let tasks = clusters.flat_map(|it| it.tasks.values_mut());
            for container in tasks.flat_map(|it| &mut it.containers) {
                container.behaviour.error_rate = live.error_rate;
            }
            world.ecs.images.plant(LIVE, live.clone());
        }
        if let NewTaskDefinition::Register { images, .. } = &contender.plan.task_definition {
            for (_, image) in images {
                world.ecs.images.plant(image, version(&live));
            }
        }
        world.advance(rng.u32(60..120));
        world
    }

    /// The plan with blue's level and noise as its last hour shows them, where a fault's setting
    /// has others than the account that was planned in. All else that the plan fixed of that hour,
    /// the line that slow begins at and the load balancers' level, stays.
    fn calibrated(&self, plan: &Plan, setting: &Setting, seed: u64) -> Option<Plan> {
        let noise = setting.noise.unwrap_or(self.scenario.noise);
        let own_traffic = setting.requests.is_some() || setting.weather.is_some();
        let differs = noise > 0.0 || setting.from.is_some() || own_traffic;
        plan.guards.metrics.as_ref().filter(|_| differs)?;
        let history = History {
            requests: setting.requests.unwrap_or(self.scenario.requests),
            errors: f64::from(setting.from.unwrap_or(self.scenario.errors)) / 1e6,
            noise: Noise {
                together: setting.weather.unwrap_or(self.scenario.weather),
                apart: noise,
                seed,
            },
        };
        let mut plan = plan.clone();
        let metrics = plan.guards.metrics.as_mut()?;
        let errors = metrics.errors.as_mut()?;
        let minutes = history.minutes(seed);
        if noise > 0.0 {
            errors.noise = calibrate::noise(&minutes);
        }
        errors.before = calibrate::level(&minutes);
        Some(plan)
    }

    /// For how long after the first shift failed requests are counted: the same for all.
    fn counted(&self) -> SignedDuration {
        let lengths = self.contenders.iter().map(|it| it.plan.shift_length());
        let longest = lengths.max().unwrap_or(Duration::ZERO);
        account::length(longest.max(self.scenario.count_for))
    }
}

/// A fault, and a good version under it where it isn't the version's.
fn cases(fault: &Fault) -> impl Iterator<Item = Case<'_>> {
    let good = fault.kind.is_around().then_some(Kind::Good);
    let versions = [Some(fault.kind), good].into_iter().flatten();
    versions.map(|version| Case {
        name: fault.under(version),
        fault,
        version,
    })
}
