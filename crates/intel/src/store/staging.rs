//! A whole list being taken in: its indicators go to segments of their own, and what the index must know of them to runs.
//!
//! Memory is bounded by one chunk; the rest is in sorted runs on disk, which [`super::rebuild`] merges. After a crash, the
//! runs are there as the manifest names them, and what came behind them is read back from the segment.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Cursor, StoreOptions};
use crate::{
    IntelError, Result,
    disk::{
        entry::Encoded,
        folder::Folder,
        manifest::{Manifest, Staged, staged_name},
        merge::{Chunk, Plan, Source, merge},
        run::{RunFile, RunWriter},
        segment::{self, Segment},
    },
};

/// Indicators whose fingerprints are held in memory.
const CHUNK: usize = 200_000;
/// Bytes held before they are written.
const PENDING: usize = 1 << 20;
/// Runs that are merged into one, so that few files are open at a time.
const MOST_RUNS: usize = 24;
/// Bytes after which a new segment is begun.
const SEGMENT: u64 = 128 << 20;

/// A whole list being taken in.
#[derive(Debug)]
pub(super) struct Staging {
    provider: String,
    /// As the manifest has it, but for the entries of the open segment.
    state: Staged,
    segment: Segment,
    entries: u64,
    chunk: Chunk,
    pending: Vec<Encoded>,
    pending_bytes: usize,
    cursor: Option<String>,
    /// Where the synced part of the segment ends.
    synced: u64,
    /// A sync failed: what was pushed since the last one is lost.
    stopped: bool,
    /// Raised when it is read back after that; who pushed before must begin anew.
    pub(super) generation: u32,
}

impl Staging {
    pub(super) fn begin(folder: &Folder, manifest: &mut Manifest, provider: &str) -> Result<Self> {
        let mut new = manifest.clone();
        let number = new.take_number()?;
        let segment = Segment::create(folder, number)?;
        let state = Staged {
            segments: BTreeMap::from([(number, 0)]),
            covered: (number, segment::START),
            ..Staged::default()
        };
        new.staged.insert(provider.to_owned(), state.clone());
        new.write(folder)?;
        *manifest = new;
        Ok(Self::with(provider, state, segment))
    }

    pub(super) fn reopen(folder: &Folder, provider: &str, state: Staged) -> Result<Self> {
        let (number, from) = state.covered;
        let path = folder.path(&segment::file_name(number));
        let mut chunk = Chunk::default();
        let mut cursor = state.cursor.clone();
        let mut entries = state.segments.get(&number).copied().unwrap_or(0);
        let length = segment::replay(&path, number, from, |batch| {
            entries += batch.entries.len() as u64;
            if let Some(at) = batch.cursor {
                cursor = Some(at.text);
            }
            batch
                .entries
                .iter()
                .try_for_each(|(place, head)| chunk.push_entry(head, *place))
        })?;
        let segment = Segment::reopen(folder, number, length)?;
        Ok(Self {
            chunk,
            cursor,
            entries,
            ..Self::with(provider, state, segment)
        })
    }

    fn with(provider: &str, state: Staged, segment: Segment) -> Self {
        Self {
            provider: provider.to_owned(),
            cursor: state.cursor.clone(),
            state,
            synced: segment.length,
            segment,
            entries: 0,
            chunk: Chunk::default(),
            pending: Vec::new(),
            pending_bytes: 0,
            stopped: false,
            generation: 0,
        }
    }

    /// After a failed sync: back to what is durable.
    pub(super) fn revive(&mut self, folder: &Folder) -> Result<()> {
        if self.stopped {
            let generation = self.generation + 1;
            let durable = Self::reopen(folder, &self.provider, self.state.clone())?;
            *self = Self {
                generation,
                ..durable
            };
        }
        Ok(())
    }

    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Takes in a change; it is held until [`Staging::flush`].
    pub(super) fn push(&mut self, entry: Encoded) {
        self.pending_bytes += entry.bytes.len();
        self.pending.push(entry);
    }

    /// Whether [`Staging::flush`] is due.
    pub(super) fn is_full(&self) -> bool {
        self.pending_bytes >= PENDING
    }

