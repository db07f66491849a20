//! Task-definition files that are templates (Jinja's language): values that are set, and the
//! environment. What is undefined is an error, and no value is ever shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Kwargs, Object, Value, ValueKind};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, escape_formatter, filters,
};

use super::go_calls;
use crate::strategy::{InputError, Position, nearest};

/// What stands in a template beside what was set.
const OWN: [&str; 3] = ["env", "must_env", "json_escape"];

/// What is wrong where `tojson` is given a name that nothing defines.
const NOTHING_TO_WRITE: &str = "what tojson is to write is undefined";

/// What is wrong where a function stands in the place of its result.
const A_FUNCTION: &str = "is a function, and is to be called";

/// The same where it is given to `tojson`.
const FUNCTION_TO_WRITE: &str = "what tojson is to write is a function, and is to be called";

/// A template with everything filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The text. It may hold secrets of the environment.
    pub text: String,
    /// Names that were taken from the environment.
    pub environment: BTreeSet<String>,
    /// Names that were set and taken.
    pub set: BTreeSet<String>,
}

/// Whether a file is to be rendered.
pub fn is_template(file: &str) -> bool {
    file.contains("{{") || file.contains("{%")
}

/// A function of a plugin of ecspresso that a template calls: what it gives only ecspresso can work
/// out.
pub fn plugin_call(file: &str) -> Option<&str> {
    go_calls::foreign(file, &OWN)
}

/// Whether something may be set under that name.
pub fn may_be_set(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter)
        && name.chars().all(|c| letter(c) || c.is_ascii_digit())
        && !OWN.contains(&name)
}

/// Fills a template in from what was set and from the environment.
///
/// # Errors
/// For what isn't Jinja's language, and for what is undefined.
pub fn render(
    file: &str,
    origin: &str,
    set: &BTreeMap<String, String>,
    environment: &BTreeMap<String, String>,
) -> Result<Rendered, InputError> {
    let source = go_calls::written_as_jinja(file, &OWN);
    let (set, environment) = (Names::of(set), Names::of(environment));
    let mut jinja = strict();
    // Only so do errors say where they are.
    jinja.set_debug(true);
    jinja.set_formatter(|out, state, value| match holds(value, &is_function) {
        true => Err(Error::new(ErrorKind::InvalidOperation, A_FUNCTION)),
        false => escape_formatter(out, state, value),
    });
    jinja.add_global("env", Value::from_dyn_object(Arc::clone(&environment)));
    let variables = Arc::clone(&environment);
    jinja.add_function("must_env", move |name: String| {
        variables.take(&name).ok_or_else(|| unset(&name))
    });
    jinja.add_function("json_escape", json_escape);
    jinja.add_filter("json_escape", json_escape);
    jinja.add_filter("tojson", tojson);
    let context = Value::from_dyn_object(Arc::clone(&set));
    let text = jinja.render_named_str(origin, &source, context);
    let text = text.map_err(|error| {
        let refused = refuse(&error, file, &source, origin);
        match (misspelt(&error, &source, &set), plugin_call(file)) {
            (Some(name), _) => {
                refused.with_hint(format!("is it what --set {name}=… was meant for?"))
            }
            (None, Some(function)) => refused.with_hint(format!(
                "{function} is a function of ecspresso's plugins, it seems, and only ecspresso can \
                 work out what it gives: ecspresso render taskdef > FILE; of other programs' functions \
                 env, must_env and json_escape are here"
            )),
            (None, None) => refused,
        }
    })?;
    Ok(Rendered {
        text,
        environment: environment.used(),
        set: set.used(),
    })
}

/// Jinja's language with no names of its own: one that nobody set is undefined, even where Jinja
/// has a function of that name.
pub fn strict() -> Environment<'static> {
    let mut jinja = Environment::new();
    let own = jinja.globals().map(|(name, _)| name.to_owned());
    for name in own.collect::<Vec<_>>() {
        jinja.remove_global(&name);
    }
    jinja.set_undefined_behavior(UndefinedBehavior::Strict);
    jinja.set_auto_escape_callback(|_| AutoEscape::None);
    jinja
}

