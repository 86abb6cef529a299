//! Between the sources and the ledger: reads each alert's head, decides, and keeps it.
//!
//! The receipt a source gets is the ledger's own: it comes when the batch is durable, and not before.

use std::{collections::HashMap, sync::Arc};

use alertbridge_alert::{Alert, level, split_glued};
use alertbridge_ledger::{
    Arrival, Folding, Intake as LedgerIntake, Ledger, LedgerError, Malformed, Placement, Route,
    SilencedBy,
};
use alertbridge_pipeline::{AlertView, Decision, Gate, GatedRules, Silences};
use alertbridge_sinks::{IntelHit, Sink};
use alertbridge_sources::{Batch, Checkpoint, Intake, Receipt, Record, Rejected};
use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use crate::{
    clock::Clock, intel::Intelligence, metrics::Metrics, quieting::Quieting, turns::Turns,
};

/// What the books call the gate that our own events end at.
const OWN_EVENT: &str = "own intelligence event";

/// What alerts are decided by.
pub struct Rules {
    /// By source name; a source without rules is refused.
    pub sources: HashMap<&'static str, GatedRules>,
    /// By sink name; a sink without one takes what its sources let through.
    pub sinks: HashMap<String, Gate>,
    /// Silences, folding, budgets.
    pub quieting: Arc<Quieting>,
    /// Threat intelligence, where it is configured.
    pub intel: Option<Arc<Intelligence>>,
}

/// The program's [`Intake`].
pub struct DecidingIntake {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    rules: Rules,
    sinks: Vec<Arc<dyn Sink>>,
    /// Tells the workers that there is something new to deliver.
    arrived: watch::Sender<()>,
    runtime: tokio::runtime::Handle,
    turns: Turns,
}

impl DecidingIntake {
    /// Must be called within a tokio runtime.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        rules: Rules,
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

    /// Reads and decides; pure but for the clock and the silences of the moment.
    fn decide(&self, batch: Batch, rules: &GatedRules) -> LedgerIntake {
        let mut deciding = Deciding {
            rules,
            silences: self.rules.quieting.silences(),
            gate: format!("source {}", batch.source),
            intake: LedgerIntake {
                source: batch.source.to_owned(),
                received_at: self.clock.now(),
                checkpoint: batch.checkpoint.map(|checkpoint| checkpoint.0),
                ..LedgerIntake::default()
            },
        };
        for (number, record) in batch.records.into_iter().enumerate() {
            match record {
                Record::Alert(raw) => {
                    // The batch tells where its first record stood.
                    let place = match number {
                        0 => batch.place.clone(),
                        number => format!("{} + {number} records", batch.place),
                    };
                    self.decide_one(raw, &place, &mut deciding);
                }
                Record::Unreadable { head, place, why } => {
                    deciding.intake.malformed.push(Malformed {
                        body: head.to_vec(),
                        place,
                        why,
                    });
                }
            }
        }
        deciding.intake
    }

