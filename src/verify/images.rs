//! Images: each is there, for the platform that the tasks have.

use serde_json::Value;

use super::facts::{Answer, Asks, Facts};
use super::subject::{Subject, text};
use crate::deployment::task_definition::{EcrImage, ImageId, Platform};
use crate::deployment::verification::Check;

const KIND: &str = "image";

pub(super) fn asks(subject: &Subject, asks: &mut Asks) {
    let images = subject.containers().map(|it| text(it, "image"));
    let images = images.filter(|image| EcrImage::parse(image).is_some());
    asks.images.extend(images.map(str::to_owned));
}

pub(super) fn judge(subject: &Subject, facts: &Facts) -> Vec<Check> {
    let containers = subject.containers();
    containers.map(|it| image(subject, facts, it)).collect()
}

fn image(subject: &Subject, facts: &Facts, container: &Value) -> Check {
    let reference = text(container, "image");
    let what = format!("image of {}", text(container, "name"));
    let Some(place) = EcrImage::parse(reference) else {
        return Check::skip(
            KIND,
            what,
            format!("{reference} is not in a private registry of ECR, and others aren't asked"),
        );
    };
    let missing = || missing(&what, reference, &place);
    let found = match Answer::or_check(facts.images.get(reference), KIND, &what, missing) {
        Ok(found) => found,
        Err(check) => return check,
    };
    if let Some(why) = &found.unread {
        let why = format!("{reference} exists; which platform it is made for can't be told: {why}");
        return Check::skip(KIND, what, why);
    }
    let platforms: Vec<String> = found.platforms.iter().map(ToString::to_string).collect();
    let platforms = platforms.join(", ");
    match Platform::of(&subject.definition, subject.launch) {
        None => Check::ok(
            KIND,
            what,
            format!("{reference} exists, for {platforms}: instances need one of these"),
        ),
        Some(wanted) if found.platforms.contains(&wanted) => {
            Check::ok(KIND, what, format!("{reference} exists, for {wanted}"))
        }
        Some(wanted) => Check::ng(
            KIND,
            what,
            format!("{reference} is made for {platforms}, and the tasks run on {wanted}"),
            format!(
                "build it for that: docker buildx build --platform {wanted}; or set \
                 runtimePlatform in the task definition"
            ),
        ),
    }
}

fn missing(what: &str, reference: &str, place: &EcrImage) -> Check {
    let (repository, registry) = (&place.repository, &place.account);
    let id = match &place.id {
        ImageId::Tag(tag) => format!("tag {tag}"),
        ImageId::Digest(digest) => format!("digest {digest}"),
    };
    Check::ng(
        KIND,
        what,
        format!("{reference} doesn't exist: its registry knows no such repository and {id}"),
        format!(
            "push it, or name one of: aws ecr describe-images --registry-id {registry} \
             --repository-name {repository} --region {}",
            place.region
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::facts::ImageFound;
    use super::super::testing::{IMAGE, judged, subject};
    use super::*;
    use crate::deployment::task_definition::Launch;
    use crate::deployment::verification::Verdict;

    fn of_app(subject: &Subject, answer: Answer<ImageFound>) -> Check {
        let facts = Facts {
            images: [(IMAGE.to_owned(), answer)].into(),
            ..Facts::default()
        };
        judged(&judge(subject, &facts), "image of app")
    }

    fn made_for(platforms: &[(&str, &str)]) -> Answer<ImageFound> {
        let platforms = platforms.iter().map(|(os, arch)| Platform::new(os, arch));
        Answer::Found(ImageFound {
            platforms: platforms.collect(),
            unread: None,
        })
    }

    #[test]
    fn an_image_has_to_be_made_for_the_tasks_platform() {
        let both = made_for(&[("linux", "amd64"), ("linux", "arm64")]);
        let arm = made_for(&[("linux", "arm64")]);
        let mut subject = subject();
        let check = of_app(&subject, both.clone());
        assert_eq!(check.verdict, Verdict::Ok);
        assert_eq!(check.reason, format!("{IMAGE} exists, for linux/amd64"));
        let check = of_app(&subject, arm.clone());
        assert_eq!(check.verdict, Verdict::Ng);
        assert_eq!(
            check.reason,
            format!("{IMAGE} is made for linux/arm64, and the tasks run on linux/amd64")
        );
        subject.definition["runtimePlatform"] = json!({ "cpuArchitecture": "ARM64" });
        assert_eq!(of_app(&subject, arm.clone()).verdict, Verdict::Ok);
        subject.definition["runtimePlatform"] =
            json!({ "operatingSystemFamily": "WINDOWS_SERVER_2022_CORE" });
        assert_eq!(of_app(&subject, both).verdict, Verdict::Ng);
    }

    #[test]
    fn instances_may_be_of_any_platform() {
        let mut subject = subject();
        subject.launch = Launch::Ec2;
        let check = of_app(&subject, made_for(&[("linux", "arm64")]));
        assert_eq!(check.verdict, Verdict::Ok);
        assert!(check.reason.ends_with("instances need one of these"));
    }

    #[test]
    fn what_no_registry_was_asked_about_is_left_open() {
        let mut subject = subject();
        let check = of_app(&subject, Answer::Missing);
        assert_eq!(check.verdict, Verdict::Ng);
        assert!(
            check
                .fix
                .unwrap()
                .contains("--repository-name shop --region eu-west-1")
        );
        let unread = Answer::Found(ImageFound {
            platforms: Vec::new(),
            unread: Some("not allowed: ecr:GetDownloadUrlForLayer".to_owned()),
        });
        assert_eq!(of_app(&subject, unread).verdict, Verdict::Skip);
        subject.definition["containerDefinitions"][0]["image"] = json!("nginx:1");
        let check = of_app(&subject, Answer::Missing);
        assert_eq!(check.verdict, Verdict::Skip);
        assert!(
            check
                .reason
                .starts_with("nginx:1 is not in a private registry")
        );
    }
}
