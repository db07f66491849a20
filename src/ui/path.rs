//! What an address means. Pure.

use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::report::html::escaped;
use crate::store::Steer;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// All services.
    Services,
    /// A service's deployments.
    History(ServiceName),
    /// A deployment.
    Deployment(ServiceName, DeploymentId),
}

impl Shown {
    /// Its address.
    pub(super) fn path(&self) -> String {
        match self {
            Shown::Services => "/".to_owned(),
            Shown::History(service) => format!("/services/{}", escaped(service.as_str())),
            Shown::Deployment(service, id) => {
                format!(
                    "/services/{}/{}",
                    escaped(service.as_str()),
                    escaped(id.as_str())
                )
            }
        }
    }
}

/// What is asked of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A page.
    Page(Shown),
    /// The same, over and over.
    Events(Shown),
    /// To steer a deployment.
    Steer(ServiceName, DeploymentId, Steer),
    /// The pages' script.
    Script,
    /// Figures for Prometheus.
    Metrics,
    /// There is no such thing.
    Nothing,
}

/// What a path means, whatever its method.
pub(super) fn wanted(path: &str) -> Wanted {
    let parts: Option<Vec<String>> = path.trim_matches('/').split('/').map(unescaped).collect();
    let Some(parts) = parts else {
        return Wanted::Nothing;
    };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let service = |name: &str| ServiceName::new(name);
    match parts[..] {
        [""] => Wanted::Page(Shown::Services),
        ["events"] => Wanted::Events(Shown::Services),
        ["live.js"] => Wanted::Script,
        ["metrics"] => Wanted::Metrics,
        ["services", name] => Wanted::Page(Shown::History(service(name))),
        ["services", name, "events"] => Wanted::Events(Shown::History(service(name))),
        ["services", name, id] => {
            Wanted::Page(Shown::Deployment(service(name), DeploymentId::new(id)))
        }
        ["services", name, id, "events"] => {
            Wanted::Events(Shown::Deployment(service(name), DeploymentId::new(id)))
        }
        ["services", name, id, what] => match steer(what) {
            Some(steer) => Wanted::Steer(service(name), DeploymentId::new(id), steer),
            None => Wanted::Nothing,
        },
        _ => Wanted::Nothing,
    }
}

fn steer(what: &str) -> Option<Steer> {
    Some(match what {
        "pause" => Steer::Pause,
        "promote" => Steer::Promote { full: false },
        "promote-full" => Steer::Promote { full: true },
        "abort" => Steer::Abort,
        "approve" => Steer::Approve,
        "reject" => Steer::Reject { why: None },
        _ => return None,
    })
}

/// `None` where it is no text.
fn unescaped(part: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                after
            }
            (b'%', _) => return None,
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_under_its_own_path() {
        let service = ServiceName::new("shop & co/ü%");
        let id = DeploymentId::new("20260105-071400-k3v9");
        for shown in [
            Shown::Services,
            Shown::History(service.clone()),
            Shown::Deployment(service.clone(), id.clone()),
        ] {
            let path = shown.path();
            assert_eq!(wanted(&path), Wanted::Page(shown.clone()), "{path}");
            let events = format!("{}/events", path.trim_end_matches('/'));
            assert_eq!(wanted(&events), Wanted::Events(shown), "{events}");
        }
    }

    #[test]
    fn steering_is_known_by_its_last_part() {
        let path = |what: &str| wanted(&format!("/services/shop/d1/{what}"));
        let steer = |steer| Wanted::Steer(ServiceName::new("shop"), DeploymentId::new("d1"), steer);
        assert_eq!(path("pause"), steer(Steer::Pause));
        assert_eq!(path("promote-full"), steer(Steer::Promote { full: true }));
        assert_eq!(path("abort"), steer(Steer::Abort));
        assert_eq!(path("approve"), steer(Steer::Approve));
        assert_eq!(path("reject"), steer(Steer::Reject { why: None }));
        assert_eq!(path("delete"), Wanted::Nothing);
    }

    #[test]
    fn what_is_no_path_of_ours_is_nothing() {
        for path in [
            "/services",
            "/services/%",
            "/services/%zz",
            "/services/%ff",
            "/a/b/c/d/e",
            "/../x",
        ] {
            assert_eq!(wanted(path), Wanted::Nothing, "{path}");
        }
    }
}
