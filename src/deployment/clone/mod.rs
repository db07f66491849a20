//! What a slot's ECS service needs to be like another slot's. Pure, over the JSON that
//! DescribeServices prints, so that fields this program doesn't know are carried along.

mod differences;
mod fields;
mod obstacles;
mod request;

pub use differences::{Difference, Mended, differences};
pub use fields::shared;
pub use obstacles::{obstacles, registries};
pub use request::{
    DEPLOYMENT_TAG, MOST_TAGS, OWN_TAGS, Target, create_request, given_tags, keep_definition,
    missing_tags, settings, update_request,
};

#[cfg(test)]
mod tests;
