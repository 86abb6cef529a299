//! The daily check for deletions: what the provider no longer lists goes.

use std::collections::HashSet;

use super::{Applied, Shared, writer};
use crate::{
    Result,
    disk::{entry::Encoded, segment::Place},
};

/// Deletions in one batch.
const AT_ONCE: usize = 10_000;

pub(super) fn reconcile<S: AsRef<str>>(
    shared: &Shared,
    provider: &str,
    ids: impl IntoIterator<Item = S>,
) -> Result<Vec<String>> {
    // What stands behind this place, or in a newer file, came in while the list was read.
    let (mark, newer) = {
        let writer = shared.writer()?;
        let mark = Place::new(writer.journal.number, writer.journal.length);
        (mark, writer.manifest.next_file)
    };
    let is_new = |place: Place| {
        place.segment() >= newer || place.segment() == mark.segment() && place >= mark
    };
    let table = shared.index();
    let mut listed = vec![0u64; table.table.len().div_ceil(64)];
    let mut others = HashSet::new();
    for id in ids {
        let id = shared.key.of_id(provider, id.as_ref());
        match table.table.find(id) {
            Some(number) => listed[number as usize / 64] |= 1 << (number % 64),
            None => {
                others.insert(id);
            }
        }
    }
    let is_listed = |id: u64| match table.table.find(id) {
        Some(number) => listed[number as usize / 64] >> (number % 64) & 1 == 1,
        None => others.contains(&id),
    };
    let mut writer = shared.writer()?;
    let index = shared.index();
    let number = index
        .overlay()
        .providers
        .iter()
        .position(|name| name == provider);
    let mut gone = Vec::new();
    index.each_record(|record| {
        let theirs = number == Some(usize::from(record.provider));
        if theirs && !is_new(record.place) && !is_listed(record.id) {
            gone.push(record);
        }
    });
    let mut removed = Vec::with_capacity(gone.len());
    for part in gone.chunks(AT_ONCE) {
        let mut entries = Vec::with_capacity(part.len());
        for record in part {
            // One that can't be read has no name to report, and goes all the same.
            if let Some((_, indicator)) = index.read(record.place) {
                removed.push(indicator.id);
            }
            entries.push(Encoded::delete_fingerprint(provider, record.id));
        }
        writer::append(shared, &mut writer, &entries, None, &mut Applied::default())?;
    }
    writer::compact_if_due(shared, &mut writer);
    Ok(removed)
}
