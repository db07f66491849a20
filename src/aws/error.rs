//! What AWS, or the way to it, answered instead of a result: one classifier for every service.

use std::error::Error;
use std::fmt;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::SignedDuration;

use super::codes::{of_code, of_status};
use crate::deployment::action::FailureClass;
use crate::strategy::format_duration;

/// A call that did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct AwsError {
    /// The call as IAM names it: `ecs:DescribeServices`.
    pub operation: &'static str,
    /// What the error means for what to do next.
    pub class: ErrorClass,
    /// AWS's error code, where it sent one.
    pub code: Option<String>,
    /// AWS's words, or the network's.
    pub message: String,
    /// The labels of the routes that it concerns; empty where it isn't about routes.
    pub routes: Vec<String>,
}

/// What an error means for what to do next.
///
/// The order is that of severity: of several failures the greatest decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorClass {
    /// Slow down. Nothing happened.
    Throttled,
    /// Never sent: no network, no name, refused.
    NotSent,
    /// The machine's clock is off: nothing happened, and the SDK signs the next try by AWS's clock.
    Skewed,
    /// Something under way is in the way.
    Conflict,
    /// AWS failed inside, or the answer was lost: it may or may not have happened.
    Ambiguous,
    /// No answer in time: it may or may not have happened.
    TimedOut,
    /// Credentials are missing or ran out.
    Expired,
    /// It doesn't exist.
    NotFound,
    /// Wrong: the same call will fail again.
    Invalid,
    /// Not allowed.
    Denied,
}

impl ErrorClass {
    /// Whether it is certain that the call had no effect and worth making again soon.
    pub fn had_no_effect(self) -> bool {
        matches!(
            self,
            ErrorClass::Throttled | ErrorClass::NotSent | ErrorClass::Skewed
        )
    }
}

impl ErrorClass {
    /// Whether the same call may succeed later, as it is.
    pub fn may_pass(self) -> bool {
        !matches!(
            self,
            ErrorClass::NotFound | ErrorClass::Invalid | ErrorClass::Denied
        )
    }
}

impl From<ErrorClass> for FailureClass {
    fn from(class: ErrorClass) -> Self {
        match class {
            ErrorClass::Throttled => FailureClass::Throttled,
            ErrorClass::NotSent => FailureClass::NotSent,
            ErrorClass::Skewed => FailureClass::Skewed,
            ErrorClass::Conflict => FailureClass::Conflict,
            ErrorClass::Ambiguous | ErrorClass::TimedOut => FailureClass::Ambiguous,
            ErrorClass::Expired => FailureClass::Expired,
            ErrorClass::NotFound | ErrorClass::Invalid => FailureClass::Invalid,
            ErrorClass::Denied => FailureClass::Denied,
        }
    }
}

impl From<&AwsError> for FailureClass {
    fn from(error: &AwsError) -> Self {
        error.class.into()
    }
}

impl AwsError {
    /// An error of this program's own making: AWS answered, and what it answered can't be used.
    pub(super) fn invalid(operation: &'static str, message: impl Into<String>) -> Self {
        Self::own(operation, ErrorClass::Invalid, message)
    }

    /// An act as a whole took too long: it may have happened.
    pub fn timed_out(operation: &'static str) -> Self {
        Self::own(operation, ErrorClass::Ambiguous, "it took too long")
    }

    pub(super) fn own(
        operation: &'static str,
        class: ErrorClass,
        message: impl Into<String>,
    ) -> Self {
        AwsError {
            operation,
            class,
            code: None,
            message: message.into(),
            routes: Vec::new(),
        }
    }

    /// Whether the thing asked about doesn't exist.
    pub fn is_not_found(&self) -> bool {
        self.class == ErrorClass::NotFound
    }

    /// What to do where the keys or the clock that requests are signed with are wrong.
    pub fn hint(&self) -> Option<&'static str> {
        const CLOCK: &str = "set this machine's clock: `timedatectl set-ntp true`, or `chronyc \
                             makestep`";
        match self.code.as_deref() {
            _ if self.class == ErrorClass::Skewed => Some(CLOCK),
            Some("InvalidClientTokenId" | "UnrecognizedClientException") => Some(
                "AWS doesn't know this access key: is it deactivated, of another partition, or \
                 without its AWS_SESSION_TOKEN? `aws sts get-caller-identity` tries it",
            ),
            Some(
                "SignatureDoesNotMatch"
                | "InvalidSignatureException"
                | "IncompleteSignature"
                | "IncompleteSignatureException",
            ) => Some(
                "check that AWS_SECRET_ACCESS_KEY (or the profile's) is whole and belongs to the \
                 access key, and that this machine's clock is right; `aws sts \
                 get-caller-identity` tries them",
            ),
            _ => None,
        }
    }

    /// How far this machine's clock is ahead of AWS's, where AWS said so.
    pub(super) fn clock_ahead(&self) -> Option<SignedDuration> {
        (self.class == ErrorClass::Skewed)
            .then(|| skew(&self.message))
            .flatten()
    }

    /// Whether asking again would get the same answer: not allowed, or not known there.
    pub(super) fn is_for_good(&self) -> bool {
        matches!(self.class, ErrorClass::Denied | ErrorClass::Invalid)
    }

    /// The action and the resource that a denial names: `(ecs:UpdateService, arn:…)`.
    fn denied_action(&self) -> (&str, Option<&str>) {
        let word_after = |mark: &str| {
            let (_, rest) = self.message.split_once(mark)?;
            let word = rest.split_whitespace().next()?;
            Some(word.trim_end_matches([',', '.']))
        };
        (
            word_after("not authorized to perform:").unwrap_or(self.operation),
            word_after("on resource:"),
        )
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AwsError {
            operation,
            class,
            code,
            message,
            routes,
        } = self;
        if !routes.is_empty() {
            write!(f, "route {}: ", routes.join(", "))?;
        }
        match class {
            ErrorClass::Denied => {
                let (action, resource) = self.denied_action();
                write!(f, "not allowed: {action}")?;
                if let Some(resource) = resource {
                    write!(f, " on {resource}")?;
                }
                write!(f, "; allow it in the IAM policy of these credentials")
            }
            ErrorClass::Throttled => write!(f, "{operation} is throttled by AWS: {message}"),
            ErrorClass::NotSent => write!(f, "{operation} could not be sent: {message}"),
            ErrorClass::TimedOut => write!(f, "{operation} gave no answer in time: {message}"),
            ErrorClass::Expired => {
                write!(
                    f,
                    "{operation}: the credentials are missing or have run out, renew them: {message}"
                )
            }
            ErrorClass::Skewed => {
                write!(f, "{operation}: this machine's clock ")?;
                match skew(message) {
                    Some(off) => write!(f, "is {}", in_words(off))?,
                    None => write!(f, "is not AWS's")?,
                }
                write!(f, ", set it: {message}")
            }
            _ => match code {
                Some(code) => write!(f, "{operation}: {code}: {message}"),
                None => write!(f, "{operation}: {message}"),
            },
        }
    }
}

