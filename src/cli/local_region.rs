//! The sandbox region, in this process.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;

use super::args::{Extra, SandboxArgs};
use super::error::{CliError, ErrorKind};
use crate::aws::Cloud;
use crate::runner::Clock;
use crate::sandbox::demo::{self, extras};
use crate::sandbox::proxy::{Options, Proxy};
use crate::sandbox::region::{Region, RegionOptions};
use crate::sandbox::server::Server;
use crate::sandbox::wire::AwsError;
use crate::sandbox::world::World;

/// Before anybody sees it the demo account has run so long: its metrics are there.
const HISTORY: SignedDuration = SignedDuration::from_mins(10);

/// How often to look for listeners that are new.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// A region with the demo account, as long as it is held.
pub(super) struct LocalRegion {
    region: Region,
    _proxy: Proxy,
}

impl LocalRegion {
    /// Starts one whose clock shows the present.
    pub(super) async fn start(speed: f64, seed: u64) -> Result<LocalRegion, CliError> {
        let options = RegionOptions {
            speed,
            seed,
            ..RegionOptions::default()
        };
        let region = Region::with(demo_world(&options, &[])?, options);
        let proxy = data_plane(&region)?;
        Ok(LocalRegion {
            region,
            _proxy: proxy,
        })
    }

    /// A handle on it.
    pub(super) fn cloud(&self) -> Cloud {
        Cloud::with_config(&self.region.sdk_config()).at_speed(self.region.options().speed)
    }

    /// Its clock.
    pub(super) fn clock(&self) -> Clock {
        Clock::starting_at(self.region.now(), self.region.options().speed)
    }

    /// The config for its demo service.
    pub(super) fn demo_config(&self) -> String {
        DEMO_CONFIG.to_owned()
    }
}

/// The demo service as `bg.yaml` describes it.
pub(super) const DEMO_CONFIG: &str = "\
service: shop
cluster: demo
region: eu-west-1
slots:
  a: { service: shop,   target_group: shop-a }
  b: { service: shop-b, target_group: shop-b }
strategy: canary
guards:
  alarms:
    - \"shop-{slot}-5xx\"
    - \"shop-{slot}-latency\"
";

fn demo_world(options: &RegionOptions, wanted: &[Extra]) -> Result<World, CliError> {
    let now = Clock::wall().now();
    let start = Timestamp::from_second(now.as_second().div_euclid(60) * 60)
        .unwrap_or(options.start)
        .saturating_sub(HISTORY)
        .unwrap_or(options.start);
    let mut world = World::new(
        options.account.clone(),
        options.region.clone(),
        start,
        options.seed,
    );
    build(&mut world, wanted).map_err(|error| {
        CliError::new(
            ErrorKind::Unexpected,
            format!("the demo account can't be built: {error:?}"),
        )
    })?;
    world.advance_to(now);
    Ok(world)
}

fn build(world: &mut World, wanted: &[Extra]) -> Result<(), AwsError> {
    let balancer = demo::build(world)?;
    for extra in Extra::value_variants() {
        if !wanted.contains(extra) {
            continue;
        }
        match extra {
            Extra::Autoscaling => extras::autoscaling(world, &balancer)?,
            Extra::Records => extras::records(world)?,
            Extra::TestRoute => extras::test_route(world, &balancer)?,
            Extra::Worker => extras::worker(world)?,
        }
    }
    Ok(())
}

/// The load balancers' own ports, where requests go through.
fn data_plane(region: &Region) -> Result<Proxy, CliError> {
    let options = Options {
        speed: region.options().speed,
        ..Options::default()
    };
    Proxy::start(region.world(), options)
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))
}

/// `bg sandbox`: serves a region until Ctrl-C.
pub(super) async fn serve(args: &SandboxArgs) -> Result<(), CliError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))
        .await
        .map_err(|error| {
            CliError::usage(format!("can't listen on 127.0.0.1:{}", args.port))
                .caused_by(&error)
                .hint("take another port with --port, or a free one with --port 0")
        })?;
    let options = RegionOptions {
        speed: args.speed,
        seed: args.seed,
        read_lag: args.lag,
        ..RegionOptions::default()
    };
    let region = if args.empty {
        let start = Clock::wall().now();
        Region::new(RegionOptions { start, ..options })
    } else {
        Region::with(demo_world(&options, &args.with)?, options)
    };
    let server = region
        .serve(listener)
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    let proxy = data_plane(&region)?;
    let mut said = BTreeSet::new();
    announce(&server);
    announce_listeners(&proxy, &mut said);
    if !args.empty {
        tell!("\n# bg.yaml for its demo service:\n{DEMO_CONFIG}");
    }
    tokio::select! {
        biased;
        () = wait_for_the_end() => {}
        () = follow_listeners(&proxy, &mut said) => {}
    }
    Ok(())
}

fn announce(server: &Server) {
    tell!(
        "# The sandbox region listens on {} until Ctrl-C.",
        server.url()
    );
    tell!("export AWS_ENDPOINT_URL={}", server.url());
    tell!("export AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox");
    // The AWS CLI and boto3 know only the second of these.
    tell!("export AWS_REGION=eu-west-1");
    tell!("export AWS_DEFAULT_REGION=eu-west-1");
}

/// Says where each listener takes requests, once.
fn announce_listeners(proxy: &Proxy, said: &mut BTreeSet<(String, u16, SocketAddr)>) {
    for listener in proxy.addresses() {
        let (load_balancer, port, address) = &listener;
        if !said.contains(&listener) {
            tell!("# {load_balancer}:{port} takes requests at http://{address}/");
            said.insert(listener);
        }
    }
}

/// The same for those that are made later, as they come.
async fn follow_listeners(proxy: &Proxy, said: &mut BTreeSet<(String, u16, SocketAddr)>) {
    loop {
        tokio::time::sleep(FOLLOW_EVERY).await;
        announce_listeners(proxy, said);
    }
}

/// Until somebody ends this process: Ctrl-C or SIGTERM.
pub(super) async fn wait_for_the_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
