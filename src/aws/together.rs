//! Several futures at once, on the task that waits for them: nothing is spawned, so that the
//! order of calls is the same in every run.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

type Running<F> = (Pin<Box<F>>, Option<<F as Future>::Output>);

/// Runs all of them together; the results come in the order of the futures.
pub(super) async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Running<F>> = futures
        .into_iter()
        .map(|future| (Box::pin(future), None))
        .collect();
    poll_fn(|context| {
        let mut waiting = false;
        for (future, result) in &mut running {
            if result.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *result = Some(value),
                    Poll::Pending => waiting = true,
                }
            }
        }
        match waiting {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    })
    .await;
    running
        .into_iter()
        .filter_map(|(_, result)| result)
        .collect()
}

/// The same, `at_once` of them at a time: for many calls that share a small budget.
pub(super) async fn some<F: Future>(at_once: usize, futures: Vec<F>) -> Vec<F::Output> {
    let mut results = Vec::with_capacity(futures.len());
    let mut futures = futures.into_iter();
    loop {
        let batch: Vec<F> = futures.by_ref().take(at_once).collect();
        if batch.is_empty() {
            return results;
        }
        results.extend(all(batch).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn results_keep_their_order_whoever_ends_first() {
        let wait = |millis| async move {
            tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
            millis
        };
        let start = tokio::time::Instant::now();
        assert_eq!(all([30, 10, 20].map(wait)).await, [30, 10, 20]);
        assert_eq!(start.elapsed().as_millis(), 30);
        let many = [30, 10, 20, 5].map(wait).into();
        assert_eq!(some(2, many).await, [30, 10, 20, 5]);
        assert_eq!(start.elapsed().as_millis(), 30 + 30 + 20);
    }
}
