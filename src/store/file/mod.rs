//! A store in a folder: one file of JSON lines for each deployment, one for each lock.
//!
//! ```text
//! DIR/SERVICE/deployments/ID.jsonl   the journal
//! DIR/SERVICE/lock.json              who holds the lock
//! DIR/SERVICE/lock.guard             held (flock) while lock.json is read and written
//! DIR/SERVICE/requests/ID/N.json     what somebody asked of the deployment ID, in order
//! ```

mod journal;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use self::journal::Turn;
use super::{Holder, Request, StoreError, may_write, taking, taking_over};
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

    /// Looks at the folder, or at the one that it would be made in.
    pub(super) fn may_be_written(&self) -> Result<(), StoreError> {
        let mut folder = self.dir.as_path();
        loop {
            match writable(folder) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    // A relative path's last parent is the working folder, which is there.
                    let parent = folder.parent().unwrap_or(Path::new("."));
                    folder = match parent.as_os_str().is_empty() {
                        true => Path::new("."),
                        false => parent,
                    };
                }
                found => return found.map_err(at(&self.dir)),
            }
        }
    }

    pub(super) fn append(
        &self,
        service: &ServiceName,
        holder: Option<&Holder>,
        record: &Record,
    ) -> Result<(), StoreError> {
        let path = self.journal_path(service, &record.deployment);
        make_folder_of(&path)?;
        let mut line = serde_json::to_vec(record).map_err(|error| at(&path)(error.into()))?;
        line.push(b'\n');
        self.with_lock(service, |present, _| {
            may_write(present.as_ref(), holder, record.at)?;
            // A journal that doesn't begin at its beginning must leave no file behind.
            if record.seq > 0 && !path.exists() {
                journal::turn_of(record, None, &path)?;
            }
            let mut file = journal::open(&path).map_err(at(&path))?;
            let last = journal::cut_to_last_record(&mut file).map_err(at(&path))?;
            match journal::turn_of(record, last.as_deref(), &path)? {
                Turn::Next => file
                    .write_all(&line)
                    .and_then(|()| file.sync_data())
                    .map_err(at(&path)),
                Turn::AlreadyThere => Ok(()),
            }
        })
    }

    pub(super) fn journal(
        &self,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Vec<Record>, StoreError> {
        let path = self.journal_path(service, id);
        read_if_there(&path)?.map_or(Ok(Vec::new()), |text| journal::records(&text, &path))
    }

    pub(super) fn deployments(
        &self,
        service: &ServiceName,
    ) -> Result<Vec<DeploymentId>, StoreError> {
        let folder = self.service(service).join("deployments");
        let names = names_in(&folder)?;
        let ids = names.iter().filter_map(|name| name.strip_suffix(".jsonl"));
        let mut ids: Vec<_> = ids.map(DeploymentId::new).collect();
        ids.sort();
        Ok(ids)
    }

    pub(super) fn services(&self) -> Result<Vec<ServiceName>, StoreError> {
        let mut names = names_in(&self.dir)?;
        // A file beside them is somebody's own: the editor's schema, say.
        names.retain(|name| self.dir.join(name).is_dir());
        names.sort();
        Ok(names.into_iter().map(ServiceName::new).collect())
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
            let taken = taking(present, holder)?;
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
        parse(&text, &path).map(Some)
    }

    fn requests_folder(&self, service: &ServiceName, id: &DeploymentId) -> PathBuf {
        self.service(service).join("requests").join(id.as_str())
    }

    pub(super) fn ask(&self, service: &ServiceName, request: &Request) -> Result<(), StoreError> {
        let folder = self.requests_folder(service, &request.deployment);
        let text = serde_json::to_vec(request).map_err(|error| at(&folder)(error.into()))?;
        self.with_lock(service, |_, _| {
            let next = numbers_in(&folder)?.last().map_or(0, |last| last + 1);
            let path = folder.join(format!("{next}.json"));
            make_folder_of(&path)?;
            replace(&path, &text)
        })
    }

    pub(super) fn requests(
        &self,
        service: &ServiceName,
        id: &DeploymentId,
    ) -> Result<Vec<Request>, StoreError> {
        let folder = self.requests_folder(service, id);
        let mut requests = Vec::new();
        for number in numbers_in(&folder)? {
            let path = folder.join(format!("{number}.json"));
            if let Some(text) = read_if_there(&path)? {
                requests.push(parse(&text, &path)?);
            }
        }
        Ok(requests)
    }

    pub(super) fn remove_request(
        &self,
        service: &ServiceName,
        request: &Request,
    ) -> Result<(), StoreError> {
        let folder = self.requests_folder(service, &request.deployment);
        if numbers_in(&folder)?.is_empty() {
            return Ok(());
        }
        self.with_lock(service, |_, _| {
            for number in numbers_in(&folder)? {
                let path = folder.join(format!("{number}.json"));
                let text = read_if_there(&path)?.unwrap_or_default();
                if serde_json::from_str(&text).is_ok_and(|it: Request| it == *request) {
                    fs::remove_file(&path).map_err(at(&path))?;
                }
            }
            // Refused as long as there are others.
            let _ = fs::remove_dir(&folder);
            Ok(())
        })
    }
}

/// The names of what is in a folder; none where there is no such folder.
fn names_in(folder: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(at(folder))?.file_name();
        names.extend(name.into_string());
    }
    Ok(names)
}

/// The numbers of a folder's `N.json`, in order.
fn numbers_in(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let names = names_in(folder)?;
    let numbers = names
        .iter()
        .filter_map(|name| name.strip_suffix(".json")?.parse().ok());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged {
        what: path.display().to_string(),
        line: error.line(),
        why: error.to_string(),
    })
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

#[cfg(unix)]
fn writable(folder: &Path) -> std::io::Result<()> {
    use rustix::fs::{Access, access};

    if !fs::metadata(folder)?.is_dir() {
        return Err(ErrorKind::NotADirectory.into());
    }
    access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    Ok(())
}

#[cfg(not(unix))]
fn writable(folder: &Path) -> std::io::Result<()> {
    match fs::metadata(folder)? {
        found if !found.is_dir() => Err(ErrorKind::NotADirectory.into()),
        found if found.permissions().readonly() => Err(ErrorKind::PermissionDenied.into()),
        _ => Ok(()),
    }
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
mod tests;
