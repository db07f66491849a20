//! Where the config is.

use std::path::{Path, PathBuf};

use crate::strategy::InputError;

/// The config's file name.
pub const CONFIG_FILE: &str = "bg.yaml";

/// The `bg.yaml` of this folder or of the nearest one above it.
pub fn find(start: &Path) -> Result<PathBuf, InputError> {
    let mut candidates = start.ancestors().map(|folder| folder.join(CONFIG_FILE));
    candidates.find(|path| path.is_file()).ok_or_else(|| {
        let what = format!("not found in {} or any folder above it", start.display());
        InputError::new(CONFIG_FILE, what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_config_counts() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        let outer = root.path().join(CONFIG_FILE);
        std::fs::write(&outer, "").unwrap();
        assert_eq!(find(&deep), Ok(outer));
        let inner = root.path().join("a").join(CONFIG_FILE);
        std::fs::write(&inner, "").unwrap();
        assert_eq!(find(&deep), Ok(inner));
    }

    #[test]
    fn says_where_it_looked() {
        let error = find(Path::new("nowhere/at-all")).unwrap_err().to_string();
        assert!(error.contains("not found in nowhere/at-all"));
    }
}
