//! A new index file: the old one, the changes since, and perhaps a whole list that replaces what a provider said before.
//!
//! Indicators stay where they are. Segments in which none is alive any more go; of those in which less than half are, a few at a
//! time are emptied into a new one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use super::{Cursor, Shared, open, staging::Staging, writer::Writer};
use crate::{
    Index, IntelError, Result,
    disk::{
        entry::Encoded,
        manifest::{Manifest, StoredCursor, index_name},
        merge::{Merged, Plan, Source, merge, number_of},
        run::RunWriter,
        segment::{Place, Segment, read_entry},
    },
};

/// Bytes after which the journal goes on in a new segment.
const SEGMENT: u64 = 128 << 20;
/// Segments emptied at a time.
const MOST_EMPTIED: usize = 4;

/// A whole list that is complete.
pub(super) struct Complete<'c> {
    pub(super) provider: &'c str,
    pub(super) staging: &'c mut Staging,
    pub(super) cursor: Option<&'c Cursor>,
}

/// Writes the index file and lets the matching threads have it. Where it fails, everything is as before.
pub(super) fn rebuild(
    shared: &Shared,
    writer: &mut Writer,
    complete: Option<Complete<'_>>,
) -> Result<Merged> {
    if writer.stopped {
        return Err(IntelError::Stopped(shared.folder.path("MANIFEST")));
    }
    let folder = &shared.folder;
    let old = shared.index();
    let mut new = writer.manifest.clone();
    new.cursors = shared.cursors().clone();
    let journal = writer.journal.number;
    new.segments.insert(journal, writer.journal_entries);

    let changes = old.overlay().chunk()?;
    let mut providers = changes.providers.clone();
    let mut sources = vec![Source::Table(&old.table), Source::Chunk(&changes)];
    let mut replaced = None;
    let runs;
    if let Some(complete) = complete {
        replaced = Some((number_of(&mut providers, complete.provider)?, sources.len()));
        let (files, chunk, segments) = complete.staging.complete(folder)?;
        runs = files;
        sources.extend(runs.iter().map(Source::File));
        sources.push(Source::Chunk(chunk));
        new.segments.extend(segments);
        new.staged.remove(complete.provider);
        if let Some(Cursor { text, at, .. }) = complete.cursor {
            let cursor = StoredCursor {
                text: text.clone(),
                at: *at,
            };
            new.cursors.insert(complete.provider.to_owned(), cursor);
        }
    }
    let mut movement = Movement::new(shared, &old, &mut new, journal)?;
    let number = new.take_number()?;
    let mut out = RunWriter::create(folder, &index_name(number), &providers)?;
    let mut plan = Plan {
        providers: &providers,
        replaced,
        keep_deleted: false,
        place: &mut |place| movement.place(place),
    };
    let merged = merge(&sources, &mut plan, &mut out)?;
    out.finish(folder)?;
    movement.finish(shared, &mut new)?;
    new.index = Some(number);
    let next = roll(shared, writer, &mut new)?;
    let index = Index::new(
        shared.key,
        open::load_table(folder, &new)?,
        open::open_segments(folder, &new)?,
        Arc::clone(&old.counters),
    );
    commit(shared, writer, new)?;
    if let Some(next) = next {
        writer.journal = next;
        writer.journal_entries = 0;
    }
    *shared.cursors() = writer.manifest.cursors.clone();
    *shared.index.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(index);
    folder.remove_others(&writer.manifest.files());
    Ok(merged)
}

/// Where the journal goes on: behind what the index file covers now, in a new segment if this one is long.
fn roll(shared: &Shared, writer: &Writer, new: &mut Manifest) -> Result<Option<Segment>> {
    let limit = match shared.options.segment_bytes {
        0 => SEGMENT,
        limit => limit,
    };
    if writer.journal.length < limit {
        new.replay_from = writer.journal.length;
        return Ok(None);
    }
    let number = new.take_number()?;
    let segment = Segment::create(&shared.folder, number)?;
    new.segments.insert(number, 0);
    new.journal = number;
    new.replay_from = segment.length;
    Ok(Some(segment))
}

