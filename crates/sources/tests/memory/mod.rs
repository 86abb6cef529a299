//! An intake in memory that answers as it is told, for the tests of the hook's socket and spool.

use std::sync::{Mutex, MutexGuard};

use alertbridge_sources::{Batch, Checkpoint, Intake, Receipt, Record, Rejected};
use tokio::sync::oneshot;

/// What the intake does with the next batches.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Says at once that it is durable.
    Accept,
    /// Goes away without an answer, as at the daemon's end.
    Drop,
    /// Answers when [`MemoryIntake::release`] is called: a full disk.
    Hold,
    /// Refuses.
    Reject,
}

struct State {
    mode: Mode,
    batches: Vec<Batch>,
    held: Vec<oneshot::Sender<Result<(), Rejected>>>,
}

/// Keeps every batch it was ever given, also the refused ones.
pub struct MemoryIntake(Mutex<State>);

impl MemoryIntake {
    pub fn new(mode: Mode) -> std::sync::Arc<MemoryIntake> {
        let state = State {
            mode,
            batches: Vec::new(),
            held: Vec::new(),
        };
        std::sync::Arc::new(MemoryIntake(Mutex::new(state)))
    }

    pub fn set(&self, mode: Mode) {
        self.state().mode = mode;
    }

    /// The disk has space again: everything held is durable.
    pub fn release(&self) {
        for sender in std::mem::take(&mut self.state().held) {
            let _ = sender.send(Ok(()));
        }
    }

    pub fn batches(&self) -> Vec<Batch> {
        self.state().batches.clone()
    }

    /// All records of all batches.
    pub fn records(&self) -> Vec<Record> {
        self.batches()
            .into_iter()
            .flat_map(|batch| batch.records)
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Intake for MemoryIntake {
    fn submit(&self, batch: Batch) -> Receipt {
        let (sender, receipt) = oneshot::channel();
        let mut state = self.state();
        state.batches.push(batch);
        match state.mode {
            Mode::Accept => drop(sender.send(Ok(()))),
            Mode::Drop => {}
            Mode::Hold => state.held.push(sender),
            Mode::Reject => drop(sender.send(Err(Rejected::Ledger(String::from("told to"))))),
        }
        receipt
    }

    fn checkpoint(&self, _source: &str) -> Result<Option<Checkpoint>, Rejected> {
        Ok(None)
    }
}

/// Polls `condition` until it holds; a minute of (perhaps paused) time is far beyond what anything here takes.
#[track_caller]
pub fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..12_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the condition at {caller} never held");
    }
}
