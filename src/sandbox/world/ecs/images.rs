//! The registry behind the image references: digests, and how each image behaves.

use crate::sandbox::world::{app::Behaviour, ids};
use std::collections::BTreeMap;

/// What image references stand for. Any reference exists; a scenario may change what it means.
#[derive(Debug, Clone, Default)]
pub struct Images {
    digests: BTreeMap<String, String>,
    behaviours: BTreeMap<String, Behaviour>,
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
