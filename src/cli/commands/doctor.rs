//! `bg doctor`

use jiff::Timestamp;

use crate::aws::{Cloud, CollectAsk};
use crate::cli::args::{DoctorArgs, Global, OutputFormat};
use crate::cli::display::{print, print_json};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::request;
use crate::cli::session::{aws_alone, read_config};
use crate::cli::terminal::Surface;
use crate::config::Config;
use crate::deployment::ids::{ClusterName, EcsServiceName, SlotName};
use crate::diagnose::{Evidence, diagnose};
use crate::report::doctor::{DoctorReport, Patient, Tasks, text};

/// What ECS uses where no cluster is named.
const DEFAULT_CLUSTER: &str = "default";
/// How many of a cluster's services are named where one is mistyped.
const NAMED: usize = 8;
/// How alike two names are to be taken for one another.
const ALIKE: f64 = 0.7;

pub(super) async fn run(global: &Global, args: &DoctorArgs) -> Result<ExitCode, CliError> {
    let config = config_for(global, args)?;
    let (cloud, clock) = aws_alone(global, config.as_ref()).await?;
    let cluster = args.cluster.clone();
    let cluster = cluster.or_else(|| config.as_ref().map(|it| it.cluster.clone()));
    let cluster = ClusterName::new(cluster.unwrap_or_else(|| DEFAULT_CLUSTER.to_owned()));
    let now = clock.now();
    let services = match (named(args), &config) {
        (Some(asked), _) => vec![one(&cloud, &cluster, asked, now).await?],
        (None, Some(config)) => slots(&cloud, &cluster, config, now).await,
        (None, None) => Vec::new(),
    };
    let report = DoctorReport {
        at: now,
        cluster,
        services,
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

async fn one(
    cloud: &Cloud,
    cluster: &ClusterName,
    (service, task): Asked,
    now: Timestamp,
) -> Result<Patient, CliError> {
    let ask = CollectAsk {
        cluster: cluster.clone(),
        service: service.clone(),
        task,
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
    let denied = evidence.failures.iter().any(|failure| failure.denied);
    match service {
        Some(name) if evidence.service.is_none() && !denied => {
            Err(no_service(cloud, cluster, &name, &evidence).await)
        }
        service => Ok(patient(service, None, &evidence)),
    }
}

async fn slots(
    cloud: &Cloud,
    cluster: &ClusterName,
    config: &Config,
    now: Timestamp,
) -> Vec<Patient> {
    let wanted = request::slots(config);
    let mut patients = Vec::new();
    for slot in SlotName::BOTH {
        let service = wanted[slot].service.clone();
        let ask = CollectAsk {
            cluster: cluster.clone(),
            service: Some(service.clone()),
            task: None,
        };
        let evidence = cloud.collect(&ask, now).await;
        patients.push(patient(Some(service), Some(slot), &evidence));
    }
    patients
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
        findings: diagnose(evidence),
    }
}

/// The nearest names, or why there are none.
async fn no_service(
    cloud: &Cloud,
    cluster: &ClusterName,
    name: &EcsServiceName,
    evidence: &Evidence,
) -> CliError {
    let missing = CliError::refused(format!("there is no service {name} in cluster {cluster}"));
    let mut names = match cloud.names_of_services(cluster).await {
        Ok(names) => names,
        Err(error) => {
            let trouble = evidence.failures.first().map(|it| it.message.clone());
            return CliError::refused(format!("cluster {cluster} can't be read"))
                .caused_by(&error)
                .hint(trouble.unwrap_or_else(|| "name another with --cluster".to_owned()))
                .hint("the cluster is --cluster, or bg.yaml's; the region --region");
        }
    };
    let like = |other: &str| strsim::jaro_winkler(other, name.as_str());
    names.sort_by(|one, other| like(other).total_cmp(&like(one)));
    let missing = match names.first().filter(|nearest| like(nearest) > ALIKE) {
        Some(nearest) => missing.hint(format!("did you mean {nearest}?")),
        None => missing,
    };
    names.truncate(NAMED);
    match names.is_empty() {
        true => missing.hint(format!("cluster {cluster} has no services")),
        false => missing.hint(format!("services there: {}", names.join(", "))),
    }
}
