//! The dead-man switch (`deadman`).

use std::time::Duration;

use crate::strategy::{InputError, Node, Reader, format_duration};

/// A shorter one could fire while a push-out that AWS throttles is still being tried again.
const AFTER_AT_LEAST: Duration = Duration::from_secs(120);

pub(super) const DEADMAN_KEYS: [&str; 2] = ["after", "role"];

/// What puts traffic back if every process that drives a deployment dies (`deadman`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadman {
    /// How long after the last sign of life.
    pub after: Duration,
    /// The ARN of the role that EventBridge Scheduler takes on for it.
    pub role: String,
}

pub(super) fn read_deadman(reader: Reader<'_>, node: &Node) -> Result<Deadman, InputError> {
    let fields = reader.fields(node, "{ after, role }", &DEADMAN_KEYS)?;
    let after = reader.duration(fields.required("after")?)?;
    if after < AFTER_AT_LEAST {
        let what = format!(
            "`after` must be at least {}: a push-out that AWS throttles needs time for another try",
            format_duration(AFTER_AT_LEAST)
        );
        return Err(reader.error(fields.place("after"), what));
    }
    let node = fields.required("role")?;
    let role = reader.name(node, "a role's ARN")?;
    if !is_role(&role) {
        let what = format!("{role:?} is not a role's ARN: arn:aws:iam::ACCOUNT:role/NAME");
        return Err(reader.error(node.at, what));
    }
    Ok(Deadman { after, role })
}

fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [prefix, partition, service, region, account, resource] = parts.as_slice() else {
        return false;
    };
    *prefix == "arn"
        && partition.starts_with("aws")
        && (*service, *region) == ("iam", "")
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && resource
            .strip_prefix("role/")
            .is_some_and(|name| !name.is_empty())
}
