//! The store: one folder with all indicators.
//!
//! Writers take turns behind one lock; matching threads never wait for it. A change is written to the journal and synced, and
//! only then shown to them. What the files are and what a crash leaves: `disk/mod.rs`.

mod full;
mod open;
mod rebuild;
mod reconcile;
mod staging;
mod types;
mod writer;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

pub use full::FullSync;
pub use types::{Applied, Cursor, ProviderStatus, StoreOptions, StoreStatus, UnsupportedIndicator};
use writer::Writer;

use crate::{
    Change, Index, Indicator, IntelError, Result,
    disk::{
        entry::{self, PARTIAL},
        folder::Folder,
        manifest::StoredCursor,
    },
    fingerprint::FingerprintKey,
    pattern::Compiled,
};

/// All indicators, in one folder. One process writes, any number of threads match.
///
/// ```
/// use alertbridge_alert::observables::{Kind, Observable, Role, Via};
/// use alertbridge_intel::{Change, Cursor, Indicator, IndicatorStore, MatchRules, StoreOptions};
/// use jiff::Timestamp;
///
/// let now = Timestamp::UNIX_EPOCH; // the program's clock
/// let folder = tempfile::tempdir().unwrap();
/// let store = IndicatorStore::open(folder.path(), StoreOptions::default()).unwrap();
/// let evil = Indicator::stix("opencti", "1", "[domain-name:value = 'evil.example']");
/// let cursor = Cursor { provider: "opencti".into(), text: "page 1".into(), at: now };
/// store.apply(vec![Change::Upsert(Box::new(evil))], Some(cursor)).unwrap();
///
/// let seen = Observable {
///     kind: Kind::Domain,
///     value: "evil.example".into(),
///     written: None,
///     field: "data.win.eventdata.queryName".into(),
///     role: Role::Destination,
///     via: Via::Field,
/// };
/// let hits = store.index().matches(&[seen], &MatchRules::default(), now);
/// assert_eq!(hits[0].indicator.id, "1");
/// assert_eq!(store.cursor("opencti").as_deref(), Some("page 1"));
/// ```
#[derive(Clone, Debug)]
pub struct IndicatorStore {
    shared: Arc<Shared>,
}

/// What the store and the lists being taken in have in common.
#[derive(Debug)]
struct Shared {
    folder: Folder,
    key: FingerprintKey,
    options: StoreOptions,
    index: RwLock<Arc<Index>>,
    cursors: Mutex<BTreeMap<String, StoredCursor>>,
    /// `None` for reading only.
    writer: Option<Mutex<Writer>>,
}

