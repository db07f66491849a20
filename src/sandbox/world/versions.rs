//! Versions of an application that are broken in a way of their own, chosen by the image's tag.

use std::time::Duration;

use super::app::{Behaviour, Exit, Probe};

/// From the start until the process of a `:boot` image listens.
const LONG_BOOT: Duration = Duration::from_secs(90);
/// The port on which a `:deaf` image listens, whatever it is asked on.
const OTHER_PORT: u16 = 9090;

/// The behaviour that `tag` asks for, if it asks for one. `reference` is the image's full name.
pub(super) fn behaviour(tag: &str, reference: &str) -> Option<Behaviour> {
    let good = Behaviour::good;
    let exits = |code: i32, words: &str| {
        Some(Behaviour {
            exit: Some(Exit {
                from: 5,
                to: 15,
                code,
                reason: None,
            }),
            last_words: vec![words.to_owned()],
            ..good()
        })
    };
    let answers = |probe: Probe| Some(Behaviour { probe, ..good() });
    let not_pulled = |why: &str| {
        Some(Behaviour {
            pull_error: Some(format!("CannotPullContainerError: {why}")),
            ..good()
        })
    };
    let not_started = |why: &str| {
        Some(Behaviour {
            start_error: Some(format!(
                "CannotStartContainerError: ResourceInitializationError: failed to create new \
                 container runtime task: failed to create shim task: OCI runtime create failed: \
                 runc create failed: unable to start container process: {why}: unknown"
            )),
            ..good()
        })
    };
    match tag {
        "done" => exits(0, "nothing left to do"),
        "error" => exits(1, "Error: connect ECONNREFUSED 10.0.9.9:5432"),
        "taken" => exits(1, "listen tcp 0.0.0.0:8080: bind: address already in use"),
        "rootport" => exits(1, "Error: listen EACCES: permission denied 0.0.0.0:80"),
        "noaccess" => exits(
            1,
            "AccessDenied: User is not authorized to perform: s3:GetObject on resource: cart",
        ),
        "abort" => exits(134, "assertion failed: cart.len() > 0"),
        "segfault" => exits(139, "loading libcart.so"),
        "killed" => exits(137, "caching everything"),
        "heap" => exits(134, "FATAL ERROR: JavaScript heap out of memory"),
        "nocommand" => exits(127, "sh: serve: not found"),
        "noexec" => exits(126, "sh: ./serve: Permission denied"),
        "arm" => exits(255, "exec /usr/local/bin/serve: exec format error"),
        "noentry" => not_started("exec: \"serve\": executable file not found in $PATH"),
        "lost" => answers(Probe::Status(404)),
        "login" => answers(Probe::Status(401)),
        "moved" => answers(Probe::Status(301)),
        "hang" => answers(Probe::Timeout),
        "boot" => Some(Behaviour {
            boot: LONG_BOOT,
            ..good()
        }),
        "deaf" => Some(Behaviour {
            probe: Probe::Refused,
            listens_on: Some(OTHER_PORT),
            ..good()
        }),
        "mute" => Some(Behaviour {
            probe: Probe::Refused,
            listens_on: Some(0),
            ..good()
        }),
        "stubborn" => Some(Behaviour {
            heeds_sigterm: false,
            ..good()
        }),
        "private" => not_pulled(&format!(
            "pull image manifest has been retried 1 time(s): failed to resolve ref \
             docker.io/{reference}: pull access denied, repository does not exist or may require \
             authorization: server message: insufficient_scope: authorization failed"
        )),
        "limited" => not_pulled(&format!(
            "ref pull has been retried 1 time(s): failed to copy: httpReadSeeker: failed open: \
             unexpected status code https://registry-1.docker.io/v2/{reference}: 429 Too Many \
             Requests - Server message: toomanyrequests: You have reached your pull rate limit."
        )),
        "platform" => not_pulled(
            "pull image manifest has been retried 7 time(s): image Manifest does not contain \
             descriptor matching platform 'linux/amd64'",
        ),
        "unreachable" => not_pulled(&format!(
            "pull image manifest has been retried 5 time(s): failed to resolve ref \
             docker.io/{reference}: failed to do request: Head \
             \"https://registry-1.docker.io/v2/{reference}\": dial tcp 10.1.1.1:443: i/o timeout"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_asks_for_nothing_is_left_alone() {
        assert_eq!(behaviour("v2", "shop:v2"), None);
        let lost = Behaviour::for_image("shop:lost");
        assert_eq!(lost.probe, Probe::Status(404));
    }
}
