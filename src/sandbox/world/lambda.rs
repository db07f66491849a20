//! Lambda functions, as far as hooks go: every function exists and answers as its name says.

use serde_json::Value;
use std::collections::BTreeMap;

/// Calls of functions.
#[derive(Debug, Clone, Default)]
pub struct Lambda {
    /// What functions were called with, oldest first, each with the function's ARN.
    pub events: Vec<(String, Value)>,
    /// How often each execution of a hook was asked.
    pub asked: BTreeMap<String, u64>,
}
