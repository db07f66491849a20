//! What an HTTP answer is worth.

use serde_json::Value;
use serde_json_path::JsonPath;

use super::{Address, HttpCheck, StatusRange};

/// As much of a body as is quoted.
const QUOTED: usize = 200;

/// Reads a JSON path (RFC 9535).
///
/// # Errors
/// In words, where it isn't one.
pub fn json_path(path: &str) -> Result<(), String> {
    JsonPath::parse(path)
        .map(|_| ())
        .map_err(|error| error.message().to_owned())
}

impl HttpCheck {
    /// Whether each of green's targets is asked, past the load balancer.
    pub fn asks_targets(&self) -> bool {
        matches!(self.to, Address::Targets(_))
    }

    /// Whether an answer passes.
    ///
    /// # Errors
    /// Why it doesn't, as it follows what was asked.
    pub fn judge(&self, status: u16, body: &[u8]) -> Result<(), String> {
        let passes = |StatusRange(from, to): &StatusRange| (*from..=*to).contains(&status);
        let text = String::from_utf8_lossy(body);
        if !self.status.iter().any(passes) {
            return Err(format!("answered {status}{}", quoted(&text)));
        }
        if let Some(wanted) = self.contains.as_ref().filter(|it| !text.contains(*it)) {
            return Err(format!(
                "answered {status} without {wanted:?}{}",
                quoted(&text)
            ));
        }
        if self.json.is_empty() {
            return Ok(());
        }
        let json: Value = serde_json::from_slice(body)
            .map_err(|_| format!("answered {status}, and not with JSON{}", quoted(&text)))?;
        for (path, wanted) in &self.json {
            let found = JsonPath::parse(path).map_err(|error| error.message().to_owned())?;
            let found = found.query(&json).all();
            if found.is_empty() {
                return Err(format!("answered JSON without {path}{}", quoted(&text)));
            }
            if let Some(other) = found.into_iter().find(|it| !same(it, wanted)) {
                return Err(format!("answered {path} as {other}, not {wanted}"));
            }
        }
        Ok(())
    }
}

/// Whether a value is the one that the config names; 1 and 1.0 are the same number.
fn same(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(found), Some(wanted)) => found == wanted,
        _ => found == wanted,
    }
}

/// The beginning of a body, as it follows other words.
pub(super) fn quoted(body: &str) -> String {
    let body = body.trim();
    if body.is_empty() {
        return String::new();
    }
    let line: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!(": {}…", &line[..end]),
        None => format!(": {line}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::gate::Address;

    fn check() -> HttpCheck {
        HttpCheck {
            to: Address::Targets("/health".to_owned()),
            port: None,
            method: "GET".to_owned(),
            headers: [].into(),
            status: vec![StatusRange(200, 299)],
            contains: None,
            json: [].into(),
            retries: 0,
            every: Duration::from_secs(5),
            each: Duration::from_secs(5),
        }
    }

    #[test]
    fn a_status_outside_of_what_passes_says_what_came() {
        assert_eq!(check().judge(204, b""), Ok(()));
        let why = check().judge(503, b"db:\n down ").expect_err("it is bad");
        assert_eq!(why, "answered 503: db: down");
    }

    #[test]
    fn a_body_is_held_against_text_and_json_paths() {
        let mut check = check();
        check.contains = Some("ok".to_owned());
        assert_eq!(check.judge(200, b"all ok"), Ok(()));
        assert!(check.judge(200, b"no").is_err());
        check.contains = None;
        check.json = [
            ("$.checks[*].up".to_owned(), json!(true)),
            ("$.version".to_owned(), json!(2)),
        ]
        .into();
        let body = |up: bool| {
            let body = json!({ "version": 2.0, "checks": [{ "up": true }, { "up": up }] });
            body.to_string()
        };
        assert_eq!(check.judge(200, body(true).as_bytes()), Ok(()));
        let why = check.judge(200, body(false).as_bytes());
        assert_eq!(
            why,
            Err("answered $.checks[*].up as false, not true".to_owned())
        );
        let why = check.judge(200, b"{}").expect_err("nothing is there");
        assert_eq!(why, "answered JSON without $.checks[*].up: {}");
        assert!(check.judge(200, b"<html>").is_err());
    }

    #[test]
    fn a_mistyped_path_is_refused() {
        assert_eq!(json_path("$.a[?@.b == 'c']"), Ok(()));
        assert!(json_path("$.a[").is_err());
    }
}
