//! Adopting a live service.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::choose::{choose, names};
use super::file::{self, Fate};
use super::from::{self, From, Use};
use super::lacking::lacking;
use super::named::{self, Asked, is_arn};
use crate::adopt::{self, Pair, Proposal, Taken, Wanted};
use crate::aws::{AwsError, Cloud, ErrorClass, Unfinished};
use crate::cli::args::{Global, InitArgs, InitFormat, OutputFormat};
use crate::cli::display::{print, print_json};
use crate::cli::error::{CliError, ErrorKind};
use crate::cli::exit::ExitCode;
use crate::cli::missing;
use crate::cli::request;
use crate::cli::session::aws_alone;
use crate::cli::terminal::Surface;
use crate::config::{CONFIG_FILE, Config, Discovery};
use crate::deployment::ids::{ClusterName, EcsServiceName};
use crate::deployment::preflight::RouteWanted;
use crate::report::line::{StyledLine, Tone};

/// How alike two names are to be taken for one another.
const ALIKE: f64 = 0.7;

pub(super) async fn run(global: &Global, args: &InitArgs) -> Result<ExitCode, CliError> {
    if args.apply && args.format != InitFormat::Bg {
        let message =
            "--apply and another --format exclude each other: who adds it, bg or that tool?";
        return Err(CliError::usage(message).hint("leave out one of them"));
    }
    let asked = Asked::of(args)?;
    let args = &asked.args;
    let path = path(global, args);
    // A text for another tool writes no config, and one that is there names the service all the same.
    let kept = path.as_deref().and_then(file::read);
    let agreed = kept.as_ref().map(|config| config.discovery);
    let there = kept.clone().or_else(|| file::read(&usual(global)));
    let from = from::read(&args.from)?.with_flags(global, &asked);
    let for_people = global.output != OutputFormat::Json;
    let looked = look(global, &asked, &from, there).await;
    let from = match &looked {
        Ok((_, proposal)) => from.with_groups_of(proposal),
        Err(_) => from,
    };
    let proposed = looked.as_ref().map(|(_, proposal)| proposal).ok();
    let fate = proposed.and_then(|it| Some(file::fate(path.as_deref()?, it)));
    let used = match (&fate, path.as_deref()) {
        (Some(Ok(Fate::Written)), _) => Use::Taken,
        (_, Some(config)) if config.exists() => Use::Kept {
            config,
            lacks: match (&fate, &kept, proposed) {
                (Some(Ok(_)), Some(kept), Some(it)) => Some(lacking(kept, it, &from.taken)),
                _ => None,
            },
        },
        _ => Use::Nowhere,
    };
    // What they say may be why the look failed.
    if for_people {
        from.show(args, &used);
    }
    let (cloud, mut proposal) = looked?;
    proposal.notes.extend(from.other_endpoint(&proposal));
    let fate = fate.transpose()?;
    if for_people {
        show(global, args, &proposal)?;
    }
    if let (Some(path), Some(Fate::Written)) = (&path, fate) {
        file::write(path, &proposal, &from.taken)?;
    }
    if let (Some(path), Some(fate), true) = (&path, fate, for_people) {
        say_file(args, path, fate);
    }
    if args.apply {
        add(&cloud, &proposal, for_people).await?;
    }
    if for_people {
        let plan = plan(&from.taken, path.as_deref());
        let agreed = agreed == Some(Discovery::Shared);
        let plan = match proposal.registered && !agreed {
            true => consent_first(&plan, path.as_deref()),
            false => plan,
        };
        say_next(args, &proposal, path.as_deref(), &plan);
        return Ok(ExitCode::Stands);
    }
    let document = document(args, (&from, &used), &proposal, path.as_deref().zip(fate));
    print_json(&document).map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))?;
    Ok(ExitCode::Stands)
}

/// Finds out which service is meant, and what it lacks.
async fn look(
    global: &Global,
    asked: &Asked,
    from: &From,
    there: Option<Config>,
) -> Result<(Cloud, Proposal), CliError> {
    let (cloud, _) = aws_alone(&from.in_its_region(global), there.as_ref()).await?;
    let wanted = names(&asked.args, &from.taken, there.as_ref());
    let cluster = wanted.cluster.iter().filter(|it| is_arn(it));
    let arns = asked.arns.iter().chain(cluster).map(String::as_str);
    named::refuse_elsewhere(&cloud, &arns.collect::<Vec<_>>()).await?;
    let (cluster, service) = choose(&cloud, wanted).await?;
    if let Some(config) = &there {
        file::refuse_slot_b(config, &cluster, &service)?;
    }
    let tests = there.as_ref().map(request::test_routes);
    let wanted = there.map(|config| file::wanted(&config, &cluster, &service));
    let wanted = from.with_groups(wanted.unwrap_or_default());
    let tests = tests.unwrap_or_default();
    let proposal = propose(&cloud, &cluster, &service, (&wanted, &tests)).await?;
    Ok((cloud, proposal))
}

