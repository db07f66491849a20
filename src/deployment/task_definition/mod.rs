//! Task definitions as raw JSON, so that every field survives, known to any SDK or not: the next
//! revision from the one that runs, what differs, and what ECS would refuse. Never talks to AWS.

mod check;
mod containers;
mod describe;
mod diff;
mod ecr;
mod error;
mod fargate;
mod go_calls;
mod image;
mod image_changes;
mod mask;
mod normal;
mod placeholders;
mod platform;
mod resources;
mod template;
#[cfg(test)]
mod tests;

pub use check::{Launch, check};
pub use containers::{container_has_port, images, instance_ports, put_images, set_images, set_tag};
pub use describe::{from_describe, parse_file};
pub use diff::{Change, diff, same};
pub use ecr::{EcrImage, ImageId};
pub use error::TaskDefinitionError;
pub use fargate::next_fargate_size;
pub use image::{ImageError, ImageRef};
pub use image_changes::{ImageChange, parse_image_definitions, parse_image_flags};
pub use mask::has_secret;
pub use placeholders::{Filled, fill_placeholders};
pub use platform::Platform;
pub use template::{Rendered, is_template, may_be_set, plugin_call, render, strict, unknown_name};
