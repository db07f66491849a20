//! Which rule of a listener a request arrives at: the first by priority whose conditions all hold.
//! Pure.
//!
//! What conditions mean is from "Condition types for listener rules" in ELB's guide: hosts and values
//! of headers and query strings by patterns in capital or small letters, paths by patterns as they
//! are, methods as they are.

use std::collections::BTreeMap;

use super::xml::Element;
use crate::deployment::ids::RouteArn;
use crate::deployment::wildcard::{takes, takes_any_case};

/// A request, as far as conditions look at it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Without a port; `None` is not known yet.
    pub(super) host: Option<String>,
    /// Without the query.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    /// By name in small letters; `None` is a value that isn't known yet.
    pub(super) headers: BTreeMap<String, Option<String>>,
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    /// A header's value is not known yet.
    Later,
    /// It is of where a request comes from, of a header that clients set by themselves, or one that
    /// this program doesn't know.
    NobodyKnows,
}

/// Headers that requests have of themselves.
const USUAL: [&str; 5] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "user-agent",
];

/// That a request arrives at `own`, a rule or the listener of these rules; why that isn't sure, where
/// it can't be told.
///
/// # Errors
/// Why not, as it follows what is asked.
pub(super) fn arrives(
    rules: &[Element],
    own: &RouteArn,
    asked: &Asked,
) -> Result<Option<String>, String> {
    let mut rules: Vec<(u32, &Element)> = rules
        .iter()
        .filter_map(|rule| Some((rule.text_of("Priority")?.parse().ok()?, rule)))
        .collect();
    rules.sort_by_key(|(priority, _)| *priority);
    let mut before = None;
    for (priority, rule) in rules {
        let conditions = rule.members("Conditions");
        if rule.text_of("RuleArn") == Some(own.as_str()) {
            let first = |wanted: Holds| conditions.iter().find(|it| holds(it, asked) == wanted);
            let unknown = first(Holds::NobodyKnows).map(|it| {
                let condition = told(it);
                format!(
                    "whether its rule takes that can't be told: it has the condition {condition}"
                )
            });
            return match first(Holds::No) {
                Some(lacking) => Err(format!("its rule takes only {}", told(lacking))),
                None => Ok(before.or(unknown)),
            };
        }
        let all = |fine: &[Holds]| conditions.iter().all(|it| fine.contains(&holds(it, asked)));
        let told = || conditions.iter().map(told).collect::<Vec<_>>().join(", ");
        if all(&[Holds::Yes]) {
            return Err(format!(
                "the rule with priority {priority} answers before it: {}",
                told()
            ));
        }
        if before.is_none() && all(&[Holds::Yes, Holds::NobodyKnows]) {
            before = Some(format!(
                "whether the rule with priority {priority} answers before it can't be told: it has the \
                 conditions {}",
                told()
            ));
        }
    }
    Ok(before)
}

fn holds(condition: &Element, asked: &Asked) -> Holds {
    let any = |config: &str, takes: &dyn Fn(&str) -> bool| {
        let values = values(condition, config);
        match values.is_empty() {
            // Regular expressions, say.
            true => Holds::NobodyKnows,
            false => yes(values.iter().any(|it| takes(it))),
        }
    };
    match condition.text_of("Field").unwrap_or_default() {
        "host-header" => match &asked.host {
            Some(host) => any("HostHeaderConfig", &|it| takes_any_case(it, host)),
            None => Holds::Later,
        },
        "path-pattern" => any("PathPatternConfig", &|it| takes(it, &asked.path)),
        "source-ip"
            if values(condition, "SourceIpConfig")
                .iter()
                .any(|it| it == "0.0.0.0/0") =>
        {
            Holds::Yes
        }
        "http-request-method" => any("HttpRequestMethodConfig", &|it| it == asked.method),
        "http-header" => {
            let config = condition.child("HttpHeaderConfig");
            let name = config.and_then(|it| it.text_of("HttpHeaderName"));
            let name = name.unwrap_or_default().to_lowercase();
            match asked.headers.get(&name) {
                None if USUAL.contains(&name.as_str()) => Holds::NobodyKnows,
                None => Holds::No,
                Some(None) => Holds::Later,
                Some(Some(value)) => any("HttpHeaderConfig", &|it| takes_any_case(it, value)),
            }
        }
        "query-string" => {
            let config = condition.child("QueryStringConfig");
            let wanted = config.map_or(&[][..], |it| it.members("Values"));
            yes(wanted.iter().any(|wanted| is_in_query(wanted, asked)))
        }
        _ => Holds::NobodyKnows,
    }
}

