//! The dead-man switch: one schedule per route at AWS that puts everything back on blue unless it
//! is pushed out in time. Its times and names. Pure.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::ActName;
use super::decide::after;
use super::ids::{ClusterName, DeploymentId, RoleArn, RouteArn, ScheduleName, ServiceName};
use super::state::Failure;

/// A schedule's name has at most 64 characters; these are what is left for its readable parts.
const SERVICE_CHARS: usize = 20;
const DEPLOYMENT_CHARS: usize = 20;

/// The switch as it was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadman {
    /// How long after the last push-out it fires.
    #[serde(with = "super::seconds")]
    pub after: Duration,
    /// The role that EventBridge Scheduler takes on to write the weights.
    pub role: RoleArn,
    /// What earlier deployments of this service left behind, to be removed first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<ScheduleName>,
}

impl Deadman {
    /// When one that fires at `until` is to be pushed out: a quarter of its time after it was.
    pub fn push_out_at(&self, until: Timestamp) -> Timestamp {
        before(until, self.after * 3 / 4)
    }

    /// When one that fires at `until` and can't be pushed out is reason to revert: pushing it out
    /// has failed for half of its time, and it would fire anyway.
    pub fn give_up_at(&self, until: Timestamp) -> Timestamp {
        before(until, self.after / 4)
    }

    /// When it fires if it is armed now: whole seconds, as a schedule has them.
    pub fn until(&self, now: Timestamp) -> Timestamp {
        let until = after(now, self.after);
        let up = i64::from(until.subsec_nanosecond() > 0);
        Timestamp::from_second(until.as_second() + up).unwrap_or(until)
    }
}

fn before(at: Timestamp, sooner: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(sooner)
        .ok()
        .and_then(|sooner| at.checked_sub(sooner).ok())
        .unwrap_or(Timestamp::MIN)
}

/// What is known of a deployment's switch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadmanState {
    /// When it fires, if it is armed on every route.
    pub armed_until: Option<Timestamp>,
    /// Whether some schedule may be there: armed, being armed, or left behind.
    pub may_exist: bool,
    /// The last act on it, and how it failed, if it did. What else comes forward doesn't clear it.
    pub failure: Option<(ActName, Failure)>,
}

/// What the names of all schedules of a service begin with. The hash keeps services of one name
/// in two clusters apart.
pub fn prefix(cluster: &ClusterName, service: &ServiceName) -> String {
    let readable = legal(service.as_str(), SERVICE_CHARS);
    let both = format!("{cluster}/{service}");
    format!("bg.{readable}.{}.", hash(&both))
}

/// The schedule of one route: `bg.SERVICE.HASH.DEPLOYMENT.ROUTE`, at most 64 characters.
pub fn name(
    cluster: &ClusterName,
    service: &ServiceName,
    deployment: &DeploymentId,
    route: &RouteArn,
) -> ScheduleName {
    let deployment = legal(deployment.as_str(), DEPLOYMENT_CHARS);
    let (prefix, route) = (prefix(cluster, service), hash(route.as_str()));
    ScheduleName::new(format!("{prefix}{deployment}.{route}"))
}

/// A token for one call: the same call repeated has the same one, the next push-out another.
pub fn token(verb: &str, name: &ScheduleName, until: Timestamp) -> String {
    format!("{verb}-{}-{}", hash(name.as_str()), until.as_second())
}

/// What schedules may be called, and no longer.
fn legal(text: &str, chars: usize) -> String {
    let fit = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '-' || c == '_' => c,
        _ => '-',
    };
    text.chars().map(fit).take(chars).collect()
}

/// Eight hexadecimal digits of a text (FNV-1a): the same on every machine.
fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(cluster: &str, service: &str, route: &str) -> String {
        name(
            &ClusterName::new(cluster),
            &ServiceName::new(service),
            &DeploymentId::new("20260105-071400-k3v9"),
            &RouteArn::new(route),
        )
        .as_str()
        .to_owned()
    }

    #[test]
    fn names_are_legal_and_tell_clusters_services_and_routes_apart() {
        let long = "a service/with a very long name and blanks".repeat(3);
        let names = [
            named("prod", "shop", "arn:1"),
            named("prod", "shop", "arn:2"),
            named("test", "shop", "arn:1"),
            named("prod", &long, "arn:1"),
            named("prod", &format!("{long}2"), "arn:1"),
        ];
        for name in &names {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            assert!(name.len() <= 64 && name.bytes().all(allowed), "{name}");
        }
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert_eq!(
            names[0],
            "bg.shop.HASH.20260105-071400-k3v9.ROUTE"
                .replace("HASH", &hash("prod/shop"))
                .replace("ROUTE", &hash("arn:1"))
        );
    }

    #[test]
    fn it_is_pushed_out_every_quarter_and_given_up_a_quarter_before_it_fires() {
        let deadman = Deadman {
            after: Duration::from_secs(300),
            role: RoleArn::new("arn:aws:iam::123456789012:role/deadman"),
            leftovers: Vec::new(),
        };
        let now: Timestamp = "2026-01-05T07:14:00.2Z".parse().unwrap();
        let until = deadman.until(now);
        assert_eq!(until.to_string(), "2026-01-05T07:19:01Z");
        let clock = |at: Timestamp| at.to_string();
        assert_eq!(clock(deadman.push_out_at(until)), "2026-01-05T07:15:16Z");
        assert_eq!(clock(deadman.give_up_at(until)), "2026-01-05T07:17:46Z");
    }
}
