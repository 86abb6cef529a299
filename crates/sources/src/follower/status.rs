//! What the follower says about itself, for metrics and `status` pages. Written by its thread, read by anyone.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// One look at the follower.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowerSnapshot {
    /// The file that is being read: its archive name where known, else its path. Empty while there is none.
    pub file: String,
    /// Bytes of that file whose records are durable.
    pub offset: u64,
    /// Bytes of that file not yet durable; for gzip files those read ahead only.
    pub lag_bytes: u64,
    /// Archived segments still to be read before the live file, as of the last rotation.
    pub segments_behind: u64,
    /// When bytes were last read.
    pub last_read: Option<Timestamp>,
    /// Records handed over and confirmed.
    pub records: u64,
    /// Finished segments (rotated or archived) read to their end.
    pub segments_caught_up: u64,
    /// Times alerts may be missing: a segment gone before it was read, an archive that does not show what lay between.
    pub gaps: u64,
    /// Times the file was cut or overwritten in place.
    pub truncations: u64,
    /// Lines over the limit and unreadable archives.
    pub unreadable: u64,
    /// Batches the ledger refused; each was read again.
    pub refusals: u64,
    /// Rounds of the loop: an idle follower makes at most one per poll interval.
    pub rounds: u64,
    /// Why nothing can be read at the moment.
    pub trouble: Option<String>,
}

/// The shared place of the latest snapshot.
#[derive(Debug, Default)]
pub struct FollowerStatus {
    latest: Mutex<FollowerSnapshot>,
}

impl FollowerStatus {
    /// A copy of the latest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> FollowerSnapshot {
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut FollowerSnapshot)) {
        change(&mut self.latest.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