fn yes(holds: bool) -> Holds {
    match holds {
        true => Holds::Yes,
        false => Holds::No,
    }
}

fn is_in_query(wanted: &Element, asked: &Asked) -> bool {
    let pattern = wanted.text_of("Value").unwrap_or_default();
    asked.query.iter().any(|(key, value)| {
        let same = wanted
            .text_of("Key")
            .is_none_or(|it| takes_any_case(it, key));
        same && takes_any_case(pattern, value)
    })
}

/// A condition's values: in its own structure, or in the older plain list.
fn values(condition: &Element, config: &str) -> Vec<String> {
    let own = condition.child(config);
    let own = own.map_or(&[][..], |it| it.members("Values"));
    let listed = match own.is_empty() {
        true => condition.members("Values"),
        false => own,
    };
    listed.iter().map(|it| it.text.clone()).collect()
}

/// `path-pattern /test/*`.
fn told(condition: &Element) -> String {
    let field = condition.text_of("Field").unwrap_or("an unknown one");
    let mut configs = condition.children.iter();
    let own = configs.find(|it| !it.members("Values").is_empty());
    let listed = own.unwrap_or(condition).members("Values").iter();
    let values: Vec<String> = listed
        .map(|it| match it.text_of("Value") {
            Some(value) => match it.text_of("Key") {
                Some(key) => format!("{key}={value}"),
                None => value.to_owned(),
            },
            None => it.text.clone(),
        })
        .collect();
    let name = condition
        .child("HttpHeaderConfig")
        .and_then(|it| it.text_of("HttpHeaderName"))
        .map(|it| format!(" {it}:"));
    let (name, values) = (name.unwrap_or_default(), values.join(" or "));
    format!("{field}{name} {values}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "arn:own";

    fn values(values: &[&str]) -> String {
        let members = values.iter().map(|it| format!("<member>{it}</member>"));
        format!("<Values>{}</Values>", members.collect::<String>())
    }

    fn by(field: &str, config: &str, of: &[&str]) -> String {
        let values = values(of);
        format!("<member><Field>{field}</Field><{config}>{values}</{config}></member>")
    }

    fn path(of: &[&str]) -> String {
        by("path-pattern", "PathPatternConfig", of)
    }

    fn header(name: &str, of: &[&str]) -> String {
        let values = values(of);
        format!(
            "<member><Field>http-header</Field><HttpHeaderConfig><HttpHeaderName>{name}\
             </HttpHeaderName>{values}</HttpHeaderConfig></member>"
        )
    }

    fn rule(arn: &str, priority: &str, conditions: &[String]) -> Element {
        let xml = format!(
            "<member><RuleArn>{arn}</RuleArn><Priority>{priority}</Priority>\
             <Conditions>{}</Conditions></member>",
            conditions.concat()
        );
        Element::parse(xml.as_bytes()).expect("sound XML")
    }

    fn asked() -> Asked {
        Asked {
            method: "GET".to_owned(),
            host: Some("Shop.example.com".to_owned()),
            path: "/health".to_owned(),
            query: vec![("deep".to_owned(), "1".to_owned())],
            headers: [
                ("x-test".to_owned(), Some("Green".to_owned())),
                ("x-token".to_owned(), None),
            ]
            .into(),
        }
    }

    fn through(conditions: &[String]) -> Result<Option<String>, String> {
        arrives(
            &[rule(OWN, "10", conditions)],
            &RouteArn::new(OWN),
            &asked(),
        )
    }

    #[test]
    fn each_kind_of_condition_is_held_against_the_request() {
        let host = |of: &[&str]| by("host-header", "HostHeaderConfig", of);
        let method = |of: &[&str]| by("http-request-method", "HttpRequestMethodConfig", of);
        let query = |key: &str, value: &str| {
            format!(
                "<member><Field>query-string</Field><QueryStringConfig><Values><member><Key>{key}\
                 </Key><Value>{value}</Value></member></Values></QueryStringConfig></member>"
            )
        };
        for taken in [
            path(&["/test/*", "/heal?h"]),
            host(&["*.EXAMPLE.com"]),
            method(&["POST", "GET"]),
            header("X-Test", &["gr*"]),
            header("X-Token", &["secret"]),
            query("DEEP", "?"),
        ] {
            assert_eq!(through(std::slice::from_ref(&taken)), Ok(None), "{taken}");
        }
        for (untaken, told) in [
            (
                path(&["/test/*"]),
                "its rule takes only path-pattern /test/*",
            ),
            (path(&["/Health"]), "path-pattern /Health"),
            (host(&["example.com"]), "host-header example.com"),
            (method(&["POST"]), "http-request-method POST"),
            (
                header("X-Test", &["blue", "red"]),
                "http-header X-Test: blue or red",
            ),
            (header("X-Other", &["*"]), "http-header X-Other: *"),
            (query("deep", "2"), "query-string deep=2"),
        ] {
            let why = through(&[path(&["/*"]), untaken]).expect_err(told);
            assert!(why.contains(told), "{why}");
        }
    }

    #[test]
    fn what_no_request_shows_is_not_known_and_stands_in_nobody_s_way() {
        let by_regex = "<member><Field>path-pattern</Field><PathPatternConfig><RegexValues><member>\
                        ^/a</member></RegexValues></PathPatternConfig></member>";
        for (condition, told) in [
            (
                by("source-ip", "SourceIpConfig", &["10.0.0.0/8"]),
                "source-ip 10.0.0.0/8",
            ),
            (by_regex.to_owned(), "path-pattern"),
            (header("User-Agent", &["*"]), "http-header User-Agent: *"),
        ] {
            let unknown = through(std::slice::from_ref(&condition))
                .expect("it may")
                .expect(told);
            assert!(unknown.contains("can't be told"), "{unknown}");
            assert!(unknown.contains(told), "{unknown}");
            assert!(through(&[condition, path(&["/other"])]).is_err());
        }
    }

    #[test]
    fn a_rule_that_comes_first_answers_where_all_of_it_holds() {
        let own = RouteArn::new(OWN);
        let earlier = |conditions: &[String]| {
            let rules = [rule(OWN, "10", &[]), rule("arn:other", "9", conditions)];
            arrives(&rules, &own, &asked())
        };
        assert_eq!(
            earlier(&[path(&["/health"])]),
            Err("the rule with priority 9 answers before it: path-pattern /health".to_owned())
        );
        assert_eq!(
            earlier(&[path(&["/health"]), header("x", &["*"])]),
            Ok(None)
        );
        let source = || by("source-ip", "SourceIpConfig", &["10.0.0.0/8"]);
        let unsure = earlier(&[path(&["/health"]), source()]).expect("it may");
        let unsure = unsure.expect("it is not sure");
        let words = "the rule with priority 9 answers before it can't be told";
        assert!(unsure.contains(words), "{unsure}");
        assert_eq!(earlier(&[path(&["/other"]), source()]), Ok(None));
        let anybody = by("source-ip", "SourceIpConfig", &["0.0.0.0/0", "::/0"]);
        assert!(earlier(&[anybody]).is_err());
        let later = [rule("arn:other", "11", &[]), rule(OWN, "10", &[])];
        assert_eq!(arrives(&later, &own, &asked()), Ok(None));
        // A listener's default action comes after every rule.
        let of_listener = [
            rule("arn:default", "default", &[]),
            rule(OWN, "3", &[path(&["/h*"])]),
        ];
        let listener = RouteArn::new("arn:listener");
        assert!(arrives(&of_listener, &listener, &asked()).is_err());
    }
}
