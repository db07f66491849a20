//! Which image goes into which container: from `--image` and from `imagedefinitions.json`.

use serde::Deserialize;

use crate::strategy::{InputError, Position};

use super::error::{Target, TaskDefinitionError};
use super::image::ImageRef;

/// ECS takes container names up to this length.
const LONGEST_NAME: usize = 255;

/// A new image for one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageChange {
    /// The container; `None` is the only, or the first essential, one.
    pub container: Option<String>,
    /// Its new image.
    pub image: ImageRef,
}

impl ImageChange {
    /// Reads `REF` or `CONTAINER=REF`.
    pub fn parse(text: &str) -> Result<ImageChange, TaskDefinitionError> {
        let (container, image) = match text.split_once('=') {
            Some((name, _)) if !valid_container_name(name) => {
                return Err(TaskDefinitionError::ContainerName(name.to_owned()));
            }
            Some((name, image)) => (Some(name.to_owned()), image),
            None => (None, text),
        };
        let image = image.parse()?;
        Ok(ImageChange { container, image })
    }

    pub(super) fn target(&self) -> Target {
        match &self.container {
            Some(name) => Target::Container(name.clone()),
            None => Target::Default,
        }
    }
}

pub(super) fn valid_container_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(allowed)
}

/// Reads the values of all `--image` flags; two for one container are an error.
pub fn parse_image_flags<S: AsRef<str>>(
    flags: &[S],
) -> Result<Vec<ImageChange>, TaskDefinitionError> {
    let changes = flags.iter().map(|flag| ImageChange::parse(flag.as_ref()));
    let changes = changes.collect::<Result<Vec<_>, _>>()?;
    refuse_two_for_one(&changes)?;
    Ok(changes)
}

pub(super) fn refuse_two_for_one(changes: &[ImageChange]) -> Result<(), TaskDefinitionError> {
    for (index, change) in changes.iter().enumerate() {
        let earlier = &changes[..index];
        if earlier
            .iter()
            .any(|other| other.container == change.container)
        {
            return Err(TaskDefinitionError::Twice(change.target()));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ImageDefinition {
    name: String,
    image_uri: String,
}

/// What CodePipeline gives a deployment through CodeDeploy; ECR as its source adds other fields.
#[derive(Deserialize)]
struct ImageDetail {
    #[serde(rename = "ImageURI")]
    image_uri: String,
}

/// Reads CodePipeline's `imagedefinitions.json`: `[{"name": "app", "imageUri": "shop:v2"}]`, or its
/// `imageDetail.json`: `{"ImageURI": "shop:v2"}`.
pub fn parse_image_definitions(text: &str, origin: &str) -> Result<Vec<ImageChange>, InputError> {
    const FORM: &str =
        r#"the form is [{"name": "CONTAINER", "imageUri": "IMAGE"}], or {"ImageURI": "IMAGE"}"#;
    let unread = |error| json_error(&error, text, origin).with_hint(FORM);
    let refused = |error: TaskDefinitionError| InputError::new(origin, error.to_string());
    if text.trim_start().starts_with('{') {
        let detail: ImageDetail = serde_json::from_str(text).map_err(unread)?;
        let image = detail.image_uri.parse();
        let image = image.map_err(|error| refused(TaskDefinitionError::Image(error)))?;
        return Ok(vec![ImageChange {
            container: None,
            image,
        }]);
    }
    let definitions: Vec<ImageDefinition> = serde_json::from_str(text).map_err(unread)?;
    if definitions.is_empty() {
        return Err(InputError::new(origin, "it names no container").with_hint(FORM));
    }
    let mut changes = Vec::new();
    for ImageDefinition { name, image_uri } in definitions {
        if !valid_container_name(&name) {
            let what = format!("{name:?} can't be a container's name");
            return Err(InputError::new(origin, what).with_hint(FORM));
        }
        let image = image_uri
            .parse()
            .map_err(|error| refused(TaskDefinitionError::Image(error)))?;
        changes.push(ImageChange {
            container: Some(name),
            image,
        });
    }
    refuse_two_for_one(&changes).map_err(refused)?;
    Ok(changes)
}

/// A JSON error at its place.
pub(super) fn json_error(error: &serde_json::Error, text: &str, origin: &str) -> InputError {
    let at = Position {
        line: error.line().max(1),
        column: error.column().max(1),
    };
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or(&message);
    let kind = if error.is_data() { "" } else { "not JSON: " };
    InputError::new(origin, format!("{kind}{what}")).at(at, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_named_and_unnamed_flags() {
        let changes = parse_image_flags(&["shop:v2", "side-car=registry:5000/x:1"]).unwrap();
        assert_eq!(changes[0].container, None);
        assert_eq!(changes[1].container.as_deref(), Some("side-car"));
        assert_eq!(changes[1].image.as_str(), "registry:5000/x:1");
    }

    #[test]
    fn refuses_two_images_for_one_container() {
        let error = |flags: &[&str]| parse_image_flags(flags).unwrap_err().to_string();
        assert_eq!(
            error(&["app=a:1", "web=b:1", "app=a:2"]),
            "two images are given for container \"app\"; give one"
        );
        assert!(error(&["a:1", "a:2"]).contains("two images are given for the main container"));
        assert!(error(&["=a:1"]).contains("can't be a container's name"));
        assert!(error(&["app="]).contains("is not an image reference"));
    }

    #[test]
    fn reads_codepipelines_file_strictly() {
        let read = |text| parse_image_definitions(text, "imagedefinitions.json");
        let changes = read(r#"[{"name":"app","imageUri":"shop:v2"}]"#).unwrap();
        assert_eq!(changes, [ImageChange::parse("app=shop:v2").unwrap()]);
        let detail = read(r#"{ "ImageURI": "shop:v2", "ImageTags": ["v2"] }"#).unwrap();
        assert_eq!(detail, [ImageChange::parse("shop:v2").unwrap()]);
        let error = |text| read(text).unwrap_err().to_string();
        assert!(error("{}").contains("missing field `ImageURI`"));
        assert!(error("[{\n\"name\":}]").starts_with("imagedefinitions.json:2:8: not JSON"));
        assert!(error(r#"[{"name":"app","image":"x"}]"#).contains("unknown field `image`"));
        assert!(error(r#"[{"name":"app","imageUri":"X"}]"#).contains("capital letters"));
        assert!(error("[]").contains("names no container"));
        let twice = r#"[{"name":"a","imageUri":"x"},{"name":"a","imageUri":"y"}]"#;
        assert!(error(twice).contains("two images"));
    }
}
