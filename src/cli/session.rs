//! What every verb that talks to AWS needs: config, clients, store, clock.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::args::{Global, MeantArgs, RegionArgs};
use super::error::{CliError, ErrorKind};
use super::local_region::LocalRegion;
use super::notices;
use super::otlp;
use super::programs;
use super::request;
use super::sandbox_clock;
use super::terminal::Surface;
use super::variables;
use super::who;
use crate::aws::{AwsError, Cloud, ConnectOptions, ErrorClass, RecordsAsk, SurveyAsk};
use crate::config::{self, AccountId, Config, StateLocation};
use crate::deployment::deadman;
use crate::deployment::event::Record;
use crate::deployment::ids::{ClusterName, DeploymentId, ServiceName, SlotName, Slots};
use crate::deployment::plan::Plan;
use crate::deployment::preflight::{self, Planning, Request};
use crate::deployment::problem::Problem;
use crate::deployment::state::Deployment;
use crate::deployment::surroundings::Surroundings;
use crate::runner::{Clock, LEASE, new_id};
use crate::store::{Duty, DynamoStore, FileStore, Holder, MemoryStore, Store, StoreError};

/// How long a verb that can do without the store waits for it.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// An open connection to one service.
pub(super) struct Session {
    pub(super) config: Config,
    /// The config's folder: what it names by relative paths is below it.
    pub(super) folder: PathBuf,
    pub(super) cloud: Cloud,
    pub(super) store: Store,
    pub(super) clock: Clock,
    /// The account of the credentials, once it was asked for.
    pub(super) account: OnceCell<String>,
    /// Where AWS answers, if not at its own endpoints.
    endpoint_url: Option<String>,
    /// The region in process, as long as the session lasts.
    _region: Option<LocalRegion>,
}

impl Session {
    /// Reads the config, reaches AWS (or starts the region), opens the store.
    pub(super) async fn open(
        global: &Global,
        region: Option<&RegionArgs>,
    ) -> Result<Session, CliError> {
        if let Some(region) = region.filter(|region| region.sandbox) {
            return Session::in_sandbox(global, region).await;
        }
        let (config, folder) = read_config(global)?;
        notices::check(&config.notify)?;
        let (cloud, clock) = aws_alone(global, Some(&config)).await?;
        let store = open_store(&config, &folder, &cloud);
        let endpoint_url = endpoint_of(global);
        Ok(Session {
            config,
            folder,
            cloud,
            store,
            clock,
            account: OnceCell::new(),
            endpoint_url,
            _region: None,
        })
    }

    async fn in_sandbox(global: &Global, args: &RegionArgs) -> Result<Session, CliError> {
        let region = LocalRegion::start(args.speed.unwrap_or(1.0), args.seed.unwrap_or(0)).await?;
        let (config, folder) = match &global.config {
            Some(_) => read_config(global)?,
            None => {
                say_unused(global);
                let demo = parse(&region.demo_config(), "the sandbox's config")?;
                (demo, PathBuf::from("."))
            }
        };
        Ok(Session {
            config,
            folder,
            cloud: region.cloud(),
            store: Store::Memory(MemoryStore::default()),
            clock: region.clock(),
            account: OnceCell::new(),
            endpoint_url: None,
            _region: Some(region),
        })
    }

    /// Whether the region runs in this process.
    pub(super) fn is_embedded(&self) -> bool {
        self._region.is_some()
    }

    /// Refuses a config of something else than a pipeline believes that it deploys.
    ///
    /// # Errors
    /// Where it is.
    pub(super) fn refuse_other_than(&self, meant: &MeantArgs) -> Result<(), CliError> {
        let Config {
            service,
            cluster,
            slots,
            ..
        } = &self.config;
        let name = |arn: &str| arn.rsplit('/').next().unwrap_or(arn).to_owned();
        let (a, b) = (name(&slots.a.service), name(&slots.b.service));
        if let Some(other) = &meant.service
            && ![service, &a, &b].contains(&&name(other))
        {
            return Err(CliError::usage(format!(
                "service {other} is meant, and the config is of {service} ({a} and {b})"
            ))
            .hint(
                "name the right config: --config FILE; or leave --service out (BG_SERVICE too)",
            ));
        }
        // A service's ARN names its cluster, too.
        let of_service = meant.service.iter().filter_map(|it| {
            let path = it.split_once(":service/")?.1;
            path.split_once('/').map(|(cluster, _)| cluster.to_owned())
        });
        let clusters = meant.cluster.iter().map(|it| name(it)).chain(of_service);
        if let Some(other) = clusters.into_iter().find(|it| *it != name(cluster)) {
            return Err(CliError::usage(format!(
                "cluster {other} is meant, and the config is of cluster {cluster}"
            ))
            .hint("name the right config: --config FILE; or leave --cluster and --service out (BG_CLUSTER and BG_SERVICE too)"));
        }
        let both = meant.service.iter().chain(&meant.cluster);
        match both.into_iter().find_map(|arn| self.elsewhere(arn)) {
            Some(place) => Err(CliError::usage(place)
                .hint("name the right config or --region, or give the name alone")),
            None => Ok(()),
        }
    }

