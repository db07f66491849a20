//! One deployment in bad weather, all of it drawn from a seed.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bg::cli::exit::ExitCode;
use bg::deployment::event::{Event, Record};
use bg::deployment::ids::DeploymentId;
use bg::deployment::observation::Ask;
use bg::deployment::outcome::{Outcome, Stuck};
use bg::deployment::preflight::Request;
use bg::deployment::state::Deployment;
use bg::deployment::trip::Trip;
use bg::runner::{Asks, Run, RunError, Until};
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::wire::elbv2;
use bg::sandbox::{Region, RegionOptions};
use bg::store::{Holder, StoreError};
use bg::strategy::{Step, Strategy, Weight};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Stage, request};
use crate::watched::{Side, watched};

/// More virtual time than a deployment may take, with all that happens to it.
const AT_MOST: Duration = Duration::from_secs(6 * 3600);
/// How long a deployment takes on a fine day.
const COURSE: u64 = 240;
/// The lease's end, after a process died.
const LEASE: Duration = Duration::from_secs(61);

const IMAGES: [&str; 5] = [
    "shop:v2",
    "shop:v2",
    "shop:v2",
    "shop:unhealthy",
    "shop:crash",
];
const OPERATIONS: [&str; 12] = [
    "*",
    "ecs:*",
    "elasticloadbalancing:*",
    "DescribeServices",
    "DescribeListeners",
    "DescribeTargetHealth",
    "DescribeAlarms",
    "ModifyListener",
    "CreateService",
    "UpdateService",
    "RegisterTaskDefinition",
    "TagResource",
];
const KINDS: [FaultKind; 9] = [
    FaultKind::Throttle,
    FaultKind::InternalError,
    FaultKind::ServiceUnavailable,
    FaultKind::TimeoutBefore,
    FaultKind::TimeoutAfter,
    FaultKind::ResetBefore,
    FaultKind::ResetAfter,
    FaultKind::ExpiredToken,
    FaultKind::Garbled,
];

/// What happens during a deployment.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    seed: u64,
    image: &'static str,
    read_lag: u64,
    /// Which calls fail how, from when on for how long.
    spells: Vec<(&'static str, FaultKind, u64, u64)>,
    /// One call in so many fails like this, all the time.
    drizzle: Option<(FaultKind, u64)>,
    /// When each process is killed.
    kills: Vec<u64>,
    /// When another process asks for the lock as if nobody had it.
    race: Option<u64>,
    /// When another process takes the lock and aborts the deployment.
    taken_over: Option<u64>,
    /// When somebody sets these weights by hand.
    drift: Option<(u64, u32)>,
}

impl Weather {
    /// What a seed brings.
    pub(crate) fn of(seed: u64) -> Weather {
        let mut rng = Rng::with_seed(seed);
        let one = |rng: &mut Rng, of: u64| rng.u64(..of) == 0;
        let spells = (0..rng.usize(..4)).map(|_| {
            let operation = OPERATIONS[rng.usize(..OPERATIONS.len())];
            let kind = KINDS[rng.usize(..KINDS.len())];
            (operation, kind, rng.u64(..COURSE), rng.u64(1..30))
        });
        let spells = spells.collect();
        let drizzle = one(&mut rng, 3);
        let drizzle = drizzle.then(|| (KINDS[rng.usize(..KINDS.len())], rng.u64(10..60)));
        let kills = (0..rng.usize(..3)).map(|_| rng.u64(..COURSE)).collect();
        let race = one(&mut rng, 3).then(|| rng.u64(..COURSE));
        let taken_over = one(&mut rng, 8).then(|| rng.u64(..COURSE));
        // Before anything is planned, it would be refused.
        let drift =
            one(&mut rng, 6).then(|| (rng.u64(..COURSE).max(1), [0, 50, 100][rng.usize(..3)]));
        Weather {
            seed,
            image: IMAGES[rng.usize(..IMAGES.len())],
            read_lag: if one(&mut rng, 8) { rng.u64(1..5) } else { 0 },
            spells,
            drizzle,
            kills,
            race,
            taken_over,
            drift,
        }
    }

    fn options(&self) -> RegionOptions {
        RegionOptions {
            seed: self.seed,
            read_lag: Duration::from_secs(self.read_lag),
            ..RegionOptions::default()
        }
    }

