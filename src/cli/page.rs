//! A deployment's report as a file.

use std::path::Path;
use std::time::Duration;

use super::session::Session;
use super::story::Story;
use crate::aws::Cloud;
use crate::deployment::event::{Event, Record};
use crate::deployment::state::Deployment;
use crate::report::html::{Measured, page};

/// How long CloudWatch is waited for: the page is whole without it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// What CloudWatch shows of a deployment's minutes.
pub(super) async fn measured(cloud: &Cloud, records: &[Record]) -> Measured {
    let plan = records.iter().find_map(|record| match &record.event {
        Event::Started { plan } => Some(plan),
        _ => None,
    });
    let (Some(plan), Some(last)) = (plan, records.last()) else {
        return Measured::Not("The journal has no beginning.".to_owned());
    };
    let asked = tokio::time::timeout(ANSWERS_WITHIN, cloud.minutes(plan, last.at)).await;
    match asked {
        Ok(Ok(minutes)) => Measured::Minutes(minutes),
        Ok(Err(error)) => Measured::not_read(&error.to_string()),
        Err(_) => Measured::not_read("it did not answer in time"),
    }
}

/// Writes the report of a deployment that has ended here. That it can't be is told, and changes
/// nothing: the deployment's outcome stands.
pub(super) async fn write_ended(
    story: &Story,
    to: Option<&Path>,
    session: &Session,
    deployment: &Deployment,
) {
    let Some(to) = to else { return };
    story.reported();
    let plan = &deployment.plan;
    let journal = session.store.journal(&plan.service, &plan.id).await;
    let written = match journal {
        Ok(records) => {
            let measured = measured(&session.cloud, &records).await;
            write(to, &page(&records, &measured, session.clock.now()))
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = written {
        note!(
            "Warning: the report was not written to {}: {why}",
            to.display()
        );
    }
}

/// Writes a page to a file.
pub(super) fn write(to: &Path, page: &str) -> Result<(), String> {
    std::fs::write(to, page).map_err(|error| error.to_string())
}

/// Where a page goes that nobody gave a place.
pub(super) fn file_of(id: &str) -> String {
    format!("bg-{id}.html")
}
