//! Image references into private repositories of ECR.

use super::image::ImageRef;

/// What a reference without tag and digest means.
const LATEST: &str = "latest";

/// An image in ECR: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY[:TAG][@DIGEST]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcrImage {
    /// The registry's account.
    pub account: String,
    /// Its region.
    pub region: String,
    /// The repository.
    pub repository: String,
    /// Which image of it.
    pub id: ImageId,
}

/// What names an image in its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageId {
    /// Whatever was pushed last under it.
    Tag(String),
    /// `sha256:…`, always the same.
    Digest(String),
}

impl EcrImage {
    /// Reads a reference; `None` for one of another registry.
    pub fn parse(reference: &str) -> Option<EcrImage> {
        let image: ImageRef = reference.parse().ok()?;
        let (host, repository) = image.name().split_once('/')?;
        // Two stacks of addresses have names of their own: `dkr-ecr.REGION.on.aws`.
        let marks = [
            (".dkr.ecr.", "amazonaws.com"),
            (".dkr.ecr-fips.", "amazonaws.com"),
            (".dkr-ecr.", "on.aws"),
        ];
        let (account, region) = marks.into_iter().find_map(|(mark, domain)| {
            let (account, rest) = host.split_once(mark)?;
            let (region, of) = rest.split_once('.')?;
            of.starts_with(domain).then_some((account, region))
        })?;
        let id = match (image.digest(), image.tag()) {
            (Some(digest), _) => ImageId::Digest(digest.to_owned()),
            (None, tag) => ImageId::Tag(tag.unwrap_or(LATEST).to_owned()),
        };
        Some(EcrImage {
            account: account.to_owned(),
            region: region.to_owned(),
            repository: repository.to_owned(),
            id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_into_ecr_are_asked_about() {
        let reference = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/shop:v2";
        let image = EcrImage::parse(reference).unwrap();
        assert_eq!(
            (image.account.as_str(), image.region.as_str()),
            ("123456789012", "eu-west-1")
        );
        assert_eq!(image.repository, "team/shop");
        assert_eq!(image.id, ImageId::Tag("v2".to_owned()));
        let untagged = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/shop";
        let untagged = EcrImage::parse(untagged).unwrap();
        assert_eq!(untagged.id, ImageId::Tag("latest".to_owned()));
        let digest = format!("sha256:{}", "0a".repeat(32));
        let both = EcrImage::parse(&format!("{reference}@{digest}")).unwrap();
        assert_eq!(both.id, ImageId::Digest(digest));
        let new = EcrImage::parse("123456789012.dkr-ecr.eu-west-1.on.aws/shop:v2").unwrap();
        assert_eq!(new.region, "eu-west-1");
        for other in [
            "shop:v2",
            "docker.io/library/nginx:1",
            "localhost:5000/shop:v2",
            "public.ecr.aws/nginx/nginx:1",
        ] {
            assert_eq!(EcrImage::parse(other), None, "{other}");
        }
    }
}
