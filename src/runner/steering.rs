//! Asking a deployment that another process drives, and hearing what came of it.

use std::time::Duration;

use tokio::time::Instant;

use super::clock::Clock;
use crate::deployment::event::{Event, Record};
use crate::deployment::gate::GateAnswer;
use crate::deployment::ids::ServiceName;
use crate::deployment::outcome::Outcome;
use crate::deployment::trip::Trip;
use crate::store::{Duty, Holder, Request, Steer, Store, StoreError};

// Time here is this process's own, also where the sandbox's clock runs faster: so is the time
// that the other process needs to answer.

/// How long a running deployment gets to take a request; its look comes every few seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long its revert may take once it has taken it.
const REVERT_WITHIN: Duration = Duration::from_secs(120);
/// Between two looks at its journal.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was taken; of a revert, no end was seen.
    Taken,
    /// The deployment has ended like this.
    Ended(Outcome),
    /// It was not taken: the deployment reverts.
    Reverts(Trip),
}

/// Asks the process that holds the service's lock; `None` where it doesn't answer, or dies over
/// its revert.
///
/// # Errors
/// When the store can't be read or written.
pub async fn ask_and_wait(
    store: &Store,
    clock: Clock,
    service: &ServiceName,
    holder: &Holder,
    steer: Steer,
    by: &str,
) -> Result<Option<Answer>, StoreError> {
    let id = &holder.deployment;
    let before = store.journal(service, id).await?.len();
    let (asked_at, waiting_since) = (clock.now(), Instant::now());
    let request = Request {
        deployment: id.clone(),
        by: by.to_owned(),
        at: asked_at,
        steer: steer.clone(),
    };
    store.ask(service, &request).await?;
    let mut taken = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // Looked at before the journal: who ends it writes that first, and then gives the lock back.
        let held = store.holder(service).await?;
        let runs = held.is_some_and(|it| it.duty == Duty::Deploy && it.lease_until > clock.now());
        let records = store.journal(service, id).await?;
        let news = records.get(before..).unwrap_or_default();
        match answer(&records, news, &request) {
            Some(Answer::Taken) if steer.reverts() && !runs => {
                let _ = store.remove_request(service, &request).await;
                return Ok(None);
            }
            Some(Answer::Taken) if steer.reverts() => taken = true,
            Some(answer) => {
                // What came too late must not be heeded by a process that goes on with it later.
                let _ = store.remove_request(service, &request).await;
                return Ok(Some(answer));
            }
            None => {}
        }
        let limit = if taken { REVERT_WITHIN } else { ANSWER_WITHIN };
        if waiting_since.elapsed() > limit {
            // It must not be heeded when nobody expects it any more.
            let _ = store.remove_request(service, &request).await;
            return Ok(taken.then_some(Answer::Taken));
        }
    }
}

/// What a journal says to a request, of which `news` is what was written since.
fn answer(records: &[Record], news: &[Record], request: &Request) -> Option<Answer> {
    let heeded = news.iter().any(|record| heeds(&record.event, request));
    let reverting = records.iter().rev().find_map(|record| match &record.event {
        Event::Reverting { trip } => Some(trip.clone()),
        _ => None,
    });
    let outcome = outcome(records);
    match (&request.steer, outcome, reverting) {
        // Going on may be all that was left to do.
        (Steer::Promote { .. }, Some(Outcome::Promoted), _)
        | (Steer::Reject { .. }, None, Some(_))
            if heeded =>
        {
            Some(Answer::Taken)
        }
        (_, Some(outcome), _) => Some(Answer::Ended(outcome)),
        (Steer::Abort, None, reverting) => reverting.map(|_| Answer::Taken),
        (_, None, Some(trip)) => Some(Answer::Reverts(trip)),
        (_, None, None) => heeded.then_some(Answer::Taken),
    }
}

fn outcome(records: &[Record]) -> Option<Outcome> {
    match &records.last()?.event {
        Event::Ended { outcome } => Some(outcome.clone()),
        _ => records.iter().rev().find_map(|record| match &record.event {
            Event::Ended {
                outcome: Outcome::Promoted,
            } => Some(Outcome::Promoted),
            _ => None,
        }),
    }
}

