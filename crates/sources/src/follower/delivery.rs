//! Handing batches to the intake and waiting for receipts, at most two batches ahead.
//!
//! Invariant: `confirmed` is the position behind the last batch of an unbroken row of confirmed ones; everything behind it
//! is read again after a refusal. Waiting is done by parking the thread: a receipt or a stop request wakes it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use super::checkpoint::Position;
use crate::intake::{Batch, Checkpoint, Intake, Receipt, Record, Rejected};

/// The source's name in the books.
pub(super) const SOURCE: &str = "follower";

/// Batches submitted and not yet confirmed.
const IN_FLIGHT: usize = 2;

/// Asks a follower to end. Cheap to clone; stopping twice does no harm.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    shared: Arc<StopShared>,
}

#[derive(Debug, Default)]
struct StopShared {
    requested: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Stop {
    /// Asks the follower to end; what is in flight is left to the intake.
    pub fn stop(&self) {
        self.shared.requested.store(true, Ordering::SeqCst);
        if let Some(thread) = self.shared.thread.get() {
            thread.unpark();
        }
    }

    /// True once [`Stop::stop`] was called.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.shared.requested.load(Ordering::SeqCst)
    }

    /// Makes the calling thread the one that is woken.
    pub(super) fn attach(&self) {
        // A second follower on one handle still sees the request at its next poll.
        let _ = self.shared.thread.set(thread::current());
    }

    /// Sleeps until woken, or for `longest`.
    pub(super) fn sleep(&self, longest: Duration) {
        if !self.is_requested() {
            thread::park_timeout(longest);
        }
    }
}

/// Why reading can't simply go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// The ledger refused a batch: read again from the confirmed position.
    Refused(String),
    /// The program is stopping.
    Stopping,
}

struct Flight {
    receipt: Receipt,
    position: Position,
    records: u64,
}

struct ThreadWaker(Thread);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The row of batches between the follower and the intake.
pub(super) struct Delivery {
    intake: Arc<dyn Intake>,
    in_flight: VecDeque<Flight>,
    confirmed: Option<Position>,
    confirmed_records: u64,
    /// As the intake has or gets it: of the last batch submitted, else the stored one.
    last: Option<Checkpoint>,
    stop: Stop,
}

impl Delivery {
    pub(super) fn new(intake: Arc<dyn Intake>, stop: Stop) -> Self {
        Delivery {
            intake,
            in_flight: VecDeque::new(),
            confirmed: None,
            confirmed_records: 0,
            last: None,
            stop,
        }
    }

    /// Takes `position` as the one to come back to: the stored one, or the first start's, of which nothing is stored yet.
    pub(super) fn begin_at(&mut self, stored: Option<Checkpoint>, position: Position) {
        self.confirmed = Some(position);
        self.last = stored;
    }

    /// Nothing is stored, so the next batch follows nothing.
    pub(super) fn nothing_stored(&mut self) {
        self.last = None;
    }

    pub(super) fn confirmed(&self) -> Option<&Position> {
        self.confirmed.as_ref()
    }

    /// Records confirmed since the follower was made.
    pub(super) fn confirmed_records(&self) -> u64 {
        self.confirmed_records
    }

    /// Submits a batch; waits first where two are in flight already.
    pub(super) fn submit(
        &mut self,
        records: Vec<Record>,
        place: String,
        position: Position,
    ) -> Result<(), Halt> {
        self.settle(IN_FLIGHT - 1)?;
        let count = records.len() as u64;
        let checkpoint = position.to_checkpoint();
        let receipt = self.intake.submit(Batch {
            source: SOURCE,
            records,
            place,
            follows: self.last.take(),
            checkpoint: Some(checkpoint.clone()),
        });
        self.last = Some(checkpoint);
        self.in_flight.push_back(Flight {
            receipt,
            position,
            records: count,
        });
        Ok(())
    }

    /// Waits until at most `allowed` batches are in flight.
    pub(super) fn settle(&mut self, allowed: usize) -> Result<(), Halt> {
        loop {
            self.collect()?;
            if self.in_flight.len() <= allowed {
                return Ok(());
            }
            if self.stop.is_requested() {
                return Err(Halt::Stopping);
            }
            // The receipt wakes this thread; the time limit only guards against a lost wake-up.
            self.stop.sleep(Duration::from_millis(250));
        }
    }

    /// Takes the receipts that are there, without waiting.
    pub(super) fn collect(&mut self) -> Result<(), Halt> {
        while let Some(flight) = self.in_flight.front_mut() {
            let Some(answer) = poll_receipt(&mut flight.receipt) else {
                return Ok(());
            };
            let Some(flight) = self.in_flight.pop_front() else {
                return Ok(());
            };
            match answer {
                Ok(()) => {
                    self.confirmed = Some(flight.position);
                    self.confirmed_records += flight.records;
                }
                Err(Rejected::Ledger(why)) => return Err(Halt::Refused(why)),
                Err(Rejected::Stopping) => return Err(Halt::Stopping),
            }
        }
        Ok(())
    }

    /// After a refusal: waits for the batches behind the refused one, which are refused with it.
    pub(super) fn abandon(&mut self) -> Result<(), Halt> {
        while let Some(flight) = self.in_flight.front_mut() {
            if poll_receipt(&mut flight.receipt).is_some() {
                self.in_flight.pop_front();
            } else if self.stop.is_requested() {
                return Err(Halt::Stopping);
            } else {
                self.stop.sleep(Duration::from_millis(250));
            }
        }
        Ok(())
    }
}

/// The receipt's answer if it is there; asks to wake this thread when it comes.
fn poll_receipt(receipt: &mut Receipt) -> Option<Result<(), Rejected>> {
    let waker = Waker::from(Arc::new(ThreadWaker(thread::current())));
    match Pin::new(receipt).poll(&mut Context::from_waker(&waker)) {
        Poll::Pending => None,
        Poll::Ready(Ok(answer)) => Some(answer),
        // The sender is gone without an answer: the contract says that means stopping.
        Poll::Ready(Err(_)) => Some(Err(Rejected::Stopping)),
    }
}
