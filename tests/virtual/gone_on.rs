//! Going on from what a dead process has left: the region, the journal and the lock. Nothing else
//! of the first process exists here.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bg::deployment::event::{Event, Record};
use bg::deployment::state::Deployment;
use bg::runner::{Asks, LEASE, Run, Until};
use bg::sandbox::demo::Balancer;
use bg::sandbox::{Region, RegionOptions};
use bg::store::{Holder, MemoryStore, Store};
use jiff::Timestamp;

use crate::harness::{Stage, request, weights};
use crate::kills::{Remains, in_virtual_time, locked};
use crate::services::counts;
use crate::truth::healthy;
use crate::watched::{Side, watched, writes};

/// More virtual time than going on may take.
const AT_MOST: Duration = Duration::from_secs(6 * 3600);

/// What somebody else made of it.
pub(crate) struct Resumed {
    pub(crate) stage: Stage,
    pub(crate) ended: Deployment,
    /// Writes of both processes.
    pub(crate) writes: usize,
    /// Each moment at which something was so that must never be.
    pub(crate) broken: Vec<String>,
}

impl Remains {
    /// Somebody else goes on so many seconds later.
    pub(crate) fn go_on(self, after: Duration) -> Result<Resumed, String> {
        in_virtual_time(async {
            tokio::time::timeout(AT_MOST, self.resume(after))
                .await
                .map_err(|_| "it never ended".to_owned())?
        })
    }

    async fn resume(self, after: Duration) -> Result<Resumed, String> {
        let options = RegionOptions::default();
        fastrand::seed(options.seed);
        let region = Region::with(self.world, options);
        let seen = Arc::new(Seen::at_first(&region, &self.balancer, self.writes));
        let on_requests = Arc::clone(&seen);
        let stage = Stage {
            cloud: watched(&region, move |region, asked, side| {
                on_requests.on_request(region, &asked.operation, side);
            }),
            region,
            balancer: self.balancer,
            store: Arc::new(Store::Memory(MemoryStore::default())),
            records: RefCell::default(),
            policies: RefCell::default(),
        };
        stage.allow(&request("shop:v2", "canary"));
        let deployment = Deployment::replay(&self.journal).map_err(|error| error.to_string())?;
        let deployment = deployment.ok_or("the journal is empty")?;
        let last = self
            .journal
            .last()
            .map_or(deployment.started_at, |it| it.at);
        leave_behind(&stage.store, &self.journal, &self.holder).await?;
        tokio::time::sleep(after).await;
        let ended = match deployment.can_go_on() {
            false => deployment,
            true => {
                let since = last.max(self.holder.lease_until - LEASE);
                stage
                    .take_and_go_on(deployment, since, &mut Asks::default())
                    .await?
            }
        };
        Ok(Resumed {
            writes: *locked(&seen.writes),
            broken: locked(&seen.broken).clone(),
            stage,
            ended,
        })
    }
}

/// Puts a dead process's journal and lock into a store.
async fn leave_behind(store: &Store, journal: &[Record], holder: &Holder) -> Result<(), String> {
    let Some(service) = journal.first().and_then(|first| match &first.event {
        Event::Started { plan } => Some(plan.service.clone()),
        _ => None,
    }) else {
        return Err("the journal has no beginning".to_owned());
    };
    let holder = Holder {
        fence: 0,
        ..holder.clone()
    };
    let taken = store.lock(&service, &holder).await;
    taken.map_err(|error| error.to_string())?;
    for record in journal {
        let kept = store.append(&service, None, record).await;
        kept.map_err(|error| error.to_string())?;
    }
    Ok(())
}

impl Stage {
    /// Takes the lock of a deployment that nobody drives any more, and drives it to its end.
    pub(crate) async fn take_and_go_on(
        &self,
        deployment: Deployment,
        unwatched_since: Timestamp,
        asks: &mut Asks,
    ) -> Result<Deployment, String> {
        let plan = &deployment.plan;
        let (service, id) = (plan.service.clone(), plan.id.clone());
        let holder = self.store.lock(&service, &self.holder(&id)).await;
        let holder = holder.map_err(|error| error.to_string())?;
        let run = Run {
            cloud: &self.cloud,
            store: &self.store,
            clock: self.clock(),
            holder: holder.clone(),
            body: None,
            asks,
            show: &mut |record| {
                if std::env::var_os("BG_CASE").is_some() {
                    println!("{} {:?}", record.at, record.event);
                }
            },
        };
        let by = "somebody else".to_owned();
        let ended = run
            .resume(deployment, by, unwatched_since, Until::End)
            .await;
        let ended = ended.map_err(|error| error.to_string())?;
        let given_back = self.store.unlock(&service, &holder).await;
        given_back.map_err(|error| error.to_string())?;
        let journal = self.store.journal(&service, &id).await;
        let journal = journal.map_err(|error| error.to_string())?;
        let replayed = Deployment::replay(&journal).map_err(|error| error.to_string())?;
        match replayed.as_ref() == Some(&ended) {
            true => Ok(ended),
            false => Err("the journal tells another story".to_owned()),
        }
    }
}

/// What the second process does, as seen from outside of it.
struct Seen {
    balancer: Balancer,
    writes: Mutex<usize>,
    green: Mutex<u64>,
    broken: Mutex<Vec<String>>,
}

impl Seen {
    fn at_first(region: &Region, balancer: &Balancer, writes: usize) -> Seen {
        Seen {
            balancer: balancer.clone(),
            writes: Mutex::new(writes),
            green: Mutex::new(weights(region, balancer).1),
            broken: Mutex::default(),
        }
    }

    /// The invariants that can be seen from outside, after each write.
    fn on_request(&self, region: &Region, operation: &str, side: Side) {
        if !writes(operation) || side == Side::Before {
            return;
        }
        *locked(&self.writes) += 1;
        let (blue, green) = weights(region, &self.balancer);
        let before = std::mem::replace(&mut *locked(&self.green), green);
        let mut broken = locked(&self.broken);
        if blue + green != 100 {
            broken.push(format!("{operation}: weights {blue}:{green}"));
        }
        let groups = [&self.balancer.group_a, &self.balancer.group_b];
        if green > before && groups.iter().any(|group| healthy(region, group) < 2) {
            broken.push(format!(
                "{operation}: raised to {green} without enough healthy targets"
            ));
        }
        let of_blue = counts(region, "shop").map(|(desired, _)| desired);
        if of_blue != Some(2) {
            broken.push(format!("{operation}: blue's desired count is {of_blue:?}"));
        }
    }
}
