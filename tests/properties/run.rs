//! One deployment from its start to its end: the loop, over the model instead of AWS.

use std::time::Duration;

use bg::deployment::action::{Action, WeightWrite};
use bg::deployment::decide::decide;
use bg::deployment::event::{Event, Record};
use bg::deployment::observation::{Ask, Observation};
use bg::deployment::outcome::Outcome;
use bg::deployment::plan::Plan;
use bg::deployment::state::Deployment;
use bg::gate::{GateAnswer, HookDetails};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use crate::checks::Checks;
use crate::plans;
use crate::weather::{Climate, Weather};
use crate::world::World;

/// What a run came to.
pub(crate) struct Summary {
    pub(crate) steps: usize,
    pub(crate) raises: usize,
    pub(crate) outcome: Outcome,
}

pub(crate) struct Run {
    rng: Rng,
    world: World,
    checks: Checks,
    journal: Vec<String>,
    deployment: Deployment,
    now: Timestamp,
    start: Timestamp,
    last: Option<Observation>,
    asks: Vec<Ask>,
    asks_done: usize,
    /// What gates that were asked answer, and when.
    answers: Vec<(Timestamp, Ask)>,
    /// Whether nothing goes wrong.
    fair: bool,
    steps: usize,
    aloud: bool,
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at + SignedDuration::try_from(by).expect("runs are short")
}

impl Run {
    pub(crate) fn new(seed: u64, climate: Climate) -> Run {
        let mut rng = Rng::with_seed(seed);
        let plan = plans::random(&mut rng);
        let weather = Weather::random(&mut rng, &plan, climate);
        let start = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(490_000);
        let world = World::new(&mut rng, &plan, weather, start);
        let started = Record {
            v: Record::VERSION,
            seq: 0,
            at: start,
            deployment: plan.id.clone(),
            event: Event::Started {
                plan: Box::new(plan.clone()),
            },
        };
        let deployment = Deployment::apply(None, &started).expect("a journal may begin so");
        Run {
            rng,
            world,
            checks: Checks::new(plan),
            journal: vec![line(&started)],
            deployment,
            now: start,
            start,
            last: None,
            asks: Vec::new(),
            asks_done: 0,
            answers: Vec::new(),
            fair: matches!(climate, Climate::Fair),
            steps: 0,
            aloud: false,
        }
    }

    pub(crate) fn aloud(mut self) -> Self {
        println!("{:#?}\n{:#?}", self.deployment.plan, self.world.weather);
        self.aloud = true;
        self
    }

    pub(crate) fn play(mut self) -> Summary {
        let end = later(self.start, longest(&self.deployment.plan));
        while self.deployment.outcome().is_none() {
            self.round();
            assert!(self.now < end, "it never ends: {:?}", self.deployment.phase);
        }
        self.finish()
    }

    fn round(&mut self) {
        self.steps += 1;
        let seen = self.look();
        let decision = decide(&self.deployment, &seen);
        if self.aloud {
            println!("{} {decision:?}", self.now);
        }
        assert_eq!(
            decision,
            decide(&self.deployment, &seen),
            "decide is deterministic"
        );
        self.checks.decision(&self.deployment, &seen, &decision);
        self.last = Some(seen);
        let wake_at = decision.wake_at;
        let dies = self.rng.f64() < self.world.weather.crash;
        self.carry_out(decision.events, decision.actions, dies);
        if dies && self.deployment.outcome().is_none() {
            self.die();
        }
        if self.deployment.outcome().is_none() {
            self.sleep_until(wake_at);
        }
    }

    /// When something was asked, the last look may have to do.
    fn look(&mut self) -> Observation {
        self.world.pass_to(self.now);
        let fresh = self.world.observe(&mut self.rng, self.now);
        let mut seen = match self.last.take() {
            Some(last)
                if !self.asks.is_empty() && fresh.lock_lost_to.is_none() && self.rng.bool() =>
            {
                last
            }
            _ => fresh,
        };
        seen.now = self.now;
        seen.asks = std::mem::take(&mut self.asks);
        seen
    }

    /// Records, then acts; only a write of all weights to blue goes ahead of its record. A
    /// process that dies gets some of the way.
    fn carry_out(&mut self, events: Vec<Event>, actions: Vec<Action>, dies: bool) {
        let all_blue = |action: &Action| *action == Action::WriteWeights(WeightWrite::AllBlue);
        let (urgent, others): (Vec<_>, Vec<_>) = actions.into_iter().partition(all_blue);
        let mut left = if dies {
            self.rng.usize(0..4)
        } else {
            usize::MAX
        };
        let mut alive = move || {
            let alive = left > 0;
            left = left.saturating_sub(1);
            alive
        };
        let mut facts = Vec::new();
        for action in urgent.iter().filter(|_| alive()) {
            facts.extend(self.perform(action));
        }
        for event in events.into_iter().chain(facts) {
            if !alive() {
                return;
            }
            self.record(event);
        }
        for action in &others {
            if self.deployment.outcome().is_some() || !alive() {
                return;
            }
            if let Some(fact) = self.perform(action) {
                self.record(fact);
            }
        }
    }

