//! The way to one channel.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;

use super::Told;
use super::github::GitHub;
use crate::aws::{AwsError, Cloud, ErrorClass, Web, WebRequest};
use crate::notify::{Channel, GitHubWanted, Held, Letter, NotifyWanted, address_flaw, letter};

/// How long one try may take, how many there are, and what lies between the first two.
pub(super) const TRY: Duration = Duration::from_secs(5);
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// Sends what one entry of `notify` wants to hear.
pub(super) struct Post {
    wanted: NotifyWanted,
    way: Way,
}

enum Way {
    /// To an address.
    Web(Web),
    /// To a service of AWS.
    Aws(Box<Cloud>),
    /// To GitHub's deployments.
    GitHub(GitHub),
}

/// Why something was not told.
#[derive(Debug)]
pub(super) enum Failed {
    /// It may go better soon.
    ForNow(String),
    /// It won't.
    ForGood(String),
}

impl Failed {
    /// Of an answer with a status that isn't the expected.
    pub(super) fn answered(status: u16, why: String) -> Failed {
        match status {
            408 | 429 | 500.. => Failed::ForNow(why),
            _ => Failed::ForGood(why),
        }
    }
}

impl Post {
    pub(super) fn of(cloud: &Cloud, wanted: &NotifyWanted) -> Post {
        let way = match &wanted.channel {
            Channel::Slack(_) | Channel::Teams(_) | Channel::Webhook { .. } => {
                Way::Web(cloud.way_out())
            }
            Channel::Sns(_) | Channel::EventBus(_) => Way::Aws(Box::new(cloud.another())),
            Channel::GitHub(github) => Way::GitHub(GitHub::of(cloud.way_out(), github)),
        };
        Post {
            wanted: wanted.clone(),
            way,
        }
    }

    /// Sends one notice, again where that may help.
    ///
    /// # Errors
    /// In words without any secret or address.
    pub(super) async fn send(&mut self, told: &Told) -> Result<(), String> {
        let letter = letter(
            &self.wanted.channel,
            &told.notice,
            self.wanted.text.as_deref(),
        )?;
        let mut last = String::new();
        for attempt in 1..=TRIES {
            match self.try_once(told, &letter).await {
                Ok(()) => return Ok(()),
                Err(Failed::ForGood(why)) => return Err(why),
                Err(Failed::ForNow(why)) => last = why,
            }
            if attempt < TRIES {
                sleep(PAUSE * attempt).await;
            }
        }
        Err(last)
    }

    async fn try_once(&mut self, told: &Told, letter: &Letter) -> Result<(), Failed> {
        match (&mut self.way, &self.wanted.channel, letter) {
            (Way::Web(web), channel, Letter::Body(body)) => {
                let request = request(channel, body.to_string());
                post(web, &request.map_err(Failed::ForGood)?).await
            }
            // The calls are repeated where they are made.
            (Way::Aws(cloud), Channel::Sns(topic), Letter::Form(form)) => {
                cloud.publish(topic, form).await.map_err(|it| refused(&it))
            }
            (Way::Aws(cloud), Channel::EventBus(bus), Letter::Body(body)) => {
                cloud.put_events(bus, body).await.map_err(|it| refused(&it))
            }
            (Way::GitHub(github), _, Letter::Body(status)) => github.tell(told, status).await,
            // A letter has the form of its channel.
            _ => Err(Failed::ForGood("there is no way to it".to_owned())),
        }
    }
}

/// AWS's words, or the permission that is missing, without the resource: it is in the config.
fn refused(error: &AwsError) -> Failed {
    Failed::ForGood(match error.class {
        ErrorClass::Denied => format!(
            "not allowed: {}; `bg iam-policy` prints the permissions that bg needs",
            error.operation
        ),
        _ => error.to_string(),
    })
}

async fn post(web: &Web, request: &WebRequest) -> Result<(), Failed> {
    let answer = web.send(request).await.map_err(Failed::ForNow)?;
    match answer.status {
        200..300 => Ok(()),
        // Whose address it is doesn't matter: it may be a proxy's answer.
        status => Err(Failed::ForNow(format!("it answered {status}"))),
    }
}

fn request(channel: &Channel, body: String) -> Result<WebRequest, String> {
    let (url, headers) = match channel {
        Channel::Slack(url) | Channel::Teams(url) => (url, None),
        Channel::Webhook { url, headers } => (url, Some(headers)),
        _ => return Err("it has no address".to_owned()),
    };
    let mut sent = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    for (name, value) in headers.into_iter().flatten() {
        sent.insert(name.clone(), held(value)?);
    }
    Ok(WebRequest {
        method: "POST".to_owned(),
        url: address(url)?,
        headers: sent,
        body: body.into_bytes(),
        within: TRY,
    })
}

/// A value, as it is now.
fn held(value: &Held) -> Result<String, String> {
    match value {
        Held::Text(text) => Ok(text.clone()),
        Held::Env(name) => of_environment(name),
    }
}

/// The same of an address. Its words never hold it: it may be a secret.
pub(super) fn address(value: &Held) -> Result<String, String> {
    let text = held(value)?;
    let name = match value {
        Held::Env(name) => format!("the environment variable {name}"),
        Held::Text(_) => "its address".to_owned(),
    };
    match address_flaw(&text) {
        None => Ok(text),
        Some((what, hint)) => Err(format!("{name} holds no address to use: {what}; {hint}")),
    }
}

/// What an environment variable has now; an empty one counts as not set.
pub(super) fn of_environment(name: &str) -> Result<String, String> {
    let value = std::env::var(name).ok().filter(|it| !it.is_empty());
    value.ok_or_else(|| format!("the environment variable {name} is not set"))
}

/// The repository whose deployments are told.
pub(super) fn repository(wanted: &GitHubWanted) -> Result<String, String> {
    match &wanted.repository {
        Some(repository) => Ok(repository.to_string()),
        None => of_environment("GITHUB_REPOSITORY"),
    }
}
