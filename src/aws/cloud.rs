//! The one handle to AWS: the clients, each made when it is first needed, and what the last look
//! left behind for a revert.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use aws_types::region::Region;
use aws_types::sdk_config::StalledStreamProtectionConfig;
use jiff::SignedDuration;

use super::credentials::Renewing;
use super::dns::Written;
use super::error::AwsError;
use super::limits::Budgets;
use super::metrics::LastRead;
use super::raw::Sorted;
use super::xml::Element;
use crate::deployment::ids::RouteArn;

/// For a connection to stand.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// For one try of a call: AWS's control plane answers within a second or two even on a bad day,
/// and a look that hangs delays a revert.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// AWS, in one account and region.
#[derive(Debug)]
pub struct Cloud {
    pub(super) config: SdkConfig,
    region: String,
    is_sandbox: bool,
    credentials: Renewing,
    /// How far this machine's clock is ahead, where AWS has refused a request for it.
    clock_ahead: Mutex<Option<SignedDuration>>,
    budgets: Budgets,
    ecs: OnceLock<aws_sdk_ecs::Client>,
    elb: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    route53: OnceLock<aws_sdk_route53::Client>,
    cloudwatch: OnceLock<aws_sdk_cloudwatch::Client>,
    scaling: OnceLock<aws_sdk_applicationautoscaling::Client>,
    scheduler: OnceLock<aws_sdk_scheduler::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
    /// Each route's action list, or records, as last seen or written: a revert starts from these.
    actions: Mutex<BTreeMap<RouteArn, Element>>,
    /// The change of each record pair that this process made last.
    written: Mutex<BTreeMap<RouteArn, Written>>,
    /// The metrics as last read: a minute is final once two reads agree.
    metrics: Mutex<Option<LastRead>>,
}

