//! What the journal costs: writing it, and reading a long one.

use std::path::Path;
use std::time::Duration;

use bg::deployment::event::{Event, Record};
use bg::deployment::ids::ServiceName;
use bg::deployment::outcome::Outcome;
use bg::runner::Asks;
use bg::sandbox::RegionOptions;
use bg::store::{FileStore, Store};
use futures_util::FutureExt;
use jiff::SignedDuration;

use crate::child::Sandbox;
use crate::harness::{Stage, request};
use crate::virtual_time::in_virtual_time;
use crate::{Figure, TIMES, median, millis, timed};

/// Events of a long journal: a day's deployment that looks at something new every few seconds.
const EVENTS: u64 = 10_000;

pub(crate) fn figures() -> Vec<Figure> {
    vec![overhead(), status()]
}

/// The records of an hour's canary.
fn canary() -> Vec<Record> {
    in_virtual_time(async {
        let stage = Stage::open(RegionOptions::default(), |_| {});
        let request = request("shop:v2", "canary:5%:55m");
        let mut asks = Asks::default();
        let outcome = stage.deploy_asked(&request, &mut asks, |_, _| {}).await;
        assert_eq!(outcome, Outcome::Promoted);
        stage.records.take()
    })
}

/// Writes records to a store in a folder, each to the disk.
fn append(folder: &Path, records: &[Record]) {
    let store = Store::File(FileStore::new(folder));
    let service = ServiceName::new("shop");
    for record in records {
        let appended = store.append(&service, None, record).now_or_never();
        appended
            .expect("a file's write doesn't wait")
            .expect("the folder can be written to");
    }
}

fn overhead() -> Figure {
    let (deployments, records): (Vec<Duration>, Vec<_>) = (0..TIMES).map(|_| timed(canary)).unzip();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let once = |at: usize| timed(|| append(&folder.path().join(at.to_string()), &records[0])).0;
    let (all, journal) = (median(deployments), median((0..TIMES).map(once).collect()));
    let share = 100.0 * journal.as_secs_f64() / all.as_secs_f64();
    Figure::new(
        format!(
            "journal of an hour's canary in virtual time: {} records, each to the disk",
            records[0].len()
        ),
        format!("{} of {}: {share:.1}%", millis(journal), millis(all)),
        "under 5%",
    )
}

/// A deployment in its first bake, which saw something new at each of very many looks.
fn long_journal() -> Vec<Record> {
    let mut records = canary();
    let baking = |record: &Record| matches!(record.event, Event::Baking { .. });
    let baking = records.iter().position(baking).expect("it baked");
    records.truncate(baking + 1);
    let look = |record: &&Record| matches!(record.event, Event::Looked(_));
    let look = records.iter().rev().find(look).expect("it looked").clone();
    let begun = records.last().expect("it began").at;
    let first = records.len() as u64;
    records.extend((first..EVENTS).map(|seq| Record {
        seq,
        at: begun + SignedDuration::from_secs((seq - first).cast_signed()),
        ..look.clone()
    }));
    records
}

fn status() -> Figure {
    let measured = || {
        let folder = tempfile::tempdir().ok()?;
        let records = long_journal();
        let journals = folder.path().join(".bg/shop/deployments");
        std::fs::create_dir_all(&journals).ok()?;
        let mut text = String::new();
        for record in &records {
            text.push_str(&serde_json::to_string(record).ok()?);
            text.push('\n');
        }
        let name = format!("{}.jsonl", records[0].deployment);
        std::fs::write(journals.join(name), text).ok()?;
        Sandbox::start()?.time(folder.path(), &["status"])
    };
    Figure::new(
        format!("`bg status` with a journal of {EVENTS} events"),
        measured().map_or("not measured".to_owned(), millis),
        "under 50 ms",
    )
}
