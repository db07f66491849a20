//! Retiring a slot: look, decide, act, until it is done or must not be done.

use jiff::Timestamp;

use super::{Asks, Clock};
use crate::aws::Cloud;
use crate::deployment::event::Event;
use crate::deployment::ids::ClusterName;
use crate::deployment::retire::{RetireStep, Retirement, decide};

/// How a retirement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retired {
    /// The slot is scaled to zero or deleted.
    Done,
    /// It stays, and why.
    Cancelled(String),
    /// Not yet: somebody else has to come back for it, not before then.
    Later(Timestamp),
}

/// Retires a slot, waiting as long as it takes; a signal ends the waiting, not the duty.
pub async fn retire(
    cloud: &Cloud,
    clock: Clock,
    cluster: &ClusterName,
    retirement: &Retirement,
    asks: &mut Asks,
    show: &mut dyn FnMut(Event),
) -> Retired {
    let mut waiting_for = String::new();
    loop {
        let step = one_round(cloud, clock, cluster, retirement, show).await;
        let until = match step {
            Round::Over(retired) => return retired,
            Round::Again { until, why } => {
                if why != waiting_for {
                    show(Event::RetireWaiting {
                        until,
                        why: why.clone(),
                    });
                    waiting_for = why;
                }
                until
            }
            Round::Acted => clock.now() + AGAIN,
        };
        tokio::select! {
            biased;
            _ = asks.next() => return Retired::Later(until),
            () = clock.sleep_until(until) => {}
        }
    }
}

/// Whether one round was the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Round {
    /// It was.
    Over(Retired),
    /// ECS took the act; the next look shows what came of it.
    Acted,
    /// It has to be looked at again.
    Again {
        /// When.
        until: Timestamp,
        /// What is waited for.
        why: String,
    },
}

/// Looks once, and does what is due.
pub async fn one_round(
    cloud: &Cloud,
    clock: Clock,
    cluster: &ClusterName,
    retirement: &Retirement,
    show: &mut dyn FnMut(Event),
) -> Round {
    let look = cloud
        .look_at_retirement(cluster, retirement, clock.now())
        .await;
    match decide(retirement, &look) {
        RetireStep::Wait { until, why } => Round::Again { until, why },
        RetireStep::Done => {
            if let Err(error) = cloud.forget_retirement(cluster, &retirement.service).await {
                let why = format!("its tag can't be taken off: {error}");
                return Round::Again {
                    until: clock.now() + AGAIN,
                    why,
                };
            }
            show(Event::Retired {
                then: retirement.due.then,
            });
            Round::Over(Retired::Done)
        }
        RetireStep::Cancel { why } => {
            show(Event::RetireCancelled { why: why.clone() });
            Round::Over(Retired::Cancelled(why))
        }
        RetireStep::Act(action) => {
            show(Event::Retiring);
            let acted = cloud
                .act_on_service(cluster, &retirement.service, &action)
                .await;
            match acted {
                Ok(()) => Round::Acted,
                Err(error) => Round::Again {
                    until: clock.now() + AGAIN,
                    why: error.to_string(),
                },
            }
        }
    }
}

/// Between an act and the look that confirms it.
const AGAIN: jiff::SignedDuration = jiff::SignedDuration::from_secs(2);
