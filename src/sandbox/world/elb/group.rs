//! Target groups, their targets, and how their health is checked.

use super::attributes::GROUP_DEFAULTS;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// What a group's targets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetType {
    /// EC2 instances, by id.
    Instance,
    /// IP addresses: awsvpc tasks.
    Ip,
    /// A Lambda function.
    Lambda,
    /// An application load balancer behind a network one.
    Alb,
}

impl TargetType {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Ip => "ip",
            Self::Lambda => "lambda",
            Self::Alb => "alb",
        }
    }

    /// Reads the API's name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Instance, Self::Ip, Self::Lambda, Self::Alb]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// A target group.
#[derive(Debug, Clone)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// What its targets are.
    pub target_type: TargetType,
    /// `HTTP`, `TCP`, …; none for Lambda.
    pub protocol: Option<String>,
    /// The port of targets registered without one.
    pub port: Option<u16>,
    /// Where targets' agents tell the load balancer what they can take, if anywhere.
    pub control_port: Option<u16>,
    /// `ipv4` or `ipv6`.
    pub ip_address_type: String,
    /// The VPC, as given.
    pub vpc: Option<String>,
    /// `HTTP1`, `HTTP2` or `GRPC`.
    pub protocol_version: Option<String>,
    /// How health is checked.
    pub check: HealthCheck,
    /// Attributes that differ from [`GROUP_DEFAULTS`].
    pub attributes: BTreeMap<String, String>,
    /// The registered and draining targets.
    pub targets: Vec<Target>,
    /// The load balancers whose actions name the group; kept in step with them.
    pub load_balancers: Vec<String>,
    /// Zones in which targets get traffic; empty means all.
    pub(super) zones: Vec<String>,
    /// Round robin's position.
    pub(super) cursor: usize,
}

impl TargetGroup {
    /// An empty group that no load balancer uses.
    pub fn new(arn: String, name: String, target_type: TargetType, check: HealthCheck) -> Self {
        Self {
            arn,
            name,
            target_type,
            protocol: None,
            port: None,
            control_port: None,
            ip_address_type: "ipv4".to_owned(),
            vpc: None,
            protocol_version: None,
            check,
            attributes: BTreeMap::new(),
            targets: Vec::new(),
            load_balancers: Vec::new(),
            zones: Vec::new(),
            cursor: 0,
        }
    }

    /// An attribute's value, or its default.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).map(String::as_str).or_else(|| {
            GROUP_DEFAULTS
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, default)| *default)
        })
    }

    /// How long a deregistered target drains.
    pub fn deregistration_delay(&self) -> SignedDuration {
        let seconds = self.attribute("deregistration_delay.timeout_seconds");
        let seconds = seconds.and_then(|text| text.parse().ok());
        SignedDuration::from_secs(seconds.unwrap_or(300))
    }

    /// The value of CloudWatch's dimension `TargetGroup`: `targetgroup/NAME/ID`.
    pub fn dimension(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }

    /// How many targets are in a state.
    pub fn count(&self, state: TargetState) -> usize {
        self.targets
            .iter()
            .filter(|target| target.health.state == state)
            .count()
    }

    /// The targets that get new requests: the healthy ones; or, when fewer are healthy than the
    /// group's attributes ask for (one by default), every one that isn't draining: the group
    /// fails open.
    pub fn eligible(&self) -> Vec<&Target> {
        let healthy = self.count(TargetState::Healthy);
        if healthy >= self.least_healthy() {
            return self.in_state(|state| state == TargetState::Healthy);
        }
        self.in_state(|state| {
            matches!(
                state,
                TargetState::Healthy | TargetState::Initial | TargetState::Unhealthy
            )
        })
    }

    fn in_state(&self, wanted: impl Fn(TargetState) -> bool) -> Vec<&Target> {
        let targets = self.targets.iter();
        targets
            .filter(|target| wanted(target.health.state))
            .collect()
    }

    /// Healthy targets below which the group fails open.
    fn least_healthy(&self) -> usize {
        let setting = |name: &str| {
            let prefix = "target_group_health.unhealthy_state_routing.minimum_healthy_targets";
            self.attribute(&format!("{prefix}.{name}"))?
                .parse::<usize>()
                .ok()
        };
        let serving = self.in_state(|state| state != TargetState::Draining).len();
        let share = setting("percentage").map_or(0, |percent| (serving * percent).div_ceil(100));
        setting("count").unwrap_or(1).max(share).max(1)
    }

    pub(super) fn find(&self, id: &TargetId) -> Option<&Target> {
        self.targets.iter().find(|target| target.id.same_as(id))
    }
}

/// An address: an IP or instance id, and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetId {
    /// IP address or instance id.
    pub id: String,
    /// The port on it.
    pub port: u16,
    /// Its availability zone, where known.
    pub zone: Option<String>,
}

impl TargetId {
    /// Whether both name the same target: the zone is only a note.
    pub fn same_as(&self, other: &Self) -> bool {
        self.id == other.id && self.port == other.port
    }
}

/// A registered or draining target.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its address.
    pub id: TargetId,
    /// Its health, as described.
    pub health: Health,
    /// Checks in a row that passed.
    pub(super) passed: u32,
    /// Checks in a row that failed.
    pub(super) failed: u32,
    /// When it is looked at next: a check, or the end of draining.
    pub(super) due: Option<Timestamp>,
}

