//! The arguments of every verb. Each flag `--some-flag` can be given as the environment variable
//! `BG_SOME_FLAG` as well; a flag on the command line wins.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{FalseyValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::deployment::ids::SlotName;
use crate::deployment::observation::OnInterrupt;

/// Blue/green deployments for Amazon ECS that watch, verify and revert by themselves
#[derive(Debug, Clone, Parser)]
#[command(
    name = "bg",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "\
Exit codes:
  0  what was asked for stands, or there was nothing to do
  1  unexpected error before anything was changed
  2  bad usage, config or strategy
  3  preflight refused; nothing was changed
  4  failed or aborted, and reverted: blue serves everything
  5  stuck after a change: an operator is needed
  6  another deployment of this service holds the lock
  7  interrupted and left as it is

Try it without an AWS account:
  bg deploy --sandbox --image shop:v2 --speed 60")]
pub struct Cli {
    /// What every verb takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Deploy a new version beside the old one, shift traffic, watch, and revert if it is worse
    #[command(after_help = DEPLOY_EXAMPLES)]
    Deploy(DeployArgs),
    /// Show what `deploy` would do: differences, timeline, preflight; changes nothing
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// Show which slot is live, both slots' tasks, the weights, and what is under way
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Go back to the version that served before, in one step while it is warm
    #[command(after_help = ROLLBACK_EXAMPLES)]
    Rollback(RollbackArgs),
    /// Go on with a deployment whose process died or was told to leave it
    #[command(after_help = RESUME_EXAMPLES)]
    Resume(ResumeArgs),
    /// Ask a running deployment to stay at its present weight
    Pause(SteerArgs),
    /// Ask a running deployment to go on, past a pause or the present bake
    Promote(PromoteArgs),
    /// Ask a running deployment to put all traffic back
    Abort(SteerArgs),
    /// List the service's deployments
    History(HistoryArgs),
    /// Tell the whole story of a deployment, from its journal
    Show(ShowArgs),
    /// Do one round of everything that is due, such as retiring blue; made for cron
    Tick(TickArgs),
    /// Create what bg.yaml names and isn't there yet; what is there already stays as it is
    #[command(after_help = INIT_EXAMPLES)]
    Init(InitArgs),
    /// Try the dead-man switch
    Deadman(DeadmanArgs),
    /// Serve the sandbox region, an embedded stand-in for AWS, on loopback until Ctrl-C
    #[command(after_help = SANDBOX_EXAMPLES)]
    Sandbox(SandboxArgs),
    /// Print the JSON Schema of bg.yaml, for editors
    Schema(SchemaArgs),
}

const DEPLOY_EXAMPLES: &str = "\
Examples:
  bg deploy --image registry.example/shop:v2
  bg deploy --image app=shop:v2 --image worker=shop-worker:v2 --strategy linear
  bg deploy --task-definition taskdef.json --image shop:v2
  bg deploy --image-definitions imagedefinitions.json --output json
  bg deploy --image shop:v2-fix --hotfix --reason 'checkout is down'
  bg deploy --sandbox --image shop:bad --speed 60";

const PLAN_EXAMPLES: &str = "\
Examples:
  bg plan --image registry.example/shop:v2
  bg plan --image shop:v2 --strategy canary:5%:10m --output json";

const STATUS_EXAMPLES: &str = "\
Examples:
  bg status
  bg status --watch
  bg status --output json | jq -r .live.service";

const RESUME_EXAMPLES: &str = "\
Examples:
  bg resume
  bg resume --for 50m       leave it to the next job after that (exit code 7)
  bg resume --revert        put all traffic back, as the last step of a CI job";

const ROLLBACK_EXAMPLES: &str = "\
Examples:
  bg rollback
  bg rollback --to a --force    break glass: weights only, no lock, no health";

const INIT_EXAMPLES: &str = "\
Examples:
  bg init --state    the table of `state: dynamodb://TABLE`";

const SANDBOX_EXAMPLES: &str = "\
Examples:
  bg sandbox
  bg sandbox --port 4566 --speed 10 --empty";

const AWS: &str = "AWS";
const OUTPUT: &str = "Output";

