//! Reads that lag behind writes: what was just written may show some seconds later.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::aws::error::AwsError;

/// How long what was written may not show before it is taken for lost.
const AT_MOST: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_secs(1);

/// Reads again until `shows` says that what was written is there, also where nothing is found yet.
/// Where it never is, what was read last counts.
pub(super) async fn until_shown<T, F>(
    read: impl Fn() -> F,
    shows: impl Fn(&T) -> bool,
) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let until = Instant::now() + AT_MOST;
    loop {
        let found = read().await;
        let is_over = match &found {
            Ok(found) => shows(found),
            Err(error) => !error.is_not_found(),
        };
        if is_over || Instant::now() >= until {
            return found;
        }
        sleep(EVERY).await;
    }
}
