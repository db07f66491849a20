//! Listeners and rules as ELBv2 prints them, read and written without the SDK's idea of what may
//! stand in them.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::cloud::Cloud;
use super::error::AwsError;
use super::raw::{Kept, replace_body};
use super::retry::Effect;
use super::xml::Element;
use crate::deployment::ids::{LoadBalancerArn, RouteArn};
use crate::deployment::plan::RouteKind;

/// ELBv2's API version, which each Query request names.
const VERSION: &str = "2015-12-01";
/// More pages than any load balancer may have listeners or rules.
const PAGES: usize = 20;

const LISTENERS: &str = "elasticloadbalancing:DescribeListeners";
const RULES: &str = "elasticloadbalancing:DescribeRules";
const MODIFY_LISTENER: &str = "elasticloadbalancing:ModifyListener";
const MODIFY_RULE: &str = "elasticloadbalancing:ModifyRule";

/// What has an action list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// A listener: its default actions.
    Listener,
    /// A rule of one.
    Rule,
}

impl Item {
    /// `None` for what is no part of a load balancer.
    pub(super) fn of(kind: &RouteKind) -> Option<Item> {
        match kind {
            RouteKind::Listener => Some(Item::Listener),
            RouteKind::Rule => Some(Item::Rule),
            RouteKind::Record(_) => None,
        }
    }

    pub(super) fn kind(self) -> RouteKind {
        match self {
            Item::Listener => RouteKind::Listener,
            Item::Rule => RouteKind::Rule,
        }
    }
}

/// The names that differ between a listener's default action and a rule's.
pub(super) struct Names {
    /// The list in a Describe or Modify answer.
    pub(super) items: &'static str,
    /// The ARN of an item, and the parameter that a Modify names it by.
    pub(super) arn: &'static str,
    /// The action list of an item.
    pub(super) actions: &'static str,
    /// The Describe call.
    pub(super) describe: &'static str,
    /// The Modify call.
    pub(super) modify: &'static str,
}

/// The names for `kind`.
pub(super) fn names(kind: Item) -> Names {
    match kind {
        Item::Listener => Names {
            items: "Listeners",
            arn: "ListenerArn",
            actions: "DefaultActions",
            describe: LISTENERS,
            modify: MODIFY_LISTENER,
        },
        Item::Rule => Names {
            items: "Rules",
            arn: "RuleArn",
            actions: "Actions",
            describe: RULES,
            modify: MODIFY_RULE,
        },
    }
}

impl Cloud {
    /// The listeners or rules of those ARNs, in one call.
    pub(super) async fn items(
        &self,
        kind: Item,
        arns: &[&RouteArn],
    ) -> Result<Vec<Element>, AwsError> {
        let arns = || arns.iter().map(|arn| arn.as_str().to_owned()).collect();
        match kind {
            Item::Listener => {
                self.listener_pages(|request| request.set_listener_arns(Some(arns())))
                    .await
            }
            Item::Rule => {
                self.rule_pages(|request| request.set_rule_arns(Some(arns())))
                    .await
            }
        }
    }

    /// Every listener of a load balancer.
    pub(super) async fn listeners_of(
        &self,
        load_balancer: &LoadBalancerArn,
    ) -> Result<Vec<Element>, AwsError> {
        self.listener_pages(|request| request.load_balancer_arn(load_balancer.as_str()))
            .await
    }

    /// Every rule of a listener, its default rule too.
    pub(super) async fn rules_of(&self, listener: &str) -> Result<Vec<Element>, AwsError> {
        self.rule_pages(|request| request.listener_arn(listener))
            .await
    }

    async fn listener_pages(
        &self,
        ask: impl Fn(DescribeListeners) -> DescribeListeners,
    ) -> Result<Vec<Element>, AwsError> {
        self.pages(LISTENERS, "Listeners", |marker, kept| {
            let request = ask(self.elb().describe_listeners()).set_marker(marker);
            let request = request.customize().interceptor(kept.clone());
            async move { request.send().await.map(|_| kept.take()) }
        })
        .await
    }

    async fn rule_pages(
        &self,
        ask: impl Fn(DescribeRules) -> DescribeRules,
    ) -> Result<Vec<Element>, AwsError> {
        self.pages(RULES, "Rules", |marker, kept| {
            let request = ask(self.elb().describe_rules()).set_marker(marker);
            let request = request.customize().interceptor(kept.clone());
            async move { request.send().await.map(|_| kept.take()) }
        })
        .await
    }

