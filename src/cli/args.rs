//! The arguments of every verb. Each flag `--some-flag` can be given as the environment variable
//! `BG_SOME_FLAG` as well; a flag on the command line wins.

mod deployment;
mod misuse;
mod terminal;
mod values;
mod verbs;

use std::ffi::OsString;
use std::path::PathBuf;

use super::topics::TOPICS;
use clap::builder::{FalseyValueParser, PossibleValuesParser, Resettable};
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use super::story::Story;
pub use deployment::{
    DefinitionArgs, DeployArgs, MeantArgs, PlanArgs, RegionArgs, RetireBy, RunArgs, VersionArgs,
};
use misuse::explained;
pub use misuse::{Misuse, parse};
pub use terminal::{CompletionsArgs, HelpArgs, LogsArgs, ManArgs, SchemaArgs};
pub use verbs::{
    DeadmanArgs, DeadmanTestArgs, DeadmanVerb, DoctorArgs, Extra, HistoryArgs, IamPolicyArgs,
    InitArgs, InitFormat, Part, PromoteArgs, RehearseArgs, RejectArgs, ReportArgs, RestartArgs,
    ResumeArgs, RollbackArgs, SandboxArgs, ScaleArgs, ShowArgs, StatusArgs, SteerArgs, TasksArgs,
    TickArgs, UiArgs, VerifyArgs,
};

/// Blue/green deployments for Amazon ECS that watch, verify and revert by themselves
#[derive(Debug, Clone, Parser)]
#[command(
    name = "bg",
    version,
    disable_help_subcommand = true,
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
    #[command(after_help = PLAN_EXAMPLES, alias = "diff")] // ecspresso's name for it
    Plan(PlanArgs),
    /// Look at what a version needs beside ECS and ELB: roles, images, secrets, log groups; read-only
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Show which slot is live, both slots' tasks, the weights, and what is under way
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// List both slots' tasks, and why those of the last hour stopped
    Tasks(TasksArgs),
    /// Show what both sides' containers log, side by side, and follow it
    #[command(after_help = LOGS_EXAMPLES)]
    Logs(LogsArgs),
    /// Go back to the version that served before, in one step while it is warm
    #[command(after_help = ROLLBACK_EXAMPLES)]
    Rollback(RollbackArgs),
    /// Deploy what is live once more: the same revision, fresh tasks, the same safe path
    #[command(alias = "refresh")] // ecspresso's name for it
    Restart(RestartArgs),
    /// Set the live slot's desired count
    Scale(ScaleArgs),
    /// Go on with a deployment whose process died or was told to leave it
    #[command(after_help = RESUME_EXAMPLES)]
    Resume(ResumeArgs),
    /// Ask a running deployment to stay at its present weight
    Pause(SteerArgs),
    /// Ask a running deployment to go on, past a pause or the present bake
    Promote(PromoteArgs),
    /// Ask a running deployment to put all traffic back
    Abort(SteerArgs),
    /// Say yes to the gate that a deployment waits at
    Approve(SteerArgs),
    /// Say no to it: all traffic goes back
    Reject(RejectArgs),
    /// Say why a service or task is unwell, and what mends it; any ECS service, read-only
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// List the service's deployments
    History(HistoryArgs),
    /// Tell the whole story of a deployment, from its journal
    Show(ShowArgs),
    /// Write a deployment's report: one HTML page with charts, verdict, diagnosis and all events
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Show all services of the state store in a browser, live, on loopback, until Ctrl-C
    #[command(after_help = UI_EXAMPLES)]
    Ui(UiArgs),
    /// Do one round of everything that is due, such as retiring blue; made for cron
    Tick(TickArgs),
    /// Adopt a live ECS service: write bg.yaml for it, show what it lacks, and add that
    #[command(after_help = INIT_EXAMPLES)]
    Init(InitArgs),
    /// Try the dead-man switch
    Deadman(DeadmanArgs),
    /// Run the deployment against the region in virtual time, over many seeds and faults
    #[command(after_help = REHEARSE_EXAMPLES)]
    Rehearse(RehearseArgs),
    /// Serve the sandbox region, an embedded stand-in for AWS, on loopback until Ctrl-C
    #[command(after_help = SANDBOX_EXAMPLES)]
    Sandbox(SandboxArgs),
    /// Print the IAM policy that bg needs for this bg.yaml, and no more; needs no credentials
    #[command(after_help = IAM_POLICY_EXAMPLES)]
    IamPolicy(IamPolicyArgs),
    /// Print the JSON Schema of bg.yaml, for editors
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
    /// Print a shell's completions of verbs, flags and their values
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each verb
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
    /// Show a verb's help, or explain a topic: strategies, gates, guards, config, exit-codes, ...
    Help(HelpArgs),
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