    /// Why an ARN is of another region or account than this one's.
    fn elsewhere(&self, arn: &str) -> Option<String> {
        let mut parts = arn.strip_prefix("arn:")?.split(':').skip(2);
        let (region, account) = (parts.next()?, parts.next()?);
        if region != self.cloud.region() {
            let here = self.cloud.region();
            return Some(format!(
                "{arn} is in region {region}, and bg works in {here}"
            ));
        }
        let own = self.config.account.as_ref().map(AccountId::as_str);
        own.filter(|it| *it != account)
            .map(|own| format!("{arn} is of account {account}, and the config of {own}"))
    }

    /// A fresh id, for what leaves no journal.
    pub(super) fn new_id(&self) -> DeploymentId {
        new_id(self.clock.now(), None)
    }

    /// The id of the service's next deployment: the last one is found by its order.
    ///
    /// # Errors
    /// When the earlier ones can't be read.
    pub(super) async fn next_id(&self) -> Result<DeploymentId, CliError> {
        let deployments = self.store.deployments(&self.service()).await;
        let deployments =
            deployments.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
        Ok(new_id(self.clock.now(), deployments.last()))
    }

    /// The logical service.
    pub(super) fn service(&self) -> ServiceName {
        ServiceName::new(&self.config.service)
    }

    /// Where it runs.
    pub(super) fn cluster(&self) -> ClusterName {
        ClusterName::new(&self.config.cluster)
    }

    /// Looks around and plans.
    pub(super) async fn plan(&self, request: &Request) -> Result<Planning, CliError> {
        let ask = SurveyAsk::of(request);
        let found = self
            .cloud
            .survey(&ask, self.clock.now())
            .await
            .map_err(|error| self.cant_look(&error))?;
        let mut planning = preflight::plan(request, &found);
        let green = planning.plan.as_ref().map(Plan::green_slot);
        if let Some(other) =
            green.and_then(|slot| preflight::under_way(found.services[slot].as_ref()))
            && !self.knows_the_end_of(&other).await?
        {
            planning.plan = None;
            planning.problems.push(Problem::new(
                format!(
                    "green's tasks are of deployment {other}, of which neither the store nor AWS \
                     shows an end: another process may drive it"
                ),
                "wait for it, or if it is dead put it back with `bg rollback`; runners that \
                 deploy the same service should share their state",
            ));
        }
        if !self.is_embedded() {
            let unset = notices::unset(&self.config.notify);
            planning.warnings.extend(unset);
            let untold = otlp::unusable();
            let untold =
                untold.map(|why| format!("the collector will not be told of the trace: {why}"));
            planning.warnings.extend(untold);
        }
        let mut missing = programs::problems(request);
        missing.extend(variables::problems(request));
        if !missing.is_empty() {
            planning.plan = None;
            planning.problems.extend(missing);
        }
        let ci = Surface::of_process().is_ci();
        if ci && matches!(self.config.state, StateLocation::File(_)) {
            planning.notes.push(format!(
                "state {} is this runner's alone: it locks out no deployment of another one",
                self.config.state
            ));
        }
        Ok(planning)
    }

    /// Whether the store shows that a deployment has ended.
    pub(super) async fn knows_the_end_of(&self, id: &DeploymentId) -> Result<bool, CliError> {
        let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
        let journal = match self.store.journal(&self.service(), id).await {
            Err(StoreError::Damaged { .. }) => return Ok(false),
            journal => journal.map_err(unreadable)?,
        };
        let state = Deployment::replay(&journal);
        Ok(state.is_ok_and(|state| state.is_some_and(|state| state.outcome().is_some())))
    }

