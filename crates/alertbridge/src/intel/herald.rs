//! Tells of hits that were not known when their alert came, each once: as alerts of their own (`late`).

use std::sync::Arc;

use alertbridge_alert::Alert;
use alertbridge_intel::Hit;
use alertbridge_ledger::{
    Arrival, Folding, Intake, Ledger, LedgerError, Placement, Receipt, Route, Stored, Trace,
    TraceOutcome,
};
use alertbridge_sinks::IntelHit;
use tokio::sync::watch;

use super::{carried, hits, late, queue_sink};
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
        let new = new.iter().filter(|hit| !is_told(&shown, hit));
        let news = new.map(|hit| {
            (
                late::reference(&shown.reference, hit),
                stored.payload.clone(),
            )
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
            let reference = late::reference(reference, &hits::shown(hit));
            (reference, carried::with_hit(alert, hit))
        });
        let queue = Self {
            routes: self.routes_to(queue_sink::NAME),
            ..self.clone()
        };
        queue.tell(&shown, alert, news.collect()).await
    }

    fn routes_to(&self, sink: &str) -> Vec<Route> {
        let routes = self.routes.iter().filter(|route| route.sink == sink);
        routes.cloned().collect()
    }

    /// Brings in what the ledger does not have: references and payloads.
    async fn tell(
        &self,
        shown: &Trace,
        alert: &Alert,
        news: Vec<(String, Vec<u8>)>,
    ) -> Result<u64, LedgerError> {
        if self.routes.is_empty() {
            return Ok(0);
        }
        let mut arrivals = Vec::new();
        for (reference, payload) in news {
            if answer(self.ledger.trace(&reference)).await?.is_none() {
                arrivals.push(self.arrival(reference, shown, alert, payload));
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

    fn arrival(
        &self,
        reference: String,
        shown: &Trace,
        alert: &Alert,
        payload: Vec<u8>,
    ) -> Arrival {
        Arrival {
            reference_if_taken: reference.clone(),
            reference,
            fingerprint: *alert.fingerprint().as_bytes(),
            agent: shown.agent.clone(),
            rule_id: shown.rule_id.clone(),
            level: shown.level,
            payload,
            placement: Placement::Routed(self.routes.clone()),
            folding: Folding::default(),
            tallies: Vec::new(),
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
