//! Segments: files of batches, only appended to. The one that changes go to is the journal.
//!
//! ```text
//! "ABINTEL\0" │ u32 format │ u32 number
//! batch: u32 length of the payload │ u32 CRC-32 of the payload │ payload:
//!   u8 1 if a cursor follows: text provider, text cursor, i64 milliseconds   │ entries to the end (entry.rs)
//! ```
//! A batch is valid whole or not at all. Whatever follows the last valid one is cut off before the file is appended to again.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    bytes::{Reader, put_text},
    entry::{self, Encoded, EntryHead},
    folder::Folder,
};
use crate::{Cursor, IntelError, Result};

/// Before the first batch.
pub(crate) const START: u64 = 16;
const MAGIC: &[u8; 8] = b"ABINTEL\0";
const FORMAT: u32 = 1;
/// The longest payload. A sum over it is checked before any of it is believed.
const LARGEST_BATCH: usize = 1 << 30;

/// Where an entry stands: the segment's number and the place in it, in one word (24 and 40 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(pub(crate) u64);

impl Place {
    pub(crate) fn new(segment: u32, offset: u64) -> Self {
        Self(u64::from(segment) << 40 | offset)
    }

    pub(crate) fn segment(self) -> u32 {
        (self.0 >> 40) as u32
    }

    pub(crate) fn offset(self) -> u64 {
        self.0 & ((1 << 40) - 1)
    }
}

/// A segment that is appended to.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u32,
    pub(crate) length: u64,
    file: File,
    path: PathBuf,
    /// A failed write could not be undone.
    stopped: bool,
}

pub(crate) fn file_name(number: u32) -> String {
    format!("indicators-{number}.log")
}

impl Segment {
    /// A new one, synced.
    pub(crate) fn create(folder: &Folder, number: u32) -> Result<Self> {
        let path = folder.path(&file_name(number));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(IntelError::io("create", &path))?;
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&FORMAT.to_le_bytes());
        head.extend_from_slice(&number.to_le_bytes());
        file.write_all_at(&head, 0)
            .and_then(|()| file.sync_all())
            .map_err(IntelError::io("write", &path))?;
        Ok(Self {
            number,
            length: START,
            file,
            path,
            stopped: false,
        })
    }

    /// An existing one, cut off behind its last valid batch.
    pub(crate) fn reopen(folder: &Folder, number: u32, length: u64) -> Result<Self> {
        let path = folder.path(&file_name(number));
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(IntelError::io("open", &path))?;
        file.set_len(length)
            .and_then(|()| file.sync_all())
            .map_err(IntelError::io("cut off the end of", &path))?;
        Ok(Self {
            number,
            length,
            file,
            path,
            stopped: false,
        })
    }

    /// Appends one batch and returns where each entry stands. Not durable before [`Segment::sync`]; where it fails, nothing
    /// was appended.
    pub(crate) fn append(
        &mut self,
        folder: &Folder,
        entries: &[Encoded],
        cursor: Option<&Cursor>,
    ) -> Result<Vec<Place>> {
        if self.stopped {
            return Err(IntelError::Stopped(self.path.clone()));
        }
        let mut bytes = vec![0; 8];
        match cursor {
            None => bytes.push(0),
            Some(cursor) => {
                bytes.push(1);
                put_text(&mut bytes, &cursor.provider);
                put_text(&mut bytes, &cursor.text);
                bytes.extend_from_slice(&cursor.at.as_millisecond().to_le_bytes());
            }
        }
        let mut places = Vec::with_capacity(entries.len());
        for entry in entries {
            places.push(Place::new(self.number, self.length + bytes.len() as u64));
            bytes.extend_from_slice(&entry.bytes);
        }
        let payload = bytes.len() - 8;
        if payload > LARGEST_BATCH || self.length + bytes.len() as u64 >= 1 << 40 {
            return Err(IntelError::TooMany("changes at once"));
        }
        let crc = crc32fast::hash(&bytes[8..]);
        bytes[..4].copy_from_slice(&(payload as u32).to_le_bytes());
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        let written = folder
            .step("segment: append")
            .and_then(|()| self.file.write_all_at(&bytes, self.length));
        if let Err(error) = written {
            self.undo(self.length);
            return Err(IntelError::io("write", &self.path)(error));
        }
        self.length += bytes.len() as u64;
        Ok(places)
    }

    /// Makes durable what was appended since `before`, or takes it back.
    pub(crate) fn sync(&mut self, folder: &Folder, before: u64) -> Result<()> {
        let synced = folder
            .step("segment: sync")
            .and_then(|()| self.file.sync_data());
        if let Err(error) = synced {
            self.undo(before);
            return Err(IntelError::io("sync", &self.path)(error));
        }
        Ok(())
    }

    /// After this the file is as long as before; its next batch is written and synced anew.
    fn undo(&mut self, length: u64) {
        self.length = length;
        if let Err(error) = self.file.set_len(length) {
            tracing::error!(path = %self.path.display(), %error, "a failed write can't be undone");
            self.stopped = true;
        }
    }
}