/// The first name in a template that is none of `known`, and the one that was perhaps meant.
#[must_use]
pub fn unknown_name(template: &str, known: &[&str]) -> Option<String> {
    let jinja = strict();
    let template = jinja.template_from_str(template).ok()?;
    let names = template.undeclared_variables(false);
    let unknown = names.iter().filter(|it| !known.contains(&it.as_str()));
    let name = unknown.min()?;
    Some(match nearest(name, known.iter().copied()) {
        Some(meant) => format!("there is no `{name}`, did you mean `{meant}`?"),
        None => format!("there is no `{name}`"),
    })
}

/// Names with their values, of which it is noted which were taken.
#[derive(Debug)]
struct Names {
    values: BTreeMap<String, String>,
    used: Mutex<BTreeSet<String>>,
}

impl Names {
    fn of(values: &BTreeMap<String, String>) -> Arc<Names> {
        Arc::new(Names {
            values: values.clone(),
            used: Mutex::default(),
        })
    }

    fn take(&self, name: &str) -> Option<String> {
        let value = self.values.get(name)?.clone();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(name.to_owned());
        Some(value)
    }

    fn used(&self) -> BTreeSet<String> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.clone()
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.take(key.as_str()?).map(Value::from)
    }

    /// `env("NAME", …, "default")`: the first that is set and not empty, else the last argument.
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let names: Option<Vec<&str>> = args.iter().map(Value::as_str).collect();
        let names = names.filter(|it| !it.is_empty()).ok_or_else(|| {
            let what = "env takes names of variables, and a default after them";
            Error::new(ErrorKind::InvalidOperation, what)
        })?;
        let (names, default) = match names.as_slice() {
            [name] => return self.take(name).map(Value::from).ok_or_else(|| unset(name)),
            [names @ .., default] => (names, *default),
            [] => (&[][..], ""),
        };
        let set = names.iter().filter_map(|name| self.take(name));
        let first = set.into_iter().find(|value| !value.is_empty());
        Ok(Value::from(first.unwrap_or_else(|| default.to_owned())))
    }
}

fn unset(name: &str) -> Error {
    let what = format!("{name} is not set in the environment");
    Error::new(ErrorKind::InvalidOperation, what)
}

/// A text as it stands between quotes in JSON.
fn json_escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let inside = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inside.unwrap_or_default().to_owned()
}

/// Jinja's own filter writes what is undefined as `null`, and a function as a text.
fn tojson(value: &Value, indent: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    let wrong = match value {
        it if holds(it, &Value::is_undefined) => NOTHING_TO_WRITE,
        it if holds(it, &is_function) => FUNCTION_TO_WRITE,
        it => return filters::tojson(it, indent, options),
    };
    Err(Error::new(ErrorKind::InvalidOperation, wrong))
}

/// Functions; `env` is one that has the variables as its fields, too.
fn is_function(value: &Value) -> bool {
    value.kind() == ValueKind::Plain || value.downcast_object_ref::<Names>().is_some()
}

/// Whether a value, or anything in it, is such a one.
fn holds(value: &Value, is: &impl Fn(&Value) -> bool) -> bool {
    let items = || value.try_iter().into_iter().flatten();
    is(value)
        || match value.kind() {
            ValueKind::Seq => items().any(|item| holds(&item, is)),
            ValueKind::Map => items().any(|key| {
                let item = value.get_item(&key);
                item.is_ok_and(|item| holds(&item, is))
            }),
            _ => false,
        }
}

/// What was set under a name much like the one that is undefined.
fn misspelt<'a>(error: &Error, source: &str, set: &'a Names) -> Option<&'a str> {
    let range = error
        .range()
        .filter(|_| error.kind() == ErrorKind::UndefinedError)?;
    let (wanted, used) = (source.get(range)?, set.used());
    let unused = set.values.keys().filter(|name| !used.contains(*name));
    nearest(wanted, unused.map(String::as_str))
}

