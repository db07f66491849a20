//! Service events: the newest hundred sentences that ECS tells about a service.

use crate::sandbox::world::ids;
use fastrand::Rng;
use jiff::Timestamp;
use std::collections::VecDeque;

/// ECS shows no more than these.
const KEPT: usize = 100;

/// One sentence about a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    /// Random id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// The sentence, beginning with `(service NAME)`.
    pub message: String,
}

/// A service's events, newest first.
#[derive(Debug, Clone, Default)]
pub struct Events(VecDeque<ServiceEvent>);

impl Events {
    /// Tells one more.
    pub fn tell(&mut self, rng: &mut Rng, at: Timestamp, message: String) {
        self.0.push_front(ServiceEvent {
            id: ids::uuid(rng),
            at,
            message,
        });
        self.0.truncate(KEPT);
    }

    /// Newest first.
    pub fn iter(&self) -> impl Iterator<Item = &ServiceEvent> {
        self.0.iter()
    }
}
