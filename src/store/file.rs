//! A store in a folder: one file of JSON lines for each deployment, one for each lock.
//!
//! ```text
//! DIR/SERVICE/deployments/ID.jsonl   the journal
//! DIR/SERVICE/lock.json              who holds the lock
//! DIR/SERVICE/lock.guard             held (flock) while lock.json is read and written
//! DIR/SERVICE/abort                  a request to revert: who asked
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{Holder, StoreError, taking, taking_over};
use crate::deployment::event::Record;
use crate::deployment::ids::{DeploymentId, ServiceName};

/// A folder of journals and locks.
#[derive(Debug, Clone)]
pub struct FileStore {
    dir: PathBuf,
}

impl FileStore {
    /// A store in `dir`, which is made when it is first written to.
    pub fn new(dir: impl Into<PathBuf>) -> FileStore {
        FileStore { dir: dir.into() }
    }

    fn service(&self, service: &ServiceName) -> PathBuf {
        self.dir.join(service.as_str())
    }

    fn journal_path(&self, service: &ServiceName, id: &DeploymentId) -> PathBuf {
        self.service(service)
            .join("deployments")
            .join(format!("{id}.jsonl"))
    }

    pub(super) fn append(&self, service: &ServiceName, record: &Record) -> Result<(), StoreError> {
        let path = self.journal_path(service, &record.deployment);
        make_folder_of(&path)?;
        let mut line = serde_json::to_vec(record).map_err(|error| at(&path)(error.into()))?;
        line.push(b'\n');
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(at(&path))?;
        file.write_all(&line)
            .and_then(|()| file.sync_data())
            .map_err(at(&path))
    }

