//! Telling OpenCTI what was seen: one sighting for each indicator, agent and hour, with a count.
//!
//! The counts are the ledger's: an alert with a hit brings a tally, counted in the transaction that stores it, so each alert counts once.
//! What was given out to be reported never changes, and is reported again in the same words until it is settled; for OpenCTI it is the
//! same sighting then. So a crash between reporting and settling adds nothing.
//!
//! Nothing waits for it. While OpenCTI is down, or does not allow it, counts wait in the ledger.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use alertbridge_alert::Alert;
use alertbridge_intel::provider::{
    ErrorKind, ProviderError,
    opencti::{Sighting, SightingClient},
};
use alertbridge_ledger::{ClaimedTally, Ledger, LedgerError, Tally, TallyVerdict};
use alertbridge_sinks::IntelHit;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{
    config::{IntelConfig, OPENCTI},
    herald::answer,
};
use crate::clock::Clock;

/// The tallies' kind.
pub const KIND: &str = "sighting";

/// After an interval's end, so that what came in it and was stored a little later counts with it.
const GRACE: Duration = Duration::from_secs(300);
/// Between two looks at what is due.
const LOOK: Duration = Duration::from_secs(2);
/// Claimed at once; they are reported one after the other.
const BATCH: usize = 20;
/// One process owns the ledger; a claim that is lost was lost with it.
const LEASE: Duration = Duration::from_secs(3600);
/// What the operator must mend is tried again after so long.
const OPERATOR: Duration = Duration::from_secs(300);
/// What passes by itself is tried again after this, doubled each time up to `LONGEST`.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(600);
/// So often one may fail while others get through.
const MOST_TRIES: u32 = 25;
/// Rows that are remembered for it.
const MOST_BLAMED: usize = 10_000;
/// Longest of a name in characters.
const WORD: usize = 120;

/// What the reporter needs to know; the tally's body.
#[derive(Serialize, Deserialize)]
struct Body {
    indicator: String,
    place: String,
    /// When the alert was made.
    seen: Timestamp,
    /// Where the interval begins and ends.
    from: Timestamp,
    until: Timestamp,
    description: String,
}

/// Makes tallies of hits.
#[derive(Clone, Copy, Debug)]
pub struct SightingTallies {
    interval: i64,
}

impl SightingTallies {
    /// Where the configuration wants them.
    pub fn new(section: &IntelConfig) -> Option<Self> {
        let sightings = section.sightings.as_ref()?;
        Some(Self {
            interval: i64::try_from(sightings.interval.max(1)).unwrap_or(3600),
        })
    }

    /// One for each of OpenCTI's indicators that an alert met.
    pub fn of(self, alert: &Alert, hits: &[IntelHit], now: Timestamp) -> Vec<Tally> {
        let hits = hits.iter().filter(|hit| hit.provider == OPENCTI);
        let tallies = hits.filter_map(|hit| {
            let indicator = hit.indicator_id.as_deref()?;
            self.one(alert, hit, indicator, now)
        });
        tallies.collect()
    }

    fn one(self, alert: &Alert, hit: &IntelHit, indicator: &str, now: Timestamp) -> Option<Tally> {
        let head = alert.head();
        // An alert from before an outage was seen when it was made; one from the future, when it came.
        let made = head.timestamp.as_deref().and_then(|text| text.parse().ok());
        let seen: Timestamp = made.filter(|made| *made <= now).unwrap_or(now);
        let from = seen.as_second().div_euclid(self.interval) * self.interval;
        let (from, until) = (
            Timestamp::from_second(from).ok()?,
            Timestamp::from_second(from.checked_add(self.interval)?).ok()?,
        );
        let manager = head
            .cluster_node
            .as_deref()
            .or(head.manager.as_deref())
            .unwrap_or("unknown");
        let id = head.agent.id.as_deref().unwrap_or("000");
        let place = match head.agent.name.as_deref() {
            Some(name) if id != "000" => {
                format!(
                    "{} (agent {} of Wazuh {})",
                    word(name),
                    word(id),
                    word(manager)
                )
            }
            _ if id != "000" => format!("agent {} of Wazuh {}", word(id), word(manager)),
            _ => format!("Wazuh {}", word(manager)),
        };
        let rule = head.rule_id.as_deref().unwrap_or_default();
        let body = Body {
            indicator: indicator.to_owned(),
            seen,
            from,
            until,
            description: format!(
                "{} in alerts of Wazuh, the first by rule {} ({}), alert {}",
                word(&hit.value),
                word(rule),
                word(head.rule_description.as_deref().unwrap_or_default()),
                word(alert.reference().as_str()),
            ),
            place,
        };
        let grace = GRACE.min(Duration::from_secs(self.interval.unsigned_abs()) / 12);
        Some(Tally {
            kind: KIND.to_owned(),
            // Ids of OpenCTI and of agents have no `|`; a name that has one only joins what is told apart.
            key: format!("{indicator}|{}|{id}|{}", word(manager), from.as_second()),
            due_at: until.max(now) + grace,
            body: serde_json::to_vec(&body).ok()?,
        })
    }
}

