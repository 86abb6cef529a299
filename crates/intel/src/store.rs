//! The store: one folder with all indicators.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use jiff::Timestamp;

use crate::{Change, Index, Indicator, Result};

/// How a store is opened.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// Look only, while another process may write. Changes made by the other one are seen at the next opening.
    pub read_only: bool,
}

/// Where a provider's list was read up to. Its text means something to the provider alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The provider's own words.
    pub text: String,
    /// When the provider was asked; becomes [`ProviderStatus::last_sync`].
    pub at: Timestamp,
}

/// What became of a list of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Indicators that are new or replaced.
    pub upserted: usize,
    /// Indicators that are gone now.
    pub deleted: usize,
    /// Of the upserted ones: those that can't match, see [`IndicatorStore::unsupported`].
    pub unsupported: usize,
    /// Changes that were not taken in: no provider, no id, or one too long.
    pub rejected: usize,
}

/// The state of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// Indicators, those that can't match included.
    pub indicators: u64,
    /// Pairs of a value and an indicator that compares it.
    pub values: u64,
    /// Indicators that can't match, by reason.
    pub unsupported: BTreeMap<String, u64>,
    /// By the provider's name.
    pub providers: BTreeMap<String, ProviderStatus>,
    /// Size of the folder's files.
    pub bytes: u64,
}

/// The state of one provider's indicators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderStatus {
    /// Indicators of this provider.
    pub indicators: u64,
    /// When its cursor moved last.
    pub last_sync: Option<Timestamp>,
    /// Where its list was read up to.
    pub cursor: Option<String>,
    /// A whole list is being taken in.
    pub full_sync: bool,
}

/// An indicator that can't match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedIndicator {
    /// The indicator.
    pub indicator: Indicator,
    /// Why it can't match.
    pub reason: String,
}

/// All indicators, in one folder. One process writes, any number of threads match.
#[derive(Debug)]
pub struct IndicatorStore {}

impl IndicatorStore {
    /// Opens or makes the folder. Needs no network.
    ///
    /// # Errors
    /// [`crate::IntelError`] where the folder can't be used.
    pub fn open(folder: impl AsRef<Path>, options: StoreOptions) -> Result<Self> {
        let _ = (folder, options);
        Ok(Self {})
    }

    /// The index as it is now; cheap.
    #[must_use]
    pub fn index(&self) -> Arc<Index> {
        Arc::default()
    }

    /// Makes the changes durable, all or none, together with the provider's cursor. They match from when this returns.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// [`crate::IntelError`]: nothing has changed.
    pub fn apply(&self, changes: Vec<Change>, cursor: Option<Cursor>) -> Result<Applied> {
        let _ = (changes, cursor);
        Ok(Applied::default())
    }

    /// Where the provider's list was read up to.
    #[must_use]
    pub fn cursor(&self, provider: &str) -> Option<String> {
        let _ = provider;
        None
    }

    /// Counts, for the console and the metrics.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        StoreStatus::default()
    }

    /// Takes in a provider's whole list, or goes on where one was interrupted ([`FullSync::resumed_at`]).
    ///
    /// # Errors
    /// [`crate::IntelError`] where the disk refuses.
    pub fn begin_full(&self, provider: &str) -> Result<FullSync> {
        let _ = provider;
        Ok(FullSync {})
    }

    /// Removes the provider's indicators whose ids are not given: the daily check for deletions that were missed. `ids` must be
    /// the whole list: never pass one that ended in an error. Indicators that came in since the call began are spared.
    /// Returns the removed ids.
    ///
    /// # Errors
    /// [`crate::IntelError`]: nothing, or only a part, was removed; call again.
    pub fn reconcile<S: AsRef<str>>(
        &self,
        provider: &str,
        ids: impl IntoIterator<Item = S>,
    ) -> Result<Vec<String>> {
        let _ = (provider, ids.into_iter().count());
        Ok(Vec::new())
    }

    /// One indicator.
    ///
    /// # Errors
    /// [`crate::IntelError`] where it can't be read.
    pub fn get(&self, provider: &str, id: &str) -> Result<Option<Indicator>> {
        let _ = (provider, id);
        Ok(None)
    }

    /// Indicators that can't match, with the reason; at most `limit`.
    ///
    /// # Errors
    /// [`crate::IntelError`] where one can't be read.
    pub fn unsupported(&self, limit: usize) -> Result<Vec<UnsupportedIndicator>> {
        let _ = limit;
        Ok(Vec::new())
    }

    /// Folds the latest changes into the index file. Done by itself when they are many.
    ///
    /// # Errors
    /// [`crate::IntelError`]: the store is as before.
    pub fn compact(&self) -> Result<()> {
        Ok(())
    }
}

/// A provider's whole list being taken in. Until [`FullSync::finish`], the old one serves; changes applied meanwhile
/// count in both. Dropped without `finish`, it can be resumed by [`IndicatorStore::begin_full`], also after a crash.
#[derive(Debug)]
pub struct FullSync {}

impl FullSync {
    /// The cursor of the last [`FullSync::checkpoint`], where an interrupted list is gone on with.
    #[must_use]
    pub fn resumed_at(&self) -> Option<&str> {
        None
    }

    /// Takes in one indicator.
    ///
    /// # Errors
    /// [`crate::IntelError`] where the disk refuses.
    pub fn push(&mut self, indicator: Indicator) -> Result<()> {
        let _ = indicator;
        Ok(())
    }

    /// Makes durable what was pushed, together with the place in the provider's list behind it. Once a page.
    ///
    /// # Errors
    /// [`crate::IntelError`] where the disk refuses.
    pub fn checkpoint(&mut self, cursor: &str) -> Result<()> {
        let _ = cursor;
        Ok(())
    }

    /// Swaps the new list in at once and drops what was not in it; `cursor` is the provider's from now on.
    ///
    /// # Errors
    /// [`crate::IntelError`]: the old list still serves, and this one can be resumed.
    pub fn finish(self, cursor: Option<Cursor>) -> Result<Applied> {
        let _ = cursor;
        Ok(Applied::default())
    }

    /// Throws away what was taken in.
    ///
    /// # Errors
    /// [`crate::IntelError`] where the disk refuses.
    pub fn abandon(self) -> Result<()> {
        Ok(())
    }
}
