//! `bg doctor`

mod balancers;

use std::time::Duration;

use jiff::Timestamp;

use self::balancers::Balancers;
use crate::aws::{Cloud, CollectAsk};
use crate::cli::args::{DoctorArgs, Global, OutputFormat};
use crate::cli::display::{print, print_json};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::missing;
use crate::cli::past::Past;
use crate::cli::request;
use crate::cli::session::{aws_alone, read_config};
use crate::cli::terminal::Surface;
use crate::config::Config;
use crate::deployment::dns::Record;
use crate::deployment::ids::{ClusterName, EcsServiceName, SlotName};
use crate::deployment::outcome::Outcome;
use crate::deployment::state::Deployment;
use crate::diagnose::{Evidence, diagnose};
use crate::report::doctor::{DoctorReport, Patient, Reverted, Tasks, text};

/// How long the store may take to tell of the last deployment.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// What ECS uses where no cluster is named.
const DEFAULT_CLUSTER: &str = "default";

pub(super) async fn run(global: &Global, args: &DoctorArgs) -> Result<ExitCode, CliError> {
    let config = config_for(global, args)?;
    let (cloud, clock) = aws_alone(global, config.as_ref()).await?;
    let cluster = args.cluster.clone();
    let cluster = cluster.or_else(|| config.as_ref().map(|it| it.cluster.clone()));
    let cluster = ClusterName::new(cluster.unwrap_or_else(|| DEFAULT_CLUSTER.to_owned()));
    let now = clock.now();
    let services = match (named(args), &config) {
        (Some(asked), config) => {
            let records = records_of(&cloud, &cluster, asked.0.as_ref(), config.as_ref()).await;
            vec![one(&cloud, &cluster, asked, records, now).await?]
        }
        (None, Some(config)) => slots(&cloud, &cluster, config, now).await?,
        (None, None) => Vec::new(),
    };
    let reverted = match named(args) {
        Some(_) => None,
        None => last_reverted(global).await,
    };
    let report = DoctorReport {
        at: now,
        cluster,
        services,
        reverted,
    };
    let shown = match global.output {
        OutputFormat::Text | OutputFormat::Markdown => {
            print(&text(&report), Surface::of_process().stdout_colors(global))
        }
        OutputFormat::Json => print_json(&report),
    };
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}

/// The last deployment, if it was reverted and the store says so in time.
async fn last_reverted(global: &Global) -> Option<Reverted> {
    let read = async {
        let past = Past::open(global).await.ok()?;
        let last = past.deployments().await.ok()?.pop()?;
        let records = past.journal(&last).await.ok()?;
        let deployment = Deployment::replay(&records).ok()??;
        let Some(Outcome::Reverted { trip }) = deployment.outcome() else {
            return None;
        };
        Some(Reverted {
            id: last,
            at: records.last()?.at,
            why: trip.to_string(),
        })
    };
    tokio::time::timeout(STORE_ANSWERS_WITHIN, read)
        .await
        .ok()?
}

/// A service or task that the command line names.
type Asked = (Option<EcsServiceName>, Option<String>);

fn named(args: &DoctorArgs) -> Option<Asked> {
    let service = args.service.as_ref().map(EcsServiceName::new);
    let asked = service.is_some() || args.task.is_some();
    asked.then(|| (service, args.task.clone()))
}

/// The config; for a service that is named it may be missing.
fn config_for(global: &Global, args: &DoctorArgs) -> Result<Option<Config>, CliError> {
    match read_config(global) {
        Ok((config, _)) => Ok(Some(config)),
        Err(_) if named(args).is_some() && global.config.is_none() => Ok(None),
        Err(error) => Err(error.hint("or name any service: bg doctor --service S --cluster C")),
    }
}

/// The record pairs that lead to a service, where it is one of the config's.
async fn records_of(
    cloud: &Cloud,
    cluster: &ClusterName,
    service: Option<&EcsServiceName>,
    config: Option<&Config>,
) -> Option<Vec<Record>> {
    let own = config.filter(|config| {
        let wanted = request::slots(config);
        let mut slots = SlotName::BOTH.into_iter();
        let is_slot = slots.any(|slot| service.is_none_or(|it| *it == wanted[slot].service));
        is_slot
            && cluster.as_str() == config.cluster
            && request::routes(config).records().next().is_some()
    });
    match own {
        Some(config) => Balancers::look(cloud, config).await.records,
        None => Some(Vec::new()),
    }
}

