//! What goes on beside the alerts: alarms, gauges, forgetting what is old.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alertbridge_ledger::{Ledger, LedgerError, Prune, SqliteLedger, Status};
use alertbridge_sources::FollowerStatus;
use tokio::{sync::watch, task::JoinHandle};
use tracing::{info, warn};

use crate::{
    alarms::{Alarm, Alarms},
    clock::Clock,
    intel::Standing,
    metrics::Metrics,
    triage,
};

/// How often alarms and gauges are brought up to date.
const LOOK: Duration = Duration::from_secs(5);
/// How often old rows are forgotten.
const FORGET: Duration = Duration::from_secs(3600);
/// Rows forgotten in one transaction: short, so that no alert waits for it.
const FORGET_ROWS: usize = 2000;
/// A delivery that has waited so long raises an alarm.
const TOO_OLD: Duration = Duration::from_secs(300);
/// So long a count of repeats may wait to be told.
const TOO_OLD_COUNT: Duration = Duration::from_secs(900);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Device and inode of a file, where it is there.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path)
        .ok()
        .map(|file| (file.dev(), file.ino()))
}

/// The upkeep's parts.
pub struct Upkeep {
    pub ledger: Arc<dyn Ledger>,
    pub sqlite: Arc<SqliteLedger>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub alarms: Arc<Alarms>,
    pub follower: Option<Arc<FollowerStatus>>,
    pub intel: Option<Standing>,
    pub triage: Option<triage::Standing>,
    pub ledger_path: PathBuf,
    pub ledger_identity: Option<(u64, u64)>,
    pub payload_days: u32,
    pub quiet_payload_days: u32,
    pub reference_days: u32,
    pub stop: watch::Receiver<bool>,
}

impl Upkeep {
    /// Starts it.
    pub fn spawn(self) -> [JoinHandle<()>; 2] {
        let upkeep = Arc::new(self);
        [
            tokio::spawn(upkeep.clone().watch()),
            tokio::spawn(upkeep.forget()),
        ]
    }

    async fn watch(self: Arc<Self>) {
        let mut stop = self.stop.clone();
        loop {
            self.look().await;
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn look(&self) {
        let now = self.clock.now();
        let mut wrong = Vec::new();
        let mut raise = |alarm: String, detail: String| {
            wrong.push(Alarm {
                alarm,
                detail,
                since: now,
            })
        };
        if let Some(damage) = self.sqlite.damage() {
            raise(
                "ledger_damaged".into(),
                LedgerError::Damaged { detail: damage }.to_string(),
            );
        }
        if identity(&self.ledger_path) != self.ledger_identity {
            raise(
                "ledger_replaced".into(),
                "the ledger's file was removed or replaced while it is in use; restart, and restore it if it is gone".into(),
            );
        }
        // Readers answer beside the writer; where even that fails there is nothing to count.
        match tokio::time::timeout(LOOK, self.ledger.status()).await {
            Ok(Ok(Ok(status))) => {
                self.metrics.ledger(&status, now);
                for (alarm, detail) in self.ledger_alarms(&status) {
                    raise(alarm, detail);
                }
            }
            Ok(Ok(Err(error))) => raise("ledger_unreadable".into(), error.to_string()),
            Ok(Err(_)) => {}
            Err(_) => raise(
                "ledger_slow".into(),
                format!("the ledger did not answer within {} s", LOOK.as_secs()),
            ),
        }
        if let Some(intel) = &self.intel {
            for (alarm, detail) in intel.look(&self.metrics, now) {
                raise(alarm, detail);
            }
        }
        if let Some(triage) = &self.triage {
            for (alarm, detail) in triage.look(&self.metrics, now).await {
                raise(alarm, detail);
            }
        }
        if let Some(follower) = &self.follower {
            let follower = follower.snapshot();
            self.metrics.follower(follower.lag_bytes, follower.gaps);
            if follower.gaps > 0 {
                raise(
                    "follower_gap".into(),
                    "files were gone before they were read, so alerts may be missing; the log says which".into(),
                );
            }
            if let Some(trouble) = follower.trouble {
                raise("follower_waiting".into(), trouble);
            }
        }
        self.alarms.set(wrong);
    }

    fn ledger_alarms(&self, status: &Status) -> Vec<(String, String)> {
        let now = self.clock.now();
        let mut alarms = Vec::new();
        if let Some((since, why)) = &status.stalled {
            alarms.push((
                "ledger_stalled".to_owned(),
                format!("nothing can be written since {since}: {why}; sources wait and go on by themselves when there is space again"),
            ));
        }
        for pause in &status.pauses {
            let lane = pause
                .lane
                .as_ref()
                .map_or_else(String::new, |lane| format!(":{lane}"));
            alarms.push((
                format!("sink_paused:{}{lane}", pause.sink),
                pause.why.clone(),
            ));
        }
        for (sink, oldest) in &status.oldest_pending {
            let age = now.duration_since(*oldest);
            if age.as_secs_f64() > TOO_OLD.as_secs_f64() {
                alarms.push((format!("deliveries_late:{sink}"), {
                    let why = status.waiting.iter().find(|(name, _)| name == sink);
                    let why = why.map_or("`alertbridge status` says more", |(_, why)| why);
                    format!("the oldest alert waits since {oldest}: {why}")
                }));
            }
        }
        for (sink, oldest) in &status.oldest_telling {
            let age = now.duration_since(*oldest);
            if age.as_secs_f64() > TOO_OLD_COUNT.as_secs_f64() {
                alarms.push((
                    format!("counts_late:{sink}"),
                    format!(
                        "repeats counted since {oldest} are not shown on their alerts there; the log says why, and `alertbridge explain` shows the counts"
                    ),
                ));
            }
        }
        alarms
    }

    async fn forget(self: Arc<Self>) {
        let mut stop = self.stop.clone();
        loop {
            tokio::select! {
                () = self.forget_once() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            tokio::select! {
                () = tokio::time::sleep(FORGET) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn forget_once(&self) {
        let now = self.clock.now();
        let (mut payloads, mut references) = (0, 0);
        loop {
            let prune = Prune {
                now,
                payloads_after: DAY * self.payload_days,
                quiet_payloads_after: DAY * self.quiet_payload_days,
                references_after: DAY * self.reference_days,
                limit: FORGET_ROWS,
            };
            match self.ledger.prune(prune).await {
                Ok(Ok(report)) => {
                    payloads += report.payloads;
                    references += report.references;
                    if !report.more {
                        break;
                    }
                }
                Ok(Err(error)) => {
                    warn!(%error, "old rows could not be forgotten");
                    break;
                }
                Err(_) => break,
            }
        }
        if payloads + references > 0 {
            info!(
                payloads,
                references, "forgot what is older than the settings keep"
            );
        }
    }
}
