//! Changes: to the journal, and from there to the matching threads.

use std::collections::BTreeMap;

use super::{Applied, Cursor, Shared, rebuild, staging::Staging};
use crate::{
    Change, IntelError, Result,
    disk::{
        entry::{Encoded, reason_of},
        manifest::{Manifest, StoredCursor},
        merge::number_of,
        segment::Segment,
    },
    index::Effect,
};

/// Fewer changes than this never cause a new index file.
const COMPACT_AFTER: usize = 65_536;
/// Nor does less than this share of the index: a 32nd.
const COMPACT_SHARE: usize = 32;

/// What only one thread at a time may touch.
#[derive(Debug)]
pub(super) struct Writer {
    /// As it is on disk.
    pub(super) manifest: Manifest,
    pub(super) journal: Segment,
    /// Entries in the journal's segment.
    pub(super) journal_entries: u64,
    /// Whole lists being taken in, by provider.
    pub(super) staging: BTreeMap<String, Staging>,
    /// Which manifest is on disk is not known.
    pub(super) stopped: bool,
}

pub(super) fn apply(
    shared: &Shared,
    changes: &[Change],
    cursor: Option<&Cursor>,
) -> Result<Applied> {
    let mut applied = Applied::default();
    let mut entries = Vec::with_capacity(changes.len());
    for change in changes {
        let encoded = match change {
            Change::Upsert(indicator) => Encoded::upsert(shared.key, indicator),
            Change::Delete { provider, id } => Encoded::delete(shared.key, provider, id),
        };
        match encoded {
            Some(encoded) => entries.push(encoded),
            None => applied.rejected += 1,
        }
    }
    let mut writer = shared.writer()?;
    append(shared, &mut writer, &entries, cursor, &mut applied)?;
    compact_if_due(shared, &mut writer);
    Ok(applied)
}

/// Makes the entries durable and shows them to the matching threads.
pub(super) fn append(
    shared: &Shared,
    writer: &mut Writer,
    entries: &[Encoded],
    cursor: Option<&Cursor>,
    applied: &mut Applied,
) -> Result<()> {
    if writer.stopped {
        return Err(IntelError::Stopped(shared.folder.path("MANIFEST")));
    }
    if entries.is_empty() && cursor.is_none() {
        return Ok(());
    }
    check_providers(shared, entries)?;
    // First to the lists being taken in: a change that is durable there and not in the journal comes again, the other way
    // round it would be lost when the list is swapped in.
    for (provider, staging) in &mut writer.staging {
        let mut theirs = entries
            .iter()
            .filter(|entry| entry.head.provider == *provider)
            .peekable();
        if theirs.peek().is_some() {
            staging.revive(&shared.folder)?;
            theirs.for_each(|entry| staging.push(entry.clone()));
            staging.sync(&shared.folder, None)?;
        }
    }
    let before = writer.journal.length;
    let places = writer.journal.append(&shared.folder, entries, cursor)?;
    writer.journal.sync(&shared.folder, before)?;
    writer.journal_entries += entries.len() as u64;

    let heads = entries.iter().map(|entry| &entry.head).zip(places);
    shared.index().apply(heads, |effect| match effect {
        Effect::Deleted => applied.deleted += 1,
        Effect::Nothing => {}
        Effect::Upserted => applied.upserted += 1,
    })?;
    let upserts = entries
        .iter()
        .filter_map(|entry| entry.head.upsert.as_ref());
    applied.unsupported += upserts
        .filter(|upsert| reason_of(upsert.flags).is_some())
        .count();
    if let Some(cursor) = cursor {
        let stored = StoredCursor {
            text: cursor.text.clone(),
            at: cursor.at,
        };
        shared.cursors().insert(cursor.provider.clone(), stored);
    }
    Ok(())
}

/// The changes are durable already, so a failure here is only told; the next change tries again.
pub(super) fn compact_if_due(shared: &Shared, writer: &mut Writer) {
    let index = shared.index();
    let changes = index.overlay().changes();
    let limit = match shared.options.compact_after {
        0 => COMPACT_AFTER.max(index.table.len() / COMPACT_SHARE),
        limit => limit,
    };
    if changes >= limit
        && let Err(error) = rebuild::rebuild(shared, writer, None)
    {
        tracing::error!(%error, "the index file can't be written; changes stay in the journal");
    }
}

/// A provider that has no number left must not get into the journal: it could not be read back.
fn check_providers(shared: &Shared, entries: &[Encoded]) -> Result<()> {
    let index = shared.index();
    let mut names = index.overlay().providers.clone();
    for entry in entries {
        number_of(&mut names, &entry.head.provider)?;
    }
    Ok(())
}