    /// Writes what is held; not durable yet. Where it fails it is held still.
    pub(super) fn flush(&mut self, folder: &Folder, cursor: Option<&str>) -> Result<()> {
        if self.stopped {
            return Err(IntelError::Stopped(
                folder.path(&segment::file_name(self.segment.number)),
            ));
        }
        if self.pending.is_empty() && cursor.is_none() {
            return Ok(());
        }
        let cursor = cursor.map(|text| Cursor {
            provider: self.provider.clone(),
            text: text.to_owned(),
            at: Timestamp::UNIX_EPOCH,
        });
        let places = self
            .segment
            .append(folder, &self.pending, cursor.as_ref())?;
        for (entry, place) in self.pending.drain(..).zip(places) {
            self.chunk.push_entry(&entry.head, place)?;
            self.entries += 1;
        }
        self.pending_bytes = 0;
        if let Some(cursor) = cursor {
            self.cursor = Some(cursor.text);
        }
        Ok(())
    }

    /// Makes all of it durable.
    pub(super) fn sync(&mut self, folder: &Folder, cursor: Option<&str>) -> Result<()> {
        self.flush(folder, cursor)?;
        if let Err(error) = self.segment.sync(folder, self.synced) {
            // The chunk names places that are cut off now, see `revive`.
            self.stopped = true;
            return Err(error);
        }
        self.synced = self.segment.length;
        Ok(())
    }

    /// Moves a full chunk out of memory.
    pub(super) fn spill_if_due(
        &mut self,
        folder: &Folder,
        manifest: &mut Manifest,
        options: &StoreOptions,
    ) -> Result<()> {
        let limit = if options.chunk == 0 {
            CHUNK
        } else {
            options.chunk
        };
        if self.chunk.len() < limit {
            return Ok(());
        }
        self.sync(folder, None)?;
        let mut new = manifest.clone();
        let mut state = self.state.clone();
        self.chunk.sort();
        let run = new.take_number()?;
        write_run(
            folder,
            run,
            &[Source::Chunk(&self.chunk)],
            &self.chunk.providers,
        )?;
        state.runs.push(run);
        if state.runs.len() >= MOST_RUNS {
            let merged = new.take_number()?;
            let files = open_runs(folder, &state.runs)?;
            let sources: Vec<_> = files.iter().map(Source::File).collect();
            write_run(
                folder,
                merged,
                &sources,
                std::slice::from_ref(&self.provider),
            )?;
            state.runs = vec![merged];
        }
        state.segments.insert(self.segment.number, self.entries);
        let limit = if options.segment_bytes == 0 {
            SEGMENT
        } else {
            options.segment_bytes
        };
        let next = if self.segment.length >= limit {
            let number = new.take_number()?;
            state.segments.insert(number, 0);
            Some(Segment::create(folder, number)?)
        } else {
            None
        };
        let segment = next.as_ref().unwrap_or(&self.segment);
        state.covered = (segment.number, segment.length);
        state.cursor = self.cursor.clone();
        new.staged.insert(self.provider.clone(), state.clone());
        new.write(folder)?;
        *manifest = new;
        self.state = state;
        self.chunk = Chunk::default();
        if let Some(next) = next {
            self.synced = next.length;
            self.segment = next;
            self.entries = 0;
        }
        Ok(())
    }

    /// Everything durable and in order, ready to be merged.
    pub(super) fn complete(
        &mut self,
        folder: &Folder,
    ) -> Result<(Vec<RunFile>, &Chunk, BTreeMap<u32, u64>)> {
        self.sync(folder, None)?;
        self.chunk.sort();
        let runs = open_runs(folder, &self.state.runs)?;
        // A damaged run must not become an index with a good checksum.
        for run in &runs {
            run.read_all(|_| {}, |_| {})?;
        }
        let mut segments = self.state.segments.clone();
        segments.insert(self.segment.number, self.entries);
        Ok((runs, &self.chunk, segments))
    }
}

fn open_runs(folder: &Folder, numbers: &[u32]) -> Result<Vec<RunFile>> {
    let paths = numbers
        .iter()
        .map(|number| folder.path(&staged_name(*number)));
    paths.map(|path| RunFile::open(&path)).collect()
}

/// Writes the sources as one run that lies above others.
fn write_run(
    folder: &Folder,
    number: u32,
    sources: &[Source<'_>],
    providers: &[String],
) -> Result<()> {
    let mut out = RunWriter::create(folder, &staged_name(number), providers)?;
    let mut plan = Plan {
        providers,
        replaced: None,
        keep_deleted: true,
        place: &mut Ok,
    };
    merge(sources, &mut plan, &mut out)?;
    out.finish(folder)
}
