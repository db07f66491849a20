//! Where a request goes: rule by priority, group by weight or cookie, target in turn.

use super::{Elb, Forward, Outcome, Redirect, TargetGroup, TargetId};
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;

/// A request, as far as routing looks at it.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The `Host` header.
    pub host: &'a str,
    /// The path, without query.
    pub path: &'a str,
    /// The query, without its question mark.
    pub query: Option<&'a str>,
    /// The method, in capitals.
    pub method: &'a str,
    /// All headers.
    pub headers: &'a [(String, String)],
    /// The client's address.
    pub source: IpAddr,
    /// The client's stickiness cookie.
    pub pin: Option<Pin>,
}

impl Request<'_> {
    /// `GET /` from loopback, without cookies: what synthetic users send.
    pub fn plain() -> Self {
        Self {
            host: "localhost",
            path: "/",
            query: None,
            method: "GET",
            headers: &[],
            source: IpAddr::from([127, 0, 0, 1]),
            pin: None,
        }
    }
}

/// A client's tie to a target group: the content of the cookies AWSALBTG and AWSALBTGCORS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The last part of the group's ARN.
    pub group: String,
    /// When the tie ends.
    pub until: Timestamp,
}

impl Pin {
    fn to(group_arn: &str, now: Timestamp, duration: SignedDuration) -> Self {
        Self {
            group: arn_id(group_arn).to_owned(),
            until: now + duration,
        }
    }

    /// The cookie's value. AWS's is encrypted; ours only looks opaque.
    pub fn cookie_value(&self) -> String {
        format!("{}{:x}", self.group, self.until.as_second())
    }

    /// Reads a cookie's value.
    pub fn from_cookie(value: &str) -> Option<Self> {
        let (group, until) = value.split_at_checked(ID_LENGTH)?;
        let until = i64::from_str_radix(until, 16).ok()?;
        Some(Self {
            group: group.to_owned(),
            until: Timestamp::from_second(until).ok()?,
        })
    }
}

/// Hexadecimal digits at the end of a target group's ARN.
const ID_LENGTH: usize = 16;

fn arn_id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routed {
    /// To a target.
    Target {
        /// The group's ARN.
        group: String,
        /// The target.
        target: TargetId,
        /// The cookie to set, where the action is sticky.
        pin: Option<Pin>,
    },
    /// 503: the chosen group is empty.
    NoTarget {
        /// The group's ARN.
        group: String,
    },
    /// The load balancer's own answer.
    Fixed {
        /// HTTP status.
        status: u16,
        /// MIME type.
        content_type: String,
        /// The body.
        body: String,
    },
    /// A redirect.
    Redirect {
        /// 301 or 302.
        status: u16,
        /// Where to.
        location: String,
    },
    /// No such listener, or an action that the sandbox can't perform.
    Nowhere,
}

impl Elb {
    /// Decides where a request on a listener goes, and moves the group's round robin on.
    pub fn route(
        &mut self,
        listener: &str,
        request: &Request<'_>,
        rng: &mut fastrand::Rng,
        now: Timestamp,
    ) -> Routed {
        let forward = match self.outcome(listener, request) {
            None | Some(Outcome::Unknown) => return Routed::Nowhere,
            Some(Outcome::Fixed {
                status,
                content_type,
                body,
            }) => {
                return Routed::Fixed {
                    status: *status,
                    content_type: content_type.clone(),
                    body: body.clone(),
                };
            }
            Some(Outcome::Redirect(redirect)) => {
                let location = self.location(redirect, listener, request);
                let status = redirect.status;
                return Routed::Redirect { status, location };
            }
            Some(Outcome::Forward(forward)) => forward,
        };
        let Some(group) = choose_group(forward, request.pin.as_ref(), rng, now) else {
            return Routed::Nowhere;
        };
        let pin = forward
            .stickiness
            .map(|duration| Pin::to(group, now, duration));
        let group = group.to_owned();
        match self
            .groups
            .get_mut(&group)
            .and_then(|group| group.next_target(request.source))
        {
            Some(target) => Routed::Target { group, target, pin },
            None => Routed::NoTarget { group },
        }
    }

    /// The outcome of the first rule that matches, or of the listener's default action.
    pub fn outcome(&self, listener: &str, request: &Request<'_>) -> Option<&Outcome> {
        let listener = self.listeners.get(listener)?;
        let rule = self
            .rules
            .values()
            .filter(|rule| rule.listener == listener.arn && rule.conditions.match_all(request))
            .min_by_key(|rule| rule.priority);
        Some(
            rule.map_or(&listener.actions, |rule| &rule.actions)
                .outcome(),
        )
    }

