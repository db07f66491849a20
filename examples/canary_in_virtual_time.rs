//! A whole canary against the region in process, with tokio's clock paused: half an hour of
//! deployment in a fraction of a second.
//!
//! ```console
//! $ cargo run --example canary_in_virtual_time -- shop:v2
//! $ cargo run --example canary_in_virtual_time -- shop:bad
//! ```

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use bg::aws::{Cloud, SurveyAsk};
use bg::deployment::event::Record;
use bg::deployment::ids::{ClusterName, EcsServiceName, ServiceName, Slots};
use bg::deployment::plan::{GreenCapacity, Kind, Limits, Retire, RetireHow};
use bg::deployment::preflight::{
    self, AlarmWanted, DefinitionWanted, GuardsWanted, Request, RoutesWanted, Side, SlotWanted,
    TargetWanted, WhenUnchanged,
};
use bg::deployment::task_definition::ImageChange;
use bg::judge::targets::Share;
use bg::report::text::{Detail, Lines};
use bg::runner::{Asks, Clock, LEASE, Run, new_id};
use bg::sandbox::region::Throttle;
use bg::sandbox::{Region, RegionOptions, demo};
use bg::store::{Duty, Holder, MemoryStore, Store};
use bg::strategy::Strategy;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let image = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "shop:v2".to_owned());
    let region = Region::new(RegionOptions {
        throttle: Throttle::On,
        ..RegionOptions::default()
    });
    region
        .with_world(demo::build)
        .expect("an empty region takes the demo account");
    let region = Region::with(
        region.with_world(|world| world.clone()),
        RegionOptions::default(),
    );
    let cloud = Cloud::with_config(&region.sdk_config());
    let clock = Clock::starting_at(region.now(), 1.0);

    let request = request(&image, clock)?;
    let found = cloud.survey(&SurveyAsk::of(&request), clock.now()).await?;
    let planning = preflight::plan(&request, &found);
    for problem in &planning.problems {
        eprintln!("{problem}");
    }
    let plan = planning.plan.ok_or("preflight refused")?;

    let store = Store::Memory(MemoryStore::default());
    let holder = store.lock(&plan.service, &holder(&request, clock)).await?;
    let mut asks = Asks::default();
    let mut lines = Lines::new(Detail::Normal);
    let mut show = |record: &Record| lines.on(record).iter().for_each(|line| println!("{line}"));
    let run = Run {
        cloud: &cloud,
        store: &store,
        clock,
        holder,
        body: planning.body,
        asks: &mut asks,
        show: &mut show,
    };
    run.begin(plan).await?;
    Ok(())
}

fn request(image: &str, clock: Clock) -> Result<Request, Box<dyn Error>> {
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
        side: Side::Green,
        insufficient_data: None,
    };
    Ok(Request {
        id: new_id(clock.now(), None),
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
        strategy: Strategy::named("canary").map_err(|error| error.to_string())?,
        guards: GuardsWanted {
            metrics: None,
            ready: Share::ALL,
            min: "75%".parse()?,
            healthy_for: MINUTE / 2,
            alarms: vec![alarm("shop-{slot}-5xx"), alarm("shop-{slot}-latency")],
        },
        gates: Vec::new(),
        discovery: Default::default(),
        green_capacity: GreenCapacity::Full,
        limits: Limits {
            poll: Duration::from_secs(5),
            healthy_within: 10 * MINUTE,
            patience: 10 * MINUTE,
            blind_after: 2 * MINUTE,
        },
        retire: Retire {
            after: 10 * MINUTE,
            then: RetireHow::ScaleToZero,
            at_most: 60 * MINUTE,
        },
        definition: DefinitionWanted::Images(vec![ImageChange::parse(image)?]),
        source: None,
        when_unchanged: WhenUnchanged::Skip,
        deadman: None,
        ignore_alarms: BTreeSet::new(),
    })
}

fn holder(request: &Request, clock: Clock) -> Holder {
    Holder {
        deployment: request.id.clone(),
        owner: "example".to_owned(),
        host: "localhost".to_owned(),
        pid: std::process::id(),
        run_url: None,
        since: clock.now(),
        lease_until: clock.now() + LEASE,
        fence: 0,
        duty: Duty::Deploy,
    }
}
