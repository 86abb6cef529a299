//! The queue in front of the writer thread.
//!
//! Putting a job in never blocks, so it is safe on an async thread; the caller waits at its receipt instead. The queue is
//! bounded by bytes: while the disk is full, sources go on asking (each new connection of the hook is one more), so when the
//! bound is reached, jobs whose receipt was dropped and that changed nothing yet are thrown out, and if that is not enough, a
//! new intake is refused with [`LedgerError::Overloaded`]: its source was promised nothing and comes again. Other jobs are
//! always taken; there are never more of them than workers.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{batch::Batch, error::SqlError};
use crate::{LedgerError, Receipt};

/// Bytes of waiting intakes beyond which new ones are refused.
const MOST_BYTES: usize = 256 << 20;
/// A commit takes at most so many jobs …
const BATCH_JOBS: usize = 1024;
/// … and goes on taking while they are smaller than this.
const BATCH_BYTES: usize = 16 << 20;

/// One command with the one who waits for it.
pub(super) trait Job: Send {
    /// Does it, within a transaction; may be called again after that was rolled back.
    fn apply(&mut self, batch: &mut Batch<'_>) -> Result<(), SqlError>;
    /// Tells the one who waits; called once, after the commit (`None`) or when it can't be done.
    fn answer(self: Box<Self>, error: Option<LedgerError>);
    /// Nobody waits for it and it may be forgotten.
    fn abandoned(&self) -> bool;
    /// Its weight in memory; only intakes have one.
    fn bytes(&self) -> usize;
}

struct Task<T, F> {
    run: F,
    bytes: usize,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, LedgerError>>,
}

impl<T: Send, F> Job for Task<T, F>
where
    F: FnMut(&mut Batch<'_>) -> Result<T, SqlError> + Send,
{
    fn apply(&mut self, batch: &mut Batch<'_>) -> Result<(), SqlError> {
        self.result = Some((self.run)(batch)?);
        Ok(())
    }

    fn answer(self: Box<Self>, error: Option<LedgerError>) {
        let answer = match (error, self.result) {
            (None, Some(result)) => Ok(result),
            (Some(error), _) => Err(error),
            (None, None) => Err(LedgerError::Fault {
                detail: "a job was never done".into(),
            }),
        };
        // The one who asked may have gone; what was done stays done.
        let _ = self.reply.send(answer);
    }

    fn abandoned(&self) -> bool {
        self.bytes > 0 && self.reply.is_closed()
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Box<dyn Job>>,
    bytes: usize,
    closed: bool,
}

/// The queue.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    /// Puts a job in. `bytes` is 0 for all but intakes.
    pub(super) fn submit<T, F>(&self, bytes: usize, run: F) -> Receipt<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Batch<'_>) -> Result<T, SqlError> + Send + 'static,
    {
        let (reply, receipt) = oneshot::channel();
        let job = Box::new(Task {
            run,
            bytes,
            result: None,
            reply,
        });
        let mut state = self.lock();
        if state.closed {
            drop(state);
            job.answer(Some(LedgerError::Closed));
            return receipt;
        }
        if bytes > 0 && state.bytes + bytes > MOST_BYTES {
            state.jobs.retain(|waiting| !waiting.abandoned());
            state.bytes = state.jobs.iter().map(|waiting| waiting.bytes()).sum();
            // A single intake larger than the bound is taken when it is alone.
            if state.bytes > 0 && state.bytes + bytes > MOST_BYTES {
                drop(state);
                job.answer(Some(LedgerError::Overloaded));
                return receipt;
            }
        }
        state.bytes += bytes;
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        receipt
    }

    /// Waits for a job and takes all that wait behind it, up to the size of one commit. `None` when closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Box<dyn Job>>> {
        let mut state = self.lock();
        while state.jobs.is_empty() {
            if state.closed {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let mut taken = Vec::new();
        let mut bytes = 0;
        while taken.len() < BATCH_JOBS && bytes < BATCH_BYTES {
            let Some(job) = state.jobs.pop_front() else {
                break;
            };
            bytes += job.bytes();
            taken.push(job);
        }
        state.bytes -= bytes;
        Some(taken)
    }

    /// No further jobs; what waits is still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// No further jobs, and those that wait are forgotten: their receipts learn that the ledger has stopped.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        let forgotten = std::mem::take(&mut state.jobs);
        drop(state);
        drop(forgotten);
    }

    /// Waits up to `pause`; true as soon as the queue was closed.
    pub(super) fn closed_within(&self, pause: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, pause, |state| !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        state.closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: usize = MOST_BYTES / 2;

    #[test]
    fn a_full_queue_refuses_intakes_but_nothing_else() {
        let queue = Queue::default();
        let first = queue.submit(HALF, |_| Ok(1));
        let second = queue.submit(HALF, |_| Ok(2));
        let third = queue.submit(HALF, |_| Ok(3));
        assert_eq!(third.blocking_recv().unwrap(), Err(LedgerError::Overloaded));
        let settlement = queue.submit(0, |_| Ok(4));
        assert_eq!(queue.take().unwrap().len(), 1, "one is enough for a commit");
        assert_eq!(queue.take().unwrap().len(), 1);
        assert_eq!(queue.take().unwrap().len(), 1);
        drop((first, second, settlement));
    }

    #[test]
    fn intakes_nobody_waits_for_make_room() {
        let queue = Queue::default();
        drop(queue.submit(HALF, |_| Ok(1)));
        drop(queue.submit(0, |_| Ok(2)));
        let third = queue.submit(HALF, |_| Ok(3));
        let mut fourth = queue.submit(HALF, |_| Ok(4));
        assert!(fourth.try_recv().is_err(), "taken");
        // The settlement in between was kept, although nobody waits for it.
        assert_eq!(queue.take().unwrap().len(), 2);
        assert_eq!(queue.take().unwrap().len(), 1);
        drop(third);
    }

    #[test]
    fn an_intake_larger_than_the_bound_is_taken_when_it_is_alone() {
        let queue = Queue::default();
        let mut large = queue.submit(MOST_BYTES * 2, |_| Ok(1));
        assert!(large.try_recv().is_err(), "taken");
    }

    #[test]
    fn a_closed_queue_answers_at_once_and_an_abandoned_one_leaves_nobody_waiting() {
        let queue = Queue::default();
        let waiting = queue.submit(0, |_| Ok(1));
        queue.abandon();
        assert!(waiting.blocking_recv().is_err());
        let late = queue.submit(0, |_| Ok(2));
        assert_eq!(late.blocking_recv().unwrap(), Err(LedgerError::Closed));
        assert!(queue.take().is_none());
    }
}
