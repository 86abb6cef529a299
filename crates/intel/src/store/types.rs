//! What goes into the store's calls and comes out of them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{Indicator, MatchCounts, disk::folder::StepHook};

/// How a store is opened.
#[derive(Clone, Default)]
pub struct StoreOptions {
    /// Look only, while another process may write. Changes made by the other one are seen at the next opening.
    pub read_only: bool,
    /// For tests: see [`StepHook`].
    #[doc(hidden)]
    pub steps: Option<StepHook>,
    /// For tests: changes after which the index file is written anew; 0 for what suits its size.
    #[doc(hidden)]
    pub compact_after: usize,
    /// For tests: indicators of a whole list that are kept in memory; 0 for what suits.
    #[doc(hidden)]
    pub chunk: usize,
    /// For tests: bytes after which a new segment is begun; 0 for what suits.
    #[doc(hidden)]
    pub segment_bytes: u64,
}

impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions")
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
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
    /// Of the upserted ones: those that can't match, see [`crate::IndicatorStore::unsupported`].
    pub unsupported: usize,
    /// Changes that were not taken in: no provider, no id, or one too long.
    pub rejected: usize,
}

/// The state of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// Indicators, those that can't match included.
    pub indicators: u64,
    /// Pairs of a value and an indicator that compares it; those of replaced indicators count until the next compaction.
    pub values: u64,
    /// Indicators that can't match, by reason.
    pub unsupported: BTreeMap<String, u64>,
    /// Indicators of which a part can't match: a side of an OR.
    pub partly_supported: u64,
    /// By the provider's name.
    pub providers: BTreeMap<String, ProviderStatus>,
    /// Size of the folder's files.
    pub bytes: u64,
    /// Memory that the index takes, in bytes.
    pub memory: u64,
    /// Changes since the index file was written.
    pub changes: u64,
    /// What happened in matching since the opening.
    pub matching: MatchCounts,
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