async fn one(
    cloud: &Cloud,
    cluster: &ClusterName,
    (service, task): Asked,
    records: Option<Vec<Record>>,
    now: Timestamp,
) -> Result<Patient, CliError> {
    let ask = CollectAsk {
        cluster: cluster.clone(),
        service: service.clone(),
        task,
        suspected_since: None,
        records,
    };
    let evidence = cloud.collect(&ask, now).await;
    if let Some(task) = &evidence.asked_task
        && evidence.tasks.is_empty()
        && evidence.failures.is_empty()
    {
        return Err(
            CliError::refused(format!("there is no task {task} in cluster {cluster}"))
                .hint("ECS shows stopped tasks for an hour; the cluster is --cluster"),
        );
    }
    if evidence.failures.iter().any(|failure| failure.no_cluster) {
        return Err(missing::no_cluster(cloud, cluster).await);
    }
    let denied = evidence.failures.iter().any(|failure| failure.denied);
    match service {
        Some(name) if evidence.service.is_none() && !denied => {
            let error = missing::no_service(cloud, cluster, &name).await;
            let trouble = evidence.failures.first();
            Err(trouble.map_or(error.clone(), |it| error.hint(it.message.clone())))
        }
        service => match other_service(&evidence) {
            Some(error) => Err(error),
            None => Ok(patient(service, None, &evidence)),
        },
    }
}

/// The task that is asked about is none of the service that is.
fn other_service(evidence: &Evidence) -> Option<CliError> {
    let task = evidence.tasks.first()?;
    let asked = evidence.asked_task.as_ref()?;
    let named = &evidence.service.as_ref()?.name;
    let own = match &task.service {
        Some(own) if own == named => return None,
        Some(own) => format!("is of service {own}"),
        None => "is of no service".to_owned(),
    };
    let refused = CliError::refused(format!("task {asked} {own}, not of {named}"));
    Some(refused.hint(format!(
        "ask about the task alone: bg doctor --cluster {} --task {asked}",
        evidence.cluster
    )))
}

/// Both slots of the config.
///
/// # Errors
/// When neither is there.
async fn slots(
    cloud: &Cloud,
    cluster: &ClusterName,
    config: &Config,
    now: Timestamp,
) -> Result<Vec<Patient>, CliError> {
    let wanted = request::slots(config);
    let found = Balancers::look(cloud, config).await;
    let mut patients = Vec::new();
    let mut seen = false;
    for slot in SlotName::BOTH {
        let service = wanted[slot].service.clone();
        let ask = CollectAsk {
            cluster: cluster.clone(),
            service: Some(service.clone()),
            task: None,
            suspected_since: None,
            records: found.records.clone(),
        };
        let evidence = cloud.collect(&ask, now).await;
        if evidence.failures.iter().any(|failure| failure.no_cluster) {
            return Err(missing::no_cluster(cloud, cluster).await);
        }
        seen |= evidence.service.is_some() || !evidence.failures.is_empty();
        patients.push(patient(Some(service), Some(slot), &evidence));
    }
    if !seen {
        let service = &wanted[SlotName::A].service;
        return Err(missing::no_service(cloud, cluster, service).await);
    }
    missing::name_the_nearest(cloud, cluster, &wanted, &mut patients).await;
    for patient in &mut patients {
        let Some(slot) = patient.slot else { continue };
        let lacks = found.findings[slot].iter().cloned();
        patient.findings.splice(0..0, lacks);
    }
    Ok(patients)
}

fn patient(
    service: Option<EcsServiceName>,
    slot: Option<SlotName>,
    evidence: &Evidence,
) -> Patient {
    let found = evidence.service.as_ref();
    let asked = service.map(|name| name.as_str().to_owned());
    Patient {
        service: found.map(|it| it.name.clone()).or(asked),
        slot,
        task: evidence.asked_task.clone(),
        tasks: found.map(|it| Tasks {
            desired: it.desired,
            running: it.running,
        }),
        nearest: None,
        findings: diagnose(evidence),
    }
}
