//! The environment variables that gates' headers are taken from, looked for before a deployment
//! changes anything.

use crate::deployment::preflight::Request;
use crate::deployment::problem::Problem;
use crate::gate::{GateWanted, HeaderValue, HttpCheck};

/// Which gates' headers can't be sent from here, and why not.
pub(super) fn problems(request: &Request) -> Vec<Problem> {
    let is_set = |name: &str| std::env::var(name).is_ok();
    let gates = request.http_gates();
    gates
        .flat_map(|(gate, check)| unset(gate, check, &is_set))
        .collect()
}

fn unset(gate: &GateWanted, check: &HttpCheck, is_set: &dyn Fn(&str) -> bool) -> Vec<Problem> {
    let taken = check
        .headers
        .iter()
        .filter_map(|(header, value)| match value {
            HeaderValue::Env(name) => Some((header, name)),
            HeaderValue::Text(_) => None,
        });
    let unset = taken.filter(|(_, name)| !is_set(name));
    unset
        .map(|(header, name)| {
            Problem::new(
                format!(
                    "gate {} can't send the header {header}: the environment variable {name} is \
                     not set",
                    gate.name
                ),
                format!("set {name} where bg runs, or correct the gate's `headers`"),
            )
        })
        .collect()
}
