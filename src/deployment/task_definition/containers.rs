//! Reading and changing the containers of a task definition in place.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::error::TaskDefinitionError;
use super::image_changes::{ImageChange, refuse_two_for_one};

/// The container definitions; none if the field is missing or of another shape.
pub(super) fn containers(definition: &Value) -> &[Value] {
    let list = definition.get("containerDefinitions");
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text field, `""` where it is missing.
pub(super) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

/// A list field, empty where it is missing.
pub(super) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// ECS takes a container as essential unless it says otherwise.
pub(super) fn is_essential(container: &Value) -> bool {
    container
        .get("essential")
        .and_then(Value::as_bool)
        .unwrap_or(true)
}

/// Each container's name and image, in the definition's order.
pub fn images(definition: &Value) -> Vec<(String, String)> {
    let pair = |container| {
        let name = text(container, "name").to_owned();
        (name, text(container, "image").to_owned())
    };
    containers(definition).iter().map(pair).collect()
}

/// Whether this container maps this container port.
pub fn container_has_port(definition: &Value, container: &str, port: u16) -> bool {
    let mut named = containers(definition)
        .iter()
        .filter(|c| text(c, "name") == container);
    named.any(|container| {
        let mut ports = list(container, "portMappings").iter();
        ports.any(|mapping| mapping.get("containerPort") == Some(&json!(port)))
    })
}

/// The ports that each task takes of its instance, so that no two of its tasks fit on one: in host
/// mode all of them, in bridge mode and on Windows those with a fixed `hostPort`, in awsvpc mode none.
pub fn instance_ports(definition: &Value) -> BTreeSet<u64> {
    let key = match text(definition, "networkMode") {
        "host" => "containerPort",
        "bridge" | "default" | "" => "hostPort",
        _ => return BTreeSet::new(),
    };
    let mappings = containers(definition).iter();
    let mappings = mappings.flat_map(|container| list(container, "portMappings"));
    let ports = mappings.filter_map(|mapping| mapping.get(key).and_then(Value::as_u64));
    ports.filter(|port| *port > 0).collect()
}

/// Gives each named container its image; [`images`] of the result are `images` again.
pub fn put_images(definition: &mut Value, images: &[(String, String)]) {
    let containers = definition
        .get_mut("containerDefinitions")
        .and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let name = text(container, "name");
        if let Some((_, image)) = images.iter().find(|(named, _)| named == name) {
            container["image"] = image.as_str().into();
        }
    }
}

/// Puts the images in. One without a container's name goes to the only, or the first essential,
/// container. Nothing is changed where any of them doesn't fit.
pub fn set_images(
    definition: &mut Value,
    changes: &[ImageChange],
) -> Result<(), TaskDefinitionError> {
    let mut placed = Vec::new();
    for change in changes {
        let index = find(definition, change.container.as_deref())?;
        let name = text(&containers(definition)[index], "name").to_owned();
        let image = change.image.clone();
        placed.push((
            index,
            ImageChange {
                container: Some(name),
                image,
            },
        ));
    }
    let named: Vec<ImageChange> = placed.iter().map(|(_, change)| change.clone()).collect();
    refuse_two_for_one(&named)?;
    for (index, change) in placed {
        definition["containerDefinitions"][index]["image"] = json!(change.image.as_str());
    }
    Ok(())
}

fn find(definition: &Value, name: Option<&str>) -> Result<usize, TaskDefinitionError> {
    let containers = containers(definition);
    let names = || {
        containers
            .iter()
            .map(|c| text(c, "name").to_owned())
            .collect()
    };
    match (name, containers) {
        (_, []) => Err(TaskDefinitionError::NoContainers),
        (Some(name), _) => {
            let position = containers.iter().position(|c| text(c, "name") == name);
            position.ok_or_else(|| TaskDefinitionError::UnknownContainer {
                name: name.to_owned(),
                existing: names(),
            })
        }
        (None, [_]) => Ok(0),
        (None, _) => {
            let position = containers.iter().position(is_essential);
            position.ok_or_else(|| TaskDefinitionError::NoEssentialContainer(names()))
        }
    }
}

/// Sets one tag of a definition in register form, in place of any earlier value.
pub fn set_tag(definition: &mut Value, key: &str, value: &str) {
    let Some(fields) = definition.as_object_mut() else {
        return;
    };
    let tags = fields.entry("tags").or_insert_with(|| json!([]));
    if let Some(tags) = tags.as_array_mut() {
        tags.retain(|tag| text(tag, "key") != key);
        tags.push(json!({ "key": key, "value": value }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::task_definition::parse_image_flags;

    fn definition() -> Value {
        json!({
            "family": "shop",
            "containerDefinitions": [
                { "name": "init", "image": "init:1", "essential": false },
                { "name": "app", "image": "shop:v1", "futureField": { "kept": [""] },
                  "portMappings": [{ "containerPort": 8080 }] },
                { "name": "log", "image": "log:1", "essential": true },
            ],
        })
    }

    fn set(definition: &mut Value, flags: &[&str]) -> Result<(), TaskDefinitionError> {
        set_images(definition, &parse_image_flags(flags).unwrap())
    }

    #[test]
    fn an_image_without_a_name_goes_to_the_first_essential_container() {
        let mut changed = definition();
        set(&mut changed, &["shop:v2", "log=log:2"]).unwrap();
        let mut expected = definition();
        expected["containerDefinitions"][1]["image"] = json!("shop:v2");
        expected["containerDefinitions"][2]["image"] = json!("log:2");
        assert_eq!(changed, expected);
    }

    #[test]
    fn an_image_without_a_name_goes_to_the_only_container_even_if_not_essential() {
        let mut one = json!({ "containerDefinitions": [{ "name": "x", "essential": false }] });
        set(&mut one, &["shop:v2"]).unwrap();
        assert_eq!(images(&one), [("x".to_owned(), "shop:v2".to_owned())]);
    }

    #[test]
    fn changes_nothing_where_one_image_does_not_fit() {
        let mut changed = definition();
        let error = set(&mut changed, &["shop:v2", "ap=x:1"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no container \"ap\" (did you mean \"app\"?); the task definition has init, app, log"
        );
        let error = set(&mut changed, &["shop:v2", "app=x:1"]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("two images are given for container \"app\"")
        );
        assert_eq!(changed, definition());
    }

    #[test]
    fn knows_the_ports_of_each_container() {
        assert!(container_has_port(&definition(), "app", 8080));
        assert!(!container_has_port(&definition(), "app", 80));
        assert!(!container_has_port(&definition(), "log", 8080));
    }

    #[test]
    fn a_tag_is_set_once() {
        let mut tagged = definition();
        set_tag(&mut tagged, "bg:deployment", "d1");
        set_tag(&mut tagged, "bg:deployment", "d2");
        assert_eq!(
            tagged["tags"],
            json!([{ "key": "bg:deployment", "value": "d2" }])
        );
    }
}
