//! What each of the other verbs takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand, ValueEnum};

use super::deployment::{DefinitionArgs, LeftoverArgs, MeantArgs, RegionArgs, RunArgs};
use super::values::{StrategyParser, slots, speed};
use crate::deployment::ids::SlotName;

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

/// `bg pause`, `bg abort`, `bg approve`
#[derive(Debug, Clone, Args)]
pub struct SteerArgs {}

/// `bg promote`
#[derive(Debug, Clone, Args)]
pub struct PromoteArgs {
    /// To 100 % at once, past all steps; the guards stay on
    #[arg(long, env = "BG_FULL", value_parser = FalseyValueParser::new())]
    pub full: bool,
}

/// `bg reject`
#[derive(Debug, Clone, Args)]
pub struct RejectArgs {
    /// Why, for everybody who reads the deployment's story
    #[arg(long, env = "BG_REASON", value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `bg verify`
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// What it runs; left out, what is live.
    #[command(flatten)]
    pub definition: DefinitionArgs,
    /// Where.
    #[command(flatten)]
    pub region: RegionArgs,
}

/// `bg doctor`
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// An ECS service, whether bg deploys it or not [default: both slots of the config]
    #[arg(long, env = "BG_SERVICE", value_name = "NAME")]
    pub service: Option<String>,
    /// Its cluster [default: the config's, then `default`]
    #[arg(long, env = "BG_CLUSTER", value_name = "NAME")]
    pub cluster: Option<String>,
    /// One task alone, by id or ARN; stopped ones are known for an hour
    #[arg(long, env = "BG_TASK", value_name = "ID")]
    pub task: Option<String>,
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

/// `bg report`
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// The deployment [default: the service's last one]
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// As one HTML page, which needs nothing else [the default]
    #[arg(long, env = "BG_HTML", value_parser = FalseyValueParser::new())]
    pub html: bool,
    /// As an OpenTelemetry trace in OTLP's JSON, which any collector takes
    #[arg(long, env = "BG_OTLP", value_parser = FalseyValueParser::new(), conflicts_with = "html")]
    pub otlp: bool,
    /// Where to [default: stdout; a page on a terminal bg-ID.html in the working folder]
    #[arg(short = 'o', long, env = "BG_WRITE", value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Ask CloudWatch nothing: only what the journal holds
    #[arg(long, env = "BG_OFFLINE", value_parser = FalseyValueParser::new())]
    pub offline: bool,
}

/// `bg ui`
#[derive(Debug, Clone, Args)]
pub struct UiArgs {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, env = "BG_PORT", value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// What lets somebody in, 16 letters and digits at least [default: one is made up]
    #[arg(long, env = "BG_TOKEN", value_name = "TEXT", hide_env_values = true)]
    pub token: Option<String>,
    /// Ask CloudWatch nothing: only what the journals hold
    #[arg(long, env = "BG_OFFLINE", value_parser = FalseyValueParser::new())]
    pub offline: bool,
}

/// `bg tasks`
#[derive(Debug, Clone, Args)]
pub struct TasksArgs {}

/// `bg tick`
#[derive(Debug, Clone, Args)]
pub struct TickArgs {
    /// How long one round of a deployment whose process died may take at most
    #[arg(long = "for", env = "BG_FOR", value_name = "LENGTH", value_parser = humantime::parse_duration, default_value = "45s")]
    pub at_most: Duration,
}

/// `bg init`
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The live ECS service to adopt [default: slot a's of the config that is there; asked for on a
    /// terminal]
    #[arg(long, env = "BG_SERVICE", value_name = "NAME")]
    pub service: Option<String>,
    /// Its cluster [default: that config's; the account's only one; asked for on a terminal]
    #[arg(long, env = "BG_CLUSTER", value_name = "NAME")]
    pub cluster: Option<String>,
    /// What deployed it so far: ecspresso.yml, appspec.yaml, or what `aws deploy
    /// get-deployment-group` or `get-deployment-config` prints; more than one if need be
    #[arg(
        long,
        env = "BG_FROM",
        value_name = "FILE",
        value_delimiter = ',',
        conflicts_with = "state"
    )]
    pub from: Vec<PathBuf>,
    /// Add what it lacks: slot b's target groups, and their places at weight 0
    #[arg(long, env = "BG_APPLY", value_parser = FalseyValueParser::new())]
    pub apply: bool,
    /// Write bg.yaml, or print what it lacks for another tool to add
    #[arg(long, env = "BG_FORMAT", value_name = "FORMAT", default_value = "bg")]
    pub format: InitFormat,
    /// Where the config goes, never over another one [default: --config, then bg.yaml here; with
    /// another format: nowhere]
    #[arg(short = 'o', long, env = "BG_WRITE", value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Only create the DynamoDB table that `state` names, billed by request; waits until it can
    /// be used
    #[arg(long, env = "BG_STATE", value_parser = FalseyValueParser::new(), conflicts_with_all = ["apply", "write"])]
    pub state: bool,
}

