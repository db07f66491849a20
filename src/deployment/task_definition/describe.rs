//! From a described definition, or a file, to what RegisterTaskDefinition takes.

use serde_json::{Map, Value};

use crate::strategy::InputError;

use super::containers::text;
use super::image_changes::json_error;

/// What describe adds and register refuses.
const DESCRIBE_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// The register form of a definition: as DescribeTaskDefinition answers (with `tags` beside
/// `taskDefinition`), a bare definition, or register form itself. Every other field stays as it
/// is, empty ones too.
///
/// Tags that belong to one revision only are left behind: `bg:` ones, which name the deployment
/// that made it, and `aws:` ones, which nobody but AWS may set.
pub fn from_describe(described: &Value) -> Value {
    let inner = described
        .get("taskDefinition")
        .filter(|inner| inner.is_object());
    let mut definition = inner.unwrap_or(described).clone();
    let tags = described
        .get("tags")
        .or_else(|| definition.get("tags"))
        .cloned();
    if let Some(fields) = definition.as_object_mut() {
        for key in DESCRIBE_ONLY {
            fields.remove(key);
        }
        carry_tags(fields, tags);
    }
    definition
}

fn carry_tags(fields: &mut Map<String, Value>, tags: Option<Value>) {
    fields.remove("tags");
    let Some(Value::Array(mut tags)) = tags else {
        return;
    };
    tags.retain(is_carried_tag);
    if !tags.is_empty() {
        fields.insert("tags".to_owned(), Value::Array(tags));
    }
}

/// Whether a tag goes with the definition to its next revision.
fn is_carried_tag(tag: &Value) -> bool {
    let key = text(tag, "key").to_lowercase();
    !key.starts_with("bg:") && !key.starts_with("aws:")
}

/// Reads a task-definition file: JSON as `register-task-definition` takes it, or as describe
/// prints it. The answer is in register form.
pub fn parse_file(file: &str, origin: &str) -> Result<Value, InputError> {
    let json = file.trim_start_matches('\u{feff}');
    let value: Value =
        serde_json::from_str(json).map_err(|error| json_error(&error, json, origin))?;
    let refuse = |what: &str| {
        InputError::new(origin, what).with_hint(
        "the form is what `aws ecs register-task-definition --cli-input-json` takes, or what describe-task-definition prints",
    )
    };
    if value.is_array() {
        return Err(refuse(
            "expected a task definition, found a list; that is its containerDefinitions alone",
        ));
    }
    let definition = from_describe(&value);
    let Some(fields) = definition.as_object() else {
        return Err(refuse("expected a task definition: a JSON object"));
    };
    if fields.contains_key("ContainerDefinitions") {
        return Err(refuse(
            "this is CloudFormation's spelling; ECS's own begins with small letters",
        ));
    }
    if text(&definition, "family").is_empty() {
        return Err(refuse("\"family\" is missing, or is not a text"));
    }
    match fields.get("containerDefinitions") {
        Some(Value::Array(list)) if list.iter().all(Value::is_object) => Ok(definition),
        _ => Err(refuse(
            "\"containerDefinitions\" is missing, or is not a list of objects",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn described() -> Value {
        json!({
            "taskDefinition": {
                "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7",
                "revision": 7, "status": "ACTIVE", "requiresAttributes": [], "compatibilities": ["EC2"],
                "registeredAt": 1.7e9, "registeredBy": "arn:aws:iam::123456789012:user/x",
                "deregisteredAt": 1, "deleteRequestedAt": 1,
                "family": "shop", "volumes": [], "taskRoleArn": "",
                "containerDefinitions": [{ "name": "app", "image": "shop:v1", "new": { "x": [] } }],
            },
            "tags": [
                { "key": "team", "value": "" },
                { "key": "bg:deployment", "value": "d1" },
                { "key": "aws:cloudformation:stack-name", "value": "s" },
            ],
        })
    }

    #[test]
    fn takes_out_what_register_refuses_and_nothing_else() {
        let expected = json!({
            "family": "shop", "volumes": [], "taskRoleArn": "",
            "containerDefinitions": [{ "name": "app", "image": "shop:v1", "new": { "x": [] } }],
            "tags": [{ "key": "team", "value": "" }],
        });
        assert_eq!(from_describe(&described()), expected);
        assert_eq!(
            from_describe(&expected),
            expected,
            "register form stays as it is"
        );
        let bare = &described()["taskDefinition"];
        assert_eq!(from_describe(bare).get("tags"), None);
    }

    #[test]
    fn reads_both_forms_from_a_file() {
        let text = serde_json::to_string_pretty(&described()).unwrap();
        let read = parse_file(&text, "task.json").unwrap();
        assert_eq!(read, from_describe(&described()));
        assert_eq!(parse_file(&read.to_string(), "task.json").unwrap(), read);
    }

    #[test]
    fn says_where_and_why_a_file_is_refused() {
        let error = |text| parse_file(text, "task.json").unwrap_err().headline();
        assert!(error("{\n  \"family\": shop\n}").starts_with("task.json:2:13: not JSON: "));
        assert!(error("").starts_with("task.json:1:1: not JSON"));
        assert!(error("[]").contains("found a list"));
        assert!(error("5").contains("a JSON object"));
        assert!(error("{}").contains("\"family\" is missing"));
        assert!(error(r#"{"family":"x"}"#).contains("\"containerDefinitions\" is missing"));
        assert!(error(r#"{"family":"x","containerDefinitions":[5]}"#).contains("list of objects"));
        assert!(error(r#"{"Family":"x","ContainerDefinitions":[]}"#).contains("CloudFormation"));
    }
}
