//! Images that can't be pulled.

use super::super::evidence::Evidence;
use super::super::found::{Found, Rule};
use super::super::recent::{Said, between, has};

pub(super) const RULES: &[Rule] = &[
    Rule::said("image-rate-limit", rate_limit),
    Rule::said("image-platform", platform),
    Rule::said("image-denied", denied),
    Rule::said("image-disk-full", disk_full),
    Rule::said("image-reference", reference),
    Rule::said("registry-unreachable", unreachable),
    Rule::said("image-not-found", not_found),
    Rule::otherwise("image-pull", any),
];

/// What registries and networks say where nobody answers.
pub(super) const NO_ANSWER: [&str; 13] = [
    "i/o timeout",
    "connection issue",
    "no route to host",
    "connection refused",
    "connection reset",
    "context deadline exceeded",
    "request canceled",
    "client.timeout",
    "no such host",
    "send request failed",
    "network is unreachable",
    "tls handshake timeout",
    "exceeded maximum number of attempts",
];
const DENIED: [&str; 7] = [
    "accessdenied",
    "not authorized",
    "401 unauthorized",
    "403 forbidden",
    "access denied",
    "no basic auth credentials",
    "authorization failed",
];

/// Whether ECS says that an image, or the permission to pull it, could not be had.
fn is_pull(text: &str) -> bool {
    let auth = has(text, &["registry auth"]);
    let of_secrets = has(
        text,
        &["secretsmanager", "from asm", "ssm", "secrets manager"],
    );
    has(text, &["cannotpull"]) || (auth && has(text, &["ecr"]) && !of_secrets)
}

fn pull(evidence: &Evidence, words: &[&str]) -> Option<(String, Vec<String>)> {
    let said = evidence.said(|text| is_pull(text) && has(text, words))?;
    Some((image_of(&said, evidence), said.lines()))
}

/// The image that ECS names, or else the definition's.
fn image_of(said: &Said<'_>, evidence: &Evidence) -> String {
    let named = [
        "failed to resolve ref ",
        "failed to resolve reference ",
        "manifest for ",
    ]
    .into_iter()
    .find_map(|mark| between(said.text(), mark, &[' ', ',']))
    .map(|image| image.trim_matches([':', '"']).to_owned());
    let own = |evidence: &Evidence| {
        let definition = evidence.definition.as_ref()?;
        let failed = said.first.task.and_then(|task| {
            let failed = task
                .containers
                .iter()
                .find(|it| has(&it.reason, &["cannotpull"]))?;
            definition.container(&failed.name)
        });
        let container = failed.or_else(|| definition.containers().next())?;
        Some(container.image().to_owned())
    };
    named
        .or_else(|| own(evidence))
        .unwrap_or_else(|| "its image".to_owned())
}

/// Repository and tag for a command line, where the image is in ECR.
fn in_ecr(image: &str) -> Option<(&str, &str)> {
    let (host, path) = image.split_once('/')?;
    host.contains(".dkr.ecr.").then_some(())?;
    Some(path.rsplit_once(':').unwrap_or((path, "latest")))
}

fn not_found(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "not found",
        "manifest unknown",
        "does not exist",
        "no such manifest",
    ];
    let found = pull(evidence, &words).map(|(image, lines)| {
        let look = match in_ecr(&image) {
            Some((repository, tag)) => format!(
                "look: aws ecr describe-images --repository-name {repository} --image-ids \
                 imageTag={tag}; then push it, or deploy a tag that exists"
            ),
            None => format!(
                "look: docker manifest inspect {image}; then push it, or deploy a tag \
                             that exists"
            ),
        };
        Found::new(format!("the image {image} doesn't exist in its registry"))
            .shown_by(lines)
            .because("the tag was never pushed, was deleted (a lifecycle policy?), or is misspelt")
            .mended_by(look)
    });
    found.into_iter().collect()
}

fn platform(evidence: &Evidence) -> Vec<Found> {
    let words = ["descriptor matching platform", "no matching manifest for"];
    let Some((image, lines)) = pull(evidence, &words) else {
        return Vec::new();
    };
    let wanted = lines
        .iter()
        .find_map(|line| between(line, "platform ", &[':', ';', ',']));
    let wanted = wanted
        .map_or("linux/amd64", |it| it.trim_matches('\''))
        .to_owned();
    let found = Found::new(format!("the image {image} has no variant for {wanted}"))
        .shown_by(lines)
        .because("it was built on a machine of another architecture, such as an Apple laptop")
        .mended_by(format!(
            "docker buildx build --platform {wanted} --push -t {image} . ; or set \
             runtimePlatform.cpuArchitecture of the task definition to what the image is"
        ));
    vec![found]
}

