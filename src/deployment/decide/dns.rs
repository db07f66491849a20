//! Records: a change takes a while to reach Route 53's servers, and as long as resolvers keep
//! answers to reach everybody.

use jiff::Timestamp;

use super::{Draft, after};
use crate::deployment::dns::SPREADS_WITHIN;
use crate::deployment::observation::{Seen, Spread};

/// How far a change of the routes' weights has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spreading {
    /// Everywhere.
    Done,
    /// It is on its way, and need not be waited for longer than until then.
    Until(Timestamp),
    /// It should have been everywhere by now.
    Late,
}

impl Draft<'_> {
    /// How far a change that was decided at `since` has got, on the route where that is least.
    pub(super) fn spreading(&self, since: Timestamp) -> Spreading {
        let by = after(since, SPREADS_WITHIN);
        let routes = self.seen.routes.values().filter_map(Seen::value);
        let has = |spread| routes.clone().any(|route| route.spread == spread);
        let in_time = self.now < by;
        match (has(Spread::Pending), has(Spread::Unknown)) {
            (true, _) if !in_time => Spreading::Late,
            (true, _) | (_, true) if in_time => Spreading::Until(by),
            _ => Spreading::Done,
        }
    }
}
