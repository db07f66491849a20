//! Errors as AWS answers them.

use serde_json::{Map, Value};

/// An error as AWS answers it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// AWS's error code.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// HTTP status.
    pub status: u16,
    /// More fields of the answer, where a service says more.
    pub details: Map<String, Value>,
}

impl AwsError {
    /// The caller's mistake: status 400.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            status: 400,
            details: Map::new(),
        }
    }

    /// The same with more fields in its answer.
    #[must_use]
    pub fn with_details(mut self, details: impl IntoIterator<Item = (String, Value)>) -> Self {
        self.details.extend(details);
        self
    }

    /// The same with another HTTP status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// An operation that nobody here knows.
    pub fn unknown_operation(name: &str) -> Self {
        Self::new(
            "UnknownOperationException",
            format!("The operation {name} is not known in the sandbox region."),
        )
    }

    /// ECS's `InvalidParameterException`.
    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// ECS's `ClientException`.
    pub fn client(message: impl Into<String>) -> Self {
        Self::new("ClientException", message)
    }
}
