//! Elastic Container Registry: which digest a tag stands for, what is behind it, and what a scan
//! found in it. Every repository and tag exists, unless its name says otherwise: `missing`.

use super::{AwsError, time};
use crate::sandbox::world::{
    World,
    ecs::{
        images::{Made, Severities},
        json::{list, text},
    },
};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Below this the region serves layers, as S3 does for AWS.
pub const LAYERS_PATH: &str = "/ecr-layers/";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The bytes that an image is said to have.
const SIZE: u64 = 31_457_280;
/// Pushed that long before anybody asks.
const AGE: SignedDuration = SignedDuration::from_hours(1);

/// Answers one operation.
///
/// # Errors
/// As ECR does for this operation.
pub fn handle(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    let repository = Repository::of(world, input)?;
    match operation {
        "BatchGetImage" => Ok(batch_get_image(world, &repository, input)),
        "DescribeImages" => describe_images(world, &repository, input),
        "DescribeImageScanFindings" => scan_findings(world, &repository, input),
        "GetDownloadUrlForLayer" => {
            let digest = text(input, "layerDigest").unwrap_or_default();
            let url = format!("{}{LAYERS_PATH}{digest}", world.layers_at);
            Ok(json!({ "downloadUrl": url, "layerDigest": digest }))
        }
        _ => Err(AwsError::unknown_operation(operation)),
    }
}

/// The layer at a path of the region: an image's configuration, as far as it names a platform.
pub fn layer(world: &World, path: &str) -> Option<Value> {
    let digest = path.strip_prefix(LAYERS_PATH)?;
    let (os, architecture) = world.ecs.images.platform_of_config(digest)?;
    Some(json!({ "os": os, "architecture": architecture, "config": {}, "rootfs": {} }))
}

struct Repository {
    registry: String,
    name: String,
    /// What references to its images begin with.
    place: String,
}

impl Repository {
    fn of(world: &World, input: &Value) -> Result<Repository, AwsError> {
        let name = text(input, "repositoryName").unwrap_or_default().to_owned();
        let registry = text(input, "registryId")
            .unwrap_or(&world.account)
            .to_owned();
        if name.contains("missing") {
            let message = format!(
                "The repository with name '{name}' does not exist in the registry with id \
                 '{registry}'"
            );
            return Err(AwsError::new("RepositoryNotFoundException", message));
        }
        let place = format!("{registry}.dkr.ecr.{}.amazonaws.com/{name}", world.region);
        Ok(Repository {
            registry,
            name,
            place,
        })
    }

    /// The reference that an `imageId` stands for; `None` where there is no such image.
    fn reference(&self, world: &World, id: &Value) -> Option<String> {
        let reference = match (text(id, "imageDigest"), text(id, "imageTag")) {
            (Some(digest), _) => format!("{}@{digest}", self.place),
            (None, tag) => format!("{}:{}", self.place, tag.unwrap_or_default()),
        };
        let gone = world.ecs.images.is_missing(&reference);
        (!gone).then_some(reference)
    }

    fn not_found(&self, id: &Value) -> AwsError {
        let (tag, digest) = (text(id, "imageTag"), text(id, "imageDigest"));
        let message = format!(
            "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the \
             repository with name '{}' in the registry with id '{}'",
            digest.unwrap_or("null"),
            tag.unwrap_or("null"),
            self.name,
            self.registry
        );
        AwsError::new("ImageNotFoundException", message)
    }
}

fn batch_get_image(world: &mut World, repository: &Repository, input: &Value) -> Value {
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in list(input, "imageIds") {
        let Some(reference) = repository.reference(world, id) else {
            failures.push(json!({
                "imageId": id,
                "failureCode": "ImageNotFound",
                "failureReason": "Requested image not found",
            }));
            continue;
        };
        world.ecs.images.show(&reference);
        let (media_type, manifest) = manifest(world, &reference);
        images.push(json!({
            "registryId": repository.registry,
            "repositoryName": repository.name,
            "imageId": {
                "imageTag": text(id, "imageTag"),
                "imageDigest": world.ecs.images.digest(&reference),
            },
            "imageManifest": manifest.to_string(),
            "imageManifestMediaType": media_type,
        }));
    }
    json!({ "images": images, "failures": failures })
}

fn manifest(world: &World, reference: &str) -> (&'static str, Value) {
    let images = &world.ecs.images;
    let manifest = match images.made(reference) {
        Made::For((os, architecture)) => {
            let config = images.config_digest(os, architecture);
            let config = json!({ "mediaType": CONFIG, "size": 1_470, "digest": config });
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config,
                "layers": [],
            });
            return (MANIFEST, manifest);
        }
        Made::ForEach(platforms) => platforms,
    };
    // Build tools add what they attest as one more image of no platform.
    let platforms = manifest.iter().chain(&[("unknown", "unknown")]);
    let images = platforms.map(|(os, architecture)| {
        json!({
            "mediaType": MANIFEST,
            "size": 1_024,
            "digest": images.part_digest(reference, os, architecture),
            "platform": { "os": os, "architecture": architecture },
        })
    });
    let images: Vec<Value> = images.collect();
    (
        INDEX,
        json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": images }),
    )
}

