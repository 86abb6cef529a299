//! Tells of hits that were not known when their alert came, each once: as alerts of their own (`late`).

use std::sync::Arc;

use alertbridge_alert::Alert;
use alertbridge_intel::Hit;
use alertbridge_ledger::{
    Arrival, Folding, Intake, Ledger, LedgerError, Placement, Receipt, Route, Stored, Tally, Trace,
    TraceOutcome,
};
use alertbridge_sinks::IntelHit;
use tokio::sync::watch;

use super::{Intelligence, carried, hits, late, queue_sink};
use crate::{clock::Clock, metrics::Metrics};

/// Brings late hits into the ledger.
#[derive(Clone)]
pub struct Herald {
    /// Where alerts are kept.
    pub ledger: Arc<dyn Ledger>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Counts what it brings in.
    pub metrics: Arc<Metrics>,
    /// Tells the workers.
    pub arrived: watch::Sender<()>,
    /// The sinks that late hits go to.
    pub routes: Vec<Route>,
    /// Counts late hits for OpenCTI.
    pub intelligence: Arc<Intelligence>,
}

/// A late hit, on its way into the ledger.
struct News {
    reference: String,
    payload: Vec<u8>,
    tallies: Vec<Tally>,
}

impl Herald {
    /// Tells what the local copy says by now of an alert that is kept. Returns how many indicators.
    pub(super) async fn tell_kept(
        &self,
        stored: &Stored,
        new: &[IntelHit],
    ) -> Result<u64, LedgerError> {
        let Some(shown) = self.shown(stored).await? else {
            return Ok(0);
        };
        let Ok(alert) = Alert::parse(&stored.payload[..]) else {
            return Ok(0);
        };
        // Where nothing says what an alert came with, or where it went nowhere, its hits may have been counted when it came.
        let has_queue = !self.routes_to(queue_sink::NAME).is_empty();
        let counts = has_queue && !matches!(shown.outcome, TraceOutcome::Silenced(_));
        let new = new.iter().filter(|hit| !is_told(&shown, hit));
        let news = new.map(|hit| News {
            reference: late::reference(&shown.reference, hit),
            payload: stored.payload.clone(),
            tallies: match counts {
                true => self.tallies(&alert, hit),
                false => Vec::new(),
            },
        });
        self.tell(&shown, &alert, news.collect()).await
    }

    /// Tells what OpenCTI itself said of an alert that is being delivered. Only Wazuh is told: the alert goes out with it.
    pub(super) async fn tell_asked(
        &self,
        reference: &str,
        alert: &Alert,
        found: &[Hit],
    ) -> Result<u64, LedgerError> {
        let Some(shown) = answer(self.ledger.trace(reference)).await? else {
            return Ok(0);
        };
        let news = found.iter().map(|hit| {
            let shown = hits::shown(hit);
            News {
                reference: late::reference(reference, &shown),
                payload: carried::with_hit(alert, hit),
                tallies: self.tallies(alert, &shown),
            }
        });
        let queue = Self {
            routes: self.routes_to(queue_sink::NAME),
            ..self.clone()
        };
        queue.tell(&shown, alert, news.collect()).await
    }

    fn tallies(&self, alert: &Alert, hit: &IntelHit) -> Vec<Tally> {
        let hits = std::slice::from_ref(hit);
        self.intelligence.tallies(alert, hits, self.clock.now())
    }

    fn routes_to(&self, sink: &str) -> Vec<Route> {
        let routes = self.routes.iter().filter(|route| route.sink == sink);
        routes.cloned().collect()
    }

    /// Brings in what the ledger does not have.
    async fn tell(
        &self,
        shown: &Trace,
        alert: &Alert,
        news: Vec<News>,
    ) -> Result<u64, LedgerError> {
        let mut arrivals = Vec::new();
        for news in news {
            // Where nobody is told, it may still count.
            let is_of_use = !(self.routes.is_empty() && news.tallies.is_empty());
            if is_of_use && answer(self.ledger.trace(&news.reference)).await?.is_none() {
                arrivals.push(self.arrival(news, shown, alert));
            }
        }
        if arrivals.is_empty() {
            return Ok(0);
        }
        let told = arrivals.len() as u64;
        let intake = Intake {
            source: late::SOURCE.to_owned(),
            received_at: self.clock.now(),
            arrivals,
            ..Intake::default()
        };
        let counts = self.metrics.count_intake(&intake);
        let report = answer(self.ledger.intake(intake)).await?;
        self.metrics.intake_kept(&counts, &report);
        self.arrived.send_replace(());
        Ok(told)
    }

    /// The alert that people see: itself, or the one it is counted into.
    async fn shown(&self, stored: &Stored) -> Result<Option<Trace>, LedgerError> {
        let trace = answer(self.ledger.trace(&stored.reference)).await?;
        let Some(trace) = trace else { return Ok(None) };
        match (&trace.outcome, &trace.group) {
            (TraceOutcome::Folded, Some(group)) if group.parent != trace.reference => {
                answer(self.ledger.trace(&group.parent)).await
            }
            _ => Ok(Some(trace)),
        }
    }

    fn arrival(&self, news: News, shown: &Trace, alert: &Alert) -> Arrival {
        Arrival {
            reference_if_taken: news.reference.clone(),
            reference: news.reference,
            fingerprint: *alert.fingerprint().as_bytes(),
            agent: shown.agent.clone(),
            rule_id: shown.rule_id.clone(),
            level: shown.level,
            payload: news.payload,
            placement: Placement::Routed(self.routes.clone()),
            folding: Folding::default(),
            tallies: news.tallies,
        }
    }
}

/// Whether Wazuh was told of it with the alert itself, or will be: what waits is matched when it goes out.
fn is_told(shown: &Trace, hit: &IntelHit) -> bool {
    let pair = hits::pair(hit);
    shown
        .deliveries
        .iter()
        .filter(|delivery| delivery.sink == queue_sink::NAME)
        .any(|delivery| match &delivery.id {
            Some(id) => queue_sink::told(id, &pair),
            None => delivery.state != "dead",
        })
}

pub(super) async fn answer<T>(receipt: Receipt<T>) -> Result<T, LedgerError> {
    receipt.await.unwrap_or(Err(LedgerError::Closed))
}
