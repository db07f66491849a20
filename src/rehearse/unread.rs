//! Leaves out of a world what nobody reads in a run: its metrics and alarms are a good part of a
//! long run's work. Nothing that a deployment sees, does or counts depends on them.

use super::metrics::Reads;
use crate::deployment::plan::Plan;
use crate::sandbox::world::World;
use crate::sandbox::world::traffic::Published;

/// Leaves out what `plan` doesn't read.
pub fn leave_out_unread(world: &mut World, plan: &Plan) {
    // Policies read alarms of their own.
    if !world.scaling.targets.is_empty() {
        return;
    }
    let guards = &plan.guards.alarms;
    let is_read = |name: &str| guards.iter().any(|it| it.name.as_str() == name);
    world.cloudwatch.keep_alarms(is_read);
    let reads = Reads::of(plan);
    let by_judge = reads.iter().flat_map(Reads::metrics);
    let published = Published::only(by_judge.chain(world.cloudwatch.read_by_alarms()));
    world.traffic.published = published;
}
