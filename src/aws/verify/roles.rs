//! Roles: whom they trust, and what they may do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::by_hand::Other;
use super::super::cloud::Cloud;
use super::super::error::AwsError;
use super::super::retry::Effect;
use super::super::together::some;
use super::super::xml::Element;
use super::{AT_ONCE, unknown};
use crate::verify::{Answer, Decision, Right};

const GET: &str = "iam:GetRole";
const SIMULATE: &str = "iam:SimulatePrincipalPolicy";

impl Cloud {
    async fn ask_iam(
        &self,
        operation: &'static str,
        parameters: &[(String, String)],
    ) -> Result<Element, AwsError> {
        let call = (operation, Effect::Reads);
        self.ask_query(Other::Iam, call, self.region(), parameters)
            .await
    }

    /// A role's trust policy.
    pub(super) async fn trust_policy(&self, name: &str) -> Result<Option<Value>, AwsError> {
        let name = [("RoleName".to_owned(), name.to_owned())];
        let found = self.ask_iam(GET, &name).await?;
        let document = found
            .child("Role")
            .and_then(|role| role.text_of("AssumeRolePolicyDocument"));
        // It comes as JSON that is encoded as in a URL.
        let encoded = document.unwrap_or_default().replace('+', "%2B");
        let decoded = form_urlencoded::parse(encoded.as_bytes()).next();
        let text = decoded.map_or_else(String::new, |(text, value)| match value.is_empty() {
            true => text.into_owned(),
            false => format!("{text}={value}"),
        });
        let policy = serde_json::from_str(&text);
        policy
            .map(Some)
            .map_err(|error| AwsError::invalid(GET, format!("its trust policy: {error}")))
    }

    /// What IAM says of each right, asked together for the same role and action.
    pub(super) async fn rights(
        &self,
        rights: &BTreeSet<Right>,
    ) -> BTreeMap<Right, Answer<Decision>> {
        let mut together: BTreeMap<(&str, &'static str), Vec<&Right>> = BTreeMap::new();
        for right in rights {
            let of = (right.role.as_str(), right.action);
            together.entry(of).or_default().push(right);
        }
        let asked = together.values().map(|rights| self.simulate(rights));
        let answers = some(AT_ONCE, asked.collect()).await;
        answers.into_iter().flatten().collect()
    }

    async fn simulate(&self, rights: &[&Right]) -> Vec<(Right, Answer<Decision>)> {
        let Some(first) = rights.first() else {
            return Vec::new();
        };
        let mut parameters = vec![
            ("PolicySourceArn".to_owned(), first.role.clone()),
            ("ActionNames.member.1".to_owned(), first.action.to_owned()),
        ];
        let resources = rights.iter().enumerate().map(|(at, right)| {
            let key = format!("ResourceArns.member.{}", at + 1);
            (key, right.resource.clone())
        });
        parameters.extend(resources);
        let results = self.ask_iam(SIMULATE, &parameters).await;
        let answer = |right: &&Right| {
            let answer = match &results {
                Ok(results) => decision(results, &right.resource).unwrap_or(Answer::Missing),
                Err(error) => unknown(error),
            };
            ((*right).clone(), answer)
        };
        rights.iter().map(answer).collect()
    }
}

/// What was decided for one of the resources: it stands beside the action's own decision, or below
/// it where there were several.
fn decision(results: &Element, resource: &str) -> Option<Answer<Decision>> {
    let results = results.members("EvaluationResults");
    let below = results
        .iter()
        .flat_map(|it| it.members("ResourceSpecificResults"));
    let below = below.map(|it| (it, it.text_of("EvalResourceDecision")));
    let beside = results.iter();
    let beside = beside.map(|it| (it, it.text_of("EvalDecision")));
    let mut named = below.chain(beside);
    let (result, decision) =
        named.find(|(it, _)| it.text_of("EvalResourceName") == Some(resource))?;
    // What is asked of a request that nobody makes isn't known.
    let unknown = result.members("MissingContextValues").iter();
    let unknown: Vec<&str> = unknown.map(|it| it.text.as_str()).collect();
    Some(match decision?.trim() {
        "allowed" => Answer::Found(Decision::Allowed),
        _ if !unknown.is_empty() => Answer::Unknown(format!(
            "its policies have conditions on {}",
            unknown.join(", ")
        )),
        "explicitDeny" => Answer::Found(Decision::Refused),
        _ => Answer::Found(Decision::NotAllowed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(xml: &str) -> Element {
        Element::parse(format!("<R><EvaluationResults>{xml}</EvaluationResults></R>").as_bytes())
            .unwrap()
    }

    #[test]
    fn a_decision_is_the_resources_own_where_there_are_several() {
        let one = results(
            "<member><EvalResourceName>arn:a</EvalResourceName>\
             <EvalDecision>allowed</EvalDecision></member>",
        );
        let found = |of, resource| decision(of, resource).unwrap();
        assert_eq!(found(&one, "arn:a"), Answer::Found(Decision::Allowed));
        assert_eq!(decision(&one, "arn:b"), None);
        let several = results(
            "<member><EvalResourceName>arn:a</EvalResourceName><EvalDecision>implicitDeny\
             </EvalDecision><ResourceSpecificResults>\
             <member><EvalResourceName>arn:a</EvalResourceName>\
             <EvalResourceDecision>allowed</EvalResourceDecision></member>\
             <member><EvalResourceName>arn:b</EvalResourceName>\
             <EvalResourceDecision>explicitDeny</EvalResourceDecision></member>\
             </ResourceSpecificResults></member>",
        );
        assert_eq!(found(&several, "arn:a"), Answer::Found(Decision::Allowed));
        assert_eq!(found(&several, "arn:b"), Answer::Found(Decision::Refused));
        let open = results(
            "<member><EvalResourceName>arn:a</EvalResourceName><EvalDecision>implicitDeny\
             </EvalDecision><MissingContextValues><member>aws:SourceVpc</member>\
             </MissingContextValues></member>",
        );
        let why = "its policies have conditions on aws:SourceVpc".to_owned();
        assert_eq!(found(&open, "arn:a"), Answer::Unknown(why));
    }
}
