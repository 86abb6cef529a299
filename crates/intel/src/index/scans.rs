//! Indicators that no value leads to (`LIKE`, `MATCHES`): tried on every alert that has a value of their kind.
//!
//! No feed that was looked at has any (facts/opencti.md §5), so there is a bound to them and to the work on one alert; what is
//! beyond is counted.

use std::sync::Arc;

use alertbridge_alert::observables::Kind;

use crate::{
    Indicator,
    pattern::{Anchor, Compiled},
    value::bit,
};

/// Patterns held.
pub(super) const MOST: usize = 1000;
/// Values put to patterns for one alert.
pub(super) const MOST_TESTS: usize = 50_000;

/// One pattern to be tried.
#[derive(Debug)]
pub(super) struct Scan {
    /// The fingerprint of its id, and the place it was read from: another place is another version.
    pub(super) id: u64,
    pub(super) place: u64,
    pub(super) indicator: Arc<Indicator>,
    pub(super) compiled: Compiled,
}

impl Scan {
    /// The kinds of values it is tried on: those its `LIKE` or `MATCHES` speak of, and those of its other sides.
    pub(super) fn kinds(&self) -> u32 {
        self.compiled
            .anchors
            .iter()
            .fold(self.compiled.scan, |kinds, anchor| match anchor {
                Anchor::Key(key) => kinds | bit(key.kind),
                Anchor::Network(_) => kinds | bit(Kind::Ip),
            })
    }
}
