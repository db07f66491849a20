//! `bg rehearse`

mod base;
mod live;
mod show;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use self::base::Base;
use self::show::Shown;
use crate::aws::{Cloud, CollectAsk, SurveyAsk};
use crate::cli::args::{DefinitionArgs, Global, RehearseArgs, VersionArgs};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::local_region::DEMO_CONFIG;
use crate::cli::request::Wanted;
use crate::cli::running;
use crate::cli::session::{parse, read_config};
use crate::config::{self, Config};
use crate::deployment::event::Record;
use crate::deployment::ids::{DeploymentId, SlotName};
use crate::deployment::preflight::{self, Request};
use crate::deployment::state::IllegalRecord;
use crate::diagnose::diagnose;
use crate::rehearse::{
    Contender, Failing, Scenario, Series, build, fit, leave_out_unseen, means, practice,
};
use crate::report::words;
use crate::sandbox::world::World;
use crate::sandbox::world::app::Behaviour;
use crate::sandbox::world::elb::Kind;
use crate::sandbox::{Region, RegionOptions};
use crate::strategy::StrategyRef;

/// What the config's alarms are where the live ones can't be read.
const STAND_INS: &str = "the alarms are stand-ins: each rings when 1 % of its slot's requests fail \
    in two of three minutes or, with latency or time in its name, when a tenth take five times as \
    long as usual";
/// The same behind a network load balancer.
const QUIET: &str = "the alarms stay quiet: a network load balancer counts no answers";
/// What `--compare` calls the practice that a rehearsal is held against.
const CODEDEPLOY: &str = "codedeploy";

pub(super) async fn run(global: &Global, args: &RehearseArgs) -> Result<ExitCode, CliError> {
    let mut scenario = scenario(args)?;
    let (config, folder, origin) = config(global)?;
    if config.is_bare() {
        return Err(CliError::refused(
            "a rehearsal plays traffic through a load balancer, and the slots have no target groups",
        )
        .hint("try it with tasks in the sandbox instead: `bg sandbox`"));
    }
    let names = names(args);
    let request = |name| request(args, name, &config, &folder);
    let requests = names.iter().map(|name| request(*name));
    let mut requests = requests.collect::<Result<Vec<Request>, CliError>>()?;
    let own = names.iter().find(|it| **it != Some(CODEDEPLOY));
    let own = request(own.copied().flatten())?;
    let mut base = match (&args.scenario, origin) {
        (Some(path), _) => Base::stand_in(format!("the scenario {}", path.display())),
        (None, Origin::Demo) => Base::stand_in("the demo service: no bg.yaml here"),
        (None, Origin::Own) => {
            live::fill(global, &config, &own, &mut requests, &mut scenario).await?
        }
    };
    if origin == Origin::Own && scenario.alarms.is_none() && !own.guards.alarms.is_empty() {
        base.note(match scenario.load_balancer {
            Kind::Application => STAND_INS,
            Kind::Network => QUIET,
        });
    }
    let world = account(&requests[0], &scenario, base.slot)?;
    let mut contenders = Vec::new();
    for (name, request) in names.iter().zip(requests) {
        let mut contender = contender(&world, *name, request, &mut base).await?;
        if let Some(name) = name
            && contenders
                .iter()
                .any(|it: &Contender| it.name == contender.name)
        {
            contender.name = (*name).to_owned();
        }
        contenders.push(contender);
    }
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    // Listens from now on.
    tokio::select! {
        biased;
        _ = &mut interrupted => return Ok(ExitCode::Detached),
        () = std::future::ready(()) => {}
    }
    let (images, first_seed, seeds) = (args.images.clone(), args.seed, args.seeds);
    let (plan, quiet) = (contenders[0].plan.clone(), global.quiet);
    let rehearsed = tokio::task::spawn_blocking(move || {
        let series = Series {
            world: &world,
            scenario: &scenario,
            contenders: &contenders,
            first_seed,
            seeds,
        };
        if seeds > 0 && !quiet {
            let runs = words::plural(series.runs(), "deployment");
            note!("Rehearsing {runs}; Ctrl-C ends it");
        }
        let told = series.story(&contenders[0], |live| of_tag(&images, live))?;
        Ok::<_, IllegalRecord>((told, series.rows()?))
    });
    let ((records, failing), rows) = tokio::select! {
        // Nothing has to be put back: the process may end under it.
        _ = &mut interrupted => return Ok(ExitCode::Detached),
        rehearsed = rehearsed => rehearsed
            .expect("a run doesn't panic")
            .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?,
    };
    let records = match failing {
        Some(failing) => why(failing, records).await,
        None => records,
    };
    let shown = Shown {
        base: &base,
        strategy: &plan.strategy,
        first_seed,
        records: &records,
        rows: &rows,
        means: &means(&rows),
    };
    let shown = shown.print(global);
    shown.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}

