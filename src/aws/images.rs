//! Images in ECR: the platforms that each is made for, and what a scan has found in it.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{Image, ImageIdentifier, ScanStatus};
use serde_json::Value;

use super::cloud::Cloud;
use super::ecs::{list, text};
use super::error::AwsError;
use super::retry::Effect;
use super::services;
use super::together::{all, some};
use crate::deployment::ids::TaskDefinitionArn;
use crate::deployment::preflight::DefinitionWanted;
use crate::deployment::task_definition::{self, EcrImage, Launch, Platform};
use crate::gate::{ImageIs, ImageSeen, Scan, Severity};
use crate::verify::ImageFound;

const LAYER: &str = "ecr:GetDownloadUrlForLayer";
const FINDINGS: &str = "ecr:DescribeImageScanFindings";
/// What build tools write for parts of an index that are no image, such as attestations.
const NO_PLATFORM: &str = "unknown";
/// Images looked at together.
const AT_ONCE: usize = 8;

/// An image for one platform.
struct Part {
    platform: Platform,
    digest: String,
}

impl Cloud {
    pub(super) async fn image(&self, reference: &str) -> Result<Option<ImageFound>, AwsError> {
        let Some(place) = EcrImage::parse(reference) else {
            return Ok(None);
        };
        let Some(image) = self.ecr_image(&place).await? else {
            return Ok(None);
        };
        Ok(Some(match self.parts(&place, &image).await {
            Ok(parts) => ImageFound {
                platforms: parts.into_iter().map(|part| part.platform).collect(),
                unread: None,
            },
            Err(error) => ImageFound {
                platforms: Vec::new(),
                unread: Some(error.to_string()),
            },
        }))
    }

    /// Each image of a task definition, for the platform that its tasks have; with their scans,
    /// where these are looked at.
    pub async fn images_of(
        &self,
        definition: &Value,
        launch: Launch,
        scans: bool,
    ) -> Vec<ImageSeen> {
        let platform = Platform::of(definition, launch);
        let images = task_definition::images(definition).into_iter();
        let mut references: Vec<String> = images.map(|(_, reference)| reference).collect();
        references.sort();
        references.dedup();
        let platform = platform.as_ref();
        let each = references.into_iter().map(|reference| async move {
            let is = self.image_for(&reference, platform, scans).await;
            let is = is.unwrap_or_else(|error| match error {
                error if error.is_not_found() => ImageIs::Missing,
                error if error.class.may_pass() => ImageIs::Later(error.to_string()),
                error => ImageIs::Unknown(error.to_string()),
            });
            ImageSeen { reference, is }
        });
        some(AT_ONCE, each.collect()).await
    }

    /// A revision as DescribeTaskDefinition prints it; `None` where there is none.
    ///
    /// # Errors
    /// Where it can't be read.
    pub async fn revision(&self, revision: &TaskDefinitionArn) -> Result<Option<Value>, AwsError> {
        let found = self.definition(revision.as_str()).await?;
        Ok(found.map(|(_, described)| described))
    }

    async fn image_for(
        &self,
        reference: &str,
        platform: Option<&Platform>,
        scans: bool,
    ) -> Result<ImageIs, AwsError> {
        let Some(place) = EcrImage::parse(reference) else {
            return Ok(ImageIs::Elsewhere);
        };
        let Some(image) = self.ecr_image(&place).await? else {
            return Ok(ImageIs::Missing);
        };
        let parts = self.parts(&place, &image).await?;
        let fits = |part: &&Part| platform.is_none_or(|wanted| part.platform == *wanted);
        let fitting: Vec<&Part> = parts.iter().filter(fits).collect();
        if let (true, Some(wanted)) = (fitting.is_empty(), platform) {
            let made: Vec<String> = parts.iter().map(|it| it.platform.to_string()).collect();
            let made = made.join(", ");
            let why = format!("is made for {made}, and the tasks run on {wanted}");
            return Ok(ImageIs::Unfit(why));
        }
        if !scans {
            return Ok(ImageIs::Fit(Vec::new()));
        }
        let scans = fitting.iter().map(|part| self.scan(&place, &part.digest));
        let scans: Result<Vec<Scan>, AwsError> = all(scans).await.into_iter().collect();
        Ok(ImageIs::Fit(scans?))
    }

