//! What `bg.yaml` says, with defaults filled in.

use std::time::Duration;

use crate::gate::GateWanted;
use crate::notify::NotifyWanted;
use crate::strategy::StrategyRef;

use super::deadman::Deadman;
use super::guards::Guards;
use super::routes::{RouteConfig, Routes};
use super::slots::Slots;
use super::values::{AccountId, StateLocation};

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// One service's deployment, as `bg.yaml` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What is deployed: one logical thing behind one or more routes.
    pub service: String,
    /// The ECS cluster of both slots, by name or ARN.
    pub cluster: String,
    /// The only AWS account to run in.
    pub account: Option<AccountId>,
    /// The AWS region; otherwise the SDK's own chain finds one.
    pub region: Option<String>,
    /// The two places that take turns.
    pub slots: Slots,
    /// What splits traffic between them.
    pub routes: Routes,
    /// What goes to green before production does (`test_route`).
    pub test_routes: Vec<RouteConfig>,
    /// The ARNs of the Cognito user pools by which listeners and rules among them authenticate
    /// (`user_pools`): what permissions to write those take.
    pub user_pools: Vec<String>,
    /// The steps that traffic moves in.
    pub strategy: StrategyRef,
    /// The checks that are on all the time.
    pub guards: Guards,
    /// The checks that must pass before it moves on, in the order in which they are asked.
    pub gates: Vec<GateWanted>,
    /// Whether both slots may be found in one Cloud Map service.
    pub discovery: Discovery,
    /// How many tasks green has while it carries a part of the traffic.
    pub green_capacity: GreenCapacity,
    /// What happens to blue after success.
    pub retire: Retire,
    /// What puts traffic back if every process that drives a deployment dies.
    pub deadman: Option<Deadman>,
    /// Who elsewhere is told what happens.
    pub notify: Vec<NotifyWanted>,
    /// What a signal does before green is promoted.
    pub signals: Signals,
    /// Where journals and locks are kept.
    pub state: StateLocation,
    /// How often to look, and how long to wait for what.
    pub timing: Timing,
}

/// How many tasks green has while it carries a part of the traffic (`green_capacity`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GreenCapacity {
    /// As many as blue.
    #[default]
    Full,
    /// Its share of them, ahead of each raise.
    Proportional,
}

/// Whether both slots may be found in one Cloud Map service (`discovery`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discovery {
    /// A service that is registered there is refused.
    #[default]
    Unshared,
    /// They may: clients there reach green as soon as its tasks run.
    Shared,
}

/// What each signal does before green is promoted (`signals`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// SIGINT: Ctrl-C.
    pub interrupt: OnSignal,
    /// SIGTERM.
    pub terminate: OnSignal,
    /// SIGHUP: the terminal went away.
    pub hang_up: OnSignal,
}

/// What a signal does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSignal {
    /// All traffic goes back.
    #[default]
    Revert,
    /// Everything stays as it is, and the process ends.
    Keep,
    /// The deployment stays at its weight, watched; the next signal reverts.
    Pause,
}

/// What happens to blue after success (`retire`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retire {
    /// How long blue is kept warm for an instant rollback.
    pub after: Duration,
    /// What is done to it then.
    pub then: RetireThen,
    /// How long to wait at most until blue is surely without traffic.
    pub at_most: Duration,
}

impl Config {
    /// Whether it names no target group: a service without a load balancer.
    pub fn is_bare(&self) -> bool {
        self.slots.a.targets.is_empty() && self.slots.b.targets.is_empty()
    }
}

impl Default for Retire {
    fn default() -> Retire {
        Retire {
            after: minutes(10),
            then: RetireThen::ScaleToZero,
            at_most: minutes(60),
        }
    }
}

/// What is done to blue when it is retired (`retire.then`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetireThen {
    /// Its service stays, with no tasks.
    ScaleToZero,
    /// Its service is deleted.
    Delete,
    /// Nothing: it stays as it is.
    Keep,
}

/// How often to look, and how long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two looks while nothing is expected (`poll`, 1 to 60 s).
    pub poll: Duration,
    /// For green to become healthy (`timeout`).
    pub timeout: Duration,
    /// How long a deployment may hold for want of data or because of drift (`patience`).
    pub patience: Duration,
    /// How long AWS may be out of sight before that counts as a tripped guard (`blind_after`).
    pub blind_after: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            poll: Duration::from_secs(5),
            timeout: minutes(10),
            patience: minutes(10),
            blind_after: minutes(2),
        }
    }
}