    fn location(&self, redirect: &Redirect, listener: &str, request: &Request<'_>) -> String {
        let listener = self.listeners.get(listener);
        let protocol = listener.map_or("HTTP", |listener| listener.protocol.as_str());
        let own_port = listener.map_or(80, |listener| listener.port).to_string();
        let (host, port) = match request.host.rsplit_once(':') {
            Some((host, port)) => (host, port),
            None => (request.host, own_port.as_str()),
        };
        let fill = |template: &str| {
            template
                .replace("#{protocol}", &protocol.to_ascii_lowercase())
                .replace("#{host}", host)
                .replace("#{port}", port)
                .replace("#{path}", request.path.trim_start_matches('/'))
                .replace("#{query}", request.query.unwrap_or_default())
        };
        let mut location = format!(
            "{}://{}:{}{}",
            fill(&redirect.protocol).to_ascii_lowercase(),
            fill(&redirect.host),
            fill(&redirect.port),
            fill(&redirect.path)
        );
        let query = fill(&redirect.query);
        if !query.is_empty() {
            location.push('?');
            location.push_str(&query);
        }
        location
    }
}

/// The group that a client gets: the pinned one as long as the action names it, whatever its
/// weight; otherwise by weight.
fn choose_group<'a>(
    forward: &'a Forward,
    pin: Option<&Pin>,
    rng: &mut fastrand::Rng,
    now: Timestamp,
) -> Option<&'a str> {
    let valid = pin.filter(|pin| forward.stickiness.is_some() && pin.until > now);
    if let Some(pin) = valid {
        let pinned = forward
            .groups
            .iter()
            .find(|(arn, _)| arn_id(arn) == pin.group);
        if let Some((arn, _)) = pinned {
            return Some(arn);
        }
    }
    let total: u32 = forward
        .groups
        .iter()
        .map(|(_, weight)| u32::from(*weight))
        .sum();
    if total == 0 {
        return None;
    }
    let mut draw = rng.u32(..total);
    for (arn, weight) in &forward.groups {
        match draw.checked_sub(u32::from(*weight)) {
            Some(rest) => draw = rest,
            None => return Some(arn),
        }
    }
    None
}

impl TargetGroup {
    /// The next eligible target in turn; always the same one for a client where the group is
    /// sticky by source address, as those of network load balancers can be.
    fn next_target(&mut self, source: IpAddr) -> Option<TargetId> {
        let eligible = self.eligible();
        let turn = match self.attribute("stickiness.enabled") {
            Some("true") if self.attribute("stickiness.type") == Some("source_ip") => {
                number(source)
            }
            _ => self.cursor,
        };
        let index = turn.checked_rem(eligible.len())?;
        let target = eligible[index].id.clone();
        self.cursor = self.cursor.wrapping_add(1);
        Some(target)
    }
}

/// A number for an address: the same for the same one.
fn number(address: IpAddr) -> usize {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    bytes.into_iter().map(usize::from).sum()
}

#[cfg(test)]
mod tests {
    use super::super::super::app::Probe;
    use super::super::testing::{Scene, target};
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn group_of(routed: &Routed) -> String {
        match routed {
            Routed::Target { group, .. } => group.split('/').nth(1).unwrap().to_owned(),
            other => panic!("not routed to a target: {other:?}"),
        }
    }

    #[test]
    fn weights_share_out_the_requests() {
        let mut scene = Scene::new(&["a", "b"]);
        scene.healthy("a", 1);
        scene.healthy("b", 2);
        scene.forward(&[("a", 90), ("b", 10)]);
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..10_000 {
            *counts
                .entry(group_of(&scene.route(&Request::plain())))
                .or_default() += 1;
        }
        // 4 standard deviations of a binomial with n = 10,000, p = 0.1 are 120.
        assert!(counts["b"].abs_diff(1_000) < 120, "{counts:?}");
        scene.forward(&[("a", 0), ("b", 1)]);
        assert!((0..1_000).all(|_| group_of(&scene.route(&Request::plain())) == "b"));
    }

    #[test]
    fn targets_take_turns_and_unhealthy_ones_are_passed_over() {
        let mut scene = Scene::new(&["a"]);
        scene.healthy("a", 1);
        scene.healthy("a", 2);
        scene.plant("a", 3, Probe::Status(503));
        scene.pass(60);
        let mut ports: Vec<_> = (0..4).map(|_| scene.port_of_next()).collect();
        assert_ne!(ports[0], ports[1]);
        ports.sort_unstable();
        assert_eq!(ports, [1, 1, 2, 2]);
    }

