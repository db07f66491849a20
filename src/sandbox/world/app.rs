//! How a deployed version behaves: chosen by the image's tag, or planted by a scenario.
//!
//! Never looks at the world: a behaviour answers from its own figures and the task's age.

use super::versions;
use fastrand::Rng;
use jiff::SignedDuration;
use std::time::Duration;

/// A health check's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// An HTTP status.
    Status(u16),
    /// Nothing listens.
    Refused,
    /// No answer in time.
    Timeout,
}

/// The answer to a user's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// An HTTP answer.
    Answer {
        /// Its status.
        status: u16,
        /// How long it took.
        latency: Duration,
    },
    /// The connection broke.
    Reset,
}

/// A process that ends by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Seconds after the start, at the earliest.
    pub from: u32,
    /// Seconds after the start, at the latest.
    pub to: u32,
    /// Exit code.
    pub code: i32,
    /// What ECS says about the container, where the exit code alone does not tell.
    pub reason: Option<String>,
}

/// How one version of an application behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// Share of requests answered with 500, from 0 to 1.
    pub error_rate: f64,
    /// Typical latency of a request.
    pub latency: Duration,
    /// Health check answer once the process listens.
    pub probe: Probe,
    /// From the container's start until the process listens.
    pub boot: Duration,
    /// Whether and when the process ends by itself.
    pub exit: Option<Exit>,
    /// Why the image cannot be pulled, if it cannot.
    pub pull_error: Option<String>,
    /// Why its process cannot be started, if it cannot.
    pub start_error: Option<String>,
    /// What it says last before it ends by itself.
    pub last_words: Vec<String>,
    /// The port that it says it listens on, where that isn't its container's; with 0 it says
    /// nothing.
    pub listens_on: Option<u16>,
    /// Whether it ends on SIGTERM; otherwise it is killed.
    pub heeds_sigterm: bool,
}

/// The shortest answer takes this much of the typical time.
pub(super) const LEAST: f64 = 0.6;
/// The longest takes so much more of it.
pub(super) const SPREAD: f64 = 0.8;
/// Two in a hundred take so many times as long.
pub(super) const TAIL: f64 = 3.0;

impl Default for Behaviour {
    fn default() -> Self {
        Self::good()
    }
}

impl Behaviour {
    /// A good version: 200 in about 20 ms, listening 2 s after its start.
    pub fn good() -> Self {
        Self {
            error_rate: 0.0,
            latency: Duration::from_millis(20),
            probe: Probe::Status(200),
            boot: Duration::from_secs(2),
            exit: None,
            pull_error: None,
            start_error: None,
            last_words: Vec::new(),
            listens_on: None,
            heeds_sigterm: true,
        }
    }

    /// The behaviour that an image's tag asks for: the tag's part before its first `-` is
    /// `bad`, `slow`, `crash`, `unhealthy`, `missing`, `oom` or one of `versions.rs`; everything
    /// else is good, and so is a reference by digest.
    pub fn for_image(image: &str) -> Self {
        let good = Self::good();
        let tag = tag_of(image).split('-').next().unwrap_or_default();
        match tag {
            "bad" => Self {
                error_rate: 0.2,
                ..good
            },
            "slow" => Self {
                latency: good.latency * 10,
                ..good
            },
            "crash" => Self {
                exit: Some(Exit {
                    from: 40,
                    to: 90,
                    code: 1,
                    reason: None,
                }),
                last_words: vec!["panic: the cart is empty".to_owned()],
                ..good
            },
            "oom" => Self {
                exit: Some(Exit {
                    from: 20,
                    to: 40,
                    code: 137,
                    reason: Some(
                        "OutOfMemoryError: Container killed due to memory usage".to_owned(),
                    ),
                }),
                ..good
            },
            "unhealthy" => Self {
                probe: Probe::Status(503),
                ..good
            },
            "missing" => Self {
                pull_error: Some(not_found(image)),
                ..good
            },
            _ => versions::behaviour(tag, image).unwrap_or(good),
        }
    }