/// What is wrong, at its place in the file as it was written.
fn refuse(error: &Error, file: &str, source: &str, origin: &str) -> InputError {
    let range = error
        .range()
        .filter(|range| source.get(range.clone()).is_some());
    let expression = range.clone().and_then(|range| source.get(range));
    let (what, hint) = match (error.kind(), expression) {
        (ErrorKind::UndefinedError, expression) => (
            format!("{} is undefined", expression.unwrap_or("something here")),
            Some("--set NAME=VALUE defines a name; env(\"NAME\") takes it from the environment"),
        ),
        // Its words may have values in them, but for those that are this module's.
        (ErrorKind::InvalidOperation, expression) => match error.detail() {
            Some(own @ NOTHING_TO_WRITE) => {
                let hint = "--set NAME=VALUE defines a name; \
                            env(\"NAME\", \"default\") may give a default";
                (own.to_owned(), Some(hint))
            }
            Some(own @ (A_FUNCTION | FUNCTION_TO_WRITE)) => {
                let what = match own {
                    A_FUNCTION => format!("{} {own}", expression.unwrap_or("something here")),
                    _ => own.to_owned(),
                };
                let hint = "env.NAME, env(\"NAME\", \"default\") and must_env(\"NAME\") take a \
                            variable of the environment; --set can't take these names";
                (what, Some(hint))
            }
            Some(own) if own.ends_with(" is not set in the environment") => {
                let hint = "set it, or give a default: env(\"NAME\", \"default\")";
                (own.to_owned(), Some(hint))
            }
            _ => (
                format!("{} can't be computed", expression.unwrap_or("this")),
                None,
            ),
        },
        (kind, _) => (
            match error.detail() {
                Some(detail) => format!("{kind}: {detail}"),
                None => kind.to_string(),
            },
            Some(
                "braces that are meant as they stand go between {% raw %} and {% endraw %}; of \
                 other programs' functions env, must_env and json_escape are here",
            ),
        ),
    };
    let refused = InputError::new(origin, what);
    let refused = match hint {
        Some(hint) => refused.with_hint(hint),
        None => refused,
    };
    let start = range.map(|range| range.start);
    let line = start
        .map(|start| source[..start].lines().count().max(1))
        .or(error.line());
    match line {
        Some(line) => refused.at(place(file, source, line, start), file),
        None => refused,
    }
}

