//! Where a test route is asked: its load balancer's name, its listener's port, its rule's
//! conditions.

use std::collections::BTreeMap;

use super::arrival::{Asked, arrives};
use super::cloud::Cloud;
use super::error::AwsError;
use super::forwards::{condition, headers};
use super::listeners::Item;
use super::retry::Effect;
use super::web::WebRequest;
use super::xml::Element;
use crate::deployment::ids::{LoadBalancerArn, RouteArn};
use crate::deployment::plan::{Plan, Route, RouteKind};
use crate::deployment::preflight::RouteWanted;
use crate::deployment::surroundings::{Forward, Untaken};

/// What a gate asks through a test route.
#[derive(Debug, Clone)]
pub struct TestRequest {
    /// `GET`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Sent with it; `None` is a value that isn't known yet.
    pub headers: BTreeMap<String, Option<String>>,
}

/// A test route.
struct At<'a> {
    arn: &'a RouteArn,
    kind: &'a RouteKind,
    load_balancer: &'a LoadBalancerArn,
    label: String,
}

/// Where a request is sent, and what with.
struct Address {
    /// The load balancer's name.
    name: String,
    /// The listener's port.
    port: String,
    url: String,
    headers: BTreeMap<String, Option<String>>,
    /// Why it isn't sure that it arrives there.
    unsure: Option<String>,
}

/// Why a request can't go through a route.
enum No {
    /// It would arrive elsewhere.
    Elsewhere(String),
    /// That can't be read.
    Unread(String),
}

impl From<AwsError> for No {
    fn from(error: AwsError) -> No {
        No::Unread(error.to_string())
    }
}

impl<'a> From<&'a Route> for At<'a> {
    fn from(route: &'a Route) -> At<'a> {
        At {
            arn: &route.arn,
            kind: &route.kind,
            load_balancer: &route.load_balancer,
            label: route.label.clone(),
        }
    }
}

impl<'a> From<&'a Forward> for At<'a> {
    fn from(forward: &'a Forward) -> At<'a> {
        At {
            arn: &forward.arn,
            kind: &forward.kind,
            load_balancer: &forward.load_balancer,
            label: forward.label(),
        }
    }
}

impl Cloud {
    /// A request to a path through the first of the plan's test routes that takes it, and what that
    /// route is called.
    ///
    /// # Errors
    /// In words, where none does, or what they take can't be read.
    pub async fn through_test_route(
        &self,
        plan: &Plan,
        request: &WebRequest,
        path: &str,
    ) -> Result<(WebRequest, String), String> {
        let headers = request.headers.iter();
        let asked = TestRequest {
            method: request.method.clone(),
            path: path.to_owned(),
            headers: headers
                .map(|(name, value)| (name.clone(), Some(value.clone())))
                .collect(),
        };
        let routes: Vec<At<'_>> = plan.test_routes.iter().map(At::from).collect();
        let found = self.first_that_takes(&routes, &asked).await;
        let (at, label) = found.map_err(|no| match no {
            No::Elsewhere(why) | No::Unread(why) => why,
        })?;
        let headers = at.headers.into_iter();
        let mut asked = WebRequest {
            url: at.url,
            headers: headers.filter_map(|(name, it)| Some((name, it?))).collect(),
            ..request.clone()
        };
        if let Some(sandbox) = self.sandbox() {
            // Its load balancers have names that nothing else knows.
            let authority = format!("{}:{}", at.name, at.port);
            let host = asked.headers.insert("host".to_owned(), authority);
            let host = host.map(|host| ("x-forwarded-host".to_owned(), host));
            asked.headers.extend(host);
            asked.url = format!("{}{path}", sandbox.trim_end_matches('/'));
        }
        Ok((asked, label))
    }

    /// Why no test route among `forwards` takes a request, or isn't sure to; `None` where one does, or
    /// where that can't be read.
    pub(super) async fn untaken(
        &self,
        asked: &TestRequest,
        test_routes: &[RouteWanted],
        forwards: &[Forward],
    ) -> Option<Untaken> {
        let found = |wanted: &RouteWanted| forwards.iter().find(|it| wanted.is(it));
        let routes: Option<Vec<At<'_>>> = test_routes
            .iter()
            .map(|wanted| found(wanted).map(At::from))
            .collect();
        let routes = routes.filter(|routes| !routes.is_empty())?;
        match self.first_that_takes(&routes, asked).await {
            Err(No::Elsewhere(why)) => Some(Untaken::Surely(why)),
            Ok((address, label)) => {
                let unsure = address.unsure;
                unsure.map(|why| Untaken::Perhaps(format!("{label}: {why}")))
            }
            Err(No::Unread(_)) => None,
        }
    }