fn heeds(event: &Event, request: &Request) -> bool {
    let by_them = |text: &str| text.contains(&request.by);
    match (event, &request.steer) {
        (Event::Paused { by }, Steer::Pause) => *by == request.by,
        (Event::GoingOn { by, full }, Steer::Promote { full: asked }) => {
            *by == request.by && full == asked
        }
        (Event::GateAnswered { answer, .. }, Steer::Approve) => {
            matches!(answer, GateAnswer::Passed { what } if by_them(what))
        }
        (Event::GateAnswered { answer, .. }, Steer::Reject { .. }) => {
            matches!(answer, GateAnswer::Failed { why } if by_them(why))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::deployment::ids::DeploymentId;
    use crate::strategy::Weight;

    fn request(steer: Steer) -> Request {
        Request {
            deployment: DeploymentId::new("d1"),
            by: "ada@engine".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            steer,
        }
    }

    fn journal(events: &[Event]) -> Vec<Record> {
        let record = |(seq, event): (usize, &Event)| Record {
            v: 1,
            seq: seq as u64,
            at: Timestamp::UNIX_EPOCH,
            deployment: DeploymentId::new("d1"),
            event: event.clone(),
        };
        events.iter().enumerate().map(record).collect()
    }

    /// What is answered where the first of `events` was there before the request.
    fn told(steer: Steer, events: &[Event]) -> Option<Answer> {
        let records = journal(events);
        answer(
            &records,
            records.get(1..).unwrap_or_default(),
            &request(steer),
        )
    }

    fn trip() -> Trip {
        Trip::Aborted {
            by: "grace@engine".to_owned(),
        }
    }

    fn ended(outcome: Outcome) -> Event {
        Event::Ended { outcome }
    }

    fn going_on(by: &str, full: bool) -> Event {
        let by = by.to_owned();
        Event::GoingOn { by, full }
    }

    const PROMOTE: Steer = Steer::Promote { full: false };
    const STEERS: [Steer; 3] = [Steer::Pause, PROMOTE, Steer::Promote { full: true }];
    const BEFORE: Event = Event::Shifting {
        step: 0,
        weight: Weight::FULL,
    };

    #[test]
    fn a_request_is_taken_where_the_journal_says_so() {
        let ada = "ada@engine";
        let paused = Event::Paused { by: ada.to_owned() };
        for (steer, event) in [
            (Steer::Pause, paused),
            (PROMOTE, going_on(ada, false)),
            (Steer::Promote { full: true }, going_on(ada, true)),
        ] {
            assert_eq!(told(steer.clone(), &[BEFORE]), None);
            assert_eq!(
                told(steer.clone(), &[event.clone(), BEFORE]),
                None,
                "that was before"
            );
            assert_eq!(told(steer, &[BEFORE, event]), Some(Answer::Taken));
        }
        let other = [BEFORE, going_on("grace@engine", false)];
        assert_eq!(told(PROMOTE, &other), None, "somebody else's");
        let reverting = Event::Reverting { trip: trip() };
        assert_eq!(
            told(Steer::Abort, &[BEFORE, reverting]),
            Some(Answer::Taken)
        );
    }

    #[test]
    fn what_goes_on_only_to_be_promoted_was_taken() {
        let events = [
            BEFORE,
            going_on("ada@engine", false),
            ended(Outcome::Promoted),
        ];
        assert_eq!(told(PROMOTE, &events), Some(Answer::Taken));
        let late = Some(Answer::Ended(Outcome::Promoted));
        assert_eq!(told(Steer::Pause, &events), late);
        assert_eq!(told(Steer::Abort, &events), late);
    }

    #[test]
    fn nothing_goes_on_or_stays_that_reverts() {
        for steer in STEERS {
            let mut events = vec![BEFORE, Event::Reverting { trip: trip() }];
            events.push(going_on("ada@engine", true));
            assert_eq!(told(steer.clone(), &events), Some(Answer::Reverts(trip())));
            let outcome = Outcome::Reverted { trip: trip() };
            events.push(ended(outcome.clone()));
            assert_eq!(told(steer, &events), Some(Answer::Ended(outcome)));
        }
    }
}
