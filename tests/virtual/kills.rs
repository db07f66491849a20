//! Where a deployment can die, and what is left of it there.
//!
//! A dead process leaves three things behind: the region, the journal and the lock. They are
//! copied wherever it could die. Points that leave the same three, byte for byte, are taken once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bg::deployment::event::Record;
use bg::deployment::preflight::Request;
use bg::deployment::state::Deployment;
use bg::runner::{Asks, Run};
use bg::sandbox::demo::Balancer;
use bg::sandbox::world::World;
use bg::sandbox::{Region, RegionOptions};
use bg::store::{Holder, Store};
use futures_util::FutureExt;
use jiff::Timestamp;

use crate::harness::{Scene, Stage};
use crate::watched::{Side, watched, writes};

/// What a dead process leaves behind.
#[derive(Clone)]
pub(crate) struct Remains {
    /// Where it died.
    pub(crate) at: String,
    /// Writes that have had their effect.
    pub(crate) writes: usize,
    /// The region.
    pub(crate) world: World,
    /// What stands at its load balancer.
    pub(crate) balancer: Balancer,
    /// What is on record.
    pub(crate) journal: Vec<Record>,
    /// Who had the lock.
    pub(crate) holder: Holder,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("it needs nothing from the machine")
        .block_on(work)
}

/// Which points are gone on from: all that are next to an act, and some mere looks.
pub(crate) struct Sample {
    /// Of so many states in which it merely looks, one.
    pub(crate) looks: usize,
    /// Only the points that this is true of.
    pub(crate) named: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

/// How a deployment went in which nobody died.
pub(crate) struct Undisturbed {
    /// Its end.
    pub(crate) ended: Deployment,
    /// Its writes.
    pub(crate) writes: usize,
    /// Points at which it could have died.
    pub(crate) points: usize,
    /// Points of which what was left was handed over, once for all that left the same.
    pub(crate) taken: usize,
}

/// What was left at a point, without what is the same for all points of a moment.
struct Left {
    at: Timestamp,
    /// Records of the one journal, from its beginning.
    kept: usize,
    writes: usize,
    holder: Holder,
    /// The world, byte for byte; `None` where it was not taken.
    world: Option<String>,
}

#[derive(Default)]
struct Counts {
    writes: usize,
    points: usize,
    taken: usize,
    /// States in which it merely looks.
    looks: usize,
}

/// What the first process does and leaves, as seen from outside of it.
struct Onlooker {
    balancer: Balancer,
    store: Arc<Store>,
    request: Request,
    sample: Sample,
    journal: Mutex<Vec<Record>>,
    counts: Mutex<Counts>,
    /// What was left at the points of this moment: later ones leave another world.
    moment: Mutex<Vec<Left>>,
    leave: Box<dyn Fn(Remains) + Send + Sync>,
}

impl Onlooker {
    /// Copies what is left if the process died now, `lost` records short.
    fn leave(&self, region: &Region, at: String, at_an_act: bool, lost: usize) {
        let journal = locked(&self.journal);
        let kept = journal.len().saturating_sub(lost);
        if kept == 0 || !(self.sample.named)(&at) {
            return;
        }
        let mut counts = locked(&self.counts);
        counts.points += 1;
        let holder = self.store.holder(&self.request.service).now_or_never();
        let holder = holder.expect("it is in memory").expect("it can be read");
        let holder = holder.expect("somebody has taken the lock");
        let now = region.now();
        let mut moment = locked(&self.moment);
        moment.retain(|left| left.at == now);
        let writes = counts.writes;
        let alike =
            |left: &&Left| left.kept == kept && left.writes == writes && left.holder == holder;
        let mut alike = moment.iter().filter(alike).peekable();
        let wanted = match alike.peek() {
            _ if at_an_act => true,
            Some(left) => left.world.is_some(),
            None => {
                counts.looks += 1;
                counts.looks % self.sample.looks == self.sample.looks / 2
            }
        };
        let world = wanted.then(|| world_of(region));
        let bytes = world.as_ref().map(|world| format!("{world:?}"));
        counts.taken += usize::from(wanted);
        if alike.any(|left| left.world == bytes) {
            return;
        }
        drop(counts);
        if let Some(world) = world {
            (self.leave)(Remains {
                at,
                writes,
                world,
                balancer: self.balancer.clone(),
                journal: journal[..kept].to_vec(),
                holder: holder.clone(),
            });
        }
        moment.push(Left {
            at: now,
            kept,
            writes,
            holder,
            world: bytes,
        });
    }

    fn on_request(&self, region: &Region, operation: &str, side: Side) {
        let write = writes(operation);
        if write && side == Side::After {
            locked(&self.counts).writes += 1;
        }
        let records = locked(&self.journal).len();
        let at = format!("{side:?} {operation} after record {records}");
        self.leave(region, at, write, 0);
    }

    fn on_record(&self, region: &Region, record: &Record) {
        locked(&self.journal).push(record.clone());
        let name = format!("{:?}", record.event);
        let name = name.split([' ', '(', '{']).next().unwrap_or_default();
        let seq = record.seq;
        self.leave(region, format!("record {seq} {name} lost"), true, 1);
        self.leave(region, format!("record {seq} {name} kept"), true, 0);
    }
}

/// A copy of a region's world. The region is not told that somebody looked.
fn world_of(region: &Region) -> World {
    region.catch_up();
    locked(&region.world()).clone()
}

/// Runs a deployment into a changed account to its end and hands over what would be left behind wherever it could die,
/// as far as the sample takes it.
pub(crate) fn die_everywhere(
    request: &Request,
    change: impl FnOnce(&mut Scene),
    sample: Sample,
    leave: impl Fn(Remains) + Send + Sync + 'static,
) -> Undisturbed {
    in_virtual_time(async {
        let mut stage = Stage::open(RegionOptions::default(), change);
        let planning = stage.plan(request).await;
        let onlooker = Arc::new(Onlooker {
            balancer: stage.balancer.clone(),
            store: Arc::clone(&stage.store),
            request: request.clone(),
            sample,
            journal: Mutex::default(),
            counts: Mutex::default(),
            moment: Mutex::default(),
            leave: Box::new(leave),
        });
        let on_requests = Arc::clone(&onlooker);
        stage.cloud = watched(&stage.region, move |region, asked, side| {
            on_requests.on_request(region, &asked.operation, side);
        });
        let holder = stage.holder(&request.id);
        let holder = stage.store.lock(&request.service, &holder).await;
        let run = Run {
            cloud: &stage.cloud,
            store: &stage.store,
            clock: stage.clock(),
            holder: holder.expect("nobody else deploys"),
            body: planning.body,
            asks: &mut Asks::default(),
            show: &mut |record| onlooker.on_record(&stage.region, record),
        };
        let plan = planning.plan.expect("nothing forbids it");
        let ended = run.begin(plan).await.expect("the journal is in memory");
        assert_eq!(stage.wrong_with(&ended), None, "nobody died");
        let counts = locked(&onlooker.counts);
        Undisturbed {
            ended,
            writes: counts.writes,
            points: counts.points,
            taken: counts.taken,
        }
    })
}
