//! Allowlists: what the configuration says needs no attention, for good (`docs/silences.md`).
//!
//! All entries share one [`MatcherIndex`]: each is filed under the condition that tells most, and only what is found there is asked in
//! full.

mod config;
mod entry;
mod glob;
mod places;
mod preset;

use std::collections::HashSet;

pub use config::{AllowlistEntryConfig, AllowlistPreset};
pub(crate) use entry::Entry;

use crate::{index::MatcherIndex, quiet::QuietError, view::AlertView};

#[derive(Debug, Default)]
pub(crate) struct Allowlist {
    entries: Vec<Entry>,
    index: MatcherIndex,
    /// For each set of the index: its entry.
    entry_of: Vec<usize>,
}

impl Allowlist {
    /// Entries of the configuration come first, then those of presets.
    pub(crate) fn new(
        configs: Vec<AllowlistEntryConfig>,
        presets: &[AllowlistPreset],
    ) -> Result<Self, QuietError> {
        let mut names = HashSet::new();
        let mut entries = Vec::new();
        let mut sets = Vec::new();
        let mut entry_of = Vec::new();
        let ready_made = presets.iter().flat_map(|preset| preset::entries(*preset));
        for config in configs.into_iter().chain(ready_made) {
            if !names.insert(config.name.clone()) {
                return Err(QuietError::new(
                    format!("quiet.allowlist {:?}", config.name),
                    "a second entry has this name (or a preset is listed twice): names must be unique",
                ));
            }
            let entry = Entry::new(config)?;
            if let Some(condition) = entry.conditions.first() {
                sets.extend_from_slice(&condition.any_of);
            }
            entry_of.resize(sets.len(), entries.len());
            entries.push(entry);
        }
        Ok(Self {
            entries,
            index: MatcherIndex::new(sets),
            entry_of,
        })
    }

    /// The first entry that holds.
    pub(crate) fn matching(&self, view: &AlertView<'_>) -> Option<&str> {
        if self.entries.is_empty() {
            return None;
        }
        let mut asked = None;
        for set in self.index.holding(view) {
            let place = self.entry_of[set];
            // Sets of one entry follow each other.
            if asked.replace(place) == Some(place) {
                continue;
            }
            if self.entries[place].holds(view) {
                return Some(&self.entries[place].name);
            }
        }
        None
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// What to say about presets when the configuration is read.
pub(crate) fn warnings(presets: &[AllowlistPreset]) -> Vec<String> {
    let one = |preset: &AllowlistPreset| preset::warning(*preset).to_owned();
    presets.iter().map(one).collect()
}
