//! Where the credentials lead: asked once, before a verb writes anything there.

use super::error::CliError;
use super::session::Session;
use super::traffic::Traffic;
use crate::deployment::plan::Plan;

impl Session {
    /// The account of the credentials.
    ///
    /// # Errors
    /// When STS doesn't say.
    async fn account(&self) -> Result<&str, CliError> {
        let account = self.account.get_or_try_init(|| self.cloud.account()).await;
        account
            .map(String::as_str)
            .map_err(|error| self.cant_look(&error))
    }

    /// Refuses credentials of another account than the config's.
    ///
    /// # Errors
    /// Where they are, or STS doesn't say.
    pub(super) async fn refuse_another_account(&self) -> Result<(), CliError> {
        match self.config.account {
            Some(_) => self.refuse_account(self.account().await?),
            None => Ok(()),
        }
    }

    /// The same without STS, for break glass: the routes name their account.
    ///
    /// # Errors
    /// Where one is of another account.
    pub(super) fn refuse_routes_of_another_account(
        &self,
        traffic: &Traffic,
    ) -> Result<(), CliError> {
        let mut accounts = traffic.forwards.iter().map(|it| it.load_balancer.account());
        accounts.try_for_each(|account| self.refuse_account(account))
    }

    fn refuse_account(&self, account: &str) -> Result<(), CliError> {
        match &self.config.account {
            Some(wanted) if wanted.as_str() != account => Err(CliError::refused(format!(
                "the credentials are for account {account}, the config says {wanted}; nothing was \
                 changed"
            ))
            .hint(
                "use the other account's credentials (--profile), or correct `account` in bg.yaml",
            )),
            _ => Ok(()),
        }
    }

    /// Refuses to go on with a deployment of another account or region than this session's.
    ///
    /// # Errors
    /// Where it is, or STS doesn't say.
    pub(super) async fn refuse_elsewhere(&self, plan: &Plan) -> Result<(), CliError> {
        self.refuse_another_account().await?;
        if self.reaches(plan).await? {
            return Ok(());
        }
        let (account, region) = (self.account().await?, self.cloud.region());
        Err(CliError::refused(format!(
            "deployment {} is of account {}, region {}, and the credentials are for account \
             {account}, region {region}; nothing was changed",
            plan.id, plan.account, plan.region
        ))
        .hint("use that account's credentials (--profile) and that region (--region)"))
    }

    /// Whether a plan is of the account and region that this session reaches.
    ///
    /// # Errors
    /// When STS doesn't say.
    pub(super) async fn reaches(&self, plan: &Plan) -> Result<bool, CliError> {
        let account = self.account().await?;
        Ok(plan.region == self.cloud.region() && plan.account == account)
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorKind;
    use super::super::running::tests::planned;

    #[tokio::test]
    async fn what_is_of_another_account_or_region_is_refused() {
        let (mut session, plan) = planned().await;
        assert_eq!(session.refuse_elsewhere(&plan).await, Ok(()));

        let mut elsewhere = [plan.clone(), plan.clone()];
        elsewhere[0].account = "210987654321".to_owned();
        elsewhere[1].region = "us-east-1".to_owned();
        for plan in &elsewhere {
            assert_eq!(session.reaches(plan).await, Ok(false));
            let error = session.refuse_elsewhere(plan).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Refused, "{error}");
        }

        session.config.account = Some("999999999999".parse().unwrap());
        let error = session.refuse_elsewhere(&plan).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
        assert!(error.message.contains("999999999999"), "{error}");
    }
}
