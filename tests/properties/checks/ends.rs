//! What must be so at the end.

use std::time::Duration;

use bg::deployment::decide::Decision;
use bg::deployment::event::Event;
use bg::deployment::observation::Observation;
use bg::deployment::outcome::{Outcome, Stuck};
use bg::deployment::trip::Hold;
use jiff::{SignedDuration, Timestamp};

use super::{Checks, by_a_hand};

impl Checks {
    pub(super) fn check_end(&self, seen: &Observation, decision: &Decision, outcome: &Outcome) {
        assert_eq!(decision.actions, [], "an end is an end");
        assert!(matches!(decision.events.last(), Some(Event::Ended { .. })));
        let shares = self.shares(seen);
        match outcome {
            Outcome::Promoted => {
                assert!(self.promoted);
                let seen = self.shown(seen);
                let moved = seen.iter().any(|share| share.is_some_and(|it| it != 1000));
                assert!(!moved, "traffic is not on green: {seen:?}");
            }
            Outcome::Reverted { .. } => {
                assert!(self.reverting_since.is_some());
                let away = self.putting_away || !self.provisioning;
                assert!(away || !self.plan.routes.is_empty(), "green works on");
                assert!(
                    !shares
                        .iter()
                        .any(|share| share.is_some_and(|share| share > 0))
                );
                if self.touched {
                    assert_eq!(
                        shares,
                        vec![Some(0); self.plan.routes.len()],
                        "blue has it all"
                    );
                }
            }
            Outcome::Kept { .. } => assert!(self.forward() && !seen.asks.is_empty()),
            Outcome::Stuck { why } => self.check_stuck(seen, why),
        }
    }

    fn check_stuck(&self, seen: &Observation, why: &Stuck) {
        let waited = |since: Option<Timestamp>, least: Duration| {
            let least = SignedDuration::try_from(least).expect("short");
            since.is_some_and(|since| seen.now.duration_since(since) >= least)
        };
        let patience = self.plan.limits.patience;
        match why {
            Stuck::PatienceOver { waited_for } => {
                assert!(self.forward());
                let ill = |hold: &Hold| matches!(hold, Hold::BlueNotReady { .. });
                let drifted = waited_for.iter().any(by_a_hand);
                assert!(drifted || (self.touched && waited_for.iter().any(ill)));
                let now = self.holding_since.expect("something holds");
                let held = self.held + seen.now.duration_since(now);
                let least = patience - Duration::from_secs(2);
                assert!(held >= SignedDuration::try_from(least).expect("short"));
            }
            Stuck::Moved { drift } => {
                assert!(self.promoted);
                assert!(!drift.is_empty() && drift.iter().all(by_a_hand));
            }
            Stuck::TakenOver { .. } => assert!(seen.lock_lost_to.is_some()),
            Stuck::BlueIsDown { .. } => {
                assert_eq!(self.fewest(seen, self.plan.blue), Some(0));
                assert!(
                    self.fewest(seen, self.plan.green_slot())
                        .is_some_and(|n| n > 0)
                );
            }
            Stuck::RevertNotConfirmed { .. } | Stuck::GreenNotPutAway { .. } => {
                let least = if self.interrupted {
                    Duration::from_secs(3)
                } else {
                    patience / 2
                };
                assert!(waited(self.reverting_since, least), "it gave up early");
            }
        }
    }

    /// What is really so at the end, where nobody meddled and reads don't lag.
    pub(crate) fn truth(&self, outcome: &Outcome, weights: &[(u32, u32)]) {
        match outcome {
            Outcome::Promoted => assert!(weights.iter().all(|(_, others)| *others == 0)),
            Outcome::Reverted { .. } => assert!(weights.iter().all(|(green, _)| *green == 0)),
            Outcome::Stuck { .. } | Outcome::Kept { .. } => {}
        }
    }
}
