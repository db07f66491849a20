//! Volumes that can't be made or mounted.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::{between, has};

pub(super) const RULES: &[Rule] = &[
    Rule::said("efs-denied", efs_denied),
    Rule::said("efs-folder", efs_folder),
    Rule::said("efs-unresolved", efs_unresolved),
    Rule::said("efs-unreachable", efs_unreachable),
    Rule::said("efs", efs_other),
    Rule::said("ebs", ebs),
    Rule::said("volume", volume),
];

fn efs(evidence: &Evidence, words: &[&str]) -> Option<(String, Vec<String>)> {
    let said = evidence
        .said(|text| has(text, &["efs utils", "mount.nfs4", ".efs."]) && has(text, words))?;
    let system = between(said.text(), "fs-", &['.', '"', ':', ' ']);
    let system = system.map(|id| format!("fs-{id}")).or_else(|| {
        let definition = evidence.definition.as_ref();
        let mut volumes = definition.map_or(&[][..], |it| it.volumes()).iter();
        volumes.find_map(|volume| {
            let id = volume.pointer("/efsVolumeConfiguration/fileSystemId")?;
            Some(id.as_str()?.to_owned())
        })
    });
    Some((
        system.unwrap_or_else(|| "the file system".to_owned()),
        said.lines(),
    ))
}

fn efs_unresolved(evidence: &Evidence) -> Vec<Found> {
    let found = efs(evidence, &["failed to resolve"]).map(|(system, lines)| {
        Found::new(format!(
            "the EFS file system {system} has no address in the tasks' zone"
        ))
        .shown_by(lines)
        .because(
            "it doesn't exist, has no mount target in that zone, or the VPC's DNS names are off",
        )
        .mended_by(format!(
            "look: aws efs describe-mount-targets --file-system-id {system}; make one in each \
                 of the service's subnets' zones"
        ))
    });
    found.into_iter().collect()
}

fn efs_unreachable(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "timed out",
        "timeout",
        "connection reset",
        "connection refused",
    ];
    let found = efs(evidence, &words).map(|(system, lines)| {
        Found::new(format!("tasks can't reach the EFS file system {system}"))
            .shown_by(lines)
            .because("a security group in between lets no NFS through")
            .mended_by(
                "let TCP 2049 from the tasks' security group into the mount targets' security group",
            )
    });
    found.into_iter().collect()
}

fn efs_denied(evidence: &Evidence) -> Vec<Found> {
    let words = ["access denied", "accessdenied", "not authorized"];
    let found = efs(evidence, &words).map(|(system, lines)| {
        Found::new(format!(
            "the EFS file system {system} doesn't let the tasks mount it"
        ))
        .shown_by(lines)
        .because("its policy, or the task role with authorizationConfig.iam, doesn't allow it")
        .mended_by(
            "allow elasticfilesystem:ClientMount (and ClientWrite) for the task role, in the \
                 file system's policy as well",
        )
    });
    found.into_iter().collect()
}

fn efs_folder(evidence: &Evidence) -> Vec<Found> {
    let found = efs(evidence, &["no such file or directory"]).map(|(system, lines)| {
        Found::new(format!("the folder to mount isn't there on {system}"))
            .shown_by(lines)
            .because("rootDirectory of the volume must exist")
            .mended_by("make the folder, or use an access point, which makes it by itself")
    });
    found.into_iter().collect()
}

fn efs_other(evidence: &Evidence) -> Vec<Found> {
    // Whatever is told apart above is told there.
    let told = [
        "failed to resolve",
        "timed out",
        "timeout",
        "connection re",
        "denied",
        "not authorized",
        "no such file",
    ];
    let found = efs(evidence, &[""]).filter(|(_, lines)| !has(&lines.concat(), &told));
    let found = found.map(|(system, lines)| {
        Found::new(format!("the EFS file system {system} can't be mounted"))
            .shown_by(lines)
            .because("the words above are the mount helper's")
            .mended_by("look at its mount targets, their security groups and its policy")
    });
    found.into_iter().collect()
}

fn ebs(evidence: &Evidence) -> Vec<Found> {
    let words = ["ebs volume", "amazon ebs", "infrastructure role"];
    let Some(said) = evidence.said(|text| has(text, &words)) else {
        return Vec::new();
    };
    let (cause, fix) = if has(said.text(), &["role", "unauthorized", "not authorized"]) {
        (
            "ECS makes the volume with the infrastructure role, which it can't take on or which \
             allows too little",
            "give the service's volume roleArn AmazonECSInfrastructureRolePolicyForVolumes and a \
             trust policy for ecs.amazonaws.com",
        )
    } else {
        (
            "EC2 could not make or attach it in time: a quota, the snapshot, or the zone's capacity",
            "look at EC2's CreateVolume calls in CloudTrail, and at the snapshot's id, the size and \
             the KMS key in the service's volumeConfigurations",
        )
    };
    let found = Found::new("the task's EBS volume can't be made or attached")
        .shown_by(said.lines())
        .because(cause)
        .mended_by(fix);
    vec![found]
}

fn volume(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "cannotcreatevolumeerror",
        "error mounting",
        "not a directory",
    ];
    let said = evidence.said(|text| has(text, &words));
    let found = said.map(|said| {
        Found::new("a volume can't be made or mounted")
            .shown_by(said.lines())
            .because(
                "the path is a file where a folder is meant (or the other way round), or the \
                      volume's driver isn't there",
            )
            .mended_by("correct mountPoints.containerPath, or the volume's driver and options")
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::explains;

    #[test]
    fn each_trouble_of_a_volume_is_told_apart() {
        let begin = "ResourceInitializationError: failed to invoke EFS utils commands to set up \
                     EFS volumes: stderr: ";
        let table = [
            (
                format!(
                    "{begin}Failed to resolve \"fs-1.efs.eu-west-1.amazonaws.com\" - check that \
                     your file system ID is correct"
                ),
                "efs-unresolved",
            ),
            (
                format!("{begin}mount.nfs4: Connection timed out : unsuccessful EFS utils command"),
                "efs-unreachable",
            ),
            (
                format!(
                    "{begin}mount.nfs4: access denied by server while mounting 127.0.0.1:/ : \
                     unsuccessful EFS utils command execution; code: 32"
                ),
                "efs-denied",
            ),
            (
                format!(
                    "{begin}mount.nfs4: mounting fs-1.efs.eu-west-1.amazonaws.com:/x failed, \
                     reason given by server: No such file or directory"
                ),
                "efs-folder",
            ),
            (format!("{begin}something new"), "efs"),
            (
                "ECS was unable to assume the configured ECS Infrastructure Role \
                 'arn:aws:iam::1:role/x'. Please verify that the role being passed has the proper \
                 trust relationship with Amazon ECS"
                    .to_owned(),
                "ebs",
            ),
            (
                "CannotCreateVolumeError: error while creating volume".to_owned(),
                "volume",
            ),
        ];
        let table = table.each_ref().map(|(text, rule)| (text.as_str(), *rule));
        explains(&table);
    }
}