/// Who adds what a service lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InitFormat {
    /// `bg`, with --apply
    Bg,
    /// Terraform's AWS provider
    Terraform,
    /// AWS CloudFormation
    Cloudformation,
}

/// `bg iam-policy`
#[derive(Debug, Clone, Args)]
pub struct IamPolicyArgs {
    /// Print this half alone, as a document of its own: what reads, or what writes
    #[arg(long, env = "BG_PART")]
    pub part: Option<Part>,
}

/// A half of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// What reads: enough for `plan`
    Read,
    /// What writes
    Write,
}

/// `bg scale`
#[derive(Debug, Clone, Args)]
pub struct ScaleArgs {
    /// How many tasks, 1 or more
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..), required_unless_present = "flag")]
    tasks: Option<u32>,
    /// The same, as ecspresso has it
    #[arg(id = "flag", long = "tasks", env = "BG_TASKS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    flag: Option<u32>,
}

impl ScaleArgs {
    /// How many tasks: one of the two is there.
    pub fn tasks(&self) -> u32 {
        self.tasks.or(self.flag).unwrap_or(1)
    }
}

/// `bg restart`
#[derive(Debug, Clone, Args)]
pub struct RestartArgs {
    /// How traffic is shifted: a name, ./file.yaml, canary:5%:10m, linear:20%:2m [default: the config's]
    #[arg(short, long, env = "BG_STRATEGY", value_parser = StrategyParser, hide_possible_values = true)]
    pub strategy: Option<String>,
    /// What comes first.
    #[command(flatten)]
    pub leftover: LeftoverArgs,
    /// How its run behaves.
    #[command(flatten)]
    pub run: RunArgs,
    /// What is meant.
    #[command(flatten)]
    pub meant: MeantArgs,
    /// Where.
    #[command(flatten)]
    pub region: RegionArgs,
}

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
    /// What is meant.
    #[command(flatten)]
    pub meant: MeantArgs,
}

/// `bg rehearse`
#[derive(Debug, Clone, Args)]
pub struct RehearseArgs {
    /// New image of a container, as `deploy` takes it; its tag chooses the one run's behaviour,
    /// as in the sandbox
    #[arg(
        short,
        long = "image",
        env = "BG_IMAGE",
        value_name = "[CONTAINER=]REF",
        value_delimiter = ',',
        default_value = "rehearsed/new:2"
    )]
    pub images: Vec<String>,
    /// How traffic is shifted, as `deploy` takes it [default: the config's]
    #[arg(short, long, env = "BG_STRATEGY", value_parser = StrategyParser, hide_possible_values = true, conflicts_with = "compare")]
    pub strategy: Option<String>,
    /// Strategies to put side by side; `codedeploy` is its canary with an alarm on 1 % 5xx
    #[arg(
        long,
        env = "BG_COMPARE",
        value_name = "STRATEGIES",
        value_delimiter = ','
    )]
    pub compare: Vec<String>,
    /// What is rehearsed on, and the faults to try
    #[arg(long, env = "BG_SCENARIO", value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Runs of each strategy against each fault; 0 shows the one run only
    #[arg(long, env = "BG_SEEDS", value_name = "N", default_value_t = 20)]
    pub seeds: u64,
    /// The first seed: the same one gives the same figures
    #[arg(long, env = "BG_SEED", value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// What the sandbox's account can have besides its demo service
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Extra {
    /// The demo service's tasks scale by its requests
    Autoscaling,
    /// A service `site` with a load balancer for each slot, and Route 53 records over them
    Records,
    /// A rule for testers, by a header
    TestRoute,
    /// A service `worker` without a load balancer
    Worker,
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
    /// What it has besides the demo service
    #[arg(
        long,
        env = "BG_WITH",
        value_name = "WHAT",
        value_delimiter = ',',
        conflicts_with = "empty"
    )]
    pub with: Vec<Extra>,
    /// Seed of its randomness: the same one gives the same run
    #[arg(long, env = "BG_SEED", value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// How far reads lag behind writes
    #[arg(long, env = "BG_LAG", value_name = "LENGTH", value_parser = humantime::parse_duration, default_value = "0s")]
    pub lag: Duration,
}
