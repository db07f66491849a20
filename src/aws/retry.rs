//! Repeating calls: little, with jitter, and only where that can do no harm. The SDK's own
//! retries are off, because it doesn't know which write brings users back to a healthy side.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::Instant;

use super::cloud::Cloud;
use super::error::{AwsError, ErrorClass, classify};

/// The longest pause between two tries.
const PAUSE_AT_MOST: Duration = Duration::from_secs(2);

tokio::task_local! {
    /// Until when a call that AWS throttles is sent again, however often that is.
    static PATIENT_UNTIL: Instant;
}

/// Makes calls for which nobody's traffic waits, such as those that planning takes: for so long,
/// one that AWS throttles is sent again. In the loop the next look comes soon enough.
pub(super) async fn patiently<F: Future>(at_most: Duration, calls: F) -> F::Output {
    PATIENT_UNTIL.scope(Instant::now() + at_most, calls).await
}

/// What a call does, and with it when it may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: repeated unless the answer only is late.
    Reads,
    /// Something: repeated only where it is certain that nothing happened.
    Writes,
    /// Tells people something: twice is better than not at all.
    Tells,
    /// Puts traffic back. Writing the same once more does no harm and may save users: repeated
    /// fast, whatever came of the last try.
    Reverts,
    /// Reads or writes the store. Every write there has a condition, so that a repeat finds what
    /// the last try did: repeated fast, whatever came of that.
    Stores,
}

impl Effect {
    /// First pause; it doubles with each further try.
    fn pause(self) -> Duration {
        Duration::from_millis(match self {
            Effect::Reads | Effect::Writes | Effect::Tells => 200,
            Effect::Reverts | Effect::Stores => 50,
        })
    }

    fn tries(self) -> u32 {
        match self {
            Effect::Reads | Effect::Writes | Effect::Tells => 3,
            Effect::Stores => 4,
            Effect::Reverts => 5,
        }
    }

    /// How long one try may take beside the client's own limit: a connection that hangs must not
    /// keep traffic on a bad green when another would do, nor a whole round of the loop waiting
    /// for a store that answers within milliseconds.
    fn answer_within(self) -> Option<Duration> {
        match self {
            Effect::Reads | Effect::Writes | Effect::Tells => None,
            Effect::Reverts | Effect::Stores => Some(Duration::from_secs(2)),
        }
    }

    fn may_repeat(self, class: ErrorClass) -> bool {
        match self {
            Effect::Reads | Effect::Tells => {
                class.had_no_effect() || class == ErrorClass::Ambiguous
            }
            Effect::Writes => class.had_no_effect(),
            Effect::Reverts | Effect::Stores => {
                class.had_no_effect()
                    || matches!(class, ErrorClass::Ambiguous | ErrorClass::TimedOut)
            }
        }
    }
}

impl Cloud {
    /// Makes a call, again where [`Effect`] allows.
    pub(super) async fn call<T, E, F>(
        &self,
        operation: &'static str,
        effect: Effect,
        mut send: impl FnMut() -> F,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        self.repeat(operation, effect, || {
            let sent = send();
            async move { sent.await.map_err(|error| classify(operation, &error)) }
        })
        .await
    }