    /// Looks at what a status shows: everything but alarms and registries.
    pub(super) async fn survey_for_status(&self) -> Result<Surroundings, CliError> {
        self.survey_with(None).await
    }

    async fn survey_with(&self, deadman: Option<String>) -> Result<Surroundings, CliError> {
        let slots = request::slots(&self.config);
        let targets = SlotName::BOTH.iter().flat_map(|slot| &slots[*slot].targets);
        let ask = SurveyAsk {
            cluster: self.cluster(),
            services: Slots::from_fn(|slot| slots[slot].service.clone()),
            groups: targets.map(|target| target.group.clone()).collect(),
            alarms: Vec::new(),
            definition: None,
            images: Vec::new(),
            deadman,
            metrics: None,
            functions: Vec::new(),
            test_requests: Default::default(),
            test_routes: Vec::new(),
            version: None,
            records: RecordsAsk::of(&slots, &request::routes(&self.config)),
            owned: Slots::default(),
        };
        let found = self.cloud.survey(&ask, self.clock.now()).await;
        found.map_err(|error| self.cant_look(&error))
    }

    /// The same, with what matters to the dead-man switch.
    pub(super) async fn survey_for_deadman(&self) -> Result<Surroundings, CliError> {
        let prefix = deadman::prefix(&self.cluster(), &self.service());
        self.survey_with(Some(prefix)).await
    }

    /// AWS, or the way to it, didn't let a look happen.
    pub(super) fn cant_look(&self, error: &AwsError) -> CliError {
        let message = CliError::from_error(ErrorKind::Unexpected, error);
        match (error.class, &self.endpoint_url) {
            (ErrorClass::NotSent | ErrorClass::TimedOut, Some(url)) => message.hint(format!(
                "nothing was changed; does anything listen at {url} (--endpoint-url, \
                 AWS_ENDPOINT_URL)?"
            )),
            (ErrorClass::NotSent | ErrorClass::TimedOut, None) => message.hint(format!(
                "nothing was changed; check the network, and that region {} exists",
                self.cloud.region()
            )),
            _ if error.hint().is_some() => message
                .hint("nothing was changed")
                .hint(error.hint().unwrap_or_default()),
            (ErrorClass::Denied, _) => message
                .hint("nothing was changed; `bg iam-policy` prints the permissions that bg needs"),
            _ => message.hint("nothing was changed"),
        }
    }

    /// Reads what tells whether a deployment is under way: the lock and the last journal.
    ///
    /// # Errors
    /// When one can't be read or understood, or not in time.
    pub(super) async fn read_store(&self) -> Result<(), CliError> {
        self.unless_silent(async {
            self.present_holder().await?;
            let illegal = |error| CliError::from_error(ErrorKind::Store, &error);
            let last = self.last_journal().await?;
            Deployment::replay(&last).map(|_| ()).map_err(illegal)
        })
        .await
    }

    /// What the store says, unless it is silent.
    pub(super) async fn unless_silent<T>(
        &self,
        read: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        let silent = |_| CliError::from_error(ErrorKind::Unexpected, &StoreError::TimedOut);
        let read = tokio::time::timeout(STORE_ANSWERS_WITHIN, read).await;
        read.map_err(silent)?
    }

    /// The journal of the last deployment; empty where there was none.
    pub(super) async fn last_journal(&self) -> Result<Vec<Record>, CliError> {
        let unreadable = |error| CliError::from_error(ErrorKind::Unexpected, &error);
        let (store, service) = (&self.store, self.service());
        let deployments = store.deployments(&service).await.map_err(unreadable)?;
        match deployments.last() {
            Some(last) => store.journal(&service, last).await.map_err(unreadable),
            None => Ok(Vec::new()),
        }
    }

    /// Who runs this process: `ada@engine`.
    pub(super) fn who(&self) -> String {
        who::name()
    }

    /// This process, as the holder of a lock.
    pub(super) fn holder(&self, deployment: &DeploymentId) -> Holder {
        let now = self.clock.now();
        Holder {
            deployment: deployment.clone(),
            owner: who::owner(),
            host: who::host(),
            pid: std::process::id(),
            run_url: run_url(),
            since: now,
            lease_until: now + LEASE,
            fence: 0,
            duty: Duty::Deploy,
        }
    }
}