    pub(super) fn journal(
        &self,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Vec<Record>, StoreError> {
        let path = self.journal_path(service, id);
        let Some(text) = read_if_there(&path)? else {
            return Ok(Vec::new());
        };
        let whole = text.ends_with('\n');
        let count = text.lines().count();
        let mut records = Vec::with_capacity(count);
        for (index, line) in text.lines().enumerate() {
            match serde_json::from_str(line) {
                Ok(record) => records.push(record),
                // A process that died while it wrote leaves a torn last line behind.
                Err(_) if index + 1 == count && !whole => {}
                Err(error) => {
                    return Err(StoreError::Damaged {
                        what: path.display().to_string(),
                        line: index + 1,
                        why: error.to_string(),
                    });
                }
            }
        }
        Ok(records)
    }

    pub(super) fn deployments(
        &self,
        service: &ServiceName,
    ) -> Result<Vec<DeploymentId>, StoreError> {
        let folder = self.service(service).join("deployments");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(&folder)(error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(at(&folder))?.file_name();
            if let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".jsonl")) {
                ids.push(DeploymentId::new(id));
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// Runs `change` on the lock's holder while no other process can.
    fn with_lock<T>(
        &self,
        service: &ServiceName,
        change: impl FnOnce(Option<Holder>, &Path) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let guard_path = self.service(service).join("lock.guard");
        make_folder_of(&guard_path)?;
        let guard = File::create(&guard_path).map_err(at(&guard_path))?;
        guard.lock().map_err(at(&guard_path))?;
        let path = self.service(service).join("lock.json");
        let present = self.holder(service)?;
        change(present, &path)
    }

    pub(super) fn lock(
        &self,
        service: &ServiceName,
        holder: &Holder,
    ) -> Result<Holder, StoreError> {
        self.with_lock(service, |present, path| {
            let fence = present.as_ref().map(|present| present.fence);
            let taken = taking(present, holder)?;
            if fence != Some(taken.fence) {
                // It was asked of who held the lock before.
                self.take_abort(service)?;
            }
            write_holder(path, &taken)?;
            Ok(taken)
        })
    }

    pub(super) fn take_over(
        &self,
        service: &ServiceName,
        holder: &Holder,
    ) -> Result<Holder, StoreError> {
        self.with_lock(service, |present, path| {
            let taken = taking_over(present.as_ref(), holder);
            self.take_abort(service)?;
            write_holder(path, &taken)?;
            Ok(taken)
        })
    }

    pub(super) fn unlock(&self, service: &ServiceName, holder: &Holder) -> Result<(), StoreError> {
        self.with_lock(service, |present, path| match present {
            Some(present) if present.fence == holder.fence => {
                // The fence has to go on growing, so the file stays with a lease that is over.
                let free = Holder {
                    lease_until: jiff::Timestamp::UNIX_EPOCH,
                    ..present
                };
                write_holder(path, &free)
            }
            _ => Ok(()),
        })
    }

    pub(super) fn holder(&self, service: &ServiceName) -> Result<Option<Holder>, StoreError> {
        let path = self.service(service).join("lock.json");
        let Some(text) = read_if_there(&path)? else {
            return Ok(None);
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| StoreError::Damaged {
                what: path.display().to_string(),
                line: error.line(),
                why: error.to_string(),
            })
    }

    pub(super) fn ask_to_abort(&self, service: &ServiceName, by: &str) -> Result<(), StoreError> {
        let path = self.service(service).join("abort");
        make_folder_of(&path)?;
        replace(&path, by.as_bytes())
    }

    pub(super) fn take_abort(&self, service: &ServiceName) -> Result<Option<String>, StoreError> {
        let path = self.service(service).join("abort");
        let by = read_if_there(&path)?;
        if by.is_some() {
            fs::remove_file(&path).map_err(at(&path))?;
        }
        Ok(by)
    }
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> StoreError {
    move |source| StoreError::Io {
        what: path.display().to_string(),
        source,
    }
}

fn write_holder(path: &Path, holder: &Holder) -> Result<(), StoreError> {
    let text = serde_json::to_vec(holder).map_err(|error| at(path)(error.into()))?;
    replace(path, &text)
}

fn make_folder_of(path: &Path) -> Result<(), StoreError> {
    path.parent().map_or(Ok(()), |folder| {
        fs::create_dir_all(folder).map_err(at(folder))
    })
}

fn read_if_there(path: &Path) -> Result<Option<String>, StoreError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

/// Writes a file so that a reader sees the old or the new text, never a part.
fn replace(path: &Path, text: &[u8]) -> Result<(), StoreError> {
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let write = || {
        let mut file = File::create(&draft)?;
        file.write_all(text)?;
        file.sync_data()?;
        fs::rename(&draft, path)
    };
    write().map_err(at(path))
}

#[cfg(test)]
mod tests {
    use super::super::Duty;
    use super::*;
    use crate::deployment::event::Event;
    use jiff::{SignedDuration, Timestamp};

    fn record(seq: u64) -> Record {
        Record {
            v: Record::VERSION,
            seq,
            at: Timestamp::UNIX_EPOCH,
            deployment: DeploymentId::new("d1"),
            event: Event::RegisteringTaskDefinition,
        }
    }

    fn holder(id: &str, since: i64) -> Holder {
        let since = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(since);
        Holder {
            deployment: DeploymentId::new(id),
            owner: "ada".to_owned(),
            host: "engine".to_owned(),
            pid: 7,
            run_url: None,
            since,
            lease_until: since + SignedDuration::from_secs(60),
            fence: 0,
            duty: Duty::Deploy,
        }
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_a_torn_middle_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (store, shop) = (FileStore::new(dir.path()), ServiceName::new("shop"));
        store.append(&shop, &record(0)).unwrap();
        store.append(&shop, &record(1)).unwrap();
        let path = store.journal_path(&shop, &DeploymentId::new("d1"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 10]).unwrap();
        assert_eq!(
            store.journal(&shop, &DeploymentId::new("d1")).unwrap(),
            [record(0)]
        );
        fs::write(&path, format!("{}\n{text}", &text[..20])).unwrap();
        let error = store.journal(&shop, &DeploymentId::new("d1")).unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }

    #[test]
    fn a_lock_that_was_taken_over_is_lost_to_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let (store, shop) = (FileStore::new(dir.path()), ServiceName::new("shop"));
        let first = store.lock(&shop, &holder("d1", 0)).unwrap();
        let second = Holder {
            pid: 8,
            ..holder("d1", 1)
        };
        let second = store.take_over(&shop, &second).unwrap();
        assert!(second.fence > first.fence);
        assert!(matches!(
            store.lock(&shop, &first),
            Err(StoreError::LockLost)
        ));
        store.unlock(&shop, &first).unwrap();
        assert_eq!(store.holder(&shop).unwrap(), Some(second));
    }

    #[test]
    fn a_request_to_revert_goes_with_the_lock_it_was_asked_of() {
        let dir = tempfile::tempdir().unwrap();
        let (store, shop) = (FileStore::new(dir.path()), ServiceName::new("shop"));
        store.ask_to_abort(&shop, "grace, too late").unwrap();
        let first = store.lock(&shop, &holder("d1", 0)).unwrap();
        assert_eq!(store.take_abort(&shop).unwrap(), None);
        store.ask_to_abort(&shop, "grace").unwrap();
        store.lock(&shop, &first).unwrap();
        let taken = store.take_abort(&shop).unwrap();
        assert_eq!(taken.as_deref(), Some("grace"), "renewing keeps it");
    }

    #[test]
    fn a_lock_is_one_holder_s_until_its_lease_is_over_and_its_fence_grows() {
        let dir = tempfile::tempdir().unwrap();
        let (store, shop) = (FileStore::new(dir.path()), ServiceName::new("shop"));
        let first = store.lock(&shop, &holder("d1", 0)).unwrap();
        assert!(matches!(
            store.lock(&shop, &holder("d2", 30)),
            Err(StoreError::Locked(_))
        ));
        let second = store.lock(&shop, &holder("d2", 61)).unwrap();
        assert_eq!((first.fence, second.fence), (1, 2));
        store.unlock(&shop, &first).unwrap();
        assert!(matches!(
            store.lock(&shop, &holder("d3", 62)),
            Err(StoreError::Locked(_))
        ));
        store.unlock(&shop, &second).unwrap();
        assert_eq!(store.lock(&shop, &holder("d3", 63)).unwrap().fence, 3);
    }

    #[test]
    fn a_lease_is_renewed_late_but_never_after_somebody_else_held_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let (store, shop) = (FileStore::new(dir.path()), ServiceName::new("shop"));
        let first = store.lock(&shop, &holder("d1", 0)).unwrap();
        assert_eq!(store.lock(&shop, &first).unwrap().fence, 1);
        let second = store.lock(&shop, &holder("d2", 600)).unwrap();
        store.unlock(&shop, &second).unwrap();
        assert!(matches!(
            store.lock(&shop, &first),
            Err(StoreError::LockLost)
        ));
    }

    #[test]
    fn an_abort_is_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let (store, shop) = (FileStore::new(dir.path()), ServiceName::new("shop"));
        assert_eq!(store.take_abort(&shop).unwrap(), None);
        store.ask_to_abort(&shop, "ada").unwrap();
        assert_eq!(store.take_abort(&shop).unwrap().as_deref(), Some("ada"));
        assert_eq!(store.take_abort(&shop).unwrap(), None);
    }
}
