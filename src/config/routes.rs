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
    /// A weighted pair of Route 53 records, one for each slot's load balancer.
    Record(RecordConfig),
}

/// A weighted pair of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordConfig {
    /// What they answer for.
    pub name: String,
    /// Their hosted zone's id or name; found where there is none.
    pub zone: Option<String>,
    /// Their type, A, AAAA or CNAME; every weighted pair of the name where there is none.
    pub kind: Option<String>,
    /// The set identifiers of slot a's and slot b's record, where they can't be found.
    pub sets: Option<[String; 2]>,
}

pub(super) const ROUTE_KEYS: [&str; 5] = ["load_balancer", "port", "host", "path", "header"];
pub(super) const RECORD_TYPES: [&str; 3] = ["A", "AAAA", "CNAME"];
pub(super) const RECORD_KEYS: [&str; 4] = ["record", "zone", "type", "sets"];

const ROUTE_FORM: &str = "a route: a listener's or rule's ARN, { load_balancer, port, host, path, header } or \
                          { record, zone, type }";

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

/// `test_route`: one, or one for each port of the service; none of them among `routes`.
pub(super) fn read_test_routes(
    reader: Reader<'_>,
    node: &Node,
    routes: &Routes,
) -> Result<Vec<RouteConfig>, InputError> {
    let items = match &node.value {
        Value::List(items) if items.is_empty() => {
            let error = reader.error(node.at, "the list of test routes is empty");
            return Err(
                error.with_hint("leave `test_route` out where testers have no route of their own")
            );
        }
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    for item in items {
        refuse_record(reader, item)?;
    }
    let tests = read_all(reader, items)?;
    for (item, test) in items.iter().zip(&tests) {
        refuse_production(reader, item, test, routes)?;
    }
    Ok(tests)
}

/// What users come by can't be what testers alone come by.
fn refuse_production(
    reader: Reader<'_>,
    node: &Node,
    test: &RouteConfig,
    routes: &Routes,
) -> Result<(), InputError> {
    match routes {
        Routes::Listed(listed) if listed.contains(test) => {
            let hint = "a test route goes to green before any user does: take it out of `routes`, \
                        or, if users come by it, out of `test_route`";
            let error = reader.error(node.at, "this test route stands in `routes`, too");
            Err(error.with_hint(hint))
        }
        _ => Ok(()),
    }
}

fn refuse_record(reader: Reader<'_>, node: &Node) -> Result<(), InputError> {
    match is_record(node) {
        true => Err(reader
            .error(
                node.at,
                "a test route is a listener or a rule, not a record",
            )
            .with_hint("testers who find it by a name of its own need no weights")),
        false => Ok(()),
    }
}

/// `user_pools`: by which of them people log in before a listener or a rule forwards.
pub(super) fn read_user_pools(reader: Reader<'_>, node: &Node) -> Result<Vec<String>, InputError> {
    let mut pools = Vec::new();
    for item in reader.list(node, "a list of Cognito user pools' ARNs")? {
        let pool = reader.name(item, "a Cognito user pool's ARN")?;
        if !is_user_pool(&pool) {
            let what = format!(
                "{pool:?} is not a user pool's ARN: arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID"
            );
            return Err(reader.error(item.at, what));
        }
        if pools.contains(&pool) {
            return Err(reader.error(item.at, "this user pool stands here twice"));
        }
        pools.push(pool);
    }
    Ok(pools)
}

fn is_user_pool(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [prefix, partition, service, region, account, resource] = parts.as_slice() else {
        return false;
    };
    *prefix == "arn"
        && partition.starts_with("aws")
        && *service == "cognito-idp"
        && !region.is_empty()
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && resource
            .strip_prefix("userpool/")
            .is_some_and(|id| !id.is_empty())
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
    if is_record(node) {
        return read_record(reader, node).map(RouteConfig::Record);
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

/// Whether a mapping means records: it has a key that only they have.
fn is_record(node: &Node) -> bool {
    let Value::Map(entries) = &node.value else {
        return false;
    };
    let mut keys = entries.iter().map(|entry| entry.key.as_str());
    keys.any(|key| RECORD_KEYS.contains(&key))
}

fn read_record(reader: Reader<'_>, node: &Node) -> Result<RecordConfig, InputError> {
    let fields = reader.fields(node, ROUTE_FORM, &RECORD_KEYS)?;
    let name = fields.required("record")?;
    let record = reader.name(name, "a record's name")?;
    if !record.trim_end_matches('.').contains('.') {
        let what = format!("{record:?} is no whole name of a record");
        return Err(reader
            .error(name.at, what)
            .with_hint("such as shop.example.com"));
    }
    let kind = |node: &Node| {
        let text = reader.name(node, "a record's type")?;
        if RECORD_TYPES.contains(&text.as_str()) {
            return Ok(text);
        }
        let what = format!("{text:?} is no type of record that leads to a load balancer");
        let hint = "A, AAAA or CNAME; left out, every weighted pair of that name moves";
        Err(reader.error(node.at, what).with_hint(hint))
    };
    let zone = |node: &Node| reader.name(node, "a hosted zone's id or name");
    let sets = |node: &Node| {
        let sets = reader.fields(node, "the set identifiers { a, b }", &["a", "b"])?;
        let of = |slot: &str| reader.text(sets.required(slot)?, "a set identifier");
        Ok([of("a")?, of("b")?])
    };
    Ok(RecordConfig {
        name: record,
        zone: fields.optional("zone").map(zone).transpose()?,
        kind: fields.optional("type").map(kind).transpose()?,
        sets: fields.optional("sets").map(sets).transpose()?,
    })
}
