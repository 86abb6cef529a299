//! Batches of one source are kept in their order, and none behind one that was refused.
//!
//! A source with a position may have several batches under way. Were the second kept after the first was refused, its
//! checkpoint would stand behind records that nobody has. So each batch waits for the one before it, and is kept only
//! where the stored checkpoint is the one it was read behind.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use alertbridge_ledger::{Ledger, LedgerError};
use alertbridge_sources::{Checkpoint, Rejected};
use tokio::sync::oneshot;

/// What the batch before left stored.
type Stored = Option<Checkpoint>;

/// The last turn given to each source.
#[derive(Debug, Default)]
pub struct Turns(Mutex<HashMap<&'static str, oneshot::Receiver<Stored>>>);

/// One batch's turn.
#[derive(Debug)]
pub struct Turn {
    source: &'static str,
    checkpoint: Checkpoint,
    /// `None` at the first batch since the start.
    before: Option<oneshot::Receiver<Stored>>,
    done: oneshot::Sender<Stored>,
}

impl Turns {
    /// The next turn of a source, for a batch that ends at `checkpoint`.
    pub fn take(&self, source: &'static str, checkpoint: Checkpoint) -> Turn {
        let (done, next) = oneshot::channel();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Turn {
            source,
            checkpoint,
            before: last.insert(source, next),
            done,
        }
    }
}

impl Turn {
    /// Keeps the batch when its turn has come, where `follows` is what is stored then.
    pub async fn keep(
        self,
        ledger: &dyn Ledger,
        follows: Stored,
        keep: impl Future<Output = Result<(), Rejected>>,
    ) -> Result<(), Rejected> {
        let stored = match self.before {
            Some(before) => before.await.ok(),
            None => None,
        };
        let stored = match stored {
            Some(stored) => stored,
            // The first, or the one before broke off without saying what it left.
            None => match ledger
                .checkpoint(self.source)
                .await
                .unwrap_or(Err(LedgerError::Closed))
            {
                Ok(stored) => stored.map(Checkpoint),
                Err(LedgerError::Closed) => return Err(Rejected::Stopping),
                Err(error) => return Err(Rejected::Ledger(error.to_string())),
            },
        };
        if stored != follows {
            // Whoever comes next starts from what is stored.
            let _ = self.done.send(stored);
            return Err(Rejected::Ledger(
                "a batch before this one was not kept".to_owned(),
            ));
        }
        let kept = keep.await;
        // The source may have ended; then nobody waits.
        let _ = self.done.send(if kept.is_ok() {
            Some(self.checkpoint)
        } else {
            stored
        });
        kept
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alertbridge_ledger::MemoryLedger;

    use super::*;

    fn at(place: u32) -> Checkpoint {
        Checkpoint(place.to_string())
    }

    #[tokio::test]
    async fn no_batch_is_kept_behind_a_refused_one_and_the_source_can_go_on() {
        let ledger = Arc::new(MemoryLedger::default());
        let turns = Turns::default();
        let (first, second) = (turns.take("follower", at(1)), turns.take("follower", at(2)));
        let refusal = Rejected::Ledger("full".to_owned());
        // The second asks first, and still comes second.
        let second = tokio::spawn({
            let ledger = ledger.clone();
            async move { second.keep(&*ledger, Some(at(1)), async { Ok(()) }).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(
            first
                .keep(&*ledger, None, async { Err(refusal.clone()) })
                .await,
            Err(refusal)
        );
        assert!(matches!(second.await.unwrap(), Err(Rejected::Ledger(_))));
        // Read again from what is stored: nothing.
        let again = turns.take("follower", at(1));
        assert_eq!(again.keep(&*ledger, None, async { Ok(()) }).await, Ok(()));
        let next = turns.take("follower", at(2));
        assert_eq!(
            next.keep(&*ledger, Some(at(1)), async { Ok(()) }).await,
            Ok(())
        );
    }
}
