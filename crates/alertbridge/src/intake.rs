//! Between the sources and the ledger: reads each alert's head, decides, and keeps it.
//!
//! The receipt a source gets is the ledger's own: it comes when the batch is durable, and not before.

use std::{collections::HashMap, sync::Arc};

use alertbridge_alert::{Alert, level, split_glued};
use alertbridge_ledger::{
    Arrival, Folding, Intake as LedgerIntake, Ledger, LedgerError, Malformed, Placement, Route,
};
use alertbridge_pipeline::{AlertView, Decision, GatedRules};
use alertbridge_sinks::Sink;
use alertbridge_sources::{Batch, Checkpoint, Intake, Receipt, Record, Rejected};
use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use crate::{clock::Clock, metrics::Metrics, turns::Turns};

/// The program's [`Intake`].
pub struct DecidingIntake {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    rules: HashMap<&'static str, GatedRules>,
    sinks: Vec<Arc<dyn Sink>>,
    /// Tells the workers that there is something new to deliver.
    arrived: watch::Sender<()>,
    runtime: tokio::runtime::Handle,
    turns: Turns,
}

impl DecidingIntake {
    /// `rules` by source name; a source without rules is refused. Must be called within a tokio runtime.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        rules: HashMap<&'static str, GatedRules>,
        sinks: Vec<Arc<dyn Sink>>,
        arrived: watch::Sender<()>,
    ) -> Self {
        let runtime = tokio::runtime::Handle::current();
        Self {
            ledger,
            clock,
            metrics,
            rules,
            sinks,
            arrived,
            runtime,
            turns: Turns::default(),
        }
    }

    /// Reads and decides; pure but for the clock.
    fn decide(&self, batch: Batch, rules: &GatedRules) -> LedgerIntake {
        let mut intake = LedgerIntake {
            source: batch.source.to_owned(),
            received_at: self.clock.now(),
            checkpoint: batch.checkpoint.map(|checkpoint| checkpoint.0),
            ..LedgerIntake::default()
        };
        for (number, record) in batch.records.into_iter().enumerate() {
            match record {
                Record::Alert(raw) => {
                    // The batch tells where its first record stood.
                    let place = match number {
                        0 => batch.place.clone(),
                        number => format!("{} + {number} records", batch.place),
                    };
                    self.decide_one(raw, &place, rules, &mut intake);
                }
                Record::Unreadable { head, place, why } => {
                    intake.malformed.push(Malformed {
                        body: head.to_vec(),
                        place,
                        why,
                    });
                }
            }
        }
        intake
    }

    fn decide_one(&self, raw: Bytes, place: &str, rules: &GatedRules, intake: &mut LedgerIntake) {
        let error = match level(&raw) {
            Ok(level) if !rules.passes(level) => {
                intake.filtered += 1;
                return;
            }
            Ok(_) => match Alert::parse(&raw[..]) {
                Ok(alert) => {
                    self.keep(&alert, rules, intake);
                    return;
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        // A newline is missing: what is behind counts for itself, and so does what is before.
        if let Some(at) = split_glued(&raw) {
            self.decide_one(raw.slice(..at), place, rules, intake);
            self.decide_one(raw.slice(at..), place, rules, intake);
            return;
        }
        intake.malformed.push(Malformed {
            body: raw.to_vec(),
            place: place.to_owned(),
            why: error.to_string(),
        });
    }

    fn keep(&self, alert: &Alert, rules: &GatedRules, intake: &mut LedgerIntake) {
        let head = alert.head();
        let text = alert.text();
        let Decision::Routed(names) = rules.decide(&AlertView::new(head, &text)) else {
            intake.filtered += 1;
            return;
        };
        let routes = self
            .sinks
            .iter()
            .filter(|sink| names.iter().any(|name| name == sink.name()))
            .map(|sink| Route {
                sink: sink.name().to_owned(),
                lane: sink.lane(alert),
            })
            .collect();
        let reference = alert.reference();
        let fingerprint = alert.fingerprint();
        intake.arrivals.push(Arrival {
            reference_if_taken: reference.with_suffix(&fingerprint).as_str().to_owned(),
            reference: reference.as_str().to_owned(),
            fingerprint: *fingerprint.as_bytes(),
            agent: bounded(
                head.agent
                    .id
                    .as_deref()
                    .or(head.agent.name.as_deref())
                    .unwrap_or_default(),
            ),
            rule_id: bounded(head.rule_id.as_deref().unwrap_or_default()),
            level: head.level,
            payload: alert.raw().to_vec(),
            placement: Placement::Routed(routes),
            folding: Folding::default(),
        });
    }
}

/// Index columns hold what identifies, not what an attacker makes long.
fn bounded(text: &str) -> String {
    text.chars().take(128).collect()
}

impl Intake for DecidingIntake {
    fn submit(&self, batch: Batch) -> Receipt {
        let (mut sender, receipt) = oneshot::channel();
        let Some(rules) = self.rules.get(batch.source) else {
            let why = format!("no rules for the source {}", batch.source);
            // The answer of a receiver that is gone is of no use to anybody.
            let _ = sender.send(Err(Rejected::Ledger(why)));
            return receipt;
        };
        let turn = batch
            .checkpoint
            .clone()
            .map(|checkpoint| self.turns.take(batch.source, checkpoint));
        let follows = batch.follows.clone();
        let intake = self.decide(batch, rules);
        let (ledger, metrics, arrived) = (
            self.ledger.clone(),
            self.metrics.clone(),
            self.arrived.clone(),
        );
        let keep = async move {
            let counts = metrics.count_intake(&intake);
            let report = ledger
                .intake(intake)
                .await
                .unwrap_or(Err(LedgerError::Closed))
                .map_err(rejected)?;
            metrics.intake_kept(&counts, &report);
            arrived.send_replace(());
            Ok(())
        };
        let ledger = self.ledger.clone();
        self.runtime.spawn(async move {
            let answer = match turn {
                Some(turn) => turn.keep(&*ledger, follows, keep).await,
                None => tokio::select! {
                    kept = keep => kept,
                    // The source has ended: the ledger may forget what it has not begun.
                    () = sender.closed() => return,
                },
            };
            let _ = sender.send(answer);
        });
        receipt
    }

    fn checkpoint(&self, source: &str) -> Result<Option<Checkpoint>, Rejected> {
        let stored = self
            .ledger
            .checkpoint(source)
            .blocking_recv()
            .unwrap_or(Err(LedgerError::Closed));
        Ok(stored.map_err(rejected)?.map(Checkpoint))
    }
}

/// In the sources' words.
fn rejected(error: LedgerError) -> Rejected {
    match error {
        LedgerError::Closed => Rejected::Stopping,
        error => Rejected::Ledger(error.to_string()),
    }
}
