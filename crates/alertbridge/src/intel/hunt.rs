//! Looks through the alerts of the last days again when indicators were added.
//!
//! It is not known which alerts a new indicator is about, so all that are kept are matched with the whole index: some 20 µs each.
//! A hunt rests for twenty times as long as it took, so it never takes more than a twentieth of one core, and alerts
//! never wait for it.
//!
//! What is found is told once for each alert and indicator (`late`): a repeat's hit belongs to the alert it is counted into. A
//! silence that someone made is kept; mute times and allowlists are not (as at the intake).

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use alertbridge_alert::Alert;
use alertbridge_intel::{IndicatorStore, StoreStatus};
use alertbridge_ledger::{LedgerError, SilencedBy, Stored, TraceOutcome};
use alertbridge_sinks::IntelHit;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Herald, Intelligence, herald::answer, late};

/// Alerts read at once.
const PAGE: usize = 256;
/// A hunt rests for so many times as long as it took.
const REST: u32 = 20;
/// Pairs that are known to be told without asking the ledger.
const MOST_REMEMBERED: usize = 200_000;
/// Progress is told now and then.
const TELL: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The hunter.
pub struct Hunt {
    /// What matches.
    pub intelligence: Arc<Intelligence>,
    /// Tells what is found.
    pub herald: Herald,
    /// Days it looks back.
    pub days: u32,
    /// Between two hunts at least.
    pub interval: Duration,
}

/// What changes when indicators do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edition {
    indicators: u64,
    values: u64,
    changes: u64,
    bytes: u64,
}

/// A hit of an alert, found by matching alone.
struct Found {
    stored: Stored,
    hits: Vec<IntelHit>,
}

/// What a hunt came to.
#[derive(Debug, Default)]
struct Bag {
    alerts: u64,
    hits: u64,
    told: u64,
}

impl Hunt {
    /// Runs until told to stop.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        if self.days == 0 || self.herald.routes.is_empty() {
            let _ = stop.wait_for(|stop| *stop).await;
            return;
        }
        let mut stopped = stop.clone();
        tokio::select! {
            () = self.forever() => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
        // The ledger may end before the program does.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    async fn forever(&self) {
        let mut last = None;
        let mut known = HashSet::new();
        loop {
            tokio::time::sleep(self.interval).await;
            let Some(store) = self.intelligence.store() else {
                continue;
            };
            // Asked before: what is added meanwhile is hunted for the next time.
            let edition = Edition::of(store);
            if last.as_ref() == Some(&edition) || edition.indicators == 0 {
                last = Some(edition);
                continue;
            }
            let begun = Instant::now();
            match self.hunt(&mut known).await {
                Ok(bag) => {
                    last = Some(edition);
                    if bag.told > 0 {
                        info!(
                            alerts = bag.alerts,
                            hits = bag.hits,
                            told = bag.told,
                            seconds = begun.elapsed().as_secs_f64(),
                            "new indicators say something about alerts of before"
                        );
                    }
                }
                Err(LedgerError::Closed) => return,
                Err(error) => {
                    warn!(%error, "alerts of before can't be looked through; tried again")
                }
            }
            tokio::time::sleep(begun.elapsed() * REST).await;
        }
    }

    async fn hunt(&self, known: &mut HashSet<String>) -> Result<Bag, LedgerError> {
        let since = self.herald.clock.now() - DAY * self.days;
        let (mut bag, mut after, mut spoken) = (Bag::default(), 0, Instant::now());
        loop {
            let page = answer(self.herald.ledger.stored(since, after, PAGE)).await?;
            let Some(end) = page.last() else {
                return Ok(bag);
            };
            after = end.number;
            bag.alerts += page.len() as u64;
            let intelligence = self.intelligence.clone();
            let found = tokio::task::spawn_blocking(move || matched(&intelligence, page)).await;
            for found in found.unwrap_or_default() {
                bag.hits += found.hits.len() as u64;
                let told = self.tell(found, known).await?;
                bag.told += told;
            }
            if spoken.elapsed() > TELL {
                spoken = Instant::now();
                info!(
                    alerts = bag.alerts,
                    hits = bag.hits,
                    "looking through alerts of before"
                );
            }
        }
    }

    /// Tells what was not told. Returns how many indicators.
    async fn tell(&self, found: Found, known: &mut HashSet<String>) -> Result<u64, LedgerError> {
        let Found { stored, hits } = found;
        let new: Vec<IntelHit> = hits
            .into_iter()
            .filter(|hit| !known.contains(&late::reference(&stored.reference, hit)))
            .collect();
        if new.is_empty() {
            return Ok(0);
        }
        let told = self.herald.tell_kept(&stored, &new).await?;
        if known.len() > MOST_REMEMBERED {
            known.clear();
        }
        known.extend(
            new.iter()
                .map(|hit| late::reference(&stored.reference, hit)),
        );
        Ok(told)
    }
}

impl Edition {
    fn of(store: &IndicatorStore) -> Self {
        let StoreStatus {
            indicators,
            values,
            changes,
            bytes,
            ..
        } = store.status();
        Self {
            indicators,
            values,
            changes,
            bytes,
        }
    }
}

fn matched(intelligence: &Intelligence, page: Vec<Stored>) -> Vec<Found> {
    page.into_iter()
        .filter(|stored| late::split(&stored.reference).is_none())
        .filter(|stored| {
            !matches!(
                stored.outcome,
                TraceOutcome::Silenced(SilencedBy::Silence(_))
            )
        })
        .filter_map(|stored| {
            let alert = Alert::parse(&stored.payload[..]).ok()?;
            if Intelligence::is_own(&alert) {
                return None;
            }
            let hits = intelligence.hits(&alert);
            (!hits.is_empty()).then_some(Found { stored, hits })
        })
        .collect()
}
