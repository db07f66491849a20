//! `bg rehearse`

mod live;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use crate::aws::{Cloud, SurveyAsk};
use crate::cli::args::{Global, OutputFormat, RehearseArgs, VersionArgs};
use crate::cli::display::{print, print_json};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::local_region::DEMO_CONFIG;
use crate::cli::request::Wanted;
use crate::cli::running;
use crate::cli::session::{parse, read_config};
use crate::cli::terminal::Surface;
use crate::config::{self, Config};
use crate::deployment::event::Record;
use crate::deployment::ids::{DeploymentId, SlotName};
use crate::deployment::preflight::{self, Request};
use crate::deployment::state::IllegalRecord;
use crate::rehearse::{Contender, Mean, Row, Scenario, Series, build, fit, means, practice, table};
use crate::report::line::{StyledLine, Tone};
use crate::report::text::{Detail, Lines};
use crate::sandbox::world::World;
use crate::sandbox::world::app::Behaviour;
use crate::sandbox::{Region, RegionOptions};

/// What `--compare` calls the practice that a rehearsal is held against.
const CODEDEPLOY: &str = "codedeploy";

pub(super) async fn run(global: &Global, args: &RehearseArgs) -> Result<ExitCode, CliError> {
    let mut scenario = scenario(args)?;
    let (config, folder, origin) = config(global)?;
    let names: Vec<Option<&str>> = match (&args.compare[..], &args.strategy) {
        ([], strategy) => vec![strategy.as_deref()],
        (names, _) => names.iter().map(|name| Some(name.as_str())).collect(),
    };
    let requests = names
        .iter()
        .map(|name| request(args, *name, &config, &folder));
    let mut requests = requests.collect::<Result<Vec<Request>, CliError>>()?;
    let mut live = SlotName::A;
    let mut note = None;
    if origin == Origin::Own && args.scenario.is_none() {
        let found = live::fill(global, &config, &mut requests, &mut scenario).await;
        live = found.slot;
        note = Some(found.said);
    }
    let world = account(&requests[0], &scenario, live)?;
    let mut contenders = Vec::new();
    for (name, request) in names.iter().zip(requests) {
        contenders.push(contender(&world, *name, request).await?);
    }
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    // Listens from now on.
    tokio::select! {
        biased;
        _ = &mut interrupted => return Ok(ExitCode::Detached),
        () = std::future::ready(()) => {}
    }
    if args.seeds > 0 && !global.quiet {
        let (faults, strategies) = (scenario.faults.len(), contenders.len());
        let runs = args.seeds.saturating_mul((faults * strategies) as u64);
        note!("Rehearsing {runs} deployments or more; Ctrl-C ends it");
    }
    let (images, first_seed, seeds) = (args.images.clone(), args.seed, args.seeds);
    let rehearsed = tokio::task::spawn_blocking(move || {
        let series = Series {
            world: &world,
            scenario: &scenario,
            contenders: &contenders,
            first_seed,
            seeds,
        };
        let told = series.story(&contenders[0], |live| of_tag(&images, live))?;
        Ok::<_, IllegalRecord>((told, series.rows()?))
    });
    let (told, rows) = tokio::select! {
        // Nothing has to be put back: the process may end under it.
        _ = &mut interrupted => return Ok(ExitCode::Detached),
        rehearsed = rehearsed => rehearsed
            .expect("a run doesn't panic")
            .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?,
    };
    show(global, note, &told, &rows, &means(&rows))
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
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
        images: args.images.clone(),
        task_definition: None,
        image_definitions: None,
        strategy: strategy.filter(|_| !practised).map(str::to_owned),
        service_from: None,
        force: true,
        hotfix: false,
        reason: None,
        ignore_alarms: Vec::new(),
        allow_long: true,
        timeout: None,
        poll: None,
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
) -> Result<Contender, CliError> {
    fit(&mut request);
    let region = Region::with(world.clone(), RegionOptions::default());
    let cloud = Cloud::with_config(&region.sdk_config());
    let found = cloud.survey(&SurveyAsk::of(&request), world.now).await;
    let found = found.map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    let planning = preflight::plan(&request, &found);
    running::refuse_problems(&planning)?;
    let nothing = || CliError::refused("there is nothing to rehearse: the image is the live one");
    let plan = planning.plan.ok_or_else(nothing)?;
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

fn show(
    global: &Global,
    note: Option<String>,
    told: &[Record],
    rows: &[Row],
    means: &[Mean],
) -> std::io::Result<()> {
    if global.output == OutputFormat::Json {
        return print_json(&json!({
            "base": note, "records": told, "rows": rows, "means": means,
        }));
    }
    let markdown = global.output == OutputFormat::Markdown;
    let detail = match (global.quiet, global.verbose) {
        (true, _) => Detail::Quiet,
        (false, true) => Detail::Verbose,
        (false, false) => Detail::Normal,
    };
    let mut lines = Lines::new(detail);
    let plain = |text: String| StyledLine::of(Tone::Plain, text);
    let mut shown: Vec<StyledLine> = Vec::new();
    shown.extend(note.map(|note| plain(format!("Rehearsed on: {note}"))));
    let fence = || markdown.then(|| plain("```".to_owned()));
    shown.extend(fence());
    shown.extend(told.iter().flat_map(|record| lines.on(record)));
    shown.extend(fence());
    if !rows.is_empty() && rows[0].runs > 0 {
        let table = match markdown {
            true => table::markdown(rows, means),
            false => table::text(rows, means),
        };
        shown.push(plain(String::new()));
        shown.extend(table.into_iter().map(plain));
    }
    print(&shown, Surface::of_process().stdout_colors(global))
}
