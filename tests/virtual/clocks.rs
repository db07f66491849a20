//! Two machines that share a store and whose clocks differ: a lease is judged by the other's.

use std::cell::RefCell;
use std::time::Duration;

use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{DeploymentId, ServiceName};
use bg::deployment::outcome::{Outcome, Stuck};
use bg::deployment::state::Deployment;
use bg::runner::{Asks, Clock, LEASE, Run, Until};
use bg::store::{Holder, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::harness::{Stage, request};
use crate::stage;

fn shop() -> ServiceName {
    ServiceName::new("shop")
}

/// A machine whose clock is so many seconds ahead.
struct Machine<'a> {
    stage: &'a Stage,
    ahead: SignedDuration,
    /// What its process showed, with the true time.
    shown: RefCell<Vec<(Timestamp, Event)>>,
}

impl Machine<'_> {
    fn clock(&self) -> Clock {
        Clock::starting_at(self.stage.region.now() + self.ahead, 1.0)
    }

    async fn take(&self, id: &DeploymentId) -> Result<Holder, StoreError> {
        let since = self.clock().now();
        let holder = Holder {
            since,
            lease_until: since + LEASE,
            ..self.stage.holder(id)
        };
        self.stage.store.lock(&shop(), &holder).await
    }

    fn show(&self) -> impl FnMut(&Record) {
        |record| {
            let now = self.stage.region.now();
            self.shown.borrow_mut().push((now, record.event.clone()));
        }
    }

    async fn deploy(&self, image: &str) -> Outcome {
        let request = request(image, "canary");
        let planning = self.stage.plan(&request).await;
        let holder = self.take(&request.id).await.expect("nobody has it");
        let run = Run {
            cloud: &self.stage.cloud,
            store: &self.stage.store,
            clock: self.clock(),
            holder: holder.clone(),
            body: planning.body,
            asks: &mut Asks::default(),
            show: &mut self.show(),
        };
        let plan = planning.plan.expect("nothing speaks against it");
        let ended = run.begin(plan).await.expect("the journal is in memory");
        let _ = self.stage.store.unlock(&shop(), &holder).await;
        ended.outcome().expect("it has ended").clone()
    }

    fn raised_after(&self, moment: Timestamp) -> bool {
        let shown = self.shown.borrow();
        let raises =
            |event: &Event| matches!(event, Event::Shifting { .. } | Event::Promoted { .. });
        shown
            .iter()
            .any(|(at, event)| *at > moment && raises(event))
    }

    /// What `bg tick` does: goes on with what looks dead; `None` where it looks alive.
    async fn tick(&self, id: &DeploymentId) -> Option<Outcome> {
        let holder = match self.take(id).await {
            Ok(holder) => holder,
            Err(StoreError::Locked(_)) => return None,
            Err(error) => panic!("{error}"),
        };
        let journal = self.stage.store.journal(&shop(), id).await;
        let journal = journal.expect("it is in memory");
        let deployment = Deployment::replay(&journal).expect("it is legal");
        let since = journal.last().expect("it has begun").at;
        let run = Run {
            cloud: &self.stage.cloud,
            store: &self.stage.store,
            clock: self.clock(),
            holder: holder.clone(),
            body: None,
            asks: &mut Asks::default(),
            show: &mut self.show(),
        };
        let deployment = deployment.expect("it has begun");
        let ended = run.resume(deployment, "tick".to_owned(), since, Until::End);
        let ended = ended.await.expect("the journal is in memory");
        let _ = self.stage.store.unlock(&shop(), &holder).await;
        ended.outcome().cloned()
    }
}

/// One machine deploys; a second one ticks a while into the first bake.
async fn play(first: i64, second: i64) -> (Stage, Outcome, Option<Outcome>) {
    let stage = stage();
    let machine = |ahead| Machine {
        stage: &stage,
        ahead: SignedDuration::from_secs(ahead),
        shown: RefCell::default(),
    };
    let (one, other) = (machine(first), machine(second));
    let id = request("shop:v2", "canary").id;
    let taken_at = RefCell::new(None);
    let ticks = async {
        let baking = || {
            let shown = one.shown.borrow();
            shown
                .iter()
                .any(|(_, event)| matches!(event, Event::Baking { step: 0, .. }))
        };
        while !baking() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(Duration::from_secs(67)).await;
        *taken_at.borrow_mut() = Some(stage.region.now());
        other.tick(&id).await
    };
    let (outcome, ticked) = tokio::join!(Box::pin(one.deploy("shop:v2")), Box::pin(ticks));
    if ticked.is_some() {
        let taken_at = taken_at.borrow().expect("it was taken");
        assert!(
            !one.raised_after(taken_at),
            "the first raises nothing any more"
        );
        let journal = stage.store.journal(&shop(), &id).await;
        let journal = journal.expect("it is in memory");
        let resumed = journal
            .iter()
            .position(|record| matches!(record.event, Event::Resumed { .. }));
        let resumed = resumed.expect("the second has written");
        let of_second = other.shown.borrow();
        let of_second: Vec<&Event> = of_second.iter().map(|(_, event)| event).collect();
        let written: Vec<&Event> = journal[resumed..].iter().map(|it| &it.event).collect();
        assert_eq!(
            written, of_second,
            "from there on the journal is the second's alone"
        );
    }
    drop((one, other));
    (stage, outcome, ticked)
}

#[tokio::test(start_paused = true)]
async fn clocks_that_differ_by_less_than_a_lease_s_rest_take_no_live_lock() {
    for (first, second) in [
        (0, 40),
        (-40, 0),
        (0, -60),
        (0, -600),
        (600, 0),
        (600, -600),
    ] {
        let (stage, outcome, ticked) = play(first, second).await;
        assert_eq!(ticked, None, "{first} {second}");
        assert_eq!(outcome, Outcome::Promoted, "{first} {second}");
        assert_eq!(stage.weights(), (0, 100), "{first} {second}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_too_far_ahead_takes_the_lock_and_the_first_is_fenced_out() {
    for (first, second) in [(0, 61), (0, 600), (-60, 5), (-600, 0), (-600, 600)] {
        let (stage, outcome, ticked) = play(first, second).await;
        let ticked = ticked.unwrap_or_else(|| panic!("{first} {second}: it was not taken"));
        // The second drives it by now, so that the first leaves the traffic to it.
        let why = match outcome {
            Outcome::Stuck { why } => why,
            other => panic!("{first} {second}: {other:?}"),
        };
        assert!(matches!(why, Stuck::TakenOver { .. }), "{why}");
        assert_eq!(ticked, Outcome::Promoted, "{first} {second}");
        assert_eq!(stage.weights(), (0, 100), "{first} {second}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_machine_s_lock_is_free_a_minute_after_its_end_by_the_second_s_clock() {
    let stage = stage();
    let id = request("shop:v2", "canary").id;
    for (ahead, waits) in [(0, 60), (40, 20), (-60, 120)] {
        let machine = |ahead| Machine {
            stage: &stage,
            ahead: SignedDuration::from_secs(ahead),
            shown: RefCell::default(),
        };
        let dead = machine(0).take(&id).await.expect("it is free");
        let second = machine(ahead);
        tokio::time::sleep(Duration::from_secs(waits - 1)).await;
        assert!(second.take(&id).await.is_err(), "{ahead}");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let taken = second.take(&id).await.expect("its lease is over");
        assert!(taken.fence > dead.fence);
        let released = stage.store.unlock(&shop(), &taken).await;
        released.expect("it is in memory");
    }
}