const VERIFY_EXAMPLES: &str = "\
Examples:
  bg verify
  bg verify --image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:v2
  bg verify --task-definition taskdef.json --image shop:v2
  bg verify --output json | jq '.checks[] | select(.verdict == \"NG\")'

Each check is OK, NG, or SKIP where it can't be told from here: the image is in no private registry
of ECR, or these credentials may not look. It ends with 3 where one is NG. No secret is read.";

const STATUS_EXAMPLES: &str = "\
Examples:
  bg status
  bg status --watch
  bg status --output json | jq -r .live.service";

const LOGS_EXAMPLES: &str = "\
Examples:
  bg logs --follow
  bg logs --green --grep ERROR --since 1h
  bg logs --container app --output json | jq -r .message

A terminal of 100 columns or more has slot a on the left and slot b on the right; elsewhere each line
says its side and slot, its task and its container. Times are UTC. Read are containers with the
driver awslogs, of tasks that run or stopped in the last hour; where another driver has the log, that
is said. --follow reads on until Ctrl-C, also what tasks log that are new.";

const RESUME_EXAMPLES: &str = "\
Examples:
  bg resume
  bg resume --for 50m       leave it to the next job after that (exit code 7)
  bg resume --revert        put all traffic back, as the last step of a CI job";

const ROLLBACK_EXAMPLES: &str = "\
Examples:
  bg rollback
  bg rollback --to a --force    break glass: weights only, no lock, no health";

const REPORT_EXAMPLES: &str = "\
Examples:
  bg report
  bg report --html > report.html
  bg report 20260105-071400-k3v9 --write report.html
  bg deploy --image shop:v2 --report report.html     the same as soon as it has ended

The page needs nothing else: no script, font or picture from elsewhere. It shows what the journal
holds, and what CloudWatch counted on both sides in these minutes.";

const UI_EXAMPLES: &str = "\
Examples:
  bg ui
  bg ui --port 8080
  curl -H \"Authorization: Bearer $BG_TOKEN\" http://127.0.0.1:8080/metrics

It lists every service of the state store that bg.yaml names, follows each deployment, and can ask
a running one to pause, to be promoted and to be aborted, as those verbs do. It listens on 127.0.0.1
alone and lets in whoever has the token of the address that it prints.";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  bg doctor
  bg doctor --service shop --cluster prod
  bg doctor --cluster prod --task 0a1b2c3d4e5f60718293a4b5c6d7e8f9
  bg doctor --output json | jq -r '.services[].findings[0].rule'";

const INIT_EXAMPLES: &str = "\
Examples:
  bg init                                          choose from the clusters and services there are
  bg init --cluster prod --service shop            write bg.yaml and show what is missing
  bg init --cluster prod --service shop --apply    add it, too
  bg init --from ecspresso.yml                     take over what that says
  bg init --from appspec.yaml --from group.json    the same of CodeDeploy
  bg init --cluster prod --service shop --format terraform > slot_b.tf
  bg init --state                                  the table of `state: dynamodb://TABLE`

It looks at the service, its target groups, load balancers, listeners and rules, weighted Route 53
records over a load balancer for each slot, autoscaling and alarms. What --apply adds carries no
traffic: target groups cloned from the service's own, named at weight 0 in each forward action.
Doing it again changes nothing. Records that are found are listed in bg.yaml; where it says that
some are no route, list them there yourself: `routes: [{ record: NAME }]`.";

const IAM_POLICY_EXAMPLES: &str = "\
Examples:
  bg iam-policy > policy.json
  bg iam-policy --part read > read.json
  bg iam-policy --part write > write.json

A managed policy takes 6,144 characters, spaces left out. What is longer is said on stderr.";

const REHEARSE_EXAMPLES: &str = "\
Examples:
  bg rehearse
  bg rehearse --compare canary,linear,progressive --seeds 100
  bg rehearse --compare progressive,canary,codedeploy --scenario busy.yaml --output markdown

A scenario says what is rehearsed on; all keys may be left out (here with their defaults):
  requests: 20        # a second
  swing: 0%           # by how much the rate swings over a day
  tasks: 2            # of each side
  errors: 0%          # of the live version's requests fail
  latency: 20ms
  start_up: 2s        # from a container's start until its process listens
  healthy_after: 20s  # from the first good health check until there were enough
  deregistration_delay: 5m
  lag: 90s            # how late CloudWatch's figures are
  noise: 0%           # by how much a side's error rate differs from minute to minute by itself
  weather: steady     # or drifting, incidents: what both sides' errors do together
  count_for: 1h       # failed requests are counted for so long where nothing reverts
  faults:             # [default: the usual ones] each entry is one of these, and tried by itself
    - errors: 5%      # of the new version's requests fail
      from: 0.1%      # for this entry: the live version's share; requests, weather, noise as above
    - { latency: 200ms }
    - { crash: 3m }       # its process ends
    - { start_up: 3m }
    - { late: 5m }        # CloudWatch's figures come so much later
    - { throttled: 30% }  # of calls to AWS
    - { dies: 10m }       # nobody drives the deployment for so long
    - { good: true, requests: 5 }   # or just: good
