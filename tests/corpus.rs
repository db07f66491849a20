//! Valid and invalid files under `tests/corpus`: what is accepted, and what each refusal says and
//! where. An invalid file begins with `# error: TEXT` and `# at: LINE:COLUMN`.

use std::fs;
use std::path::{Path, PathBuf};

use bg::config::Config;
use bg::strategy::{InputError, Strategy};

/// The YAML files of one folder, sorted, as (name, text).
fn files(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the corpus is part of the repository")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    let name = |path: &Path| path.display().to_string();
    paths
        .iter()
        .map(|path| (name(path), fs::read_to_string(path).expect("a text file")))
        .collect()
}

/// Reads every file of `corpus/valid` and reports all that were refused.
fn accepts_all<T>(corpus: &str, at_least: usize, read: impl Fn(&str) -> Result<T, InputError>) {
    let files = files(&format!("{corpus}/valid"));
    assert!(files.len() >= at_least, "only {} files", files.len());
    let refused = files
        .iter()
        .filter_map(|(name, text)| Some(format!("{name}: {}", read(text).err()?)));
    let refused: Vec<String> = refused.collect();
    assert!(refused.is_empty(), "\n{}", refused.join("\n"));
}

/// Reads every file of `corpus/invalid` and reports all that were accepted or refused otherwise
/// than they say.
fn refuses_all<T>(corpus: &str, at_least: usize, read: impl Fn(&str) -> Result<T, InputError>) {
    let files = files(&format!("{corpus}/invalid"));
    assert!(files.len() >= at_least, "only {} files", files.len());
    let mut wrong = Vec::new();
    for (name, text) in &files {
        let mut lines = text.lines();
        let mut expect = |prefix: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(prefix));
            line.unwrap_or_else(|| panic!("{name}: no line {prefix:?}"))
        };
        let (what, place) = (expect("# error: "), expect("# at: "));
        let start = format!("file.yaml:{place}: ");
        match read(text) {
            Ok(_) => wrong.push(format!("{name}: accepted")),
            Err(e) if e.to_string().starts_with(&start) && e.to_string().contains(what) => {}
            Err(e) => wrong.push(format!("{name}: want {what:?} at {place}, got:\n{e}")),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn strategy(text: &str) -> Result<Strategy, InputError> {
    Strategy::from_yaml(text, "file.yaml")
}

#[test]
fn every_valid_strategy_is_accepted() {
    accepts_all("strategy", 10, strategy);
}

#[test]
fn every_invalid_strategy_is_refused_at_its_place_with_its_reason() {
    refuses_all("strategy", 25, strategy);
}

fn config(text: &str) -> Result<Config, InputError> {
    let variable = |name: &str| match name {
        "NAME" => Some("shop".to_owned()),
        "STAGE" => Some("prod".to_owned()),
        "ACCOUNT" => Some("123456789012".to_owned()),
        "PORT" => Some("443".to_owned()),
        _ => None,
    };
    Config::parse(text, "file.yaml", &variable)
}

#[test]
fn every_valid_config_is_accepted() {
    accepts_all("config", 20, config);
}

#[test]
fn every_invalid_config_is_refused_at_its_place_with_its_reason() {
    refuses_all("config", 50, config);
}
