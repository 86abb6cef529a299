//! Holds a claimed job while the model thinks.

use std::{sync::Arc, time::Duration};

use alertbridge_ledger::{ClaimedJob, Ledger};
use tokio::{sync::watch, task::JoinHandle};
use tracing::warn;

use crate::clock::Clock;

/// A lease is renewed so many times before it would end.
const RENEWALS: u32 = 4;

/// Renews one job's claim until it is dropped.
pub struct Lease {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    claim: (i64, i64),
    length: Duration,
    lost: watch::Receiver<bool>,
    renewing: JoinHandle<()>,
}

impl Lease {
    /// Begins to renew.
    pub fn hold(
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        job: &ClaimedJob,
        length: Duration,
    ) -> Self {
        let (tell, lost) = watch::channel(false);
        let claim = (job.job, job.fence);
        let (books, time) = (ledger.clone(), clock.clone());
        let renewing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(length / RENEWALS).await;
                if !renew(&*books, &*time, claim, length).await {
                    // Nobody listens where the job has ended.
                    let _ = tell.send(true);
                    return;
                }
            }
        });
        Self {
            ledger,
            clock,
            claim,
            length,
            lost,
            renewing,
        }
    }

    /// Ends where another worker has it.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        // Without the renewing task nobody can say that it is lost; the fence will.
        if lost.wait_for(|lost| *lost).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Renews now. False where another worker has it: nothing may be written any more.
    pub async fn still_held(&self) -> bool {
        renew(&*self.ledger, &*self.clock, self.claim, self.length).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// A ledger that can't be asked right now takes nothing away: the settlement's fence decides.
async fn renew(
    ledger: &dyn Ledger,
    clock: &dyn Clock,
    claim: (i64, i64),
    length: Duration,
) -> bool {
    let until = clock.now() + length;
    match ledger.renew_jobs(vec![claim], until).await {
        Ok(Ok(lost)) => lost.is_empty(),
        Ok(Err(error)) => {
            warn!(%error, job = claim.0, "a triage job's claim can't be renewed");
            true
        }
        Err(_) => false,
    }
}
