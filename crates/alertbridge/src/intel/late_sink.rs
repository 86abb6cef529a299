//! A late hit, written into the alert that IRIS has.
//!
//! A sink of its own, so that IRIS's queue of new alerts never waits for it. It does not make alerts: one that IRIS does not have
//! (it was silenced, or is dead) has nothing to be written into, and the event in Wazuh says it alone.

use std::{sync::Arc, time::Duration};

use alertbridge_alert::Alert;
use alertbridge_ledger::{DeliveryTrace, Ledger, LedgerError, Trace, TraceOutcome};
use alertbridge_sinks::{
    Amended, Amendment, Block, Change, IntelHit, Outcome, Outgoing, Presence, Proof, Raise, Sink,
    SinkFuture, TagChange, iris::RaiseRule,
};

use super::late;

/// The sink whose alerts are changed.
const IRIS: &str = "iris";
/// The block's name.
const BLOCK: &str = "intelligence";
/// As the sink itself tags alerts that came with hits.
const TAG: &str = "intel-hit";
/// So long after, it is looked again whether the alert is at IRIS: at first, and when it takes its time (it is given up after
/// [`crate::delivery::BLAMED_LIMIT`] attempts while others get through).
const SOON: Duration = Duration::from_secs(30);
const LATER: Duration = Duration::from_secs(1800);
/// Attempts that come soon.
const SOON_UNTIL: u32 = 4;
/// Hits that are listed.
const MOST: usize = 20;

/// `iris-intel`.
pub struct LateSink {
    iris: Arc<dyn Sink>,
    ledger: Arc<dyn Ledger>,
    raise: Vec<RaiseRule>,
}

/// Where a late hit belongs.
enum Place {
    /// In this alert.
    There(String, Box<DeliveryTrace>),
    /// It is on its way, perhaps without the hit.
    Coming,
    /// Nowhere, and why.
    Nowhere(&'static str),
}

impl LateSink {
    /// Writes through `iris`; `raise` says when a hit raises the severity.
    pub fn new(iris: Arc<dyn Sink>, ledger: Arc<dyn Ledger>, raise: Vec<RaiseRule>) -> Self {
        Self {
            iris,
            ledger,
            raise,
        }
    }

    async fn write(&self, outgoing: &Outgoing) -> Outcome {
        let Some((of, _)) = late::split(&outgoing.reference) else {
            return done(Some("not_late"));
        };
        if outgoing.intel.is_empty() {
            // The indicator has expired or was withdrawn meanwhile.
            return done(Some("no_hit_any_more"));
        }
        let (reference, delivery) = match self.place(of).await {
            Ok(Place::There(reference, delivery)) => (reference, delivery),
            Ok(Place::Coming) => {
                return again(outgoing.attempt, "the alert itself is not at IRIS yet");
            }
            Ok(Place::Nowhere(why)) => return done(Some(why)),
            Err(error) => {
                return again(
                    outgoing.attempt,
                    &format!("the ledger can't be asked: {error}"),
                );
            }
        };
        let amendment = Amendment {
            reference,
            lane: delivery.lane,
            id: delivery.id.unwrap_or_default(),
            block: Some(Block {
                name: BLOCK.to_owned(),
                text: Some(text(&outgoing.intel)),
            }),
            tags: TagChange {
                add: vec![TAG.to_owned()],
                remove: Vec::new(),
            },
            raise: self.raise(&outgoing.intel),
            ..Amendment::default()
        };
        match self.iris.amend(&amendment).await {
            Amended::Written(changes) | Amended::TagsKept(changes) => Outcome::Delivered(Proof {
                changes,
                ..Proof::default()
            }),
            Amended::Unchanged => done(None),
            Amended::Ended { .. } => done(Some("ended")),
            Amended::Overruled => done(Some("overruled")),
            Amended::Retry {
                after,
                why,
                sink_wide,
            } => Outcome::Retry {
                after,
                why,
                sink_wide,
            },
            Amended::Paused { scope, why } => Outcome::Paused { scope, why },
            Amended::Never { why } => Outcome::Never { why },
        }
    }

