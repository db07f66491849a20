//! Images in ECR: the platforms that each is made for.

use aws_sdk_ecr::types::Image;
use serde_json::Value;

use super::super::cloud::Cloud;
use super::super::ecs::{list, text};
use super::super::error::AwsError;
use super::super::retry::Effect;
use crate::deployment::task_definition::EcrImage;
use crate::verify::{ImageFound, Platform};

const LAYER: &str = "ecr:GetDownloadUrlForLayer";
/// What build tools write for parts of an index that are no image, such as attestations.
const NO_PLATFORM: &str = "unknown";

impl Cloud {
    pub(super) async fn image(&self, reference: &str) -> Result<Option<ImageFound>, AwsError> {
        let Some(place) = EcrImage::parse(reference) else {
            return Ok(None);
        };
        let Some(image) = self.ecr_image(&place).await? else {
            return Ok(None);
        };
        Ok(Some(match self.platforms(&place, &image).await {
            Ok(platforms) => ImageFound {
                platforms,
                unread: None,
            },
            Err(error) => ImageFound {
                platforms: Vec::new(),
                unread: Some(error.to_string()),
            },
        }))
    }

    /// An index says it of each of its images; a single image says it in its configuration, which
    /// has to be fetched.
    async fn platforms(&self, place: &EcrImage, image: &Image) -> Result<Vec<Platform>, AwsError> {
        let unreadable = |why: &str| AwsError::invalid("ecr:BatchGetImage", why);
        let manifest = image.image_manifest().unwrap_or_default();
        let manifest: Value =
            serde_json::from_str(manifest).map_err(|_| unreadable("its manifest is no JSON"))?;
        if manifest.get("manifests").is_some() {
            let images = list(&manifest, "manifests").iter();
            let platforms = images.filter_map(|it| it.get("platform").map(platform));
            return Ok(platforms.filter(|it| it.os != NO_PLATFORM).collect());
        }
        let config = manifest.get("config").map_or("", |it| text(it, "digest"));
        if config.is_empty() {
            return Err(unreadable("its manifest names no configuration"));
        }
        let client = self.ecr(&place.region);
        let layer = self
            .call(LAYER, Effect::Reads, || {
                client
                    .get_download_url_for_layer()
                    .registry_id(&place.account)
                    .repository_name(&place.repository)
                    .layer_digest(config)
                    .send()
            })
            .await?;
        let url = layer.download_url().unwrap_or_default();
        Ok(vec![platform(&self.read_url(LAYER, url).await?)])
    }
}

fn platform(of: &Value) -> Platform {
    Platform::new(text(of, "os"), text(of, "architecture"))
}