/// Looks at the service and works out what it lacks.
async fn propose(
    cloud: &Cloud,
    cluster: &ClusterName,
    service: &EcsServiceName,
    (wanted, tests): (&Wanted, &[RouteWanted]),
) -> Result<Proposal, CliError> {
    let facts = cloud.look_to_adopt(cluster, service, wanted).await;
    match facts.map_err(|error| cant_look(&error))? {
        Some(mut facts) => {
            // What the config keeps for testers carries no production.
            facts
                .routes
                .retain(|it| !tests.iter().any(|test| test.is(&it.forward)));
            adopt::propose(&facts).map_err(CliError::preflight)
        }
        None => Err(no_service(cloud, cluster, service).await),
    }
}

/// AWS, or the way to it, didn't let a look happen.
pub(super) fn cant_look(error: &AwsError) -> CliError {
    let message = CliError::from_error(ErrorKind::Unexpected, error).hint("nothing was changed");
    match (error.hint(), error.class) {
        (Some(hint), _) => message.hint(hint),
        (None, ErrorClass::Denied) => {
            message.hint("docs/reference/iam.md lists the permissions that bg needs")
        }
        (None, ErrorClass::NotFound) => {
            message.hint("the cluster is --cluster; the region --region")
        }
        (None, _) => message,
    }
}

/// The nearest names, or why there are none.
async fn no_service(cloud: &Cloud, cluster: &ClusterName, name: &EcsServiceName) -> CliError {
    let unknown = CliError::refused(format!("there is no service {name} in cluster {cluster}"));
    let mut names = match cloud.names_of_services(cluster).await {
        Ok(names) => names,
        Err(error) if error.is_not_found() => return missing::no_cluster(cloud, cluster).await,
        Err(error) => return unknown.caused_by(&error).hint("the cluster is --cluster"),
    };
    let like = |other: &str| strsim::jaro_winkler(other, name.as_str());
    sort_by_likeness(&mut names, like);
    let unknown = match names.first().filter(|nearest| like(nearest) > ALIKE) {
        Some(nearest) => unknown.hint(format!("did you mean {nearest}?")),
        None => unknown,
    };
    match names.is_empty() {
        true => unknown.hint(format!("cluster {cluster} has no services")),
        false => unknown.hint(format!("services there: {}", names.join(", "))),
    }
}

/// Those that may be meant first, the likest of them before all; the others by their names.
fn sort_by_likeness(names: &mut [String], like: impl Fn(&str) -> f64) {
    let likeness = |name: &str| {
        Some(like(name))
            .filter(|it| *it > ALIKE)
            .unwrap_or_default()
    };
    names.sort_by(|one, other| {
        let nearer = likeness(other).total_cmp(&likeness(one));
        nearer.then_with(|| one.cmp(other))
    });
}

/// Where the config goes. With another tool's format only where that is asked for.
fn path(global: &Global, args: &InitArgs) -> Option<PathBuf> {
    let named = args.write.clone();
    match args.format {
        InitFormat::Bg => Some(named.unwrap_or_else(|| usual(global))),
        InitFormat::Terraform | InitFormat::Cloudformation => named,
    }
}

/// The config that all other verbs read.
fn usual(global: &Global) -> PathBuf {
    let named = global.config.clone();
    named.unwrap_or_else(|| PathBuf::from(CONFIG_FILE))
}

fn show(global: &Global, args: &InitArgs, proposal: &Proposal) -> Result<(), CliError> {
    let lines: Vec<StyledLine> = match text_for(args.format, proposal) {
        Some(text) => text
            .lines()
            .map(|line| StyledLine::new().plain(line))
            .collect(),
        None => {
            let lines = adopt::words(proposal).into_iter();
            lines
                .map(|line| StyledLine::of(tone(&line), line))
                .collect()
        }
    };
    print(&lines, Surface::of_process().stdout_colors(global))
        .map_err(|error| CliError::from_error(ErrorKind::Unexpected, &error))
}

