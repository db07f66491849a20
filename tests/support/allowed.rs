//! What was asked of a region is what `bg iam-policy` prints for the config.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::Value;

use crate::bg::bg;
use crate::iam;

/// The policy for the `bg.yaml` in a folder, for the sandbox's account.
pub(crate) fn policy(folder: &Path, environment: &[(&str, String)]) -> Value {
    let printed = bg(folder, environment, &["iam-policy"]).output();
    let printed = printed.expect("the binary runs");
    let told = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert!(printed.status.success(), "{told}");
    let text = String::from_utf8(printed.stdout).expect("a text");
    let text = text.replace("${account}", "123456789012");
    serde_json::from_str(&text).expect("it stays JSON")
}

/// Fails where one of the needs isn't in the policy.
#[track_caller]
pub(crate) fn is_all_of(policy: &Value, needs: &[Value]) {
    assert!(!needs.is_empty(), "nothing was asked for");
    let refused = iam::refused(std::slice::from_ref(policy), needs);
    assert!(refused.is_empty(), "not in the policy: {refused:#?}");
}

/// What IAM would have had to allow so far in the sandbox that `environment` leads to.
#[allow(dead_code, reason = "a region in the same process is asked itself")]
pub(crate) fn needs(environment: &[(&str, String)]) -> Vec<Value> {
    let endpoint = environment
        .iter()
        .find(|(name, _)| *name == "AWS_ENDPOINT_URL");
    let (_, endpoint) = endpoint.expect("a sandbox's environment");
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET /needs HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
    serde_json::from_str(body).expect("JSON")
}
