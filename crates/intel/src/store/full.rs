//! Taking in a provider's whole list while the old one serves.

use std::{collections::BTreeMap, sync::Arc};

use super::{Applied, Cursor, Shared, rebuild, staging::Staging};
use crate::{
    Indicator, IntelError, Result,
    disk::entry::{Encoded, reason_of},
};

/// A provider's whole list being taken in. Until [`FullSync::finish`], the old one serves; changes applied meanwhile
/// count in both. Dropped without `finish`, it can be resumed by [`crate::IndicatorStore::begin_full`], also after a crash. One
/// at a time for a provider: a second handle goes on with the same list.
#[derive(Debug)]
pub struct FullSync {
    shared: Arc<Shared>,
    provider: String,
    resumed_at: Option<String>,
    generation: u32,
    rejected: usize,
    unsupported: usize,
}

pub(super) fn begin(shared: &Arc<Shared>, provider: &str) -> Result<FullSync> {
    let mut writer = shared.writer()?;
    let writer = &mut *writer;
    if writer.stopped {
        return Err(IntelError::Stopped(shared.folder.path("MANIFEST")));
    }
    if !writer.staging.contains_key(provider) {
        let staging = Staging::begin(&shared.folder, &mut writer.manifest, provider)?;
        writer.staging.insert(provider.to_owned(), staging);
    }
    let staging = writer.staging.get_mut(provider);
    let staging = staging.ok_or_else(|| IntelError::NoFullSync(provider.to_owned()))?;
    staging.revive(&shared.folder)?;
    Ok(FullSync {
        shared: Arc::clone(shared),
        provider: provider.to_owned(),
        resumed_at: staging.cursor().map(str::to_owned),
        generation: staging.generation,
        rejected: 0,
        unsupported: 0,
    })
}

impl FullSync {
    /// The cursor of the last [`FullSync::checkpoint`], where an interrupted list is gone on with.
    #[must_use]
    pub fn resumed_at(&self) -> Option<&str> {
        self.resumed_at.as_deref()
    }

    /// Takes in one indicator. One of another provider, or one that can't be kept, is counted as rejected.
    ///
    /// # Errors
    /// [`IntelError`] where the disk refuses.
    pub fn push(&mut self, indicator: Indicator) -> Result<()> {
        let ours = indicator.provider == self.provider;
        let Some(entry) = ours
            .then(|| Encoded::upsert(self.shared.key, &indicator))
            .flatten()
        else {
            self.rejected += 1;
            return Ok(());
        };
        let upsert = entry.head.upsert.as_ref();
        self.unsupported +=
            usize::from(upsert.is_some_and(|upsert| reason_of(upsert.flags).is_some()));
        let mut writer = self.shared.writer()?;
        let staging = self.staging(&mut writer.staging)?;
        staging.push(entry);
        if staging.is_full() {
            staging.flush(&self.shared.folder, None)?;
        }
        Ok(())
    }

    /// Makes durable what was pushed, together with the place in the provider's list behind it. Once a page.
    ///
    /// # Errors
    /// [`IntelError`] where the disk refuses.
    pub fn checkpoint(&mut self, cursor: &str) -> Result<()> {
        let mut writer = self.shared.writer()?;
        let writer = &mut *writer;
        let staging = self.staging(&mut writer.staging)?;
        staging.sync(&self.shared.folder, Some(cursor))?;
        staging.spill_if_due(
            &self.shared.folder,
            &mut writer.manifest,
            &self.shared.options,
        )
    }

    /// Swaps the new list in at once and drops what was not in it; `cursor` is the provider's from now on. In what is returned,
    /// `upserted` is the length of the list and `deleted` counts what was dropped.
    ///
    /// # Errors
    /// [`IntelError`]: the old list still serves, and this one can be resumed.
    pub fn finish(self, cursor: Option<Cursor>) -> Result<Applied> {
        let mut writer = self.shared.writer()?;
        self.staging(&mut writer.staging)?;
        let staging = writer.staging.remove(&self.provider);
        let mut staging = staging.ok_or_else(|| self.ended())?;
        let complete = rebuild::Complete {
            provider: &self.provider,
            staging: &mut staging,
            cursor: cursor.as_ref(),
        };
        match rebuild::rebuild(&self.shared, &mut writer, Some(complete)) {
            Ok(merged) => Ok(Applied {
                upserted: merged.taken,
                deleted: merged.gone,
                unsupported: self.unsupported,
                rejected: self.rejected,
            }),
            Err(error) => {
                writer.staging.insert(self.provider.clone(), staging);
                Err(error)
            }
        }
    }

    /// Throws away what was taken in.
    ///
    /// # Errors
    /// [`IntelError`] where the disk refuses.
    pub fn abandon(self) -> Result<()> {
        let mut writer = self.shared.writer()?;
        let mut new = writer.manifest.clone();
        new.staged.remove(&self.provider);
        new.write(&self.shared.folder)?;
        writer.manifest = new;
        writer.staging.remove(&self.provider);
        self.shared.folder.remove_others(&writer.manifest.files());
        Ok(())
    }

    /// The list, if it is the one this handle was given.
    fn staging<'w>(&self, all: &'w mut BTreeMap<String, Staging>) -> Result<&'w mut Staging> {
        all.get_mut(&self.provider)
            .filter(|staging| staging.generation == self.generation)
            .ok_or_else(|| self.ended())
    }

    /// Another handle of the same list finished or abandoned it.
    fn ended(&self) -> IntelError {
        IntelError::NoFullSync(self.provider.clone())
    }
}
