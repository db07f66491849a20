//! Lists: all services of a store, all deployments of a service.

use jiff::Timestamp;
use serde::Serialize;

use super::super::history::Entry;
use super::super::line::Tone;
use super::super::view::View;
use super::super::waits::Waits;
use super::driver::Driver;
use super::headline::share;
use super::live::escaped;
use super::page::{name, render, style};
use crate::deployment::ids::ServiceName;

const SERVICES_MAIN: &str = include_str!("services.html");
const SERVICES: &str = concat!(
    include_str!("frame.html"),
    include_str!("services.html"),
    include_str!("frame_end.html")
);
const HISTORY_MAIN: &str = include_str!("history.html");
const HISTORY: &str = concat!(
    include_str!("frame.html"),
    include_str!("history.html"),
    include_str!("frame_end.html")
);

/// A service and its last deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceRow {
    service: String,
    path: String,
    last_path: String,
    state: String,
    tone: &'static str,
    version: String,
    strategy: String,
    started: String,
    driver: String,
}

impl ServiceRow {
    /// Of its last deployment's view, and who drives it. `None` where its
    /// journal has no beginning.
    pub fn of(
        service: &ServiceName,
        last: &View,
        driver: &Driver,
        now: Timestamp,
    ) -> Option<ServiceRow> {
        let entry = Entry::of(last)?;
        let (tone, went) = entry.told();
        let state = match &entry.outcome {
            None => going_on(last, now),
            Some(_) => went,
        };
        let path = format!("/services/{}", escaped(service.as_str()));
        Some(ServiceRow {
            service: service.to_string(),
            last_path: format!("{path}/{}", escaped(entry.id.as_str())),
            path,
            state,
            tone: name(tone),
            version: entry.version,
            strategy: entry.pace,
            started: started(entry.started_at),
            driver: driver.listed(),
        })
    }
}

/// Green's share, and what it waits for.
fn going_on(view: &View, now: Timestamp) -> String {
    let waits = Some(Waits::all_told(view, now)).filter(|it| !it.is_empty());
    let waits = waits.unwrap_or_else(|| "not ended".to_owned());
    match share(view) {
        Some(share) => format!("{share}, {waits}"),
        None => waits,
    }
}

fn started(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// All services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServicesPage {
    /// In the order in which they are shown.
    pub services: Vec<ServiceRow>,
    /// What could not be read, and why.
    pub problems: Vec<String>,
}

#[derive(Serialize)]
struct Framed<'a> {
    title: String,
    style: String,
    version: &'static str,
    events_path: String,
    service: Option<&'a str>,
    services: &'a [ServiceRow],
    deployments: Vec<DeploymentRow>,
    problems: &'a [String],
    /// Nothing: it was read.
    unread: Option<String>,
}

#[derive(Serialize)]
struct DeploymentRow {
    id: String,
    path: String,
    started: String,
    version: String,
    slot: String,
    strategy: String,
    went: String,
    tone: &'static str,
}

impl ServicesPage {
    fn framed(&self) -> Framed<'_> {
        Framed {
            title: "Services".to_owned(),
            style: style(),
            version: env!("CARGO_PKG_VERSION"),
            events_path: "/events".to_owned(),
            service: None,
            services: &self.services,
            deployments: Vec::new(),
            problems: &self.problems,
            unread: None,
        }
    }
}

/// The list of all services.
pub fn services_page(page: &ServicesPage) -> String {
    render(SERVICES, &page.framed())
}

/// Only what changes in it.
pub fn services_main(page: &ServicesPage) -> String {
    render(SERVICES_MAIN, &page.framed())
}

/// A service's deployments.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPage {
    /// The service.
    pub service: ServiceName,
    /// In the order in which they are shown.
    pub entries: Vec<Entry>,
    /// What could not be read, and why.
    pub problems: Vec<String>,
}

impl HistoryPage {
    fn framed(&self) -> Framed<'_> {
        let path = format!("/services/{}", escaped(self.service.as_str()));
        let row = |entry: &Entry| {
            let (tone, went): (Tone, String) = entry.told();
            DeploymentRow {
                id: entry.id.to_string(),
                path: format!("{path}/{}", escaped(entry.id.as_str())),
                started: started(entry.started_at),
                version: entry.version.clone(),
                slot: entry.slot.to_string(),
                strategy: entry.pace.clone(),
                went,
                tone: name(tone),
            }
        };
        Framed {
            title: format!("Deployments of {}", self.service),
            style: style(),
            version: env!("CARGO_PKG_VERSION"),
            events_path: format!("{path}/events"),
            service: Some(self.service.as_str()),
            services: &[],
            deployments: self.entries.iter().map(row).collect(),
            problems: &self.problems,
            unread: None,
        }
    }
}

/// The list of a service's deployments.
pub fn history_page(page: &HistoryPage) -> String {
    render(HISTORY, &page.framed())
}

/// Only what changes in it.
pub fn history_main(page: &HistoryPage) -> String {
    render(HISTORY_MAIN, &page.framed())
}

#[cfg(test)]
mod tests {
    use super::super::super::stories::{self, at};
    use super::*;
    use crate::deployment::event::Record;

    fn listed(records: &[Record]) -> String {
        let view = View::of(records);
        let row = ServiceRow::of(&ServiceName::new("shop"), &view, &Driver::Nobody, at(710));
        services_main(&ServicesPage {
            services: row.into_iter().collect(),
            problems: Vec::new(),
        })
    }

    #[test]
    fn a_list_says_in_words_what_a_deployment_waits_for() {
        for (records, state) in [
            (
                stories::approval(),
                "10% on green, waits for approval of gate release, until 08:14:00",
            ),
            (
                stories::paused(),
                "10% on green, paused by kim@build-7 at 07:16:40",
            ),
            (stories::holding(), "10% on green, not ended"),
            (stories::worker(), "green works beside blue, not ended"),
        ] {
            let page = listed(&records);
            assert!(page.contains(&format!(">{state}</a>")), "{page}");
        }
    }

    #[test]
    fn so_does_the_list_of_a_service_s_deployments() {
        let entry = |records: &[Record]| Entry::of(&View::of(records)).expect("it has a beginning");
        let page = history_main(&HistoryPage {
            service: ServiceName::new("shop"),
            entries: vec![entry(&stories::approval()), entry(&stories::worker())],
            problems: Vec::new(),
        });
        let waits = "not ended: waits for approval of gate release";
        assert!(page.contains(waits), "{page}");
        assert!(page.contains(">no weights to shift</td>"), "{page}");
        assert!(page.contains(">started</th>"), "{page}");
    }
}
