//! The demo account, the real SDK and the real loop in one process and in virtual time.

#[path = "../support/iam.rs"]
mod iam;

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bg::aws::{Cloud, MetricsAsk, RecordsAsk, Scope, SurveyAsk, policy};
use bg::deployment::deadman;
use bg::deployment::event::{Event, Record};
use bg::deployment::ids::{
    AlarmName, ClusterName, DeploymentId, EcsServiceName, ServiceName, SlotName, Slots,
};
use bg::deployment::outcome::Outcome;
use bg::deployment::plan::{GreenCapacity, Kind, Limits, Retire, RetireHow};
use bg::deployment::preflight::{
    AlarmWanted, DefinitionWanted, GuardsWanted, Planning, Request, RoutesWanted, Side, SlotWanted,
    TargetWanted, WhenUnchanged, plan,
};
use bg::deployment::state::Deployment;
use bg::deployment::task_definition::parse_image_flags;
use bg::judge::targets::Share;
use bg::runner::{Asks, Clock, LEASE, Run};
use bg::sandbox::demo::{self, Balancer};
use bg::sandbox::wire::elbv2;
use bg::sandbox::wire::needs::Need;
use bg::sandbox::world::World;
use bg::sandbox::{Region, RegionOptions};
use bg::store::{Duty, Holder, MemoryStore, Store};
use bg::strategy::{Strategy, StrategyRef};
use serde_json::{Value, json};

/// The demo account as it stands before anybody deploys.
#[derive(Clone)]
pub(crate) struct Scene {
    /// Everything in it.
    pub(crate) world: World,
    /// What stands at its load balancer.
    pub(crate) balancer: Balancer,
}

/// The one scene: it takes some hundred virtual seconds to build.
static SCENE: LazyLock<Scene> = LazyLock::new(Scene::new);

impl Scene {
    fn new() -> Scene {
        let options = RegionOptions::default();
        let mut world = World::new(options.account, options.region, options.start, options.seed);
        let balancer = demo::build(&mut world).expect("the world is empty");
        Scene { world, balancer }
    }
}

/// A region with that account, and everything that a deployment needs in it.
pub(crate) struct Stage {
    /// AWS.
    pub(crate) region: Region,
    /// What stands at its load balancer.
    pub(crate) balancer: Balancer,
    /// The handle that deployments go through.
    pub(crate) cloud: Cloud,
    /// Journals and lock.
    pub(crate) store: Arc<Store>,
    /// Every record of the latest deployment.
    pub(crate) records: RefCell<Vec<Record>>,
    /// The policies of what was deployed: no call may need more.
    pub(crate) policies: RefCell<Vec<Value>>,
}

impl Stage {
    /// Opens the account under the runtime's clock, after `change` was made to it.
    pub(crate) fn open(options: RegionOptions, change: impl FnOnce(&mut Scene)) -> Stage {
        // Retries' jitter and the SDK's ids come from this.
        fastrand::seed(options.seed);
        let mut scene = SCENE.clone();
        change(&mut scene);
        let region = Region::with(scene.world, options);
        let cloud = Cloud::with_config(&region.sdk_config());
        Stage {
            region,
            balancer: scene.balancer,
            cloud,
            store: Arc::new(Store::Memory(MemoryStore::default())),
            records: RefCell::default(),
            policies: RefCell::default(),
        }
    }

