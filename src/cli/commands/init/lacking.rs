//! What a config that is there doesn't say of what another tool's files do.

use crate::adopt::{self, Proposal, Taken};
use crate::cli::session::parse;
use crate::config::{CONFIG_FILE, Config};
use crate::strategy::Strategy;

/// The keys of which `there` says nothing, or something else.
pub(super) fn lacking(there: &Config, proposal: &Proposal, taken: &Taken) -> Vec<&'static str> {
    // What would be written were it not there.
    let Ok(new) = parse(&adopt::config(proposal, taken), CONFIG_FILE) else {
        return Vec::new();
    };
    let steers = taken.strategy.is_some() || taken.bake.is_some();
    let alarms = &there.guards.alarms;
    let watches = |name: &String| {
        let mut named = alarms.iter();
        named.any(|it| {
            it.pattern() == name || ["a", "b"].iter().any(|slot| it.name_for(slot) == *name)
        })
    };
    let asks = |name: &String| there.gates.iter().any(|it| it.name == *name);
    let mut gates = new.gates.iter();
    let has_gates = gates.all(|it| asks(&it.name)) && there.gates.len() >= taken.hooks.len();
    let lacks = [
        (
            "region",
            taken.region.is_some() && there.region != new.region,
        ),
        ("strategy", steers && !are_alike(there, &new)),
        (
            "timeout",
            taken.timeout.is_some() && there.timing.timeout != new.timing.timeout,
        ),
        (
            "retire",
            taken.retire.is_some() && there.retire != new.retire,
        ),
        ("guards.alarms", !taken.alarms.iter().all(watches)),
        (
            "test_route",
            !taken.test_routes.is_empty() && there.test_routes != new.test_routes,
        ),
        ("gates", !has_gates),
        (
            "notify",
            !new.notify.iter().all(|it| there.notify.contains(it)),
        ),
    ];
    lacks
        .into_iter()
        .filter_map(|(key, lacks)| lacks.then_some(key))
        .collect()
}

/// Whether two configs' strategies have the same steps. One in a file is told as another one.
fn are_alike(one: &Config, other: &Config) -> bool {
    let unread = |_: &str| Err(std::io::ErrorKind::Unsupported.into());
    let of = |config: &Config| config.strategy.resolve(unread).ok();
    let steps = |it: &Strategy| (it.steps().to_vec(), it.bake());
    let (one, other) = (of(one), of(other));
    one.is_some() && one.as_ref().map(steps) == other.as_ref().map(steps)
}