/// Reports them.
pub struct SightingReports {
    client: SightingClient,
    reported: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    trouble: Mutex<Option<ProviderError>>,
    /// Rows that were refused, each with how often while others were taken, and how many had been taken then.
    blamed: Mutex<HashMap<i64, (u32, u64)>>,
}

/// What came of reporting since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SightingCounts {
    /// Sightings OpenCTI has taken.
    pub reported: u64,
    /// Those it can never take: the indicator is gone.
    pub dropped: u64,
    /// Attempts that failed.
    pub failed: u64,
}

/// What an attempt came to.
enum Told {
    Next,
    /// Nothing more for so long.
    Rest(Duration),
}

impl SightingReports {
    /// Where the configuration wants them; nothing is sent yet.
    ///
    /// # Errors
    /// Names the key.
    pub fn new(section: &IntelConfig) -> Result<Option<Self>, String> {
        let (Some(opencti), Some(sightings)) = (&section.opencti, &section.sightings) else {
            return Ok(None);
        };
        let client = SightingClient::new(opencti, sightings)
            .map_err(|error| format!("[intel.sightings]: {error}"))?;
        Ok(Some(Self {
            client,
            reported: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            trouble: Mutex::default(),
            blamed: Mutex::default(),
        }))
    }

    /// Reports what is due until told to stop.
    pub async fn run(
        &self,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut stopped = stop.clone();
        tokio::select! {
            () = self.forever(ledger, clock) => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
        // The ledger may end before the program does.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    async fn forever(&self, ledger: &dyn Ledger, clock: &dyn Clock) {
        let mut failures = 0;
        loop {
            // While it fails, one is enough to find out.
            let limit = if failures > 0 { 1 } else { BATCH };
            let wait = match self.round(ledger, clock, limit, &mut failures).await {
                Ok(wait) => wait,
                Err(LedgerError::Closed) => return,
                Err(error) => {
                    warn!(%error, "sightings can't be taken from the ledger; tried again");
                    LOOK
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Reports some; how long to wait then.
    async fn round(
        &self,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
        limit: usize,
        failures: &mut u32,
    ) -> Result<Duration, LedgerError> {
        let claimed = ledger.claim_tallies(KIND, clock.now(), LEASE, limit);
        let claimed = answer(claimed).await?;
        let mut wait = match claimed.len() {
            0 => LOOK,
            _ => Duration::ZERO,
        };
        let mut claimed = claimed.into_iter();
        for tally in claimed.by_ref() {
            let (verdict, told) = self.report(&tally, clock, failures).await;
            settle(ledger, clock, &tally, verdict).await?;
            if let Told::Rest(rest) = told {
                wait = rest;
                break;
            }
        }
        for tally in claimed {
            let verdict = again(clock, "waits behind one that failed".to_owned());
            settle(ledger, clock, &tally, verdict).await?;
        }
        Ok(wait)
    }

    async fn report(
        &self,
        tally: &ClaimedTally,
        clock: &dyn Clock,
        failures: &mut u32,
    ) -> (TallyVerdict, Told) {
        let Some(sighting) = sighting(tally) else {
            self.dropped.fetch_add(1, Relaxed);
            let why = "it can't be read any more".to_owned();
            return (TallyVerdict::Dropped { why }, Told::Next);
        };
        let error = match self.client.report_sighting(&sighting).await {
            Ok(_) => {
                self.reported.fetch_add(1, Relaxed);
                if std::mem::take(failures) > 0 {
                    info!("OpenCTI takes sightings again");
                }
                self.set_trouble(None);
                return (TallyVerdict::Done, Told::Next);
            }
            Err(error) => error,
        };
        let why = error.to_string();
        // OpenCTI answered: it is this indicator alone.
        let is_gone = error.kind() == ErrorKind::Answer && error.needs_operator();
        if is_gone || self.is_to_blame(tally.number, error.kind()) {
            self.dropped.fetch_add(1, Relaxed);
            warn!(
                indicator = sighting.indicator,
                why, "a sighting is left out"
            );
            return (TallyVerdict::Dropped { why }, Told::Next);
        }
        self.failed.fetch_add(1, Relaxed);
        if *failures == 0 {
            warn!(why, "sightings can't be reported; they wait");
        }
        *failures = failures.saturating_add(1);
        let rest = match error.needs_operator() {
            true => OPERATOR,
            false => SHORTEST
                .saturating_mul(1 << (*failures - 1).min(16))
                .min(LONGEST),
        };
        let rest = rest.mul_f64(0.5 + 0.5 * fastrand::f64());
        let rest = rest.max(error.retry_after().unwrap_or_default().min(LONGEST));
        self.set_trouble(Some(error));
        (again(clock, why), Told::Rest(rest))
    }

    /// Whether OpenCTI refuses this one again and again while it takes others. An OpenCTI that is away, or a token that is no
    /// good, never costs a sighting, however long.
    fn is_to_blame(&self, number: i64, kind: ErrorKind) -> bool {
        if !matches!(kind, ErrorKind::Answer | ErrorKind::Busy) {
            return false;
        }
        let reported = self.reported.load(Relaxed);
        let mut blamed = self.blamed.lock().unwrap_or_else(PoisonError::into_inner);
        if blamed.len() >= MOST_BLAMED {
            blamed.clear();
        }
        let (tries, before) = blamed.entry(number).or_insert((0, reported));
        if reported > *before {
            (*tries, *before) = (*tries + 1, reported);
        }
        *tries >= MOST_TRIES
    }

    fn set_trouble(&self, trouble: Option<ProviderError>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Why the last report failed, where an operator must mend it.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let error = trouble.as_ref().filter(|error| error.needs_operator())?;
        Some(error.to_string())
    }

    /// What came of it so far.
    pub fn counts(&self) -> SightingCounts {
        SightingCounts {
            reported: self.reported.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }
}

/// The sighting of a row: always the same for the same row, because it is reported again where nobody knows what came of it.
fn sighting(tally: &ClaimedTally) -> Option<Sighting> {
    let body: Body = serde_json::from_slice(&tally.body).ok()?;
    // Alerts that came late were not seen when they came.
    let first_seen = body.seen;
    // A straggler behind the interval's end was seen in it, as its key says.
    let last_seen = match tally.first_at < body.until {
        true => tally.last_at.min(last_moment(body.until)).max(first_seen),
        false => first_seen,
    };
    Some(Sighting {
        indicator: body.indicator,
        place: body.place,
        first_seen,
        last_seen,
        count: u32::try_from(tally.count).unwrap_or(u32::MAX),
        description: body.description,
    })
}

/// The last millisecond of an interval.
fn last_moment(until: Timestamp) -> Timestamp {
    until.checked_sub(Duration::from_millis(1)).unwrap_or(until)
}

async fn settle(
    ledger: &dyn Ledger,
    clock: &dyn Clock,
    tally: &ClaimedTally,
    verdict: TallyVerdict,
) -> Result<(), LedgerError> {
    let settled = ledger.settle_tally(tally.number, tally.fence, verdict, clock.now());
    answer(settled).await.map(drop)
}

/// How long to rest is known to this process alone: a restart may be the operator's remedy, and tries at once.
fn again(clock: &dyn Clock, why: String) -> TallyVerdict {
    // At once, so that those put back keep their order: OpenCTI adds a count only where the time grows (facts/opencti.md §7).
    let due_at = clock.now();
    TallyVerdict::Retry { due_at, why }
}

fn word(text: &str) -> String {
    let text = text.chars().filter(|char| !char.is_control());
    text.take(WORD).collect()
}
