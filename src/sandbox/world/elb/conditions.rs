//! Rule conditions: host, path, header, method, query string, source address.

use super::route::Request;
use serde_json::Value;
use std::net::IpAddr;

/// A rule's conditions as a client sent them, with their meaning.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    raw: Vec<Value>,
    parsed: Vec<Condition>,
}

/// One condition; it holds if any of its values does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `host-header`: patterns, case-insensitive.
    Host(Vec<String>),
    /// `path-pattern`: patterns, case-sensitive.
    Path(Vec<String>),
    /// `http-header`: a header's name, and patterns for its value.
    Header(String, Vec<String>),
    /// `http-request-method`: exact names.
    Method(Vec<String>),
    /// `query-string`: optional key and value patterns.
    Query(Vec<(Option<String>, String)>),
    /// `source-ip`: address and prefix length.
    Source(Vec<(IpAddr, u8)>),
    /// Stored, but never holds.
    Unknown,
}

impl Conditions {
    /// Reads a list of conditions.
    pub fn new(raw: Vec<Value>) -> Self {
        let parsed = raw.iter().map(parse).collect();
        Self { raw, parsed }
    }

    /// The list as it came.
    pub fn raw(&self) -> &[Value] {
        &self.raw
    }

    /// What each condition means.
    pub fn parsed(&self) -> &[Condition] {
        &self.parsed
    }

    /// Whether all conditions hold.
    pub fn match_all(&self, request: &Request<'_>) -> bool {
        self.parsed.iter().all(|condition| condition.holds(request))
    }
}

impl Condition {
    fn holds(&self, request: &Request<'_>) -> bool {
        match self {
            Self::Host(patterns) => {
                let host = without_port(request.host).to_ascii_lowercase();
                any(patterns, |pattern| {
                    wildcard(&pattern.to_ascii_lowercase(), &host)
                })
            }
            Self::Path(patterns) => any(patterns, |pattern| wildcard(pattern, request.path)),
            Self::Header(name, patterns) => request
                .headers
                .iter()
                .filter(|(header, _)| header.eq_ignore_ascii_case(name))
                .any(|(_, value)| {
                    let value = value.to_ascii_lowercase();
                    any(patterns, |pattern| {
                        wildcard(&pattern.to_ascii_lowercase(), &value)
                    })
                }),
            Self::Method(methods) => any(methods, |method| method == request.method),
            Self::Query(wanted) => {
                let given: Vec<(String, String)> =
                    form_urlencoded::parse(request.query.unwrap_or_default().as_bytes())
                        .map(|(key, value)| (key.to_ascii_lowercase(), value.to_ascii_lowercase()))
                        .collect();
                wanted.iter().any(|(key, value)| {
                    given.iter().any(|(given_key, given_value)| {
                        key.as_ref()
                            .is_none_or(|key| wildcard(&key.to_ascii_lowercase(), given_key))
                            && wildcard(&value.to_ascii_lowercase(), given_value)
                    })
                })
            }
            Self::Source(networks) => networks
                .iter()
                .any(|(network, prefix)| within(request.source, *network, *prefix)),
            Self::Unknown => false,
        }
    }
}