impl Cloud {
    /// A handle on what `config` reaches. Retries and time-outs are this module's own.
    pub fn with_config(config: &SdkConfig) -> Cloud {
        let time_outs = TimeoutConfig::builder()
            .connect_timeout(CONNECT_WITHIN)
            .operation_attempt_timeout(ANSWER_WITHIN)
            .build();
        let time = config.time_source().unwrap_or_default();
        let credentials = Renewing::from(config.credentials_provider(), time);
        // CloudTrail shows it with each call.
        let app_name = (config.app_name().cloned()).or_else(|| AppName::new("bg").ok());
        let mut config = config
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            // They are kept there, and the SDK's own cache can't be told that they are over.
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::disabled())
            .timeout_config(time_outs);
        config.set_app_name(app_name);
        config.set_stalled_stream_protection(Some(StalledStreamProtectionConfig::disabled()));
        let config = config.build();
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        Cloud {
            config,
            region,
            is_sandbox: false,
            credentials,
            clock_ahead: Mutex::default(),
            budgets: Budgets::default(),
            ecs: OnceLock::new(),
            elb: OnceLock::new(),
            route53: OnceLock::new(),
            cloudwatch: OnceLock::new(),
            scaling: OnceLock::new(),
            scheduler: OnceLock::new(),
            sts: OnceLock::new(),
            actions: Mutex::default(),
            written: Mutex::default(),
            metrics: Mutex::default(),
        }
    }

    /// The same where AWS's clock runs faster than this process's: its budgets refill faster.
    #[must_use]
    pub fn at_speed(mut self, speed: f64) -> Cloud {
        self.budgets = Budgets::at_speed(speed);
        self.is_sandbox = true;
        self
    }

    /// Another handle on the same, for a task of its own.
    #[must_use]
    pub fn another(&self) -> Cloud {
        let mut another = Cloud::with_config(&self.config);
        another.is_sandbox = self.is_sandbox;
        another
    }

    /// Where the sandbox answers, where that is what is asked.
    pub(super) fn sandbox(&self) -> Option<&str> {
        self.config.endpoint_url().filter(|_| self.is_sandbox)
    }

    pub(super) fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    pub(crate) fn credentials(&self) -> &Renewing {
        &self.credentials
    }

    /// Notes what an error says of what requests are signed with.
    pub(super) fn heed(&self, error: &AwsError) {
        self.credentials.heed_in_a_look(error);
        if let Some(ahead) = error.clock_ahead() {
            let mut known = self
                .clock_ahead
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *known = Some(ahead);
        }
    }

    /// How far this machine's clock is ahead of AWS's, where AWS has refused a request for it.
    pub(super) fn clock_ahead(&self) -> Option<SignedDuration> {
        *self
            .clock_ahead
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The region that is asked.
    pub fn region(&self) -> &str {
        &self.region
    }

    pub(super) fn ecs(&self) -> &aws_sdk_ecs::Client {
        self.ecs
            .get_or_init(|| aws_sdk_ecs::Client::new(&self.config))
    }

    pub(super) fn elb(&self) -> &aws_sdk_elasticloadbalancingv2::Client {
        self.elb
            .get_or_init(|| aws_sdk_elasticloadbalancingv2::Client::new(&self.config))
    }

    /// One service for all regions, whose endpoint and signing the SDK knows.
    pub(super) fn route53(&self) -> &aws_sdk_route53::Client {
        self.route53
            .get_or_init(|| aws_sdk_route53::Client::new(&self.config))
    }

    pub(super) fn cloudwatch(&self) -> &aws_sdk_cloudwatch::Client {
        self.cloudwatch
            .get_or_init(|| aws_sdk_cloudwatch::Client::new(&self.config))
    }

    pub(super) fn scaling(&self) -> &aws_sdk_applicationautoscaling::Client {
        self.scaling
            .get_or_init(|| aws_sdk_applicationautoscaling::Client::new(&self.config))
    }

    pub(super) fn scheduler(&self) -> &aws_sdk_scheduler::Client {
        self.scheduler
            .get_or_init(|| aws_sdk_scheduler::Client::new(&self.config))
    }

    pub(super) fn sts(&self) -> &aws_sdk_sts::Client {
        self.sts
            .get_or_init(|| aws_sdk_sts::Client::new(&self.config))
    }

    /// The store's tables. What is sent there has its fields in order, so that a seeded run gives
    /// the same bytes every time.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.config)
            .interceptor(Sorted)
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    /// The logs of `region`, which need not be the deployment's either.
    pub(super) fn logs(&self, region: &str) -> aws_sdk_cloudwatchlogs::Client {
        let config = aws_sdk_cloudwatchlogs::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .build();
        aws_sdk_cloudwatchlogs::Client::from_conf(config)
    }

    /// The registry of `region`, which need not be the deployment's.
    pub(super) fn ecr(&self, region: &str) -> aws_sdk_ecr::Client {
        let config = aws_sdk_ecr::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .build();
        aws_sdk_ecr::Client::from_conf(config)
    }

    pub(super) fn with_last_metrics<T>(&self, with: impl FnOnce(&mut Option<LastRead>) -> T) -> T {
        let mut last = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        with(&mut last)
    }

    /// The action list of `route` as last seen or written.
    pub(super) fn remembered(&self, route: &RouteArn) -> Option<Element> {
        let actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        actions.get(route).cloned()
    }

    /// The change of a record pair that this process made last.
    pub(super) fn written(&self, route: &RouteArn) -> Option<Written> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.get(route).cloned()
    }

    /// Keeps `change`, or with `None` forgets what was kept.
    pub(super) fn note_written(&self, route: &RouteArn, change: Option<Written>) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        match change {
            Some(change) => written.insert(route.clone(), change),
            None => written.remove(route),
        };
    }

    /// Keeps `list`, or with `None` forgets what was kept.
    pub(super) fn remember(&self, route: &RouteArn, list: Option<Element>) {
        let mut actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        match list {
            Some(list) => actions.insert(route.clone(), list),
            None => actions.remove(route),
        };
    }
}
