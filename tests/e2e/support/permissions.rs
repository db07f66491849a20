//! Every scene ends with this: nothing was asked of its region that `bg iam-policy` doesn't print
//! for its config.

#[path = "../../support/iam.rs"]
mod iam;

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde_json::Value;
use tempfile::TempDir;

use super::{CONFIG, Scene, bare};

pub(crate) use iam::refused;

impl Scene {
    /// What IAM would have had to allow so far for `bg` itself.
    pub(crate) fn needs(&self) -> Vec<Value> {
        let answer = self.get("/needs").unwrap_or_default();
        serde_json::from_str(&answer).unwrap_or_default()
    }

    /// Has what is done here also be what the policy for another config allows.
    pub(crate) fn is_also_for(&self, changes: &[(&str, &str)]) {
        let changed = |config: String, (from, to): &(&str, &str)| config.replace(from, to);
        let config = changes.iter().fold(CONFIG.to_owned(), changed);
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        configs.push(config);
    }

    /// Has a service adopted in it.
    pub(crate) fn adopting(self) -> Scene {
        self.adopts.store(true, Ordering::Relaxed);
        self
    }

    /// The policies for everything that bg.yaml was, but for what it can't be.
    pub(crate) fn policies(&self) -> Vec<Value> {
        let configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        // `bg init` may have written one since.
        let now = std::fs::read_to_string(self.folder().join("bg.yaml")).ok();
        let new = now.filter(|now| !configs.contains(now));
        let configs = configs.iter().chain(&new);
        configs.filter_map(|config| policy(config)).collect()
    }
}

/// What `bg iam-policy` prints for a config, for the sandbox's account and region.
pub(crate) fn policy(config: &str) -> Option<Value> {
    let folder = TempDir::new().expect("a temporary folder");
    std::fs::write(folder.path().join("bg.yaml"), config).expect("it can be written to");
    let printed = bare(folder.path(), &[], &["iam-policy"]);
    // The sandbox's account, for configs without one.
    let text = printed.stdout.replace("${account}", "123456789012");
    (printed.code == 0).then(|| serde_json::from_str(&text).expect("it stays JSON"))
}

/// What only `bg init` writes, which no config's policy is for.
const ADOPTING: [&str; 3] = [
    "elasticloadbalancing:CreateTargetGroup",
    "elasticloadbalancing:ModifyTargetGroupAttributes",
    "elasticloadbalancing:AddTags",
];

/// Whether `bg init` may do this: look at anything, and add what a service lacks.
fn is_adopting(need: &Value) -> bool {
    let action = need["action"].as_str().unwrap_or_default();
    let reads = ["Describe", "List", "Get"];
    let operation = action.split(':').nth(1).unwrap_or_default();
    ADOPTING.contains(&action) || reads.iter().any(|verb| operation.starts_with(verb))
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let needs = self.needs();
        let mut refused = refused(&self.policies(), &needs);
        let adopts = self.adopts.load(Ordering::Relaxed);
        refused.retain(|need| !adopts || !is_adopting(need));
        assert!(refused.is_empty(), "not in the policy: {refused:#?}");
    }
}
