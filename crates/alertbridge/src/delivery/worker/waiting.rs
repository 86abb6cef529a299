//! Waiting for the ledger, or for the stop.

use std::time::Duration;

use alertbridge_ledger::{LedgerError, Receipt};
use tokio::sync::watch;
use tracing::error;

/// What came of waiting for the ledger.
pub(super) enum Told<T> {
    Answer(T),
    /// It could not do it, which was logged: the work comes again.
    Refused,
    /// It has stopped, and so must the worker.
    Closed,
    /// The program stops.
    Stop,
}

/// Awaits the ledger, or the stop.
pub(super) async fn until<T>(stop: &mut watch::Receiver<bool>, receipt: Receipt<T>) -> Told<T> {
    let answer = tokio::select! {
        answer = receipt => answer,
        _ = stop.wait_for(|stop| *stop) => return Told::Stop,
    };
    match answer {
        Ok(Ok(answer)) => Told::Answer(answer),
        Ok(Err(LedgerError::Closed)) | Err(_) => {
            error!("the ledger has stopped");
            Told::Closed
        }
        Ok(Err(error)) => {
            error!(%error, "the ledger refused a change");
            // A refusal is not expected to pass at once.
            tokio::time::sleep(Duration::from_secs(1)).await;
            Told::Refused
        }
    }
}