/// Puts the manifest in place. Where that fails half-way, nothing more is written: which one is on disk decides which
/// journal is read at the next opening.
fn commit(shared: &Shared, writer: &mut Writer, new: Manifest) -> Result<()> {
    if let Err(error) = new.write(&shared.folder) {
        let unchanged = Manifest::read(&shared.folder)
            .is_ok_and(|stored| stored.as_ref() == Some(&writer.manifest));
        writer.stopped = !unchanged;
        return Err(error);
    }
    writer.manifest = new;
    Ok(())
}

/// Counts what is alive in each segment, and moves it out of those that are to be emptied.
struct Movement<'m> {
    old: &'m Index,
    emptied: BTreeSet<u32>,
    alive: BTreeMap<u32, u64>,
    /// Never removed, whatever is alive in them: the journal, and what was added by this rebuilding.
    kept: BTreeSet<u32>,
    to: Option<Segment>,
    moved: u64,
    pending: Vec<Encoded>,
    pending_bytes: u64,
    folder: &'m crate::disk::folder::Folder,
}

impl<'m> Movement<'m> {
    fn new(shared: &'m Shared, old: &'m Index, new: &mut Manifest, journal: u32) -> Result<Self> {
        let mut alive: BTreeMap<u32, u64> = BTreeMap::new();
        old.each_record(|record| *alive.entry(record.place.segment()).or_default() += 1);
        let emptied: BTreeSet<u32> = new
            .segments
            .iter()
            .filter(|(number, _)| **number != journal && old.files.contains_key(number))
            .filter(|(number, entries)| {
                let alive = alive.get(number).copied().unwrap_or(0);
                alive > 0 && alive * 2 < **entries
            })
            .map(|(number, _)| *number)
            .take(MOST_EMPTIED)
            .collect();
        let to = if emptied.is_empty() {
            None
        } else {
            Some(Segment::create(&shared.folder, new.take_number()?)?)
        };
        Ok(Self {
            old,
            emptied,
            alive: BTreeMap::new(),
            kept: BTreeSet::from([journal]),
            to,
            moved: 0,
            pending: Vec::new(),
            pending_bytes: 0,
            folder: &shared.folder,
        })
    }

    /// Where this indicator is from now on.
    fn place(&mut self, place: Place) -> Result<Place> {
        let mut place = place;
        if self.emptied.contains(&place.segment())
            && let Some(moved) = self.copied(place)?
        {
            place = moved;
        }
        *self.alive.entry(place.segment()).or_default() += 1;
        Ok(place)
    }

    /// Copies one indicator. One that can't be read stays where it is, and its segment with it.
    fn copied(&mut self, place: Place) -> Result<Option<Place>> {
        let (Some(to), Some(file)) = (&mut self.to, self.old.files.get(&place.segment())) else {
            return Ok(None);
        };
        let Ok(Some(read)) = read_entry(file, place) else {
            return Ok(None);
        };
        let entry = Encoded::new(read.head.clone(), read.json());
        let moved = Place::new(to.number, to.length + 9 + self.pending_bytes);
        self.pending_bytes += entry.bytes.len() as u64;
        self.pending.push(entry);
        self.moved += 1;
        if self.pending_bytes >= 1 << 20 {
            self.flush()?;
        }
        Ok(Some(moved))
    }

    fn flush(&mut self) -> Result<()> {
        if let Some(to) = &mut self.to
            && !self.pending.is_empty()
        {
            to.append(self.folder, &self.pending, None)?;
            self.pending.clear();
            self.pending_bytes = 0;
        }
        Ok(())
    }

    /// Leaves out of the manifest the segments in which nothing is alive.
    fn finish(mut self, shared: &Shared, new: &mut Manifest) -> Result<()> {
        self.flush()?;
        if let Some(mut to) = self.to.take() {
            to.sync(&shared.folder, 0)?;
            new.segments.insert(to.number, self.moved);
        }
        let Self { alive, kept, .. } = self;
        new.segments
            .retain(|number, _| kept.contains(number) || alive.contains_key(number));
        Ok(())
    }
}