/// The strategies as they were asked for; `None` is the config's.
fn names(args: &RehearseArgs) -> Vec<Option<&str>> {
    match (&args.compare[..], &args.strategy) {
        ([], strategy) => vec![strategy.as_deref()],
        (names, _) => names.iter().map(|name| Some(name.trim())).collect(),
    }
}

/// The journal with why green failed, found out as in any deployment.
async fn why(failing: Failing, records: Vec<Record>) -> Vec<Record> {
    let ask = CollectAsk::of_green(&failing.deployment);
    let region = Region::with(failing.world.clone(), RegionOptions::default());
    let cloud = Cloud::with_config(&region.sdk_config());
    let evidence = cloud.collect_now(&ask, failing.world.now).await;
    failing.told(records, diagnose(&evidence))
}

fn scenario(args: &RehearseArgs) -> Result<Scenario, CliError> {
    let Some(path) = &args.scenario else {
        return Ok(Scenario::default());
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| CliError::usage(format!("can't read {name}")).caused_by(&error))?;
    Scenario::parse(&text, &name).map_err(|error| CliError::usage(error.to_string()))
}

/// The config as any verb finds it; the demo service's, judged, where there is none.
fn config(global: &Global) -> Result<(Config, PathBuf, Origin), CliError> {
    let here = std::env::current_dir().unwrap_or_default();
    if global.config.is_some() || config::find(&here).is_ok() {
        let (config, folder) = read_config(global)?;
        return Ok((config, folder, Origin::Own));
    }
    let demo = format!("{DEMO_CONFIG}  metrics: {{ errors: default }}\n");
    let demo = parse(&demo, "the demo's config")?;
    Ok((demo, PathBuf::from("."), Origin::Demo))
}

/// Whose config it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The user's.
    Own,
    /// The demo service's.
    Demo,
}

fn request(
    args: &RehearseArgs,
    strategy: Option<&str>,
    config: &Config,
    folder: &Path,
) -> Result<Request, CliError> {
    let practised = strategy == Some(CODEDEPLOY);
    let version = VersionArgs {
        definition: DefinitionArgs {
            images: args.images.clone(),
            ..DefinitionArgs::default()
        },
        strategy: strategy.filter(|_| !practised).map(str::to_owned),
        force: true,
        allow_long: true,
        ..VersionArgs::default()
    };
    let wanted = Wanted::of_version(&version)?;
    let mut request = wanted.into_request(config, folder, DeploymentId::new("rehearsal"))?;
    if practised {
        practice(&mut request);
    }
    Ok(request)
}

fn account(request: &Request, scenario: &Scenario, live: SlotName) -> Result<World, CliError> {
    // A Monday morning: a rehearsal's figures don't depend on the day it is held.
    let start: Timestamp = RegionOptions::default().start;
    build(request, scenario, live, start).map_err(|error| {
        CliError::usage(format!(
            "the rehearsal's account can't be built: {}",
            error.message
        ))
    })
}

/// Plans over the SDK, as any deployment does, in a copy of the account.
async fn contender(
    world: &World,
    name: Option<&str>,
    mut request: Request,
    base: &mut Base,
) -> Result<Contender, CliError> {
    fit(&mut request);
    if !std::mem::take(&mut request.gates).is_empty() {
        base.note("gates are left out: a rehearsal takes each for passed at once".to_owned());
    }
    let guards = request.guards.metrics.as_mut();
    let unseen = guards.map(|it| leave_out_unseen(it, world));
    if let Some(unseen) = unseen.filter(|it| !it.is_empty()) {
        base.note(format!(
            "not judged, for want of what they measure: {}; a rehearsal has the metrics of its \
             load balancers alone",
            unseen.join(", ")
        ));
    }
    let region = Region::with(world.clone(), RegionOptions::default());
    let cloud = Cloud::with_config(&region.sdk_config());
    let found = cloud.survey(&SurveyAsk::of(&request), world.now).await;
    let found = found.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    let planning = preflight::plan(&request, &found);
    running::refuse_problems(&planning)?;
    if !base.is_live {
        base.warn(name, planning.warnings);
    }
    let nothing = || CliError::refused("there is nothing to rehearse: the image is the live one");
    let plan = planning.plan.ok_or_else(nothing)?;
    let is_file = |name: &str| StrategyRef::Named(name.to_owned()).file().is_some();
    let name = name.filter(|it| !is_file(it));
    Ok(Contender {
        name: name.map_or_else(|| plan.strategy.clone(), str::to_owned),
        plan,
        body: planning.body,
    })
}

/// What an image's tag asks for, where it asks for anything.
fn of_tag(images: &[String], live: &Behaviour) -> Behaviour {
    let wanted = images.iter().map(|image| Behaviour::for_image(image));
    let mut unusual = wanted.filter(|it| *it != Behaviour::good());
    unusual.next().unwrap_or_else(|| live.clone())
}
