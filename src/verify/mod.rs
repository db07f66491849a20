//! What a version needs beside ECS and its load balancer before its tasks can start: roles, images,
//! secrets, log groups, volumes, and the alarms that are to watch it. Pure: [`asks`] says what has to be
//! read, and [`judge`] holds the answers against it; who reads is `aws`.
//!
//! One file per family of checks. To add a check: name what it has to read in its family's `asks`,
//! and judge that in its `judge`. What can't be told is SKIP with the reason, never NG.

mod alarms;
mod exec;
mod facts;
mod files;
mod images;
mod logs;
mod roles;
mod secrets;
mod subject;
#[cfg(test)]
mod testing;
mod volumes;

pub use crate::deployment::task_definition::Platform;
pub use facts::{Answer, Asks, Decision, Facts, ImageFound, InRegion, Right, SecretFound};
pub use subject::Subject;

use crate::deployment::verification::Check;

/// Everything that has to be read.
pub fn asks(subject: &Subject) -> Asks {
    let mut asks = Asks::default();
    roles::asks(subject, &mut asks);
    exec::asks(subject, &mut asks);
    images::asks(subject, &mut asks);
    secrets::asks(subject, &mut asks);
    files::asks(subject, &mut asks);
    logs::asks(subject, &mut asks);
    alarms::asks(subject, &mut asks);
    asks
}

/// What comes of the answers, family by family.
pub fn judge(subject: &Subject, facts: &Facts) -> Vec<Check> {
    let mut checks = roles::judge(subject, facts);
    checks.extend(exec::judge(subject, facts));
    checks.extend(images::judge(subject, facts));
    checks.extend(secrets::judge(subject, facts));
    checks.extend(files::judge(subject, facts));
    checks.extend(logs::judge(subject, facts));
    checks.extend(volumes::judge(subject));
    checks.extend(alarms::judge(subject, facts));
    checks
}
