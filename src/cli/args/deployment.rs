//! What `deploy` and `plan` take, and what other verbs take like them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::values::{StrategyParser, on_interrupt, poll, slots, speed};
use crate::deployment::ids::SlotName;
use crate::deployment::observation::OnInterrupt;

/// What a version runs
#[derive(Debug, Clone, Default, Args)]
pub struct DefinitionArgs {
    /// New image of a container; without its name, of the only or the first essential one
    #[arg(
        short,
        long = "image",
        env = "BG_IMAGE",
        value_name = "[CONTAINER=]REF",
        value_delimiter = ','
    )]
    pub images: Vec<String>,
    /// Task definition: a JSON file or a template of one, or a revision that exists [default: the
    /// one blue runs]
    #[arg(long, env = "BG_TASK_DEFINITION", value_name = "FILE|FAMILY[:REV]")]
    pub task_definition: Option<String>,
    /// Defines a name in a task-definition file that is a template; in BG_SET one on each line
    #[arg(
        long = "set",
        env = "BG_SET",
        value_name = "NAME=VALUE",
        value_delimiter = '\n'
    )]
    pub set: Vec<String>,
    /// Images from CodePipeline's imagedefinitions.json or imageDetail.json
    #[arg(
        long,
        env = "BG_IMAGE_DEFINITIONS",
        value_name = "FILE",
        conflicts_with = "images"
    )]
    pub image_definitions: Option<PathBuf>,
}

/// What is deployed, and how.
#[derive(Debug, Clone, Default, Args)]
pub struct VersionArgs {
    /// What it runs.
    #[command(flatten)]
    pub definition: DefinitionArgs,
    /// How traffic is shifted: a name, ./file.yaml, canary:5%:10m, linear:20%:2m [default: the config's]
    #[arg(short, long, env = "BG_STRATEGY", value_parser = StrategyParser, hide_possible_values = true)]
    pub strategy: Option<String>,
    /// The slot whose settings and autoscaling green's service gets [default: blue's]
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
    #[arg(long, env = "BG_SPEED", value_name = "N", value_parser = speed)]
    pub speed: Option<f64>,
    /// Seed of the sandbox's randomness: the same one gives the same run
    #[arg(long, env = "BG_SEED", value_name = "N")]
    pub seed: Option<u64>,
}

impl RegionArgs {
    /// Which flag is there without the sandbox that it is for.
    pub(super) fn without_sandbox(&self) -> Option<&'static str> {
        let (speed, seed) = (self.speed.is_some(), self.seed.is_some());
        match (self.sandbox, speed, seed) {
            (false, true, _) => Some(
                "--speed is how fast the sandbox's clock runs: add --sandbox, or leave it out \
                 (BG_SPEED too)",
            ),
            (false, false, true) => Some(
                "--seed is of the sandbox's randomness: add --sandbox, or leave it out (BG_SEED too)",
            ),
            _ => None,
        }
    }
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
    /// Write the deployment's report, one HTML page, to this file when it has ended, however it did
    #[arg(long, env = "BG_REPORT", value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Write a JUnit report of the steps, gates and guards at the end
    #[arg(long, env = "BG_JUNIT", value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write how it ended for a shell to source: BG_OUTCOME, BG_DEPLOYMENT_ID,
    /// BG_TASK_DEFINITION_ARN, BG_GREEN_WEIGHT
    #[arg(long, env = "BG_ENV_FILE", value_name = "FILE")]
    pub env_file: Option<PathBuf>,
}

/// What a pipeline believes that it deploys.
#[derive(Debug, Clone, Default, Args)]
pub struct MeantArgs {
    /// Refuse a config of another service than this one: by its name or an ECS service of its slots
    #[arg(long, env = "BG_SERVICE", value_name = "NAME")]
    pub service: Option<String>,
    /// Refuse a config of another cluster
    #[arg(long, env = "BG_CLUSTER", value_name = "NAME")]
    pub cluster: Option<String>,
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

/// What a verb that deploys does first with what a process that died has left.
#[derive(Debug, Clone, Copy, Args)]
pub struct LeftoverArgs {
    /// First go on with a deployment whose process died
    #[arg(long, env = "BG_RESUME", value_parser = FalseyValueParser::new(), conflicts_with = "revert")]
    pub resume: bool,
    /// First put back a deployment whose process died
    #[arg(long, env = "BG_REVERT", value_parser = FalseyValueParser::new())]
    pub revert: bool,
}

/// `bg deploy`
#[derive(Debug, Clone, Args)]
pub struct DeployArgs {
    /// What is deployed.
    #[command(flatten)]
    pub version: VersionArgs,
    /// What comes first.
    #[command(flatten)]
    pub leftover: LeftoverArgs,
    /// Show what it would do, as `bg plan` does, and change nothing
    #[arg(long, env = "BG_DRY_RUN", value_parser = FalseyValueParser::new(), conflicts_with_all = ["resume", "revert"])]
    pub dry_run: bool,
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

impl DeployArgs {
    /// The same as `bg plan` takes it.
    pub fn as_plan(&self) -> PlanArgs {
        PlanArgs {
            version: self.version.clone(),
            meant: self.meant.clone(),
            region: self.region.clone(),
        }
    }
}

/// `bg plan`
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// What would be deployed.
    #[command(flatten)]
    pub version: VersionArgs,
    /// What is meant.
    #[command(flatten)]
    pub meant: MeantArgs,
    /// Where.
    #[command(flatten)]
    pub region: RegionArgs,
}