/// What every verb takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The config file [default: bg.yaml in this folder or above]
    #[arg(short, long, global = true, env = "BG_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// AWS region [default: the config's, then the SDK's own chain]
    #[arg(long, global = true, env = "BG_REGION", help_heading = AWS)]
    pub region: Option<String>,
    /// AWS profile [default: the SDK's own chain]
    #[arg(long, global = true, env = "BG_PROFILE", help_heading = AWS)]
    pub profile: Option<String>,
    /// Where AWS answers, instead of its own endpoints
    #[arg(long, global = true, env = "BG_ENDPOINT_URL", value_name = "URL", help_heading = AWS)]
    pub endpoint_url: Option<String>,
    /// Text for people, or JSON: events line by line for deploy and rollback, else one document
    #[arg(long, global = true, env = "BG_OUTPUT", value_name = "FORMAT", default_value = "text", help_heading = OUTPUT)]
    pub output: OutputFormat,
    /// Show the end only
    #[arg(short, long, global = true, env = "BG_QUIET", value_parser = FalseyValueParser::new(), help_heading = OUTPUT)]
    pub quiet: bool,
    /// Show every event, line by line
    #[arg(short, long, global = true, env = "BG_VERBOSE", value_parser = FalseyValueParser::new(), help_heading = OUTPUT)]
    pub verbose: bool,
    /// No colours; NO_COLOR=1 does the same
    #[arg(long, global = true, env = "BG_NO_COLOR", value_parser = FalseyValueParser::new(), help_heading = OUTPUT)]
    pub no_color: bool,
}

/// What output is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// People.
    #[default]
    Text,
    /// Programs.
    Json,
}

/// What is deployed, and how.
#[derive(Debug, Clone, Args)]
pub struct VersionArgs {
    /// New image of a container; without its name, of the only or the first essential one
    #[arg(
        short,
        long = "image",
        env = "BG_IMAGE",
        value_name = "[CONTAINER=]REF",
        value_delimiter = ','
    )]
    pub images: Vec<String>,
    /// Task definition: a JSON file, or a revision that exists [default: the one blue runs]
    #[arg(long, env = "BG_TASK_DEFINITION", value_name = "FILE|FAMILY[:REV]")]
    pub task_definition: Option<String>,
    /// Images from CodePipeline's imagedefinitions.json
    #[arg(
        long,
        env = "BG_IMAGE_DEFINITIONS",
        value_name = "FILE",
        conflicts_with = "images"
    )]
    pub image_definitions: Option<PathBuf>,
    /// How traffic is shifted: a name, ./file.yaml, canary:5%:10m, linear:20%:2m [default: the config's]
    #[arg(short, long, env = "BG_STRATEGY")]
    pub strategy: Option<String>,
    /// The slot whose settings green's service gets [default: blue's]
    #[arg(long, env = "BG_SERVICE_FROM", value_name = "SLOT", value_parser = slots())]
    pub service_from: Option<SlotName>,
    /// Deploy even if nothing changed
    #[arg(long, env = "BG_FORCE", value_parser = FalseyValueParser::new())]
    pub force: bool,
    /// Repair a burning production: all at once by default, whatever blue's health and alarms say
    #[arg(long, env = "BG_HOTFIX", value_parser = FalseyValueParser::new(), requires = "reason")]
    pub hotfix: bool,
    /// Why a hotfix is needed; goes into the journal
    #[arg(long, env = "BG_REASON", value_name = "TEXT", requires = "hotfix")]
    pub reason: Option<String>,
    /// Go on although this alarm is in ALARM already, and don't act on it
    #[arg(
        long = "ignore-alarm",
        env = "BG_IGNORE_ALARM",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub ignore_alarms: Vec<String>,
    /// Allow a strategy that takes longer than 24 hours
    #[arg(long, env = "BG_ALLOW_LONG", value_parser = FalseyValueParser::new())]
    pub allow_long: bool,
    /// How long green may take to become healthy [default: the config's, 10m]
    #[arg(long, env = "BG_TIMEOUT", value_name = "LENGTH", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,
    /// Time between two looks at AWS, 1s to 60s [default: the config's, 5s]
    #[arg(long, env = "BG_POLL", value_name = "LENGTH", value_parser = poll)]
    pub poll: Option<Duration>,
}

