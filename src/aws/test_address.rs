//! Where a test route is asked: its load balancer's name, its listener's port, its rule's
//! conditions.

use std::collections::BTreeMap;

use super::cloud::Cloud;
use super::error::AwsError;
use super::forwards::{condition, headers};
use super::listeners::Item;
use super::retry::Effect;
use super::web::WebRequest;
use super::xml::Element;
use crate::deployment::ids::{LoadBalancerArn, RouteArn};
use crate::deployment::plan::{Plan, Route, RouteKind};

impl Cloud {
    /// A request to a path through the plan's first test route.
    ///
    /// # Errors
    /// In words, where there is none, or what it takes can't be read or isn't known.
    pub async fn through_test_route(
        &self,
        plan: &Plan,
        request: &WebRequest,
        path: &str,
    ) -> Result<WebRequest, String> {
        let route = plan.test_routes.first();
        let route = route.ok_or("the plan has no test route")?;
        let conditions = match route.kind {
            RouteKind::Listener | RouteKind::Record(_) => BTreeMap::new(),
            RouteKind::Rule => {
                let rule = self.one(Item::Rule, &route.arn).await;
                demanded(&rule.map_err(|error| error.to_string())?)
            }
        };
        let listener = listener_of(&route.arn);
        let (listener, name) = tokio::join!(
            self.one(Item::Listener, &listener),
            self.dns_name(&route.load_balancer),
        );
        let listener = listener.map_err(|error| error.to_string())?;
        let name = name.map_err(|error| error.to_string())?;
        let mut asked = addressed(route, &listener, &name, request, conditions, path)?;
        if let Some(sandbox) = self.sandbox() {
            // Its load balancers have names that nothing else knows.
            let authority = format!("{name}:{}", listener.text_of("Port").unwrap_or("80"));
            let host = asked.headers.insert("host".to_owned(), authority);
            let host = host.map(|host| ("x-forwarded-host".to_owned(), host));
            asked.headers.extend(host);
            asked.url = format!("{}{path}", sandbox.trim_end_matches('/'));
        }
        Ok(asked)
    }

    async fn one(&self, kind: Item, arn: &RouteArn) -> Result<Element, AwsError> {
        let mut items = self.items(kind, &[arn]).await?;
        Ok(items.pop().unwrap_or_default())
    }

    async fn dns_name(&self, load_balancer: &LoadBalancerArn) -> Result<String, AwsError> {
        let described = self
            .call(
                "elasticloadbalancing:DescribeLoadBalancers",
                Effect::Reads,
                || {
                    let request = self.elb().describe_load_balancers();
                    request.load_balancer_arns(load_balancer.as_str()).send()
                },
            )
            .await?;
        let name = described
            .load_balancers()
            .iter()
            .find_map(|it| it.dns_name());
        Ok(name.unwrap_or_default().to_owned())
    }
}

/// A request to the load balancer with what the rule demands; what `request` sets itself stays.
fn addressed(
    route: &Route,
    listener: &Element,
    name: &str,
    request: &WebRequest,
    conditions: BTreeMap<String, String>,
    path: &str,
) -> Result<WebRequest, String> {
    let port = listener.text_of("Port").unwrap_or("80");
    let mut headers = conditions;
    for (name, value) in &request.headers {
        headers.insert(name.to_lowercase(), value.clone());
    }
    let is_secure = matches!(listener.text_of("Protocol"), Some("HTTPS" | "TLS"));
    let url = match (is_secure, headers.get("host")) {
        (false, _) => format!("http://{name}:{port}{path}"),
        (true, Some(host)) => format!("https://{host}:{port}{path}"),
        (true, None) => {
            return Err(format!(
                "{} speaks TLS, and its certificate is not for {name}: give the gate the name that \
                 it is for, as `url: https://NAME:{port}{path}` or `headers: {{ host: NAME }}`",
                route.label
            ));
        }
    };
    Ok(WebRequest {
        url,
        headers,
        ..request.clone()
    })
}

/// The headers without which a rule doesn't match, as far as they are fixed.
fn demanded(rule: &Element) -> BTreeMap<String, String> {
    let hosts = condition(rule, "host-header", "HostHeaderConfig").into_iter();
    let hosts = hosts.map(|host| ("host".to_owned(), host));
    let headers = headers(rule).into_iter().filter_map(|header| {
        let (name, value) = header.split_once(": ")?;
        Some((name.to_owned(), value.to_owned()))
    });
    let mut demanded = BTreeMap::new();
    for (name, value) in hosts.chain(headers) {
        if !value.contains(['*', '?']) {
            demanded.entry(name).or_insert(value);
        }
    }
    demanded
}

/// A listener's ARN from its own or one of its rules'.
fn listener_of(arn: &RouteArn) -> RouteArn {
    match arn.as_str().split_once(":listener-rule/") {
        Some((before, rule)) => {
            let listener = rule.rsplit_once('/').map_or(rule, |(listener, _)| listener);
            RouteArn::new(format!("{before}:listener/{listener}"))
        }
        None => arn.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_s_listener_is_in_its_arn() {
        let arn = |it: &str| RouteArn::new(format!("arn:aws:elasticloadbalancing:r:1:{it}"));
        assert_eq!(
            listener_of(&arn("listener-rule/app/shop/1/2/3")),
            arn("listener/app/shop/1/2")
        );
        assert_eq!(
            listener_of(&arn("listener/app/shop/1/2")),
            arn("listener/app/shop/1/2")
        );
    }
}
