//! The table of rules. Within a rank, what stands further up comes first.

mod capacity;
mod container_health;
mod definition;
mod dependency;
mod exec;
mod exit;
mod image;
mod limits;
mod load_balancer;
mod logging;
mod memory;
mod network;
mod own_words;
mod permissions;
mod registration;
mod roles;
mod secrets;
mod service;
mod start;
mod stopping;
mod target_answers;
mod target_health;
mod targets;
mod volumes;

use super::found::Rule;

const FAMILIES: [&[Rule]; 23] = [
    image::RULES,
    secrets::RULES,
    logging::RULES,
    roles::RULES,
    network::RULES,
    volumes::RULES,
    definition::RULES,
    dependency::RULES,
    memory::RULES,
    start::RULES,
    exit::RULES,
    capacity::RULES,
    limits::RULES,
    load_balancer::RULES,
    registration::RULES,
    target_health::RULES,
    target_answers::RULES,
    container_health::RULES,
    stopping::RULES,
    exec::RULES,
    own_words::RULES,
    service::RULES,
    permissions::RULES,
];

/// All rules, in the table's order.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    FAMILIES.iter().copied().flatten()
}
