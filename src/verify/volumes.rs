//! Volumes on file systems: each is named, with what can't be told of it.

use serde_json::Value;

use super::subject::{Subject, list, text};
use crate::deployment::verification::Check;

const KIND: &str = "volume";

pub(super) fn judge(subject: &Subject) -> Vec<Check> {
    let volumes = list(&subject.definition, "volumes").iter();
    volumes.filter_map(file_system).collect()
}

fn file_system(volume: &Value) -> Option<Check> {
    let (service, settings) = [
        ("EFS", "efsVolumeConfiguration"),
        ("FSx", "fsxWindowsFileServerVolumeConfiguration"),
    ]
    .into_iter()
    .find_map(|(service, key)| Some((service, volume.get(key)?)))
    .filter(|(_, settings)| settings.is_object())?;
    Some(Check::skip(
        KIND,
        format!("volume {}", text(volume, "name")),
        format!(
            "{}: {service} isn't asked; whether tasks reach the file system shows when one starts",
            text(settings, "fileSystemId")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{judged, subject};
    use super::*;
    use crate::deployment::verification::Verdict;

    #[test]
    fn a_file_system_is_named_and_left_alone() {
        let mut subject = subject();
        subject.definition["volumes"] = json!([
            { "name": "scratch", "host": {} },
            { "name": "data", "efsVolumeConfiguration": { "fileSystemId": "fs-0123" } },
        ]);
        let checks = judge(&subject);
        assert_eq!(checks.len(), 1);
        let check = judged(&checks, "volume data");
        assert_eq!(check.verdict, Verdict::Skip);
        assert!(check.reason.starts_with("fs-0123: EFS isn't asked"));
    }
}
