//! Troubles on purpose: which calls fail, when, and how.

use super::wire::{AwsError, Operation, Protocol, Service};
use fastrand::Rng;
use jiff::Timestamp;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// "Rate exceeded".
    Throttle,
    /// Status 500, nothing done.
    InternalError,
    /// Status 503, nothing done.
    ServiceUnavailable,
    /// No answer ever, nothing done.
    TimeoutBefore,
    /// No answer ever, but it was done.
    TimeoutAfter,
    /// The connection breaks, nothing done.
    ResetBefore,
    /// The connection breaks, but it was done.
    ResetAfter,
    /// The caller may not.
    Denied,
    /// The caller's credentials are over.
    ExpiredToken,
    /// Done, but the answer cannot be parsed.
    Garbled,
}

impl FaultKind {
    /// All kinds, for a fault matrix.
    pub const ALL: [Self; 10] = [
        Self::Throttle,
        Self::InternalError,
        Self::ServiceUnavailable,
        Self::TimeoutBefore,
        Self::TimeoutAfter,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::Denied,
        Self::ExpiredToken,
        Self::Garbled,
    ];

    /// Whether the call has its effect all the same.
    pub fn takes_effect(self) -> bool {
        matches!(self, Self::TimeoutAfter | Self::ResetAfter | Self::Garbled)
    }
}

/// Which of the matching calls fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// All of them.
    Always,
    /// Only the n-th, from 1.
    Nth(u64),
    /// The first n.
    First(u64),
    /// Those from a moment until another (not included).
    Between(Timestamp, Timestamp),
    /// Each with this probability.
    Chance(f64),
}

/// Whose calls a rule is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Caller {
    /// Those that come over the wire.
    #[default]
    Client,
    /// Those that EventBridge Scheduler makes.
    Schedule,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRule {
    pattern: String,
    caller: Caller,
    kind: FaultKind,
    when: When,
    seen: u64,
}

impl FaultRule {
    /// A rule for `*`, an operation (`ModifyListener`), a service (`ecs:*`) or both
    /// (`ecs:UpdateService`). Services are named as in IAM actions.
    pub fn new(pattern: impl Into<String>, kind: FaultKind, when: When) -> Self {
        Self {
            pattern: pattern.into(),
            caller: Caller::Client,
            kind,
            when,
            seen: 0,
        }
    }

    /// The same for the calls that schedules make, and for no client's.
    #[must_use]
    pub fn of_schedules(self) -> Self {
        let caller = Caller::Schedule;
        Self { caller, ..self }
    }

    /// Whose calls it is for.
    pub fn caller(&self) -> Caller {
        self.caller
    }

    fn matches(&self, service: Service, operation: &str) -> bool {
        let fits = |pattern: &str, name: &str| pattern == "*" || pattern == name;
        match self.pattern.split_once(':') {
            Some((of, name)) => fits(of, service.as_str()) && fits(name, operation),
            None => fits(&self.pattern, operation),
        }
    }

    fn strikes(&mut self, now: Timestamp, rng: &mut Rng) -> bool {
        self.seen += 1;
        match self.when {
            When::Always => true,
            When::Nth(n) => self.seen == n,
            When::First(n) => self.seen <= n,
            When::Between(from, until) => (from..until).contains(&now),
            When::Chance(share) => rng.f64() < share,
        }
    }
}

/// The rules in force; the first that strikes wins.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Vec<FaultRule>,
}