    /// The same where the answer is read from the body as it came. A body that can't be read
    /// counts as an answer that was lost: the SDK reads some torn bodies as if they were whole.
    pub(super) async fn call_and_read<T, E, F>(
        &self,
        operation: &'static str,
        effect: Effect,
        mut send: impl FnMut() -> F,
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<Vec<u8>, SdkError<E, HttpResponse>>>,
    {
        let read = &read;
        self.repeat(operation, effect, || {
            let sent = send();
            async move {
                let body = sent.await.map_err(|error| classify(operation, &error))?;
                read(&body).map_err(|why| {
                    let words = format!("the answer could not be read: {why}");
                    AwsError::own(operation, ErrorClass::Ambiguous, words)
                })
            }
        })
        .await
    }

    /// Every call of this program to AWS, but for those to its own store, goes through here. It
    /// waits for its budget, unless it puts traffic back.
    async fn repeat<T, F>(
        &self,
        operation: &'static str,
        effect: Effect,
        mut send: impl FnMut() -> F,
    ) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, AwsError>>,
    {
        // Boxed: futures of futures of the SDK's grow too deep for the compiler.
        Box::pin(repeat(operation, effect, || {
            let wait = self.budgets().take(operation);
            let sent = send();
            async move {
                if effect != Effect::Reverts && !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                let answer = sent.await;
                let failed = answer.as_ref().err().map(|error| error.class);
                self.budgets().heed(operation, failed);
                if let Err(error) = &answer {
                    self.heed(error);
                }
                answer
            }
        }))
        .await
    }
}

/// Sends, and again where [`Effect`] allows.
pub(crate) async fn repeat<T, F>(
    operation: &'static str,
    effect: Effect,
    mut send: impl FnMut() -> F,
) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let mut tried = 0;
    loop {
        let sent = send();
        let answer = match effect.answer_within() {
            None => sent.await,
            Some(within) => tokio::time::timeout(within, sent)
                .await
                .unwrap_or_else(|_| {
                    let words = format!("no answer within {} s", within.as_secs());
                    Err(AwsError::own(operation, ErrorClass::TimedOut, words))
                }),
        };
        let error = match answer {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        tried += 1;
        let patient = error.class == ErrorClass::Throttled
            && PATIENT_UNTIL.try_with(|end| Instant::now() < *end) == Ok(true);
        let again = effect.may_repeat(error.class) && (tried < effect.tries() || patient);
        if !again {
            return Err(error);
        }
        let most = effect.pause() * 2u32.saturating_pow(tried - 1);
        let most = most.min(PAUSE_AT_MOST);
        // Between half and all of it, so that those who were throttled together come back apart.
        tokio::time::sleep(most.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::aws::canned::{Answer, Canned};

    /// How often a call goes out when it is answered like this every time, and how long it takes.
    async fn tries(effect: Effect, answer: fn() -> Answer) -> (usize, Duration) {
        let canned = Canned::new(move |_| answer());
        let cloud = canned.cloud();
        let start = tokio::time::Instant::now();
        let send = || cloud.ecs().list_clusters().send();
        let result = cloud.call("ecs:ListClusters", effect, send).await;
        assert!(result.is_err());
        (canned.operations().len(), start.elapsed())
    }

    fn throttled() -> Answer {
        Answer::json_error(400, "ThrottlingException", "Rate exceeded")
    }

    fn broken_inside() -> Answer {
        Answer::json_error(500, "ServerException", "sorry")
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_repeated_unless_the_same_would_come_again() {
        assert_eq!(tries(Effect::Reads, throttled).await.0, 3);
        assert_eq!(tries(Effect::Reads, broken_inside).await.0, 3);
        assert_eq!(
            tries(Effect::Reads, || Answer::Broken(ErrorKind::ConnectionReset))
                .await
                .0,
            3
        );
        let denied = || Answer::json_error(400, "AccessDeniedException", "no");
        assert_eq!(tries(Effect::Reads, denied).await.0, 1);
        assert_eq!(tries(Effect::Reads, || Answer::Silence).await.0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_may_have_happened_is_not_repeated() {
        assert_eq!(tries(Effect::Writes, broken_inside).await.0, 1);
        assert_eq!(tries(Effect::Writes, || Answer::Silence).await.0, 1);
        assert_eq!(
            tries(Effect::Writes, || Answer::Broken(
                ErrorKind::ConnectionReset
            ))
            .await
            .0,
            1
        );
        assert_eq!(tries(Effect::Writes, throttled).await.0, 3);
        assert_eq!(
            tries(Effect::Writes, || Answer::Broken(
                ErrorKind::ConnectionRefused
            ))
            .await
            .0,
            3
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_people_are_told_is_sent_again_where_it_may_have_got_lost() {
        assert_eq!(tries(Effect::Tells, broken_inside).await.0, 3);
        assert_eq!(tries(Effect::Tells, throttled).await.0, 3);
        let denied = || Answer::json_error(400, "AccessDeniedException", "no");
        assert_eq!(tries(Effect::Tells, denied).await.0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_revert_is_repeated_fast_whatever_came_of_it() {
        let (times, took) = tries(Effect::Reverts, broken_inside).await;
        assert_eq!(times, 5);
        assert!(took < Duration::from_secs(1), "{took:?}");
        let denied = || Answer::json_error(400, "AccessDeniedException", "no");
        assert_eq!(tries(Effect::Reverts, denied).await.0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_revert_that_hangs_is_sent_again_before_the_clients_own_limit() {
        let (times, took) = tries(Effect::Reverts, || Answer::Silence).await;
        assert_eq!(times, 5);
        assert!(took < Duration::from_secs(12), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_to_the_store_is_repeated_whatever_came_of_it() {
        assert_eq!(tries(Effect::Stores, throttled).await.0, 4);
        assert_eq!(tries(Effect::Stores, broken_inside).await.0, 4);
        let (times, took) = tries(Effect::Stores, || Answer::Silence).await;
        assert_eq!(times, 4);
        assert!(took < Duration::from_secs(9), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_patient_caller_waits_for_what_is_throttled_and_for_nothing_else() {
        let at_most = Duration::from_secs(30);
        let (times, took) = patiently(at_most, tries(Effect::Reads, throttled)).await;
        assert!((10..60).contains(&times), "{times}");
        assert!(
            took >= at_most && took < at_most + 2 * PAUSE_AT_MOST,
            "{took:?}"
        );
        let (times, _) = patiently(at_most, tries(Effect::Reads, broken_inside)).await;
        assert_eq!(times, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_succeeds_at_last_gives_its_answer() {
        let mut left = 2;
        let canned = Canned::new(move |_| {
            left -= 1;
            if left > 0 {
                throttled()
            } else {
                Answer::ok("{\"clusterArns\":[\"x\"]}")
            }
        });
        let cloud = canned.cloud();
        let listed = cloud.list_clusters(serde_json::json!({})).await.unwrap();
        assert_eq!(listed["clusterArns"][0], "x");
    }
}