    /// Follows the markers of a Describe call.
    pub(super) async fn pages<E, F>(
        &self,
        operation: &'static str,
        key: &str,
        send: impl Fn(Option<String>, Kept) -> F,
    ) -> Result<Vec<Element>, AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<Vec<u8>, SdkError<E, HttpResponse>>>,
    {
        let mut items = Vec::new();
        let mut marker = None;
        for _ in 0..PAGES {
            let send = || send(marker.clone(), Kept::default());
            let read = |answer: &[u8]| read(key, answer);
            let (page, next) = self
                .call_and_read(operation, Effect::Reads, send, read)
                .await?;
            items.extend(page);
            marker = next;
            if marker.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// Replaces the action list of a listener or rule; gives back the item as ELBv2 now has it.
    pub(super) async fn modify(
        &self,
        kind: Item,
        arn: &RouteArn,
        actions: &Element,
        effect: Effect,
    ) -> Result<Element, AwsError> {
        let names = names(kind);
        let body = modify_body(kind, arn, actions);
        let read = |answer: &[u8]| {
            let (mut items, _) = read(names.items, answer)?;
            let changed = items.pop();
            changed.ok_or_else(|| "it doesn't show what was modified".to_owned())
        };
        match kind {
            Item::Listener => {
                let send = || {
                    let (body, kept) = (body.clone(), Kept::default());
                    let request = self.elb().modify_listener().customize();
                    let request = request
                        .interceptor(kept.clone())
                        .mutate_request(move |request| replace_body(request, body.as_str()));
                    async move { request.send().await.map(|_| kept.take()) }
                };
                self.call_and_read(names.modify, effect, send, read).await
            }
            Item::Rule => {
                let send = || {
                    let (body, kept) = (body.clone(), Kept::default());
                    let request = self.elb().modify_rule().customize();
                    let request = request
                        .interceptor(kept.clone())
                        .mutate_request(move |request| replace_body(request, body.as_str()));
                    async move { request.send().await.map(|_| kept.take()) }
                };
                self.call_and_read(names.modify, effect, send, read).await
            }
        }
    }
}

type DescribeListeners =
    aws_sdk_elasticloadbalancingv2::operation::describe_listeners::builders::DescribeListenersFluentBuilder;
type DescribeRules =
    aws_sdk_elasticloadbalancingv2::operation::describe_rules::builders::DescribeRulesFluentBuilder;

/// The members of `key` in an answer, and the marker of the next page.
pub(super) fn read(key: &str, answer: &[u8]) -> Result<(Vec<Element>, Option<String>), String> {
    let document = Element::parse(answer).map_err(|error| error.to_string())?;
    let result = document
        .children
        .iter()
        .find(|child| child.name.ends_with("Result"))
        .unwrap_or(&document);
    let marker = result
        .text_of("NextMarker")
        .filter(|marker| !marker.is_empty());
    Ok((result.members(key).to_vec(), marker.map(str::to_owned)))
}

/// The form body of a Modify call that replaces the action list.
fn modify_body(kind: Item, arn: &RouteArn, actions: &Element) -> String {
    let names = names(kind);
    let action = names.modify.rsplit(':').next().unwrap_or(names.modify);
    let mut parameters = vec![(names.arn.to_owned(), arn.as_str().to_owned())];
    actions.to_query(names.actions, &mut parameters);
    form(action, &parameters)
}

/// The form body of a call.
pub(super) fn form(action: &str, parameters: &[(String, String)]) -> String {
    let own = [("Action", action), ("Version", VERSION)];
    let parameters = parameters
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let mut body = String::new();
    for (key, value) in own.into_iter().chain(parameters) {
        if !body.is_empty() {
            body.push('&');
        }
        for (text, end) in [(key, "="), (value, "")] {
            for part in form_urlencoded::byte_serialize(text.as_bytes()) {
                // Query wants a space percent-encoded; a plus that was meant is %2B by now.
                body.push_str(if part == "+" { "%20" } else { part });
            }
            body.push_str(end);
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modify_call_names_what_it_replaces_and_encodes_as_query_wants() {
        let text = "a b+c/é&=*";
        let action = Element::node("member", vec![Element::leaf("X", text)]);
        let list = Element::node("Actions", vec![action]);
        let body = modify_body(Item::Rule, &RouteArn::new("arn:rule"), &list);
        assert_eq!(
            body,
            "Action=ModifyRule&Version=2015-12-01&RuleArn=arn%3Arule\
             &Actions.member.1.X=a%20b%2Bc%2F%C3%A9%26%3D*"
        );
        let body = modify_body(Item::Listener, &RouteArn::new("l"), &list);
        assert!(body.starts_with(
            "Action=ModifyListener&Version=2015-12-01&ListenerArn=l&DefaultActions.member.1.X="
        ));
    }
}
