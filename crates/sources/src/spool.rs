//! Drains the folder where hooks leave alerts the daemon did not take ([`alertbridge_hook::spool`] has its format).
//!
//! Files go to the intake in the order of their names, which is the order of time, and are removed only when the receipt
//! says they are durable.
//!
//! | the daemon stops… | at the next start |
//! |---|---|
//! | before the receipt | the files are read again; the ledger may or may not have them |
//! | after the receipt, before or amid the removals | the rest is read again: the same references, so counted as repeats |
//! | between an unreadable file's receipt and its move | it is reported once more |
//!
//! A file that can never be an alert (empty, too long, no regular file, an input error) is reported once as
//! [`Record::Unreadable`](crate::Record) and moved to `unreadable/` within the folder. One that can't be opened *now* (no
//! permission, too many open files) stays, is logged, and is tried again each [`FULL_SCAN`]: its content is whole.
//! Neither stops those behind it.
//!
//! Rights: integratord drops the Wazuh user's further groups (facts/wazuh.md §1.3), so the daemon must run in the `wazuh`
//! group, and the folder must let that group write. Idle cost: one `stat` of the folder each [`POLL`].

mod folder;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::{Batch, Intake, Rejected};
use folder::{Folder, modified};

/// How often the folder is looked at.
pub const POLL: Duration = Duration::from_millis(500);
/// How often the folder is read though it did not change: for files that could not be opened, and old temporary ones.
pub const FULL_SCAN: Duration = Duration::from_secs(60);

const SOURCE: &str = "spool";
/// Pause after the intake refused a batch.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);
/// Reads of the folder after a change, for files that came within one tick of the file system's clock.
const READS_AFTER_CHANGE: u32 = 5;

/// Takes alerts from the spool folder to the intake.
pub struct SpoolDrain<Now> {
    path: PathBuf,
    folder: Arc<Mutex<Folder>>,
    intake: Arc<dyn Intake>,
    now: Now,
}

impl<Now: Fn() -> Timestamp> SpoolDrain<Now> {
    /// `now` tells the time, for the age of temporary files.
    pub fn new(path: PathBuf, intake: Arc<dyn Intake>, now: Now) -> Self {
        let folder = Arc::new(Mutex::new(Folder::new(path.clone())));
        Self {
            path,
            folder,
            intake,
            now,
        }
    }

    /// Creates the folder where it is missing (itself only, mode 0770) and drains it until `shutdown` is ready. A batch whose receipt has not come by then is read again at the next start.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        tokio::select! {
            biased;
            () = &mut shutdown => {}
            () = self.drain_for_ever() => {}
        }
    }

    /// Takes what waits now. Called before the hook's socket is opened, so that new alerts do not overtake spooled ones.
    ///
    /// # Errors
    /// Where the intake refused them; they stay in the folder.
    pub async fn drain_waiting(&self) -> Result<(), Rejected> {
        self.drain(true).await
    }

    async fn drain_for_ever(&self) {
        // A failure is logged and a missing folder is an empty one.
        let _ = self.in_folder(|folder| folder.create()).await;
        let mut last_modified = None;
        let mut reads_left = 0;
        let mut next_full_scan = Instant::now();
        loop {
            // Looked at before the folder is read: what comes in between is a change the next time.
            let modified = modified(&self.path);
            if modified != last_modified {
                last_modified = modified;
                reads_left = READS_AFTER_CHANGE;
            }
            let full = Instant::now() >= next_full_scan;
            if full {
                next_full_scan = Instant::now() + FULL_SCAN;
            }
            if full || reads_left > 0 {
                reads_left = reads_left.saturating_sub(1);
                if let Err(error) = self.drain(full).await {
                    tracing::warn!(%error, "spooled alerts wait in their folder");
                    reads_left = READS_AFTER_CHANGE;
                    sleep(REFUSED_PAUSE).await;
                }
            }
            sleep(POLL).await;
        }
    }

    /// Takes everything that is there now; with `full`, also tries again what could not be opened or removed.
    async fn drain(&self, full: bool) -> Result<(), Rejected> {
        let now = (self.now)();
        let mut names = self.in_folder(move |folder| folder.scan(full, now)).await?;
        while !names.is_empty() {
            let load = self.in_folder(move |folder| folder.load(names)).await?;
            names = load.rest;
            if load.records.is_empty() {
                continue;
            }
            let receipt = self.intake.submit(Batch {
                source: SOURCE,
                records: load.records,
                place: load.place,
                follows: None,
                checkpoint: None,
            });
            receipt.await.unwrap_or(Err(Rejected::Stopping))?;
            let done = load.done;
            self.in_folder(move |folder| folder.put_away(done)).await?;
        }
        Ok(())
    }

    /// Works in the folder on a thread that may block.
    async fn in_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Folder) -> T + Send + 'static,
    ) -> Result<T, Rejected> {
        let folder = Arc::clone(&self.folder);
        let task = move || work(&mut folder.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(task)
            .await
            .map_err(|_| Rejected::Stopping)
    }
}
