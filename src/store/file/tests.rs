use std::fs;

use jiff::{SignedDuration, Timestamp};

use super::super::Duty;
use super::*;
use crate::deployment::event::Event;

fn record(seq: u64) -> Record {
    Record {
        v: Record::VERSION,
        seq,
        at: Timestamp::UNIX_EPOCH,
        deployment: DeploymentId::new("d1"),
        event: Event::RegisteringTaskDefinition,
    }
}

fn holder() -> Holder {
    Holder {
        deployment: DeploymentId::new("d1"),
        owner: "ada".to_owned(),
        host: "engine".to_owned(),
        pid: 7,
        run_url: None,
        since: Timestamp::UNIX_EPOCH,
        lease_until: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(60),
        fence: 0,
        duty: Duty::Deploy,
    }
}

struct Scene {
    _dir: tempfile::TempDir,
    store: FileStore,
    shop: ServiceName,
    holder: Holder,
    path: PathBuf,
}

/// A journal of two records.
fn scene() -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let (store, shop) = (FileStore::new(dir.path()), ServiceName::new("shop"));
    let holder = store.lock(&shop, &holder()).unwrap();
    store.append(&shop, Some(&holder), &record(0)).unwrap();
    store.append(&shop, Some(&holder), &record(1)).unwrap();
    let path = store.journal_path(&shop, &DeploymentId::new("d1"));
    Scene {
        _dir: dir,
        store,
        shop,
        holder,
        path,
    }
}

impl Scene {
    fn journal(&self) -> Result<Vec<Record>, StoreError> {
        self.store.journal(&self.shop, &DeploymentId::new("d1"))
    }
}

#[test]
fn a_journal_torn_at_any_byte_reads_as_its_whole_records_and_goes_on_after_them() {
    let scene = scene();
    let text = fs::read(&scene.path).unwrap();
    let first = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in 0..text.len() {
        fs::write(&scene.path, &text[..cut]).unwrap();
        let whole: Vec<Record> = if cut < first { vec![] } else { vec![record(0)] };
        assert_eq!(scene.journal().unwrap(), whole, "cut at {cut}");
        let next = record(whole.len() as u64);
        scene
            .store
            .append(&scene.shop, Some(&scene.holder), &next)
            .unwrap();
        assert_eq!(scene.journal().unwrap().len(), whole.len() + 1);
    }
}

#[test]
fn a_torn_middle_is_an_error_that_names_its_line() {
    let scene = scene();
    let text = fs::read_to_string(&scene.path).unwrap();
    fs::write(&scene.path, format!("{}\n{text}", &text[..20])).unwrap();
    let error = scene.journal().unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
}

#[test]
fn a_journal_of_a_later_version_says_so() {
    let scene = scene();
    let text = fs::read_to_string(&scene.path).unwrap();
    let later = format!("\"v\":{}", Record::VERSION + 1);
    let now = format!("\"v\":{}", Record::VERSION);
    fs::write(&scene.path, text.replace(&now, &later)).unwrap();
    let error = scene.journal().unwrap_err();
    assert!(error.to_string().contains("later bg"), "{error}");
}

#[test]
fn the_last_record_is_found_however_long_it_is() {
    let scene = scene();
    let long = Record {
        event: Event::ActFailed {
            act: crate::deployment::action::ActName::Shift,
            class: crate::deployment::action::FailureClass::Invalid,
            message: "x".repeat(20_000),
        },
        ..record(2)
    };
    for record in [long, record(3)] {
        scene
            .store
            .append(&scene.shop, Some(&scene.holder), &record)
            .unwrap();
    }
    assert_eq!(scene.journal().unwrap().len(), 4);
}

#[test]
fn whether_it_may_be_written_shows_without_writing() {
    let folder = tempfile::tempdir().unwrap();
    let store = |path: &str| FileStore::new(folder.path().join(path));
    assert!(store("not/there/yet").may_be_written().is_ok());
    assert!(!folder.path().join("not").exists());

    fs::write(folder.path().join("file"), "").unwrap();
    let refused = store("file").may_be_written().unwrap_err();
    assert!(refused.to_string().contains("file: "), "{refused}");
}