    /// The alert at IRIS that shows this one: itself, or the one it is counted into.
    async fn place(&self, reference: &str) -> Result<Place, LedgerError> {
        let Some(trace) = self.trace(reference).await? else {
            return Ok(Place::Nowhere("forgotten"));
        };
        let trace = match (&trace.outcome, &trace.group) {
            (TraceOutcome::Folded, Some(group)) if group.parent != reference => {
                match self.trace(&group.parent).await? {
                    Some(parent) => parent,
                    None => return Ok(Place::Nowhere("forgotten")),
                }
            }
            _ => trace,
        };
        let own = trace.deliveries.into_iter().find(|one| one.sink == IRIS);
        Ok(match own {
            None => Place::Nowhere("not_there"),
            Some(delivery) if delivery.state == "delivered" => {
                Place::There(trace.reference, Box::new(delivery))
            }
            Some(delivery) if delivery.state == "dead" => Place::Nowhere("not_there"),
            // It is matched when it goes out.
            Some(delivery) if delivery.attempts == 0 => Place::Nowhere("comes_with_the_alert"),
            Some(_) => Place::Coming,
        })
    }

    async fn trace(&self, reference: &str) -> Result<Option<Trace>, LedgerError> {
        self.ledger
            .trace(reference)
            .await
            .unwrap_or(Err(LedgerError::Closed))
    }

    /// The severity of the highest rule that a valid hit reaches.
    fn raise(&self, hits: &[IntelHit]) -> Option<Raise> {
        let highest = hits
            .iter()
            .filter(|hit| !hit.expired && !hit.revoked)
            .filter_map(|hit| hit.score)
            .max()?;
        self.raise
            .iter()
            .filter(|rule| highest >= rule.score)
            .max_by_key(|rule| rule.score)
            .map(|rule| Raise::Severity(rule.severity.clone()))
    }
}

fn done(change: Option<&str>) -> Outcome {
    let changes = change.map(|what| Change {
        what: what.to_owned(),
        count: 1,
    });
    Outcome::Delivered(Proof {
        changes: changes.into_iter().collect(),
        ..Proof::default()
    })
}

fn again(attempt: u32, why: &str) -> Outcome {
    Outcome::Retry {
        after: Some(if attempt > SOON_UNTIL { LATER } else { SOON }),
        why: why.to_owned(),
        sink_wide: false,
    }
}

/// A line for each hit.
fn text(hits: &[IntelHit]) -> String {
    let mut lines = vec!["Threat intelligence that came after the alert:".to_owned()];
    for hit in hits.iter().take(MOST) {
        let mut notes = vec![hit.provider.clone()];
        notes.extend(hit.score.map(|score| format!("score {score}")));
        notes.extend(hit.marking.clone());
        notes.extend((!hit.detail.is_empty()).then(|| hit.detail.clone()));
        if !hit.labels.is_empty() {
            notes.push(format!("labels {}", hit.labels.join(" ")));
        }
        let link = hit.link.as_deref().unwrap_or_default();
        let line = format!(
            "{}: {} ({}) {link}",
            hit.value,
            hit.indicator,
            notes.join(", ")
        );
        let line: String = line.chars().take(1000).collect();
        lines.push(line.replace(char::is_control, " ").trim_end().to_owned());
    }
    if hits.len() > MOST {
        lines.push(format!("and {} more", hits.len() - MOST));
    }
    lines.join("\n")
}

impl Sink for LateSink {
    fn name(&self) -> &str {
        late::SINK
    }

    fn lane(&self, _: &Alert) -> String {
        late::LANE.to_owned()
    }

    fn deliver<'a>(&'a self, outgoing: &'a Outgoing) -> SinkFuture<'a, Outcome> {
        Box::pin(self.write(outgoing))
    }

    /// Writing again changes nothing that is there.
    fn look_up<'a>(&'a self, _: &'a Outgoing) -> SinkFuture<'a, Presence> {
        Box::pin(async { Presence::Absent })
    }
}
