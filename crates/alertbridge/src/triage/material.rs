//! What a question is made of: the alert, whoever brought it, and what our own books say about it.

use alertbridge_alert::{Alert, Head};
use alertbridge_ledger::ClaimedJob;
use alertbridge_sinks::SeenAlert;
use alertbridge_triage::Fact;
use serde_json::Value;

/// Everything a reviewer reads.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// The Wazuh alert, or what another tool put into IRIS.
    pub alert: Value,
    /// What Wazuh says about it; empty for alerts of other tools.
    pub head: Head,
    /// The title in IRIS.
    pub title: Option<String>,
    /// The description in IRIS, where the alert itself says little.
    pub description: Option<String>,
    /// From the books, trusted.
    pub facts: Vec<Fact>,
}

impl Material {
    /// Of a job, from the ledger's bytes where they are still there, else from what IRIS shows.
    pub fn of_job(job: &ClaimedJob, seen: &SeenAlert) -> Self {
        let of_ledger = job
            .payload
            .as_deref()
            .and_then(|payload| Alert::parse(payload).ok());
        let mut material = match of_ledger {
            Some(alert) => Self::of_alert(&alert),
            None => Self::of_iris(seen),
        };
        // What IRIS shows may have been cut or edited; the guards go by the graver one.
        material.head.level = material.head.level.max(job.level);
        material
    }

    /// Of an alert as it came.
    pub fn of_alert(alert: &Alert) -> Self {
        Self {
            alert: alert.tree(),
            head: alert.head().clone(),
            ..Self::default()
        }
    }

    /// Of what IRIS has: our own source content, that of another integration, or none.
    fn of_iris(seen: &SeenAlert) -> Self {
        let mut content = seen.source_content.clone();
        if let Value::String(text) = &content
            && let Ok(parsed @ Value::Object(_)) = serde_json::from_str(text)
        {
            content = parsed;
        }
        let head = serde_json::to_vec(&content)
            .ok()
            .and_then(|bytes| Alert::parse(bytes).ok())
            .map(|alert| alert.head().clone())
            .unwrap_or_default();
        Self {
            alert: content,
            head,
            title: Some(seen.title.clone()),
            description: Some(seen.description.clone()),
            facts: Vec::new(),
        }
    }
}
