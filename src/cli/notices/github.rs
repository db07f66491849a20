//! GitHub's deployments: each of this program's has one there, which is made once and found again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::post::{Failed, TRY, of_environment, repository};
use super::{Began, Told};
use crate::aws::{Web, WebAnswer, WebRequest};
use crate::notify::{GitHubWanted, Notice, Occasion, earlier, found};

/// Where GitHub is, unless `GITHUB_API_URL` says otherwise.
const GITHUB: &str = "https://api.github.com";
/// The version of its API that this is written for.
const VERSION: &str = "2022-11-28";
/// How many of the newest deployments are looked at: one page.
const LISTED: &str = "100";
/// How many of a service's earlier deployments are looked at for the one that served before.
const LOOKED_AT: usize = 5;

/// The way to GitHub, with what was learnt there.
pub(super) struct GitHub {
    web: Web,
    wanted: GitHubWanted,
    /// GitHub's ids, by this program's.
    known: BTreeMap<String, u64>,
}

/// Where GitHub is asked, as which repository, and by which right.
struct Api<'a> {
    web: &'a Web,
    wanted: &'a GitHubWanted,
    base: String,
    repository: String,
    token: String,
}

impl GitHub {
    pub(super) fn of(web: Web, wanted: &GitHubWanted) -> GitHub {
        GitHub {
            web,
            wanted: wanted.clone(),
            known: BTreeMap::new(),
        }
    }

    /// Sets the deployment's status; makes or finds the deployment first.
    pub(super) async fn tell(&mut self, told: &Told, status: &Value) -> Result<(), Failed> {
        let Told { notice, began } = told;
        let is_over = notice.occasion == Occasion::Promoted;
        // Which commit a way back leads to isn't known: only that the last one serves no more.
        if notice.is_of_a_rollback() && !is_over {
            return Ok(());
        }
        let api = Api::of(&self.web, &self.wanted).map_err(Failed::ForGood)?;
        let own = match self.known.get(&notice.deployment) {
            _ if notice.is_of_a_rollback() => None,
            Some(id) => Some(*id),
            None => {
                let id = api.deployment(notice, *began).await?;
                self.known.insert(notice.deployment.clone(), id);
                Some(id)
            }
        };
        if let Some(id) = own {
            api.set(id, status).await?;
        }
        match is_over {
            true => api.end_the_last(notice, own).await,
            false => Ok(()),
        }
    }
}

impl<'a> Api<'a> {
    fn of(web: &'a Web, wanted: &'a GitHubWanted) -> Result<Api<'a>, String> {
        let base = of_environment("GITHUB_API_URL").unwrap_or_else(|_| GITHUB.to_owned());
        Ok(Api {
            web,
            wanted,
            base: base.trim_end_matches('/').to_owned(),
            repository: repository(wanted)?,
            token: of_environment(&wanted.token)?,
        })
    }

    /// GitHub's id of the deployment. Only who began it makes one, because only that process runs
    /// for the commit that is deployed; and not before it has looked for one, because an answer
    /// may have been lost.
    async fn deployment(&self, notice: &Notice, began: Began) -> Result<u64, Failed> {
        let list = self.list().await?;
        if let Some(id) = found(&list, notice) {
            return Ok(id);
        }
        if began == Began::Elsewhere {
            let why = format!(
                "{} has no deployment for {} in environment {}: the process that began it made none",
                self.repository, notice.deployment, self.wanted.environment
            );
            return Err(Failed::ForGood(why));
        }
        let sha = of_environment("GITHUB_SHA").map_err(Failed::ForGood)?;
        let body = self.wanted.creation(notice, &sha);
        let made = self.ask("POST", "", Some(&body), 201).await?;
        let id = made.get("id").and_then(Value::as_u64);
        id.ok_or_else(|| Failed::ForGood("GitHub's answer names no deployment".to_owned()))
    }

    /// The newest deployments of the environment.
    async fn list(&self) -> Result<Value, Failed> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("environment", &self.wanted.environment)
            .append_pair("per_page", LISTED)
            .finish();
        self.ask("GET", &format!("?{query}"), None, 200).await
    }

    async fn set(&self, id: u64, status: &Value) -> Result<(), Failed> {
        let path = format!("/{id}/statuses");
        self.ask("POST", &path, Some(status), 201).await?;
        Ok(())
    }

    /// Another version of the service serves now. GitHub itself would end those of all services
    /// in an environment, and none of production.
    async fn end_the_last(&self, notice: &Notice, own: Option<u64>) -> Result<(), Failed> {
        let list = self.list().await?;
        for id in earlier(&list, notice, own).into_iter().take(LOOKED_AT) {
            let path = format!("/{id}/statuses?per_page=1");
            let statuses = self.ask("GET", &path, None, 200).await?;
            match statuses.pointer("/0/state").and_then(Value::as_str) {
                Some("success") => return self.set(id, &self.wanted.inactive(notice)).await,
                Some("inactive") => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Asks below the repository's deployments.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        expected: u16,
    ) -> Result<Value, Failed> {
        let (base, repository) = (&self.base, &self.repository);
        let request = WebRequest {
            method: method.to_owned(),
            url: format!("{base}/repos/{repository}/deployments{path}"),
            headers: self.headers(),
            body: body.map(Value::to_string).unwrap_or_default().into_bytes(),
            within: TRY,
        };
        let WebAnswer { status, body } = self.web.send(&request).await.map_err(Failed::ForNow)?;
        if status != expected {
            // Something between here and GitHub may say what it was sent.
            let body = String::from_utf8_lossy(&body).replace(&self.token, "…");
            let why = self.wanted.refusal(status, body.as_bytes(), repository);
            return Err(Failed::answered(status, why));
        }
        let unreadable = |_| Failed::ForGood("GitHub's answer can't be read".to_owned());
        serde_json::from_slice(&body).map_err(unreadable)
    }

    fn headers(&self) -> BTreeMap<String, String> {
        let headers = [
            ("accept", "application/vnd.github+json".to_owned()),
            ("authorization", format!("Bearer {}", self.token)),
            ("content-type", "application/json".to_owned()),
            // Without one GitHub refuses everything.
            (
                "user-agent",
                concat!("bg/", env!("CARGO_PKG_VERSION")).to_owned(),
            ),
            ("x-github-api-version", VERSION.to_owned()),
        ];
        headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}
