//! A journal's file: JSON lines, of which only the last can be torn.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;

use crate::deployment::event::Record;
use crate::store::StoreError;

/// How much of the end is read at a time to find the last record.
const CHUNK: u64 = 4096;

/// Whose turn it is, as the last record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The record's.
    Next,
    /// The record is there already.
    AlreadyThere,
}

/// A record's position alone, whatever else its version holds.
#[derive(Deserialize)]
struct Position {
    seq: u64,
}

/// Opens a journal to read its end and to append.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(path)
}

/// The last whole record's line; what a process that died in mid-write left after it is cut off,
/// or the next record would be joined to it.
pub(super) fn cut_to_last_record(file: &mut File) -> io::Result<Option<String>> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut tail: Vec<u8> = Vec::new();
    let mut from = length;
    // Two line ends: the last record's own and that of the one before.
    while from > 0 && tail.iter().filter(|byte| **byte == b'\n').count() < 2 {
        let step = CHUNK.min(from);
        from -= step;
        file.seek(SeekFrom::Start(from))?;
        let mut chunk = vec![0; usize::try_from(step).unwrap_or_default()];
        file.read_exact(&mut chunk)?;
        chunk.append(&mut tail);
        tail = chunk;
    }
    let whole = tail.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(0, |at| at + 1);
    if whole < tail.len() {
        file.set_len(from + whole as u64)?;
        file.sync_data()?;
        tail.truncate(whole);
    }
    let text = String::from_utf8_lossy(&tail);
    Ok(text.lines().last().map(str::to_owned))
}

/// Whether `record` follows `last`.
///
/// # Errors
/// [`StoreError::OutOfTurn`] where it doesn't; [`StoreError::Damaged`] where `last` is no record.
pub(super) fn turn_of(
    record: &Record,
    last: Option<&str>,
    path: &Path,
) -> Result<Turn, StoreError> {
    let next = match last {
        None => 0,
        Some(line) => {
            let last: Position = super::parse(line, path)?;
            last.seq + 1
        }
    };
    if record.seq == next {
        return Ok(Turn::Next);
    }
    let same = || {
        let there: Option<Record> = last.and_then(|line| serde_json::from_str(line).ok());
        there.as_ref() == Some(record)
    };
    if record.seq + 1 == next && same() {
        return Ok(Turn::AlreadyThere);
    }
    Err(StoreError::OutOfTurn {
        deployment: record.deployment.clone(),
        seq: record.seq,
    })
}

/// All whole records of a journal's text; a torn last line is left out.
///
/// # Errors
/// [`StoreError::Damaged`] with the line that is no record.
pub(super) fn records(text: &str, path: &Path) -> Result<Vec<Record>, StoreError> {
    let whole = text.rfind('\n').map_or("", |at| &text[..=at]);
    let read = |(index, line): (usize, &str)| {
        Record::from_line(line).map_err(|why| StoreError::Damaged {
            what: path.display().to_string(),
            line: index + 1,
            why: why.to_string(),
        })
    };
    whole.lines().enumerate().map(read).collect()
}