fn any(values: &[String], holds: impl Fn(&str) -> bool) -> bool {
    values.iter().any(|value| holds(value))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn parse(raw: &Value) -> Condition {
    let strings = |value: &Value| -> Vec<String> {
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        let texts = items.iter().filter_map(|item| item.as_str());
        texts.map(str::to_owned).collect()
    };
    let values = |config: &str| -> Vec<String> {
        match strings(&raw[config]["Values"]) {
            values if values.is_empty() => strings(&raw["Values"]),
            values => values,
        }
    };
    match raw["Field"].as_str() {
        Some("host-header") => Condition::Host(values("HostHeaderConfig")),
        Some("path-pattern") => Condition::Path(values("PathPatternConfig")),
        Some("http-header") => {
            let name = raw["HttpHeaderConfig"]["HttpHeaderName"].as_str();
            let name = name.unwrap_or_default().to_owned();
            Condition::Header(name, values("HttpHeaderConfig"))
        }
        Some("http-request-method") => Condition::Method(values("HttpRequestMethodConfig")),
        Some("query-string") => {
            let pairs = raw["QueryStringConfig"]["Values"].as_array();
            let pairs = pairs.map_or(&[][..], Vec::as_slice).iter();
            let text = |pair: &Value, field: &str| pair[field].as_str().map(str::to_owned);
            Condition::Query(
                pairs
                    .map(|pair| (text(pair, "Key"), text(pair, "Value").unwrap_or_default()))
                    .collect(),
            )
        }
        Some("source-ip") => {
            let networks = values("SourceIpConfig");
            Condition::Source(networks.iter().filter_map(|text| network(text)).collect())
        }
        _ => Condition::Unknown,
    }
}

/// Matches `*` (any run of characters, also none) and `?` (exactly one).
fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => {
                // Let the last star take one character more.
                let Some((star_pattern, star_text)) = star else {
                    return false;
                };
                star = Some((star_pattern, star_text + 1));
                at_pattern = star_pattern + 1;
                at_text = star_text + 1;
            }
        }
    }
    pattern[at_pattern..].iter().all(|&rest| rest == '*')
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    Some((address.parse().ok()?, prefix.parse().ok()?))
}

fn within(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    fn same_head(left: &[u8], right: &[u8], bits: u8) -> bool {
        let bit = |bytes: &[u8], index: usize| bytes[index / 8] >> (7 - index % 8) & 1;
        (0..usize::from(bits).min(left.len() * 8))
            .all(|index| bit(left, index) == bit(right, index))
    }
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            same_head(&address.octets(), &network.octets(), prefix)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            same_head(&address.octets(), &network.octets(), prefix)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wildcards_match_as_documented() {
        for (pattern, text, matches) in [
            ("/img/*", "/img/", true),
            ("/img/*", "/img/a/b.png", true),
            ("/img/*", "/image", false),
            ("/img/*/pics", "/img/a/b/pics", true),
            ("/img/*/pics", "/img/a/b/pic", false),
            ("*.example.com", "shop.example.com", true),
            ("*.example.com", "example.com", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("", "", true),
            ("*a*a*b", "aaaaab", true),
            ("*a*a*b", "aaaaac", false),
        ] {
            assert_eq!(wildcard(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn each_kind_of_condition_looks_at_its_part_of_the_request() {
        let headers = [("X-Canary".to_owned(), "Yes-please".to_owned())];
        let request = Request {
            host: "Shop.Example.com:8080",
            path: "/api/items",
            query: Some("debug=1&who=Me"),
            method: "GET",
            headers: &headers,
            source: "10.1.2.3".parse().unwrap(),
            pin: None,
        };
        for (condition, holds) in [
            (
                json!({"Field": "host-header", "Values": ["*.example.com"]}),
                true,
            ),
            (
                json!({"Field": "host-header", "HostHeaderConfig": {"Values": ["api.*"]}}),
                false,
            ),
            (
                json!({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/x", "/api/*"]}}),
                true,
            ),
            (
                json!({"Field": "path-pattern", "Values": ["/API/*"]}),
                false,
            ),
            (
                json!({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-canary", "Values": ["yes*"]}}),
                true,
            ),
            (
                json!({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-other", "Values": ["*"]}}),
                false,
            ),
            (
                json!({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}}),
                true,
            ),
            (
                json!({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["get"]}}),
                false,
            ),
            (
                json!({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "debug", "Value": "1"}]}}),
                true,
            ),
            (
                json!({"Field": "query-string", "QueryStringConfig": {"Values": [{"Value": "me"}]}}),
                true,
            ),
            (
                json!({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "debug", "Value": "2"}]}}),
                false,
            ),
            (
                json!({"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}),
                true,
            ),
            (
                json!({"Field": "source-ip", "SourceIpConfig": {"Values": ["10.1.2.4/32"]}}),
                false,
            ),
            (json!({"Field": "made-up"}), false),
        ] {
            let conditions = Conditions::new(vec![condition.clone()]);
            assert_eq!(conditions.match_all(&request), holds, "{condition}");
        }
    }
}
