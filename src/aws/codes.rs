//! AWS's error codes, and what they mean for what to do next.

use super::error::ErrorClass;

/// Codes that mean: slow down, or come again.
const THROTTLED: [&str; 11] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "RequestThrottled",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "SlowDown",
    "TransactionConflictException",
    "TransactionInProgressException",
];
/// The same in the words of services that have one code for several troubles: DynamoDB lists why
/// it cancelled a transaction.
const THROTTLED_WORDS: [&str; 4] = [
    "Rate exceeded",
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
];
/// Codes that mean: these credentials are over, or AWS has never heard of them.
const EXPIRED: [&str; 6] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
];
/// Codes that mean: signed minutes ago, or in the future.
const SKEWED: [&str; 2] = ["RequestTimeTooSkewed", "RequestInTheFuture"];
/// The same, under the codes for any signature that doesn't fit.
const SKEWED_WORDS: [&str; 2] = ["Signature expired: ", "Signature not yet current: "];
/// Codes that mean: not allowed.
const DENIED: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "NotAuthorized",
    "AuthorizationError",
];
/// Codes that mean: something else is under way.
const CONFLICT: [&str; 7] = [
    "ConditionalCheckFailedException",
    "ConflictException",
    "OperationInProgress",
    // Of a Lambda function that is being made, or changed.
    "ResourceConflictException",
    "UpdateInProgressException",
    "ResourceInUse",
    "ResourceInUseException",
];
/// What ECS says, under its codes for wrong input, about a state that passes.
const CONFLICT_WORDS: [&str; 2] = ["still Draining", "service was not idempotent"];
/// What ECS says, under its codes for wrong input, about things that don't exist.
const NOT_FOUND_WORDS: [&str; 2] = [
    "Unable to describe task definition",
    "TaskDefinition not found",
];

pub(super) fn of_code(code: Option<&str>, message: &str, status: u16) -> ErrorClass {
    let Some(code) = code else {
        return of_status(status);
    };
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    if THROTTLED.contains(&code) || status == 429 || says(&THROTTLED_WORDS) {
        ErrorClass::Throttled
    } else if SKEWED.contains(&code) || says(&SKEWED_WORDS) {
        ErrorClass::Skewed
    } else if EXPIRED.contains(&code) {
        ErrorClass::Expired
    } else if DENIED.contains(&code) {
        ErrorClass::Denied
    } else if CONFLICT.contains(&code) || says(&CONFLICT_WORDS) {
        ErrorClass::Conflict
    } else if code.ends_with("NotFound")
        || code.ends_with("NotFoundException")
        || code.starts_with("NoSuch")
        || says(&NOT_FOUND_WORDS)
    {
        ErrorClass::NotFound
    } else if status >= 500 {
        ErrorClass::Ambiguous
    } else {
        ErrorClass::Invalid
    }
}

pub(super) fn of_status(status: u16) -> ErrorClass {
    match status {
        429 => ErrorClass::Throttled,
        401 | 403 => ErrorClass::Denied,
        404 | 405 | 400 => ErrorClass::Invalid,
        _ => ErrorClass::Ambiguous,
    }
}