/// Where it happens, when not in AWS.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sandbox")]
pub struct RegionArgs {
    /// Run in an embedded stand-in for AWS with a demo service; needs no account and no config
    #[arg(long, env = "BG_SANDBOX", value_parser = FalseyValueParser::new(), conflicts_with_all = ["endpoint_url", "profile"])]
    pub sandbox: bool,
    /// How many times faster the sandbox's clock runs
    #[arg(long, env = "BG_SPEED", value_name = "N", value_parser = speed, requires = "sandbox")]
    pub speed: Option<f64>,
    /// Seed of the sandbox's randomness: the same one gives the same run
    #[arg(long, env = "BG_SEED", value_name = "N", requires = "sandbox")]
    pub seed: Option<u64>,
}

/// What a verb that waits for a deployment's end takes.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// What Ctrl-C, SIGTERM and SIGHUP do before green is promoted [default: the config's, revert]
    #[arg(long, env = "BG_ON_INTERRUPT", value_name = "WHAT", value_parser = on_interrupt())]
    pub on_interrupt: Option<OnInterrupt>,
    /// How long to wait for somebody else's deployment of this service to end
    #[arg(long, env = "BG_WAIT_LOCK", value_name = "LENGTH", value_parser = humantime::parse_duration)]
    pub wait_lock: Option<Duration>,
    /// Stay until blue is retired [default, except in CI]
    #[arg(long, env = "BG_WAIT_RETIRE", value_parser = FalseyValueParser::new(), overrides_with = "no_wait_retire")]
    pub wait_retire: bool,
    /// Leave retiring blue to the next run or to `bg tick` [default in CI]
    #[arg(long, env = "BG_NO_WAIT_RETIRE", value_parser = FalseyValueParser::new(), overrides_with = "wait_retire")]
    pub no_wait_retire: bool,
}

/// Who retires blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetireBy {
    /// This process: it waits.
    ThisRun,
    /// The next run or `bg tick`.
    Later,
}

impl RunArgs {
    /// Who was asked to retire blue, if anybody said so.
    pub fn retire_by(&self) -> Option<RetireBy> {
        match (self.wait_retire, self.no_wait_retire) {
            (_, true) => Some(RetireBy::Later),
            (true, false) => Some(RetireBy::ThisRun),
            (false, false) => None,
        }
    }
}

/// `bg deploy`
#[derive(Debug, Clone, Args)]
pub struct DeployArgs {
    /// What is deployed.
    #[command(flatten)]
    pub version: VersionArgs,
    /// First go on with a deployment whose process died
    #[arg(long, env = "BG_RESUME", value_parser = FalseyValueParser::new(), conflicts_with = "revert")]
    pub resume: bool,
    /// First put back a deployment whose process died
    #[arg(long, env = "BG_REVERT", value_parser = FalseyValueParser::new())]
    pub revert: bool,
    /// How its run behaves.
    #[command(flatten)]
    pub run: RunArgs,
    /// Where.
    #[command(flatten)]
    pub region: RegionArgs,
}

/// `bg plan`
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// What would be deployed.
    #[command(flatten)]
    pub version: VersionArgs,
    /// Where.
    #[command(flatten)]
    pub region: RegionArgs,
}

/// `bg status`
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Follow the deployment that is under way until it ends, as its own process shows it
    #[arg(short, long, env = "BG_WATCH", value_parser = FalseyValueParser::new())]
    pub watch: bool,
}

/// `bg deadman`
#[derive(Debug, Clone, Args)]
pub struct DeadmanArgs {
    /// What about it.
    #[command(subcommand)]
    pub verb: DeadmanVerb,
}

/// What to do about the dead-man switch.
#[derive(Debug, Clone, Subcommand)]
pub enum DeadmanVerb {
    /// Have AWS write each route's present action once more, a minute ahead, and look that it did
    Test(DeadmanTestArgs),
}

/// `bg deadman test`
#[derive(Debug, Clone, Args)]
pub struct DeadmanTestArgs {
    /// Where.
    #[command(flatten)]
    pub region: RegionArgs,
}