pub(super) fn run_url() -> Option<String> {
    let var = |name| std::env::var(name).ok();
    let github = || {
        Some(format!(
            "{}/{}/actions/runs/{}",
            var("GITHUB_SERVER_URL")?,
            var("GITHUB_REPOSITORY")?,
            var("GITHUB_RUN_ID")?
        ))
    };
    github()
        .or_else(|| var("CODEBUILD_BUILD_URL"))
        .or_else(|| var("CI_JOB_URL"))
}

/// AWS and its clock, without a store; `config` only says where.
pub(super) async fn aws_alone(
    global: &Global,
    config: Option<&Config>,
) -> Result<(Cloud, Clock), CliError> {
    let cloud = connect(global, config).await?;
    let clock = clock_alone(global).await;
    Ok((cloud.at_speed(clock.speed()), clock))
}

/// The clock of the sandbox that AWS's address leads to, or else the machine's.
pub(super) async fn clock_alone(global: &Global) -> Clock {
    let of_sandbox = match endpoint_of(global) {
        Some(url) => sandbox_clock::of(&url).await,
        None => None,
    };
    of_sandbox.unwrap_or_else(Clock::wall)
}

/// Where AWS answers, if not at its own endpoints.
fn endpoint_of(global: &Global) -> Option<String> {
    let of_environment = || std::env::var("AWS_ENDPOINT_URL").ok();
    global.endpoint_url.clone().or_else(of_environment)
}

pub(super) fn read_config(global: &Global) -> Result<(Config, PathBuf), CliError> {
    let path = match &global.config {
        Some(path) => path.clone(),
        None => find_config()?,
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        CliError::usage(format!("can't read the config {}", path.display())).caused_by(&error)
    })?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok((parse(&text, &path.display().to_string())?, folder))
}

/// The sandbox's demo service has a config of its own, whatever lies in the folder.
fn say_unused(global: &Global) {
    let here = std::env::current_dir().unwrap_or_default();
    if !global.quiet && config::find(&here).is_ok() {
        note!(
            "Note: your bg.yaml isn't used in the sandbox, which has its own for the demo service; \
             --config takes another for that service"
        );
    }
}

fn find_config() -> Result<PathBuf, CliError> {
    let here = std::env::current_dir()
        .map_err(|error| CliError::usage("the working folder is gone").caused_by(&error))?;
    config::find(&here).map_err(|error| {
        CliError::usage(error.to_string())
            .hint("have one written from a live service: bg init --cluster C --service S")
            .hint("name one with --config FILE; `bg help config` lists its keys")
            .hint("try it without AWS: bg deploy --sandbox --image shop:v2 --speed 60")
    })
}

pub(super) fn parse(text: &str, origin: &str) -> Result<Config, CliError> {
    let var = |name: &str| std::env::var(name).ok();
    Config::parse(text, origin, &var).map_err(|error| CliError::usage(error.to_string()))
}

pub(super) async fn connect(global: &Global, config: Option<&Config>) -> Result<Cloud, CliError> {
    let options = ConnectOptions {
        region: global.region.clone().or_else(|| config?.region.clone()),
        profile: global.profile.clone(),
        endpoint_url: global.endpoint_url.clone(),
    };
    Cloud::connect(&options)
        .await
        .map_err(|error| cant_connect(&error))
}

fn open_store(config: &Config, folder: &Path, cloud: &Cloud) -> Store {
    match &config.state {
        StateLocation::File(dir) => Store::File(FileStore::new(folder.join(dir))),
        StateLocation::DynamoDb(table) => Store::Dynamo(DynamoStore::new(cloud, table)),
    }
}

/// The store alone: AWS is reached only where it is kept there.
pub(super) async fn store_alone(global: &Global) -> Result<(Config, Store), CliError> {
    let (config, folder) = read_config(global)?;
    let store = match &config.state {
        StateLocation::File(dir) => Store::File(FileStore::new(folder.join(dir))),
        StateLocation::DynamoDb(_) => {
            open_store(&config, &folder, &connect(global, Some(&config)).await?)
        }
    };
    Ok((config, store))
}

fn cant_connect(error: &crate::aws::ConnectError) -> CliError {
    CliError::from_error(ErrorKind::Refused, error)
}
