//! Whole deployments in virtual time: the real loop and the real SDK on a region in process.
//!
//! Nothing here sleeps for real: tokio's clock is paused and jumps from one wait to the next.

#[path = "virtual/aws.rs"]
mod aws;
#[path = "virtual/bare.rs"]
mod bare;
#[path = "virtual/clocks.rs"]
mod clocks;
#[path = "virtual/credentials.rs"]
mod credentials;
#[path = "virtual/deadman.rs"]
mod deadman;
#[path = "virtual/diagnosed.rs"]
mod diagnosed;
#[path = "virtual/dns.rs"]
mod dns;
#[path = "virtual/gates.rs"]
mod gates;
#[path = "virtual/guards.rs"]
mod guards;
#[path = "virtual/hands.rs"]
mod hands;
#[path = "virtual/harness.rs"]
mod harness;
#[path = "virtual/hotfix.rs"]
mod hotfix;
#[path = "virtual/judge.rs"]
mod judge;
#[path = "virtual/mirrored.rs"]
mod mirrored;
#[path = "virtual/network.rs"]
mod network;
#[path = "virtual/pace.rs"]
mod pace;
#[path = "virtual/partial.rs"]
mod partial;
#[path = "virtual/registering.rs"]
mod registering;
#[path = "virtual/rehearsed.rs"]
mod rehearsed;
#[path = "virtual/requests.rs"]
mod requests;
#[path = "virtual/routes.rs"]
mod routes;
#[path = "virtual/services.rs"]
mod services;
#[path = "virtual/sized.rs"]
mod sized;
#[path = "virtual/steering.rs"]
mod steering;
#[path = "virtual/table.rs"]
mod table;
#[path = "virtual/takeover.rs"]
mod takeover;
#[path = "virtual/values.rs"]
mod values;
#[path = "virtual/versions.rs"]
mod versions;

use std::time::Duration;

use bg::deployment::event::{Event, Record};
use bg::deployment::outcome::Outcome;
use bg::deployment::preflight::Request;
use bg::runner::Asks;
use bg::sandbox::world::World;
use bg::sandbox::{Region, RegionOptions};
use harness::Stage;
use serde_json::Value;

impl Stage {
    /// Runs a whole deployment that nobody asks for anything.
    async fn deploy(&self, request: &Request, watch: impl FnMut(&Stage, &Record)) -> Outcome {
        self.deploy_asked(request, &mut Asks::default(), watch)
            .await
    }

    /// The weights of both slots' groups in a forward action; a group that isn't named has none.
    fn split(&self, action: &Value) -> (u64, u64) {
        harness::split(&self.balancer, action)
    }

    /// Asks ELBv2 by hand, past faults, budgets and lag.
    fn elb(&self, operation: &str, input: &Value) -> Value {
        harness::elb(&self.region, operation, input)
    }
}

/// The demo account as it is.
fn stage() -> Stage {
    Stage::open(RegionOptions::default(), |_| {})
}

/// Whether a record says that the first bake begins.
fn first_bake(record: &Record) -> bool {
    matches!(record.event, Event::Baking { step: 0, .. })
}

/// Lets somebody do something to the region so many virtual seconds from now.
fn later(stage: &Stage, seconds: u64, act: impl FnOnce(&Region) + Send + 'static) {
    let region = stage.region.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        act(&region);
    });
}

/// Does something to the world a minute into the first bake.
fn in_first_bake(act: impl Fn(&mut World) + Send + Clone + 'static) -> impl FnMut(&Stage, &Record) {
    move |stage, record| {
        if first_bake(record) {
            let act = act.clone();
            later(stage, 60, move |region| region.with_world(act));
        }
    }
}
