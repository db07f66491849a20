//! `routes`: what splits traffic between the slots.

use crate::strategy::{InputError, Node, Reader, Value};

/// Which forward actions carry the service's traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Routes {
    /// Every one that names the slots' target groups.
    #[default]
    Auto,
    /// These; at least one, all different.
    Listed(Vec<RouteConfig>),
}

/// One forward action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteConfig {
    /// A listener's default action, by the listener's ARN.
    Listener(String),
    /// A rule, by its ARN.
    Rule(String),
    /// The action on this port of this load balancer: the rule with these conditions, the default
    /// action where there are none.
    Named {
        /// The load balancer's name or ARN.
        load_balancer: String,
        /// The listener's port.
        port: u16,
        /// The rule's host-header condition.
        host: Option<String>,
        /// The rule's path-pattern condition.
        path: Option<String>,
        /// The rule's http-header condition, as `NAME: VALUE`.
        header: Option<String>,
    },
}

pub(super) const ROUTE_KEYS: [&str; 5] = ["load_balancer", "port", "host", "path", "header"];

const ROUTE_FORM: &str =
    "a route: a listener's or rule's ARN, or { load_balancer, port, host, path, header }";

pub(super) fn read_routes(reader: Reader<'_>, node: &Node) -> Result<Routes, InputError> {
    if let Value::Text(text) = &node.value {
        return match text.as_str() {
            "auto" => Ok(Routes::Auto),
            other => Err(reader
                .error(
                    node.at,
                    format!("expected auto or a list of routes, found {other:?}"),
                )
                .with_hint("a single route is a list, too: [ROUTE]")),
        };
    }
    let items = reader.list(node, "auto or a list of routes")?;
    if items.is_empty() {
        let hint = "write `routes: auto`, or leave it out, to have them found";
        return Err(reader
            .error(node.at, "the list of routes is empty")
            .with_hint(hint));
    }
    read_all(reader, items).map(Routes::Listed)
}

/// `test_route`: one, or one for each port of the service.
pub(super) fn read_test_routes(
    reader: Reader<'_>,
    node: &Node,
) -> Result<Vec<RouteConfig>, InputError> {
    match &node.value {
        Value::List(items) if items.is_empty() => {
            let error = reader.error(node.at, "the list of test routes is empty");
            Err(error.with_hint("leave `test_route` out where testers have no route of their own"))
        }
        Value::List(items) => read_all(reader, items),
        _ => Ok(vec![read_route(reader, node)?]),
    }
}

fn read_all(reader: Reader<'_>, items: &[Node]) -> Result<Vec<RouteConfig>, InputError> {
    let mut routes = Vec::new();
    for item in items {
        let route = read_route(reader, item)?;
        if routes.contains(&route) {
            return Err(reader.error(item.at, "this route stands here twice"));
        }
        routes.push(route);
    }
    Ok(routes)
}

fn read_route(reader: Reader<'_>, node: &Node) -> Result<RouteConfig, InputError> {
    if let Value::Text(_) = &node.value {
        let arn = reader.name(node, ROUTE_FORM)?;
        return if arn.starts_with("arn:") && arn.contains(":listener-rule/") {
            Ok(RouteConfig::Rule(arn))
        } else if arn.starts_with("arn:") && arn.contains(":listener/") {
            Ok(RouteConfig::Listener(arn))
        } else {
            let what = format!("{arn:?} is not a listener's or a rule's ARN");
            let hint = "without an ARN, write { load_balancer: NAME, port: 443 }";
            Err(reader.error(node.at, what).with_hint(hint))
        };
    }
    let fields = reader.fields(node, ROUTE_FORM, &ROUTE_KEYS)?;
    let condition = |key: &str| {
        fields
            .optional(key)
            .map(|node| reader.name(node, "a pattern"))
            .transpose()
    };
    Ok(RouteConfig::Named {
        load_balancer: reader.name(fields.required("load_balancer")?, "a load balancer's name")?,
        port: reader.port(fields.required("port")?)?,
        host: condition("host")?,
        path: condition("path")?,
        header: fields
            .optional("header")
            .map(|node| read_header(reader, node))
            .transpose()?,
    })
}

/// `X-Test: green`, with the name in small letters and one blank.
fn read_header(reader: Reader<'_>, node: &Node) -> Result<String, InputError> {
    let text = reader.text(node, "a header: \"NAME: VALUE\"")?;
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok(format!("{}: {}", name.trim().to_lowercase(), value.trim()))
        }
        _ => {
            let what = format!("{text:?} is no header with a value");
            let hint = "write it as the rule has it, in quotes: header: \"X-Test: green\"";
            Err(reader.error(node.at, what).with_hint(hint))
        }
    }
}
