//! Every built-in strategy × a good and two bad versions × everywhere that the process can die ×
//! how soon somebody goes on: the deployment ends where it would have ended, and leaves nothing
//! else behind.
//!
//! It can die before and after each request's effect, and with each record written or lost. Here
//! all of those points that are next to an act are gone on from, and a sample of the others, where
//! it merely looks; `BG_MORE=1` takes all of them. Points that leave the same world, journal and
//! lock behind, byte for byte, are gone on from once for all of them.
//! `BG_CASE='canary shop:v2 record 17'` plays only the points whose name begins with that, with
//! every record shown.

#[path = "virtual/autoscaled.rs"]
mod autoscaled;
#[path = "virtual/gone_on.rs"]
mod gone_on;
#[path = "virtual/harness.rs"]
mod harness;
#[path = "virtual/kills.rs"]
mod kills;
#[path = "virtual/services.rs"]
mod services;
#[path = "virtual/truth.rs"]
mod truth;
#[path = "virtual/watched.rs"]
#[expect(dead_code, reason = "only what is asked matters here, not its bytes")]
mod watched;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bg::deployment::outcome::Outcome;
use bg::deployment::plan::GreenCapacity;
use bg::deployment::preflight::Request;
use bg::deployment::state::Deployment;
use bg::runner::Asks;
use bg::sandbox::RegionOptions;
use harness::{Stage, request};
use kills::{Remains, Sample, Undisturbed, die_everywhere, in_virtual_time};

/// How many are gone on from at once.
const THREADS: usize = 2;
/// A restart soon after the lease's end, and one much later.
const SOON: Duration = Duration::from_secs(70);
const LATE: Duration = Duration::from_secs(3 * 3600);

const STRATEGIES: [&str; 6] = [
    "all-at-once",
    "canary",
    "canary-15m",
    "linear",
    "linear-3m",
    "progressive",
];
/// The version that is promoted.
const GOOD: &str = "shop:v2";
/// One that an alarm reverts in mid-shift.
const BAD: &str = "shop:bad";
/// One that never gets healthy: the strategy doesn't matter.
const UNHEALTHY: &str = "shop:unhealthy";

/// Between two looks, unless all points are wanted: otherwise most would be in the bakes.
const POLL: Duration = Duration::from_secs(20);

fn all() -> bool {
    std::env::var_os("BG_MORE").is_some()
}

fn only() -> Option<String> {
    std::env::var("BG_CASE").ok()
}

fn cases() -> Vec<(&'static str, &'static str)> {
    let each = STRATEGIES.iter().flat_map(|it| [(*it, GOOD), (*it, BAD)]);
    let mut cases: Vec<_> = each.chain([("canary", UNHEALTHY)]).collect();
    if let Some(only) = only() {
        cases.retain(|(strategy, image)| only.starts_with(&format!("{strategy} {image}")));
    }
    cases
}

/// Of how many states in which a strategy's deployment merely looks one is gone on from.
fn looks(strategy: &str) -> usize {
    match strategy {
        _ if all() || only().is_some() => 1,
        "canary" => 5,
        _ => 20,
    }
}

/// A case's remains on the way to who goes on with them.
struct Sent {
    name: String,
    case: (&'static str, &'static str),
    after: Duration,
    remains: Remains,
}

/// How going on from a point ended.
struct Played {
    name: String,
    case: (&'static str, &'static str),
    /// Whether it was promoted, not reverted; and how many writes all that has taken.
    end: Result<(bool, usize), String>,
}

/// Goes on from a point: how it ended, or what is wrong with its end.
fn play(remains: Remains, after: Duration) -> Result<(bool, usize), String> {
    let resumed = remains.go_on(after)?;
    if let Some(broken) = resumed.broken.first() {
        return Err(broken.clone());
    }
    if let Some(wrong) = resumed.stage.wrong_with(&resumed.ended) {
        return Err(wrong);
    }
    Ok((promoted(&resumed.ended), resumed.writes))
}

fn play_all(queue: &Mutex<Receiver<Sent>>, played: &Mutex<Vec<Played>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Sent {
            name,
            case,
            after,
            remains,
        }) = next
        else {
            return;
        };
        let end = catch_unwind(AssertUnwindSafe(|| play(remains, after)));
        let end = end.unwrap_or_else(|_| Err("it panicked".to_owned()));
        let mut played = played.lock().unwrap_or_else(PoisonError::into_inner);
        played.push(Played { name, case, end });
    }
}

/// Whether a deployment was promoted, not reverted.
fn promoted(ended: &Deployment) -> bool {
    ended.outcome() == Some(&Outcome::Promoted)
}

