//! GitHub's deployments and their statuses: what is sent, and what answers mean.

use serde_json::{Value, json};

use super::channel::shortened;
use super::notice::{Notice, Occasion};
use super::place::Repository;

/// GitHub refuses a longer description.
const DESCRIPTION: usize = 140;
/// No more is repeated of what GitHub says.
const REPEATED: usize = 200;

/// What a config asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHubWanted {
    /// The environment that is deployed to, as GitHub has it.
    pub environment: String,
    /// Whose commits are deployed; left out, the one whose workflow this runs in.
    pub repository: Option<Repository>,
    /// Where the environment can be looked at.
    pub url: Option<String>,
    /// The environment variable with the token.
    pub token: String,
}

impl GitHubWanted {
    /// The body that makes a deployment of commit `sha`. What was deployed and how it goes is this
    /// program's affair: GitHub neither merges nor waits for checks.
    pub fn creation(&self, notice: &Notice, sha: &str) -> Value {
        json!({
            "ref": sha,
            "task": "deploy",
            "auto_merge": false,
            "required_contexts": [],
            "payload": { "bg": { "deployment": notice.deployment, "service": notice.service } },
            "environment": self.environment,
            "description": description(&format!("{} {}", notice.service, notice.version)),
        })
    }

    /// The body that says how the deployment stands.
    pub(super) fn status(&self, notice: &Notice, first: &str) -> Value {
        let mut body = json!({
            "state": state(notice.occasion),
            "description": description(first),
            // Other services may be deployed to the same environment.
            "auto_inactive": false,
        });
        if let Some(url) = &notice.run_url {
            body["log_url"] = json!(url);
        }
        if let Some(url) = &self.url {
            body["environment_url"] = json!(url);
        }
        body
    }

    /// The body that says that another version serves now.
    pub fn inactive(&self, notice: &Notice) -> Value {
        json!({
            "state": "inactive",
            "description": description(&format!("{} serves now", notice.version)),
            "auto_inactive": false,
        })
    }

    /// What an answer other than the expected means, without any secret.
    pub fn refusal(&self, status: u16, body: &[u8], repository: &str) -> String {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let said = body
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let said: String = said.chars().filter(|c| !c.is_control()).collect();
        let said = match said.trim_end_matches('.') {
            "" => String::new(),
            said => format!(" ({})", shortened(said, REPEATED)),
        };
        let (token, answered) = (&self.token, format!("GitHub answered {status}{said}"));
        match status {
            202 => format!(
                "{answered}: it has merged the default branch instead of making a deployment"
            ),
            401 => format!("{answered}: it doesn't take the token in {token}: renew it"),
            403 | 404 => format!(
                "{answered}: the token in {token} needs the permission `deployments: write` on \
                 {repository}"
            ),
            409 => format!("{answered}: it makes no deployment of this commit as it is"),
            422 => format!("{answered}: is the commit in GITHUB_SHA one of {repository}?"),
            _ => answered,
        }
    }
}

/// What a deployment is to GitHub.
fn state(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::Started | Occasion::Shifting | Occasion::Holding | Occasion::Reverting => {
            "in_progress"
        }
        // It waits for somebody.
        Occasion::Gate | Occasion::Kept => "pending",
        Occasion::Promoted | Occasion::Retired => "success",
        Occasion::Reverted => "failure",
        Occasion::Stuck => "error",
    }
}

fn description(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    // One character is the ellipsis.
    match line.chars().count() <= DESCRIPTION {
        true => line,
        false => shortened(&line, DESCRIPTION - 1),
    }
}

/// What a deployment of GitHub's carries of this program's.
fn carried<'a>(listed: &'a Value, key: &str) -> Option<&'a str> {
    listed.get("payload")?.get("bg")?.get(key)?.as_str()
}

/// GitHub's id of the deployment that `notice` is of, in a list of GitHub's.
pub fn found(list: &Value, notice: &Notice) -> Option<u64> {
    let mut all = list.as_array()?.iter();
    let own = |it: &&Value| carried(it, "deployment") == Some(notice.deployment.as_str());
    all.find(own)?.get("id")?.as_u64()
}

/// The ids of the service's deployments before the one with the id `own`, the newest first; all of
/// them where it has none.
pub fn earlier(list: &Value, notice: &Notice, own: Option<u64>) -> Vec<u64> {
    let all = list.as_array().into_iter().flatten();
    let of_service = all.filter(|it| carried(it, "service") == Some(notice.service.as_str()));
    let ids = of_service.filter_map(|it| it.get("id")?.as_u64());
    let mut ids: Vec<u64> = ids.filter(|id| own.is_none_or(|own| *id < own)).collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> GitHubWanted {
        GitHubWanted {
            environment: "production".to_owned(),
            repository: None,
            url: None,
            token: "GITHUB_TOKEN".to_owned(),
        }
    }

    #[test]
    fn a_description_of_any_length_is_one_line_that_fits() {
        assert_eq!(description(&"ä".repeat(140)).chars().count(), 140);
        let long = description(&"ä\n".repeat(200));
        assert_eq!(long.chars().count(), 140);
        assert!(long.ends_with('…') && !long.contains('\n'), "{long}");
    }

    #[test]
    fn a_deployment_is_found_by_what_it_carries() {
        let carrying = |id: u64, deployment: &str, service: &str| {
            let bg = json!({ "deployment": deployment, "service": service });
            json!({ "id": id, "payload": { "bg": bg } })
        };
        let notice = Notice::example();
        let list = json!([
            { "id": 9, "payload": "" },
            { "id": 8, "payload": {} },
            carrying(7, &notice.deployment, "shop"),
            carrying(5, "d1", "shop"),
            carrying(6, "d2", "shop"),
            carrying(4, "d3", "cart"),
        ]);
        assert_eq!(found(&list, &notice), Some(7));
        assert_eq!(earlier(&list, &notice, Some(7)), [6, 5]);
        assert_eq!(earlier(&list, &notice, None), [7, 6, 5]);
        assert_eq!(found(&json!({ "message": "?" }), &notice), None);
    }

    #[test]
    fn an_answer_is_told_in_words() {
        let told = |status, body: &str| wanted().refusal(status, body.as_bytes(), "org/shop");
        let body = r#"{ "message": "Resource not accessible by integration" }"#;
        let denied = told(403, body);
        assert!(
            denied.contains("403 (Resource not accessible by integration)"),
            "{denied}"
        );
        assert!(
            denied.contains("`deployments: write` on org/shop"),
            "{denied}"
        );
        assert!(told(401, "").contains("the token in GITHUB_TOKEN"));
        assert!(told(422, "{}").contains("GITHUB_SHA"));
        assert!(told(202, "{}").contains("merged"));
        assert!(told(409, "{}").contains("409: "));
        assert_eq!(told(500, "<html>"), "GitHub answered 500");
        let long = format!(r#"{{ "message": "{}" }}"#, "x".repeat(9_000));
        assert!(told(400, &long).len() < 300);
    }
}
