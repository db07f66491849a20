//! Why images can't be put into a task definition.

use super::image::ImageError;
use crate::strategy::nearest;

/// Why images can't be put into a task definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskDefinitionError {
    /// The text after `--image` is no image reference.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// `NAME=REF` with something before `=` that no container can be called.
    #[error("{0:?} can't be a container's name; write --image REF or --image CONTAINER=REF")]
    ContainerName(String),
    /// Two images for the same container.
    #[error("two images are given for {0}; give one")]
    Twice(Target),
    /// An image for a container that isn't there.
    #[error(
        "there is no container {name:?}{}; the task definition has {}",
        meant(.name, .existing), .existing.join(", ")
    )]
    UnknownContainer {
        /// The container that was asked for.
        name: String,
        /// Those that the task definition has.
        existing: Vec<String>,
    },
    /// The task definition has no container at all.
    #[error("the task definition has no containers")]
    NoContainers,
    /// Several containers and none of them essential: an image without a name fits none.
    #[error("no container is essential; say which one: --image CONTAINER=REF with one of {}", .0.join(", "))]
    NoEssentialContainer(Vec<String>),
}

fn meant(name: &str, existing: &[String]) -> String {
    let near = nearest(name, existing.iter().map(String::as_str));
    near.map_or_else(String::new, |it| format!(" (did you mean {it:?}?)"))
}

/// Which container an image is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The only, or the first essential, container.
    Default,
    /// The container of this name.
    Container(String),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Default => f.write_str("the main container"),
            Target::Container(name) => write!(f, "container {name:?}"),
        }
    }
}
