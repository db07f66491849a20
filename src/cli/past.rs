//! What the store remembers, without a word to AWS.

use super::args::Global;
use super::error::{CliError, ErrorKind};
use super::session::store_alone;
use crate::deployment::event::Record;
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::store::{Store, StoreError};
use crate::strategy::nearest;

/// One service's deployments.
pub(super) struct Past {
    store: Store,
    service: ServiceName,
}

impl Past {
    /// Reads the config and opens the store.
    pub(super) async fn open(global: &Global) -> Result<Past, CliError> {
        let (config, store) = store_alone(global).await?;
        Ok(Past {
            store,
            service: ServiceName::new(&config.service),
        })
    }

    /// Oldest first.
    pub(super) async fn deployments(&self) -> Result<Vec<DeploymentId>, CliError> {
        let ids = self.store.deployments(&self.service).await;
        ids.map_err(|error| unreadable(&error))
    }

    /// The deployment with this id, or else the last one, and its records.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn wanted(
        &self,
        id: Option<&str>,
    ) -> Result<(DeploymentId, Vec<Record>), CliError> {
        let id = match id {
            Some(id) => DeploymentId::new(id),
            None => self.deployments().await?.pop().ok_or_else(|| {
                CliError::refused(format!("there was no deployment of {} yet", self.service))
            })?,
        };
        let records = self.journal(&id).await?;
        if records.is_empty() {
            return Err(unknown(&id, &self.service, &self.deployments().await?));
        }
        Ok((id, records))
    }

    /// Oldest record first.
    pub(super) async fn journal(&self, id: &DeploymentId) -> Result<Vec<Record>, CliError> {
        let records = self.store.journal(&self.service, id).await;
        records.map_err(|error| unreadable(&error))
    }
}

/// There is no such deployment among `known`, the oldest first; one may have been meant.
pub(super) fn unknown(
    id: &DeploymentId,
    service: &ServiceName,
    known: &[DeploymentId],
) -> CliError {
    let error = CliError::refused(format!("there is no deployment {id} of {service}"));
    let names = || known.iter().rev().map(DeploymentId::as_str);
    let begins = names().find(|it| !id.as_str().is_empty() && it.starts_with(id.as_str()));
    let error = match begins.or_else(|| nearest(id.as_str(), names())) {
        Some(meant) => error.hint(format!("did you mean {meant}?")),
        None => error,
    };
    error.hint("`bg history` lists them all")
}

fn unreadable(error: &StoreError) -> CliError {
    CliError::from_error(ErrorKind::Unexpected, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_id_is_met_with_the_one_that_was_meant() {
        let known = ["20260104-120000-abcd", "20260105-090000-efgh"].map(DeploymentId::new);
        let hint = |id: &str| {
            let error = unknown(&DeploymentId::new(id), &ServiceName::new("shop"), &known);
            error.hints.first().cloned().unwrap_or_default()
        };
        assert_eq!(
            hint("20260104-120000-abdc"),
            "did you mean 20260104-120000-abcd?"
        );
        assert_eq!(hint("2026"), "did you mean 20260105-090000-efgh?");
        assert_eq!(hint("latest"), "`bg history` lists them all");
    }
}