/// Sends a case's points to who goes on from them.
fn send(case: (&'static str, &'static str), queue: &SyncSender<Sent>) -> Undisturbed {
    let (strategy, image) = case;
    let mut request = request(image, strategy);
    if !all() {
        request.limits.poll = POLL;
    }
    let only = only();
    let name = move |at: &str| format!("{strategy} {image} {at}");
    let named = move |at: &str| {
        let name = name(at);
        let alike = |only: &String| only.starts_with(&name) || name.starts_with(only);
        only.as_ref().is_none_or(alike)
    };
    let sample = Sample {
        looks: looks(strategy),
        named: Box::new(named),
    };
    let queue = queue.clone();
    die_everywhere(
        &request,
        |_| {},
        sample,
        move |remains| {
            for (after, soon) in [(SOON, "soon"), (LATE, "late")] {
                let sent = Sent {
                    name: format!("{} {soon}", name(&remains.at)),
                    case,
                    after,
                    remains: remains.clone(),
                };
                queue.send(sent).expect("somebody goes on from it");
            }
        },
    )
}

/// What is wrong with how a point ended, beside how its case goes where nobody dies.
fn wrong_with(played: &Played, undisturbed: &Undisturbed) -> Option<String> {
    let wrong = match &played.end {
        Err(why) => why.clone(),
        Ok((is_promoted, _)) if *is_promoted != promoted(&undisturbed.ended) => {
            "it ended on the other side".to_owned()
        }
        // The one that had its effect when its process died, and was not known to.
        Ok((_, writes)) if *writes > undisturbed.writes + 1 => {
            format!("{writes} writes where {} are enough", undisturbed.writes)
        }
        Ok(_) => return None,
    };
    Some(format!("{}: {wrong}", played.name))
}

#[test]
fn a_deployment_ends_as_it_would_have_wherever_its_process_dies() {
    let (queue, remains) = sync_channel(THREADS);
    let (remains, played) = (Mutex::new(remains), Mutex::new(Vec::new()));
    let undisturbed: BTreeMap<_, _> = thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| play_all(&remains, &played));
        }
        let cases = cases().into_iter();
        let undisturbed = cases.map(|case| (case, send(case, &queue))).collect();
        drop(queue);
        undisturbed
    });
    let played = played.into_inner().unwrap_or_else(PoisonError::into_inner);
    let wrong = played
        .iter()
        .map(|it| wrong_with(it, &undisturbed[&it.case]));
    let mut wrong: Vec<String> = wrong.flatten().collect();
    wrong.sort();
    for (case, undisturbed) in &undisturbed {
        assert_eq!(promoted(&undisturbed.ended), case.1 == GOOD, "{case:?}");
    }
    let sum = |of: fn(&Undisturbed) -> usize| undisturbed.values().map(of).sum::<usize>();
    let (points, taken) = (sum(|it| it.points), sum(|it| it.taken));
    println!(
        "{points} points at which the process can die, {taken} gone on from, each soon and late: \
         {} deployments, as some points leave the same behind",
        played.len()
    );
    assert!(
        wrong.is_empty(),
        "{} of {} went wrong:\n{}",
        wrong.len(),
        played.len(),
        wrong.join("\n")
    );
    assert!(only().is_some() || taken >= 2_000, "too few points");
}

#[test]
fn a_run_that_is_dropped_in_mid_flight_is_gone_on_with() {
    for seconds in [1, 15, 60, 95, 130, 400, 660] {
        drop_and_go_on(&request(GOOD, "canary"), seconds);
    }
}

#[test]
fn so_is_one_whose_green_grows_with_its_weight() {
    let mut request = request(GOOD, "canary");
    request.green_capacity = GreenCapacity::Proportional;
    // From 362 s on it gets its second task, and at 392 s its traffic.
    for seconds in [60, 130, 361, 362, 363, 370, 390, 393, 600] {
        drop_and_go_on(&request, seconds);
    }
}

fn drop_and_go_on(request: &Request, seconds: u64) {
    in_virtual_time(async {
        let stage = Stage::open(RegionOptions::default(), |_| {});
        let mut asks = Asks::default();
        let run = stage.deploy_asked(request, &mut asks, |_, _| {});
        let dropped = tokio::time::timeout(Duration::from_secs(seconds), run).await;
        assert_eq!(dropped.ok(), None, "it has ended within {seconds} s");
        let journal = stage.store.journal(&request.service, &request.id).await;
        let journal = journal.expect("it is in memory");
        let deployment = Deployment::replay(&journal).expect("it is legal");
        let died_at = stage.region.now();
        tokio::time::sleep(SOON).await;
        let deployment = deployment.expect("it has begun");
        let asks = &mut Asks::default();
        let ended = stage.take_and_go_on(deployment, died_at, asks);
        let ended = ended.await.expect("its lease is over");
        assert_eq!(stage.wrong_with(&ended), None, "dropped after {seconds} s");
        assert_eq!(ended.outcome(), Some(&Outcome::Promoted));
    });
}
