//! One case of the fault matrix: how it is played, and what is right about its end.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use bg::deployment::deadman::Deadman;
use bg::deployment::event::{Event, Record};
use bg::deployment::ids::RoleArn;
use bg::deployment::observation::Ask;
use bg::deployment::outcome::{Outcome, Stuck};
use bg::deployment::preflight::Request;
use bg::runner::Asks;
use bg::sandbox::RegionOptions;
use bg::sandbox::demo;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use bg::sandbox::region::CallOutcome;
use bg::sandbox::wire::ecs;
use bg::strategy::{Step, Strategy, Weight};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Scene, Stage, request};

/// How long a spell of bad weather lasts.
const SPELL: SignedDuration = SignedDuration::from_secs(30);
/// More virtual time than any case may take.
const AT_MOST: Duration = Duration::from_secs(3 * 3600);

/// What the account holds beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// Only slot a's service: green's is created.
    OneSlot,
    /// Both; green's is updated.
    IdleSlot,
    /// As the first, and the config asks for a dead-man switch.
    Deadman,
}

/// How the deployment would go without faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// A good version: promoted.
    Good,
    /// Somebody aborts it in its first bake: reverted.
    Aborted,
}

/// When the fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spell {
    /// The first call only.
    FirstCall,
    /// All calls of the first 30 s.
    Provisioning,
    /// All calls of the 30 s from the first shift's record on, the shift itself included.
    MidShift,
    /// All calls from then on.
    ForEverFromMidShift,
    /// The first call once the abort was asked for.
    FirstCallOfRevert,
    /// All calls of the 30 s from then on.
    Revert,
    /// All calls from then on.
    ForEverFromRevert,
}

impl Spell {
    /// Those that make sense on a course.
    pub(crate) fn of(course: Course) -> &'static [Spell] {
        match course {
            Course::Good => &[
                Spell::FirstCall,
                Spell::Provisioning,
                Spell::MidShift,
                Spell::ForEverFromMidShift,
            ],
            Course::Aborted => &[
                Spell::FirstCallOfRevert,
                Spell::Revert,
                Spell::ForEverFromRevert,
            ],
        }
    }

    fn is_for_ever(self) -> bool {
        matches!(self, Spell::ForEverFromMidShift | Spell::ForEverFromRevert)
    }

    fn begins_with(self, record: &Record) -> bool {
        match self {
            Spell::FirstCall | Spell::Provisioning => record.seq == 0,
            Spell::MidShift | Spell::ForEverFromMidShift => {
                matches!(record.event, Event::Shifting { step: 0, .. })
            }
            Spell::FirstCallOfRevert | Spell::Revert | Spell::ForEverFromRevert => {
                is_first_bake(record)
            }
        }
    }

    fn when(self, now: Timestamp) -> When {
        match self {
            Spell::FirstCall | Spell::FirstCallOfRevert => When::Nth(1),
            Spell::Provisioning | Spell::MidShift | Spell::Revert => {
                When::Between(now, now + SPELL)
            }
            Spell::ForEverFromMidShift | Spell::ForEverFromRevert => When::Always,
        }
    }
}

/// One case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The account.
    pub(crate) account: Account,
    /// The course.
    pub(crate) course: Course,
    /// The operation that fails.
    pub(crate) operation: String,
    /// How it fails.
    pub(crate) kind: FaultKind,
    /// When it fails.
    pub(crate) spell: Spell,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} {:?} {} {:?} {:?}",
            self.account, self.course, self.operation, self.kind, self.spell
        )
    }
}

fn is_first_bake(record: &Record) -> bool {
    matches!(record.event, Event::Baking { step: 0, .. })
}

/// A canary with everything that it has, in a few virtual minutes.
fn short_canary(account: Account) -> Request {
    let seconds = Duration::from_secs;
    let step = |percent, bake| {
        Step::new(
            Weight::of_percent(percent).expect("it is a percentage"),
            bake,
        )
    };
    let steps = vec![step(10, seconds(3)), step(100, Duration::ZERO)];
    let mut request = request("shop:v2", "canary");
    request.strategy = Strategy::new("short", steps, seconds(3)).expect("it goes up to 100 %");
    request.guards.healthy_for = seconds(5);
    request.limits.healthy_within = seconds(180);
    request.limits.patience = seconds(45);
    request.limits.blind_after = seconds(35);
    request.deadman = (account == Account::Deadman).then(|| Deadman {
        after: seconds(120),
        role: RoleArn::new("arn:aws:iam::123456789012:role/deadman"),
        leftovers: Vec::new(),
    });
    request
}