    /// The account itself, without a region around it.
    #[allow(
        dead_code,
        reason = "not every target that takes this file has a use for it"
    )]
    pub(crate) fn scene() -> Scene {
        SCENE.clone()
    }

    /// The region's clock.
    pub(crate) fn clock(&self) -> Clock {
        Clock::starting_at(self.region.now(), self.region.options().speed)
    }

    /// Surveys and plans.
    pub(crate) async fn plan(&self, request: &Request) -> Planning {
        self.allow(request);
        let found = self.cloud.survey(&survey(request), self.region.now()).await;
        plan(request, &found.expect("nothing fails yet"))
    }

    /// Lets everything be called that a deployment of `request` needs, as the policy for it says.
    pub(crate) fn allow(&self, request: &Request) {
        let scope = Scope {
            account: Some(self.region.options().account.clone()),
            region: Some(self.region.options().region.clone()),
            service: request.service.clone(),
            cluster: request.cluster.clone(),
            slots: request.slots.clone(),
            routes: request.routes.clone(),
            retire: request.retire.then,
            deadman: request.deadman.clone(),
            functions: request.functions(),
            topics: Vec::new(),
            buses: Vec::new(),
            scans: request.image_gate() == Some(true),
            user_pools: request.user_pools.clone(),
            asks_targets: request.http_gates().any(|(_, check)| check.asks_targets()),
            table: match *self.store {
                Store::Dynamo(_) => Some("bg-state".to_owned()),
                Store::File(_) | Store::Memory(_) => None,
            },
        };
        self.policies.borrow_mut().push(policy(&scope).document);
    }

    /// Runs a whole deployment, of which somebody may ask for something. `watch` sees each record
    /// once it is in the journal, before what it announces is done.
    pub(crate) async fn deploy_asked(
        &self,
        request: &Request,
        asks: &mut Asks,
        mut watch: impl FnMut(&Stage, &Record),
    ) -> Outcome {
        let planning = self.plan(request).await;
        let planned = planning.plan.unwrap_or_else(|| {
            panic!("refused: {:#?}", planning.problems);
        });
        let holder = self.holder(&request.id);
        let holder = self.store.lock(&request.service, &holder).await;
        let holder = holder.expect("nobody else deploys");
        self.records.borrow_mut().clear();
        let run = Run {
            cloud: &self.cloud,
            store: &self.store,
            clock: self.clock(),
            holder: holder.clone(),
            body: planning.body,
            asks,
            show: &mut |record| {
                self.records.borrow_mut().push(record.clone());
                watch(self, record);
            },
        };
        let ended = run.begin(planned).await.expect("the journal is in memory");
        let released = self.store.unlock(&request.service, &holder).await;
        let Ok(()) = released else {
            // The table is out of reach: its journal ends where that began.
            return ended.outcome().expect("it has ended").clone();
        };
        self.check_journal(&ended, &holder).await;
        ended.outcome().expect("it has ended").clone()
    }

    /// What is on record is what happened, as far as the lock was held.
    async fn check_journal(&self, ended: &Deployment, holder: &Holder) {
        let (service, id) = (&ended.plan.service, &ended.plan.id);
        let journal = self.store.journal(service, id).await;
        let journal = journal.expect("it is in memory");
        let present = self.store.holder(service).await;
        if present.is_ok_and(|it| it.is_some_and(|it| it.fence != holder.fence)) {
            let gone_on = |record: &Record| matches!(record.event, Event::Resumed { .. });
            let own = journal.iter().position(gone_on).unwrap_or(journal.len());
            assert!(self.records.borrow().starts_with(&journal[..own]));
            return;
        }
        assert_eq!(journal, *self.records.borrow());
        let replayed = Deployment::replay(&journal).expect("it is legal");
        assert_eq!(replayed.as_ref(), Some(ended));
    }

    /// This process as the holder of the lock.
    pub(crate) fn holder(&self, id: &DeploymentId) -> Holder {
        let since = self.region.now();
        Holder {
            deployment: id.clone(),
            owner: "somebody".to_owned(),
            host: "here".to_owned(),
            pid: 1,
            run_url: None,
            since,
            lease_until: since + LEASE,
            fence: 0,
            duty: Duty::Deploy,
        }
    }

    /// The weights of the demo listener's groups as they truly are: slot a's and slot b's.
    pub(crate) fn weights(&self) -> (u64, u64) {
        weights(&self.region, &self.balancer)
    }
}

impl Drop for Stage {
    /// Nothing was asked of AWS that the policy for it doesn't allow.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let needs: Vec<_> = self.region.needs().iter().map(Need::to_json).collect();
        let refused = iam::refused(&self.policies.borrow(), &needs);
        assert!(refused.is_empty(), "not in the policy: {refused:#?}");
    }
}

/// The weights of the demo listener's groups as they truly are: slot a's and slot b's.
pub(crate) fn weights(region: &Region, balancer: &Balancer) -> (u64, u64) {
    let input = json!({ "ListenerArns": [balancer.listener] });
    let shown = elb(region, "DescribeListeners", &input);
    split(balancer, &shown["Listeners"][0]["DefaultActions"][0])
}