fn denied(evidence: &Evidence) -> Vec<Found> {
    let Some((image, lines)) = pull(evidence, &DENIED) else {
        return Vec::new();
    };
    let definition = evidence.definition.as_ref();
    let role = definition.map_or("", |it| it.text("executionRoleArn"));
    let ecr = in_ecr(&image).is_some() || lines.iter().any(|line| has(line, &["ecr"]));
    let (cause, fix) = match (ecr, role) {
        (true, "") => (
            "the task definition has no execution role",
            "set executionRoleArn to a role with AmazonECSTaskExecutionRolePolicy".to_owned(),
        ),
        (true, role) => (
            "the execution role may not pull from ECR, or the repository's policy leaves this \
             account out",
            format!(
                "give {role} AmazonECSTaskExecutionRolePolicy (ecr:GetAuthorizationToken, \
                 BatchCheckLayerAvailability, GetDownloadUrlForLayer, BatchGetImage)"
            ),
        ),
        (false, _) => (
            "the registry wants credentials, or there is no such repository: a registry doesn't \
             tell which",
            "set repositoryCredentials of the container to a secret with username and password, \
             and check the repository's name"
                .to_owned(),
        ),
    };
    let found = Found::new(format!("pulling the image {image} is not allowed"))
        .shown_by(lines)
        .because(cause)
        .mended_by(fix);
    vec![found]
}

fn rate_limit(evidence: &Evidence) -> Vec<Found> {
    let words = [
        "toomanyrequests",
        "429 too many requests",
        "pull rate limit",
    ];
    let found = pull(evidence, &words).map(|(image, lines)| {
        Found::new(format!(
            "the registry's rate limit keeps {image} from being pulled"
        ))
        .shown_by(lines)
        .because(
            "Docker Hub counts anonymous pulls by address, and all tasks behind one NAT share \
                 theirs",
        )
        .mended_by(
            "copy it into ECR (a pull-through cache rule does that by itself), or set \
                 repositoryCredentials of the container",
        )
    });
    found.into_iter().collect()
}

fn unreachable(evidence: &Evidence) -> Vec<Found> {
    let found = pull(evidence, &NO_ANSWER).map(|(image, lines)| {
        let ecr = in_ecr(&image).is_some() || lines.iter().any(|line| has(line, &["ecr"]));
        Found::new("tasks can't reach the image's registry")
            .shown_by(lines)
            .shown_by(network(evidence))
            .because(
                "their subnets have no route out: no NAT gateway, no public address, or a security \
                 group or network ACL that lets no HTTPS out",
            )
            .mended_by(way_out(evidence, ecr))
    });
    found.into_iter().collect()
}

/// What the service says of its tasks' network.
pub(super) fn network(evidence: &Evidence) -> Option<String> {
    let network = evidence.service.as_ref()?.network.as_ref()?;
    let public = if network.public_ip { "a" } else { "no" };
    Some(format!(
        "its tasks run in {} with {}, {public} public address",
        network.subnets.join(", "),
        network.security_groups.join(", "),
    ))
}

/// How tasks get a way out.
pub(super) fn way_out(evidence: &Evidence, to_aws: bool) -> String {
    let network = evidence.service.as_ref().and_then(|it| it.network.as_ref());
    let public = network.is_some_and(|it| it.public_ip);
    let endpoints = if to_aws {
        ", or VPC endpoints (ecr.api, ecr.dkr, s3, logs, secretsmanager, ssm as far as they are used)"
    } else {
        ""
    };
    if public {
        format!(
            "route the subnets' 0.0.0.0/0 to an internet gateway{endpoints}; let 443 out of the \
             security groups"
        )
    } else {
        format!(
            "private subnets need a NAT gateway{endpoints}; public ones assignPublicIp=ENABLED; let \
             443 out of the security groups"
        )
    }
}

fn disk_full(evidence: &Evidence) -> Vec<Found> {
    let found = pull(evidence, &["no space left on device"]).map(|(image, lines)| {
        Found::new(format!("there is no room on the disk for {image}"))
            .shown_by(lines)
            .because("the image is larger than what is left of the task's or instance's storage")
            .mended_by(
                "on Fargate set ephemeralStorage.sizeInGiB of the task definition (21 to 200); on \
                 instances a larger volume, or clean up old images",
            )
    });
    found.into_iter().collect()
}