    /// A gate says yes most of the time, and now and then nothing at all.
    fn ask_gate(&mut self, gate: usize, asked: u32) {
        let words = || "so it is".to_owned();
        let of = if self.fair { 5..6 } else { 0..20 };
        let answer = match self.rng.u8(of) {
            0 => GateAnswer::Failed { why: words() },
            1 => return,
            2..5 => GateAnswer::Again {
                why: words(),
                after: plans::seconds(&mut self.rng, 1..60),
                details: HookDetails::new(),
            },
            _ => GateAnswer::Passed { what: words() },
        };
        let within = if self.fair { 0..5 } else { 0..40 };
        let at = later(self.now, plans::seconds(&mut self.rng, within));
        let ask = Ask::Gate {
            gate,
            asked,
            answer,
        };
        self.answers.push((at, ask));
    }

    fn perform(&mut self, action: &Action) -> Option<Event> {
        if let Action::AskGate { gate, asked, .. } = *action {
            self.ask_gate(gate, asked);
            return None;
        }
        self.now = later(self.now, Duration::from_millis(self.rng.u64(20..400)));
        let done = self.world.perform(&mut self.rng, self.now, action);
        if self.aloud {
            println!("    {action:?}: {done:?}");
        }
        match done {
            Ok(fact) => fact,
            Err((class, message)) => Some(Event::ActFailed {
                act: action.name(),
                class,
                message,
            }),
        }
    }

    fn record(&mut self, event: Event) {
        let record = Record {
            v: Record::VERSION,
            seq: self.deployment.next_seq,
            at: self.now,
            deployment: self.deployment.plan.id.clone(),
            event,
        };
        self.checks.record(&record);
        let next = Deployment::apply(Some(self.deployment.clone()), &record);
        self.deployment = next.unwrap_or_else(|error| panic!("{error}: {record:?}"));
        self.journal.push(line(&record));
    }

    /// Another process goes on, from the journal.
    fn die(&mut self) {
        self.checks.died(&self.deployment);
        self.deployment = self.replay();
        self.answers.clear();
        self.now = later(self.now, plans::seconds(&mut self.rng, 0..90));
        self.last = None;
    }

    fn replay(&self) -> Deployment {
        let parse = |line: &String| serde_json::from_str::<Record>(line);
        let records: Result<Vec<Record>, _> = self.journal.iter().map(parse).collect();
        let records = records.expect("what was written can be read");
        let replayed = Deployment::replay(&records).expect("it was legal before");
        let replayed = replayed.expect("it began");
        assert_eq!(
            replayed, self.deployment,
            "the state is a fold over the journal"
        );
        replayed
    }

    fn sleep_until(&mut self, wake_at: Timestamp) {
        let look = Duration::from_millis(self.rng.u64(20..300));
        let mut wake_at = later(wake_at.max(self.now), look);
        while let Some((at, ask)) = self.world.weather.asks.get(self.asks_done) {
            let at = later(self.start, *at);
            if at > wake_at {
                break;
            }
            self.asks.push(ask.clone());
            self.asks_done += 1;
            wake_at = at.max(self.now);
        }
        if let Some(at) = self.answers.iter().map(|(at, _)| *at).min() {
            wake_at = wake_at.min(at.max(self.now));
        }
        let due = |(at, _): &mut (Timestamp, Ask)| *at <= wake_at;
        let answers = self.answers.extract_if(.., due);
        self.asks.extend(answers.map(|(_, ask)| ask));
        self.now = wake_at;
    }

    fn finish(mut self) -> Summary {
        self.replay();
        let outcome = self.deployment.outcome().expect("it has ended").clone();
        let seen = self.world.observe(&mut self.rng, self.now);
        let after = decide(&self.deployment, &seen);
        assert_eq!(
            (after.events, after.actions),
            (vec![], vec![]),
            "nothing follows the end"
        );
        let meddled = !self.world.weather.hands.is_empty();
        if outcome == Outcome::Promoted {
            let left = self.world.fires_at;
            assert_eq!(left, None, "nothing is left that takes traffic away");
        }
        if !meddled {
            self.checks.truth(&outcome, &self.world.weights());
        }
        Summary {
            steps: self.steps,
            raises: self.checks.raises,
            outcome,
        }
    }
}

/// A bound on how long any deployment may take: every wait that the plan allows, one after the
/// other, and what dying costs.
fn longest(plan: &Plan) -> Duration {
    let steps = plan.steps.len() as u32 + 1;
    let holds = plan.limits.patience * (2 * steps + 4);
    let confirming = (Duration::from_secs(180) + plan.ttl()) * steps;
    let slack = Duration::from_secs(1800);
    let gates = plan.gates.iter();
    let gates: Duration = gates.map(|it| it.within * it.at.len() as u32).sum();
    gates + plan.limits.healthy_within + plan.shift_length() + holds + confirming + slack
}

fn line(record: &Record) -> String {
    let line = serde_json::to_string(record).expect("every record can be written");
    let read: Record =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(read, *record, "what is read is what was written");
    line
}
