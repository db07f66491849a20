//! `bg` deploys a new version of an Amazon ECS service beside the old one, moves traffic to it a
//! step at a time, watches it, and puts everything back by itself when it is worse.
//!
//! # Words
//!
//! | word | meaning |
//! | --- | --- |
//! | service | what the user deploys: one logical thing behind one or more routes |
//! | slot | one of its two places, `a` and `b`: an ECS service with its target groups; they take turns |
//! | blue, green | roles: blue is the slot that carries production when a deployment starts, green the one that gets the new version |
//! | route | what splits traffic between the slots: a listener's default action or a rule |
//! | weight | green's share of a route, in percent with one decimal |
//! | strategy, step, bake | a ladder of weights, and how long to stay at each while the guards watch |
//! | guard | a check that is on all the time; when it trips, the deployment reverts |
//! | revert | all routes back to blue, first and at once; then green is put away |
//! | retire | what happens to blue after success |
//! | journal | the append-only record of a deployment's events; its state is a fold over them |
//! | region | the embedded stand-in for AWS |
//!
//! # The loop
//!
//! One loop drives every deployment ([`runner`]):
//!
//! ```text
//! observation = observe(aws, plan)              // aws: one batched look; plain data
//! decision    = decide(deployment, observation) // deployment::decide: pure
//! journal.append(decision.events)               // store: intent before the act
//! perform(aws, decision.actions)                // aws: idempotent
//! sleep until decision.wake_at
//! ```
//!
//! It looks again before each act, so going on after a crash is only: read the journal, go round
//! the loop. [`deployment`] is the heart and knows no clock, socket, file or SDK; what it decides
//! is told by one stream of [`deployment::event::Event`]s, from which [`store`], [`report`] and the
//! terminal ([`cli`]) make what they need. The same decisions run over the region's own world,
//! without a call, where a deployment is only rehearsed ([`rehearse`]). Why something failed is found
//! by holding what was collected against a table of rules ([`diagnose`]), and what a service lacks
//! before it can be deployed is worked out from a look at it ([`adopt`]). What a version needs
//! beside ECS and its load balancer is held against what AWS has ([`verify`]). The HTTP boundary is the
//! only seam: tests and the sandbox put the region ([`sandbox`]) under the SDK's own HTTP client.
//!
//! # Example
//!
//! The demo account in process, seen through the real SDK:
//!
//! ```
//! use bg::aws::Cloud;
//! use bg::sandbox::{Region, RegionOptions, demo};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let region = Region::new(RegionOptions::default());
//!     region.with_world(demo::build).expect("an empty region takes the demo account");
//!
//!     let cloud = Cloud::with_config(&region.sdk_config());
//!     let names = ["shop-a".to_owned(), "shop-b".to_owned()];
//!     let (_, forwards) = cloud.forwards_of(&names).await?;
//!
//!     assert_eq!(forwards[0].label(), "shop:80");
//!     assert_eq!(forwards[0].weights.values().sum::<u32>(), 100);
//!     Ok(())
//! }
//! ```

pub mod adopt;
pub mod aws;
pub mod cli;
pub mod config;
pub mod deployment;
pub mod diagnose;
pub mod gate;
pub mod judge;
pub mod rehearse;
pub mod report;
pub mod runner;
pub mod sandbox;
pub mod store;
pub mod strategy;
pub mod ui;
pub mod verify;