/// `bg resume`
#[derive(Debug, Clone, Args)]
pub struct ResumeArgs {
    /// The deployment [default: the service's last one]
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// Leave it as it is after so long, for another job to go on (exit code 7)
    #[arg(long = "for", env = "BG_FOR", value_name = "LENGTH", value_parser = humantime::parse_duration)]
    pub at_most: Option<Duration>,
    /// Put all traffic back instead of going on
    #[arg(long, env = "BG_REVERT", value_parser = FalseyValueParser::new())]
    pub revert: bool,
    /// How its run behaves.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `bg pause`, `bg abort`
#[derive(Debug, Clone, Args)]
pub struct SteerArgs {}

/// `bg promote`
#[derive(Debug, Clone, Args)]
pub struct PromoteArgs {
    /// To 100 % at once, past all steps; the guards stay on
    #[arg(long, env = "BG_FULL", value_parser = FalseyValueParser::new())]
    pub full: bool,
}

/// `bg history`
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// How many, the newest first
    #[arg(
        short = 'n',
        long,
        env = "BG_LAST",
        value_name = "N",
        default_value_t = 20
    )]
    pub last: usize,
}

/// `bg show`
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// The deployment [default: the service's last one]
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

/// `bg tick`
#[derive(Debug, Clone, Args)]
pub struct TickArgs {
    /// How long one round of a deployment whose process died may take at most
    #[arg(long = "for", env = "BG_FOR", value_name = "LENGTH", value_parser = humantime::parse_duration, default_value = "45s")]
    pub at_most: Duration,
}

/// `bg init`: what it is to create, at least one thing.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The DynamoDB table that `state` names, billed by request; waits until it can be used
    #[arg(long, env = "BG_STATE", value_parser = FalseyValueParser::new(), required = true)]
    pub state: bool,
}

/// `bg schema`
#[derive(Debug, Clone, Args)]
pub struct SchemaArgs {}

/// `bg rollback`
#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// The slot that is to serve everything [default: the one that doesn't]
    #[arg(long, env = "BG_TO", value_name = "SLOT", value_parser = slots())]
    pub to: Option<SlotName>,
    /// Break glass: write the weights now, without state, lock or a look at health
    // Not BG_FORCE: what is harmless for `deploy` must not break the glass here.
    #[arg(long, env = "BG_ROLLBACK_FORCE", value_parser = FalseyValueParser::new(), requires = "to")]
    pub force: bool,
    /// How its run behaves.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `bg sandbox`
#[derive(Debug, Clone, Args)]
pub struct SandboxArgs {
    /// The port to listen on; 0 takes a free one
    #[arg(short, long, env = "BG_PORT", default_value_t = 4510)]
    pub port: u16,
    /// How many times faster its clock runs
    #[arg(long, env = "BG_SPEED", value_name = "N", value_parser = speed, default_value = "1")]
    pub speed: f64,
    /// Without the demo service
    #[arg(long, env = "BG_EMPTY", value_parser = FalseyValueParser::new())]
    pub empty: bool,
    /// Seed of its randomness: the same one gives the same run
    #[arg(long, env = "BG_SEED", value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// How far reads lag behind writes
    #[arg(long, env = "BG_LAG", value_name = "LENGTH", value_parser = humantime::parse_duration, default_value = "0s")]
    pub lag: Duration,
}

fn slots() -> impl TypedValueParser<Value = SlotName> {
    PossibleValuesParser::new(SlotName::BOTH.map(SlotName::as_str)).map(|name| {
        if name == SlotName::A.as_str() {
            SlotName::A
        } else {
            SlotName::B
        }
    })
}

fn on_interrupt() -> impl TypedValueParser<Value = OnInterrupt> {
    PossibleValuesParser::new(["revert", "keep", "pause"]).map(|name| match name.as_str() {
        "keep" => OnInterrupt::Keep,
        "pause" => OnInterrupt::Pause,
        _ => OnInterrupt::Revert,
    })
}

fn poll(text: &str) -> Result<Duration, String> {
    let poll = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_secs(1)..=Duration::from_secs(60);
    if allowed.contains(&poll) {
        Ok(poll)
    } else {
        Err("it must be from 1s to 60s".into())
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text
        .parse()
        .map_err(|_| "it must be a number, such as 60".to_owned())?;
    let allowed = 0.1..=10_000.0;
    if allowed.contains(&speed) {
        Ok(speed)
    } else {
        Err("it must be from 0.1 to 10000".into())
    }
}

/// The whole command line; its help doesn't depend on the environment.
pub fn command() -> clap::Command {
    without_values(Cli::command())
}

fn without_values(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| arg.hide_env_values(true))
        .mut_subcommands(without_values)
}