fn tone(line: &str) -> Tone {
    match line.starts_with(' ') {
        true => Tone::Plain,
        false => Tone::Strong,
    }
}

/// What another tool takes.
fn text_for(format: InitFormat, proposal: &Proposal) -> Option<String> {
    match format {
        InitFormat::Bg => None,
        InitFormat::Terraform => Some(adopt::terraform(proposal)),
        InitFormat::Cloudformation => Some(adopt::cloudformation(proposal)),
    }
}

fn missing(proposal: &Proposal) -> Vec<String> {
    proposal
        .additions()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// Adds what is missing. What was added before something failed is named.
async fn add(cloud: &Cloud, proposal: &Proposal, tells: bool) -> Result<(), CliError> {
    let mut added: Vec<String> = Vec::new();
    let result = cloud
        .adopt(proposal, |words| {
            if tells {
                tell!("  added {words}");
            }
            added.push(words);
        })
        .await;
    let (cluster, service) = (&proposal.cluster, &proposal.services.a);
    let again = format!("bg init --cluster {cluster} --service {service} --apply");
    result.map_err(|unfinished| not_all_added(added, &unfinished, &again))
}

fn not_all_added(added: Vec<String>, unfinished: &Unfinished, again: &str) -> CliError {
    let Unfinished { doing, error } = unfinished;
    // AWS said no, or never heard of it. Else it may have done it all the same.
    let is_answer = error.code.is_some()
        && !matches!(error.class, ErrorClass::Ambiguous | ErrorClass::TimedOut);
    let kind = match added.is_empty() && (is_answer || error.class.had_no_effect()) {
        true => ErrorKind::Unexpected,
        false => ErrorKind::Stuck,
    };
    let mut failed = CliError::from_error(kind, error);
    failed.message = format!("can't add {doing}: {}", failed.message);
    for words in added {
        failed = failed.hint(format!("added before: {words}"));
    }
    failed.hint(format!(
        "traffic goes as before; the same command goes on from here: {again}"
    ))
}

fn say_file(args: &InitArgs, path: &Path, fate: Fate) {
    let shown = path.display();
    let words = match fate {
        Fate::Written => format!("{shown} is written"),
        Fate::Kept => format!("{shown} names these slots already, and stays as it is"),
    };
    match args.format {
        InitFormat::Bg => tell!("\n{words}"),
        InitFormat::Terraform | InitFormat::Cloudformation => note!("{words}"),
    }
}

fn plan(taken: &Taken, path: Option<&Path>) -> String {
    let version = match &taken.definition {
        Some(file) => format!("--task-definition {file}"),
        None => "--image REF".to_owned(),
    };
    format!("bg plan{} {version}", config_flag(path))
}

/// What a service in Cloud Map is refused without.
fn consent_first(plan: &str, path: Option<&Path>) -> String {
    let config = path.unwrap_or(Path::new(CONFIG_FILE)).display();
    format!(
        "set `discovery: shared` in {config} if clients in Cloud Map may reach both slots at once \
         (without it plan refuses), then {plan}"
    )
}

fn config_flag(path: Option<&Path>) -> String {
    let config = path.filter(|path| *path != Path::new(CONFIG_FILE));
    let config = config.map(|path| format!(" --config {}", path.display()));
    config.unwrap_or_default()
}

fn say_next(args: &InitArgs, proposal: &Proposal, path: Option<&Path>, plan: &str) {
    let config = config_flag(path);
    let (cluster, service) = (&proposal.cluster, &proposal.services.a);
    let complete = args.apply || proposal.additions().is_empty();
    match args.format {
        InitFormat::Bg if complete => {
            if proposal.additions().is_empty() {
                tell!("Nothing was changed in AWS.");
            }
            tell!("Next: {plan}");
        }
        InitFormat::Bg => {
            tell!("Nothing was changed in AWS.");
            tell!(
                "Next: bg init{config} --cluster {cluster} --service {service} --apply, then {plan}"
            );
        }
        InitFormat::Terraform | InitFormat::Cloudformation => {
            let from = args.from.iter();
            let from: String = from.map(|it| format!(" --from {}", it.display())).collect();
            note!(
                "Nothing was changed in AWS. Next: apply this, then bg init --cluster {cluster} \
                 --service {service}{from}, which finds it and writes {CONFIG_FILE}"
            );
        }
    }
}

fn document(
    args: &InitArgs,
    (from, used): (&From, &Use<'_>),
    proposal: &Proposal,
    config: Option<(&Path, Fate)>,
) -> Value {
    let slot = |service: &EcsServiceName, group: fn(&Pair) -> &str| {
        let target = |pair: &Pair| json!({ "container": pair.container, "port": pair.port, "group": group(pair) });
        let targets: Vec<Value> = proposal.pairs.iter().map(target).collect();
        json!({ "service": service, "targets": targets })
    };
    let routes = proposal
        .routes
        .iter()
        .map(|route| json!({ "arn": route.forward.arn, "label": route.forward.label() }));
    let alarm = |alarm: &adopt::AlarmLine| json!({ "name": alarm.name, "unfit": alarm.unfit });
    let config = config.map(|(path, fate)| {
        json!({ "path": path.display().to_string(), "written": fate == Fate::Written })
    });
    let from = (!from.files.is_empty()).then(|| {
        let found = from.taken.words();
        let taken: &[String] = match used {
            Use::Taken => &found,
            Use::Kept { .. } | Use::Nowhere => &[],
        };
        json!({ "files": from.files, "found": found, "taken": taken, "left": from.taken.left() })
    });
    json!({
        "from": from,
        "account": proposal.account,
        "region": proposal.region,
        "cluster": proposal.cluster,
        "slots": {
            "a": slot(&proposal.services.a, |pair| &pair.a.name),
            "b": slot(&proposal.services.b, Pair::b_name),
        },
        "routes": routes.collect::<Vec<_>>(),
        "alarms": proposal.alarms.iter().map(alarm).collect::<Vec<_>>(),
        "notes": proposal.notes,
        "missing": missing(proposal),
        "applied": args.apply,
        "config": config,
        "text": text_for(args.format, proposal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_meant_comes_first_and_the_others_by_their_names() {
        let mut names = ["zoo", "pay-worker", "api", "pay"].map(str::to_owned);
        sort_by_likeness(&mut names, |it| strsim::jaro_winkler(it, "pay-workers"));
        assert_eq!(names, ["pay-worker", "pay", "api", "zoo"]);
    }

    #[test]
    fn what_plan_would_be_refused_for_comes_before_it() {
        let taken = Taken::default();
        assert_eq!(plan(&taken, None), "bg plan --image REF");
        let path = Path::new("ecs/bg.yaml");
        let said = consent_first(&plan(&taken, Some(path)), Some(path));
        let first = "set `discovery: shared` in ecs/bg.yaml if clients";
        assert!(said.starts_with(first), "{said}");
        let then = "then bg plan --config ecs/bg.yaml --image REF";
        assert!(said.ends_with(then), "{said}");
    }

    fn failed(added: &[&str], class: ErrorClass, code: Option<&str>) -> CliError {
        let error = AwsError {
            operation: "elasticloadbalancing:CreateTargetGroup",
            class,
            code: code.map(str::to_owned),
            message: "no".to_owned(),
            routes: Vec::new(),
        };
        let doing = "target group shop-b".to_owned();
        let added = added.iter().map(|it| (*it).to_owned()).collect();
        not_all_added(added, &Unfinished { doing, error }, "bg init --apply")
    }

    #[test]
    fn the_exit_code_says_whether_something_may_have_been_changed() {
        let denied = failed(&[], ErrorClass::Denied, Some("AccessDenied"));
        assert_eq!(denied.exit(), ExitCode::Unexpected);
        assert_eq!(
            failed(&[], ErrorClass::NotSent, None).exit(),
            ExitCode::Unexpected
        );
        assert_eq!(
            failed(&[], ErrorClass::Ambiguous, Some("500")).exit(),
            ExitCode::Stuck
        );
        assert_eq!(
            failed(&[], ErrorClass::TimedOut, None).exit(),
            ExitCode::Stuck
        );
        // What this program finds wrong in an answer comes after the act.
        assert_eq!(
            failed(&[], ErrorClass::Invalid, None).exit(),
            ExitCode::Stuck
        );
    }

    #[test]
    fn what_was_added_before_is_named_with_the_way_on() {
        let said = failed(
            &["attributes of x"],
            ErrorClass::Denied,
            Some("AccessDenied"),
        );
        assert_eq!(said.exit(), ExitCode::Stuck);
        let said = said.to_string();
        assert!(
            said.starts_with("Error: can't add target group shop-b: "),
            "{said}"
        );
        assert!(
            said.contains("Hint: added before: attributes of x"),
            "{said}"
        );
        assert!(
            said.ends_with("goes on from here: bg init --apply"),
            "{said}"
        );
    }
}
