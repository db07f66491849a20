//! Actions: the raw list a client sent, and what it means for routing.

use jiff::SignedDuration;
use serde_json::Value;

/// An action list as a client sent it, with its meaning.
#[derive(Debug, Clone)]
pub struct Actions {
    raw: Vec<Value>,
    outcome: Outcome,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// To one of some target groups, by weight.
    Forward(Forward),
    /// An answer by the load balancer itself.
    Fixed {
        /// HTTP status.
        status: u16,
        /// MIME type of the body.
        content_type: String,
        /// The body.
        body: String,
    },
    /// Elsewhere.
    Redirect(Redirect),
    /// Something that the sandbox stores but can't perform.
    Unknown,
}

/// A weighted forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Target group ARNs with their weights.
    pub groups: Vec<(String, u16)>,
    /// How long a client stays with the group it got first, if it does.
    pub stickiness: Option<SignedDuration>,
}

/// A redirect; each part may hold `#{protocol}`, `#{host}`, `#{port}`, `#{path}`, `#{query}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// 301 or 302.
    pub status: u16,
    /// The scheme.
    pub protocol: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: String,
    /// The path.
    pub path: String,
    /// The query, without its question mark.
    pub query: String,
}

impl Actions {
    /// Reads an action list. Fields that can't be read take AWS's defaults: checking is done
    /// where the list comes in.
    pub fn new(raw: Vec<Value>) -> Self {
        let outcome = raw
            .iter()
            .map(outcome_of)
            .find(|outcome| *outcome != Outcome::Unknown)
            .unwrap_or(Outcome::Unknown);
        Self { raw, outcome }
    }

    /// The list as it came.
    pub fn raw(&self) -> &[Value] {
        &self.raw
    }

    /// What it means.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The forward, if that is what it does.
    pub fn forward(&self) -> Option<&Forward> {
        match &self.outcome {
            Outcome::Forward(forward) => Some(forward),
            _ => None,
        }
    }
}

fn outcome_of(action: &Value) -> Outcome {
    match action["Type"].as_str() {
        Some("forward") => Outcome::Forward(forward_of(action)),
        Some("fixed-response") => {
            let config = &action["FixedResponseConfig"];
            Outcome::Fixed {
                status: number(&config["StatusCode"]).map_or(503, |status| status as u16),
                content_type: part(config, "ContentType", "text/plain"),
                body: part(config, "MessageBody", ""),
            }
        }
        Some("redirect") => {
            let config = &action["RedirectConfig"];
            Outcome::Redirect(Redirect {
                status: match config["StatusCode"].as_str() {
                    Some("HTTP_301") => 301,
                    _ => 302,
                },
                protocol: part(config, "Protocol", "#{protocol}"),
                host: part(config, "Host", "#{host}"),
                port: part(config, "Port", "#{port}"),
                path: part(config, "Path", "/#{path}"),
                query: part(config, "Query", "#{query}"),
            })
        }
        _ => Outcome::Unknown,
    }
}

fn forward_of(action: &Value) -> Forward {
    let config = &action["ForwardConfig"];
    let tuples = config["TargetGroups"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let mut groups: Vec<_> = tuples
        .iter()
        .filter_map(|tuple| {
            let arn = tuple["TargetGroupArn"].as_str()?.to_owned();
            // AWS: "The range is 0 to 999"; a tuple without a weight counts 1.
            let weight = number(&tuple["Weight"]).unwrap_or(1).clamp(0, 999);
            Some((arn, weight as u16))
        })
        .collect();
    if let (true, Some(arn)) = (groups.is_empty(), action["TargetGroupArn"].as_str()) {
        groups.push((arn.to_owned(), 1));
    }
    let sticky = &config["TargetGroupStickinessConfig"];
    let enabled = matches!(&sticky["Enabled"], Value::Bool(true))
        || sticky["Enabled"].as_str() == Some("true");
    let seconds = number(&sticky["DurationSeconds"]).unwrap_or(3600);
    Forward {
        groups,
        stickiness: enabled.then(|| SignedDuration::from_secs(seconds)),
    }
}

fn part(config: &Value, field: &str, default: &str) -> String {
    config[field].as_str().unwrap_or(default).to_owned()
}

fn number(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn typed_and_textual_forwards_mean_the_same() {
        let typed = json!({"Type": "forward", "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": "a", "Weight": 90}, {"TargetGroupArn": "b"}],
            "TargetGroupStickinessConfig": {"Enabled": true, "DurationSeconds": 60}}});
        let textual = json!({"Type": "forward", "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": "a", "Weight": "90"}, {"TargetGroupArn": "b"}],
            "TargetGroupStickinessConfig": {"Enabled": "true", "DurationSeconds": "60"}}});
        let typed = Actions::new(vec![typed]);
        assert_eq!(typed.outcome(), Actions::new(vec![textual]).outcome());
        let forward = typed.forward().unwrap();
        assert_eq!(forward.groups, [("a".to_owned(), 90), ("b".to_owned(), 1)]);
        assert_eq!(forward.stickiness, Some(SignedDuration::from_secs(60)));
    }

    #[test]
    fn authentication_before_a_forward_is_kept_and_passed_over() {
        let raw = vec![
            json!({"Type": "authenticate-oidc", "Order": 1, "NewField": {"x": 1}}),
            json!({"Type": "forward", "Order": 2, "TargetGroupArn": "a"}),
        ];
        let actions = Actions::new(raw.clone());
        assert_eq!(actions.raw(), raw);
        assert_eq!(actions.forward().unwrap().groups, [("a".to_owned(), 1)]);
    }
}