/// A target's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// Registering, or waiting for its first checks.
    Initial,
    /// Passes its checks.
    Healthy,
    /// Fails its checks.
    Unhealthy,
    /// Unhealthy, with its connections being closed.
    UnhealthyDraining,
    /// Gets no traffic: not in use, or not registered.
    Unused,
    /// Deregistered; requests in flight may end.
    Draining,
}

impl TargetState {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::UnhealthyDraining => "unhealthy.draining",
            Self::Unused => "unused",
            Self::Draining => "draining",
        }
    }
}

/// Why a target is in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Just registered.
    Registering,
    /// Its first checks are under way.
    InitialChecks,
    /// It answered with an unexpected status.
    CodeMismatch(u16),
    /// It didn't answer in time.
    Timeout,
    /// It refused, or failed otherwise.
    Failed,
    /// It isn't registered.
    NotRegistered,
    /// No action forwards to its group.
    NotInUse,
    /// Its zone isn't enabled on the load balancer.
    ZoneNotEnabled,
    /// It is being deregistered.
    Deregistering,
}

impl Reason {
    /// AWS's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Registering => "Elb.RegistrationInProgress",
            Self::InitialChecks => "Elb.InitialHealthChecking",
            Self::CodeMismatch(_) => "Target.ResponseCodeMismatch",
            Self::Timeout => "Target.Timeout",
            Self::Failed => "Target.FailedHealthChecks",
            Self::NotRegistered => "Target.NotRegistered",
            Self::NotInUse | Self::ZoneNotEnabled => "Target.NotInUse",
            Self::Deregistering => "Target.DeregistrationInProgress",
        }
    }

    /// AWS's description.
    pub fn description(self) -> String {
        match self {
            Self::Registering => "Target registration is in progress".to_owned(),
            Self::InitialChecks => "Initial health checks in progress".to_owned(),
            Self::CodeMismatch(status) => {
                format!("Health checks failed with these codes: [{status}]")
            }
            Self::Timeout => "Request timed out".to_owned(),
            Self::Failed => "Health checks failed".to_owned(),
            Self::NotRegistered => "Target is not registered to the target group".to_owned(),
            Self::NotInUse => {
                "Target group is not configured to receive traffic from the load balancer"
                    .to_owned()
            }
            Self::ZoneNotEnabled => {
                "Target is in an Availability Zone that is not enabled for the load balancer"
                    .to_owned()
            }
            Self::Deregistering => "Target deregistration is in progress".to_owned(),
        }
    }
}

/// State and reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// The state.
    pub state: TargetState,
    /// Why; none when healthy.
    pub reason: Option<Reason>,
}

impl Health {
    /// A state with its reason.
    pub fn because(state: TargetState, reason: Reason) -> Self {
        Self {
            state,
            reason: Some(reason),
        }
    }

    /// Passing its checks.
    pub fn healthy() -> Self {
        Self {
            state: TargetState::Healthy,
            reason: None,
        }
    }
}

/// How a group's targets are checked.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    /// Off only for Lambda targets.
    pub enabled: bool,
    /// `HTTP`, `HTTPS`, `TCP`.
    pub protocol: String,
    /// Which port is asked.
    pub port: CheckPort,
    /// Path for HTTP checks.
    pub path: Option<String>,
    /// Time between checks, in seconds.
    pub interval: i64,
    /// How long an answer may take, in seconds.
    pub timeout: i64,
    /// Passes in a row that make an unhealthy target healthy.
    pub healthy_threshold: u32,
    /// Failures in a row that make a target unhealthy.
    pub unhealthy_threshold: u32,
    /// Which answers pass; none for TCP checks.
    pub matcher: Option<Matcher>,
}

impl HealthCheck {
    /// The code of an answer with an HTTP status: for gRPC OK, UNIMPLEMENTED or UNAVAILABLE.
    pub fn code_of(&self, status: u16) -> u16 {
        let grpc = self.matcher.as_ref().map(Matcher::codes) == Some(Codes::Grpc);
        match (grpc, status, self.path.as_deref()) {
            (false, ..) => status,
            (true, 200, Some(GRPC_PATH)) | (true, 404, _) => 12,
            (true, 200..=299, _) => 0,
            (true, ..) => 14,
        }
    }
}

/// The port that health checks use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckPort {
    /// The target's own.
    Traffic,
    /// A fixed one.
    Fixed(u16),
}

/// The path that gRPC's health checks ask for where nothing else is said. No program has it.
pub const GRPC_PATH: &str = "/AWS.ALB/healthcheck";

/// Which codes pass: `200`, `200,202` or `200-299`; of gRPC `0`, `0,12` or `0-5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    text: String,
    ranges: Vec<(u16, u16)>,
    codes: Codes,
}

/// Whose codes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codes {
    /// HTTP's statuses.
    Http,
    /// gRPC's, 0 to 99.
    Grpc,
}

impl Matcher {
    /// Reads AWS's form.
    pub fn parse(text: &str, codes: Codes) -> Option<Self> {
        let ranges = text
            .split(',')
            .map(|part| {
                let (from, to) = part.split_once('-').unwrap_or((part, part));
                Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            text: text.to_owned(),
            ranges,
            codes,
        })
    }

    /// Whose codes they are.
    pub fn codes(&self) -> Codes {
        self.codes
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a status passes.
    pub fn accepts(&self, status: u16) -> bool {
        self.ranges
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&status))
    }
}