    async fn first_that_takes(
        &self,
        routes: &[At<'_>],
        asked: &TestRequest,
    ) -> Result<(Address, String), No> {
        let (mut lacking, mut unsure) = (Vec::new(), None);
        for route in routes {
            match self.address(route, asked).await {
                Ok(address) if address.unsure.is_none() => {
                    return Ok((address, route.label.clone()));
                }
                Ok(address) => {
                    unsure.get_or_insert((address, route.label.clone()));
                }
                Err(No::Elsewhere(why)) => lacking.push(format!("{}: {why}", route.label)),
                Err(unread @ No::Unread(_)) => return Err(unread),
            }
        }
        if let Some(found) = unsure {
            return Ok(found);
        }
        match lacking.is_empty() {
            true => Err(No::Elsewhere("the plan has no test route".to_owned())),
            false => Err(No::Elsewhere(format!(
                "{} doesn't get through {}",
                asked.path,
                lacking.join("; ")
            ))),
        }
    }

    /// Where a request through a route goes.
    async fn address(&self, route: &At<'_>, asked: &TestRequest) -> Result<Address, No> {
        let listener = listener_of(route.arn);
        let rules = async {
            match route.load_balancer.is_network() {
                true => Ok(Vec::new()),
                false => self.rules_of(listener.as_str()).await,
            }
        };
        let (found, name, rules) = tokio::join!(
            self.one(Item::Listener, &listener),
            self.dns_name(route.load_balancer),
            rules,
        );
        let (listener, name, rules) = (found?, name?, rules?);
        let own = rules
            .iter()
            .find(|rule| rule.text_of("RuleArn") == Some(route.arn.as_str()));
        let conditions = match (route.kind, own) {
            (RouteKind::Rule, Some(rule)) => demanded(rule),
            (RouteKind::Rule, None) => return Err(No::Elsewhere("its rule is gone".to_owned())),
            _ => BTreeMap::new(),
        };
        let address = addressed(&listener, name, asked, conditions).map_err(No::Elsewhere)?;
        let unsure = arrives(&rules, route.arn, &seen(&address, asked)).map_err(No::Elsewhere)?;
        Ok(Address { unsure, ..address })
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

/// A request to the load balancer with what the rule demands; what `asked` sets itself stays.
fn addressed(
    listener: &Element,
    name: String,
    asked: &TestRequest,
    conditions: BTreeMap<String, String>,
) -> Result<Address, String> {
    let (port, path) = (listener.text_of("Port").unwrap_or("80"), &asked.path);
    if let Some(protocol @ ("UDP" | "QUIC")) = listener.text_of("Protocol") {
        return Err(format!("it takes {protocol}, and a gate asks over TCP"));
    }
    let demanded = conditions.into_iter();
    let mut headers: BTreeMap<String, Option<String>> =
        demanded.map(|(name, value)| (name, Some(value))).collect();
    for (name, value) in &asked.headers {
        headers.insert(name.to_lowercase(), value.clone());
    }
    let is_secure = matches!(listener.text_of("Protocol"), Some("HTTPS" | "TLS"));
    let url = match (is_secure, headers.get("host")) {
        (false, _) => format!("http://{name}:{port}{path}"),
        (true, Some(host)) => {
            let host = host.as_deref().unwrap_or_default();
            let name = host.split(':').next().unwrap_or(host);
            format!("https://{name}:{port}{path}")
        }
        (true, None) => {
            return Err(format!(
                "it speaks TLS, and its certificate is not for {name}: give the gate the name that \
                 it is for, as `url: https://NAME:{port}{path}` or `headers: {{ host: NAME }}`"
            ));
        }
    };
    Ok(Address {
        port: port.to_owned(),
        name,
        url,
        headers,
        unsure: None,
    })
}

/// A request as a listener's rules see it.
fn seen(address: &Address, asked: &TestRequest) -> Asked {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let host = address.headers.get("host");
    let host = host.map_or(Some(&address.name), Option::as_ref);
    Asked {
        method: asked.method.clone(),
        host: host.map(|it| it.split(':').next().unwrap_or(it).to_owned()),
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: address.headers.clone(),
    }
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
    fn a_host_with_a_port_gets_no_second_one() {
        let listener = "<member><Port>8443</Port><Protocol>HTTPS</Protocol></member>";
        let listener = Element::parse(listener.as_bytes()).expect("sound XML");
        let asked = |host: &str| TestRequest {
            method: "GET".to_owned(),
            path: "/health".to_owned(),
            headers: [("Host".to_owned(), Some(host.to_owned()))].into(),
        };
        for host in ["shop.example.com", "shop.example.com:8443"] {
            let name = "lb-1.elb.amazonaws.com".to_owned();
            let address = addressed(&listener, name, &asked(host), BTreeMap::new());
            let url = address.expect("an address").url;
            assert_eq!(url, "https://shop.example.com:8443/health");
        }
    }

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
