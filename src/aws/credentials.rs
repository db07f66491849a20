//! Credentials for as long as a deployment takes: kept until shortly before their end, and asked
//! for anew once AWS has said that they are over. Somebody may have renewed them by then.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_async::time::SharedTimeSource;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::error::{AwsError, ErrorClass, chain};
use crate::deployment::observation::CredentialsOver;

/// How long before their end they are renewed: a call that is under way must not outlast them.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// How long one answer of the source is taken for its last word: a look makes several calls at
/// once, and a sign-in must not be tried for each of them.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// For signing in, through STS, SSO or a credential process.
const SIGN_IN_WITHIN: Duration = Duration::from_secs(20);

/// Where credentials come from, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// `profile "prod"`.
    pub(super) which: String,
    /// What to do where they have ended, as it follows a semicolon.
    pub(super) renew: String,
    /// Whether it is a role that the machine has, which renews them by itself.
    pub(super) of_a_role: bool,
}

impl Default for Origin {
    fn default() -> Self {
        Origin {
            which: "their source is not known".to_owned(),
            renew: "renew them where they come from: bg goes on by itself".to_owned(),
            of_a_role: false,
        }
    }
}

/// The credentials that calls are signed with.
#[derive(Clone)]
pub(crate) struct Renewing {
    source: Option<SharedCredentialsProvider>,
    time: SharedTimeSource,
    kept: Arc<Mutex<Kept>>,
    /// Held by the one that asks the source.
    asking: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Kept {
    credentials: Option<Credentials>,
    /// AWS said that they are over.
    refused: bool,
    asked_at: Option<Instant>,
    /// Why the source gave none when it was last asked.
    trouble: Option<String>,
    origin: Origin,
    /// What AWS, or the source, said of them since the last look began.
    over: Option<String>,
}

impl fmt::Debug for Renewing {
    /// Nothing of the credentials themselves.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing").finish_non_exhaustive()
    }
}

impl Renewing {
    pub(super) fn from(source: Option<SharedCredentialsProvider>, time: SharedTimeSource) -> Self {
        Renewing {
            source,
            time,
            kept: Arc::default(),
            asking: Arc::default(),
        }
    }

    /// Begins with credentials that were asked for already: a credential process or a sign-in
    /// isn't run twice.
    pub(super) fn begin_with(&self, first: Credentials, origin: Origin) {
        let mut kept = self.kept();
        kept.credentials = Some(first);
        kept.origin = origin;
    }

    /// Notes what an answer says of them.
    pub(crate) fn heed(&self, error: &AwsError) {
        if error.class == ErrorClass::Expired {
            self.kept().refused = true;
        }
    }

    /// The same for a call on which the next decision rests.
    pub(super) fn heed_in_a_look(&self, error: &AwsError) {
        self.heed(error);
        if error.class == ErrorClass::Expired {
            let mut kept = self.kept();
            let why = kept.trouble.clone();
            kept.over = Some(why.unwrap_or_else(|| error.message.clone()));
        }
    }

    pub(super) fn begin_look(&self) {
        self.kept().over = None;
    }

    /// Whether they were over in the look that ends now.
    pub(super) fn over(&self) -> Option<CredentialsOver> {
        let kept = self.kept();
        let Origin { which, renew, .. } = kept.origin.clone();
        let why = kept.over.clone()?;
        Some(CredentialsOver { which, why, renew })
    }

    /// Where they come from, for people.
    pub(super) fn which(&self) -> String {
        self.kept().origin.which.clone()
    }

    /// When they end, where that is known and nothing renews them by itself.
    pub(super) fn end(&self) -> Option<Timestamp> {
        let kept = self.kept();
        let end = kept.credentials.as_ref()?.expiry()?;
        (!kept.origin.of_a_role).then(|| Timestamp::try_from(end).ok())?
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn current(&self) -> provider::Result {
        if let Some(answer) = self.at_hand() {
            return answer;
        }
        let this = self.clone();
        // On a task of its own: a call that is given up must not cut a sign-in short, or a slow
        // one would never come to its end in a revert.
        let asked = tokio::spawn(async move {
            let _one = this.asking.lock().await;
            match this.at_hand() {
                Some(answer) => answer,
                None => this.ask().await,
            }
        });
        asked
            .await
            .unwrap_or_else(|error| Err(CredentialsError::unhandled(error)))
    }

    /// What needs no asking.
    fn at_hand(&self) -> Option<provider::Result> {
        let kept = self.kept();
        let recently = kept
            .asked_at
            .is_some_and(|at| at.elapsed() < ASK_AGAIN_AFTER);
        let good = |credentials: &&Credentials| !kept.refused && !self.ends_within(credentials);
        if let Some(credentials) = kept.credentials.as_ref().filter(good) {
            return Some(Ok(credentials.clone()));
        }
        match (&kept.trouble, &kept.credentials) {
            _ if !recently => None,
            (Some(why), _) => Some(Err(CredentialsError::provider_error(why.clone()))),
            (None, Some(credentials)) => Some(Ok(credentials.clone())),
            (None, None) => None,
        }
    }

    fn ends_within(&self, credentials: &Credentials) -> bool {
        let soon = self.time.now() + RENEW_BEFORE;
        credentials.expiry().is_some_and(|end| end <= soon)
    }

    fn lasts(&self, credentials: &Credentials) -> bool {
        let now: SystemTime = self.time.now();
        credentials.expiry().is_none_or(|end| end > now)
    }

    async fn ask(&self) -> provider::Result {
        let answer = match &self.source {
            Some(source) => timeout(SIGN_IN_WITHIN, source.provide_credentials()).await,
            None => Ok(Err(CredentialsError::not_loaded("none are set up"))),
        };
        let answer = match answer {
            Ok(Ok(credentials)) => Ok(credentials),
            Ok(Err(error)) => Err(chain(&error)),
            Err(_) => Err(format!(
                "their source gave no answer within {} s",
                SIGN_IN_WITHIN.as_secs()
            )),
        };
        let mut kept = self.kept();
        kept.asked_at = Some(Instant::now());
        match answer {
            Ok(credentials) => {
                // The same again are as refused as they were.
                kept.refused &= kept.credentials.as_ref() == Some(&credentials);
                kept.trouble = None;
                kept.credentials = Some(credentials.clone());
                Ok(credentials)
            }
            Err(why) => match &kept.credentials {
                // Renewing them early failed: they are good for a while.
                Some(last) if !kept.refused && self.lasts(last) => Ok(last.clone()),
                _ => {
                    kept.trouble = Some(why.clone());
                    Err(CredentialsError::provider_error(why))
                }
            },
        }
    }
}

impl ProvideCredentials for Renewing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
