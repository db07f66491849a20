//! CloudWatch's figures for the pages: asked at most once a minute for each deployment, however many
//! pages there are and whoever leaves before the answer.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use crate::aws::Cloud;
use crate::deployment::ids::DeploymentId;
use crate::deployment::metrics::Minutes;
use crate::deployment::plan::Plan;
use crate::report::html::Measured;

/// How long CloudWatch is waited for: a page is whole without it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// What CloudWatch said of each deployment.
#[derive(Debug)]
pub(super) struct Figures {
    cloud: Arc<Cloud>,
    /// Under a lock of its own each: pages that ask at once wait for one answer.
    known: Mutex<BTreeMap<DeploymentId, Known>>,
}

/// What it said, and when.
type Known = Arc<tokio::sync::Mutex<Option<(Instant, Measured)>>>;

impl Figures {
    pub(super) fn new(cloud: Cloud) -> Figures {
        Figures {
            cloud: Arc::new(cloud),
            known: Mutex::default(),
        }
    }

    /// Those of a deployment up to `last`, no older than `good_for`. It takes ten seconds at most,
    /// and an answer that comes later is kept for who asks then.
    pub(super) async fn of(&self, plan: &Plan, last: Timestamp, good_for: Duration) -> Measured {
        let (cloud, plan) = (Arc::clone(&self.cloud), plan.clone());
        let known = self.known(&plan.id);
        let question = async move { cloud.minutes(&plan, last).await };
        once(known, good_for, question).await
    }

    fn known(&self, id: &DeploymentId) -> Known {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(id.clone()).or_default())
    }
}

/// What is known, if it is good for so long; what is answered otherwise.
async fn once<E: Display>(
    known: Known,
    good_for: Duration,
    question: impl Future<Output = Result<Minutes, E>> + Send + 'static,
) -> Measured {
    // A task of its own: whoever waits for the answer gets it, although the page that asked is gone.
    let asked = tokio::spawn(async move {
        let mut known = known.lock().await;
        if let Some((at, measured)) = known.as_ref()
            && at.elapsed() < good_for
        {
            return measured.clone();
        }
        let measured = match timeout(ANSWERS_WITHIN, question).await {
            Ok(Ok(minutes)) => Measured::Minutes(minutes),
            Ok(Err(error)) => Measured::not_read(&error.to_string()),
            Err(_) => silent(),
        };
        *known = Some((Instant::now(), measured.clone()));
        measured
    });
    match timeout(ANSWERS_WITHIN, asked).await {
        Ok(Ok(measured)) => measured,
        Ok(Err(_)) | Err(_) => silent(),
    }
}

fn silent() -> Measured {
    Measured::not_read("it did not answer in time")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::sleep;

    use super::*;

    const GOOD_FOR: Duration = Duration::from_mins(1);

    /// A CloudWatch that takes so long, and how often it was asked.
    #[derive(Clone)]
    struct Slow(Duration, Arc<AtomicUsize>);

    impl Slow {
        fn taking(seconds: u64) -> Slow {
            Slow(Duration::from_secs(seconds), Arc::default())
        }

        /// A page, and how long it waited.
        async fn page(self, known: Known) -> (Measured, Duration) {
            let began = Instant::now();
            let measured = once(known, GOOD_FOR, async move {
                self.1.fetch_add(1, Ordering::Relaxed);
                sleep(self.0).await;
                Ok::<_, String>(Minutes::new())
            });
            (measured.await, began.elapsed())
        }

        fn asks(&self) -> usize {
            self.1.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_for_all_who_wait_although_the_one_who_asked_is_gone() {
        let (slow, known) = (Slow::taking(9), Known::default());
        let gone = tokio::spawn(slow.clone().page(Arc::clone(&known)));
        sleep(Duration::from_secs(1)).await;
        let stays = tokio::spawn(slow.clone().page(Arc::clone(&known)));
        sleep(Duration::from_secs(7)).await;
        gone.abort();
        let (measured, waited) = stays.await.expect("it stays");
        assert_eq!(measured, Measured::Minutes(Minutes::new()));
        assert_eq!(waited, Duration::from_secs(8));
        assert_eq!(slow.asks(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn no_page_waits_longer_than_cloudwatch_may_take() {
        let (slow, known) = (Slow::taking(3_600), Known::default());
        let mut pages = Vec::new();
        for _ in 0..10 {
            pages.push(tokio::spawn(slow.clone().page(Arc::clone(&known))));
            sleep(Duration::from_secs(3)).await;
        }
        for page in pages {
            let (measured, waited) = page.await.expect("it ends");
            assert_eq!(measured, silent());
            assert!(waited <= ANSWERS_WITHIN, "{waited:?}");
        }
        assert_eq!(slow.asks(), 1, "its silence is known for a while");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_old_is_asked_again() {
        let (slow, known) = (Slow::taking(1), Known::default());
        for asks in [1, 1, 2] {
            slow.clone().page(Arc::clone(&known)).await;
            assert_eq!(slow.asks(), asks);
            sleep(GOOD_FOR * 2 / 3).await;
        }
    }
}