/// The weights of both slots' groups in a forward action; a group that isn't named has none.
pub(crate) fn split(balancer: &Balancer, action: &Value) -> (u64, u64) {
    let groups = action["ForwardConfig"]["TargetGroups"].as_array();
    let of = |arn: &str| {
        groups
            .into_iter()
            .flatten()
            .filter(|group| group["TargetGroupArn"] == arn)
            .map(|group| {
                let weight = group["Weight"].to_string();
                weight.trim_matches('"').parse::<u64>().unwrap_or(1)
            })
            .sum()
    };
    (of(&balancer.group_a), of(&balancer.group_b))
}

/// Asks ELBv2 by hand, past faults, budgets and lag.
pub(crate) fn elb(region: &Region, operation: &str, input: &Value) -> Value {
    let answer = region.with_world(|world| elbv2::handle(world, operation, input));
    answer.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

/// A deployment of `image` into the demo service, watched as the demo's own config says.
pub(crate) fn request(image: &str, strategy: &str) -> Request {
    let reference = StrategyRef::Named(strategy.to_owned());
    let strategy: Strategy = reference
        .resolve(|_| Err(std::io::ErrorKind::NotFound.into()))
        .expect("it is built in or a shorthand");
    let slot = |service: &str, group: &str| SlotWanted {
        service: EcsServiceName::new(service),
        targets: vec![TargetWanted {
            group: group.to_owned(),
            container: None,
            port: None,
        }],
    };
    let alarm = |name: &str| AlarmWanted {
        name: name.to_owned(),
        side: Side::Both,
        insufficient_data: None,
    };
    Request {
        id: DeploymentId::new(format!("20260105-090000-{}", image.replace(':', "-"))),
        kind: Kind::Deploy,
        service: ServiceName::new("shop"),
        cluster: ClusterName::new(demo::CLUSTER),
        account: None,
        slots: Slots {
            a: slot("shop", "shop-a"),
            b: slot("shop-b", "shop-b"),
        },
        routes: RoutesWanted::Auto,
        test_routes: Vec::new(),
        user_pools: Vec::new(),
        strategy,
        guards: GuardsWanted {
            metrics: None,
            ready: Share::ALL,
            min: Share::of_percent(75).expect("it is below 100"),
            healthy_for: Duration::from_secs(30),
            alarms: vec![alarm("shop-{slot}-5xx"), alarm("shop-{slot}-latency")],
        },
        gates: Vec::new(),
        discovery: Default::default(),
        green_capacity: GreenCapacity::Full,
        limits: Limits {
            poll: Duration::from_secs(5),
            healthy_within: Duration::from_secs(600),
            patience: Duration::from_secs(600),
            blind_after: Duration::from_secs(120),
        },
        retire: Retire {
            after: Duration::from_secs(600),
            then: RetireHow::ScaleToZero,
            at_most: Duration::from_secs(3600),
        },
        definition: DefinitionWanted::Images(
            parse_image_flags(&[image.to_owned()]).expect("it is a reference"),
        ),
        source: None,
        when_unchanged: WhenUnchanged::Skip,
        deadman: None,
        ignore_alarms: Default::default(),
    }
}

fn survey(request: &Request) -> SurveyAsk {
    let both = SlotName::BOTH.iter();
    let groups = both
        .clone()
        .flat_map(|slot| &request.slots[*slot].targets)
        .map(|target| target.group.clone());
    let alarms = &request.guards.alarms;
    let alarms = both.flat_map(|live| alarms.iter().flat_map(|alarm| alarm.names(*live)));
    let mut alarms: Vec<_> = alarms.map(AlarmName::new).collect();
    alarms.sort();
    alarms.dedup();
    SurveyAsk {
        cluster: request.cluster.clone(),
        services: Slots::from_fn(|slot| request.slots[slot].service.clone()),
        groups: groups.collect(),
        alarms,
        definition: None,
        images: Vec::new(),
        deadman: request
            .deadman
            .as_ref()
            .map(|_| deadman::prefix(&request.cluster, &request.service)),
        metrics: MetricsAsk::of(request),
        functions: request.functions(),
        test_requests: Default::default(),
        test_routes: Vec::new(),
        version: request
            .image_gate()
            .map(|scans| (request.definition.clone(), scans)),
        records: RecordsAsk::of(&request.slots, &request.routes),
        owned: SurveyAsk::of(request).owned,
    }
}