/// The place in the file; where a line was rewritten, that of the expression in it.
fn place(file: &str, source: &str, line: usize, start: Option<usize>) -> Position {
    let nth = |text: &str| text.lines().nth(line - 1).unwrap_or_default().to_owned();
    let (written, read) = (nth(file), nth(source));
    let before = start.filter(|_| written == read).map(|start| {
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        source[line_start..start].chars().count()
    });
    let brace = || {
        written
            .find("{{")
            .map_or(0, |at| written[..at].chars().count())
    };
    Position {
        line,
        column: before.unwrap_or_else(brace) + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn rendered(file: &str) -> Result<Rendered, InputError> {
        let environment = map(&[("TAG", "v7"), ("EMPTY", ""), ("TOKEN", "hunter2\"")]);
        render(
            file,
            "taskdef.json",
            &map(&[("tag", "v8"), ("cpu", "256")]),
            &environment,
        )
    }

    #[track_caller]
    fn refused(file: &str) -> String {
        rendered(file).expect_err("it is wrong").to_string()
    }

    #[test]
    fn takes_what_was_set_and_the_environment() {
        let file =
            "{% if cpu == \"256\" %}{{ tag }} {{ env.TAG }} {{ must_env(\"TAG\") }}{% endif %}\n";
        let rendered = rendered(file).unwrap();
        assert_eq!(rendered.text, "v8 v7 v7");
        let names = |of: &BTreeSet<String>| of.iter().cloned().collect::<Vec<_>>();
        assert_eq!(names(&rendered.environment), ["TAG"]);
        assert_eq!(names(&rendered.set), ["cpu", "tag"]);
    }

    #[test]
    fn takes_other_programs_way_to_write_a_call() {
        let text = |file: &str| rendered(file).unwrap().text;
        assert_eq!(text("{{ must_env `TAG` }}"), "v7");
        assert_eq!(text("{{ env `GONE` `EMPTY` `latest` }}"), "latest");
        assert_eq!(text("{{- env \"TAG\" \"latest\" -}}"), "v7");
        assert_eq!(text("{{ must_env `TOKEN` | json_escape }}"), "hunter2\\\"");
    }

    #[test]
    fn a_function_of_a_plugin_is_named_with_what_can_work_it_out() {
        let said = refused("{ \"a\": \"{{ must_env `TAG` }}\", \"b\": \"{{ tfstate `x.id` }}\" }");
        assert!(
            said.contains("tfstate is a function of ecspresso's plugins"),
            "{said}"
        );
        assert!(said.contains("ecspresso render taskdef > FILE"), "{said}");
        assert_eq!(
            plugin_call("{{ must_env `TAG` }} {{ tag }} {{ tag | tojson }}"),
            None
        );
    }

    #[test]
    fn a_value_becomes_json_with_its_quotes() {
        let text = |file: &str| rendered(file).unwrap().text;
        assert_eq!(text("{{ tag | tojson }}"), "\"v8\"");
        let all = "{{ {\"TAG\": env.TAG, \"TOKEN\": must_env(\"TOKEN\"), \"N\": [1, cpu | int]} | tojson }}";
        let wanted = serde_json::json!({ "TAG": "v7", "TOKEN": "hunter2\"", "N": [1, 256] });
        let read: serde_json::Value = serde_json::from_str(&text(all)).expect("JSON");
        assert_eq!(read, wanted);
        for file in ["{{ gone | tojson }}", "{{ {\"A\": [1, gone]} | tojson }}"] {
            let said = refused(file);
            assert!(said.starts_with("taskdef.json:1:"), "{said}");
            assert!(
                said.contains(": what tojson is to write is undefined"),
                "{said}"
            );
        }
    }

    #[test]
    fn what_is_undefined_is_named_with_its_place() {
        let said = refused("{\n  \"image\": \"shop:{{ tga }}\"\n}");
        assert!(
            said.starts_with("taskdef.json:2:21: tga is undefined\n"),
            "{said}"
        );
        assert!(
            said.contains("2 |   \"image\": \"shop:{{ tga }}\""),
            "{said}"
        );
        let meant = "Hint: is it what --set tag=… was meant for?";
        assert!(said.contains(meant), "{said}");
        assert!(!refused("{{ tag }}{{ tga }}").contains("meant for"));
        let said = refused("\n{{ must_env `GONE` }}");
        assert!(
            said.starts_with("taskdef.json:2:1: GONE is not set in the environment"),
            "{said}"
        );
        let said = refused("{{ env.GONE }}");
        assert!(
            said.starts_with("taskdef.json:1:4: env.GONE is undefined"),
            "{said}"
        );
        assert!(refused("{{ env(\"GONE\") }}").contains("GONE is not set"));
    }

    #[test]
    fn what_it_cannot_read_is_named_with_its_place() {
        let said = refused("{\n\"tag\": \"{{.ID}}\" }");
        assert!(said.starts_with("taskdef.json:2:"), "{said}");
        assert!(said.contains("{% raw %}"), "{said}");
        assert!(refused("{{ ssm `/path` }}").contains("env, must_env and json_escape"));
        assert_eq!(
            rendered("{% raw %}{{.ID}}{% endraw %}").unwrap().text,
            "{{.ID}}"
        );
    }

    #[test]
    fn a_name_that_nobody_set_is_undefined_even_where_jinja_has_a_function_of_that_name() {
        for name in ["namespace", "debug", "range", "dict", "lipsum", "cycler"] {
            let said = refused(&format!("\"app-{{{{ {name} }}}}\""));
            let wanted = format!("taskdef.json:1:9: {name} is undefined\n");
            assert!(said.starts_with(&wanted), "{said}");
            assert!(said.contains("--set NAME=VALUE defines a name"), "{said}");
            let asked = format!("{{% if {name} is defined %}}x{{% else %}}y{{% endif %}}");
            assert_eq!(rendered(&asked).unwrap().text, "y");
            let set = map(&[(name, "shop")]);
            let file = format!("{{{{ {name} }}}}");
            let text = render(&file, "taskdef.json", &set, &map(&[]));
            assert_eq!(text.unwrap().text, "shop");
        }
    }

    #[test]
    fn a_function_is_not_written_in_the_place_of_its_result() {
        for (file, what) in [
            ("{{ env }}", "env"),
            ("{{ must_env }}", "must_env"),
            ("{{ json_escape }}", "json_escape"),
            ("{{ [must_env] }}", "[must_env]"),
            ("{{ env | tojson }}", "what tojson is to write"),
        ] {
            let said = refused(file);
            let what = format!(": {what} is a function, and is to be called\n");
            assert!(said.contains(&what), "{file}: {said}");
            assert!(said.contains("must_env(\"NAME\")"), "{said}");
        }
    }

    #[test]
    fn no_error_shows_a_value() {
        for file in [
            "{{ env.TOKEN + 1 }}",
            "{{ env.TOKEN.x.y }}",
            "{{ env.TOKEN() }}",
            "{{ env.TOKEN | int }}",
            "{{ env.TOKEN | tojson(indent=env.TOKEN) }}",
        ] {
            let said = refused(file);
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