/// One valid batch.
pub(crate) struct Batch {
    pub(crate) cursor: Option<Cursor>,
    pub(crate) entries: Vec<(Place, EntryHead)>,
}

/// Reads the valid batches from `from` on, and returns where they end.
pub(crate) fn replay(
    path: &Path,
    number: u32,
    from: u64,
    mut each: impl FnMut(Batch) -> Result<()>,
) -> Result<u64> {
    let file = File::open(path).map_err(IntelError::io("open", path))?;
    check_head(&file, path)?;
    let size = file.metadata().map_err(IntelError::io("read", path))?.len();
    let mut offset = from;
    let mut payload = Vec::new();
    loop {
        let mut head = [0; 8];
        if offset + 8 > size || file.read_exact_at(&mut head, offset).is_err() {
            break;
        }
        let Some((length, crc)) = entry::head(&head) else {
            break;
        };
        if length > LARGEST_BATCH || offset + 8 + length as u64 > size {
            break;
        }
        payload.resize(length, 0);
        file.read_exact_at(&mut payload, offset + 8)
            .map_err(IntelError::io("read", path))?;
        if crc32fast::hash(&payload) != crc {
            break;
        }
        let Some(batch) = batch(&payload, number, offset + 8) else {
            break;
        };
        each(batch)?;
        offset += 8 + length as u64;
    }
    if offset < size {
        tracing::warn!(path = %path.display(), bytes = size - offset, "the end of a file was never finished; it is left out");
    }
    Ok(offset)
}

fn batch(payload: &[u8], number: u32, start: u64) -> Option<Batch> {
    let mut reader = Reader(payload);
    let cursor = match reader.u8()? {
        0 => None,
        1 => Some(Cursor {
            provider: reader.text()?.to_owned(),
            text: reader.text()?.to_owned(),
            at: Timestamp::from_millisecond(reader.u64()? as i64).ok()?,
        }),
        _ => return None,
    };
    let mut entries = Vec::new();
    while !reader.0.is_empty() {
        let place = Place::new(number, start + (payload.len() - reader.0.len()) as u64);
        let (length, _) = entry::head(reader.take(entry::HEAD)?)?;
        let (head, _) = entry::body(reader.take(length)?)?;
        entries.push((place, head));
    }
    Some(Batch { cursor, entries })
}

fn check_head(file: &File, path: &Path) -> Result<()> {
    let damaged = |reason: &str| IntelError::Damaged {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let mut head = [0; START as usize];
    file.read_exact_at(&mut head, 0)
        .map_err(|_| damaged("it has no header"))?;
    let mut reader = Reader(&head);
    if reader.take(8) != Some(MAGIC) {
        return Err(damaged("it is no file of indicators"));
    }
    match reader.u32() {
        Some(FORMAT) => Ok(()),
        found => Err(IntelError::Format {
            path: path.to_owned(),
            found: found.unwrap_or(0),
            known: FORMAT,
        }),
    }
}

/// One entry as it was read.
pub(crate) struct Entry {
    pub(crate) head: EntryHead,
    bytes: Vec<u8>,
    json: usize,
}

impl Entry {
    /// The indicator.
    pub(crate) fn json(&self) -> &[u8] {
        self.bytes.get(self.json..).unwrap_or_default()
    }
}

/// One entry; `None` where it is damaged.
pub(crate) fn read_entry(file: &File, place: Place) -> std::io::Result<Option<Entry>> {
    // Most entries are shorter: one read.
    let mut bytes = vec![0; 1024];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], place.offset() + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    let Some((length, crc)) = entry::head(&bytes) else {
        return Ok(None);
    };
    if length > entry::LARGEST + (1 << 17) {
        return Ok(None);
    }
    bytes.resize(entry::HEAD + length, 0);
    if bytes.len() > filled {
        file.read_exact_at(&mut bytes[filled..], place.offset() + filled as u64)?;
    }
    let body = &bytes[entry::HEAD..];
    if crc32fast::hash(body) != crc {
        return Ok(None);
    }
    let Some((head, json)) = entry::body(body) else {
        return Ok(None);
    };
    let json = bytes.len() - json.len();
    Ok(Some(Entry { head, bytes, json }))
}