    /// Whether the version crashes, and some time nobody looked.
    fn crashes_unwatched(&self) -> bool {
        self.image == "shop:crash" && !self.kills.is_empty()
    }

    fn begin(&self, region: &Region) {
        let at = |seconds: u64| {
            let seconds = i64::try_from(seconds).expect("it is short");
            region.now() + SignedDuration::from_secs(seconds)
        };
        for (operation, kind, from, length) in &self.spells {
            let when = When::Between(at(*from), at(from + length));
            region.fault(FaultRule::new(*operation, *kind, when));
        }
        if let Some((kind, one_in)) = self.drizzle {
            region.fault(FaultRule::new("*", kind, When::Chance(1.0 / one_in as f64)));
        }
    }
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Played {
    /// In a word.
    pub(crate) end: &'static str,
    /// Of every request's and every record's bytes, in order.
    pub(crate) digest: u64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A canary of a few minutes, with patience for the spells.
fn short_canary(image: &str) -> Request {
    let seconds = Duration::from_secs;
    let step = |percent, bake| {
        Step::new(
            Weight::of_percent(percent).expect("it is a percentage"),
            bake,
        )
    };
    let steps = vec![
        step(10, seconds(20)),
        step(50, seconds(20)),
        step(100, Duration::ZERO),
    ];
    let mut request = request(image, "canary");
    request.strategy = Strategy::new("short", steps, seconds(20)).expect("it goes up to 100 %");
    request.guards.healthy_for = seconds(10);
    request.limits.healthy_within = seconds(240);
    request.limits.patience = seconds(180);
    request
}

/// A deployment that has begun, and everything that it happens to.
struct Play<'a> {
    stage: &'a Stage,
    request: Request,
    digest: Arc<Mutex<DefaultHasher>>,
    aloud: bool,
    over: Cell<bool>,
    drifted: Cell<Option<Timestamp>>,
    settled: Cell<Option<Timestamp>>,
    whole: Cell<bool>,
    whole_then: Cell<bool>,
    taken: Cell<bool>,
    wrong: Cell<Option<&'static str>>,
}

/// Plays a seed: how it ended, or what is wrong with its end.
pub(crate) async fn play(weather: &Weather, aloud: bool) -> Result<Played, String> {
    let mut stage = Stage::open(weather.options(), |_| {});
    let digest = Arc::new(Mutex::new(DefaultHasher::new()));
    let requests = Arc::clone(&digest);
    stage.cloud = watched(&stage.region, move |region, asked, side| {
        if side == Side::Before {
            if aloud && crate::watched::writes(&asked.operation) {
                println!("{} {}", region.now(), asked.operation);
            }
            let mut digest = locked(&requests);
            digest.write(asked.operation.as_bytes());
            digest.write(&asked.body);
        }
    });
    let play = Play {
        stage: &stage,
        request: short_canary(weather.image),
        digest,
        aloud,
        over: Cell::default(),
        drifted: Cell::default(),
        settled: Cell::default(),
        whole: Cell::default(),
        whole_then: Cell::default(),
        taken: Cell::default(),
        wrong: Cell::default(),
    };
    let all = async {
        let deployed = async {
            let deployed = Box::pin(play.deploy(weather)).await;
            play.over.set(true);
            deployed
        };
        let (deployed, (), taken, ()) = tokio::join!(
            deployed,
            play.race(weather.race),
            Box::pin(play.take_over(weather.taken_over)),
            play.drift(weather.drift),
        );
        taken.unwrap_or(deployed)
    };
    let ended = tokio::time::timeout(AT_MOST, Box::pin(all)).await;
    let ended = ended.map_err(|_| "it never ended".to_owned())??;
    let end = play.judge(weather, &ended)?;
    let digest = locked(&play.digest).finish();
    Ok(Played { end, digest })
}

impl Play<'_> {
    fn show(&self, record: &Record) {
        match &record.event {
            Event::Looked(look) => {
                let green = &look.green;
                let whole = Some(2);
                self.whole
                    .set(green.running == whole && green.healthy == whole);
            }
            Event::Promoted { .. } | Event::Ended { .. } if self.settled.get().is_none() => {
                self.settled.set(Some(record.at));
                self.whole_then.set(self.whole.get());
            }
            _ => {}
        }
        let line = serde_json::to_string(record).expect("it can be written");
        locked(&self.digest).write(line.as_bytes());
        if self.aloud {
            println!("{} {:?}", record.at, record.event);
        }
    }

