//! How a deployed version behaves: chosen by the image's tag.