/// Makes of the SDK's error what this program acts on.
pub(crate) fn classify<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> AwsError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let own = |class, message: String| AwsError::own(operation, class, message);
    match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let meta = service.err();
            let code = meta.code().map(|code| {
                code.rsplit('#')
                    .next()
                    .unwrap_or(code)
                    .split(':')
                    .next()
                    .unwrap_or(code)
            });
            let message = meta.message().map_or_else(
                || match code {
                    Some(_) => "no message".to_owned(),
                    None if status < 300 => "the answer could not be read".to_owned(),
                    None => format!("HTTP status {status}"),
                },
                str::to_owned,
            );
            let class = of_code(code, &message, status);
            let date = service.raw().headers().get("date");
            let date = date.filter(|_| class == ErrorClass::Skewed && skew(&message).is_none());
            AwsError {
                operation,
                class,
                code: code.map(str::to_owned),
                message: date.map_or(message.clone(), |date| format!("{message} (AWS: {date})")),
                routes: Vec::new(),
            }
        }
        SdkError::ResponseError(response) => {
            let status = response.raw().status().as_u16();
            let words = format!("the answer could not be read (HTTP status {status})");
            own(of_status(status), words)
        }
        SdkError::TimeoutError(_) => own(ErrorClass::TimedOut, chain(error)),
        SdkError::DispatchFailure(failure) => own(of_dispatch(failure), chain(error)),
        SdkError::ConstructionFailure(_) => own(ErrorClass::NotSent, chain(error)),
        _ => own(ErrorClass::Ambiguous, chain(error)),
    }
}

/// Only what certainly never left this machine is [`ErrorClass::NotSent`].
fn of_dispatch(failure: &DispatchFailure) -> ErrorClass {
    let mut source = failure
        .as_connector_error()
        .and_then(|error| Error::source(error));
    while let Some(error) = source {
        if error.downcast_ref::<CredentialsError>().is_some() {
            return ErrorClass::Expired;
        }
        if let Some(error) = error.downcast_ref::<io::Error>()
            && matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::NotFound
            )
        {
            return ErrorClass::NotSent;
        }
        let words = error.to_string();
        if [
            "HTTP connect timeout",
            "client error (Connect)",
            "dns error",
        ]
        .iter()
        .any(|mark| words.contains(mark))
        {
            return ErrorClass::NotSent;
        }
        source = error.source();
    }
    if failure.is_timeout() {
        return ErrorClass::TimedOut;
    }
    ErrorClass::Ambiguous
}

/// How far ahead the clock is that a request was signed by: `Signature expired: SIGNED is now
/// earlier than LIMIT (AWS - 5 min.)`, or `not yet current: SIGNED is still later than …`.
fn skew(message: &str) -> Option<SignedDuration> {
    let times = message.split(|c: char| !c.is_ascii_alphanumeric());
    let times = times.filter_map(|word| {
        let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", word).ok()?;
        time.to_zoned(jiff::tz::TimeZone::UTC).ok()
    });
    let times: Vec<_> = times.collect();
    match times.as_slice() {
        [signed, _, aws] => Some(signed.timestamp().duration_since(aws.timestamp())),
        _ => None,
    }
}

/// A clock's difference: `20m behind AWS's`.
fn in_words(ahead: SignedDuration) -> String {
    let side = if ahead.is_negative() {
        "behind"
    } else {
        "ahead of"
    };
    let by = format_duration(ahead.unsigned_abs());
    format!("{by} {side} AWS's")
}

/// The innermost causes, outermost first, without the wrappers that say nothing.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    const EMPTY: [&str; 4] = ["dispatch failure", "io error", "other", "timeout"];
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let words = error.to_string();
        next = error.source();
        let said = parts.last().is_some_and(|last| last.contains(&words));
        if !said && (next.is_none() || !EMPTY.contains(&words.as_str())) {
            parts.push(words);
        }
    }
    parts.join(": ")
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
