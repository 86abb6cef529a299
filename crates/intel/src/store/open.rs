//! Opening a store: the manifest, the index file, the changes behind it, and the lists that were being taken in.

use std::{
    collections::BTreeMap,
    fs::File,
    path::Path,
    sync::{Arc, Mutex, RwLock},
};

use super::{IndicatorStore, Shared, StoreOptions, staging::Staging, writer::Writer};
use crate::{
    Index, IntelError, Result,
    disk::{
        folder::Folder,
        manifest::{Manifest, StoredCursor, index_name},
        run::RunFile,
        segment::{self, Segment},
    },
    fingerprint::FingerprintKey,
    index::table::Table,
};

/// A reader may come between the writer's new manifest and the removal of the old files.
const READER_TRIES: usize = 5;

pub(super) fn open(path: &Path, options: StoreOptions) -> Result<IndicatorStore> {
    let folder = Folder::open(path, options.read_only, options.steps.clone())?;
    let mut tries = READER_TRIES;
    loop {
        tries -= 1;
        match open_folder(&folder, &options) {
            Err(IntelError::Io { source, .. })
                if options.read_only
                    && tries > 0
                    && source.kind() == std::io::ErrorKind::NotFound => {}
            other => return other,
        }
    }
}

fn open_folder(folder: &Folder, options: &StoreOptions) -> Result<IndicatorStore> {
    let manifest = match Manifest::read(folder)? {
        Some(manifest) => manifest,
        None if options.read_only => Manifest::new(FingerprintKey::random()),
        None => create(folder)?,
    };
    let index = Index::new(
        manifest.key(),
        load_table(folder, &manifest)?,
        open_segments(folder, &manifest)?,
        Arc::default(),
    );
    let (length, entries, cursors) = replay(folder, &manifest, &index)?;
    let writer = if options.read_only {
        None
    } else {
        folder.remove_others(&manifest.files());
        let mut staging = BTreeMap::new();
        for (provider, state) in &manifest.staged {
            staging.insert(
                provider.clone(),
                Staging::reopen(folder, provider, state.clone())?,
            );
        }
        Some(Mutex::new(Writer {
            journal: Segment::reopen(folder, manifest.journal, length)?,
            journal_entries: manifest
                .segments
                .get(&manifest.journal)
                .copied()
                .unwrap_or(0)
                + entries,
            manifest: manifest.clone(),
            staging,
            stopped: false,
        }))
    };
    let shared = Shared {
        folder: folder.clone(),
        key: manifest.key(),
        options: options.clone(),
        index: RwLock::new(Arc::new(index)),
        cursors: Mutex::new(cursors),
        writer,
    };
    Ok(IndicatorStore {
        shared: Arc::new(shared),
    })
}

/// The files of an empty store.
fn create(folder: &Folder) -> Result<Manifest> {
    let mut manifest = Manifest::new(FingerprintKey::random());
    manifest.journal = manifest.take_number()?;
    manifest.segments.insert(manifest.journal, 0);
    Segment::create(folder, manifest.journal)?;
    manifest.write(folder)?;
    Ok(manifest)
}

pub(super) fn load_table(folder: &Folder, manifest: &Manifest) -> Result<Table> {
    let Some(number) = manifest.index else {
        return Ok(Table::default());
    };
    Table::load(&RunFile::open(&folder.path(&index_name(number)))?)
}

/// The segments, for reading.
pub(super) fn open_segments(
    folder: &Folder,
    manifest: &Manifest,
) -> Result<BTreeMap<u32, Arc<File>>> {
    let numbers = manifest.segments.keys();
    numbers
        .map(|number| {
            let path = folder.path(&segment::file_name(*number));
            let file = File::open(&path).map_err(IntelError::io("open", &path))?;
            Ok((*number, Arc::new(file)))
        })
        .collect()
}

/// The changes behind the index file: where they end, how many they are, and the cursors after them.
fn replay(
    folder: &Folder,
    manifest: &Manifest,
    index: &Index,
) -> Result<(u64, u64, BTreeMap<String, StoredCursor>)> {
    let mut cursors = manifest.cursors.clone();
    if manifest.segments.is_empty() {
        return Ok((0, 0, cursors));
    }
    let mut entries = 0;
    let path = folder.path(&segment::file_name(manifest.journal));
    let length = segment::replay(&path, manifest.journal, manifest.replay_from, |batch| {
        entries += batch.entries.len() as u64;
        index.apply(
            batch.entries.iter().map(|(place, head)| (head, *place)),
            |_| {},
        )?;
        if let Some(cursor) = batch.cursor {
            cursors.insert(
                cursor.provider,
                StoredCursor {
                    text: cursor.text,
                    at: cursor.at,
                },
            );
        }
        Ok(())
    })?;
    Ok((length, entries, cursors))
}