fn open(account: Account) -> Stage {
    let idle = |scene: &mut Scene| {
        let service = demo::service("shop-b", &scene.balancer.group_b, 0);
        ecs::handle(&mut scene.world, "CreateService", &service).expect("there is none yet");
        scene.world.advance(60);
    };
    Stage::open(RegionOptions::default(), |scene| {
        if account == Account::IdleSlot {
            idle(scene);
        }
    })
}

fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("it needs nothing from the machine")
        .block_on(work)
}

/// Runs the course; `watch` sees every record.
async fn run(
    stage: &Stage,
    account: Account,
    course: Course,
    mut watch: impl FnMut(&Stage, &Record),
) -> Outcome {
    let mut asks = Asks::default();
    let sender = asks.sender();
    stage
        .deploy_asked(&short_canary(account), &mut asks, |stage, record| {
            watch(stage, record);
            if course == Course::Aborted && is_first_bake(record) {
                let by = "somebody".to_owned();
                sender.send(Ask::Abort { by }).expect("it still runs");
            }
        })
        .await
}

/// Each spell of a course with the operations that it would strike: those that are used at that
/// time where nothing fails.
pub(crate) fn operations(account: Account, course: Course) -> Vec<(Spell, BTreeSet<String>)> {
    in_virtual_time(async {
        let stage = open(account);
        let mut begun = Vec::new();
        let outcome = run(&stage, account, course, |stage, record| {
            if record.seq == 0 {
                // What planning has looked at.
                stage.region.forget_calls();
            }
            let spells = Spell::of(course).iter();
            let begin = spells.filter(|spell| spell.begins_with(record));
            begun.extend(begin.map(|spell| (*spell, record.at)));
        })
        .await;
        match course {
            Course::Good => assert_eq!(outcome, Outcome::Promoted),
            Course::Aborted => assert!(matches!(outcome, Outcome::Reverted { .. })),
        }
        let calls = stage.region.calls();
        let used = |spell: Spell, from: Timestamp| {
            let until = match spell {
                Spell::Provisioning | Spell::MidShift | Spell::Revert => from + SPELL,
                _ => Timestamp::MAX,
            };
            let during = calls.iter().filter(|it| (from..until).contains(&it.at));
            during.map(|call| call.operation.clone()).collect()
        };
        let all = begun.iter().map(|(spell, at)| (*spell, used(*spell, *at)));
        all.collect()
    })
}

/// Plays a case: how it ended, in a few words, or what is wrong with its end.
pub(crate) fn play(case: &Case) -> Result<String, String> {
    in_virtual_time(async {
        let stage = open(case.account);
        let aloud = std::env::var("BG_CASE").is_ok();
        let deployed = run(&stage, case.account, case.course, |stage, record| {
            if aloud {
                println!("{} {:?}", record.at, record.event);
            }
            if case.spell.begins_with(record) {
                let when = case.spell.when(record.at);
                let rule = FaultRule::new(case.operation.as_str(), case.kind, when);
                stage.region.fault(rule);
            }
        });
        let ended = tokio::time::timeout(AT_MOST, deployed).await;
        let outcome = ended.map_err(|_| "it never ended".to_owned())?;
        let calls = stage.region.calls();
        let struck = calls
            .iter()
            .any(|call| matches!(call.outcome, CallOutcome::Struck(_)));
        if aloud {
            println!("{} calls until {}", calls.len(), stage.region.now());
        }
        judge(case, &stage, &outcome)?;
        match struck {
            true => Ok(in_a_word(&outcome)),
            false => Err("nothing was struck".to_owned()),
        }
    })
}

fn in_a_word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Promoted => "promoted".to_owned(),
        Outcome::Reverted { .. } => "reverted".to_owned(),
        Outcome::Kept { .. } => "kept".to_owned(),
        Outcome::Stuck { why } => match why {
            Stuck::PatienceOver { .. } => "stuck: patience over".to_owned(),
            Stuck::Moved { .. } => "stuck: moved after promotion".to_owned(),
            Stuck::BlueIsDown { .. } => "stuck: blue is down".to_owned(),
            Stuck::TakenOver { .. } => "stuck: taken over".to_owned(),
            Stuck::RevertNotConfirmed { .. } => "stuck: revert not confirmed".to_owned(),
            Stuck::GreenNotPutAway { .. } => "stuck: green not put away".to_owned(),
        },
    }
}