impl Faults {
    /// Adds a rule.
    pub fn add(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    /// Takes all rules out.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// What happens to this call. Every matching rule counts it.
    pub fn strike(
        &mut self,
        operation: &Operation,
        now: Timestamp,
        rng: &mut Rng,
    ) -> Option<FaultKind> {
        let mut struck = None;
        for rule in &mut self.rules {
            if rule.matches(operation.service, &operation.name) && rule.strikes(now, rng) {
                struck = struck.or(Some(rule.kind));
            }
        }
        struck
    }
}

/// The error of a fault that AWS answers, in the words of the operation's service.
pub fn error_of(kind: FaultKind, operation: &Operation) -> Option<AwsError> {
    let query = matches!(operation.protocol, Protocol::Query(_) | Protocol::RestXml);
    let plain = |with_suffix: &str| {
        let code = with_suffix.strip_suffix("Exception").unwrap_or(with_suffix);
        if query { code } else { with_suffix }.to_owned()
    };
    let error = |code: &str, message: String, status| {
        AwsError::new(&plain(code), message).with_status(status)
    };
    // JSON services answer the caller's faults with 400, Query services with 403.
    let refused = if query { 403 } else { 400 };
    match kind {
        FaultKind::Throttle => Some(error(
            "ThrottlingException",
            "Rate exceeded".to_owned(),
            400,
        )),
        FaultKind::InternalError => {
            let code = internal_code(operation.service, query);
            Some(AwsError::new(code, "An internal error occurred.").with_status(500))
        }
        FaultKind::ServiceUnavailable => Some(error(
            "ServiceUnavailableException",
            "Service is unable to handle request.".to_owned(),
            503,
        )),
        FaultKind::Denied => Some(error(
            "AccessDeniedException",
            format!(
                "User: arn:aws:iam::123456789012:user/sandbox is not authorized to perform: \
                 {}:{} because no identity-based policy allows the action",
                operation.service.as_str(),
                operation.name
            ),
            refused,
        )),
        FaultKind::ExpiredToken => Some(error(
            "ExpiredTokenException",
            "The security token included in the request is expired".to_owned(),
            refused,
        )),
        FaultKind::TimeoutBefore
        | FaultKind::TimeoutAfter
        | FaultKind::ResetBefore
        | FaultKind::ResetAfter
        | FaultKind::Garbled => None,
    }
}

fn internal_code(service: Service, query: bool) -> &'static str {
    match service {
        Service::Ecs | Service::Ecr => "ServerException",
        Service::Scaling => "InternalServiceException",
        Service::Scheduler => "InternalServerException",
        Service::Lambda => "ServiceException",
        Service::CloudWatch if !query => "InternalServiceFault",
        Service::Logs => "ServiceUnavailableException",
        Service::Secrets => "InternalServiceError",
        Service::DynamoDb | Service::Ssm => "InternalServerError",
        Service::Iam => "ServiceFailure",
        Service::Sns | Service::Ec2 => "InternalError",
        Service::Events => "InternalException",
        Service::CloudWatch
        | Service::Elbv2
        | Service::Sts
        | Service::Discovery
        | Service::Route53 => "InternalFailure",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::wire::query::QueryService;
    use serde_json::Value;

    fn call(service: Service, name: &str) -> Operation {
        let protocol = match service {
            Service::Elbv2 => Protocol::Query(QueryService::Elbv2),
            _ => Protocol::Json,
        };
        Operation {
            service,
            protocol,
            name: name.to_owned(),
            input: Value::Null,
        }
    }

    fn strikes(faults: &mut Faults, operation: &Operation, at: i64) -> bool {
        let now = Timestamp::from_second(at).unwrap();
        let mut rng = Rng::with_seed(1);
        faults.strike(operation, now, &mut rng).is_some()
    }

    #[test]
    fn a_rule_strikes_the_calls_that_it_names_and_no_others() {
        let table = [
            ("*", true, true),
            ("ModifyRule", true, false),
            ("ecs:*", false, true),
            ("elasticloadbalancing:ModifyRule", true, false),
            ("ecs:ModifyRule", false, false),
        ];
        for (pattern, rule, service) in table {
            let mut faults = Faults::default();
            faults.add(FaultRule::new(pattern, FaultKind::Throttle, When::Always));
            let struck = [
                strikes(&mut faults, &call(Service::Elbv2, "ModifyRule"), 0),
                strikes(&mut faults, &call(Service::Ecs, "UpdateService"), 0),
            ];
            assert_eq!(struck, [rule, service], "{pattern}");
        }
    }

    #[test]
    fn rules_strike_by_count_and_by_time() {
        let operation = call(Service::Ecs, "ListTasks");
        let pattern_of = |when| {
            let mut faults = Faults::default();
            faults.add(FaultRule::new("*", FaultKind::Throttle, when));
            (1..=4)
                .map(|at| strikes(&mut faults, &operation, at))
                .collect::<Vec<_>>()
        };
        let moment = |at| Timestamp::from_second(at).unwrap();
        assert_eq!(pattern_of(When::Nth(2)), [false, true, false, false]);
        assert_eq!(pattern_of(When::First(2)), [true, true, false, false]);
        assert_eq!(
            pattern_of(When::Between(moment(2), moment(4))),
            [false, true, true, false]
        );
        assert_eq!(pattern_of(When::Chance(0.0)), [false; 4]);
    }

    #[test]
    fn each_service_is_refused_in_its_own_words() {
        let ecs = error_of(FaultKind::Throttle, &call(Service::Ecs, "ListTasks")).unwrap();
        let elb = error_of(FaultKind::Denied, &call(Service::Elbv2, "ModifyRule")).unwrap();
        assert_eq!(
            (ecs.code.as_str(), ecs.message.as_str(), ecs.status),
            ("ThrottlingException", "Rate exceeded", 400)
        );
        assert_eq!((elb.code.as_str(), elb.status), ("AccessDenied", 403));
        assert!(elb.message.contains("elasticloadbalancing:ModifyRule"));
    }
}
