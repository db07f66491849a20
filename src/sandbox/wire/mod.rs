//! AWS's wire protocols in front of the world.

pub mod cbor;
pub mod cloudwatch;
pub mod elbv2;
pub mod query;

/// An error as AWS answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// AWS's error code.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// HTTP status.
    pub status: u16,
}
