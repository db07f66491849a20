//! Task-level `cpu` and `memory`, which ECS takes as numbers or with a unit.

use serde_json::Value;

/// CPU units: `256`, `"256"`, `".25 vCPU"`. `None` where it is missing or unreadable.
pub(super) fn task_cpu(definition: &Value) -> Option<u64> {
    amount(definition.get("cpu")?, "vcpu")
}

/// Memory in MiB: `512`, `"512"`, `"0.5 GB"`. `None` where it is missing or unreadable.
pub(super) fn task_memory(definition: &Value) -> Option<u64> {
    amount(definition.get("memory")?, "gb")
}

/// A whole number, or a decimal one with the unit that stands for 1024 of it.
fn amount(value: &Value, unit: &str) -> Option<u64> {
    let text = match value {
        Value::Number(number) => return number.as_u64(),
        Value::String(text) => text.trim().to_lowercase(),
        _ => return None,
    };
    match text.strip_suffix(unit) {
        Some(number) => thousandths(number.trim()).map(|n| n * 1024 / 1000),
        None => text.parse().ok(),
    }
}

/// A decimal number with at most three digits after the point, in thousandths.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let sound = digits(whole) && digits(fraction) && fraction.len() <= 3 && whole.len() <= 9;
    if !sound || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    format!("{whole}{fraction:0<3}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_and_units_mean_the_same() {
        for cpu in [
            json!(256),
            json!("256"),
            json!("0.25 vCPU"),
            json!(".25vcpu"),
        ] {
            assert_eq!(task_cpu(&json!({ "cpu": cpu })), Some(256), "{cpu}");
        }
        for memory in [json!(512), json!("512"), json!("0.5 GB"), json!(".5gb")] {
            assert_eq!(
                task_memory(&json!({ "memory": memory })),
                Some(512),
                "{memory}"
            );
        }
        for nonsense in [
            json!("x"),
            json!(" vCPU"),
            json!("1.x vCPU"),
            json!([]),
            json!(-1),
        ] {
            assert_eq!(task_cpu(&json!({ "cpu": nonsense })), None, "{nonsense}");
        }
    }
}
