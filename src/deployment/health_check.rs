//! A target group's health check, and what is wrong with targets that fail it, in words.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::strategy::format_duration;

/// What the load balancer asks of each target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// `HTTP`, `HTTPS`, `TCP`.
    pub protocol: String,
    /// The path, where it asks for one.
    pub path: Option<String>,
    /// The port; `None` is the one that traffic goes to.
    pub port: Option<u16>,
    /// The codes that count as healthy, such as `200` or `200-299`.
    pub wanted: Option<String>,
    /// How long an answer may take.
    #[serde(with = "super::seconds")]
    pub timeout: Duration,
}

/// How a target fails its health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failing {
    /// It answers with these codes.
    Codes(String),
    /// It gives no answer in time.
    Timeout,
    /// It refuses the connection, or its answer is malformed.
    NoAnswer,
}

impl HealthCheck {
    /// What targets with this port for their traffic do: `GET /health on port 8080 answers 503,
    /// 200 is wanted`.
    pub fn told(&self, traffic_port: u16, failing: &Failing) -> String {
        let port = self.port.unwrap_or(traffic_port);
        match failing {
            Failing::Codes(codes) => {
                let wanted = self.wanted.as_deref().unwrap_or("another code");
                format!("{self} on port {port} answers {codes}, {wanted} is wanted")
            }
            Failing::Timeout => {
                let timeout = format_duration(self.timeout);
                format!("{self} on port {port} gives no answer within {timeout}")
            }
            Failing::NoAnswer => {
                format!("{self} on port {port} is refused, or its answer is malformed")
            }
        }
    }
}

impl fmt::Display for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.protocol.as_str(), &self.path) {
            ("HTTP", Some(path)) => write!(f, "GET {path}"),
            (protocol, Some(path)) => write!(f, "GET {path} over {protocol}"),
            (protocol, None) => write!(f, "a {protocol} connection"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check() -> HealthCheck {
        HealthCheck {
            protocol: "HTTP".to_owned(),
            path: Some("/health".to_owned()),
            port: None,
            wanted: Some("200".to_owned()),
            timeout: Duration::from_secs(5),
        }
    }

    #[test]
    fn a_failing_check_is_told_with_what_was_asked_and_wanted() {
        let codes = Failing::Codes("503".to_owned());
        assert_eq!(
            check().told(8080, &codes),
            "GET /health on port 8080 answers 503, 200 is wanted"
        );
        assert_eq!(
            check().told(8080, &Failing::Timeout),
            "GET /health on port 8080 gives no answer within 5s"
        );
        let tcp = HealthCheck {
            protocol: "TCP".to_owned(),
            path: None,
            port: Some(9000),
            wanted: None,
            ..check()
        };
        assert_eq!(
            tcp.told(8080, &Failing::NoAnswer),
            "a TCP connection on port 9000 is refused, or its answer is malformed"
        );
    }
}
