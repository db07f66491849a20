//! What the store remembers, without a word to AWS.

use super::args::Global;
use super::error::{CliError, ErrorKind};
use super::session::store_alone;
use crate::deployment::event::Record;
use crate::deployment::ids::{DeploymentId, ServiceName};
use crate::store::{Store, StoreError};

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
            let service = &self.service;
            return Err(
                CliError::refused(format!("there is no deployment {id} of {service}"))
                    .hint("`bg history` lists them"),
            );
        }
        Ok((id, records))
    }

    /// Oldest record first.
    pub(super) async fn journal(&self, id: &DeploymentId) -> Result<Vec<Record>, CliError> {
        let records = self.store.journal(&self.service, id).await;
        records.map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &StoreError) -> CliError {
    CliError::from_error(ErrorKind::Unexpected, error)
}
