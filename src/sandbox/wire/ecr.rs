//! Elastic Container Registry: which digest a tag stands for.

use super::AwsError;
use crate::sandbox::world::World;
use serde_json::{Value, json};

/// Answers one operation. Every repository exists; a tag that can't be pulled isn't in it.
///
/// # Errors
/// `UnknownOperationException` for anything but BatchGetImage.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "BatchGetImage" => Ok(batch_get_image(world, input)),
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

fn batch_get_image(world: &World, input: &Value) -> Value {
    let text = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let repository = text(input, "repositoryName");
    let registry = match text(input, "registryId") {
        id if id.is_empty() => world.account.clone(),
        id => id,
    };
    let host = format!("{registry}.dkr.ecr.{}.amazonaws.com", world.region);
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in input
        .get("imageIds")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let tag = text(id, "imageTag");
        let reference = format!("{host}/{repository}:{tag}");
        if world.ecs.images.behaviour(&reference).pull_error.is_some() {
            failures.push(json!({
                "imageId": id,
                "failureCode": "ImageNotFound",
                "failureReason": "Requested image not found",
            }));
            continue;
        }
        let digest = world.ecs.images.digest(&reference);
        images.push(json!({
            "registryId": registry,
            "repositoryName": repository,
            "imageId": { "imageTag": tag, "imageDigest": digest },
        }));
    }
    json!({ "images": images, "failures": failures })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::RegionOptions;

    #[test]
    fn a_tag_that_is_pushed_again_has_a_new_digest() {
        let options = RegionOptions::default();
        let mut world = World::new(options.account, options.region, options.start, 1);
        let ask = json!({ "repositoryName": "shop", "imageIds": [{ "imageTag": "v1" }] });
        let digest = |world: &mut World| {
            let answer = handle(world, "BatchGetImage", &ask).unwrap();
            answer["images"][0]["imageId"]["imageDigest"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let before = digest(&mut world);
        assert_eq!(before, digest(&mut world));
        world
            .ecs
            .images
            .push("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:v1");
        assert_ne!(before, digest(&mut world));
    }
}
