//! Any course of events, told to every kind of store: all answer the same, also where DynamoDB
//! throttles, breaks or loses its answers.

use std::fmt::Debug;

use bg::aws::Cloud;
use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{DeploymentId, ServiceName};
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::{Region, RegionOptions};
use bg::store::{Duty, DynamoStore, FileStore, Holder, MemoryStore, Request, Steer, Store};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use crate::made::{amazons_dynamodb, fresh_table};

const SEEDS: u64 = 24;
const STEPS: usize = 80;

/// One thing that somebody does to a store.
#[derive(Debug, Clone)]
enum Act {
    Lock(Holder),
    TakeOver(Holder),
    Unlock(Holder),
    Append(Option<Holder>, Box<Record>),
    Ask(Request),
    Remove(Request),
    Look(DeploymentId),
}

impl Act {
    async fn done_to(&self, store: &Store) -> String {
        fn told<T: Debug, E: Debug>(result: &Result<T, E>) -> String {
            format!("{result:?}")
        }
        let shop = &ServiceName::new("shop");
        match self {
            Act::Lock(holder) => told(&store.lock(shop, holder).await),
            Act::TakeOver(holder) => told(&store.take_over(shop, holder).await),
            Act::Unlock(holder) => told(&store.unlock(shop, holder).await),
            Act::Append(holder, record) => told(&store.append(shop, holder.as_ref(), record).await),
            Act::Ask(request) => told(&store.ask(shop, request).await),
            Act::Remove(request) => told(&store.remove_request(shop, request).await),
            Act::Look(id) => {
                let deployments = store.deployments(shop).await;
                // Whether a service is listed that was locked and never deployed is a store's own
                // affair.
                let services = match &deployments {
                    Ok(some) if !some.is_empty() => told(&store.services().await),
                    _ => String::new(),
                };
                [
                    told(&store.holder(shop).await),
                    told(&store.requests(shop, id).await),
                    told(&store.journal(shop, id).await),
                    told(&deployments),
                    services,
                ]
                .join("\n")
            }
        }
    }
}

/// What happens next, drawn by chance; and what the one who draws remembers.
struct Course {
    rng: Rng,
    now: Timestamp,
    holders: Vec<Holder>,
}

impl Course {
    fn id(&mut self) -> DeploymentId {
        DeploymentId::new(format!("d{}", self.rng.u8(1..4)))
    }

    /// A holder of before, whose lock may be lost by now, or one that never had it.
    fn holder(&mut self) -> Holder {
        let lease_until = self.now + SignedDuration::from_secs(60);
        if !self.holders.is_empty() && self.rng.u8(..10) < 6 {
            let old = self.holders[self.rng.usize(..self.holders.len())].clone();
            return Holder { lease_until, ..old };
        }
        Holder {
            deployment: self.id(),
            owner: "ada".to_owned(),
            host: "engine".to_owned(),
            pid: self.rng.u32(1..9),
            run_url: None,
            since: self.now,
            lease_until,
            fence: 0,
            duty: Duty::Deploy,
        }
    }

    fn request(&mut self) -> Request {
        Request {
            deployment: self.id(),
            by: "grace".to_owned(),
            at: self.now,
            steer: Steer::Promote {
                full: self.rng.bool(),
            },
        }
    }

    async fn next(&mut self, model: &Store) -> Act {
        self.now += SignedDuration::from_millis(self.rng.i64(1..20_000));
        match self.rng.u8(..12) {
            0..=2 => Act::Lock(self.holder()),
            3 => Act::TakeOver(Holder {
                fence: 0,
                since: self.now,
                ..self.holder()
            }),
            4 => Act::Unlock(self.holder()),
            5..=7 => {
                let holder = (self.rng.u8(..6) > 0).then(|| self.holder());
                Act::Append(holder, Box::new(self.record(model).await))
            }
            8 => Act::Ask(self.request()),
            9 => {
                let (shop, id) = (ServiceName::new("shop"), self.id());
                let left = model.requests(&shop, &id).await.unwrap();
                let gone = self.request();
                Act::Remove(self.rng.choice(left).unwrap_or(gone))
            }
            _ => Act::Look(self.id()),
        }
    }

    /// The next one mostly; else the last once more, another in its place, or one too far.
    async fn record(&mut self, model: &Store) -> Record {
        let deployment = self.id();
        let journal = model.journal(&ServiceName::new("shop"), &deployment).await;
        let journal = journal.unwrap();
        let next = Record {
            v: Record::VERSION,
            seq: journal.len() as u64,
            at: self.now,
            deployment,
            event: Event::RegisteringTaskDefinition,
        };
        match (self.rng.u8(..8), journal.last()) {
            (0, Some(last)) => last.clone(),
            (1, Some(last)) => Record {
                event: Event::ProvisioningGreen,
                ..last.clone()
            },
            (2, _) => Record {
                seq: next.seq + 1,
                ..next
            },
            _ => next,
        }
    }
}

async fn in_a_table(seed: u64) -> Store {
    let region = Region::new(RegionOptions {
        seed,
        ..RegionOptions::default()
    });
    let store = DynamoStore::new(&Cloud::with_config(&region.sdk_config()), "bg-state");
    store.make_table().await.unwrap();
    if seed % 2 == 1 {
        for kind in [
            FaultKind::Throttle,
            FaultKind::InternalError,
            FaultKind::ResetAfter,
            FaultKind::TimeoutAfter,
            FaultKind::Garbled,
        ] {
            let rule = FaultRule::new("dynamodb:*", kind, When::Chance(0.02));
            region.fault(rule);
        }
    }
    Store::Dynamo(store)
}

/// Tells `others` and the model in memory the same course of events.
async fn all_agree(seed: u64, others: &[Store]) {
    let model = Store::Memory(MemoryStore::default());
    let shop = ServiceName::new("shop");
    let mut course = Course {
        rng: Rng::with_seed(seed),
        now: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_800_000_000),
        holders: Vec::new(),
    };
    for step in 0..STEPS {
        let act = course.next(&model).await;
        let expected = act.done_to(&model).await;
        for other in others {
            let told = act.done_to(other).await;
            assert_eq!(
                told, expected,
                "seed {seed}, step {step}: {act:?} of {other:?}"
            );
        }
        course.holders.extend(model.holder(&shop).await.unwrap());
        course.holders.dedup();
    }
}

#[tokio::test(start_paused = true)]
async fn stores_agree_about_any_course_of_events() {
    for seed in 0..SEEDS {
        fastrand::seed(seed);
        let dir = tempfile::tempdir().unwrap();
        let folder = Store::File(FileStore::new(dir.path()));
        all_agree(seed, &[folder, in_a_table(seed).await]).await;
    }
}

#[tokio::test]
async fn amazons_dynamodb_agrees_too() {
    let Some(cloud) = amazons_dynamodb() else {
        return;
    };
    for seed in 1000..1000 + SEEDS {
        let store = DynamoStore::new(&cloud, fresh_table());
        store.make_table().await.unwrap();
        all_agree(seed, &[Store::Dynamo(store)]).await;
    }
}
