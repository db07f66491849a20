//! What a registry says an image reference stands for. ECR only: it is asked with the same
//! credentials.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::ImageIdentifier;

use super::cloud::Cloud;
use super::error::AwsError;
use super::retry::Effect;
use super::together::all;

const GET: &str = "ecr:BatchGetImage";
/// Without these ECR answers with another manifest than the tag points to.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// A tag in ECR.
#[derive(Debug, PartialEq, Eq)]
struct EcrImage<'a> {
    account: &'a str,
    region: &'a str,
    repository: &'a str,
    tag: &'a str,
}

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
            match ecr_image(reference) {
                Some(image) => self.ecr_digest(image).await,
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

    async fn ecr_digest(&self, image: EcrImage<'_>) -> Result<Option<String>, AwsError> {
        let client = self.ecr(image.region);
        let answer = self
            .call(GET, Effect::Reads, || {
                client
                    .batch_get_image()
                    .registry_id(image.account)
                    .repository_name(image.repository)
                    .image_ids(ImageIdentifier::builder().image_tag(image.tag).build())
                    .set_accepted_media_types(Some(MANIFESTS.map(str::to_owned).to_vec()))
                    .send()
            })
            .await?;
        let image = answer.images().first().and_then(|image| image.image_id());
        let digest = image.and_then(|image| image.image_digest());
        Ok(digest.map(str::to_owned))
    }
}

/// `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY[:TAG]`.
fn ecr_image(reference: &str) -> Option<EcrImage<'_>> {
    let (host, path) = reference.split_once('/')?;
    let (account, rest) = host.split_once(".dkr.ecr.")?;
    let (region, domain) = rest.split_once('.')?;
    if !domain.starts_with("amazonaws.com") {
        return None;
    }
    let (repository, tag) = path.rsplit_once(':').unwrap_or((path, "latest"));
    Some(EcrImage {
        account,
        region,
        repository,
        tag,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_into_ecr_are_asked_about() {
        let reference = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/shop:v2";
        let image = ecr_image(reference).unwrap();
        assert_eq!((image.account, image.region), ("123456789012", "eu-west-1"));
        assert_eq!((image.repository, image.tag), ("team/shop", "v2"));
        let untagged = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/shop";
        assert_eq!(ecr_image(untagged).unwrap().tag, "latest");
        for other in [
            "shop:v2",
            "docker.io/library/nginx:1",
            "localhost:5000/shop:v2",
        ] {
            assert_eq!(ecr_image(other), None, "{other}");
        }
    }
}
