//! The table of rules, held against the tests that there are.

use std::fs;
use std::path::Path;

use bg::diagnose::table;

/// The tests in a folder's files: those of `src` begin with their `mod tests`.
fn tests_in(folder: &Path, tests: &mut String) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            tests_in(&path, tests);
            continue;
        }
        let text = fs::read_to_string(&path).expect("it can be read");
        let name = path.file_name().and_then(|it| it.to_str());
        let whole = path.starts_with("tests") || name.is_some_and(|it| it.ends_with("_tests.rs"));
        let begin = if whole {
            Some(0)
        } else {
            text.find("mod tests {")
        };
        tests.push_str(begin.map_or("", |begin| &text[begin..]));
    }
}

#[test]
fn every_rule_is_named_by_a_test() {
    let mut tests = String::new();
    tests_in(Path::new("src/diagnose"), &mut tests);
    tests_in(Path::new("tests/doctor"), &mut tests);
    let names = table().map(|rule| rule.name);
    let untested: Vec<&str> = names
        .filter(|name| !tests.contains(&format!("\"{name}\"")))
        .collect();
    assert_eq!(untested, [] as [&str; 0], "rules without a test");
}