    async fn take(&self) -> Result<Holder, StoreError> {
        let holder = self.stage.holder(&self.request.id);
        self.stage.store.lock(&self.request.service, &holder).await
    }

    fn run<'a>(
        &'a self,
        holder: Holder,
        body: Option<Value>,
        asks: &'a mut Asks,
        show: &'a mut dyn FnMut(&Record),
    ) -> Run<'a> {
        Run {
            cloud: &self.stage.cloud,
            store: &self.stage.store,
            clock: self.stage.clock(),
            holder,
            body,
            asks,
            show,
        }
    }

    /// One process after the other, until it has ended.
    async fn deploy(&self, weather: &Weather) -> Result<Deployment, String> {
        let planning = self.stage.plan(&self.request).await;
        let plan = planning.plan.ok_or("it was refused")?;
        let holder = self.take().await.map_err(|error| error.to_string())?;
        weather.begin(&self.stage.region);
        let mut lives = weather.kills.iter().map(|life| Duration::from_secs(*life));
        let (asks, show) = (&mut Asks::default(), &mut |record: &Record| {
            self.show(record);
        });
        let run = self.run(holder.clone(), planning.body, asks, show);
        let life = lives.next().unwrap_or(AT_MOST);
        let mut ended = tokio::time::timeout(life, Box::pin(run.begin(plan))).await;
        let mut holder = holder;
        loop {
            match ended {
                Ok(ended) => {
                    let _ = self
                        .stage
                        .store
                        .unlock(&self.request.service, &holder)
                        .await;
                    return ended.map_err(|error| error.to_string());
                }
                Err(_) if self.aloud => println!("{} killed", self.stage.region.now()),
                Err(_) => {}
            }
            tokio::time::sleep(LEASE).await;
            if self.taken.get() {
                return Err("killed, and another went on with it".to_owned());
            }
            holder = self.take().await.map_err(|error| error.to_string())?;
            let life = lives.next().unwrap_or(AT_MOST);
            let going_on = Box::pin(self.go_on(holder.clone(), None));
            ended = tokio::time::timeout(life, going_on).await;
        }
    }

    async fn go_on(&self, holder: Holder, ask: Option<Ask>) -> Result<Deployment, RunError> {
        let (store, request) = (&self.stage.store, &self.request);
        let journal = store.journal(&request.service, &request.id).await?;
        let deployment = Deployment::replay(&journal)?.expect("it has begun");
        if !deployment.can_go_on() {
            return Ok(deployment);
        }
        let since = journal.last().map_or(deployment.started_at, |last| last.at);
        let (asks, show) = (&mut Asks::default(), &mut |record: &Record| {
            self.show(record);
        });
        if let Some(ask) = ask {
            let _ = asks.sender().send(ask);
        }
        let by = "somebody else".to_owned();
        let run = self.run(holder, None, asks, show);
        Box::pin(run.resume(deployment, by, since, Until::End)).await
    }

    /// Another deployer, who must not get the lock while a lease runs.
    async fn race(&self, after: Option<u64>) {
        let Some(after) = after else { return };
        tokio::time::sleep(Duration::from_secs(after)).await;
        let (store, service) = (&self.stage.store, &self.request.service);
        let before = store.holder(service).await.ok().flatten();
        let other = self
            .stage
            .holder(&DeploymentId::new("20260105-100000-other"));
        let free = before.is_none_or(|holder| holder.lease_until <= self.stage.region.now());
        match store.lock(service, &other).await {
            Ok(taken) => {
                if !free {
                    self.wrong.set(Some("two have the lock"));
                }
                let _ = store.unlock(service, &taken).await;
            }
            Err(_) if free => self.wrong.set(Some("nobody can have a free lock")),
            Err(_) => {}
        }
    }

    /// Somebody whose request for an abort was not answered; `None` where it is over already.
    async fn take_over(&self, after: Option<u64>) -> Option<Result<Deployment, String>> {
        tokio::time::sleep(Duration::from_secs(after?)).await;
        let (store, service) = (&self.stage.store, &self.request.service);
        if self.over.get() || store.holder(service).await.ok().flatten().is_none() {
            return None;
        }
        self.taken.set(true);
        let holder = self.stage.holder(&self.request.id);
        let holder = store.take_over(service, &holder).await.ok()?;
        let by = "ada@engine".to_owned();
        let ended = self.go_on(holder.clone(), Some(Ask::Abort { by })).await;
        let _ = store.unlock(service, &holder).await;
        Some(ended.map_err(|error| error.to_string()))
    }

    async fn drift(&self, drift: Option<(u64, u32)>) {
        let Some((after, green)) = drift else { return };
        tokio::time::sleep(Duration::from_secs(after)).await;
        if self.over.get() {
            return;
        }
        self.drifted.set(Some(self.stage.region.now()));
        let balancer = &self.stage.balancer;
        let groups = json!([
            { "TargetGroupArn": balancer.group_a, "Weight": 100 - green },
            { "TargetGroupArn": balancer.group_b, "Weight": green },
        ]);
        let input = json!({
            "ListenerArn": balancer.listener,
            "DefaultActions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }],
        });
        self.stage.region.with_world(|world| {
            elbv2::handle(world, "ModifyListener", &input).expect("it is well formed");
        });
    }

    /// Whether somebody moved weights when no read showed it any more before all was settled.
    fn moved_later(&self, weather: &Weather) -> bool {
        let lag = SignedDuration::from_secs(weather.read_lag.cast_signed());
        let (moved, settled) = (self.drifted.get(), self.settled.get());
        moved
            .zip(settled)
            .is_some_and(|(moved, settled)| moved + lag >= settled)
    }

    /// What is true at the end must be what the outcome says.
    fn judge(&self, weather: &Weather, ended: &Deployment) -> Result<&'static str, String> {
        let truth = self.stage.truth();
        let wrong = |what: &str| Err(format!("{what} ({truth:?}, {:?})", ended.phase));
        if let Some(what) = self.wrong.get() {
            return wrong(what);
        }
        if truth.revisions > 2 || truth.services > 2 {
            return wrong("something was made twice");
        }
        if truth.blue != Some((2, 2)) {
            return wrong("blue is not what it was");
        }
        let Some(outcome) = ended.outcome() else {
            return wrong("it has not ended");
        };
        let code = ExitCode::from(outcome).code();
        match outcome {
            // What the last look could not show yet: a read that lags, a route that can't be read.
            Outcome::Promoted if self.moved_later(weather) => {
                Ok("promoted, and moved by hand later")
            }
            Outcome::Promoted if (truth.weights, code) != ((0, 100), 0) => {
                wrong("not all is on green")
            }
            Outcome::Promoted if truth.green == Some((2, 2)) => Ok("promoted"),
            // Its tasks ended while nobody watched, and again after the promotion.
            Outcome::Promoted if self.whole_then.get() && weather.crashes_unwatched() => {
                Ok("promoted, and crashed again later")
            }
            Outcome::Promoted => wrong("green is not whole"),
            Outcome::Reverted { .. } if self.moved_later(weather) => {
                Ok("reverted, and moved by hand later")
            }
            Outcome::Reverted { .. } if (truth.weights, code) != ((100, 0), 4) => {
                wrong("not all is on blue")
            }
            Outcome::Reverted { trip } => {
                let left = matches!(trip, Trip::LockLost { .. });
                match truth.green.is_some_and(|(desired, _)| desired > 0) && !left {
                    true => wrong("green is not put away"),
                    false => Ok("reverted"),
                }
            }
            Outcome::Stuck { why } => match why {
                Stuck::PatienceOver { .. } if self.drifted.get().is_some() => Ok("stuck: drift"),
                Stuck::Moved { .. } if self.moved_later(weather) => {
                    Ok("stuck: moved after promotion")
                }
                Stuck::TakenOver { .. } if self.taken.get() => Ok("stuck: taken over"),
                _ => wrong("there is no reason to be stuck"),
            },
            Outcome::Kept { .. } => wrong("nobody asked to keep it"),
        }
    }
}
