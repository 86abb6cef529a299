//! Threat intelligence, kept locally and matched in microseconds.
//!
//! A provider (OpenCTI, a file, …) hands over [`Indicator`]s; the [`IndicatorStore`] keeps them in one folder and answers which of them
//! an alert's observables match. Nothing here needs the network while an alert is matched: when the provider is down, what was
//! known before still matches.
//!
//! * [`Indicator`], [`Change`]: what a provider says.
//! * [`IndicatorStore`]: durable changes, together with each provider's cursor; whole lists taken in anew ([`FullSync`]).
//! * [`Index`]: look-ups, for any number of threads at once.
//! * [`MatchRules`], [`Hit`]: what counts as a match, and what is found. Revoked, expired and low-scored indicators stay in the index;
//!   whether they count is decided when an alert is matched, because all of this changes with time.

mod disk;
mod error;
mod fingerprint;
mod hit;
mod index;
mod indicator;
mod pattern;
pub mod provider;
mod rules;
mod store;
mod value;

#[doc(hidden)]
pub use disk::folder::StepHook;
pub use error::{IntelError, Result};
pub use hit::{Hit, How, Lookup, LookupEntry, Unmatched, Verdict};
pub use index::{Index, MatchCounts, hits_among, lookup_among};
pub use indicator::{Change, ExternalReference, Indicator, ObservableValue};
pub use rules::{MatchRules, Tlp};
pub use store::{
    Applied, Cursor, FullSync, IndicatorStore, ProviderStatus, StoreOptions, StoreStatus,
    UnsupportedIndicator,
};
