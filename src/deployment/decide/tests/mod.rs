//! Behaviour of `decide`, told in small scenes: what is seen, what is decided.

mod alarms;
mod bake;
mod bare;
mod deadman;
mod dns;
mod drift;
mod gates;
mod hotfix;
mod metrics;
mod provision;
mod revert;
mod rounds;
mod scaling;
mod scene;
mod shift;
mod signals;
mod size;
mod steering;
mod sticky;
mod takeover;
mod test_route;

use scene::{Scene, percent};
