//! The way to AWS: credentials and region that are missing, wrong or worn out. Told at once, with
//! what to do, and nothing is changed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use tempfile::TempDir;

use super::support::{CONFIG, Ended, Scene, bare_within};

/// Less than any metadata time-out of the SDK's own, even on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);
const V2: &[&str] = &["deploy", "--image", "shop:v2"];
const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "x"),
];

/// A folder with the config, of which something may be replaced.
fn folder(from: &str, to: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = CONFIG.replace(from, to);
    std::fs::write(folder.path().join("bg.yaml"), config).expect("it can be written to");
    folder
}

/// Deploys with nothing but these variables, and expects one error, quickly, and no journal.
#[track_caller]
fn deploys_not(folder: &TempDir, variables: &[(&str, &str)], flags: &[&str], code: i32) -> Ended {
    let arguments = [V2, flags].concat();
    let ended = bare_within(AT_ONCE, folder.path(), variables, &arguments).exits(code);
    assert_eq!(ended.stdout, "", "{ended}");
    let errors = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with("Error:"));
    assert_eq!(errors.count(), 1, "{ended}");
    assert!(
        !folder.path().join(".bg/shop/deployments").exists(),
        "no journal was begun"
    );
    ended
}

#[test]
fn no_credentials_are_told_with_the_sources_that_were_tried() {
    let told = deploys_not(&folder("", ""), &[], &[], 3)
        .complains("no AWS credentials")
        .complains("AWS_SECRET_ACCESS_KEY): not set up")
        .complains("aws sso login");
    assert!(
        !told.stderr.contains("Attempted"),
        "each is told once: {told}"
    );
}

#[test]
fn metadata_that_never_answers_is_not_waited_for() {
    // The system takes the connection, and nobody reads from it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let metadata = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
    deploys_not(&folder("", ""), &metadata, &[], 3)
        .complains("no AWS credentials")
        .complains("the EC2 instance's metadata: no answer");
    deploys_not(&folder("region: eu-west-1", ""), &metadata, &[], 3)
        .complains("no AWS region is set")
        .complains("--region");
}

#[test]
fn a_region_that_nothing_names_is_asked_for() {
    deploys_not(&folder("region: eu-west-1", ""), &KEYS, &[], 3)
        .complains("no AWS region is set")
        .complains("--region");
}

#[test]
fn half_a_key_is_no_credentials() {
    deploys_not(&folder("", ""), &KEYS[..1], &[], 3).complains("no AWS credentials");
}

#[test]
fn a_profile_that_does_not_exist_is_named() {
    deploys_not(&folder("", ""), &[], &["--profile", "nope"], 3).complains("\"nope\"");
    deploys_not(&folder("", ""), &[("AWS_PROFILE", "nope")], &[], 3).complains("\"nope\"");
}

#[test]
fn a_region_that_is_another_one_than_the_endpoint_s_is_named() {
    let scene = Scene::at_speed(1);
    let before = scene.footprint();
    let flags = [V2, &["--region", "us-east-2"]].concat();
    scene
        .bg(&flags)
        .exits(1)
        .complains("not 'us-east-2'")
        .complains("nothing was changed");
    assert_eq!(scene.footprint(), before);
}

/// An endpoint that refuses every call with one error, in the protocol it was asked in.
fn refusing(code: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let url = format!("http://{address}");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || refuse(stream, code));
        }
    });
    url
}

fn refuse(mut stream: TcpStream, code: &str) {
    let mut asked = [0; 65_536];
    let read = stream.read(&mut asked).unwrap_or(0);
    let json = String::from_utf8_lossy(&asked[..read])
        .to_lowercase()
        .contains("x-amz-target");
    let body = match json {
        true => format!(r#"{{"__type":"{code}","message":"The security token is no good"}}"#),
        false => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>The security token is no good</Message></Error>\
             <RequestId>1</RequestId></ErrorResponse>"
        ),
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
}

#[test]
fn credentials_that_ran_out_or_were_never_any_are_to_be_renewed() {
    for code in [
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
    ] {
        let url = refusing(code);
        deploys_not(&folder("", ""), &KEYS, &["--endpoint-url", &url], 1)
            .complains("the credentials are missing or have run out, renew them")
            .complains(match code {
                "ExpiredToken" | "ExpiredTokenException" => "renew",
                _ => "Hint: AWS doesn't know this access key",
            })
            .complains("nothing was changed");
    }
}

#[test]
fn a_secret_that_is_not_the_key_s_is_told_in_aws_s_words() {
    for code in [
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
    ] {
        let url = refusing(code);
        deploys_not(&folder("", ""), &KEYS, &["--endpoint-url", &url], 1)
            .complains(code)
            .complains("The security token is no good")
            .complains("Hint: check that AWS_SECRET_ACCESS_KEY")
            .complains("this machine's clock")
            .complains("nothing was changed");
    }
}