    fn decide_one(&self, raw: Bytes, place: &str, deciding: &mut Deciding<'_>) {
        let error = match level(&raw) {
            Ok(level) if !deciding.rules.passes(level) => {
                self.below_the_gate(&raw, deciding);
                return;
            }
            Ok(_) => match Alert::parse(&raw[..]) {
                Ok(alert) => {
                    self.keep(&alert, deciding);
                    return;
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        // A newline is missing: what is behind counts for itself, and so does what is before.
        if let Some(at) = split_glued(&raw) {
            self.decide_one(raw.slice(..at), place, deciding);
            self.decide_one(raw.slice(at..), place, deciding);
            return;
        }
        deciding.intake.malformed.push(Malformed {
            body: raw.to_vec(),
            place: place.to_owned(),
            why: error.to_string(),
        });
    }

    /// Its level alone keeps it out, but for a hit.
    fn below_the_gate(&self, raw: &Bytes, deciding: &mut Deciding<'_>) {
        let intel = self.rules.intel.as_ref();
        if !intel.is_some_and(|intel| intel.matches_all() && intel.hits_pass_gates()) {
            deciding.filtered_at_source();
            return;
        }
        match Alert::parse(&raw[..]) {
            Ok(alert) => self.keep(&alert, deciding),
            // Nothing more is asked of what would be filtered anyway.
            Err(_) => deciding.filtered_at_source(),
        }
    }

    fn keep(&self, alert: &Alert, deciding: &mut Deciding<'_>) {
        let head = alert.head();
        let text = alert.text();
        let view = AlertView::new(head, &text);
        let decision = deciding.rules.decide(&view);
        let hits = match self.known(alert, decision) {
            Known::Own => {
                deciding.intake.filtered += 1;
                deciding.count(OWN_EVENT.to_owned());
                return;
            }
            Known::Hits(hits) => hits,
        };
        let passes = self
            .rules
            .intel
            .as_ref()
            .is_some_and(|intel| !hits.is_empty() && intel.hits_pass_gates());
        let names = match decision {
            Decision::Routed(names) => names,
            Decision::Filtered if passes => &deciding.rules.sinks,
            Decision::Filtered => {
                deciding.filtered_at_source();
                return;
            }
        };
        let passed: Vec<&Arc<dyn Sink>> = self
            .sinks
            .iter()
            .filter(|sink| names.iter().any(|name| name == sink.name()))
            .filter(|sink| passes || self.passes_sink(sink.name(), &view))
            .collect();
        if passed.is_empty() && !names.is_empty() {
            deciding.filtered_at_sinks(names);
            return;
        }
        let routes: Vec<Route> = passed
            .into_iter()
            .map(|sink| Route {
                sink: sink.name().to_owned(),
                lane: sink.lane(alert),
            })
            .collect();
        let now = deciding.intake.received_at;
        let quieting = &self.rules.quieting;
        let silenced = quieting
            .silenced(&view, &deciding.silences, now)
            // A silence was made by a person for a while; the others are standing rules that knew nothing of this.
            .filter(|by| !passes || matches!(by, SilencedBy::Silence(_)));
        let (placement, folding) = match silenced {
            Some(by) => (Placement::Silenced(by), Folding::default()),
            None => self.routed(&view, routes, &hits),
        };
        let reference = alert.reference();
        let fingerprint = alert.fingerprint();
        deciding.intake.arrivals.push(Arrival {
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
            placement,
            folding,
            tallies: self
                .rules
                .intel
                .as_ref()
                .map_or_else(Vec::new, |intel| intel.tallies(alert, &hits, now)),
        });
    }

    /// What threat intelligence says of an alert; nothing where it is not asked.
    fn known(&self, alert: &Alert, decision: Decision<'_>) -> Known {
        let Some(intel) = &self.rules.intel else {
            return Known::Hits(Vec::new());
        };
        if Intelligence::is_own(alert) {
            return match intel.filters_own() {
                true => Known::Own,
                false => Known::Hits(Vec::new()),
            };
        }
        let asked = matches!(decision, Decision::Routed(_)) || intel.matches_all();
        Known::Hits(if asked { intel.hits(alert) } else { Vec::new() })
    }

    /// Where it goes, and what it folds into. The event of a hit is no part of what makes two alerts the same.
    fn routed(
        &self,
        view: &AlertView<'_>,
        mut routes: Vec<Route>,
        hits: &[IntelHit],
    ) -> (Placement, Folding) {
        let mut folding = self.rules.quieting.folding(view, &routes);
        Intelligence::fold_apart(&mut folding, hits);
        if !hits.is_empty()
            && let Some(intel) = &self.rules.intel
        {
            routes.extend(intel.event_route());
        }
        (Placement::Routed(routes), folding)
    }

    fn passes_sink(&self, sink: &str, view: &AlertView<'_>) -> bool {
        self.rules
            .sinks
            .get(sink)
            .is_none_or(|gate| gate.passes(view))
    }
}

/// What threat intelligence says.
enum Known {
    /// The alert was made of one of our own events.
    Own,
    Hits(Vec<IntelHit>),
}

/// A batch being decided.
struct Deciding<'a> {
    rules: &'a GatedRules,
    /// The same for the whole batch.
    silences: Arc<Silences>,
    /// What its source's gate is called in the books.
    gate: String,
    intake: LedgerIntake,
}

impl Deciding<'_> {
    fn filtered_at_source(&mut self) {
        self.intake.filtered += 1;
        let gate = self.gate.clone();
        self.count(gate);
    }

    /// No sink takes it: counted once, for all of their gates.
    fn filtered_at_sinks(&mut self, sinks: &[String]) {
        self.intake.filtered += 1;
        self.count(format!("sink {}", sinks.join(", ")));
    }

    fn count(&mut self, gate: String) {
        let by = &mut self.intake.filtered_by;
        match by.iter_mut().find(|(name, _)| *name == gate) {
            Some((_, count)) => *count += 1,
            None => by.push((gate, 1)),
        }
    }
}

/// Index columns hold what identifies, not what an attacker makes long.
fn bounded(text: &str) -> String {
    text.chars().take(128).collect()
}

impl Intake for DecidingIntake {
    fn submit(&self, batch: Batch) -> Receipt {
        let (mut sender, receipt) = oneshot::channel();
        let Some(rules) = self.rules.sources.get(batch.source) else {
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
