//! Which strategy a config or a flag asks for.

use super::input::InputError;
use super::steps::Strategy;

/// A strategy as a config or a flag names it, before any file was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StrategyRef {
    /// A built-in name, a short form (`canary:5%:10m`) or a file (`./mine.yaml`).
    Named(String),
    /// Steps written out in the config.
    Inline(Strategy),
}

/// What `strategy:` means where it is left out.
impl Default for StrategyRef {
    fn default() -> StrategyRef {
        StrategyRef::Named("canary".to_owned())
    }
}

impl StrategyRef {
    /// The file that must be read to know this strategy, if it is one.
    pub fn file(&self) -> Option<&str> {
        match self {
            StrategyRef::Named(name) if names_a_file(name) => Some(name),
            _ => None,
        }
    }

    /// The strategy itself. `read` is given the name of a file and returns its text.
    pub fn resolve(
        &self,
        read: impl FnOnce(&str) -> std::io::Result<String>,
    ) -> Result<Strategy, InputError> {
        let name = match self {
            StrategyRef::Inline(strategy) => return Ok(strategy.clone()),
            StrategyRef::Named(name) => name,
        };
        if names_a_file(name) {
            let unreadable = |error| InputError::new(name, format!("can't be read: {error}"));
            Strategy::from_yaml(&read(name).map_err(unreadable)?, name)
        } else if name.contains(':') {
            Strategy::shorthand(name)
        } else {
            Strategy::named(name)
        }
    }
}

fn names_a_file(name: &str) -> bool {
    let lower = name.to_lowercase();
    name.contains('/') || lower.ends_with(".yaml") || lower.ends_with(".yml")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(name: &str) -> Result<Strategy, InputError> {
        let read = |path: &str| match path {
            "./mine.yaml" => Ok("steps: [{ weight: 100% }]".to_owned()),
            _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        };
        StrategyRef::Named(name.to_owned()).resolve(read)
    }

    #[test]
    fn tells_names_short_forms_and_files_apart() {
        assert_eq!(resolve("canary").unwrap().name(), "canary");
        assert_eq!(resolve("linear:50%:1m").unwrap().steps().len(), 2);
        assert_eq!(resolve("./mine.yaml").unwrap().name(), "./mine.yaml");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = resolve("other.yaml").unwrap_err().to_string();
        assert!(error.starts_with("other.yaml: can't be read: "), "{error}");
    }
}
