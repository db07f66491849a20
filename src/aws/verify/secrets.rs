//! Secrets and parameters as they are described: their values are never asked for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::by_hand::Other;
use super::super::cloud::Cloud;
use super::super::ecs::{list, text};
use super::super::error::AwsError;
use super::super::retry::Effect;
use super::super::together::some;
use super::{AT_ONCE, unknown};
use crate::verify::{Answer, InRegion, SecretFound};

const SECRET: &str = "secretsmanager:DescribeSecret";
const PARAMETERS: &str = "ssm:DescribeParameters";
/// A filter of DescribeParameters takes so many values, and a page shows so many.
const VALUES_AT_ONCE: usize = 50;

impl Cloud {
    pub(super) async fn secret(&self, id: &InRegion) -> Result<Option<SecretFound>, AwsError> {
        let body = json!({ "SecretId": id.name });
        let found = self
            .ask_json(
                Other::SecretsManager,
                (SECRET, Effect::Reads),
                &id.region,
                &body,
            )
            .await?;
        let versions = found.get("VersionIdsToStages").and_then(Value::as_object);
        let versions = versions.into_iter().flatten().map(|(id, stages)| {
            let stages = stages.as_array().into_iter().flatten();
            let stages = stages.filter_map(Value::as_str).map(str::to_owned);
            (id.clone(), stages.collect())
        });
        Ok(Some(SecretFound {
            is_deleted: found.get("DeletedDate").is_some_and(|it| !it.is_null()),
            versions: versions.collect(),
        }))
    }

    /// Whether each parameter is there: many are asked about at once.
    pub(super) async fn parameters(
        &self,
        asked: &BTreeSet<InRegion>,
    ) -> BTreeMap<InRegion, Answer<()>> {
        let mut regions: BTreeMap<&str, Vec<&InRegion>> = BTreeMap::new();
        for id in asked {
            regions.entry(&id.region).or_default().push(id);
        }
        // Each may stand for two names.
        let batches = regions
            .values()
            .flat_map(|ids| ids.chunks(VALUES_AT_ONCE / 2));
        let batches = batches.map(|ids| self.described(ids)).collect();
        let answers = some(AT_ONCE, batches).await;
        answers.into_iter().flatten().collect()
    }

    async fn described(&self, ids: &[&InRegion]) -> Vec<(InRegion, Answer<()>)> {
        let region = ids.first().map_or("", |id| id.region.as_str());
        let names: Vec<String> = ids.iter().flat_map(|id| names(&id.name)).collect();
        let filter = json!([{ "Key": "Name", "Option": "Equals", "Values": names }]);
        let mut body = json!({ "ParameterFilters": filter, "MaxResults": VALUES_AT_ONCE });
        let mut there = BTreeSet::new();
        loop {
            let call = (PARAMETERS, Effect::Reads);
            match self.ask_json(Other::Ssm, call, region, &body).await {
                Err(error) => {
                    let of = |id: &&InRegion| ((*id).clone(), unknown(&error));
                    return ids.iter().map(of).collect();
                }
                Ok(page) => {
                    let found = list(&page, "Parameters").iter();
                    let found = found.map(|it| text(it, "Name").trim_start_matches('/'));
                    there.extend(found.map(str::to_owned));
                    match text(&page, "NextToken") {
                        "" => break,
                        token => body["NextToken"] = token.into(),
                    }
                }
            }
        }
        let of = |id: &&InRegion| {
            let answer = match there.contains(&id.name) {
                true => Answer::Found(()),
                false => Answer::Missing,
            };
            ((*id).clone(), answer)
        };
        ids.iter().map(of).collect()
    }
}

/// The names that an ARN's `parameter/NAME` may mean: one in a folder begins with `/`, another may.
fn names(name: &str) -> Vec<String> {
    let whole = format!("/{name}");
    match name.contains('/') {
        true => vec![whole],
        false => vec![name.to_owned(), whole],
    }
}
