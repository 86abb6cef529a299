//! The manifest: which files count. Replaced as a whole, so it is the old one or the new one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Write,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{folder::Folder, segment};
use crate::{IntelError, Result, fingerprint::FingerprintKey};

const NAME: &str = "MANIFEST";
const NEW: &str = "MANIFEST.new";
const FORMAT: u32 = 1;

/// Which files count, and what stood behind them when this was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    /// The fingerprints' key.
    key: (u64, u64),
    /// The number the next new file gets.
    pub(crate) next_file: u32,
    /// The index file.
    pub(crate) index: Option<u32>,
    /// The segments, with the number of entries in each that is finished.
    pub(crate) segments: BTreeMap<u32, u64>,
    /// The segment that changes are appended to, and where those behind the index file begin.
    pub(crate) journal: u32,
    pub(crate) replay_from: u64,
    /// The providers' cursors at that place.
    pub(crate) cursors: BTreeMap<String, StoredCursor>,
    /// Whole lists being taken in, by provider.
    pub(crate) staged: BTreeMap<String, Staged>,
}

/// A cursor with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredCursor {
    pub(crate) text: String,
    pub(crate) at: Timestamp,
}

/// A whole list being taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Staged {
    /// Its segments; the last is the one appended to.
    pub(crate) segments: BTreeMap<u32, u64>,
    /// Its runs, the later ones count more.
    pub(crate) runs: Vec<u32>,
    /// The segment and the place up to which the runs cover it.
    pub(crate) covered: (u32, u64),
    /// The place in the provider's list at that point.
    pub(crate) cursor: Option<String>,
}

pub(crate) fn index_name(number: u32) -> String {
    format!("index-{number}.run")
}

pub(crate) fn staged_name(number: u32) -> String {
    format!("staged-{number}.run")
}

impl Manifest {
    pub(crate) fn new(key: FingerprintKey) -> Self {
        Self {
            format: FORMAT,
            key: (key.0, key.1),
            next_file: 1,
            index: None,
            segments: BTreeMap::new(),
            journal: 0,
            replay_from: segment::START,
            cursors: BTreeMap::new(),
            staged: BTreeMap::new(),
        }
    }

    pub(crate) fn key(&self) -> FingerprintKey {
        FingerprintKey(self.key.0, self.key.1)
    }

    /// A number no file has had.
    pub(crate) fn take_number(&mut self) -> Result<u32> {
        let number = self.next_file;
        if number >= 1 << 24 {
            return Err(IntelError::TooMany("files"));
        }
        self.next_file += 1;
        Ok(number)
    }

    /// `None` where there is no store yet.
    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>> {
        let path = folder.path(NAME);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(IntelError::io("read", &path))?,
        };
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let damaged = |error: serde_json::Error| IntelError::Damaged {
            path: path.clone(),
            reason: error.to_string(),
        };
        let Head { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if format != FORMAT {
            return Err(IntelError::Format {
                path,
                found: format,
                known: FORMAT,
            });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Puts this one in the place of the stored one, durably.
    pub(crate) fn write(&self, folder: &Folder) -> Result<()> {
        let path = folder.path(NEW);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| IntelError::io("write", &path)(error.into()))?;
        folder
            .step("manifest: write")
            .and_then(|()| {
                let mut file = File::create(&path)?;
                file.write_all(&text)?;
                folder.step("manifest: sync")?;
                file.sync_all()
            })
            .map_err(IntelError::io("write", &path))?;
        // The names of the files it speaks of come first.
        folder.sync()?;
        folder
            .step("manifest: rename")
            .and_then(|()| std::fs::rename(&path, folder.path(NAME)))
            .map_err(IntelError::io("rename", &path))?;
        folder.sync()
    }

    /// The names of all files that count.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let staged = self.staged.values();
        let segments = self.segments.keys();
        segments
            .chain(staged.clone().flat_map(|staged| staged.segments.keys()))
            .map(|number| segment::file_name(*number))
            .chain(staged.flat_map(|staged| staged.runs.iter().map(|run| staged_name(*run))))
            .chain(self.index.map(index_name))
            .collect()
    }
}