/// What is true at the end must be what the outcome says.
fn judge(case: &Case, stage: &Stage, outcome: &Outcome) -> Result<(), String> {
    let (blue, green) = stage.weights();
    let found = format!("{}, weights {blue}:{green}", in_a_word(outcome));
    let wrong = |what: &str| Err(format!("{what} ({found}): {outcome:?}"));
    let revisions = stage.ecs("ListTaskDefinitions", &json!({ "familyPrefix": "shop" }));
    if revisions["taskDefinitionArns"]
        .as_array()
        .map_or(0, Vec::len)
        > 2
    {
        return wrong("a second revision was registered");
    }
    let services = stage.ecs("ListServices", &json!({ "cluster": demo::CLUSTER }));
    if services["serviceArns"].as_array().map_or(0, Vec::len) > 2 {
        return wrong("a second green service was created");
    }
    if stage.counts("shop") != Some((2, 2)) {
        return wrong("blue is not what it was");
    }
    let of_green = stage.counts("shop-b");
    let left = stage
        .region
        .with_world(|world| world.scheduler.schedules.len());
    let promoted = *outcome == Outcome::Promoted;
    if left > 0 && (promoted || !case.spell.is_for_ever()) {
        return wrong("a dead-man switch is left");
    }
    if !case.spell.is_for_ever() {
        if promoted && !tags(stage, "shop").contains("bg:retire-at") {
            return wrong("nobody would find that blue is to be retired");
        }
        if of_green.is_some() && !rolls_back(stage, "shop-b") {
            return wrong("green did not get its own settings back");
        }
    }
    match outcome {
        Outcome::Promoted if (blue, green) != (0, 100) => wrong("not all is on green"),
        Outcome::Promoted if of_green != Some((2, 2)) => wrong("green is not whole"),
        Outcome::Promoted if case.course == Course::Aborted => wrong("it was aborted"),
        Outcome::Reverted { .. } if (blue, green) != (100, 0) => wrong("not all is on blue"),
        Outcome::Reverted { .. } if of_green.is_some_and(|(desired, _)| desired > 0) => {
            wrong("green is not put away")
        }
        Outcome::Promoted | Outcome::Reverted { .. } => Ok(()),
        Outcome::Kept { .. } => wrong("nobody asked to keep it"),
        Outcome::Stuck { why } => match may_be_stuck(case, why, (blue, green)) {
            true => Ok(()),
            false => wrong("there is no reason to be stuck"),
        },
    }
}

fn described(stage: &Stage, service: &str) -> Value {
    let input = json!({
        "cluster": demo::CLUSTER, "services": [service], "include": ["TAGS"],
    });
    stage.ecs("DescribeServices", &input)["services"][0].clone()
}

fn tags(stage: &Stage, service: &str) -> String {
    described(stage, service)["tags"].to_string()
}

/// Whether ECS's own rollback is on, as it is before each deployment.
fn rolls_back(stage: &Stage, service: &str) -> bool {
    let breaker = "/deploymentConfiguration/deploymentCircuitBreaker/rollback";
    described(stage, service).pointer(breaker) == Some(&Value::Bool(true))
}

/// Only where what it needs fails for ever, and only as far as that goes.
fn may_be_stuck(case: &Case, why: &Stuck, weights: (u64, u64)) -> bool {
    let all_back = weights == (100, 0);
    case.spell.is_for_ever()
        && match (case.operation.as_str(), why) {
            // The write itself is dead: the split stays, and the outcome says so. One whose
            // answer alone is lost takes effect.
            ("ModifyListener", Stuck::RevertNotConfirmed { .. }) => {
                all_back == case.kind.takes_effect()
            }
            // The write went through, and nobody can see it; or green can't be scaled, or seen
            // to be.
            ("DescribeListeners", Stuck::RevertNotConfirmed { .. })
            | ("UpdateService" | "DescribeServices", Stuck::GreenNotPutAway { .. }) => all_back,
            _ => false,
        }
}
