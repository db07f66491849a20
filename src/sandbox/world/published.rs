//! What was published, for whoever wants to see it: nobody subscribes to anything here.

use serde_json::Value;

/// How much of each kind is kept.
const KEPT: usize = 1000;

/// SNS's messages and EventBridge's events.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// The input of each Publish that would have been delivered, oldest first.
    pub messages: Vec<Value>,
    /// Each entry of PutEvents that was taken, with its bus's ARN, oldest first.
    pub events: Vec<Value>,
}

impl Published {
    /// Takes a message in.
    pub fn message(&mut self, message: Value) {
        keep(&mut self.messages, message);
    }

    /// Takes an event in.
    pub fn event(&mut self, event: Value) {
        keep(&mut self.events, event);
    }
}

fn keep(all: &mut Vec<Value>, one: Value) {
    if all.len() == KEPT {
        all.remove(0);
    }
    all.push(one);
}
