//! Image references: `name[:tag][@sha256:…]`, with a registry's host and port before the name.

use std::fmt;
use std::str::FromStr;

/// ECS takes image references up to this length.
const LONGEST_REFERENCE: usize = 255;

/// Registries take tags up to this length (OCI distribution specification).
const LONGEST_TAG: usize = 128;

/// Hexadecimal digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

/// A valid image reference, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef(String);

impl ImageRef {
    /// The whole reference.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Registry and name, without tag and digest.
    pub fn name(&self) -> &str {
        split(&self.0).name
    }

    /// The tag, if one is written.
    pub fn tag(&self) -> Option<&str> {
        split(&self.0).tag
    }

    /// The digest (`sha256:…`), if one is written.
    pub fn digest(&self) -> Option<&str> {
        split(&self.0).digest
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is no image reference, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an image reference: {why}")]
pub struct ImageError {
    text: String,
    why: &'static str,
}

struct Parts<'t> {
    name: &'t str,
    tag: Option<&'t str>,
    digest: Option<&'t str>,
}

/// Splits at the digest's `@`, then at the last colon after the last slash: a colon before it
/// belongs to the registry's port.
fn split(text: &str) -> Parts<'_> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let last_slash = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[last_slash..].find(':') {
        Some(colon) => {
            let at = last_slash + colon;
            (&rest[..at], Some(&rest[at + 1..]))
        }
        None => (rest, None),
    };
    Parts { name, tag, digest }
}

impl FromStr for ImageRef {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<ImageRef, ImageError> {
        match flaw(text) {
            None => Ok(ImageRef(text.to_owned())),
            Some(why) => Err(ImageError {
                text: text.to_owned(),
                why,
            }),
        }
    }
}

fn flaw(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.len() > LONGEST_REFERENCE {
        return Some("it is longer than 255 characters");
    }
    if text.chars().any(char::is_whitespace) {
        return Some("it has a blank in it");
    }
    if text.contains("://") {
        return Some("it has a scheme such as https://; leave that out");
    }
    let Parts { name, tag, digest } = split(text);
    name_flaw(name)
        .or_else(|| tag.and_then(tag_flaw))
        .or_else(|| digest.and_then(digest_flaw))
}

fn name_flaw(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("the name is missing");
    }
    let path = match name.split_once('/') {
        Some((first, rest)) if is_registry(first) => {
            if !valid_registry(first) {
                return Some("the registry before the first / is not HOST or HOST:PORT");
            }
            rest
        }
        _ => name,
    };
    if path.split('/').all(valid_component) {
        None
    } else if path.chars().any(|c| c.is_ascii_uppercase()) {
        Some("the name has capital letters; registries take small ones only")
    } else {
        Some("the name takes small letters and digits, with single . _ - and / between them")
    }
}

/// As Docker tells a registry from a first path component.
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':'])
}

fn valid_registry(registry: &str) -> bool {
    let (host, port) = match registry.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (registry, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let port_number = |port: &str| port.parse::<u16>().is_ok_and(|number| number > 0);
    host.split('.').all(label) && port.is_none_or(port_number)
}

/// Runs of small letters and digits, joined by `.`, `_`, `__` or dashes.
fn valid_component(component: &str) -> bool {
    let word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends_in_words = bytes.first().is_some_and(word) && bytes.last().is_some_and(word);
    ends_in_words
        && component
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|b| b == b'-'))
}

fn tag_flaw(tag: &str) -> Option<&'static str> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if tag.is_empty() {
        Some("the tag after : is missing")
    } else if tag.len() > LONGEST_TAG {
        Some("the tag is longer than 128 characters")
    } else if !tag.bytes().next().is_some_and(word) {
        Some("the tag must begin with a letter, a digit or _")
    } else if !tag.bytes().all(|b| word(b) || b == b'.' || b == b'-') {
        Some("the tag takes letters, digits, _ . and - only")
    } else {
        None
    }
}

fn digest_flaw(digest: &str) -> Option<&'static str> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    match digest.strip_prefix("sha256:") {
        Some(digits) if digits.len() == SHA256_DIGITS && digits.bytes().all(hex) => None,
        _ => Some("the digest after @ must be sha256: and 64 small hexadecimal digits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::proptest;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn tells_registry_port_tag_and_digest_apart() {
        let text = format!("registry.local:5000/team/shop:v2.1@{DIGEST}");
        let image: ImageRef = text.parse().unwrap();
        assert_eq!(image.name(), "registry.local:5000/team/shop");
        assert_eq!(image.tag(), Some("v2.1"));
        assert_eq!(image.digest(), Some(DIGEST));
        let image: ImageRef = "localhost:5000/shop".parse().unwrap();
        assert_eq!((image.tag(), image.digest()), (None, None));
    }

    #[test]
    fn takes_what_registries_take() {
        for text in [
            "shop",
            "shop:v2",
            "library/nginx:1.27-alpine",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/shop:2024_01",
            "public.ecr.aws/docker/library/redis",
            "a__b/c--d/e.f_g",
            "Registry.Example.com/shop",
            &format!("shop@{DIGEST}"),
        ] {
            assert!(text.parse::<ImageRef>().is_ok(), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_the_rest() {
        let why = |text: &str| text.parse::<ImageRef>().unwrap_err().why;
        assert!(why("").contains("empty"));
        assert!(why("shop v2").contains("blank"));
        assert!(why("https://example.com/shop").contains("scheme"));
        assert!(why("Shop:v2").contains("capital letters"));
        assert!(why("shop:").contains("tag after : is missing"));
        assert!(why("shop:-v2").contains("begin with"));
        assert!(why("shop:v2+3").contains("letters, digits"));
        assert!(why(&format!("shop:{}", "x".repeat(129))).contains("128"));
        assert!(why(&"x".repeat(256)).contains("255"));
        assert!(why("shop@sha256:abc").contains("64 small hexadecimal"));
        assert!(why("shop@md5:abc").contains("sha256"));
        assert!(why(":v2").contains("name is missing"));
        assert!(why("reg.local:99999/shop").contains("HOST:PORT"));
        for text in [
            "/shop", "shop/", "a//b", "-shop", "a..b", "shöp", "a___b", "<IMAGE>",
        ] {
            assert!(text.parse::<ImageRef>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_safe_inside_json(text in "[ -~]{0,40}") {
            if let Ok(image) = text.parse::<ImageRef>() {
                assert_eq!(serde_json::to_string(image.as_str()).unwrap(), format!("\"{text}\""));
            }
        }
    }
}