impl Shared {
    fn index(&self) -> Arc<Index> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&index)
    }

    fn writer(&self) -> Result<MutexGuard<'_, Writer>> {
        let writer = self.writer.as_ref().ok_or(IntelError::ReadOnly)?;
        Ok(writer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn cursors(&self) -> MutexGuard<'_, BTreeMap<String, StoredCursor>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IndicatorStore {
    /// Opens or makes the folder. Needs no network.
    ///
    /// # Errors
    /// [`IntelError`] where the folder can't be used.
    pub fn open(folder: impl AsRef<Path>, options: StoreOptions) -> Result<Self> {
        open::open(folder.as_ref(), options)
    }

    /// The index as it is now; cheap.
    #[must_use]
    pub fn index(&self) -> Arc<Index> {
        self.shared.index()
    }

    /// Makes the changes durable, all or none, together with the provider's cursor. They match from when this returns.
    /// Blocks on the disk; now and then for seconds, when the index file is written anew.
    ///
    /// # Errors
    /// [`IntelError`]: nothing has changed.
    pub fn apply(&self, changes: Vec<Change>, cursor: Option<Cursor>) -> Result<Applied> {
        writer::apply(&self.shared, &changes, cursor.as_ref())
    }

    /// Where the provider's list was read up to.
    #[must_use]
    pub fn cursor(&self, provider: &str) -> Option<String> {
        let cursors = self.shared.cursors();
        cursors.get(provider).map(|cursor| cursor.text.clone())
    }

    /// Counts, for the console and the metrics.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        let index = self.index();
        let overlay = index.overlay();
        let mut providers: BTreeMap<String, ProviderStatus> = BTreeMap::new();
        for (number, name) in overlay.providers.iter().enumerate() {
            let count = overlay.counts.providers.get(number).copied().unwrap_or(0);
            providers.entry(name.clone()).or_default().indicators = count;
        }
        let reasons = overlay.counts.reasons.iter().enumerate();
        let unsupported = reasons
            .filter(|(_, count)| **count > 0)
            .filter_map(|(number, count)| {
                Some((entry::reason_of(number as u8)?.text().to_owned(), *count))
            })
            .collect();
        let status = StoreStatus {
            indicators: overlay.counts.total(),
            values: (index.table.value_count() + overlay.value_count()) as u64,
            unsupported,
            partly_supported: overlay.counts.partial,
            changes: overlay.changes() as u64,
            ..StoreStatus::default()
        };
        drop(overlay);
        for (name, cursor) in self.shared.cursors().iter() {
            let provider = providers.entry(name.clone()).or_default();
            provider.last_sync = Some(cursor.at);
            provider.cursor = Some(cursor.text.clone());
        }
        // A writer at work is not waited for.
        let writer = self
            .shared
            .writer
            .as_ref()
            .and_then(|writer| writer.try_lock().ok());
        for name in writer.iter().flat_map(|writer| writer.staging.keys()) {
            providers.entry(name.clone()).or_default().full_sync = true;
        }
        StoreStatus {
            providers,
            bytes: self.shared.folder.bytes(),
            memory: index.memory() as u64,
            matching: index.counts(),
            ..status
        }
    }

    /// Takes in a provider's whole list, or goes on where one was interrupted ([`FullSync::resumed_at`]).
    ///
    /// # Errors
    /// [`IntelError`] where the disk refuses.
    pub fn begin_full(&self, provider: &str) -> Result<FullSync> {
        full::begin(&self.shared, provider)
    }

    /// Removes the provider's indicators whose ids are not given: the daily check for deletions that were missed. `ids` must be
    /// the whole list: never pass one that ended in an error. Indicators that came in since the call began are spared, so
    /// the list is best read while this runs. Returns the removed ids.
    ///
    /// # Errors
    /// [`IntelError`]: nothing, or only a part, was removed; call again.
    pub fn reconcile<S: AsRef<str>>(
        &self,
        provider: &str,
        ids: impl IntoIterator<Item = S>,
    ) -> Result<Vec<String>> {
        reconcile::reconcile(&self.shared, provider, ids)
    }

    /// One indicator.
    ///
    /// # Errors
    /// [`IntelError`] where it is known and can't be read.
    pub fn get(&self, provider: &str, id: &str) -> Result<Option<Indicator>> {
        let index = self.index();
        let Some(record) = index.find(self.shared.key.of_id(provider, id)) else {
            return Ok(None);
        };
        match index.read(record.place) {
            Some((_, indicator)) if indicator.provider == provider && indicator.id == id => {
                Ok(Some(indicator))
            }
            Some(_) => Ok(None),
            None => Err(IntelError::Damaged {
                path: self.shared.folder.path(""),
                reason: format!("the indicator {id} can't be read"),
            }),
        }
    }

    /// Indicators that can't match, wholly or in part, with the reason; at most `limit`.
    ///
    /// # Errors
    /// None at present; one that can't be read is left out and counted.
    pub fn unsupported(&self, limit: usize) -> Result<Vec<UnsupportedIndicator>> {
        let index = self.index();
        let mut places = Vec::new();
        index.each_record(|record| {
            let concerned = entry::reason_of(record.flags).is_some() || record.flags & PARTIAL != 0;
            if concerned && places.len() < limit {
                places.push(record.place);
            }
        });
        let listed = places.into_iter().filter_map(|place| {
            let (_, indicator) = index.read(place)?;
            let reason = match Compiled::of(&indicator) {
                Ok(compiled) => format!("in part: {}", compiled.partial?.text()),
                Err(reason) => reason.text().to_owned(),
            };
            Some(UnsupportedIndicator { indicator, reason })
        });
        Ok(listed.collect())
    }

    /// Folds the latest changes into the index file. Done by itself when they are many.
    ///
    /// # Errors
    /// [`IntelError`]: the store is as before.
    pub fn compact(&self) -> Result<()> {
        let mut writer = self.shared.writer()?;
        rebuild::rebuild(&self.shared, &mut writer, None).map(|_| ())
    }
}
