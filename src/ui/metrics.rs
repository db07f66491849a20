//! The store's deployments as figures for Prometheus.

use std::fmt::Error;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::deployment::outcome::Outcome;
use crate::report::html::HistoryPage;
use crate::report::words;

/// What they are sent as.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;
type Figure = Family<Labels, Gauge<f64, AtomicU64>>;

/// The figures of all services; each with the name of whoever drives its deployment, if somebody
/// does.
///
/// # Errors
/// Never: a text takes everything.
pub(super) fn metrics(services: &[(HistoryPage, bool)]) -> Result<String, Error> {
    let mut registry = Registry::with_prefix("bg");
    let figure = |registry: &mut Registry, name: &str, help: &str| {
        let figure = Figure::default();
        registry.register(name, help, figure.clone());
        figure
    };
    let deployments = figure(
        &mut registry,
        "deployments",
        "Deployments in the state store, by how they ended",
    );
    let running = figure(
        &mut registry,
        "deployment_running",
        "1 while a process drives a deployment of the service",
    );
    let began = figure(
        &mut registry,
        "last_deployment_start_timestamp_seconds",
        "When the service's last deployment began",
    );
    let took = figure(
        &mut registry,
        "last_deployment_duration_seconds",
        "From the start of the service's last deployment to its newest record",
    );
    let succeeded = figure(
        &mut registry,
        "last_deployment_promoted",
        "1 where the service's last deployment was promoted, 0 where it ended otherwise",
    );
    for (page, is_driven) in services {
        let service = || vec![("service", page.service.to_string())];
        running
            .get_or_create(&service())
            .set(f64::from(u8::from(*is_driven)));
        for outcome in ["promoted", "reverted", "stuck", "kept", "open"] {
            let count = page
                .entries
                .iter()
                .filter(|it| word(it.outcome.as_ref()) == outcome);
            let labels = vec![
                ("service", page.service.to_string()),
                ("outcome", outcome.to_owned()),
            ];
            deployments.get_or_create(&labels).set(count.count() as f64);
        }
        let Some(last) = page.entries.first() else {
            continue;
        };
        let start = last.started_at.as_millisecond() as f64 / 1000.0;
        began.get_or_create(&service()).set(start);
        let length = words::between(last.started_at, last.promoted_at.unwrap_or(last.last_at));
        took.get_or_create(&service()).set(length.as_secs_f64());
        if let Some(outcome) = &last.outcome {
            let promoted = f64::from(u8::from(*outcome == Outcome::Promoted));
            succeeded.get_or_create(&service()).set(promoted);
        }
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn word(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Promoted) => "promoted",
        Some(Outcome::Reverted { .. }) => "reverted",
        Some(Outcome::Stuck { .. }) => "stuck",
        Some(Outcome::Kept { .. }) => "kept",
        None => "open",
    }
}
