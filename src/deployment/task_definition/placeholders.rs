//! `<IMAGE1_NAME>` and the like in a task-definition file, as CodePipeline fills them.

use std::collections::BTreeSet;

use crate::strategy::{InputError, Position};

use super::image_changes::ImageChange;

/// The placeholder that takes an image without a name.
const DEFAULT_PLACEHOLDER: &str = "IMAGE1_NAME";

/// A file's text with its placeholders filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The text.
    pub text: String,
    /// The images that filled no placeholder: they are for containers.
    pub remaining: Vec<ImageChange>,
}

/// Fills each `<NAME>` from `--image NAME=REF`, and `<IMAGE1_NAME>` also from the image without a
/// name or the only one given. A placeholder that stays is an error.
pub fn fill_placeholders(
    file: &str,
    origin: &str,
    changes: &[ImageChange],
) -> Result<Filled, InputError> {
    let mut text = String::with_capacity(file.len());
    let mut used = BTreeSet::new();
    let mut unfilled: Vec<Placeholder<'_>> = Vec::new();
    let mut end = 0;
    for placeholder in placeholders(file) {
        match source(placeholder.name, changes) {
            Some(index) => {
                text += &file[end..placeholder.start];
                text += changes[index].image.as_str();
                end = placeholder.end;
                used.insert((index, placeholder.name));
            }
            None if looks_meant(placeholder.name) => unfilled.push(placeholder),
            None => {}
        }
    }
    text += &file[end..];
    if let Some(first) = unfilled.first() {
        return Err(left_over(file, origin, first, &unfilled));
    }
    let consumed = |index: usize| {
        let container = changes[index].container.as_deref();
        let mut names = used
            .iter()
            .filter(|(by, _)| *by == index)
            .map(|(_, name)| *name);
        names.any(|name| container.is_none_or(|container| container == name))
    };
    let remaining = changes
        .iter()
        .enumerate()
        .filter(|(index, _)| !consumed(*index));
    let remaining = remaining.map(|(_, change)| change.clone()).collect();
    Ok(Filled { text, remaining })
}

struct Placeholder<'t> {
    name: &'t str,
    start: usize,
    end: usize,
}

/// Every `<NAME>` of capital letters, digits and `_`; not after another `<`, which is a shell's
/// here-document.
fn placeholders(text: &str) -> impl Iterator<Item = Placeholder<'_>> {
    let begins = text.match_indices('<').map(|(start, _)| start);
    begins.filter_map(move |start| {
        let name = &text[start + 1..];
        let length = name.find('>')?;
        let name = &name[..length];
        let capital = name.bytes().next()?.is_ascii_uppercase();
        let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let here_document = text[..start].ends_with('<');
        let end = start + length + 2;
        (capital && name.bytes().all(allowed) && !here_document).then_some(Placeholder {
            name,
            start,
            end,
        })
    })
}

/// The image that fills this placeholder.
fn source(name: &str, changes: &[ImageChange]) -> Option<usize> {
    let named = |wanted: Option<&str>| {
        changes
            .iter()
            .position(|change| change.container.as_deref() == wanted)
    };
    named(Some(name)).or_else(|| {
        let default = name == DEFAULT_PLACEHOLDER;
        let only = (changes.len() == 1).then_some(0);
        default.then(|| named(None).or(only)).flatten()
    })
}

/// `<API_IMAGE>` is a placeholder that somebody forgot; `<BODY>` may be anything.
fn looks_meant(name: &str) -> bool {
    name.contains('_') || name.contains("IMAGE")
}

fn left_over(
    file: &str,
    origin: &str,
    first: &Placeholder<'_>,
    unfilled: &[Placeholder<'_>],
) -> InputError {
    let names: BTreeSet<&str> = unfilled
        .iter()
        .map(|placeholder| placeholder.name)
        .collect();
    let shown: Vec<String> = names.iter().map(|name| format!("<{name}>")).collect();
    let before = &file[..first.start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let at = Position {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    };
    InputError::new(origin, format!("nothing fills {}", shown.join(", ")))
        .at(at, file)
        .with_hint(format!("add --image {}=REF", first.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::task_definition::parse_image_flags;

    fn fill(text: &str, flags: &[&str]) -> Result<Filled, InputError> {
        fill_placeholders(text, "task.json", &parse_image_flags(flags).unwrap())
    }

    #[test]
    fn the_first_placeholder_takes_the_image_without_a_name() {
        let filled = fill(r#"{"image":"<IMAGE1_NAME>"}"#, &["shop:v2", "log=l:2"]).unwrap();
        assert_eq!(filled.text, r#"{"image":"shop:v2"}"#);
        assert_eq!(filled.remaining, parse_image_flags(&["log=l:2"]).unwrap());
    }

    #[test]
    fn named_images_fill_their_placeholders_everywhere() {
        let filled = fill(
            "<API_IMAGE> <IMAGE1_NAME> <API_IMAGE>",
            &["API_IMAGE=a:1", "IMAGE1_NAME=b:2"],
        )
        .unwrap();
        assert_eq!(filled.text, "a:1 b:2 a:1");
        assert_eq!(filled.remaining, []);
    }

    #[test]
    fn the_only_image_fills_the_first_placeholder_and_still_goes_to_its_container() {
        let filled = fill("<IMAGE1_NAME>", &["app=shop:v2"]).unwrap();
        assert_eq!(filled.text, "shop:v2");
        assert_eq!(filled.remaining.len(), 1);
    }

    #[test]
    fn a_placeholder_that_stays_is_named_with_its_place() {
        let error = fill(
            "{\n \"image\": \"<WEB_IMAGE>\", \"x\": \"<API_IMAGE>\"}",
            &["shop:v2"],
        );
        let error = error.unwrap_err();
        assert_eq!(
            error.headline(),
            "task.json:2:12: nothing fills <API_IMAGE>, <WEB_IMAGE>"
        );
        assert_eq!(error.hint(), Some("add --image WEB_IMAGE=REF"));
        let guess = fill("<IMAGE1_NAME>", &["app=a:1", "web=b:1"]);
        assert!(guess.is_err(), "which of the two is meant can't be known");
    }

    #[test]
    fn other_angle_brackets_are_left_alone() {
        let text = r#"cat <<MY_EOF> x; a < b; <b>; <BODY>; <"#;
        assert_eq!(fill(text, &["shop:v2"]).unwrap().text, text);
    }
}
