//! Reference figures for the judge's arithmetic, one test per file.
//!
//! They are read from the folder that `BG_VECTORS` names, which holds `sequential/vectors.json`
//! and `kayenta/*.json`. Without it nothing is compared, and under CI that is a failure.

#[path = "vectors/kayenta.rs"]
mod kayenta;
#[path = "vectors/sequential.rs"]
mod sequential;

use std::path::PathBuf;

use serde_json::Value;

/// The content of a file of figures; `None` where no folder is named.
fn figures(file: &str) -> Option<Value> {
    let Some(folder) = std::env::var_os("BG_VECTORS") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "under CI the folder with the reference figures must be named: BG_VECTORS=DIR"
        );
        println!("{file} was not compared: BG_VECTORS names no folder");
        return None;
    };
    let path = PathBuf::from(folder).join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_str(&text).expect("a file of figures is JSON"))
}

/// A figure; the text `NaN` stands for what is not a number.
fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) if text == "NaN" => f64::NAN,
        value => value
            .as_f64()
            .unwrap_or_else(|| panic!("{value} is no number")),
    }
}

/// The same, where `null` means that there is none.
fn maybe(value: &Value) -> Option<f64> {
    (!value.is_null()).then(|| number(value))
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

fn whole(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no count"))
}

fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("{value} is no list"))
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

/// Whether `got` is `expected`, or differs by at most `tolerance`; both may be not a number.
fn is_near(got: f64, expected: f64, tolerance: f64) -> bool {
    (got.is_nan() && expected.is_nan()) || (got - expected).abs() <= tolerance
}