late, throttled and dies befall a version with 20 % errors, and then a good one.
docs/rehearsal.md says more of each key; examples/rehearsal has whole scenarios.";

const SCHEMA_EXAMPLES: &str = "\
In an editor with the YAML language server (VS Code, Neovim, Helix, JetBrains has it built in):
  bg schema --write .bg/schema.json
and as the first line of bg.yaml, with the file's place as seen from there:
  # yaml-language-server: $schema=.bg/schema.json
It is of this bg: write it again after an update. A strategy's own file takes
  # yaml-language-server: $schema=.bg/schema.json#/$defs/strategy";

const COMPLETIONS_EXAMPLES: &str = "\
bash, in ~/.bashrc (`bg` is a builtin, too: without the first line it wins):
  enable -n bg
  eval \"$(bg completions bash)\"
zsh, in ~/.zshrc after compinit:
  disable bg
  source <(bg completions zsh)
fish, in ~/.config/fish/config.fish:
  function bg; command bg $argv; end
and once:
  mkdir -p ~/.config/fish/completions
  command bg completions fish > ~/.config/fish/completions/bg.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  bg man | man -l -
  bg man --write ~/.local/share/man/man1";

const SANDBOX_EXAMPLES: &str = "\
Examples:
  bg sandbox
  bg sandbox --speed 60 --with autoscaling,worker    more to try
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
    /// Text for people, or JSON: line by line for deploy, rollback and logs, else one document
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
    /// What this process has to tell CI at its end.
    #[arg(skip)]
    pub story: Story,
}

/// What output is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// People.
    #[default]
    Text,
    /// Programs.
    Json,
    /// Documents; only `rehearse` writes them.
    Markdown,
}

/// The whole command line; its help doesn't depend on the environment.
pub fn command() -> clap::Command {
    with_topics(without_values(Cli::command()))
}

/// `help` knows the verbs and the topics.
fn with_topics(command: clap::Command) -> clap::Command {
    let verbs = command.get_subcommands().map(clap::Command::get_name);
    let topics = TOPICS.iter().map(|topic| topic.name);
    let known: Vec<String> = verbs.chain(topics).map(str::to_owned).collect();
    let list = TOPICS
        .iter()
        .map(|topic| format!("  {:<12}  {}", topic.name, topic.about));
    let list: Vec<String> = list.collect();
    command.mut_subcommand("help", |help| {
        help.mut_arg("topic", |topic| {
            topic.value_parser(PossibleValuesParser::new(known))
        })
        // Whatever is changed goes to the end; it comes after the topic.
        .mut_arg("name", |name| name)
        .after_help(format!(
            "Topics:\n{}\n\n`bg help strategies NAME` prints a strategy's file.",
            list.join("\n")
        ))
    })
}

fn without_values(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| arg.hide_env_values(true))
        .mut_subcommands(without_values)
}

/// The command line that these arguments and the environment make, the program's name first. A
/// variable that is empty is as good as none.
///
/// # Errors
/// When it makes no sense, or asks for help or the version.
pub fn try_parse<S: Into<OsString>>(args: impl IntoIterator<Item = S>) -> Result<Cli, clap::Error> {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let matches = without_empty(command()).try_get_matches_from(&args);
    checked(&matches.map_err(|error| explained(error, &args))?)
}

/// Where a pipeline has no value for a variable, it is often set to nothing.
fn without_empty(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| match arg.get_env().and_then(std::env::var_os) {
            Some(value) if value.is_empty() => arg.env(Resettable::Reset),
            _ => arg,
        })
        .mut_subcommands(without_empty)
}

/// What the parser would say of these flags doesn't name them.
fn checked(matches: &ArgMatches) -> Result<Cli, clap::Error> {
    let cli = Cli::from_arg_matches(matches)?;
    let region = match &cli.verb {
        Verb::Deploy(args) => Some(&args.region),
        Verb::Plan(args) => Some(&args.region),
        Verb::Verify(args) => Some(&args.region),
        Verb::Restart(args) => Some(&args.region),
        Verb::Deadman(args) => match &args.verb {
            DeadmanVerb::Test(args) => Some(&args.region),
        },
        _ => None,
    };
    let lone = region.and_then(RegionArgs::without_sandbox);
    match lone {
        Some(why) => Err(command().error(ErrorKind::MissingRequiredArgument, why)),
        None => Ok(cli),
    }
}

#[cfg(test)]
mod tests;