fn reference(evidence: &Evidence) -> Vec<Found> {
    let words = ["invalid reference format", "invalid image reference"];
    let found = pull(evidence, &words).map(|(image, lines)| {
        Found::new(format!("{image:?} is no image reference"))
            .shown_by(lines)
            .because("a variable was empty when the definition was made, or the name has capitals")
            .mended_by("write REGISTRY/REPOSITORY:TAG in lower case into the task definition")
    });
    found.into_iter().collect()
}

fn any(evidence: &Evidence) -> Vec<Found> {
    let found = pull(evidence, &[""]).map(|(image, lines)| {
        Found::new(format!("the image {image} can't be pulled"))
            .shown_by(lines)
            .because("the words above are the registry's")
            .mended_by(format!("try it where the task runs: docker pull {image}"))
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::diagnose;
    use super::super::super::testing::{explains, first, not_started, told};

    const NOT_FOUND: &str = "CannotPullContainerError: pull image manifest has been retried 7 \
                             time(s): failed to resolve ref docker.io/library/shop:v9: \
                             docker.io/library/shop:v9: not found";
    const TIMED_OUT: &str = "ResourceInitializationError: unable to pull secrets or registry \
                             auth: The task cannot pull registry auth from Amazon ECR: There is a \
                             connection issue between the task and Amazon ECR. Check your task \
                             network configuration. RequestError: send request failed caused by: \
                             Post \"https://api.ecr.eu-west-1.amazonaws.com/\": dial tcp \
                             10.0.0.1:443: i/o timeout";

    #[test]
    fn each_way_of_not_being_pulled_is_told_apart() {
        explains(&[
            (NOT_FOUND, "image-not-found"),
            (TIMED_OUT, "registry-unreachable"),
            (
                "CannotPullContainerError: image Manifest does not contain descriptor matching \
                 platform 'linux/amd64'",
                "image-platform",
            ),
            (
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed \
                 to resolve ref docker.io/library/x:1: unexpected status from HEAD request to \
                 https://registry-1.docker.io/v2/library/x/manifests/1: 429 Too Many Requests",
                "image-rate-limit",
            ),
            (
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed \
                 to resolve ref docker.io/team/x:1: pull access denied, repository does not exist \
                 or may require authorization: server message: insufficient_scope: authorization \
                 failed",
                "image-denied",
            ),
            (
                "ResourceInitializationError: unable to pull secrets or registry auth: execution \
                 resource retrieval failed: unable to retrieve ecr registry auth: service call has \
                 been retried 1 time(s): AccessDeniedException: User: arn:aws:sts::1:assumed-role/x \
                 is not authorized to perform: ecr:GetAuthorizationToken on resource: *",
                "image-denied",
            ),
            (
                "CannotPullContainerError: failed to register layer: write /x: no space left on \
                 device",
                "image-disk-full",
            ),
            (
                "CannotPullContainerError: invalid reference format",
                "image-reference",
            ),
            ("CannotPullContainerError: something new", "image-pull"),
        ]);
    }

    #[test]
    fn the_image_is_named_and_how_to_look_for_it() {
        let found = diagnose(&not_started(NOT_FOUND)).remove(0);
        assert!(
            found.what.contains("docker.io/library/shop:v9"),
            "{found:?}"
        );
        let ecr = NOT_FOUND.replace(
            "docker.io/library/shop",
            "1.dkr.ecr.eu-west-1.amazonaws.com/team/shop",
        );
        let found = diagnose(&not_started(&ecr)).remove(0);
        let command = "aws ecr describe-images --repository-name team/shop --image-ids imageTag=v9";
        assert!(found.fix.contains(command), "{found:?}");
    }

    #[test]
    fn the_service_s_events_are_read_as_well() {
        let text = format!("was unable to place a task. Reason: {NOT_FOUND}.");
        assert_eq!(first(&told(&text)), "image-not-found");
    }

    #[test]
    fn a_way_out_fits_the_network() {
        let found = diagnose(&not_started(TIMED_OUT)).remove(0);
        assert!(found.fix.contains("NAT gateway"), "{found:?}");
        let mut public = not_started(TIMED_OUT);
        let service = public.service.as_mut().unwrap();
        service.network.as_mut().unwrap().public_ip = true;
        let found = diagnose(&public).remove(0);
        assert!(found.fix.contains("internet gateway"), "{found:?}");
    }
}
