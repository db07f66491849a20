//! RegisterTaskDefinition has no token: nothing may make a second revision, although the first
//! takes a while to be listed.

use std::time::Duration;

use bg::deployment::event::{Event, Record};
use bg::deployment::observation::{Ask, OnInterrupt};
use bg::deployment::outcome::Outcome;
use bg::deployment::plan::NewTaskDefinition;
use bg::deployment::state::Deployment;
use bg::deployment::trip::Trip;
use bg::runner::{Asks, Run, Until};
use bg::sandbox::RegionOptions;
use bg::sandbox::faults::{FaultKind, FaultRule, When};
use jiff::SignedDuration;
use serde_json::json;

use crate::harness::{Stage, request};

/// A region whose reads lag ten seconds behind, and that registers without an answer.
fn stage() -> Stage {
    let options = RegionOptions {
        read_lag: Duration::from_secs(10),
        ..RegionOptions::default()
    };
    Stage::open(options, |_| {})
}

/// Deploys, and asks a second after the task definition was begun to be registered.
async fn asked(stage: &Stage, ask: Ask) -> Outcome {
    let mut asks = Asks::default();
    let sender = asks.sender();
    let request = request("shop:v2", "canary:10%:1m");
    let mut once = false;
    let outcome = stage.deploy_asked(&request, &mut asks, |stage, record| {
        if record.event != Event::RegisteringTaskDefinition || once {
            return;
        }
        once = true;
        let (kind, when) = (FaultKind::TimeoutAfter, When::First(1));
        stage
            .region
            .fault(FaultRule::new("RegisterTaskDefinition", kind, when));
        let (sender, ask) = (sender.clone(), ask.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            sender.send(ask).expect("it still runs");
            tokio::time::sleep(Duration::from_secs(60)).await;
            let by = "ada".to_owned();
            let _ = sender.send(Ask::GoOn { by, full: false });
        });
    });
    outcome.await
}

fn revisions(stage: &Stage) -> Option<usize> {
    let listed = stage.ecs("ListTaskDefinitions", &json!({ "familyPrefix": "shop" }));
    listed["taskDefinitionArns"].as_array().map(Vec::len)
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_cuts_it_short_makes_no_second_revision() {
    let stage = stage();
    let by = "ada".to_owned();
    assert_eq!(asked(&stage, Ask::Pause { by }).await, Outcome::Promoted);
    assert_eq!(revisions(&stage), Some(2));
}

/// Another process goes on with what the first left.
async fn go_on(stage: &Stage, until: Until) -> Deployment {
    let request = request("shop:v2", "canary:10%:1m");
    let holder = stage.holder(&request.id);
    let holder = stage.store.lock(&request.service, &holder).await;
    let holder = holder.expect("it was given back");
    let journal = stage.store.journal(&request.service, &request.id).await;
    let journal = journal.expect("it is in memory");
    let deployment = Deployment::replay(&journal).expect("it is legal");
    let run = Run {
        cloud: &stage.cloud,
        store: &stage.store,
        clock: stage.clock(),
        holder: holder.clone(),
        body: None,
        asks: &mut Asks::default(),
        show: &mut |_| {},
    };
    let (deployment, since) = (deployment.expect("it has begun"), stage.region.now());
    let ended = run.resume(deployment, "ada".to_owned(), since, until).await;
    let released = stage.store.unlock(&request.service, &holder).await;
    released.expect("it is in memory");
    ended.expect("the journal is in memory")
}

#[tokio::test(start_paused = true)]
async fn a_definition_from_a_file_that_died_with_its_process_ends_it_before_anything_is_changed() {
    let stage = stage();
    let planning = stage.plan(&request("shop:v2", "canary:10%:1m")).await;
    let mut plan = planning.plan.expect("nothing forbids it");
    match &mut plan.task_definition {
        NewTaskDefinition::Register { from, .. } => *from = None,
        other => panic!("{other:?}"),
    }
    let started = Record {
        v: Record::VERSION,
        seq: 0,
        at: stage.region.now(),
        deployment: plan.id.clone(),
        event: Event::Started {
            plan: Box::new(plan.clone()),
        },
    };
    let begun = stage.store.append(&plan.service, None, &started).await;
    begun.expect("it is in memory");
    let ended = go_on(&stage, Until::End).await;
    let trip = Trip::DefinitionLost;
    assert_eq!(ended.outcome(), Some(&Outcome::Reverted { trip }));
    assert!(!ended.green_touched);
    assert_eq!(revisions(&stage), Some(1));
}

async fn left(stage: &Stage) {
    let left = Ask::Interrupt {
        signal: "SIGTERM".to_owned(),
        then: OnInterrupt::Keep,
    };
    let outcome = asked(stage, left).await;
    assert!(matches!(outcome, Outcome::Kept { .. }), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_goes_on_at_once_after_another_makes_no_second_revision() {
    let stage = stage();
    left(&stage).await;
    let ended = go_on(&stage, Until::End).await;
    assert_eq!(ended.outcome(), Some(&Outcome::Promoted));
    assert_eq!(revisions(&stage), Some(2));
}

#[tokio::test(start_paused = true)]
async fn rounds_that_come_each_few_seconds_get_it_to_its_end() {
    let stage = stage();
    left(&stage).await;
    for round in 0.. {
        let at_most = stage.region.now() + SignedDuration::from_secs(60);
        let so_far = go_on(&stage, Until::Rest { at_most }).await;
        if so_far.outcome().is_some() {
            assert_eq!(so_far.outcome(), Some(&Outcome::Promoted));
            break;
        }
        assert!(round < 200, "it never goes on: {:?}", so_far.phase);
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(revisions(&stage), Some(2));
}