    #[test]
    fn a_group_that_is_sticky_by_source_address_keeps_each_client_at_one_target() {
        let mut scene = Scene::new(&["a"]);
        scene.healthy("a", 1);
        scene.healthy("a", 2);
        let arn = scene.arn("a");
        let group = scene.world.elb.groups.get_mut(&arn).unwrap();
        for (key, value) in [("enabled", "true"), ("type", "source_ip")] {
            let key = format!("stickiness.{key}");
            group.attributes.insert(key, value.to_owned());
        }
        let mut ports_of = |last: u8| {
            let request = Request {
                source: IpAddr::from([10, 0, 0, last]),
                ..Request::plain()
            };
            [(); 3].map(|()| match scene.route(&request) {
                Routed::Target { target, .. } => target.port,
                other => panic!("not routed to a target: {other:?}"),
            })
        };
        let (one, other) = (ports_of(1), ports_of(2));
        assert_eq!(one, [one[0]; 3]);
        assert_eq!(other, [other[0]; 3]);
        assert_ne!(one[0], other[0]);
    }

    #[test]
    fn a_group_without_healthy_targets_fails_open() {
        let mut scene = Scene::new(&["a"]);
        scene.plant("a", 1, Probe::Status(503));
        scene.plant("a", 2, Probe::Status(503));
        scene.pass(60);
        assert_eq!(scene.states("a"), ["unhealthy", "unhealthy"]);
        let mut ports: Vec<_> = (0..2).map(|_| scene.port_of_next()).collect();
        ports.sort_unstable();
        assert_eq!(ports, [1, 2]);
    }

    #[test]
    fn draining_targets_get_nothing_and_an_empty_group_is_a_503() {
        let mut scene = Scene::new(&["a", "b"]);
        scene.healthy("a", 1);
        scene.healthy("b", 2);
        scene.forward(&[("a", 1), ("b", 0)]);
        let (arn, now) = (scene.arn("a"), scene.world.now);
        scene.world.elb.deregister(&arn, &target(1), now);
        let routed = scene.route(&Request::plain());
        assert_eq!(routed, Routed::NoTarget { group: arn }, "no failover to b");
    }

    #[test]
    fn pinned_clients_stay_whatever_the_weights_until_the_group_leaves_the_action() {
        let mut scene = Scene::new(&["a", "b"]);
        scene.healthy("a", 1);
        scene.healthy("b", 2);
        scene.forward_sticky(&[("a", 100), ("b", 0)], 600);
        let Routed::Target { pin: Some(pin), .. } = scene.route(&Request::plain()) else {
            panic!("no cookie");
        };
        assert_eq!(Pin::from_cookie(&pin.cookie_value()), Some(pin.clone()));
        let pinned = Request {
            pin: Some(pin.clone()),
            ..Request::plain()
        };
        scene.forward_sticky(&[("a", 0), ("b", 100)], 600);
        assert_eq!(group_of(&scene.route(&pinned)), "a");
        assert_eq!(group_of(&scene.route(&Request::plain())), "b");
        scene.pass(601);
        assert_eq!(
            group_of(&scene.route(&pinned)),
            "b",
            "the cookie has expired"
        );
        scene.forward_sticky(&[("b", 100)], 600);
        let fresh = Request {
            pin: Some(Pin {
                until: scene.world.now + SignedDuration::from_secs(600),
                ..pin
            }),
            ..Request::plain()
        };
        assert_eq!(
            group_of(&scene.route(&fresh)),
            "b",
            "its group has left the action"
        );
    }

    #[test]
    fn the_lowest_priority_number_that_matches_wins() {
        let mut scene = Scene::new(&["a"]);
        scene.healthy("a", 1);
        let fixed = |status: &str| json!({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status}});
        scene.rule(
            20,
            &json!({"Field": "path-pattern", "Values": ["/api/*"]}),
            &fixed("404"),
        );
        scene.rule(
            10,
            &json!({"Field": "path-pattern", "Values": ["/api/v1/*"]}),
            &fixed("410"),
        );
        let mut status = |path: &str| {
            let request = Request {
                path,
                ..Request::plain()
            };
            match scene.route(&request) {
                Routed::Fixed { status, .. } => status,
                _ => 200,
            }
        };
        assert_eq!(status("/api/v1/x"), 410);
        assert_eq!(status("/api/v2/x"), 404);
        assert_eq!(status("/"), 200);
    }

    #[test]
    fn redirects_fill_in_the_parts_of_the_request() {
        let mut scene = Scene::new(&["a"]);
        scene.rule(
            1,
            &json!({"Field": "path-pattern", "Values": ["*"]}),
            &json!({"Type": "redirect", "RedirectConfig": {
                "Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}),
        );
        let request = Request {
            host: "shop.example.com:80",
            path: "/a/b",
            query: Some("x=1"),
            ..Request::plain()
        };
        assert_eq!(
            scene.route(&request),
            Routed::Redirect {
                status: 301,
                location: "https://shop.example.com:443/a/b?x=1".to_owned()
            }
        );
    }
}
