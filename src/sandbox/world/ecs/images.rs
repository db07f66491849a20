//! The registry behind the image references: digests, platforms, what a scan finds, and how each
//! image behaves.

use crate::sandbox::world::{app::Behaviour, ids};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// An operating system and an architecture, as image manifests have them.
pub type Platform = (&'static str, &'static str);
/// How long a scan of the tag `scanning` takes.
const SCAN_TAKES: SignedDuration = SignedDuration::from_mins(1);
/// Every platform that an image here is made for.
const PLATFORMS: [Platform; 3] = [
    ("linux", "amd64"),
    ("linux", "arm64"),
    ("unknown", "unknown"),
];

/// Which platforms an image is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// One, as its configuration says.
    For(Platform),
    /// Each of these, as its index says.
    ForEach(&'static [Platform]),
}

/// How many findings a scan has of each severity.
pub type Severities = BTreeMap<&'static str, u32>;

/// What image references stand for. Any reference exists; a scenario may change what it means.
#[derive(Debug, Clone, Default)]
pub struct Images {
    digests: BTreeMap<String, String>,
    behaviours: BTreeMap<String, Behaviour>,
    /// The references that digests were shown for.
    shown: BTreeMap<String, String>,
    /// When somebody first asked for a scan that takes its time.
    scans: BTreeMap<String, Timestamp>,
}

impl Images {
    /// The digest that a reference resolves to now: `sha256:` and 64 digits, always the same
    /// for the same reference until [`Images::push`].
    pub fn digest(&self, image: &str) -> String {
        if let Some((_, digest)) = image.split_once('@') {
            return digest.to_owned();
        }
        self.digests
            .get(image)
            .cloned()
            .unwrap_or_else(|| digest_of(image))
    }

    /// Pushes something else under the same tag: the reference gets a new digest.
    pub fn push(&mut self, image: &str) -> String {
        let digest = digest_of(&self.digest(image));
        self.digests.insert(image.to_owned(), digest.clone());
        digest
    }

    /// Whether a reference stands for nothing.
    pub fn is_missing(&self, image: &str) -> bool {
        let error = self.behaviour(image).pull_error;
        error.is_some_and(|error| error.contains("not found"))
    }

    /// What an image is made for, by its tag: `arm` and those that end in `-amd64` or `-arm64` for
    /// one platform, `platform` for another than most tasks have, any other for both.
    pub fn made(&self, image: &str) -> Made {
        let [amd, arm, _] = PLATFORMS;
        match tag(image) {
            "arm" => Made::For(arm),
            tag if tag.ends_with("-arm64") => Made::For(arm),
            tag if tag.ends_with("-amd64") => Made::For(amd),
            "platform" => Made::ForEach(&PLATFORMS[1..2]),
            _ => Made::ForEach(&PLATFORMS[..2]),
        }
    }

    /// The digest of the configuration of images for a platform.
    pub fn config_digest(&self, os: &str, architecture: &str) -> String {
        digest_of(&format!("{os}/{architecture}"))
    }

    /// The platform that the configuration of this digest names.
    pub fn platform_of_config(&self, digest: &str) -> Option<Platform> {
        let mut platforms = PLATFORMS.into_iter();
        platforms.find(|(os, architecture)| self.config_digest(os, architecture) == digest)
    }

    /// The digest of an index's image for a platform.
    pub fn part_digest(&self, image: &str, os: &str, architecture: &str) -> String {
        digest_of(&format!("{}/{os}/{architecture}", self.digest(image)))
    }

    /// Remembers what the digests of an image and of its parts stand for.
    pub fn show(&mut self, image: &str) {
        let parts = PLATFORMS.map(|(os, architecture)| self.part_digest(image, os, architecture));
        for digest in parts.into_iter().chain([self.digest(image)]) {
            self.shown.entry(digest).or_insert_with(|| image.to_owned());
        }
    }

    /// The reference with a tag that one by digest was shown for, or itself.
    pub fn shown_as<'a>(&'a self, image: &'a str) -> &'a str {
        let digest = image.split_once('@').map(|it| it.1);
        let shown = digest.and_then(|digest| self.shown.get(digest));
        shown.map_or(image, String::as_str)
    }

    /// Whether a scan is under way: of the tag `scanning` for a minute from when somebody asks.
    pub fn is_being_scanned(&mut self, image: &str, now: Timestamp) -> bool {
        if tag(image) != "scanning" {
            return false;
        }
        let begun = *self.scans.entry(image.to_owned()).or_insert(now);
        now < begun + SCAN_TAKES
    }

    /// What a scan found, by the tag: `vulnerable` has findings, `unscanned` no scan.
    pub fn severities(&self, image: &str) -> Option<Severities> {
        match tag(image) {
            "unscanned" => None,
            "vulnerable" => Some([("CRITICAL", 1), ("HIGH", 3), ("MEDIUM", 8)].into()),
            _ => Some(Severities::new()),
        }
    }

    /// How tasks of this image behave: planted, or by the image's tag.
    pub fn behaviour(&self, image: &str) -> Behaviour {
        self.behaviours
            .get(image)
            .cloned()
            .unwrap_or_else(|| Behaviour::for_image(image))
    }

    /// Makes all tasks of `image` that start from now on behave like this.
    pub fn plant(&mut self, image: &str, behaviour: Behaviour) {
        self.behaviours.insert(image.to_owned(), behaviour);
    }
}

fn tag(image: &str) -> &str {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').map_or("", |(_, tag)| tag)
}

fn digest_of(text: &str) -> String {
    let mut rng = fastrand::Rng::with_seed(ids::fingerprint(text));
    format!("sha256:{}", ids::hex(&mut rng, 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_gives_the_same_tag_a_new_digest() {
        let mut images = Images::default();
        let before = images.digest("shop:v1");
        assert_eq!(before.len(), "sha256:".len() + 64);
        assert_eq!(images.digest("shop:v1"), before);
        assert_ne!(images.digest("shop:v2"), before);
        let pushed = images.push("shop:v1");
        assert_ne!(pushed, before);
        assert_eq!(images.digest("shop:v1"), pushed);
        assert_eq!(images.digest("shop@sha256:12"), "sha256:12");
    }
}