/// Reads the process's arguments and environment; prints help, version or what is wrong and
/// ends the process (exit code 2 for bad usage) where that is due.
pub fn parse() -> Cli {
    Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit())
}

/// The same over given arguments, the program's name first.
pub fn try_parse<S: Into<std::ffi::OsString> + Clone>(
    args: impl IntoIterator<Item = S>,
) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command().try_get_matches_from(args)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(args: &str) -> clap::error::ErrorKind {
        try_parse(args.split(' ')).unwrap_err().kind()
    }

    #[test]
    fn the_definition_holds_together() {
        command().debug_assert();
    }

    #[test]
    fn all_help_is_as_written_down() {
        let mut command = command().term_width(100);
        command.build();
        let mut all = vec![command.render_long_help().to_string()];
        for verb in command
            .get_subcommands_mut()
            .filter(|verb| verb.get_name() != "help")
        {
            all.push(verb.render_long_help().to_string());
        }
        insta::assert_snapshot!(all.join("\n════════\n\n"));
    }

    #[test]
    fn every_flag_has_its_environment_variable() {
        let command = command();
        let verbs = command
            .get_subcommands()
            .flat_map(clap::Command::get_arguments);
        for arg in command.get_arguments().chain(verbs) {
            let name = arg.get_long().unwrap_or_default();
            if matches!(name, "help" | "version") || arg.is_positional() {
                continue;
            }
            let expected = format!("BG_{}", name.to_uppercase().replace('-', "_"));
            let env = arg
                .get_env()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let is_break_glass = env == "BG_ROLLBACK_FORCE";
            assert!(env == expected || is_break_glass, "--{name} has {env:?}");
        }
    }

    #[test]
    fn the_help_tells_the_exit_codes() {
        let help = command().render_help().to_string();
        for code in crate::cli::exit::ExitCode::ALL {
            assert!(
                help.contains(&format!("  {}  {}", code.code(), code.meaning())),
                "{code:?}"
            );
        }
    }

    #[test]
    fn a_deployment_takes_images_by_container() {
        let cli = try_parse("bg deploy --image app=shop:v2 -i side=envoy:1 --poll 2s".split(' '))
            .unwrap();
        let Verb::Deploy(deploy) = cli.verb else {
            panic!("not a deployment")
        };
        assert_eq!(deploy.version.images, ["app=shop:v2", "side=envoy:1"]);
        assert_eq!(deploy.version.poll, Some(Duration::from_secs(2)));
        assert_eq!(deploy.run.on_interrupt, None);
        assert_eq!(deploy.run.retire_by(), None);
    }

    #[test]
    fn the_last_word_on_waiting_counts() {
        for (args, expected) in [
            ("bg deploy --wait-retire --no-wait-retire", RetireBy::Later),
            (
                "bg deploy --no-wait-retire --wait-retire",
                RetireBy::ThisRun,
            ),
        ] {
            let Verb::Deploy(deploy) = try_parse(args.split(' ')).unwrap().verb else {
                panic!()
            };
            assert_eq!(deploy.run.retire_by(), Some(expected));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        use clap::error::ErrorKind::*;
        for (args, kind) in [
            ("bg deploy --hotfix", MissingRequiredArgument),
            ("bg deploy --reason fire", MissingRequiredArgument),
            ("bg deploy --speed 60", MissingRequiredArgument),
            ("bg deploy --poll 90s", ValueValidation),
            ("bg deploy --sandbox --speed 0", ValueValidation),
            ("bg deploy --sandbox --speed NaN", ValueValidation),
            ("bg deploy --timeout soon", ValueValidation),
            ("bg rollback --to c", InvalidValue),
            ("bg rollback --force", MissingRequiredArgument),
            ("bg deplyo", InvalidSubcommand),
        ] {
            assert_eq!(kind_of(args), kind, "{args}");
        }
        let error = try_parse(["bg", "deploy", "--stratgy", "canary"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("'--strategy'"), "{error}");
    }
}
