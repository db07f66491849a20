//! Reads what [`verify`](crate::verify) asks for: all of it together, each thing once, and nothing
//! that is secret.

mod roles;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::cloud::Cloud;
use super::error::{AwsError, ErrorClass};
use super::retry::{Effect, patiently};
use super::together::some;
use crate::deployment::ids::AlarmName;
use crate::verify::{Answer, Asks, Facts, InRegion};

/// Calls of one kind at once: their budgets aren't published, and aren't only ours.
const AT_ONCE: usize = 8;
/// How long it waits for an account that others keep busy.
const THROTTLED_AT_MOST: Duration = Duration::from_secs(30);
const DESCRIBE_GROUPS: &str = "logs:DescribeLogGroups";

impl Cloud {
    /// The answers to `asks`. What can't be read says why; nothing fails.
    pub async fn verify(&self, asks: &Asks) -> Facts {
        patiently(THROTTLED_AT_MOST, async {
            let (roles, rights, images, secrets, parameters, log_groups, alarms) = tokio::join!(
                each(&asks.roles, |name| self.trust_policy(name)),
                self.rights(&asks.rights),
                each(&asks.images, |reference| self.image(reference)),
                each(&asks.secrets, |secret| self.secret(secret)),
                self.parameters(&asks.parameters),
                each(&asks.log_groups, |group| self.log_group(group)),
                self.alarms_there(&asks.alarms),
            );
            Facts {
                roles,
                images,
                secrets,
                parameters,
                log_groups,
                rights,
                alarms,
            }
        })
        .await
    }

    /// Whether there is a group of just that name: it sorts before those that it begins.
    async fn log_group(&self, group: &InRegion) -> Result<Option<()>, AwsError> {
        let client = self.logs(&group.region);
        let found = self
            .call(DESCRIBE_GROUPS, Effect::Reads, || {
                client
                    .describe_log_groups()
                    .log_group_name_prefix(&group.name)
                    .send()
            })
            .await?;
        let mut names = found.log_groups().iter().map(|it| it.log_group_name());
        Ok(names
            .any(|name| name == Some(group.name.as_str()))
            .then_some(()))
    }

    async fn alarms_there(&self, names: &BTreeSet<AlarmName>) -> BTreeMap<AlarmName, Answer<()>> {
        let names: Vec<AlarmName> = names.iter().cloned().collect();
        match self.alarms(&names).await {
            Err(error) => {
                let of = |name| (name, unknown(&error));
                names.into_iter().map(of).collect()
            }
            Ok(found) => {
                let of = |(name, alarm): (AlarmName, Option<_>)| {
                    (name, alarm.map_or(Answer::Missing, |_| Answer::Found(())))
                };
                found.into_iter().map(of).collect()
            }
        }
    }
}

/// What comes of a question about each of `asked`.
async fn each<'a, K, T, F>(
    asked: &'a BTreeSet<K>,
    ask: impl Fn(&'a K) -> F,
) -> BTreeMap<K, Answer<T>>
where
    K: Ord + Clone,
    F: Future<Output = Result<Option<T>, AwsError>>,
{
    let answers = some(AT_ONCE, asked.iter().map(ask).collect()).await;
    asked
        .iter()
        .cloned()
        .zip(answers.into_iter().map(answer))
        .collect()
}

fn answer<T>(result: Result<Option<T>, AwsError>) -> Answer<T> {
    match result {
        Ok(Some(found)) => Answer::Found(found),
        Ok(None) => Answer::Missing,
        Err(error) if error.is_not_found() => Answer::Missing,
        Err(error) => unknown(&error),
    }
}

/// AWS's words, or the permission that is missing: never more than that of a denial.
fn unknown<T>(error: &AwsError) -> Answer<T> {
    let hint = match error.class {
        ErrorClass::Denied => None,
        _ => error.hint(),
    };
    let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
    Answer::Unknown(format!("{error}{hint}"))
}
