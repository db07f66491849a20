//! What images are made for, and tasks run on.

use std::fmt;

use serde_json::Value;

use super::Launch;

/// What an image is made for, or a task runs on, in the words of image manifests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    /// `linux` or `windows`.
    pub os: String,
    /// `amd64`, `arm64` …
    pub architecture: String,
}

impl Platform {
    /// One that is written like this.
    pub fn new(os: &str, architecture: &str) -> Platform {
        Platform {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
        }
    }

    /// The one that a task definition asks for; on instances it may leave that open.
    pub fn of(definition: &Value, launch: Launch) -> Option<Platform> {
        let asked = definition.get("runtimePlatform");
        let asked = asked.filter(|it| it.is_object());
        if asked.is_none() && launch == Launch::Ec2 {
            return None;
        }
        let word = |key| asked.and_then(|it| it.get(key)?.as_str()).unwrap_or("");
        let os = match word("operatingSystemFamily") {
            family if family.starts_with("WINDOWS") => "windows",
            _ => "linux",
        };
        let architecture = match word("cpuArchitecture") {
            "ARM64" => "arm64",
            "" if launch == Launch::Ec2 => return None,
            _ => "amd64",
        };
        Some(Platform::new(os, architecture))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}
