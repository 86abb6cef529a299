//! What each alert looked like over time, for tests. IRIS itself keeps no older text of a note (facts §6).

use std::collections::HashMap;

use crate::options::IrisOptions;
use crate::store::{Store, StoredAlert};

/// Every state of every alert, the oldest first; also of alerts that are deleted.
#[derive(Debug, Default)]
pub(crate) struct Versions(HashMap<i64, Vec<StoredAlert>>);

impl Versions {
    pub(crate) fn of(&self, id: i64) -> Vec<StoredAlert> {
        self.0.get(&id).cloned().unwrap_or_default()
    }
}

impl Store {
    /// Keeps the alert as it is now, where that is wanted.
    pub(crate) fn remember(&mut self, id: i64, options: &IrisOptions) {
        if !options.keep_versions {
            return;
        }
        let Some(alert) = self.alerts.get(&id) else {
            return;
        };
        let now = self.snapshot(alert, options);
        self.versions.0.entry(id).or_default().push(now);
    }
}