    /// An index says it of each of its images; a single image says it in its configuration, which
    /// has to be fetched.
    async fn parts(&self, place: &EcrImage, image: &Image) -> Result<Vec<Part>, AwsError> {
        let unreadable = |why: &str| AwsError::invalid("ecr:BatchGetImage", why);
        let manifest = image.image_manifest().unwrap_or_default();
        let manifest: Value =
            serde_json::from_str(manifest).map_err(|_| unreadable("its manifest is no JSON"))?;
        if manifest.get("manifests").is_some() {
            let images = list(&manifest, "manifests").iter();
            let parts = images.filter_map(|it| {
                Some(Part {
                    platform: platform(it.get("platform")?),
                    digest: text(it, "digest").to_owned(),
                })
            });
            return Ok(parts.filter(|it| it.platform.os != NO_PLATFORM).collect());
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
        let id = image.image_id().and_then(|it| it.image_digest());
        Ok(vec![Part {
            platform: platform(&self.read_url(LAYER, url).await?),
            digest: id.unwrap_or_default().to_owned(),
        }])
    }

    /// What has become of the scan of an image for one platform: indexes aren't scanned.
    async fn scan(&self, place: &EcrImage, digest: &str) -> Result<Scan, AwsError> {
        let client = self.ecr(&place.region);
        let id = ImageIdentifier::builder().image_digest(digest).build();
        let answer = self
            .call(FINDINGS, Effect::Reads, || {
                client
                    .describe_image_scan_findings()
                    .registry_id(&place.account)
                    .repository_name(&place.repository)
                    .image_id(id.clone())
                    .send()
            })
            .await;
        let answer = match answer {
            Err(error) if error.code.as_deref() == Some("ScanNotFoundException") => {
                return Ok(Scan::Absent);
            }
            answer => answer?,
        };
        let status = answer.image_scan_status();
        let counts = || {
            let findings = answer.image_scan_findings();
            let counts = findings.and_then(|it| it.finding_severity_counts());
            let found = Severity::ALL.into_iter().filter_map(|severity| {
                let mut counts = counts?.iter();
                let named = |it: &str| it.eq_ignore_ascii_case(severity.as_str());
                let (_, count) = counts.find(|(name, _)| named(name.as_str()))?;
                Some((severity, u32::try_from(*count).unwrap_or(u32::MAX)))
            });
            found.collect::<BTreeMap<_, _>>()
        };
        Ok(match status.and_then(|it| it.status()) {
            // ACTIVE is Amazon Inspector's: scanned, and again with each new finding.
            Some(ScanStatus::Complete | ScanStatus::Active) => Scan::Done(counts()),
            Some(ScanStatus::InProgress | ScanStatus::Pending) => Scan::Running,
            None => Scan::Absent,
            Some(other) => {
                let why = status.and_then(|it| it.description()).unwrap_or_default();
                let why = format!("{} {why}", other.as_str());
                Scan::Failed(why.trim_end().to_owned())
            }
        })
    }
}

/// What the version runs; `None` where planning will refuse it anyway.
pub(super) fn body(
    wanted: &DefinitionWanted,
    live: Option<&Value>,
    asked: Option<&TaskDefinitionArn>,
    definitions: &BTreeMap<TaskDefinitionArn, Value>,
) -> Option<Value> {
    let described = |arn| Some(task_definition::from_describe(definitions.get(arn)?));
    match wanted {
        DefinitionWanted::Body(body) => Some(body.clone()),
        DefinitionWanted::Existing(_) => described(asked?),
        DefinitionWanted::Images(images) => {
            let mut body = described(&services::task_definition(live?))?;
            task_definition::set_images(&mut body, images).ok()?;
            Some(body)
        }
    }
}

fn platform(of: &Value) -> Platform {
    Platform::new(text(of, "os"), text(of, "architecture"))
}
