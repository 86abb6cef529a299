//! The writer thread: group commit that never waits for company, and patience with a full or failing disk.
//!
//! The first job in the queue is taken with everything that waits behind it, applied in one transaction, committed (one
//! fsync), and only then answered. What arrives meanwhile is the next batch.
//!
//! * A job that fails by itself takes nobody with it: the transaction is rolled back and its jobs are done one by one.
//! * A disk that is full, an I/O error or a failed fsync is nobody's fault: nothing is answered, the same jobs are tried
//!   again on the same connection, with a pause, until it works; [`Stall`] says since when and why.
//!
//! **Why trying again after a failed fsync is safe.** SQLite's write-ahead log counts a commit only when its sync
//! returned; after a failure the next attempt writes the same frames at the same place again, so pages that the kernel
//! gave up on (and calls clean) are written anew, before they are synced again. Frames of earlier commits were synced when
//! they were acknowledged. The database file itself is only written by checkpoints, which start over when their sync failed.
//!
//! **What a crash leaves.**
//!
//! | crash | found at the next start |
//! |---|---|
//! | before the commit's frames are complete in the log | none of the batch; nobody was told otherwise |
//! | frames complete, sync failed or never returned | perhaps all of the batch, although nobody was told: an intake is found again by its source, whose checkpoint is in the same transaction, or its alerts are known as duplicates by their references; a claim is released with `doubt`; a settlement is true anyway |
//! | after the sync | all of the batch |

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    batch::{Batch, Names},
    error::SqlError,
    queue::{Job, Queue},
    schema,
};
use crate::LedgerError;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Since when nothing can be written, and why.
#[derive(Clone, Default)]
pub(super) struct Stall(Arc<Mutex<Option<(Timestamp, String)>>>);

impl Stall {
    /// How it stands.
    pub(super) fn now(&self) -> Option<(Timestamp, String)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, state: Option<(Timestamp, String)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// How many groups are open, as of the last commit; counted anew where the writer did not need to know yet.
#[derive(Clone, Default)]
pub(super) struct OpenGroups(Arc<Mutex<Option<u64>>>);

impl OpenGroups {
    /// As the writer knows it.
    pub(super) fn now(&self) -> Option<u64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, count: Option<u64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = count;
    }
}

/// The thread's belongings.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) queue: Arc<Queue>,
    pub(super) stall: Stall,
    pub(super) damage: super::Damage,
    pub(super) clock: fn() -> Timestamp,
    pub(super) most_groups: u64,
    pub(super) open_groups: OpenGroups,
    /// A daemon may write the file too, and a newer one may have changed its schema meanwhile.
    pub(super) beside: bool,
}

impl Writer {
    /// Works until the queue is closed and empty, or closed while the disk fails.
    pub(super) fn run(mut self) {
        let _ending = Ending(self.queue.clone());
        let mut names = Names::default();
        while let Some(mut jobs) = self.queue.take() {
            match self.commit(&mut jobs, &mut names) {
                Ok(()) => answer_all(jobs, None),
                Err(None) => answer_all(jobs, Some(&LedgerError::Closed)),
                Err(Some(error)) if jobs.len() == 1 => self.refuse(jobs, error),
                Err(Some(_)) => self.one_by_one(jobs, &mut names),
            }
        }
    }

    fn one_by_one(&mut self, jobs: Vec<Box<dyn Job>>, names: &mut Names) {
        for job in jobs {
            let mut alone = vec![job];
            match self.commit(&mut alone, names) {
                Ok(()) => answer_all(alone, None),
                Err(None) => answer_all(alone, Some(&LedgerError::Closed)),
                Err(Some(error)) => self.refuse(alone, error),
            }
        }
    }

    fn refuse(&self, jobs: Vec<Box<dyn Job>>, error: SqlError) {
        if let Some(detail) = error.damage() {
            self.damage.found(detail);
        }
        let error = error.answer();
        tracing::error!(%error, "the ledger could not do a command");
        answer_all(jobs, Some(&error));
    }

