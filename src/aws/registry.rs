//! What a registry says an image reference stands for. ECR only: it is asked with the same
//! credentials.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{Image, ImageIdentifier};

use super::cloud::Cloud;
use super::error::AwsError;
use super::retry::Effect;
use super::together::all;
use crate::deployment::task_definition::{EcrImage, ImageId};

const GET: &str = "ecr:BatchGetImage";
/// Without these ECR answers with another manifest than the tag points to.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

impl Cloud {
    /// The digest of each reference that a registry could be asked about or that names it, and
    /// what kept the others from being asked.
    pub(super) async fn registry_digests(
        &self,
        references: &[String],
    ) -> (BTreeMap<String, String>, Vec<String>) {
        let asked = all(references.iter().map(|reference| async move {
            if let Some((_, digest)) = reference.rsplit_once('@') {
                return Ok(Some(digest.to_owned()));
            }
            match EcrImage::parse(reference) {
                Some(image) => self.ecr_digest(&image).await,
                None => Ok(None),
            }
        }))
        .await;
        let (mut digests, mut notes) = (BTreeMap::new(), Vec::new());
        for (reference, answer) in references.iter().zip(asked) {
            match answer {
                Ok(Some(digest)) => {
                    digests.insert(reference.clone(), digest);
                }
                Ok(None) => {}
                Err(error) => notes.push(format!(
                    "whether {reference} has a new digest is not known: {error}"
                )),
            }
        }
        (digests, notes)
    }

    async fn ecr_digest(&self, image: &EcrImage) -> Result<Option<String>, AwsError> {
        let found = self.ecr_image(image).await?;
        let id = found.as_ref().and_then(|image| image.image_id());
        let digest = id.and_then(|id| id.image_digest());
        Ok(digest.map(str::to_owned))
    }

    /// The image, with its manifest; `None` where the repository has no such one.
    pub(super) async fn ecr_image(&self, image: &EcrImage) -> Result<Option<Image>, AwsError> {
        let client = self.ecr(&image.region);
        let id = ImageIdentifier::builder();
        let id = match &image.id {
            ImageId::Tag(tag) => id.image_tag(tag),
            ImageId::Digest(digest) => id.image_digest(digest),
        };
        let id = id.build();
        let answer = self
            .call(GET, Effect::Reads, || {
                client
                    .batch_get_image()
                    .registry_id(&image.account)
                    .repository_name(&image.repository)
                    .image_ids(id.clone())
                    .set_accepted_media_types(Some(MANIFESTS.map(str::to_owned).to_vec()))
                    .send()
            })
            .await?;
        Ok(answer.images.unwrap_or_default().into_iter().next())
    }
}
