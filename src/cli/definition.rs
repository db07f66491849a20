//! From the flags that say what green is to run to a task definition.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::args::DefinitionArgs;
use super::error::CliError;
use crate::deployment::preflight::DefinitionWanted;
use crate::deployment::task_definition::{
    ImageChange, ImageRef, Rendered, fill_placeholders, images as images_of, is_template,
    may_be_set, parse_file, parse_image_definitions, parse_image_flags, render, set_images,
};
use crate::strategy::InputError;

/// What green is to run, and how a template came to it.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) wanted: DefinitionWanted,
    /// What a plan says of it.
    pub(super) note: Option<String>,
}

/// Reads the flags, and the files that they name.
pub(super) fn definition(args: &DefinitionArgs) -> Result<Definition, CliError> {
    let file = args
        .task_definition
        .as_deref()
        .filter(|it| names_a_file(it));
    if file.is_none() && !args.set.is_empty() {
        return Err(CliError::usage(
            "--set is for a template: --task-definition FILE with {{ NAME }} in it (BG_SET too)",
        ));
    }
    match file {
        Some(file) => from_file(args, file),
        None => Ok(Definition {
            wanted: from_flags(args)?,
            note: None,
        }),
    }
}

fn usage(error: &dyn std::fmt::Display) -> CliError {
    CliError::usage(error.to_string())
}

fn images(args: &DefinitionArgs) -> Result<Vec<ImageChange>, CliError> {
    match &args.image_definitions {
        None => parse_image_flags(&args.images).map_err(|error| usage(&error)),
        Some(path) => {
            let text = read(path)?;
            parse_image_definitions(&text, &path.display().to_string())
                .map_err(|error| usage(&error))
        }
    }
}

fn from_flags(args: &DefinitionArgs) -> Result<DefinitionWanted, CliError> {
    let images = images(args)?;
    let Some(reference) = &args.task_definition else {
        return Ok(DefinitionWanted::Images(images));
    };
    if !images.is_empty() {
        return Err(CliError::usage(format!(
            "--task-definition {reference} is a revision that exists: its images can't be changed"
        ))
        .hint("leave --image out, or give a file"));
    }
    Ok(DefinitionWanted::Existing(reference.clone()))
}

fn from_file(args: &DefinitionArgs, file: &str) -> Result<Definition, CliError> {
    let text = read(Path::new(file))?;
    let rendered = rendered(args, file, &text)?;
    // What a template was made of may be secret.
    let refused = |error: InputError| match &rendered {
        Some(_) => usage(&error.without_line().with_hint(
            "that is a line of what the template makes, which isn't shown: it may hold secrets; \
             what stands in a text of JSON takes `| json_escape`",
        )),
        None => usage(&error),
    };
    let text = rendered.as_ref().map_or(&text, |it| &it.text);
    let filled = fill_placeholders(text, file, &images(args)?).map_err(refused)?;
    let mut body = parse_file(&filled.text, file).map_err(refused)?;
    set_images(&mut body, &filled.remaining).map_err(|error| usage(&error))?;
    check_images(&body, file)?;
    Ok(Definition {
        wanted: DefinitionWanted::Body(body),
        note: rendered.as_ref().map(|it| note(file, it)),
    })
}

/// A tag that came to nothing would be whatever the registry makes of that.
fn check_images(body: &serde_json::Value, file: &str) -> Result<(), CliError> {
    let flaw = |(container, image): (String, String)| {
        let error = image.parse::<ImageRef>().err()?;
        Some(CliError::usage(format!(
            "{file}: container {container}: {error}"
        )))
    };
    images_of(body)
        .into_iter()
        .find_map(flaw)
        .map_or(Ok(()), Err)
}

/// What a template makes; `None` where the file is none.
fn rendered(args: &DefinitionArgs, file: &str, text: &str) -> Result<Option<Rendered>, CliError> {
    let set = set(args)?;
    if !is_template(text) {
        return match set.is_empty() {
            true => Ok(None),
            false => Err(CliError::usage(format!(
                "{file} is no template: nothing in it takes what --set says (BG_SET too)"
            ))),
        };
    }
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let rendered = render(text, file, &set, &environment).map_err(|error| usage(&error))?;
    match set.keys().find(|name| !rendered.set.contains(*name)) {
        None => Ok(Some(rendered)),
        Some(name) => Err(CliError::usage(format!(
            "nothing in {file} takes --set {name}"
        ))),
    }
}

/// What `--set` says.
fn set(args: &DefinitionArgs) -> Result<BTreeMap<String, String>, CliError> {
    let mut set = BTreeMap::new();
    for pair in &args.set {
        // Its value is nobody's business here either.
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            CliError::usage("--set takes NAME=VALUE, and there is no = (BG_SET: one on each line)")
        })?;
        if !may_be_set(name) {
            return Err(CliError::usage(format!(
                "--set {name}=…: a name has letters, digits and _, and is none of env, must_env \
                 and json_escape"
            )));
        }
        if set.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(CliError::usage(format!("--set {name} is given twice")));
        }
    }
    Ok(set)
}

fn note(file: &str, rendered: &Rendered) -> String {
    let names = |of: &BTreeSet<String>| of.iter().cloned().collect::<Vec<_>>().join(", ");
    let from = [
        ("the environment", names(&rendered.environment)),
        ("--set", names(&rendered.set)),
    ];
    let from = from.iter().filter(|(_, names)| !names.is_empty());
    let from: Vec<_> = from.map(|(of, names)| format!("{names} of {of}")).collect();
    match from.is_empty() {
        true => format!("{file} is a template, and was rendered"),
        false => format!(
            "{file} is a template, and was rendered with {}",
            from.join(" and ")
        ),
    }
}

/// A path, or a file that is there; anything else is `FAMILY[:REV]` or an ARN.
fn names_a_file(reference: &str) -> bool {
    let arn = reference.starts_with("arn:");
    !arn && (reference.contains('/')
        || reference.ends_with(".json")
        || Path::new(reference).exists())
}

fn read(path: &Path) -> Result<String, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::usage(format!("can't read {}", path.display())).caused_by(&error)
    })?;
    // PowerShell writes a byte order mark before it, which JSON doesn't know.
    let text = text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text);
    Ok(text)
}