    /// One transaction, tried until the disk takes it. `Err(None)`: closed while the disk failed.
    fn commit(
        &mut self,
        jobs: &mut [Box<dyn Job>],
        names: &mut Names,
    ) -> Result<(), Option<SqlError>> {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.attempt(jobs, names) {
                Ok(()) => {
                    self.open_groups.set(names.open_groups());
                    self.end_stall();
                    return Ok(());
                }
                Err(error) => error,
            };
            names.clear();
            self.roll_back();
            if !error.waits() {
                return Err(Some(error));
            }
            self.begin_stall(&error);
            if self.queue.closed_within(pause) {
                return Err(None);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn attempt(&self, jobs: &mut [Box<dyn Job>], names: &mut Names) -> Result<(), SqlError> {
        let connection = &self.connection;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        if self.beside {
            schema::version(connection)?;
        }
        let mut batch = Batch::new(connection, names, self.most_groups);
        for job in jobs.iter_mut() {
            job.apply(&mut batch)?;
        }
        batch.finish()?;
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }

    fn roll_back(&self) {
        // SQLite has rolled back by itself after some errors.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    fn begin_stall(&self, error: &SqlError) {
        let why = error.to_string();
        let since = match self.stall.now() {
            Some((_, known)) if known == why => return,
            Some((since, _)) => since,
            None => (self.clock)(),
        };
        tracing::error!(error = %why, "the ledger can't be written: nothing is acknowledged until it can; free space on its disk or mend it, it goes on by itself");
        self.stall.set(Some((since, why)));
    }

    fn end_stall(&self) {
        if let Some((since, _)) = self.stall.now() {
            self.stall.set(None);
            tracing::info!(%since, "the ledger is written again");
        }
    }
}

/// However the thread ends, also by a panic: nobody waits for it any more.
struct Ending(Arc<Queue>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

fn answer_all(jobs: Vec<Box<dyn Job>>, error: Option<&LedgerError>) {
    for job in jobs {
        job.answer(error.cloned());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::{
        Arrival, Folding, Intake, IntakeReport, Placement, Receipt, Route,
        sqlite::{books, connection, intake, intake::PackedIntake},
    };

    /// An alert with names nobody used before.
    fn submit(queue: &Queue, number: u8) -> Receipt<IntakeReport> {
        let packed = PackedIntake::new(Intake {
            source: format!("source {number}"),
            arrivals: vec![Arrival {
                reference: format!("node:{number}"),
                reference_if_taken: format!("node:{number}#x"),
                fingerprint: [number; 16],
                agent: format!("agent {number}"),
                rule_id: "5710".into(),
                level: 5,
                payload: b"{}".to_vec(),
                placement: Placement::Routed(vec![Route {
                    sink: "iris".into(),
                    lane: format!("lane {number}"),
                }]),
                folding: Folding::default(),
                tallies: Vec::new(),
            }],
            ..Intake::default()
        });
        queue.submit(1, move |batch| intake::intake(batch, &packed))
    }

    /// Everything was applied and COMMIT itself fails: nothing of it is acknowledged or remembered, and what comes again or
    /// after it is kept under numbers and names that exist. A failed sync takes the same way, but is tried again (see
    /// `tests/full_disk.rs`); SQLite's commit hook can only report a constraint, which is not.
    #[test]
    fn what_a_failed_commit_had_remembered_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut connection = connection::writer(&path, None).unwrap();
        let failures = Arc::new(AtomicU32::new(2));
        let left = failures.clone();
        let fails = move || {
            left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
        };
        connection.commit_hook(Some(fails)).unwrap();

        // Two jobs make one batch; it fails, then the first alone fails, then the second alone is kept.
        let queue = Arc::new(Queue::default());
        let first = submit(&queue, 1);
        let second = submit(&queue, 2);
        let writer = Writer {
            connection,
            queue: queue.clone(),
            stall: Stall::default(),
            damage: super::super::Damage::default(),
            clock: || Timestamp::UNIX_EPOCH,
            most_groups: crate::MOST_GROUPS,
            open_groups: OpenGroups::default(),
            beside: false,
        };
        let thread = std::thread::spawn(move || writer.run());
        assert!(matches!(
            first.blocking_recv().unwrap(),
            Err(LedgerError::Fault { .. })
        ));
        assert_eq!(second.blocking_recv().unwrap().unwrap().stored, 1);
        let again = submit(&queue, 1).blocking_recv().unwrap().unwrap();
        assert_eq!((again.stored, again.duplicates), (1, 0));
        queue.close();
        thread.join().unwrap();

        let reader = connection::reader(&path).unwrap();
        let books = books::books(&reader, None).unwrap();
        assert_eq!(books.faults, Vec::<String>::new());
        let named: Vec<&str> = books.sources.iter().map(|row| &*row.source).collect();
        assert_eq!(named, ["source 1", "source 2"]);
        assert!(crate::check(&path, true).unwrap().is_sound());
    }
}
