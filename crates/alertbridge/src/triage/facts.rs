//! What our own books add to a question: how often, on how many agents, what intelligence knows, how earlier ones were judged.
//!
//! A book that can't be read adds nothing; the question is asked without it.

use std::{sync::Arc, time::Duration};

use alertbridge_alert::Alert;
use alertbridge_ledger::Ledger;
use alertbridge_sinks::{IntelHit, Outgoing};
use alertbridge_triage::Fact;
use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::Material;
use crate::intel::Enrich;

/// Repeats are counted over a day, verdicts over a month.
const DAY: SignedDuration = SignedDuration::from_hours(24);
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A book that takes longer is left out.
const PATIENCE: Duration = Duration::from_secs(5);
/// Hits that are named.
const MOST_HITS: usize = 5;
/// The sink whose hits are asked for.
const IRIS: &str = "iris";

/// The books.
pub struct Facts {
    ledger: Arc<dyn Ledger>,
    intel: Option<Arc<dyn Enrich>>,
    is_private: bool,
}

impl Facts {
    /// Asks these. Where the model is not on a private address, intelligence with a marking that forbids passing it on is left
    /// out.
    pub fn new(ledger: Arc<dyn Ledger>, intel: Option<Arc<dyn Enrich>>, is_private: bool) -> Self {
        Self {
            ledger,
            intel,
            is_private,
        }
    }

    /// Adds what is known.
    pub async fn add(&self, material: &mut Material, payload: Option<&[u8]>, now: Timestamp) {
        let rule = material.head.rule_id.clone().unwrap_or_default();
        let agent = material.head.agent.name.clone().unwrap_or_default();
        if !rule.is_empty() {
            self.counts(material, &rule, &agent, now).await;
        }
        self.hits(material, payload, now);
    }

    async fn counts(&self, material: &mut Material, rule: &str, agent: &str, now: Timestamp) {
        let day = now.saturating_sub(DAY).unwrap_or(Timestamp::MIN);
        if let Some(seen) = told(self.ledger.seen(rule, agent, day)).await
            && seen.alerts > 0
        {
            material.facts.push(Fact {
                label: "this rule in the last 24 h".to_owned(),
                text: format!(
                    "seen {} times on {} agents, {} of them on this agent",
                    seen.alerts, seen.agents, seen.here
                ),
                passing: true,
            });
        }
        let month = now.saturating_sub(MONTH).unwrap_or(Timestamp::MIN);
        if let Some(earlier) = told(self.ledger.earlier(rule, month)).await
            && !earlier.is_empty()
        {
            let text: Vec<String> = earlier
                .iter()
                .map(|(verdict, count)| format!("{verdict} {count}"))
                .collect();
            material.facts.push(Fact {
                label: "earlier reviews of this rule in 30 days (machine-made)".to_owned(),
                text: text.join(", "),
                passing: true,
            });
        }
    }

    fn hits(&self, material: &mut Material, payload: Option<&[u8]>, now: Timestamp) {
        let (Some(intel), Some(payload)) = (&self.intel, payload) else {
            return;
        };
        let Ok(alert) = Alert::parse(payload) else {
            return;
        };
        let mut outgoing = Outgoing {
            alert,
            reference: String::new(),
            lane: String::new(),
            received_at: now,
            attempt: 1,
            digest: None,
            continues: None,
            intel: Vec::new(),
            tags: Vec::new(),
        };
        intel.enrich(IRIS, &mut outgoing);
        let told = outgoing
            .intel
            .iter()
            .filter(|hit| self.is_private || may_leave(hit));
        for hit in told.take(MOST_HITS) {
            material.facts.push(Fact {
                label: "threat intelligence".to_owned(),
                text: of_hit(hit),
                passing: false,
            });
        }
    }
}

/// TLP:CLEAR and TLP:GREEN may be passed on; AMBER and RED may not.
fn may_leave(hit: &IntelHit) -> bool {
    hit.marking.as_deref().is_none_or(|marking| {
        let marking = marking.to_ascii_lowercase();
        ["clear", "white", "green"]
            .iter()
            .any(|free| marking.ends_with(free))
    })
}

fn of_hit(hit: &IntelHit) -> String {
    let mut text = format!("{} is known as {}", hit.value, hit.indicator);
    if let Some(score) = hit.score {
        text.push_str(&format!(", score {score} of 100"));
    }
    if !hit.labels.is_empty() {
        text.push_str(&format!(", labels {}", hit.labels.join(" ")));
    }
    if hit.expired {
        text.push_str(", past its time");
    }
    text
}

async fn told<T>(receipt: alertbridge_ledger::Receipt<T>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, receipt).await {
        Ok(Ok(Ok(answer))) => Some(answer),
        Ok(Ok(Err(error))) => {
            warn!(%error, "a question is asked without what the ledger knows");
            None
        }
        _ => None,
    }
}
