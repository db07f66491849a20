//! What is asked, and what was answered.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::deployment::ids::AlarmName;
use crate::deployment::task_definition::Platform;
use crate::deployment::verification::Check;

/// Something that has a name in a region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InRegion {
    /// The region.
    pub region: String,
    /// The name, or an ARN.
    pub name: String,
}

/// Whether a role's own policies let it do something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The role's ARN.
    pub role: String,
    /// As IAM names it: `logs:CreateLogGroup`.
    pub action: &'static str,
    /// The ARN that it is to be done on.
    pub resource: String,
}

/// What IAM says of a [`Right`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allowed,
    /// Nothing says that it may; a policy of the resource's own isn't looked at.
    NotAllowed,
    /// A policy says that it may not.
    Refused,
}

/// What has to be read; each thing once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asks {
    /// Roles, by name.
    pub roles: BTreeSet<String>,
    /// Images in ECR, by reference.
    pub images: BTreeSet<String>,
    /// Secrets, by ARN or name.
    pub secrets: BTreeSet<InRegion>,
    /// Parameters, by name without a leading `/`.
    pub parameters: BTreeSet<InRegion>,
    /// Log groups, by name.
    pub log_groups: BTreeSet<InRegion>,
    /// What roles have to be allowed.
    pub rights: BTreeSet<Right>,
    /// Alarms.
    pub alarms: BTreeSet<AlarmName>,
}

/// The answers, by what was asked.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Each role's trust policy.
    pub roles: BTreeMap<String, Answer<Value>>,
    /// Each image.
    pub images: BTreeMap<String, Answer<ImageFound>>,
    /// Each secret, without its value.
    pub secrets: BTreeMap<InRegion, Answer<SecretFound>>,
    /// Whether each parameter is there.
    pub parameters: BTreeMap<InRegion, Answer<()>>,
    /// Whether each log group is there.
    pub log_groups: BTreeMap<InRegion, Answer<()>>,
    /// What IAM says of each right.
    pub rights: BTreeMap<Right, Answer<Decision>>,
    /// Whether each alarm is there.
    pub alarms: BTreeMap<AlarmName, Answer<()>>,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// It is there.
    Found(T),
    /// It isn't.
    Missing,
    /// It can't be told, for this reason: the permission that is missing, or AWS's words.
    Unknown(String),
}

impl<T> Answer<T> {
    /// What was found, or the check that says that nothing can be told. `missing` makes the one
    /// for what isn't there.
    pub(super) fn or_check<'a>(
        answer: Option<&'a Answer<T>>,
        kind: &'static str,
        what: &str,
        missing: impl FnOnce() -> Check,
    ) -> Result<&'a T, Check> {
        match answer {
            Some(Answer::Found(found)) => Ok(found),
            Some(Answer::Missing) => Err(missing()),
            Some(Answer::Unknown(why)) => Err(Check::skip(kind, what, why)),
            None => Err(Check::skip(kind, what, "nobody asked")),
        }
    }
}

/// An image as its registry describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFound {
    /// The platforms that it is made for.
    pub platforms: Vec<Platform>,
    /// Why they aren't known, where they aren't.
    pub unread: Option<String>,
}

/// A secret as it is described, without its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretFound {
    /// Whether it is on its way out.
    pub is_deleted: bool,
    /// The labels of each version, by the version's id.
    pub versions: BTreeMap<String, Vec<String>>,
}