    /// The answer to a health check `age` after the container's start.
    pub fn probe(&self, age: SignedDuration) -> Probe {
        if self.listens(age) {
            self.probe
        } else {
            Probe::Refused
        }
    }

    /// The answer to a user's request `age` after the container's start, while errors are
    /// `errors` times as frequent as usual.
    pub fn respond(&self, rng: &mut Rng, age: SignedDuration, errors: f64) -> Reply {
        if !self.listens(age) {
            return Reply::Reset;
        }
        let status = if self.error_rate > 0.0 && rng.f64() < self.error_rate * errors {
            500
        } else {
            200
        };
        // Around the typical value, with one in fifty three times as slow, as real tails are.
        let tail = if rng.u32(0..50) == 0 { TAIL } else { 1.0 };
        Reply::Answer {
            status,
            latency: self
                .latency
                .mul_f64(rng.f64().mul_add(SPREAD, LEAST) * tail),
        }
    }

    /// Whether the process listens `age` after its start.
    pub(super) fn listens(&self, age: SignedDuration) -> bool {
        age.unsigned_abs() >= self.boot && !age.is_negative()
    }
}

/// The tag of an image reference; empty for a digest, `latest` where none is given.
fn tag_of(image: &str) -> &str {
    if image.contains('@') {
        return "";
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').map_or("latest", |(_, tag)| tag)
}

fn not_found(image: &str) -> String {
    let registry = image.split('/').next().unwrap_or_default();
    let full = if registry.contains(['.', ':']) && image.contains('/') {
        image.to_owned()
    } else if image.contains('/') {
        format!("docker.io/{image}")
    } else {
        format!("docker.io/library/{image}")
    };
    format!(
        "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to \
         resolve ref {full}: {full}: not found"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_chooses_the_behaviour_for_any_image_name() {
        assert_eq!(Behaviour::for_image("shop:v2"), Behaviour::good());
        assert_eq!(Behaviour::for_image("shop"), Behaviour::good());
        assert_eq!(
            Behaviour::for_image("a.example:5000/x/bad"),
            Behaviour::good()
        );
        assert!(Behaviour::for_image("a.example:5000/x/y:bad").error_rate > 0.1);
        assert!(Behaviour::for_image("shop:bad-7").error_rate > 0.1);
        assert_eq!(Behaviour::for_image("shop:badly"), Behaviour::good());
        assert_eq!(
            Behaviour::for_image("shop:bad@sha256:00"),
            Behaviour::good()
        );
        assert_eq!(
            Behaviour::for_image("x:unhealthy").probe,
            Probe::Status(503)
        );
        assert_eq!(
            Behaviour::for_image("x:oom").exit.map(|exit| exit.code),
            Some(137)
        );
        let missing = Behaviour::for_image("shop:missing").pull_error.unwrap();
        assert!(
            missing.starts_with("CannotPullContainerError: "),
            "{missing}"
        );
        assert!(
            missing.ends_with("docker.io/library/shop:missing: not found"),
            "{missing}"
        );
    }

    #[test]
    fn a_booting_process_refuses_connections() {
        let app = Behaviour::good();
        let mut rng = Rng::with_seed(1);
        assert_eq!(app.probe(SignedDuration::from_secs(1)), Probe::Refused);
        assert_eq!(
            app.respond(&mut rng, SignedDuration::from_secs(1), 1.0),
            Reply::Reset
        );
        assert_eq!(app.probe(SignedDuration::from_secs(2)), Probe::Status(200));
    }

    #[test]
    fn a_bad_version_fails_a_fifth_of_its_requests() {
        let app = Behaviour::for_image("shop:bad");
        let mut rng = Rng::with_seed(7);
        let failed = (0..10_000)
            .filter(|_| {
                matches!(
                    app.respond(&mut rng, SignedDuration::from_secs(60), 1.0),
                    Reply::Answer { status: 500, .. }
                )
            })
            .count();
        assert!((1_850..2_150).contains(&failed), "{failed}");
    }
}