fn describe_images(
    world: &World,
    repository: &Repository,
    input: &Value,
) -> Result<Value, AwsError> {
    let details = list(input, "imageIds").iter().map(|id| {
        let reference = repository.reference(world, id);
        let reference = reference.ok_or_else(|| repository.not_found(id))?;
        let (media_type, _) = manifest(world, &reference);
        let mut details = json!({
            "registryId": repository.registry,
            "repositoryName": repository.name,
            "imageDigest": world.ecs.images.digest(&reference),
            "imageTags": text(id, "imageTag").into_iter().collect::<Vec<_>>(),
            "imageSizeInBytes": SIZE,
            "imagePushedAt": time(world.now - AGE),
            "imageManifestMediaType": media_type,
        });
        if let Some(severities) = world.ecs.images.severities(&reference) {
            details["imageScanStatus"] = json!({ "status": "COMPLETE" });
            details["imageScanFindingsSummary"] = json!({
                "imageScanCompletedAt": time(world.now - AGE),
                "findingSeverityCounts": severities,
            });
        }
        Ok(details)
    });
    let details = details.collect::<Result<Vec<_>, AwsError>>()?;
    Ok(json!({ "imageDetails": details }))
}

fn scan_findings(
    world: &mut World,
    repository: &Repository,
    input: &Value,
) -> Result<Value, AwsError> {
    let id = input.get("imageId").unwrap_or(&Value::Null);
    let reference = repository.reference(world, id);
    let reference = reference.ok_or_else(|| repository.not_found(id))?;
    let (images, now) = (&mut world.ecs.images, world.now);
    let reference = images.shown_as(&reference).to_owned();
    if images.is_being_scanned(&reference, now) {
        return Ok(json!({
            "registryId": repository.registry,
            "repositoryName": repository.name,
            "imageId": id,
            "imageScanStatus": { "status": "IN_PROGRESS" },
        }));
    }
    let Some(severities) = world.ecs.images.severities(&reference) else {
        let message = "Image scan does not exist for the image".to_owned();
        return Err(AwsError::new("ScanNotFoundException", message));
    };
    Ok(json!({
        "registryId": repository.registry,
        "repositoryName": repository.name,
        "imageId": id,
        "imageScanStatus": {
            "status": "COMPLETE",
            "description": "The scan was completed successfully.",
        },
        "imageScanFindings": {
            "imageScanCompletedAt": time(world.now - AGE),
            "findingSeverityCounts": severities,
            "findings": findings(&severities),
        },
    }))
}

fn findings(severities: &Severities) -> Vec<Value> {
    let each = severities.iter().flat_map(|(severity, count)| {
        (0..*count).map(
            move |at| json!({ "name": format!("CVE-2026-{severity}-{at}"), "severity": severity }),
        )
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::RegionOptions;

    fn world() -> World {
        let options = RegionOptions::default();
        World::new(options.account, options.region, options.start, 1)
    }

    #[test]
    fn a_tag_that_is_pushed_again_has_a_new_digest() {
        let mut world = world();
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

    #[test]
    fn a_single_image_says_its_platform_in_its_configuration_only() {
        let mut world = world();
        let ask = json!({ "repositoryName": "shop", "imageIds": [{ "imageTag": "arm" }] });
        let answer = handle(&mut world, "BatchGetImage", &ask).unwrap();
        let manifest = answer["images"][0]["imageManifest"].as_str().unwrap();
        let manifest: Value = serde_json::from_str(manifest).unwrap();
        assert!(manifest.get("manifests").is_none());
        let digest = &manifest["config"]["digest"];
        let ask = json!({ "repositoryName": "shop", "layerDigest": digest });
        let url = handle(&mut world, "GetDownloadUrlForLayer", &ask).unwrap();
        let url = url["downloadUrl"].as_str().unwrap();
        let path = url.strip_prefix(&world.layers_at).unwrap();
        assert_eq!(layer(&world, path).unwrap()["architecture"], "arm64");
        assert_eq!(layer(&world, "/ecr-layers/sha256:0"), None);
    }

    #[test]
    fn a_scan_finds_what_the_tag_says() {
        let mut world = world();
        let mut ask = |tag: &str| {
            let ask = json!({ "repositoryName": "shop", "imageId": { "imageTag": tag } });
            handle(&mut world, "DescribeImageScanFindings", &ask)
        };
        let counts = "/imageScanFindings/findingSeverityCounts";
        let found = ask("vulnerable").unwrap();
        assert_eq!(found.pointer(counts).unwrap()["CRITICAL"], 1);
        assert_eq!(ask("v1").unwrap().pointer(counts), Some(&json!({})));
        assert_eq!(ask("unscanned").unwrap_err().code, "ScanNotFoundException");
        assert_eq!(ask("missing").unwrap_err().code, "ImageNotFoundException");
    }
}
