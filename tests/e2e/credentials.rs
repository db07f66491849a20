//! Credentials that end while the binary deploys, or will.

use std::path::Path;

use super::calls::Wire;
use super::support::{Process, Scene};

/// Writes a profile as `aws sso login` and its like do.
fn write_profile(scene: &Scene, key: &str) -> String {
    let profile = format!(
        "[profile deploys]\naws_access_key_id = {key}\naws_secret_access_key = x\n\
         aws_session_token = {key}\n"
    );
    path(&scene.write("aws-config", &profile))
}

fn path(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}

/// Deploys over `wire` with what stands in the file `profile`.
fn deploy(scene: &Scene, wire: &Wire, profile: &str) -> Process {
    let url = wire.proxy.url();
    let variables = [
        ("AWS_CONFIG_FILE", profile),
        ("AWS_ENDPOINT_URL", &url),
        ("AWS_PROFILE", "deploys"),
    ];
    let without = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    scene.start_with(&variables, &without, &["deploy", "--image", "shop:v2"])
}

#[test]
fn credentials_that_end_in_mid_shift_are_read_anew_from_their_file() {
    let scene = Scene::at_speed(20);
    let wire = Wire::before(&scene);
    let profile = write_profile(&scene, "OLD");
    let mut deploys = deploy(&scene, &wire, &profile);
    deploys.until_it_says("baking");
    wire.proxy.end_credentials("OLD");
    deploys.until_it_says("the AWS credentials (profile \"deploys\") are over");
    write_profile(&scene, "NEW");
    let ended = deploys.end().exits(0);
    let ended = ended
        .says("`aws sso login --profile deploys`")
        .says("nothing holds any more");
    assert_eq!(ended.stdout.matches("are over").count(), 1, "{ended}");
    assert_eq!(scene.weights(), (0, 100));
}

#[test]
fn a_plan_tells_that_the_credentials_end_too_early() {
    let scene = Scene::at_speed(1);
    let process = scene.write(
        "sign-in",
        "#!/bin/sh\nend=$(date -u -d '+270 seconds' +%Y-%m-%dT%H:%M:%SZ)\n\
         echo '{\"Version\": 1, \"AccessKeyId\": \"KEY\", \"SecretAccessKey\": \"x\", \
         \"SessionToken\": \"x\", \"Expiration\": \"'$end'\"}'\n",
    );
    let profile = format!(
        "[profile deploys]\ncredential_process = sh {}\n",
        path(&process)
    );
    let profile = path(&scene.write("aws-config", &profile));
    let variables = [
        ("AWS_CONFIG_FILE", profile.as_str()),
        ("AWS_PROFILE", "deploys"),
    ];
    let without = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let plan = ["plan", "--image", "shop:v2"];
    let planned = scene.start_with(&variables, &without, &plan).end().exits(0);
    planned
        .says("the credentials end in 4m")
        .says("(profile \"deploys\", at ")
        .says("the deployment may take 12m")
        .says("use a session that lasts longer");
    // Those of an environment have no end that anybody could know.
    let planned = scene.bg(&plan).exits(0);
    assert!(!planned.stdout.contains("credentials"), "{planned}");
}
